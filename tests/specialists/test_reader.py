"""A reader from data to answer: taught where a motif stands, sealed, proven, scanned with, and refused below its bar."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from consilium.core.card import Bar
from consilium.core.errors import CardError, FormatError, InputError, LawError, NotFoundError
from consilium.genomics.reader import Reader, ReaderCard, read_reader_card
from consilium.genomics.scan import scan, windows
from consilium.models.served import ServedModel
from consilium.render.dna import dna_json, dna_text
from consilium.specialists.reader_data import BRCA1, brca1, content, promoters, rows_of, sheet, splice
from consilium.specialists.reader_fit import Examples, fit_reader
from consilium.validation.report_file import read_report

SEQUENCE = Path("../shared/data/sequence")
real = pytest.mark.skipif(not SEQUENCE.is_dir(), reason="needs ../shared/data/sequence")
CARD = ReaderCard(
    name="made_up", version="1.0", material="dna", title={"en": "Made up", "zh": "虚构"}, question="CAGG in the middle?", intended="tests",
    not_for="anything else", learner="tcn", why="small", bar=Bar(0.9, (0.2, 5.0), 1.0), sources=("made_up",), limits=("made up",),
    parameters={"units": 8, "epochs": 15, "drop": 0.0, "rate": 0.01, "balance": 0.0}, learns={"folds": 2}, window=12, before=6, inward=True,
)  # fmt: skip
MOTIF = "CAGG"


def made_up(n=240, seed=0):
    draw = np.random.default_rng(seed)
    sequences = ["".join(draw.choice(list("ACGT"), 12)) for _ in range(n)]
    y = np.arange(n) % 2
    sequences = [s[:4] + MOTIF + s[8:] if yes else s for s, yes in zip(sequences, y, strict=True)]
    return sequences, y.astype(np.int8)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    sequences, y = made_up()
    given = Examples(rows_of(CARD, sequences), y, np.arange(len(y)), "made-up windows")
    # Many threads wait for one another where the network is this small.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    proven = fit_reader(CARD, given, folder, compare=("logistic",))
    torch.set_num_threads(before)
    assert len(proven.unseen) == len(y) and {line.learner for line in proven.report.comparisons} == {"tcn", "logistic"}
    return Reader(CARD, ServedModel.load(folder / "model.onnx"), read_report(folder / "report.json"))


def test_it_says_where_the_motif_stands_and_which_bases_made_it_so(own):
    sequence = "A" * 20 + MOTIF + "T" * 20
    found = scan(own, "one", sequence)
    best = max(found.sites, key=lambda site: site.probability)
    assert best.place == 23 and best.low <= best.probability <= best.high and found.windows == len(sequence) - 11
    assert {base.place for base in best.bases[:4]} <= set(range(19, 27)) and len(best.bases) == 12
    assert all(sequence[base.place - 1] == base.base for base in best.bases)
    log_odds = np.log(best.probability / (1 - best.probability))
    assert best.base_log_odds + sum(base.weight for base in best.bases) == pytest.approx(log_odds, abs=1e-3)


def test_a_site_of_the_other_strand_is_told_on_this_one(own):
    sequence = "A" * 20 + "CCTG" + "T" * 20
    assert not any(site.place in (22, 23) and site.probability > 0.9 for site in scan(own, "one", sequence).sites)
    (best,) = sorted(scan(own, "one", sequence, both_strands=True).sites, key=lambda site: -site.probability)[:1]
    assert best.strand == "-" and best.place == 22


def test_a_prior_moves_the_log_odds_and_nothing_else(own):
    sequence = "A" * 20 + MOTIF + "T" * 20
    usual, rare = (max(scan(own, "one", sequence, prior=p, least=0).sites, key=lambda s: s.probability) for p in (None, 0.01))
    moved = np.log(0.01 / 0.99) - np.log(0.5 / 0.5)
    assert np.log(rare.probability / (1 - rare.probability)) == pytest.approx(
        np.log(usual.probability / (1 - usual.probability)) + moved, abs=1e-4
    )
    assert rare.place == usual.place and rare.low <= rare.probability <= rare.high
    for wrong in (0.0, 1.0):
        with pytest.raises(InputError, match="a share"):
            scan(own, "one", sequence, prior=wrong)


def test_windows_in_parts_are_the_windows_at_once(own, monkeypatch):
    monkeypatch.setattr("consilium.genomics.scan.AT_ONCE", 7)
    sequence = "".join(np.random.default_rng(1).choice(list("ACGT"), 40))
    found = np.vstack([rows for _, rows in windows(CARD, sequence)])
    assert (found == rows_of(CARD, [sequence[k : k + 12] for k in range(29)])).all()


def test_a_short_sequence_and_another_material_are_refused(own):
    with pytest.raises(InputError, match="shorter than the window"):
        scan(own, "one", "ACGT")


def test_below_its_bar_it_does_not_speak(own):
    with pytest.raises(LawError, match="does not meet its bar"):
        Reader(replace(CARD, bar=Bar(0.99999, (0.2, 5.0), 1.0)), own.model, own.report)


def test_it_is_shown_in_both_languages(own):
    found = scan(own, "one", "A" * 20 + MOTIF + "T" * 20)
    known = replace(found, reader="splice_donor")
    for language, word in (("en", "bases that made it so"), ("zh", "依据的碱基")):
        assert word in dna_text([(own, known)], language=language, color=False)
    assert json.loads(dna_json([(own, found)]))[0]["sites"][0]["bases"]


def test_a_card_is_refused_with_what_is_wrong(tmp_path):
    path = tmp_path / "card.yaml"
    with pytest.raises(NotFoundError):
        read_reader_card(path)
    for text, said in (("name: [", "not understood"), ("odd: 1", "not known"), ("name: x", "lacks"), ("[]", "not known")):
        path.write_text(text)
        with pytest.raises(CardError, match=said):
            read_reader_card(path)


def test_a_set_is_read_from_its_folder_its_archive_and_the_folder_of_that(tmp_path):
    line = "EI, A-1, " + "ACGTAC" * 10
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "splice.data").write_text(line + "\n")
    assert splice(tmp_path).kind.tolist() == ["EI"]
    (tmp_path / "packed").mkdir()
    with zipfile.ZipFile(tmp_path / "packed" / "a.zip", "w") as archive:
        archive.writestr("x/splice.data", line)
    for where in (tmp_path / "packed" / "a.zip", tmp_path / "packed"):
        assert splice(where).sequences == ("ACGTAC" * 10,)
    with pytest.raises(NotFoundError, match="folder or the zip"):
        content(tmp_path, "other.data")
    (tmp_path / "deep" / "splice.data").write_text("EI, A-1, ACGT\n")
    with pytest.raises(FormatError, match="line 1"):
        splice(tmp_path)
    (tmp_path / BRCA1).write_bytes(b"no workbook")
    with pytest.raises(FormatError, match="no workbook"):
        list(sheet(content(tmp_path, BRCA1), BRCA1))


@real
def test_the_real_splice_junctions_share_no_relative_between_folds():
    found = splice(SEQUENCE)
    assert {kind: int((found.kind == kind).sum()) for kind in ("N", "EI", "IE")} == {"N": 1655, "EI": 767, "IE": 768}
    first: dict[str, int] = {}
    assert all(first.setdefault(sequence, int(group)) == group for sequence, group in zip(found.sequences, found.groups, strict=True))
    assert len(set(found.sequences)) == 3005 and len(set(found.groups.tolist())) < 3005


@real
def test_a_made_negative_stands_with_its_parent():
    found = promoters(SEQUENCE, "hs_pos_TATA.txt")
    half = len(found.sequences) // 2
    assert (found.groups[:half] == found.groups[half:]).all() and (found.kind[:half] == "P").all()


@real
def test_the_real_table_of_brca1():
    found = brca1(SEQUENCE)
    assert len(found.variant) == 3893 and int(found.lost.sum()) == 823 and len(set(found.exon.tolist())) == 13

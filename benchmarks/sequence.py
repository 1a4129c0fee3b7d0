"""Sequence: splice junctions, promoters, BRCA1 variants and breast-cancer expression, each beside what was published.

python benchmarks/sequence.py --set splice             # ten folds of 3,190 junctions, and of 1,000 as published
python benchmarks/sequence.py --set splice --into DIR   # the same, and the sealed readers of it
"""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer
from rich.console import Console
from rich.table import Table

from consilium.core.report import Estimate
from consilium.genomics.expression import standing
from consilium.genomics.reader import CARD, HOME, MODEL, ReaderCard, read_reader_card, reader
from consilium.models.served import ServedModel
from consilium.record import folds
from consilium.specialists.reader_data import brca1, examples, genefu, rows_of, splice, tcga
from consilium.specialists.reader_data import promoters as made_promoters
from consilium.specialists.reader_fit import SEED, Examples, Proven, fit_reader, unseen
from consilium.validation import auroc
from consilium.validation.interval import wilson

SHARED = Path("../shared/data")
KBANN = {"N": 4.62, "EI": 7.56, "IE": 8.47}  # dataset_readme.txt of the set: ten folds of 1,000 examples
EVO2 = 0.73  # notebook beside the table in ArcInstitute/evo2
KEYS = {"N": "splice_error_n", "EI": "splice_error_ei", "IE": "splice_error_ie"}
QUESTIONS = {"EI": "splice_donor", "IE": "splice_acceptor"}
SOME = 1_000
LSTM = {"units": 24, "epochs": 8, "balance": 0.0, "rate": 0.005}
CANDIDATES = Path(__file__).parent / "candidates"
SUBTYPES = {"Basal": "subtype_basal", "Her2": "subtype_her2", "LumA": "subtype_luma"}
console, out = Console(stderr=True), Console()


class Set(StrEnum):
    """What to measure."""

    all = "all"
    splice = "splice"
    lstm = "lstm"
    promoters = "promoters"
    stress = "stress"
    brca1 = "brca1"
    expression = "expression"


def main(
    data: Annotated[Path, typer.Option(help="Folder with sequence/ and expression/.")] = SHARED,
    of: Annotated[Set, typer.Option("--set", help="One of the sets; all by default.")] = Set.all,
    into: Annotated[Path | None, typer.Option(help="Where the sealed readers go; by default nowhere.")] = None,
    compare: Annotated[str, typer.Option(help="Other learners under the same folds, by commas.")] = "",
) -> None:
    """Measure, print the tables, and the figures as JSON in the last line."""
    every = {
        Set.splice: splice_junctions, Set.lstm: splice_lstm, Set.promoters: promoters, Set.stress: stressed, Set.brca1: variants,
        Set.expression: expression,
    }  # fmt: skip
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as aside:
        for name, measured in every.items():
            if of in (Set.all, name):
                found |= measured(data, into or Path(aside), tuple(filter(None, compare.split(","))))
    print(orjson.dumps(found).decode())


def card_of(name: str) -> ReaderCard:
    """A reader's card, of those that speak or of the candidates that do not."""
    home = HOME if (HOME / name / CARD).is_file() else CANDIDATES
    return read_reader_card(home / name / CARD)


def splice_junctions(data: Path, into: Path, compare: tuple[str, ...]) -> dict[str, object]:
    source = data / "sequence"
    whole = splice(source)
    parts = list(folds(whole.kind, 10, seed=SEED, subjects=whole.groups))
    asked: dict[str, Proven] = {}
    for kind, name in QUESTIONS.items():
        card = card_of(name)
        given, _ = examples(card, source)
        asked[kind] = fit_reader(card, given, into / name, parts=parts, compare=compare, progress=lambda said, n=name: console.log(n, said))
    said = arg_max(asked["EI"].unseen, asked["IE"].unseen)
    drawn = np.sort(np.random.default_rng(SEED).choice(len(whole.kind), SOME, replace=False))
    fewer = list(folds(whole.kind[drawn], 10, seed=SEED, subjects=whole.groups[drawn]))
    p = []
    for name in QUESTIONS.values():
        card = card_of(name)
        given, _ = examples(card, source)
        p.append(unseen(card, card.learner, given.of(drawn), fewer, lambda words, n=name: console.log(n, SOME, words))[0])
    said_of_fewer = arg_max(*p)
    table = Table(title=f"UCI splice junctions: ten folds, what is alike in one fold ({len(np.unique(whole.groups))} groups); error in %")
    for column in ("class", "all 3,190", f"{SOME:,} drawn", "KBANN (1,000)"):
        table.add_column(column, justify="left" if column == "class" else "right")
    found: dict[str, object] = {}
    for kind, key in KEYS.items():
        every = error(whole.kind, said, kind)
        some = error(whole.kind[drawn], said_of_fewer, kind)
        table.add_row(kind, worded(every), worded(some), f"{KBANN[kind]:.2f}")
        found |= {key: round(100 * every.value, 2), f"{key}_1000": round(100 * some.value, 2)} | between(key, every, 100)
    out.print(table)
    for kind, proven in asked.items():
        found |= reported(QUESTIONS[kind], proven)
    return found


def splice_lstm(data: Path, into: Path, compare: tuple[str, ...]) -> dict[str, object]:
    """The same ten folds by an LSTM."""
    source = data / "sequence"
    whole = splice(source)
    parts = list(folds(whole.kind, 10, seed=SEED, subjects=whole.groups))
    p, found = [], {}
    for name in QUESTIONS.values():
        card = replace(card_of(name), learner="lstm", parameters=LSTM)
        given, _ = examples(card, source)
        p.append(unseen(card, "lstm", given, parts, lambda words, n=name: console.log(n, words))[0])
        area = auroc(given.y, p[-1], subjects=given.subjects)
        found |= {f"{name}_lstm_auroc": round(area.value, 4), **between(f"{name}_lstm_auroc", area, 1)}
    said = arg_max(*p)
    table = Table(title="UCI splice junctions by an LSTM, the same ten folds; error in %")
    for column in ("class", "all 3,190", "KBANN (1,000)"):
        table.add_column(column, justify="left" if column == "class" else "right")
    for kind, key in KEYS.items():
        every = error(whole.kind, said, kind)
        table.add_row(kind, worded(every), f"{KBANN[kind]:.2f}")
        found |= {key.replace("splice_", "splice_lstm_"): round(100 * every.value, 2)}
    out.print(table)
    return found


def arg_max(donor: np.ndarray, acceptor: np.ndarray) -> np.ndarray:
    """Class of each window: the most probable of donor, acceptor, and what is left of one."""
    return np.array(["EI", "IE", "N"])[np.column_stack([donor, acceptor, 1 - donor - acceptor]).argmax(axis=1)]


def error(kind: np.ndarray, said: np.ndarray, of: str) -> Estimate:
    """Share of a class's examples that were given another."""
    own = kind == of
    return wilson(int((said[own] != of).sum()), int(own.sum()))


def promoters(data: Path, into: Path, compare: tuple[str, ...]) -> dict[str, object]:
    card = card_of("promoter")
    given, held = examples(card, data / "sequence")
    proven = fit_reader(card, given, into / card.name, held=held, compare=compare, progress=lambda said: console.log(said))
    return reported(card.name, proven)


def stressed(data: Path, into: Path, compare: tuple[str, ...]) -> dict[str, object]:
    """The shipped promoter reader shown other negatives of the mouse than those it learned to refuse; nothing is chosen by them."""
    own, draw = reader("promoter"), np.random.default_rng(SEED)
    of, at = own.card.learns, int(own.card.learns["at"])
    shown = made_promoters(data / "sequence", str(of["held_file"]))
    sequences = [s for s, kind in zip(shown.sequences, shown.kind, strict=True) if kind == "P"]
    asked = {
        "made as it learned: 12 of 20 segments drawn anew": (
            "made",
            [s for s, k in zip(shown.sequences, shown.kind, strict=True) if k == "N"],
            at,
        ),
        "shuffled, neighbours kept": ("shuffled", [shuffled(s[at : at + own.card.window], draw) for s in sequences], 0),
        "real DNA upstream of the same genes": ("upstream", sequences, 0),
    }
    told = own.model.log_odds(rows_of(own.card, sequences, at))
    groups, y = np.tile(shown.groups[: len(sequences)], 2), np.repeat([1, 0], len(sequences)).astype(np.int8)
    table = Table(title=f"promoter: {len(sequences)} of the mouse (called: {(told >= 0).mean():.1%}) against as many negatives")
    for column in ("negatives", "AUROC", "called a promoter, %"):
        table.add_column(column, justify="left" if column == "negatives" else "right")
    found: dict[str, object] = {"promoter_called": round(float((told >= 0).mean()), 4)}
    for words, (name, negatives, start) in asked.items():
        theirs = own.model.log_odds(rows_of(own.card, negatives, start))
        area, called = (
            auroc(y, 1 / (1 + np.exp(-np.concatenate([told, theirs]))), subjects=groups),
            wilson(int((theirs >= 0).sum()), len(theirs)),
        )
        table.add_row(words, worded(area, 1), worded(called))
        found |= {f"promoter_auroc_{name}": round(area.value, 4), f"promoter_called_{name}": round(called.value, 4)}
    out.print(table)
    return found


def shuffled(sequence: str, draw: np.random.Generator) -> str:
    """The same bases in another order, with every pair of neighbours as often as before (Altschul and Erickson 1985).

    >>> made = shuffled("ACGGTACGATTACA", np.random.default_rng(1))
    >>> pairs = [sorted(zip(s, s[1:])) for s in (made, "ACGGTACGATTACA")]
    >>> made != "ACGGTACGATTACA", pairs[0] == pairs[1]
    (True, True)
    """
    followers = {base: [b for a, b in itertools.pairwise(sequence) if a == base] for base in sorted(set(sequence))}
    final = {base: str(draw.choice(own)) for base, own in followers.items() if base != sequence[-1]}
    while not all(_leads(base, sequence[-1], final) for base in final):  # the last steps must lead to the last base
        final = {base: str(draw.choice(followers[base])) for base in final}
    queues = {}
    for base, own in followers.items():
        if base in final:
            own.remove(final[base])
        queues[base] = [*map(str, draw.permutation(own)), *([final[base]] if base in final else [])]
    made = [sequence[0]]
    while queues[made[-1]]:
        made.append(queues[made[-1]].pop(0))
    return "".join(made)


def _leads(base: str, last: str, final: dict[str, str]) -> bool:
    seen = set()
    while base != last and base not in seen:
        seen.add(base)
        base = final[base]
    return base == last


def variants(data: Path, into: Path, compare: tuple[str, ...]) -> dict[str, object]:
    """Each exon predicted by a model of the others, beside scores that others made, on the same variants."""
    card = card_of("brca1_effect")
    given, _ = examples(card, data / "sequence")
    proven = fit_reader(card, given, into / card.name, compare=compare or ("logistic",), progress=lambda said: console.log(said))
    table = Table(title=f"BRCA1 saturation editing: {len(given.y)} variants, {given.y.sum()} without function; AUROC, exons drawn again")
    for column in ("score", "variants", "AUROC", "this reader on the same"):
        table.add_column(column, justify="left" if column == "score" else "right")
    table.add_row("this reader (exon unseen)", str(len(given.y)), worded(proven.report.auroc, 1), "")
    found: dict[str, object] = {"brca1_auroc": round(proven.report.auroc.value, 4)}
    for name, score in brca1(data / "sequence").scores.items():
        rows = np.flatnonzero(np.isfinite(score))
        theirs, ours = (auroc(given.y[rows], p[rows], subjects=given.subjects[rows]) for p in (score, proven.unseen))
        table.add_row(name, str(len(rows)), worded(theirs, 1), worded(ours, 1))
        found[f"brca1_auroc_{name.partition('.')[0].partition(' ')[0].lower()}"] = round(theirs.value, 4)
    table.add_row("published: Evo 2 1B, zero-shot", "", f"{EVO2:.2f}", "")
    out.print(table)
    return found | between("brca1_auroc", proven.report.auroc, 1) | reported("brca1_effect", proven)


def expression(data: Path, into: Path, compare: tuple[str, ...]) -> dict[str, object]:
    """Subtype from TCGA shown VDX, and the other part of TCGA; metastasis from NKI shown VDX, beside published predictors."""
    source = data / "expression"
    found: dict[str, object] = {}
    learn, rest = tcga(source, "train"), tcga(source, "test")
    p = []
    for name in SUBTYPES.values():
        card = card_of(name)
        given, held = examples(card, source)
        found |= reported(name, fit_reader(card, given, into / name, held=held, compare=compare))
        model = ServedModel.load(into / name / MODEL)
        p.append(model.probability(standing(rest.profiles, learn.profiles.usual(), card.inputs)))
    truth = rest.clinical["subtype"]
    said = np.array(list(SUBTYPES))[np.column_stack(p).argmax(axis=1)]
    right = wilson(int((said == truth).sum()), len(truth))
    areas = [auroc((truth == kind).astype(int), column) for kind, column in zip(SUBTYPES, p, strict=True)]
    table = Table(title=f"The other {len(truth)} tumours of TCGA, never learned from: three subtypes by arg-max")
    for column in ("right, %", *(f"AUROC {kind}" for kind in SUBTYPES)):
        table.add_column(column, justify="right")
    table.add_row(worded(right), *(worded(area, 1) for area in areas))
    out.print(table)
    found |= {"subtype_tcga_test_accuracy": round(right.value, 4), **between("subtype_tcga_test_accuracy", right, 1)}
    card = card_of("breast_metastasis")
    given, held = examples(card, source)
    proven = fit_reader(card, given, into / card.name, held=held, compare=compare)
    return found | reported(card.name, proven) | published(source, given, held, proven, ServedModel.load(into / card.name / MODEL))


def published(source: Path, given: Examples, held: Examples | None, proven: Proven, model: ServedModel) -> dict[str, object]:
    """The 70-gene class in NKI (of which it was made in part) and Adjuvant! Online in VDX, on the same women as this reader."""
    assert held is not None
    table = Table(title="Distant metastasis within five years, beside what was published, on the same women")
    for column in ("cohort", "predictor", "women", "AUROC", "this reader"):
        table.add_column(column, justify="left" if column in ("cohort", "predictor") else "right")
    found: dict[str, object] = {}
    nki, vdx = genefu(source, "nkis").clinical, genefu(source, "vdxs").clinical
    signature = np.array([{"Poor": 1.0, "Good": 0.0}.get(said, np.nan) for said in nki["vantveer2002_70_genes"]])[given.subjects]
    online = np.array([-float(said) if said not in ("", "NA") else np.nan for said in vdx["aol_rfs_10y"]])[held.subjects]
    for cohort, predictor, key, of, score, own in (
        ("NKI", "70 genes (made on some of them)", "gene70_nki_auroc", given, signature, proven.unseen),
        ("VDX", "Adjuvant! Online, relapse in 10 years", "adjuvant_vdx_auroc", held, online, model.probability(held.X)),
    ):
        rows = np.flatnonzero(np.isfinite(score))
        theirs, ours = auroc(of.y[rows], score[rows]), auroc(of.y[rows], own[rows])
        table.add_row(cohort, predictor, str(len(rows)), worded(theirs, 1), worded(ours, 1))
        found |= {key: round(theirs.value, 4), **between(key, theirs, 1)}
    out.print(table)
    return found


def reported(name: str, proven: Proven) -> dict[str, object]:
    report = proven.report
    table = Table(title=f"{name}: {report.data}, n = {report.n}, {report.proof}")
    for column in ("learner", "AUROC", "slope", "seconds"):
        table.add_column(column, justify="left" if column == "learner" else "right")
    if report.development:
        table.add_row(f"{report.learner} (sealed, held out)", worded(report.auroc, 1), worded(report.slope, 1), "")
    for line in report.comparisons:
        table.add_row(line.learner, worded(line.auroc, 1), worded(line.slope, 1), f"{line.seconds:.0f}")
    out.print(table)
    return {f"{name}_auroc": round(report.auroc.value, 4), **between(f"{name}_auroc", report.auroc, 1)}


def worded(e: Estimate, times: float = 100) -> str:
    places = 2 if times > 1 else 3
    low, high = (times * (edge if edge is not None else np.nan) for edge in (e.low, e.high))
    return f"{times * e.value:.{places}f} ({low:.{places}f}-{high:.{places}f})"


def between(key: str, e: Estimate, times: float) -> dict[str, object]:
    return {f"{key}_interval": [round(times * edge, 4) for edge in (e.low, e.high) if edge is not None]}


if __name__ == "__main__":
    typer.run(main)

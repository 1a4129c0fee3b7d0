"""Expression: ranks within a sample, what is missing, what is refused, and what the shipped reader says of made-up profiles."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.genomics.expression import ENOUGH, Profiles, read_expression, read_profiles, standing
from consilium.genomics.reader import HOME, reader
from consilium.render.expression import expression_json, expression_text

OWN = reader("subtype_basal")
EXAMPLES = json.loads((HOME / "subtype_basal" / "examples" / "made_up.json").read_text())["samples"]
USUAL = dict.fromkeys(OWN.card.inputs, 0.0)


def profile(values):
    return Profiles(("s",), tuple(values), np.array([list(values.values())], dtype=float))


@pytest.mark.parametrize("said", EXAMPLES, ids=lambda said: said["name"])
def test_examples(said):
    (found,) = read_expression(OWN, profile(said["values"]), USUAL)
    if said.get("abstains"):
        assert found.probability is None and found.abstained and len(found.missing) == 12
        return
    assert said.get("at_least", 0) <= found.probability <= said.get("at_most", 1)
    assert found.low <= found.probability <= found.high


@given(st.lists(st.integers(-80, 80), min_size=32, max_size=32), st.integers(1, 9), st.integers(-50, 50))
def test_a_sample_s_own_scale_and_shift_change_nothing(values, gain, shift):
    genes = OWN.card.inputs
    one = Profiles(("s",), genes, np.array([values], dtype=float))
    other = Profiles(("s",), genes, gain * one.values + shift)
    assert (standing(one, USUAL, genes) == standing(other, USUAL, genes)).all()


def test_one_alone_is_read_as_in_a_batch_and_the_order_of_genes_changes_nothing():
    draw = np.random.default_rng(0)
    genes = OWN.card.inputs
    batch = Profiles(tuple("abcdef"), genes, draw.normal(size=(6, len(genes))))
    alone = Profiles(("c",), genes[::-1], batch.values[2:3, ::-1])
    assert read_expression(OWN, alone, USUAL)[0].probability == pytest.approx(read_expression(OWN, batch, USUAL)[2].probability)


def test_few_samples_do_not_say_what_is_usual():
    few = Profiles(tuple("ab"), ("X",), np.zeros((2, 1)))
    with pytest.raises(InputError, match="--reference"):
        few.usual()
    enough = Profiles(tuple(map(str, range(ENOUGH))), ("X", "never"), np.column_stack([np.arange(ENOUGH), np.full(ENOUGH, np.nan)]))
    assert enough.usual() == {"X": (ENOUGH - 1) / 2}


def test_a_table_is_read_plain_and_packed(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("sample,A,B\ns1,1.5,NA\ns2,2,3\n")
    found = read_profiles(path)
    assert found.samples == ("s1", "s2") and found.genes == ("A", "B") and np.isnan(found.values[0, 1]) and found.values[1, 1] == 3
    packed = tmp_path / "p.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_profiles(packed).genes == ("A", "B")


@pytest.mark.parametrize(
    ("text", "said"),
    [("sample,A\ns,high\n", "no number"), ("sample,A,A\ns,1,2\n", "two columns"), ("sample\n", "no profiles"), ("", "no table")],
)
def test_what_is_no_table_is_refused(tmp_path, text, said):
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=said):
        read_profiles(path)
    with pytest.raises(NotFoundError):
        read_profiles(tmp_path / "none.csv")


def test_it_is_shown_in_both_languages():
    read = [
        (OWN, read_expression(OWN, profile(EXAMPLES[0]["values"]), USUAL) + read_expression(OWN, profile(EXAMPLES[2]["values"]), USUAL))
    ]
    for language, word in (("en", "not measured"), ("zh", "未测")):
        assert word in expression_text(read, language=language, color=False)
    assert json.loads(expression_json(read))[0]["readings"][0]["sample"] == "s"


def test_a_reader_of_dna_reads_no_profile():
    with pytest.raises(InputError, match="does not read expression"):
        read_expression(replace(OWN, card=replace(OWN.card, material="variant")), profile(EXAMPLES[0]["values"]), USUAL)

"""Variant effect: what the names of a variant tell, what is refused, and what the reader says of well-known ones."""

import json

import pytest

from consilium.core.errors import InputError
from consilium.genomics.reader import HOME, reader
from consilium.genomics.variant_effect import features, variant_effect

CARD = reader("brca1_effect").card
EXAMPLES = json.loads((HOME / "brca1_effect" / "examples" / "variants.json").read_text())


@pytest.mark.parametrize("said", EXAMPLES, ids=lambda said: said["variant"])
def test_examples(said):
    found = variant_effect(said["variant"], said.get("protein", ""))
    assert said.get("at_least", 0) <= found.probability <= said.get("at_most", 1)
    assert found.low <= found.probability <= found.high and found.limits


def test_places_are_counted_from_the_ends_of_the_exon():
    edge = CARD.context["intron"]
    first, last = features(CARD, "c.81A>G", "p.Gln27="), features(CARD, "c.134A>G", "p.Lys45Arg")
    assert first["from_exon_start"] == edge and last["from_exon_end"] == edge
    before, after = features(CARD, "c.81-1G>A"), features(CARD, "c.134+2T>C")
    assert before["from_exon_start"] == edge - 1 and after["from_exon_end"] == edge - 2
    assert before["intronic"] == after["intronic"] == 1 and "synonymous" not in before


def test_a_feature_is_an_input_of_the_card():
    told = {**features(CARD, "c.81-1G>A"), **features(CARD, "c.181T>G", "p.Cys61Gly"), **features(CARD, "c.1A>G", "p.Met1Val")}
    assert set(told) == set(CARD.inputs)


@pytest.mark.parametrize(
    ("variant", "protein", "said"),
    [
        ("c.1000A>G", "p.Ile334Val", "outside"),
        ("c.81-31A>G", "", "outside"),
        ("c.181del", "", "one changed base"),
        ("g.41258504A>C", "", "one changed base"),
        ("c.181T>G", "", "protein name"),
        ("c.181T>G", "p.Cys62Gly", "disagree"),
        ("c.80+1G>A", "p.Cys61Gly", "no protein name"),
    ],
)
def test_what_cannot_be_judged_is_refused(variant, protein, said):
    with pytest.raises(InputError, match=said):
        variant_effect(variant, protein)

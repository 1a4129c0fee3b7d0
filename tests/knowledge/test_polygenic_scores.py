"""What a polygenic score means: the file is distrusted, the arithmetic gives the population back, and refusals are named."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import LawError
from consilium.core.polygenic import AbsoluteRisk
from consilium.knowledge import shelf
from consilium.knowledge.polygenic_scores import appraised, score_meanings, withheld

DATA = Path(__file__).parents[3] / "shared/data/prs"
READ = {"called": 313, "total": 313, "left_out": 0.0, "spread": 0.0, "uncounted": 0}
BREAST = score_meanings()["PGS000004"]


def test_every_meaning_speaks_of_known_codes_genes_and_sources() -> None:
    for meaning in score_meanings().values():
        assert meaning.condition in shelf().codes and meaning.conditions <= shelf().codes.keys()
        assert set(meaning.sources.values()) <= shelf().sources.keys()
        assert meaning.ancestry["en"] and meaning.ancestry["zh"]
        assert meaning.percentiles[0] < meaning.mean < meaning.percentiles[-1]
        # The spread of the reference genomes is that of the study, within a tenth.
        measured = (meaning.percentiles[83] - meaning.percentiles[15]) / 2
        assert measured == pytest.approx(meaning.sd, rel=0.1)


def test_rates_rise_with_age_as_people_die_and_cover_each_year_once() -> None:
    rates = BREAST.rates
    assert len(rates.incidence) == len(rates.other_mortality) == rates.stop - rates.start == 70
    assert list(rates.other_mortality) == sorted(rates.other_mortality)
    # About one woman in nine by 80, as SEER said of the nineties.
    assert 0.10 < BREAST.risks(BREAST.mean, 0.0, 20)[-1].average < 0.13


@pytest.mark.parametrize(("age", "end"), [(20, 80), (30, 40), (50, 60), (70, 80)])
@pytest.mark.parametrize("ratio", BREAST.odds_ratio)
def test_the_mean_over_all_scores_is_the_population_s_risk(age: int, end: int, ratio: float) -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    # Who is still free at that age: those with a high score are fewer.
    from consilium.knowledge.polygenic_scores import _baseline

    gone = _baseline(BREAST.rates, ratio)[: age - BREAST.rates.start].sum()
    free = weights * np.exp(-gone * ratio**nodes)
    mean = sum(w * BREAST._risk(float(z), ratio, age, end) for z, w in zip(nodes, free / free.sum(), strict=True))
    average = next(r.average for r in BREAST.risks(BREAST.mean, 0.0, age) if r.to_age == end)
    assert mean == pytest.approx(average, rel=2e-3)


def test_the_top_centile_is_as_published() -> None:
    """Mavaddat 2019 give 32.6 % to the age of 80 for the top centile, with British rates of a later time."""
    top = [BREAST._risk(z, 1.61, 20, 80) for z in (2.33, 2.41, 2.51, 2.65, 2.88)]
    assert 0.27 < float(np.mean(top)) < 0.36


@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(20, 79), st.floats(0, 0.5))
def test_a_higher_score_never_means_less_and_what_was_not_read_only_widens(one: float, two: float, age: int, spread: float) -> None:
    low, high = (BREAST.risks(x, spread, age) for x in sorted((one, two)))
    for a, b in zip(low, high, strict=True):
        assert a.probability <= b.probability and a.average == b.average
    narrow = BREAST.risks(one, 0.0, age)
    for sure, unsure in zip(narrow, BREAST.risks(one, spread, age), strict=True):
        assert unsure.low <= sure.low <= sure.probability <= sure.high <= unsure.high


@given(st.floats(-4, 4))
def test_percentiles_rise_with_the_score_and_stay_within_a_hundred(value: float) -> None:
    assert 0 <= BREAST.percentile(value) <= BREAST.percentile(value + 0.1) <= 100


def test_refusals_are_named() -> None:
    assert withheld(None, "F", 50, 0) == ("unheld",)
    assert withheld(BREAST, None, None, 3) == ("sex_unknown", "age_unknown", "uncounted")
    assert withheld(BREAST, "M", 19, 0) == ("sex", "age") and withheld(BREAST, "F", 80, 0) == ("age",)
    refused = appraised("PGS000004", None, {"called": 3, "total": 313}, "F", 50)
    assert refused.withheld == ("refused",) and refused.percentile is None and not refused.risks
    sick = appraised("PGS000004", 0.0, READ, "F", 50, conditions=[("SNOMED//254837009", "")], carried=["BRCA1"])
    assert sick.withheld == ("condition", "carrier") and not sick.risks and sick.percentile is not None
    old = appraised("PGS000004", 0.0, {"called": 300, "total": 313}, "F", 50)
    assert old.withheld == ("uncounted",) and old.percentile is None


@pytest.mark.parametrize(
    ("code", "words", "named"),
    [
        ("ICD10CM//C50.919", "", True),
        ("ICD10GM//D05.1", "", True),
        ("ICD9CM//174.9", "", True),
        ("TEXT//x", "Infiltrating ductal carcinoma of the right breast", True),
        ("TEXT//x", "Invasive Breast Cancer", True),
        ("TEXT//x", "左乳腺癌术后", True),
        ("SNOMED//89164003", "breast lump", False),
        ("ICD10CM//C34.1", "lung cancer", False),
    ],
)
def test_the_disease_is_known_by_codes_and_words(code: str, words: str, named: bool) -> None:
    assert BREAST.named(code, words) is named
    assert ("condition" in appraised("PGS000004", 0.0, READ, "F", 50, conditions=[(code, words)]).withheld) is named


def test_a_score_that_is_read_gives_both_horizons() -> None:
    found = appraised("PGS000004", BREAST.mean + BREAST.sd, READ, "F", 45)
    assert [(r.from_age, r.to_age) for r in found.risks] == [(45, 55), (45, 80)]
    assert all(r.probability > r.average for r in found.risks)
    assert [r.to_age for r in appraised("PGS000004", 0.0, READ, "F", 75).risks] == [80, 85]


def test_the_law_of_risks() -> None:
    with pytest.raises(LawError):
        AbsoluteRisk(50, 60, 0.5, 0.6, 0.7, 0.1)
    with pytest.raises(LawError):
        AbsoluteRisk(60, 50, 0.5, 0.4, 0.7, 0.1)


def test_mean_and_percentiles_are_those_of_the_source(unzipped) -> None:
    folder = unzipped("prs")
    from consilium.genomics.scoring import read_scoring

    made = read_scoring(folder / "breast/PGS000004_hm.txt", "GRCh38")
    mean = sum(2 * w.frequency * w.weight for w in made.weights if w.frequency is not None)
    spread = math.sqrt(sum(2 * w.frequency * (1 - w.frequency) * w.weight**2 for w in made.weights if w.frequency is not None))
    assert mean == pytest.approx(BREAST.mean, abs=1e-4) and spread == pytest.approx(BREAST.sd, rel=0.02)
    text = (folder / "breast/PGS000004_GRCh38.vcf").read_text()
    listed = re.search(r"##percentiles=(.*)", text)
    count = re.search(r"##sample_count=(\d+)", text)
    assert listed and tuple(float(x) for x in listed[1].split(",")) == BREAST.percentiles
    assert count and int(count[1]) == BREAST.people

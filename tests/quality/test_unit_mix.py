"""Two units under one label are found at one per cent; two hundred right distributions raise no alarm."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from consilium.knowledge import shelf
from consilium.quality.unit_mix import candidates, explained, mixed

from .people import ANALYTES, judged, mistaken, numbers, right
from .shapes import FAMILIES, all_shapes


def mix(share: float, seed: int, *, by_patient: bool = False) -> dict[str, str]:
    rng = np.random.default_rng(seed)
    tables = []
    for code in ANALYTES:
        values, subjects = right(code, rng)
        which = (rng.random(subjects.max() + 1) < share)[subjects] if by_patient else rng.random(len(values)) < share
        tables.append(numbers(code, mistaken(code, values, which), subjects))
    found = judged(pa.concat_tables(tables)).of("unit_mix")
    return {f.code: f.facts["other"] for f in found}


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_planted_mixes_of_eight_analytes_are_found_and_named(share):
    assert mix(share, seed=1) == {code: other for code, (other, *_) in ANALYTES.items()}


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_sender_who_writes_all_of_a_patient_in_the_other_unit_is_found_where_limits_tell(share):
    found = mix(share, seed=2, by_patient=True)
    # A weight in lb is a weight that somebody has in kg, and a bilirubin in umol/L is a jaundice: only a patient's own values would tell.
    assert set(found) >= {"LOINC//2345-7", "LOINC//8310-5", "LOINC//2093-3", "LOINC//718-7"}
    assert all(ANALYTES[code][0] == other for code, other in found.items())


def test_nothing_planted_nothing_found():
    for seed in range(3):
        assert mix(0.0, seed) == {}


@pytest.mark.parametrize("seed", [11, 12])
def test_right_distributions_raise_no_alarm(seed):
    families, tables = set(), []
    for code, family, values, subjects in all_shapes(seed, 120):
        families.add(family)
        tables.append(numbers(code, values, subjects))
    assert families == set(FAMILIES)
    report = judged(pa.concat_tables(tables))
    assert len(report.codes) >= 115
    shaped = ("unit_mix", "unit_whole", "edge", "digits", "flatline", "drift_period", "gap", "conflict")
    assert [(f.check, f.code) for check in shaped for f in report.of(check)] == []


def test_all_of_a_code_in_another_unit_is_told_from_its_limits():
    rng = np.random.default_rng(3)
    values, subjects = right("LOINC//718-7", rng)
    (found,) = judged(numbers("LOINC//718-7", values * 10, subjects)).of("unit_whole")
    assert found.facts["other"] == "g/L" and found.count == len(values)


def test_too_few_values_say_nothing():
    rng = np.random.default_rng(4)
    values, subjects = right("LOINC//2345-7", rng, people=12, each=5)
    which = rng.random(len(values)) < 0.3
    assert not judged(numbers("LOINC//2345-7", mistaken("LOINC//2345-7", values, which), subjects)).of("unit_mix")


def test_a_second_mode_that_people_have_is_no_other_unit():
    """Twins of the modes of a unit mix, at the same ratio, but both within what is plausible: diabetes, jaundice, childhood."""
    rng = np.random.default_rng(5)
    for code, ratio in (("LOINC//1975-2", 17.1), ("LOINC//29463-7", 1 / 2.2046), ("LOINC//1988-5", 10.0)):
        at = np.round(np.concatenate([rng.lognormal(0, 0.3, 2000), ratio * rng.lognormal(0, 0.3, 300)]) * (60 if ratio < 1 else 0.6), 2)
        values, counts = np.unique(at, return_counts=True)
        assert mixed(code, shelf().codes[code].unit, values, counts, {}, shelf()) is None, code


def test_candidates_are_distinct_and_really_convert():
    for code in ANALYTES:
        found = candidates(code, shelf().codes[code].unit, ANALYTES[code][1], shelf())
        ratios = sorted(c.ratio for c in found)
        assert ANALYTES[code][0] in {c.unit for c in found}
        assert all(b - a > 0.05 for a, b in pairwise(ratios))
        for c in found:
            wrong = ANALYTES[code][1] * np.exp(c.ratio)
            assert wrong * c.scale + c.offset == pytest.approx(ANALYTES[code][1], rel=1e-6)


def test_refused_values_are_explained():
    assert explained("LOINC//2885-2", "g/dL", np.array([62.0, 70.0, 66.0]), shelf()) == "g/L"
    assert explained("LOINC//2885-2", "g/dL", np.array([62.0, 70.0, 9e9]), shelf()) == ""

"""Drift: the same patients are told as the same, shifted ones as shifted, broken calibration as broken, and few as too few."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pytest

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.core.features import Features
from consilium.specialists.drift import ACT, FEW, STABLE, compare, limits, read_reference, reference, write_reference


def people(n: int, seed: int, *, shift: float = 0.0, missing: float = 0.0, off: float = 0.0):
    random = np.random.default_rng(seed)
    X = np.column_stack([random.normal(60 + shift, 10, n), random.integers(0, 2, n), random.normal(1, 1, n)]).astype(np.float32)
    X[random.random(n) < missing, 2] = np.nan
    z = (X[:, 0].astype(float) - 60) / 10 + X[:, 1] - 1
    p = 1 / (1 + np.exp(-z))
    y = (random.random(n) < 1 / (1 + np.exp(-z - off))).astype(np.int8)
    rows = tuple((k, datetime(2026, 1, 1)) for k in range(n))
    return Features(X, ("age", "male", "lactate"), ("a", "1", "mmol/L"), rows, np.isfinite(X)), p, y


@pytest.fixture(scope="module")
def then():
    matrix, p, y = people(4000, 1)
    return json.loads(json.dumps(reference("card", "1.0", "ab" * 32, matrix, p, y, "2020")))


def levels(found):
    return {s.name: s.level for s in found.shifts}


def test_the_same_patients_are_as_they_were(then):
    matrix, p, y = people(4000, 1)
    found = compare(then, matrix, p, "2020", (y, p))
    assert found.level == STABLE and {s.distance for s in found.shifts} == {0.0}


@pytest.mark.parametrize("seed", range(2, 8))
def test_others_from_the_same_place_are_not_suspected(then, seed):
    matrix, p, y = people(1500, seed)
    assert compare(then, matrix, p, "2021", (y, p)).level == STABLE


def test_older_patients_are_seen_and_told(then):
    matrix, p, _ = people(1500, 9, shift=8)
    found = compare(then, matrix, p, "2021")
    assert levels(found)["age"] == ACT and levels(found)["predicted risk"] == ACT and levels(found)["male"] == STABLE
    assert "age has shifted: PSI" in found.sentences()[0] + found.sentences()[1] and "1500 now, 4000 then" in " ".join(found.sentences())
    assert "No truth is known" in found.sentences()[-1]


def test_an_input_that_stops_coming_is_seen(then):
    matrix, p, _ = people(1500, 10, missing=0.4)
    found = compare(then, matrix, p, "2021")
    assert levels(found)["lactate"] == ACT and "missing in" in found.sentences()[0]


def test_risks_that_no_longer_hold_are_seen_though_no_input_moved(then):
    matrix, p, y = people(3000, 11, off=0.8)
    found = compare(then, matrix, p, "2021", (y, p))
    assert set(levels(found).values()) == {STABLE} and found.held.level == ACT == found.level
    assert found.sentences()[-1].startswith("The risks no longer hold")


def test_of_few_patients_nothing_is_said(then):
    matrix, p, y = people(30, 12, shift=30)
    found = compare(then, matrix, p, "2021", (y, p))
    assert set(levels(found).values()) == {FEW} and "too few values to say" in " ".join(found.sentences())


def test_no_single_patient_is_in_the_reference(then):
    assert all(len(part["cuts"]) < limits()["bins"] for part in (*then["inputs"].values(), then["prediction"]))
    assert sum(then["inputs"]["age"]["counts"]) == 4000


def test_other_inputs_or_units_are_refused(then):
    matrix, p, _ = people(60, 13)
    kelvin = Features(matrix.X, matrix.names, ("a", "1", "mg/dL"), matrix.rows, matrix.observed)
    with pytest.raises(InputError, match="other inputs"):
        compare(then, kelvin, p, "2021")


def test_a_reference_is_read_back_and_a_damaged_one_refused(tmp_path, then):
    with pytest.raises(NotFoundError, match="no reference"):
        read_reference(tmp_path)
    write_reference(tmp_path, then)
    assert read_reference(tmp_path) == then
    for text, said in (
        ("{", "damaged"),
        ("{}", "damaged"),
        (json.dumps(then | {"form": 9}), "another form"),
        (json.dumps(then | {"prediction": {"cuts": [1], "counts": [1]}}), "damaged"),
    ):
        (tmp_path / "reference.json").write_text(text)
        with pytest.raises(FormatError, match=said):
            read_reference(tmp_path)

"""Each check finds the error that was planted for it, and nothing in the same chart without it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from consilium.core.errors import LawError
from consilium.core.events import Reject, table
from consilium.knowledge import shelf
from consilium.quality.conformance import fault
from consilium.quality.finding import Finding
from consilium.quality.look import look
from consilium.quality.relations import relations
from consilium.quality.rules import SEVERITIES, checks
from consilium.quality.survey import report

from .people import COMMITTED, judged, numbers, right

DAY = datetime(2025, 3, 1, 8)
PRESSURE, LOW = "LOINC//8480-6", "LOINC//8462-4"


def event(subject, code, time=DAY, value=None, unit=None, text=None, available=None, source="e"):
    return {
        "subject_id": subject, "code": code, "time": time, "numeric_value": value, "unit": unit, "text_value": text,
        "available": available or time, "source_id": source,
    }  # fmt: skip


def person(subject, name="Ann Lee", birth=datetime(1960, 5, 2), sex="F"):
    return [
        event(subject, "MEDS_BIRTH", birth), event(subject, f"GENDER//{sex}", None), event(subject, "NAME", None, text=name),
    ]  # fmt: skip


def found(rows, check):
    return judged(table(rows)).of(check)


def test_every_check_says_what_to_do_in_both_languages():
    for name, rule in checks().items():
        assert rule["severity"] in SEVERITIES, name
        for part in ("title", "do"):
            assert set(rule[part]) == {"en", "zh"} and all(rule[part].values()), name


def test_a_finding_keeps_its_laws():
    do = {"en": "x", "zh": "x"}
    with pytest.raises(LawError, match="more than there is"):
        Finding("gap", "note", "", 2, 1, do)
    with pytest.raises(LawError, match="severity"):
        Finding("gap", "bad", "", 1, 1, do)
    with pytest.raises(LawError, match="both languages"):
        Finding("gap", "note", "", 1, 1, {"en": "x"})


def test_a_clean_person_has_no_finding():
    rows = [*person(1), event(1, PRESSURE, value=120.0, unit="mm[Hg]"), event(1, LOW, value=80.0, unit="mm[Hg]")]
    assert judged(table(rows)).findings == ()


@pytest.mark.parametrize(
    ("check", "rows"),
    [
        ("demographics_birth", person(1)[1:]),
        ("demographics_sex", [person(1)[0]]),
        ("demographics_both", [*person(1), event(1, "GENDER//M", None)]),
        ("before_birth", [*person(1), event(1, "CONDITION//SNOMED//44054006", datetime(1950, 1, 1))]),
        ("after_death", [*person(1), event(1, "MEDS_DEATH", DAY), event(1, PRESSURE, DAY + timedelta(days=90), 120.0, "mm[Hg]")]),
        ("known_first", [*person(1), event(1, PRESSURE, DAY, 120.0, "mm[Hg]", available=DAY - timedelta(days=1))]),
        ("unit_missing", [*person(1), event(1, PRESSURE, DAY, 120.0)]),
        ("unit_wrong", [*person(1), event(1, PRESSURE, DAY, 16.0, "kPa")]),
        ("code_digit", [*person(1), event(1, "LOINC//8480-5", DAY, 120.0, "mm[Hg]")]),
        ("code_format", [*person(1), event(1, "CONDITION//SNOMED//34552-0")]),
        ("code_unknown", [*person(1), event(1, "LOCAL//lac", DAY, 2.0, "mmol/L")]),
        ("relation", [*person(1), event(1, PRESSURE, DAY, 70.0, "mm[Hg]"), event(1, LOW, DAY, 110.0, "mm[Hg]")]),
        ("sex_contradicted", [*person(1, sex="M"), event(1, "CONDITION//SNOMED//77386006")]),
        ("conflict", [*person(1), event(1, PRESSURE, DAY, 120.0, "mm[Hg]"), event(1, PRESSURE, DAY, 160.0, "mm[Hg]")]),
        (
            "twice",
            [*person(1), event(1, PRESSURE, DAY, 120.0, "mm[Hg]"), event(1, PRESSURE, DAY, 120.0, "mm[Hg]", available=DAY + timedelta(1))],
        ),
        (
            "end_first",
            [*person(1), event(1, "CONDITION//SNOMED//44054006"), event(1, "CONDITION//END//SNOMED//44054006", DAY - timedelta(9))],
        ),
        ("person", [*person(1, "Lee, Ann"), *person(2, "ann LEE")]),
    ],
)
def test_what_is_planted_is_found(check, rows):
    assert [f.check for f in judged(table(rows)).findings] == [check]


def test_the_mother_s_side_of_each_check():
    """Near misses: the same shapes, right."""
    end = event(1, "CONDITION//END//SNOMED//44054006", DAY + timedelta(9))
    relative = event(1, "FAMILY//SNOMED//77386006")
    rows = [
        *person(1, sex="M"), event(1, "CONDITION//SNOMED//44054006"), end, relative,
        event(1, "MEDICATION//RxNorm//309362", DAY), event(1, "MEDICATION//END//RxNorm//309362", COMMITTED - timedelta(1), available=DAY),
        event(1, "MEDS_DEATH", COMMITTED - timedelta(20)), event(1, "REPORT//LOINC//11526-1", COMMITTED - timedelta(2)),
        *person(2, "Ann Lee", datetime(1961, 5, 2)), *person(3, "Ann Lee", sex="F"),
    ]  # fmt: skip
    assert judged(table(rows)).findings == ()


def test_future_is_after_the_last_commit_whatever_the_clock_says():
    rows = [*person(1), *(event(1, PRESSURE, DAY + timedelta(d), 120.0, "mm[Hg]") for d in range(9))]
    rows.append(event(1, PRESSURE, COMMITTED + timedelta(1), 120.0, "mm[Hg]"))
    assert [f.check for f in judged(table(rows)).findings] == ["future"]
    shifted = [*person(1), *(event(1, PRESSURE, COMMITTED + timedelta(d + 1), 120.0, "mm[Hg]") for d in range(9))]
    assert [f.check for f in judged(table(shifted)).findings] == ["future_shifted"]


def test_results_without_results():
    rows = [r for s in range(1, 31) for r in (*person(s, f"P {s}"), event(s, PRESSURE))]
    (one,) = found(rows, "empty")
    assert (one.count, one.of, one.code) == (30, 30, PRESSURE)


def months(skip=()):
    rng = np.random.default_rng(0)
    rows = []
    for month in range(24):
        for n in range(30):
            subject, day = month * 30 + n + 1, datetime(2024 + month // 12, month % 12 + 1, 1 + int(rng.integers(27)))
            rows.append(event(subject, LOW, day, 80.0, "mm[Hg]"))
            if month not in skip:
                rows.append(event(subject, PRESSURE, day, 120.0, "mm[Hg]"))
    return rows


def test_a_gap_is_seen_and_a_late_start_is_none():
    (one,) = found(months(skip=(10, 11, 12, 13)), "gap")
    assert one.code == PRESSURE and one.facts["from"] == "2024-11" and one.facts["to"] == "2025-02" and one.count == 4
    for none in ((), (10, 11), range(12), range(12, 24)):
        assert not found(months(skip=none), "gap"), none


def test_digit_preference():
    rng = np.random.default_rng(1)
    values, subjects = np.round(rng.normal(130, 18, 3000)), np.repeat(np.arange(1, 301), 10)
    assert not judged(numbers(PRESSURE, values, subjects)).of("digits")
    by_hand = np.where(rng.random(3000) < 0.4, np.round(values, -1), values)
    (one,) = judged(numbers(PRESSURE, by_hand, subjects)).of("digits")
    assert one.facts["digit"] == 0 and one.severity == "note"
    assert not judged(numbers(PRESSURE, np.round(values / 2) * 2, subjects)).of("digits"), "a device that reads in steps of two"


def test_flatlines():
    rng = np.random.default_rng(2)
    values, subjects = right("LOINC//2345-7", rng, people=60, each=30)
    values = np.round(values)
    assert not judged(numbers("LOINC//2345-7", values, subjects)).of("flatline")
    hung = values.copy()
    hung[30:42] = 187.0
    (one,) = judged(numbers("LOINC//2345-7", hung, subjects)).of("flatline")
    assert one.examples[0].patient_id == "p2"
    constant = np.repeat(np.round(rng.normal(170, 9, 60)), 30)
    assert not judged(numbers("LOINC//8302-2", constant, subjects)).of("flatline"), "adults keep their height"


def test_a_placeholder_at_a_limit():
    rng = np.random.default_rng(3)
    values, subjects = right("LOINC//2345-7", rng)
    assert not judged(numbers("LOINC//2345-7", values, subjects)).of("edge")
    (one,) = judged(numbers("LOINC//2345-7", np.where(rng.random(len(values)) < 0.03, 2999.0, values), subjects)).of("edge")
    assert one.facts["limit"] == shelf().plausible("LOINC//2345-7")[1]


def drifting(shift, people=150, days=0):
    rng = np.random.default_rng(4)
    early, late = rng.normal(140, 3, people), rng.normal(140 + shift, 3, people)
    subjects = np.arange(1, 2 * people + 1)
    return numbers("LOINC//2951-2", np.concatenate([early, late]), subjects, days=np.repeat([0.0, 400.0], people))


def test_drift_between_periods_and_not_of_small_samples():
    (one,) = judged(drifting(4.0)).of("drift_period")
    assert one.facts["since"] == 2025 and one.facts["psi"] > 0.25
    assert not judged(drifting(0.0)).of("drift_period")
    assert not judged(drifting(4.0, people=60)).of("drift_period"), "below the stated floor"


def test_drift_between_sites():
    sites = [event(s, "CONSILIUM//hospital", DAY, text="north" if s <= 150 else "south") for s in range(1, 301)]
    (one,) = judged(pa.concat_tables([drifting(4.0), table(sites)])).of("drift_site")
    assert one.facts["site"] in ("north", "south")
    assert not judged(pa.concat_tables([drifting(0.0), table(sites)])).of("drift_site")


def test_common_names_are_no_alarm():
    """Two hundred people of one name and sex, born in one year: some share a day by chance."""
    days = np.random.default_rng(5).integers(0, 365, 200)
    rows = [r for s, d in enumerate(days.tolist(), 1) for r in person(s, "Wang Wei", datetime(1960, 1, 1) + timedelta(d))]
    (one,) = found(rows, "person")
    assert one.severity == "note" and one.facts["expected_by_chance"] == pytest.approx(one.facts["pairs"], rel=0.3)


def test_what_intake_refused_counts_too():
    rejects = [
        Reject("f", f"r{i}", "outside plausible limits, 1.0 to 20.0 g/dL", "value", "LOINC//2885-2", f"{60 + i} g/dL", "p")
        for i in range(5)
    ]
    rejects += [Reject("f", "u", "unknown unit (expected mmol/L)", "value", "LOINC//2823-3", "16.8 mEqv/bottle", "p")]
    whole = report([look(table(person(1)), COMMITTED)], {1: "p"}, COMMITTED, rejects)
    assert whole.refused == 6
    assert {(f.check, f.code, f.facts.get("other")) for f in whole.findings} == {
        ("refused", "LOINC//2885-2", "g/L"), ("unit_unknown", "LOINC//2823-3", None),
    }  # fmt: skip


def test_codes_of_the_shelf_are_sound():
    assert {code: fault(code) for code in shelf().codes if fault(code)} == {}


def test_relations_hold_in_a_textbook_case():
    """Normal values of one person, written in canonical units, break no relation; each relation is broken by an extreme."""
    normal = {
        PRESSURE: 120, LOW: 80, "LOINC//8478-0": 93, "LOINC//96608-5": 118, "LOINC//96609-3": 78, "LOINC//2093-3": 190, "LOINC//2085-9": 50,
        "LOINC//13457-7": 115, "LOINC//1975-2": 0.8, "LOINC//1968-7": 0.2, "LOINC//2885-2": 7.1, "LOINC//1751-7": 4.3,
        "LOINC//10834-0": 2.8, "LOINC//4544-3": 42, "LOINC//718-7": 14, "LOINC//787-2": 91, "LOINC//789-8": 4.6, "LOINC//785-6": 30.4,
        "LOINC//786-4": 33.3, "LOINC//6690-2": 7, "LOINC//751-8": 4, "LOINC//33037-3": 11, "LOINC//2951-2": 140, "LOINC//2075-0": 103,
        "LOINC//2028-9": 26, "LOINC//2500-7": 330, "LOINC//2498-4": 100, "LOINC//9269-2": 15, "LOINC//9267-6": 4, "LOINC//9270-0": 5,
        "LOINC//9268-4": 6, "LOINC//39156-5": 24.2, "LOINC//29463-7": 70, "LOINC//8302-2": 170, "LOINC//62238-1": 95, "LOINC//2160-0": 0.9,
        "LOINC//59408-5": 97, "LOINC//2708-6": 98,
    }  # fmt: skip
    rows = [event(1, code, DAY, float(v), shelf().codes[code].unit) for code, v in normal.items()]
    assert not found([*person(1), *rows], "relation")
    for relation in relations():
        if relation.sex:
            continue
        left = next(code for code in relation.left if code in normal)
        wrong = [
            r | {"numeric_value": r["numeric_value"] * (0.01 if relation.low is not None else 10)} if r["code"] == left else r for r in rows
        ]
        broken = {f.facts["relation"] for f in found([*person(1), *wrong], "relation")}
        assert relation.id in broken, relation.id

"""Leaks of time: planted ones are found where they lie, honest studies are not suspected, and order changes nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from consilium.core.card import Bar, Card, Input, Question
from consilium.core.errors import LawError
from consilium.core.events import table
from consilium.core.features import Features
from consilium.core.question import Predicate
from consilium.intake import ingest
from consilium.quality.leak_report import Finding, kinds
from consilium.quality.leaks import check_time, leak_reasons
from consilium.record import Fold, cohort, folds, site_folds
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import cases
from consilium.specialists.roster import folder_of

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
planted = pytest.importorskip("planted")
planted_kinds = pytest.importorskip("planted_kinds")
pytest.importorskip("planted_held_out")  # registers further kinds

SOME = {
    "labs_known_when_drawn": 31,
    "bills_at_admission": 32,
    "laboratory_in_another_zone": 34,
    "outcome_in_note": 37,
    "max_of_stay_at_admission": 38,
    "length_of_stay": 39,
    "window_mean_both_sides": 40,
    "target_encoded_ward": 41,
    "same_chart_under_two_names": 43,
    "asked_six_hours_before_onset": 44,
    "survived_two_days": 45,
    "file_sorted_by_outcome": 46,
    "mean_of_stay_at_admission": 81,
    "smoothed_in_place": 82,
    "doses_of_stay_at_admission": 83,
    "kept_only_where_measured_again": 84,
    "filled_with_the_mean_of_the_class": 85,
    "ward_as_log_odds": 86,
    "bills_three_quarters_of_an_hour_after_admission": 87,
    "words_of_discharge_in_the_first_note": 88,
}
"""Kinds and the seeds of the hospitals they are planted in; none of them is a seed of the benchmark."""


def looked_at(w, events: pa.Table | None = None):
    given = w.table() if events is None else events
    asked = (w.rows(), w.labels())
    return check_time(given, w.card(), asked, w.folds(), matrix=w.matrix(), descriptions=w.descriptions, patients=w.patients())


@pytest.mark.parametrize("kind", SOME)
def test_a_planted_leak_is_found_where_it_lies(kind: str) -> None:
    w = planted.hospital(SOME[kind])
    w.columns = w.own_columns() if kind in planted_kinds.MATRIX else None
    places = planted_kinds.KINDS[kind](w)
    found = looked_at(w).findings
    assert any(place in finding.where for finding in found for place in places), found
    for finding in found:
        assert finding.count > 0 and finding.detail and finding.means("zh") and finding.do("en")


@pytest.mark.parametrize("seed", [51, 52])
def test_an_honest_hospital_is_not_suspected(seed: int) -> None:
    report = looked_at(planted.hospital(seed))
    assert report.passes, report.text()
    assert report.rows > 100 and report.events > 1000


def test_the_order_of_events_changes_nothing() -> None:
    w = planted.hospital(61)
    w.columns = None
    planted_kinds.KINDS["bills_at_admission"](w)
    planted_kinds.KINDS["correction_at_first_time"](w)
    events = w.table()
    shuffled = events.take(pa.array(np.random.default_rng(0).permutation(events.num_rows)))
    one, other = looked_at(w, events), looked_at(w, shuffled)
    assert one == other and one.findings


def test_the_example_ward_has_no_leak(tmp_path: Path) -> None:
    record = ingest([str(ROOT / "examples" / "ward" / "*.json")], tmp_path / "ward")
    assert check_time(record, None).findings == ()
    report = check_time(record, read_card(folder_of("heart_disease") / "card.yaml"))
    assert report.findings == () and any("Nobody was asked" in note for note in report.notes)


def test_breast_aspirates_have_no_leak_but_no_dates_either() -> None:
    from consilium.cli.verbs import training_data

    folder = folder_of("breast_mass")
    card = read_card(folder / "card.yaml")
    with training_data(folder, None) as (record, _):
        events = pa.concat_tables(list(record.events()))
        found = cases(card, events)
        report = check_time(record, card, splits=list(folds(found.y, 5, subjects=found.subjects)))
    assert report.findings == () and any("one assumed date" in note for note in report.notes)
    assert leak_reasons(card, events, found) == ()


def test_heart_disease_at_four_hospitals_has_no_leak_but_a_random_split_is_not_a_split_by_site(unzipped) -> None:
    from consilium.cli.verbs import training_data

    folder = folder_of("heart_disease")
    card = read_card(folder / "card.yaml")
    with training_data(folder, unzipped("uci_heart")) as (record, _):
        found = cases(card, pa.concat_tables(list(record.events())))
        honest = check_time(record, card, splits=list(site_folds(found.groups["site"], subjects=found.subjects)))
        mixed = check_time(record, card, splits=next(iter(folds(found.y, 5, subjects=found.subjects))))
    assert honest.findings == () and any("one assumed date" in note for note in honest.notes)
    assert [f.kind for f in mixed.findings] == ["site_in_both"]


def small_card(target: tuple[timedelta, timedelta]) -> Card:
    question = Question("ENCOUNTER//EMER", "LOINC//2524-7", target, positive_from=4.0)
    inputs = (Input("pulse", ("LOINC//8867-4",), "/min"),)
    bar = Bar(0.5, (0.0, 2.0), 1.0)
    return Card(
        "lactate",
        "1",
        {"en": "High lactate", "zh": "高乳酸"},
        "SNOMED//91302008",
        question,
        inputs,
        "logistic",
        "",
        "all",
        "none",
        bar,
        ("s",),
    )


def test_a_window_before_the_asking_is_told_by_the_card_alone() -> None:
    day = datetime(2026, 1, 2)
    events = table([{"subject_id": 1, "time": day, "available": day, "code": "ENCOUNTER//EMER"}])
    report = check_time(events, small_card((timedelta(hours=-6), timedelta(days=1))), ([(1, day)], [1]))
    assert [f.kind for f in report.findings] == ["target_before_asking"]
    assert check_time(events, small_card((timedelta(0), timedelta(days=1))), ([(1, day)], [1])).findings == ()


def test_reasons_name_the_leak() -> None:
    w = planted.hospital(62)
    w.columns = None
    planted_kinds.KINDS["constant_of_class"](w)
    reasons = leak_reasons(w.card(), w.table(), cases(w.card(), w.table()))
    assert any(r.startswith("too_good in flag") for r in reasons)


def test_a_patient_on_both_sides_is_counted() -> None:
    w = planted.hospital(63)
    w.columns = None
    train, test = w.folds()
    report = check_time(w.table(), w.card(), (w.rows(), w.labels()), Fold(train, np.concatenate([test, train[:4]])))
    assert [(f.kind, f.count) for f in report.findings if f.kind == "patient_in_both"] == [("patient_in_both", 4)]


def test_labels_and_matrix_must_fit_the_rows() -> None:
    day = datetime(2026, 1, 2)
    events = table([{"subject_id": 1, "time": day, "available": day, "code": "ENCOUNTER//EMER"}])
    card = small_card((timedelta(0), timedelta(days=1)))
    with pytest.raises(LawError, match="one entry a row"):
        check_time(events, card, ([(1, day)], [1, 0]))
    lone = Features(np.zeros((2, 1), np.float32), ("x",), ("1",), ((1, day), (1, day)), np.ones((2, 1), np.bool_))
    with pytest.raises(LawError, match="one entry a row"):
        check_time(events, card, ([(1, day)], [1]), matrix=lone)


def test_every_kind_is_described_in_both_languages_and_no_other_can_be_reported() -> None:
    assert len(kinds()) >= 30
    for parts in kinds().values():
        assert set(parts) == {"means", "evidence", "do"}
    with pytest.raises(LawError, match="nobody has described"):
        Finding("a_new_kind", "x", 1, (), 0.0)


def test_every_kind_that_the_checks_can_report_is_described_and_every_description_is_used() -> None:
    import re

    folder = ROOT / "src" / "consilium" / "quality"
    said = set(re.findall(r'Finding\(\s*"([a-z_]+)"', "".join(p.read_text(encoding="utf-8") for p in folder.glob("leak*.py"))))
    assert said == set(kinds())


@pytest.mark.parametrize("kind", ["asked_before_the_trigger", "asked_after_the_outcome", "survived_two_days", "sepsis_in_name", None])
def test_a_question_by_predicates_is_checked_as_one_by_codes(kind: str | None) -> None:
    w = planted.hospital(71)
    w.columns = None
    if kind:
        planted_kinds.KINDS[kind](w)
    card, asked = w.card(), (w.rows(), w.labels())
    question = card.question
    yes = tuple(text for text, value in question.of_text.items() if value)
    names = {"round": Predicate((question.trigger,)), "sick": Predicate((question.label,), columns={"text_value": yes})}
    named = replace(question, trigger="round", label="sick", of_text={}, predicates=names, followed=False)
    one = check_time(w.table(), card, asked, w.folds())
    other = check_time(w.table(), replace(card, question=named), asked, w.folds())
    assert [(f.kind, f.where, f.count) for f in one.findings] == [(f.kind, f.where, f.count) for f in other.findings]
    assert bool(one.findings) == (kind is not None)


def _chart(subject: int, code: str, at: datetime, **more: object) -> dict[str, object]:
    return {"subject_id": subject, "code": code, "time": at, "available": at} | more


def test_a_stay_that_ends_as_another_begins_is_a_transfer_and_one_that_ends_as_it_begins_is_a_leak() -> None:
    start = datetime(2026, 1, 1, 8, 3)
    rows = []
    for s in range(40):
        came, moved = start + timedelta(days=s), start + timedelta(days=s, hours=5)
        rows += [_chart(s, "ENCOUNTER//EMER", came), _chart(s, "ENCOUNTER//END//EMER", moved), _chart(s, "ENCOUNTER//IMP", moved)]
        rows += [_chart(s, "LOINC//8867-4", moved + timedelta(hours=h), numeric_value=80.0 + h, unit="/min") for h in (2, 9, 30)]
    assert check_time(table(rows), None).findings == ()
    rows += [_chart(s, "ENCOUNTER//END//IMP", start + timedelta(days=s, hours=5)) for s in range(40)]
    assert [(f.kind, f.where) for f in check_time(table(rows), None).findings] == [("end_known_early", "ENCOUNTER//END//IMP")]


def test_the_end_of_a_day_may_stand_at_midnight_but_a_beginning_may_not() -> None:
    days = [datetime(2026, 1, 1) + timedelta(days=n) for n in range(40)]
    ends = [_chart(n, "MEDICATION//END//RxNorm//2193", day) for n, day in enumerate(days)]
    assert check_time(table(ends), None).findings == ()
    begun = [row | {"code": "MEDICATION//RxNorm//2193"} for row in ends]
    assert [f.kind for f in check_time(table(begun), None).findings] == ["known_from_midnight"]


def test_a_clock_that_counts_from_an_assumed_date_is_said_and_not_suspected() -> None:
    zero = datetime(2009, 1, 1)
    rows = [row for s in range(60) for row in (_chart(s, "ENCOUNTER//IMP", zero), _chart(s, "ROUND", zero + timedelta(hours=1 + s % 7)))]
    report = check_time(table(rows), None)
    assert report.findings == () and any("one assumed date" in note for note in report.notes)


def test_the_bedside_of_those_nobody_followed_is_the_questions_own_affair() -> None:
    """Who is left out because the record ends is counted by the cohort; leaving out people with a short future by hand is a leak."""
    day = datetime(2026, 1, 1)
    rows = []
    for s in range(120):
        came, last = day + timedelta(days=s % 50), 40 if s % 3 else 2
        rows += [_chart(s, "ROUND", came), *(_chart(s, "VISIT", came + timedelta(days=d)) for d in range(1, last, 3))]
        rows += [_chart(s, "DEATH", came + timedelta(days=9))] if s % 3 and s % 4 == 0 else []
    dies = {"dies": Predicate(("DEATH",))}
    question = Question("ROUND", "dies", (timedelta(0), timedelta(days=30)), predicates=dies)
    card = replace(small_card((timedelta(0), timedelta(days=30))), question=question)
    kinds_of = {f.kind for f in check_time(table(rows), card).findings}
    assert "selected_by_the_future" not in kinds_of
    by_hand = replace(card, question=replace(question, followed=False))
    asked = cohort(table(rows), question)
    assert "selected_by_the_future" in {f.kind for f in check_time(table(rows), by_hand, asked).findings}


def test_a_unit_that_does_not_convert_hides_no_other_input() -> None:
    day = datetime(2026, 1, 2)
    rows = [_chart(1, "ENCOUNTER//EMER", day), _chart(1, "LOINC//8867-4", day, numeric_value=80.0, unit="mmol/L")]
    both = (Input("pulse", ("LOINC//8867-4",), "/min"), Input("age", ("MEDS_BIRTH",), "a", "age"))
    card = replace(small_card((timedelta(0), timedelta(days=1))), inputs=both)
    report = check_time(table(rows), card, ([(1, day)], [1]))
    assert [note for note in report.notes if "could not be read" in note and "pulse" in note]


def test_people_are_counted_and_not_the_hours_at_which_they_were_asked_about() -> None:
    """A value that each of sixty people keeps for forty hours divides cases from controls in rows, and says nothing of people."""
    start, random = datetime(2026, 1, 1, 7, 3), np.random.default_rng(5)
    events, rows, labels = [], [], []
    for s in range(60):
        came = start + timedelta(days=int(random.integers(0, 300)), minutes=int(random.integers(0, 600)))
        events += [_chart(s, "LOINC//8867-4", came, numeric_value=float(random.integers(50, 120)) + 0.5, unit="/min")]
        events += [_chart(s, "LOINC//2524-7", came + timedelta(hours=2), numeric_value=1.0, unit="mmol/L")]
        rows += [(s, came + timedelta(hours=h + 1)) for h in range(40)]
        labels += [int(random.random() < 0.4)] * 40
    report = check_time(table(events), small_card((timedelta(0), timedelta(days=1))), (rows, labels))
    assert report.rows == 2400 and not {f.kind for f in report.findings} & {"made_from_answers", "only_in_cases", "too_good", "order_tells"}


def test_of_many_rows_whole_subjects_are_left_out_and_it_is_said(monkeypatch) -> None:
    day = datetime(2026, 1, 2)
    events = table([_chart(s, "LOINC//8867-4", day, numeric_value=80.0, unit="/min") for s in range(400)])
    rows = [(s, day + timedelta(hours=h)) for s in range(400) for h in range(5)]
    card = small_card((timedelta(0), timedelta(days=1)))
    monkeypatch.setattr("consilium.quality.leaks.MOST_ROWS", 500)
    one, other = (check_time(events, card, (rows, [0] * len(rows))) for _ in range(2))
    assert one == other and 300 < one.rows < 700 and one.rows % 5 == 0
    assert any("25.0% were looked at" in note for note in one.notes)


def test_every_sentence_is_said_in_both_languages_with_the_same_facts_and_by_some_check() -> None:
    import re
    from string import Formatter

    import yaml

    folder = ROOT / "src" / "consilium" / "quality"
    book = yaml.safe_load((folder / "leak_words.yaml").read_text(encoding="utf-8"))
    for name, texts in book["sentences"].items():
        en, zh = ({field for _, field, _, _ in Formatter().parse(texts[language]) if field} for language in ("en", "zh"))
        assert en == zh, name
    code = "".join(p.read_text(encoding="utf-8") for p in folder.glob("leak*.py"))
    assert set(book["sentences"]) == {name for name in book["sentences"] if f'"{name}"' in code}
    assert set(re.findall(r'\b(?:said|tell)\(\s*"([a-z_]+)"', code)) <= set(book["sentences"])


def test_findings_and_notes_are_chinese_in_a_chinese_report() -> None:
    w = planted.hospital(91)
    w.columns = None
    planted_kinds.KINDS["bills_at_admission"](w)
    report = check_time(w.table(), w.card(), (w.rows(), w.labels()))
    told = report.text("zh")
    assert "住院开始后 0 分钟" in told and "没有给出分割" in told and "codes of its kind" not in told
    assert "0 minutes after a stay began" in report.text("en")

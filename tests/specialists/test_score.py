"""Score: the same numbers and the same silences for a whole record as for one patient at the bedside."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from consilium.cli import verbs
from consilium.cli.verbs import example_ward
from consilium.core.consultation import Absence
from consilium.core.errors import LawError, NotFoundError, RecordError
from consilium.core.events import table
from consilium.core.question import Criterion, Joined, Predicate, Question
from consilium.council.phrase import phrases
from consilium.intake import ingest
from consilium.knowledge import shelf
from consilium.models.site import Site
from consilium.record import Record, features, subject_id, writing
from consilium.specialists import roster
from consilium.specialists.examine import examine
from consilium.specialists.roster import Specialist, seat
from consilium.specialists.score import COLUMNS, LEFT_OUT, NOT_RAISED, OUTSIDE_TRAINING, UNLIKE_TRAINING, score
from consilium.specialists.site_file import write_site

SEATED = roster().seated


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The example ward, and the examples of every seat beside it, so that each is asked about somebody it can answer for."""
    folder = tmp_path_factory.mktemp("score") / "ward"
    ingest([example_ward()], folder)
    rows, people = [], {}
    for specialist in SEATED:
        for path in sorted((specialist.folder / "examples").glob("*.json")):
            person = f"{specialist.name} {path.stem}"
            people[subject_id(person)] = person
            for number, event in enumerate(json.loads(path.read_text())["events"]):
                time = datetime.fromisoformat(event["time"]) if "time" in event else None
                own = {"subject_id": subject_id(person), "source_id": f"{person}/{number}", "time": time, "available": time}
                rows.append({**event, **own})
    with writing(folder) as writer:
        writer.add(table(rows), people)
        return writer.commit({})


def _at_the_bedside(specialist: Specialist, record: Record, patient_id: str, as_of: datetime) -> tuple[object, ...]:
    patient = record.patient(patient_id, as_of)
    subject = dict(record.patients())[patient_id]
    matrix = features(patient.events, specialist.seat.card.inputs, [(subject, patient.as_of)], trace=True)
    outcome = examine(specialist, patient, matrix, phrases("en", shelf())).outcome
    if isinstance(outcome, Absence):
        return (NOT_RAISED, None, None, None)
    return ("abstained" if outcome.abstained else "answered", outcome.probability, outcome.low, outcome.high)


@pytest.mark.parametrize("specialist", SEATED, ids=lambda s: s.name)
def test_a_record_is_scored_as_each_patient_is_at_the_bedside(specialist: Specialist, ward: Record, tmp_path: Path) -> None:
    written = score(ward, specialist, tmp_path / "scores")
    rows = written.read()
    assert rows.schema.equals(COLUMNS)
    ids = {subject: patient for patient, subject in ward.patients()}
    assert sorted(rows["subject_id"].to_pylist()) == sorted(ids)
    kinds = set()
    for row in rows.to_pylist():
        kind, probability, low, high = _at_the_bedside(specialist, ward, ids[row["subject_id"]], row["as_of"])
        # Who is left out by the question's criteria is not asked about at the bedside either.
        silent = row["abstained"] in (NOT_RAISED, LEFT_OUT)
        said = NOT_RAISED if silent else row["abstained"] and "abstained"
        assert (said or "answered") == kind
        kinds.add(kind)
        found = [row[key] for key in ("probability", "low", "high")]
        if kind == "answered":
            np.testing.assert_allclose(found, [probability, low, high], rtol=1e-12)
        else:
            assert found == [None, None, None]
    assert {"answered", NOT_RAISED} <= kinds, "a test that meets only one outcome proves little"
    assert sum(written.counts.values()) == written.rows == len(ids)


def test_a_record_is_scored_with_the_calibration_of_the_site(ward: Record, tmp_path: Path) -> None:
    specialist = next(s for s in SEATED if s.name == "breast_mass")
    put_right = Site(0.8, -1.0, (0.04, 0.0, 0.01), "slope", 200, 80)
    site = tmp_path / "ours"
    write_site(site, specialist.name, "1.0", specialist.model.sha256, put_right, fingerprint="", period="")
    shipped, ours = (verbs.score(specialist.name, ward, tmp_path / f"{n}", site=at).read() for n, at in enumerate((None, site)))
    seated = seat(specialist.folder, site)
    answered = {row["subject_id"] for row in shipped.to_pylist() if row["probability"] is not None}
    ids = {subject: patient for patient, subject in ward.patients()}
    rows = [row for row in ours.to_pylist() if row["subject_id"] in answered]
    for row in rows:
        _, probability, low, high = _at_the_bedside(seated, ward, ids[row["subject_id"]], row["as_of"])
        np.testing.assert_allclose([row[key] for key in ("probability", "low", "high")], [probability, low, high], rtol=1e-12)
    assert rows and not ours.equals(shipped)
    with pytest.raises(NotFoundError, match="no folder of site calibrations"):
        verbs.score(specialist.name, ward, tmp_path / "2", site=tmp_path / "nowhere")


@pytest.mark.parametrize("specialist", SEATED[:1], ids=lambda s: s.name)
def test_moments_that_are_given(specialist: Specialist, ward: Record, tmp_path: Path) -> None:
    latest = score(ward, specialist, tmp_path / "latest").read()
    pairs = list(zip(latest["subject_id"].to_pylist(), latest["as_of"].to_pylist(), strict=True))
    earlier = [(subject, at - timedelta(days=9_000)) for subject, at in pairs]
    both = score(ward, specialist, tmp_path / "both", moments=[*pairs, *earlier], workers=2).read()
    late = both.filter(
        pa.array([(s, at) in set(pairs) for s, at in zip(both["subject_id"].to_pylist(), both["as_of"].to_pylist(), strict=True)])
    )
    assert late.sort_by("subject_id").equals(latest.sort_by("subject_id"))
    assert both.num_rows == 2 * latest.num_rows
    assert set(both["abstained"].to_pylist()) >= {None, NOT_RAISED}
    one = score(ward, specialist, tmp_path / "one", moments=datetime(2100, 1, 1)).read()
    assert sorted(one["subject_id"].to_pylist()) == sorted(s for s, _ in pairs)
    with pytest.raises(LawError, match="columns"):
        score(ward, specialist, tmp_path / "no", moments=pa.table({"subject_id": [1]}))


@pytest.mark.parametrize("specialist", SEATED[:1], ids=lambda s: s.name)
def test_scores_of_one_specialist_are_not_gone_on_with_by_another(specialist: Specialist, ward: Record, tmp_path: Path) -> None:
    first = score(ward, specialist, tmp_path / "scores")
    again = score(ward, specialist, tmp_path / "scores")
    assert again.already == len(first.files) and again.counts == first.counts and again.rows == first.rows
    with pytest.raises(RecordError, match="something else"):
        score(ward, SEATED[1], tmp_path / "scores")


def test_a_value_beyond_training_is_named(ward: Record, tmp_path: Path) -> None:
    from consilium.specialists.score import scores

    specialist = SEATED[0]
    card = specialist.seat.card
    limits, usual = specialist.model.meta["limits"], specialist.model.meta["medians"]
    n = len(card.inputs)
    # An ordinary patient; one with a value far beyond training; one whose values are all the highest seen, each in range, never together.
    X = np.array([usual, usual, limits["max"]], dtype=np.float32)
    X[1, 0] = limits["max"][0] * 4 + 1
    from consilium.core.features import Features

    rows = tuple((subject, datetime(2026, 1, 1)) for subject in (1, 2, 3))
    matrix = Features(X, tuple(i.name for i in card.inputs), ("1",) * n, rows, np.ones_like(X, dtype=bool))
    age = np.mean(card.population.age)
    who = np.array([[age, "F" in card.population.sexes, "F" not in card.population.sexes]] * 3, dtype=np.float32)
    people = Features(who, ("age", "female", "male"), ("a", "1", "1"), rows, np.ones_like(who, dtype=bool))
    found = scores(card, specialist.model, matrix, people, np.array(["", "", ""], dtype=object))
    assert found.abstained.tolist() == [None, OUTSIDE_TRAINING, UNLIKE_TRAINING]
    assert found.about.tolist()[:2] == [None, card.inputs[0].name] and found.about[2]
    assert np.isnan(found.probability[1:]).all() and 0 <= found.low[0] <= found.probability[0] <= found.high[0] <= 1


def _asking(specialist: Specialist, question: Question) -> Specialist:
    return replace(specialist, seat=replace(specialist.seat, card=replace(specialist.seat.card, question=question)))


def test_a_trigger_that_is_a_predicate_raises_the_question_at_the_bedside(ward: Record) -> None:
    """The named predicate opens the question where its code did, later where it counts fewer events, and never where it has none."""
    specialist = next(s for s in SEATED if s.name == "heart_disease")
    question = specialist.seat.card.question
    code = question.trigger
    people = [patient for patient, _ in ward.patients()]
    latest = {patient: ward.patient(patient).as_of for patient in people}

    def heard(asking: Specialist) -> dict[str, str]:
        return {patient: str(_at_the_bedside(asking, ward, patient, latest[patient])[0]) for patient in people}

    plain = heard(specialist)
    assert {"answered", NOT_RAISED} <= set(plain.values())
    named = {"asked": Predicate((code,)), "either": Joined(("asked", "none"), False), "none": Predicate(("NOWHERE",))}
    for trigger, expected in (("asked", plain), ("either", plain), ("none", dict.fromkeys(people, NOT_RAISED))):
        assert heard(_asking(specialist, replace(question, trigger=trigger, predicates=named))) == expected
    delayed = heard(_asking(specialist, replace(question, delay=timedelta(days=36_500))))
    assert delayed == dict.fromkeys(people, NOT_RAISED)


def test_at_the_bedside_a_criterion_keeps_silent_and_says_why(ward: Record) -> None:
    specialist = next(s for s in SEATED if s.name == "heart_disease")
    question = replace(specialist.seat.card.question, criteria=(Criterion("never seen before", "_ANY_EVENT", None, 0),))
    patient = next(p for p, _ in ward.patients() if _at_the_bedside(specialist, ward, p, ward.patient(p).as_of)[0] == "answered")
    chart = ward.patient(patient)
    matrix = features(chart.events, specialist.seat.card.inputs, [(dict(ward.patients())[patient], chart.as_of)], trace=True)
    for language in ("en", "zh"):
        outcome = examine(_asking(specialist, question), chart, matrix, phrases(language, shelf())).outcome
        assert isinstance(outcome, Absence) and "never seen before" in outcome.reason


def test_the_narrower_of_the_cards_two_ages_counts(ward: Record) -> None:
    specialist = next(s for s in SEATED if s.name == "heart_disease")
    patient = next(p for p, _ in ward.patients() if _at_the_bedside(specialist, ward, p, ward.patient(p).as_of)[0] == "answered")
    old = _asking(specialist, replace(specialist.seat.card.question, age=(0.0, 1.0)))
    assert _at_the_bedside(old, ward, patient, ward.patient(patient).as_of)[0] == "abstained"

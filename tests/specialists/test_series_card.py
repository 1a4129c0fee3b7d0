"""A card with a series, from its YAML to an opinion at the bedside: fitted, proven, sealed twice, seated, and heard."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from consilium.core.errors import CardError
from consilium.core.events import table
from consilium.core.opinion import Opinion
from consilium.core.patient import Patient
from consilium.council import consult
from consilium.models.stream import Stream
from consilium.record.series import series
from consilium.specialists import Roster
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import cases
from consilium.specialists.fit import fit_and_prove
from consilium.specialists.roster import STREAM, seat
from consilium.specialists.sight import grid, names, sight

ADMITTED, HOUR = datetime(2026, 1, 5, 8), timedelta(hours=1)
RATE, LACTATE = "LOINC//8867-4", "LOINC//2524-7"
YES, NO = "SNOMED//373066001", "SNOMED//373067005"
CARD = """
name: worsening
version: "1.0"
title: {en: Worsening, zh: 恶化}
condition: CONSILIUM//in-hospital-death
question:
  trigger: ENCOUNTER//CONSILIUM//icu
  delay: 6h
  label: CONSILIUM//in-hospital-death
  values: {SNOMED//373066001: 1, SNOMED//373067005: 0}
  target: [0d, 2d]
intended: a test
not_for: patients
inputs:
  - {name: age, code: MEDS_BIRTH, unit: a, take: age, required: true, label: {en: age, zh: 年龄}}
series:
  step: 1h
  length: 7
  inputs:
    - {name: heart_rate, code: LOINC//8867-4, unit: /min}
    - {name: lactate, code: LOINC//2524-7, unit: mmol/L}
learner: gru
parameters: {units: 6, epochs: 15, batch: 16, rate: 0.02}
compare: [logistic, gru]
why: a test
proof: {kind: cross, folds: 2, subgroups: [sex]}
bar: {auroc_low: 0.6, slope: [0.1, 10], subgroup_gap: 1.0}
sources: [silva_2012]
"""


def stay(subject, rising, draw, begins=0):
    """Eight hours of somebody whose heart rate rises, or does not; lactate is measured now and then."""
    at = lambda hours: ADMITTED + hours * HOUR  # noqa: E731
    rows = [
        ("MEDS_BIRTH", datetime(1950 + subject % 40, 3, 1), None, None),
        ("GENDER//M" if subject % 2 else "GENDER//F", None, None, None),
    ]
    rows.append(("ENCOUNTER//CONSILIUM//icu", at(0), None, None))
    for hour in range(begins, 6):
        rows.append((RATE, at(hour + 0.5), 80 + 8 * rising * hour + 5 * draw.normal(), None))
        if draw.random() < 0.3:
            rows.append((LACTATE, at(hour + 0.6), float(np.clip(np.exp(0.3 * draw.normal() + 0.1 * rising * hour), 0.8, 1.6)), None))
    rows.append(("CONSILIUM//in-hospital-death", at(20), None, YES if rising else NO))
    units = {RATE: "/min", LACTATE: "mmol/L"}
    return [
        {"subject_id": subject, "code": code, "time": time, "available": time, "numeric_value": value, "text_value": text,
         "unit": units.get(code), "source_id": f"{subject}/{number}"}
        for number, (code, time, value, text) in enumerate(rows)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def worsening(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "worsening"
    folder.mkdir()
    (folder / "card.yaml").write_text(CARD)
    card = read_card(folder / "card.yaml")
    draw = np.random.default_rng(0)
    rows = [row for subject in range(120) for row in stay(subject, bool(draw.random() < 0.4), draw, begins=int(draw.integers(5)))]
    told = []
    fit_and_prove(card, [table(rows)], folder, "invented stays", progress=told.append)
    return SimpleNamespace(card=card, specialist=seat(folder), rows=rows, folder=folder, told=told)


def heard(worsening, rows, language="en"):
    known = [row for row in rows if row["time"] is None or row["time"] <= ADMITTED + 6 * HOUR]
    patient = Patient("1", ADMITTED + 6 * HOUR, table(known))
    return consult(patient, roster=Roster((worsening.specialist,), ()), language=language)


def test_it_sits_and_both_files_belong_together(worsening):
    assert worsening.specialist.seat.report.learner == "gru"
    assert {r.learner for r in worsening.specialist.seat.report.comparisons} == {"logistic", "gru"}
    assert set(worsening.specialist.seat.report.missing) == {"age", "heart_rate", "lactate"}
    assert Stream.load(worsening.folder / STREAM).model_sha256 == worsening.specialist.model.sha256
    assert any("pass" in words for words in worsening.told)


def test_an_opinion_has_one_reason_for_each_channel_with_times_and_events(worsening):
    rows = stay(901, True, np.random.default_rng(5), begins=2)
    (opinion,) = heard(worsening, rows).opinions
    assert isinstance(opinion, Opinion) and opinion.probability is not None
    total = sum(e.weight for e in opinion.evidence)
    assert total == pytest.approx(np.log(opinion.probability / (1 - opinion.probability)), abs=1e-3)
    rate = next(e for e in opinion.evidence if e.code == RATE)
    sent = {row["source_id"]: row for row in rows}
    assert rate.event_ids and sent[rate.event_ids[0]]["numeric_value"] == pytest.approx(rate.value, rel=1e-6)
    assert rate.time == sent[rate.event_ids[0]]["time"]
    assert any("covers 4 of the 7 hours" in e.statement for e in opinion.evidence), "the record began two hours late"
    assert any("心率" in e.statement for e in heard(worsening, rows, "zh").opinions[0].evidence)


def test_a_channel_never_seen_is_named_as_missing(worsening):
    rows = [row for row in stay(902, True, np.random.default_rng(6)) if row["code"] != LACTATE]
    answer = heard(worsening, rows)
    assert any(m.code == LACTATE for m in answer.missing)
    assert any(e.kind == "missing" and e.code == LACTATE for e in answer.opinions[0].evidence)


def test_a_rising_rate_says_more_than_a_steady_one(worsening):
    rising, steady = (heard(worsening, stay(903, how, np.random.default_rng(7))).opinions[0].probability for how in (True, False))
    assert rising > steady + 0.1


def test_the_stream_says_at_each_hour_what_the_whole_says(worsening):
    card, model = worsening.card, worsening.specialist.model
    stream = Stream.load(worsening.folder / STREAM)
    rows = [row for row in stay(904, True, np.random.default_rng(8)) if row["code"] != "CONSILIUM//in-hospital-death"]
    state = stream.begin()
    for hour in range(7):
        moment = ADMITTED + hour * HOUR
        features = sight(card, table(rows), [(904, moment)])
        fixed, cells = grid(card).split(features.X)
        found, state = stream.step(state, cells[:, -1], fixed)
        assert found[0] == pytest.approx(model.log_odds(features.X)[0], abs=1e-5)
    assert features.names == names(card)


def test_training_sees_what_the_bedside_sees(worsening):
    found = cases(worsening.card, table(worsening.rows))
    own = [row for row in worsening.rows if row["subject_id"] == 7]
    (at,) = [n for n, subject in enumerate(found.subjects) if subject == 7]
    alone = series(table(own), worsening.card.series, [found.features.rows[at]])
    np.testing.assert_array_equal(alone.X[0], found.features.X[at, 1:])


def test_a_series_that_cannot_be_read_is_refused(worsening, tmp_path):
    folder = tmp_path / "worsening"
    folder.mkdir()
    for wrong in (
        CARD.replace("length: 7", "length: 0"),
        CARD.replace("  step: 1h", "  stride: 1h"),
        CARD.replace("name: lactate", "name: age"),
    ):
        (folder / "card.yaml").write_text(wrong)
        with pytest.raises(CardError):
            read_card(folder / "card.yaml")

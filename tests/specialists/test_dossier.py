"""A dossier made from a record: an honest study, and the same study with a flaw planted in its data or its splits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from consilium.core.card import Bar, Card, Input, Population, Proof, Question
from consilium.core.events import table
from consilium.record import Fold, folds
from consilium.specialists import roster
from consilium.specialists.cases import cases
from consilium.specialists.dossier import gather, keep_reference, write_dossier
from consilium.specialists.drift import REFERENCE, read_reference
from consilium.specialists.prove import assemble, probability, train
from consilium.validation import learner_result, measure
from consilium.validation.dossier import judge

LABEL, PRESSURE, LACTATE, MARK = "CONDITION//SNOMED//53741008", "LOINC//8480-6", "LOINC//2524-7", "LOINC//6598-7"
CARD = Card(
    name="synthetic", version="1.0", title={"en": "Synthetic", "zh": "模拟"}, condition="SNOMED//53741008",
    question=Question(PRESSURE, LABEL, (timedelta(0), timedelta(days=30)), of_text={"yes": 1, "no": 0}),
    inputs=(
        Input("age", ("MEDS_BIRTH",), "a", "age", required=True),
        Input("pressure", (PRESSURE,), "mm[Hg]"),
        Input("lactate", (LACTATE,), "mmol/L"),
    ),
    learner="logistic", why="it can be read", intended="Adults.", not_for="Children.",
    bar=Bar(0.6, (0.5, 2.0), 0.2), sources=("detrano_1989",),
    population=Population((18, 110)), proof=Proof(subgroups=("sex",)), threshold=0.3,
)  # fmt: skip


def chart(*, mark: bool = False, n: int = 700) -> pa.Table:
    """Patients over two years; `mark` adds a laboratory value that only those who will have the condition carry."""
    random = np.random.default_rng(3)
    rows = []
    for s in range(n):
        at = datetime(2022, 1, 1) + timedelta(days=float(random.uniform(0, 700)), minutes=float(random.integers(0, 1000)))
        age, pressure, lactate = random.uniform(25, 90), random.normal(130, 18), random.gamma(3, 0.6)
        ill = random.random() < 1 / (1 + np.exp(-(0.05 * (age - 60) + 0.03 * (pressure - 130) + 0.8 * (lactate - 1.8))))
        told = [
            ("MEDS_BIRTH", at - timedelta(days=365.25 * age), None, "", None), (f"GENDER//{'FM'[s % 2]}", None, None, "", None),
            (PRESSURE, at, round(pressure, 1), "mm[Hg]", None), (LACTATE, at - timedelta(hours=2), round(lactate, 2), "mmol/L", None),
            (LABEL, at + timedelta(days=float(random.uniform(2, 20))), None, "", "yes" if ill else "no"),
        ]  # fmt: skip
        if mark:
            told.append((MARK, at - timedelta(hours=1), round(float(random.normal(900 if ill else 5, 1)), 2), "ng/L", None))
        for code, time, number, unit, text in told:
            known = time + timedelta(hours=1) if number is not None and time and code != PRESSURE else time
            rows.append(
                {"subject_id": s, "code": code, "time": time, "available": known, "numeric_value": number, "unit": unit, "text_value": text}
            )
    return table(rows)


def study(events: pa.Table, card: Card = CARD, splits=None):
    found = cases(card, events)
    splits = splits or list(folds(found.y, 4, subjects=found.subjects))
    p = np.empty(len(found.y))
    for fit_rows, rest in splits:
        p[rest] = probability(train(card.learner, found.features.X[fit_rows], found.y[fit_rows]), found.features.X[rest])
    groups = {"sex": found.groups["sex"].tolist()}
    own = tuple(learner_result(name, found.y, p, 1.0) for name in ("logistic", "tree", "forest"))
    report = assemble(card, found, p, measure(found.y, p, groups=groups), own, "4 folds by patient", "ab" * 32, "synthetic", ())
    return gather(card, report, found, p, events, study="development", dated=True, splits=splits), found, p


@pytest.fixture(scope="module")
def honest():
    return study(chart())


def test_an_honest_study_has_nothing_against_it(honest):
    facts, *_ = honest
    found = judge(facts)
    assert facts.leaks == () and {a.number for a in found.answers if a.answer in ("no", "probably no")} == set()
    assert found.of("predictors").risk == found.of("analysis").risk == "low"
    assert facts.forward is not None and facts.periods is not None and facts.sites is None
    assert 0.6 < facts.forward.auroc.value < 0.95 and {g.name.partition(":")[0] for g in facts.groups} == {"sex", "age"}


def test_patients_on_both_sides_turn_the_analysis(honest):
    _, found, _ = honest
    half = len(found.y) // 2
    leaking = [Fold(np.arange(half + 40), np.arange(half, len(found.y))), Fold(np.arange(half, len(found.y)), np.arange(half))]
    facts, *_ = study(chart(), splits=leaking)
    answer = next(a for a in judge(facts).answers if a.number == "4.8")
    assert judge(facts).of("analysis").risk == "high" and answer.answer == "no"
    assert "patient_in_both" in answer.evidence[0][0] and answer.evidence[0][1] == "#leaks"
    assert sum(s.straddling for s in facts.splits) == 40


def test_an_input_that_knows_the_label_turns_predictors_and_outcome():
    card = replace(CARD, inputs=(*CARD.inputs, Input("troponin", (MARK,), "ng/L")))
    facts, *_ = study(chart(mark=True), card)
    found = judge(facts)
    assert found.of("predictors").risk == found.of("outcome").risk == "high"
    answer = next(a for a in found.answers if a.number == "2.2")
    assert any(word in answer.evidence[0][0] for word in ("too_good", "only_in_cases"))


def test_few_events_turn_the_analysis():
    facts, *_ = study(chart(n=60))
    assert facts.sample.per_parameter < 20
    small = replace(facts, sample=replace(facts.sample, per_parameter=facts.sample.per_parameter / 3))
    assert judge(small).of("analysis").risk == "high" and "4.1" in judge(small).of("analysis").because


def test_one_moment_for_everybody_is_no_date():
    at = pa.scalar(datetime(1988, 1, 1), pa.timestamp("us"))
    events = chart(n=120)
    numbers = pa.compute.is_in(events["code"], value_set=pa.array([PRESSURE, LACTATE]))
    for name in ("time", "available"):
        moved = pa.compute.if_else(numbers, at, events[name])
        moved = pa.compute.if_else(pa.compute.equal(events["code"], LABEL), pa.scalar(datetime(1988, 1, 5), pa.timestamp("us")), moved)
        events = events.set_column(events.schema.get_field_index(name), events.schema.field(name), moved)
    facts, *_ = study(events)
    answers = {a.number: a.answer for a in judge(facts).answers}
    assert not facts.dated and facts.periods is None and answers["3.6"] == "no information"


def test_it_is_written_whole(honest, tmp_path):
    facts, found, p = honest
    write_dossier(facts, tmp_path)
    keep_reference(CARD, found, p, "ab" * 32, tmp_path)
    assert {f.name for f in tmp_path.iterdir()} == {"dossier.html", "dossier.json", "model_card.json", "model_card.xml", "reference.json"}
    held = json.loads((tmp_path / "dossier.json").read_text())
    assert held["facts"]["sample"]["n"] == len(found.y) and read_reference(tmp_path)["n"] == len(found.y)


@pytest.mark.parametrize("specialist", [s for s in roster().seated if (s.folder / REFERENCE).is_file()], ids=lambda s: s.name)
def test_what_ships_is_about_the_model_that_ships(specialist):
    assert read_reference(specialist.folder)["model_sha256"] == specialist.model.sha256
    assert json.loads((specialist.folder / "dossier.json").read_text())["model_sha256"] == specialist.model.sha256

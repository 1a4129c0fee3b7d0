"""Reflect: verdicts, similar patients and what would change an answer, on a model fitted to real patients."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from consilium.cli.verbs import training_data
from consilium.core import Patient
from consilium.core.card import Input
from consilium.core.code import BIRTH
from consilium.core.errors import CardError
from consilium.core.events import table
from consilium.core.seat import Seat
from consilium.council import consult
from consilium.models.served import ServedModel
from consilium.render.fhir import bundle
from consilium.render.json import consultation_from_json, json_bytes
from consilium.render.page import page
from consilium.render.text import text
from consilium.specialists import Roster
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import bedside_groups, cases
from consilium.specialists.fit import fit
from consilium.specialists.roster import Specialist, folder_of, seat

BORN = datetime(1950, 1, 1)
AS_OF = datetime(2012, 6, 1)


@pytest.fixture(scope="module")
def heart(unzipped, tmp_path_factory):
    """The heart specialist fitted anew on all patients, and the cases it was fitted on."""
    folder = folder_of("heart_disease")
    with training_data(folder, Path(unzipped("uci_heart"))) as (record, about):
        card, events = read_card(folder / "card.yaml"), pa.concat_tables(list(record.events()))
    fitted = fit(card, [events], tmp_path_factory.mktemp("heart"), about)
    return Specialist(Seat(card, seat(folder).seat.report), fitted.model, fitted.folder), cases(card, events)


def person(pressure=170.0, cholesterol=330.0, sex="M", pain="SNOMED//84387000", **more):
    def event(code, value=None, unit=None, said=None, time=AS_OF):
        return {"subject_id": 1, "time": time, "code": code, "numeric_value": value, "text_value": said, "unit": unit, "available": time}

    rows = [
        event(BIRTH, time=BORN), event(f"GENDER//{sex}", time=BORN), event("CONSILIUM//chest-pain-type", said=pain),
        event("LOINC//8480-6", pressure, "mm[Hg]"), event("LOINC//2093-3", cholesterol, "mg/dL"),
        *(event(code, value, unit) for code, (value, unit) in more.items()),
    ]  # fmt: skip
    return Patient("1", AS_OF, table(rows))


def heard(specialist, patient, language="en"):
    return consult(patient, roster=Roster((specialist,), ()), language=language)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_opinion_says_whether_it_decides_and_every_form_shows_it(heart, language):
    from consilium.knowledge import shelf

    patient = person()
    consultation = heard(heart[0], patient, language)
    opinion = consultation.opinions[0]
    assert opinion.verdict.level == 0.9 and "sex: men" in opinion.verdict.groups
    assert "90" in opinion.verdict.statement and opinion.similar.n >= 10
    assert opinion.changes and all(0 <= c.probability <= 1 for c in opinion.changes)
    told = [opinion.verdict.statement, opinion.similar.statement, *(c.statement for c in opinion.changes)]
    forms = {
        "text": text(consultation, shelf(), color=False, width=1000),
        "page": page(consultation, patient, shelf()),
        "fhir": json.dumps(bundle(consultation, shelf()), ensure_ascii=False),
    }
    for form, shown in forms.items():
        for sentence in told:
            assert sentence in shown, (form, sentence)
    assert consultation_from_json(json_bytes(consultation)) == consultation


def test_the_verdict_is_that_of_the_sets(heart):
    specialist, found = heart
    answers = specialist.model.answers(found.features.X, bedside_groups(found.groups))
    held = answers[np.arange(len(found.y)), found.y]
    assert 0.88 < held.mean() < 0.95
    assert answers.all(axis=1).mean() > 0.1


def test_changes_stay_inside_reference_and_training_and_only_go_the_way_the_card_allows(heart):
    specialist, _ = heart
    card = specialist.seat.card
    allowed = {i.name for i in card.inputs if i.changeable}
    changes = heard(specialist, person()).opinions[0].changes
    assert changes
    for change in changes:
        for shift in change.shifts:
            assert shift.name in allowed and shift.to < shift.value
            assert (
                shift.to >= specialist.model.meta["limits"]["p0_5"][card.inputs.index(next(i for i in card.inputs if i.name == shift.name))]
            )
    # Within the reference range there is nothing to change.
    assert heard(specialist, person(pressure=115.0, cholesterol=180.0)).opinions[0].changes == ()


def test_what_a_change_promises_is_what_the_model_says_then(heart):
    specialist, _ = heart
    change = heard(specialist, person()).opinions[0].changes[0]
    moved = {shift.code: shift.to for shift in change.shifts}
    again = heard(specialist, person(moved.get("LOINC//8480-6", 170.0), moved.get("LOINC//2093-3", 330.0))).opinions[0]
    assert again.probability == pytest.approx(change.probability, abs=1e-6)


def test_no_row_of_training_is_in_the_file_and_no_group_is_smaller_than_ten(heart):
    specialist, found = heart
    model, X = specialist.model, found.features.X
    assert model.prototypes.n.min() >= 10 and model.prototypes.n.sum() == len(X)
    assert model.prototypes.events.sum() == found.y.sum()
    lists = []

    def gather(value):
        if isinstance(value, dict):
            for v in value.values():
                gather(v)
        elif isinstance(value, list):
            if len(value) == X.shape[1] and all(v is None or isinstance(v, (int, float)) for v in value):
                lists.append([np.nan if v is None else float(v) for v in value])
            for v in value:
                gather(v)

    gather(model.meta)
    held = np.array(lists)
    assert len(held) > len(model.prototypes.n)
    for row in X.astype(np.float64):
        same = np.isclose(held, row, rtol=1e-4, atol=1e-6) | (np.isnan(held) & np.isnan(row))
        assert not same.all(axis=1).any()


def test_values_that_are_unlike_together_make_it_abstain_though_each_is_in_range(heart):
    specialist, found = heart
    card = specialist.seat.card
    names = [i.name for i in card.inputs]
    row = np.nanmedian(found.features.X, axis=0)[None].copy()
    row[0, [names.index("pain_typical"), names.index("pain_atypical"), names.index("pain_other")]] = 1.0
    assert specialist.model.outside(row) == [[]]
    assert {"pain_typical", "pain_atypical"} & set(specialist.model.strange(row)[0])
    assert specialist.model.strange(np.nanmedian(found.features.X, axis=0)[None]) == [[]]


def test_an_old_model_file_without_any_of_it_still_speaks(heart):
    shipped = seat(folder_of("breast_mass")).model
    from dataclasses import replace

    bare: ServedModel = replace(shipped, sets=None, familiarity=None, prototypes=None)
    middle = np.array([bare.meta["medians"]], dtype=np.float32)
    assert bare.strange(middle) == [[]] and bare.outside(middle) == [[]]


@pytest.mark.parametrize(
    "wrong", [{"changeable": "sideways"}, {"changeable": "up", "take": "age"}, {"changeable": "up", "of_text": {"a": 1.0}}]
)
def test_what_cannot_be_changed_is_refused_in_the_card(wrong):
    with pytest.raises(CardError):
        Input("x", ("LOINC//1-8",), "1", **wrong)

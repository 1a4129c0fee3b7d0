"""Polygenic scores at the bedside: from events to a risk with its caveats, in every form and in both languages."""

from __future__ import annotations

from datetime import datetime

import orjson
import pytest

from consilium.core import Patient
from consilium.core.events import table
from consilium.council.chart import chart
from consilium.council.consult import consult
from consilium.knowledge import shelf
from consilium.render.fhir import bundle
from consilium.render.json import consultation_from_json, json_bytes
from consilium.render.page import page
from consilium.render.text import text
from consilium.specialists import Roster

READ = {"called": 300, "total": 313, "expected": 13, "left_out": 0.0, "spread": 0.1, "uncounted": 0}
NOBODY = Roster((), ())


def _patient(value: float | None = 0.3, *, sex: str = "GENDER//F", told: dict | None = None, more: tuple[dict, ...] = ()) -> Patient:
    on = datetime(2026, 1, 3)
    score = {"code": "POLYGENIC//PGS//PGS000004", "text_value": orjson.dumps(told or READ).decode(), "source_id": "a/genomics/s/PGS000004"}
    if value is not None:
        score |= {"numeric_value": value, "unit": "1"}
    rows = [{"code": "MEDS_BIRTH", "time": datetime(1976, 3, 1)}, {"code": sex, "time": on}, {"time": on, **score}, *more]
    return Patient("p", datetime(2026, 1, 10), table({"subject_id": 1, "available": on, **row} for row in rows))


def test_the_chart_says_percentile_and_risk() -> None:
    (found,) = chart(_patient(), shelf()).polygenic
    assert [(r.from_age, r.to_age) for r in found.risks] == [(49, 59), (49, 80)]
    assert found.percentile is not None and found.percentile[1] < found.percentile[0] < found.percentile[2]
    assert found.event_ids == ("a/genomics/s/PGS000004",)


def test_a_disease_that_was_there_withholds_the_risk_even_when_it_ended() -> None:
    had = {"code": "CONDITION//SNOMED//254837009", "time": datetime(2020, 1, 1), "source_id": "Condition/1"}
    over = {"code": "CONDITION//END//SNOMED//254837009", "time": datetime(2021, 1, 1), "source_id": "Condition/1"}
    (found,) = chart(_patient(more=(had, over)), shelf()).polygenic
    assert found.withheld == ("condition",) and not found.risks


def test_the_latest_that_was_not_refused_counts() -> None:
    later = {
        "code": "POLYGENIC//PGS//PGS000004", "text_value": orjson.dumps(READ | {"called": 2}).decode(), "time": datetime(2026, 1, 5),
        "source_id": "b",
    }  # fmt: skip
    (found,) = chart(_patient(more=(later,)), shelf()).polygenic
    assert found.called == 300


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_form_says_risk_and_ancestry(language: str) -> None:
    patient = _patient()
    heard = consult(patient, roster=NOBODY, language=language)
    said = text(heard, shelf(), color=False, width=400)
    shown = page(heard, patient, shelf())
    ancestry = {"en": "European ancestry", "zh": "欧洲血统"}[language]
    average = f"{100 * heard.polygenic[0].risks[0].average:.1f}"
    for form in (said, shown):
        assert ancestry in form and average in form and "PGS000004" in form
    assert consultation_from_json(json_bytes(heard)) == heard
    risks = [e["resource"] for e in bundle(heard, shelf())["entry"] if e["resource"]["resourceType"] == "RiskAssessment"]
    assert [r["prediction"][0]["whenRange"]["high"]["value"] for r in risks] == [59, 80]
    for resource, risk in zip(risks, heard.polygenic[0].risks, strict=True):
        prediction = resource["prediction"][0]
        assert prediction["probabilityDecimal"] == round(risk.probability, 6)
        assert prediction["outcome"]["coding"][0]["code"] == "254837009"
        assert any(ancestry in note["text"] for note in resource["note"])


def test_what_is_withheld_is_said() -> None:
    heard = consult(_patient(sex="GENDER//M"), roster=NOBODY)
    assert "the score was made for the other sex" in text(heard, shelf(), color=False, width=400)
    assert not [e for e in bundle(heard, shelf())["entry"] if e["resource"]["resourceType"] == "RiskAssessment"]
    refused = consult(_patient(None, told=READ | {"called": 9}), roster=NOBODY)
    assert "refused: 9 of 313" in text(refused, shelf(), color=False, width=400)

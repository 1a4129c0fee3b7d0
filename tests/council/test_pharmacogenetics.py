"""Pharmacogenetics at the bedside: drugs against genes, what is uncertain with its probability, what is unknown by name."""

from __future__ import annotations

from datetime import datetime

import orjson
import pytest

from consilium.core import Patient
from consilium.core.errors import LeakageError
from consilium.core.events import table
from consilium.council.chart import chart
from consilium.council.genome import conflicts, genes
from consilium.council.pharmacogenetics import gene_advice, genes_wanted
from consilium.council.phrase import phrases
from consilium.knowledge import shelf

NOW = datetime(2026, 1, 10)
NOT_CALLED = "CONSILIUM//gene-not-called"
DRUGS = {"clopidogrel": "32968", "simvastatin": "36567", "warfarin": "11289", "siponimod": "2121085", "codeine": "2670"}


def _drug(name: str) -> dict:
    return {
        "code": f"MEDICATION//RxNorm//{DRUGS[name]}",
        "text_value": name,
        "time": datetime(2025, 6, 1),
        "source_id": f"MedicationRequest/{name}",
    }


def _gene(
    name: str, genotype: str, phenotype: str = "", *, on: datetime = datetime(2026, 1, 3), score=None, also=None, file="a"
) -> list[dict]:
    book, origin = shelf().genes, f"{file}/genomics/s/{name}"
    code = book.code_of[name]
    rows = [{"code": f"GENOTYPE//{code}", "text_value": genotype, "source_id": f"{origin}#genotype"}]
    if phenotype:
        rows.append({"code": f"PHENOTYPE//{code}", "text_value": book.phenotype_code[phenotype], "source_id": f"{origin}#phenotype"})
    if score is not None:
        rows.append({"code": f"ACTIVITY//{code}", "numeric_value": score, "unit": "1", "source_id": f"{origin}#activity"})
    if also:
        told = orjson.dumps({"diplotypes": also, "phenotypes": {}, "seen": 3, "of": 5, "notes": ["missing"]}).decode()
        rows.append({"code": f"ALTERNATIVES//{code}", "text_value": told, "source_id": f"{origin}#alternatives"})
    return [{"time": on, **row} for row in rows]


def _patient(*rows: dict, as_of: datetime = NOW) -> Patient:
    return Patient("p", as_of, table({"subject_id": 1, "available": row["time"], **row} for row in rows))


def _said(patient: Patient, language: str = "en"):
    book = shelf()
    return list(gene_advice(chart(patient, book), book, phrases(language, book)))


def _wanted(patient: Patient):
    book = shelf()
    return genes_wanted(chart(patient, book), book, phrases("en", book))


def test_a_poor_metaboliser_is_told_to_avoid_clopidogrel() -> None:
    (advice,) = _said(_patient(_drug("clopidogrel"), *_gene("CYP2C19", "*2/*2", "Poor Metabolizer")))
    assert (advice.action, advice.urgency, advice.target) == ("avoid", "critical", f"RxNorm//{DRUGS['clopidogrel']}")
    assert "CYP2C19 *2/*2" in advice.summary and "clopidogrel" in advice.summary
    assert {"cpic", "dpwg", "fda_pgx"} == {
        key for key in ("cpic", "dpwg", "fda_pgx") if shelf().sources[key].name.partition(":")[0] in advice.detail
    }
    assert "MedicationRequest/clopidogrel" in advice.event_ids and any("genotype" in i for i in advice.event_ids)


def test_it_is_said_in_chinese() -> None:
    (advice,) = _said(_patient(_drug("clopidogrel"), *_gene("CYP2C19", "*2/*2", "Poor Metabolizer")), "zh")
    assert "氯吡格雷" in advice.summary and "慢代谢型" in advice.summary


def test_the_usual_genotype_asks_nothing_and_nothing_is_missing() -> None:
    patient = _patient(_drug("clopidogrel"), *_gene("CYP2C19", "*1/*1", "Normal Metabolizer"))
    assert _said(patient) == [] and _wanted(patient) == ()


def test_a_result_that_is_not_yet_known_cannot_be_asked() -> None:
    with pytest.raises(LeakageError):
        _patient(_drug("clopidogrel"), *_gene("CYP2C19", "*2/*2", "Poor Metabolizer"), as_of=datetime(2026, 1, 2))


def test_what_is_possible_is_said_with_its_probability() -> None:
    rows = _gene("SLCO1B1", "*1/*1", "Normal Function", also={"*1/*1": 0.85, "*1/*5": 0.13, "*5/*5": 0.02})
    said = _said(_patient(_drug("simvastatin"), *rows))
    assert [(a.action, a.urgency) for a in said] == [("review", "warning")]
    assert "%" in said[0].summary and "not certain" in said[0].summary


def test_a_called_but_uncertain_genotype_says_how_sure_it_is() -> None:
    rows = _gene("SLCO1B1", "*5/*5", "Poor Function", also={"*5/*5": 0.9, "*1/*1": 0.1})
    (advice,) = _said(_patient(_drug("simvastatin"), *rows))
    assert any("90 %" in fact for fact in advice.because)


def test_what_holds_for_every_possible_genotype_is_certain() -> None:
    rows = _gene("CYP2C19", "*2/*2", "Poor Metabolizer", also={"*2/*2": 0.9, "*1/*2": 0.1})
    advice = next(a for a in _said(_patient(_drug("clopidogrel"), *rows)) if a.action == "avoid")
    assert not any("%" in fact for fact in advice.because)


def test_a_gene_that_a_strong_recommendation_needs_is_missing() -> None:
    (wanted,) = _wanted(_patient(_drug("clopidogrel")))
    assert "CYP2C19" in wanted.name and not wanted.required and "clopidogrel" in wanted.reason


def test_a_test_that_the_label_asks_for_is_required() -> None:
    (wanted,) = _wanted(_patient(_drug("siponimod")))
    assert "CYP2C9" in wanted.name and wanted.required and "FDA" in wanted.reason


def test_a_gene_that_could_not_be_called_stays_missing() -> None:
    (wanted,) = _wanted(_patient(_drug("clopidogrel"), *_gene("CYP2C19", NOT_CALLED)))
    assert "could not call" in wanted.reason


def test_no_drug_no_word() -> None:
    patient = _patient(*_gene("CYP2C19", "*2/*2", "Poor Metabolizer"))
    assert _said(patient) == [] and _wanted(patient) == ()


def test_a_later_failure_takes_no_result_away_and_a_contradiction_is_named() -> None:
    first = _gene("CYP2C19", "*2/*2", "Poor Metabolizer")
    failed = _gene("CYP2C19", NOT_CALLED, on=datetime(2026, 1, 5), file="b")
    (kept,) = genes(_patient(*first, *failed), shelf())
    assert kept.phenotype == "Poor Metabolizer" and conflicts(_patient(*first, *failed), shelf()) == ()
    other = _gene("CYP2C19", "*1/*1", "Normal Metabolizer", on=datetime(2026, 1, 6), file="c")
    ((latest, before),) = conflicts(_patient(*first, *other), shelf())
    assert (latest.diplotypes, before.diplotypes) == (("*1/*1",), ("*2/*2",))


@pytest.mark.parametrize("name", sorted(DRUGS))
def test_the_order_of_events_changes_nothing(name: str) -> None:
    rows = [_drug(name), *_gene("CYP2C19", "*2/*2", "Poor Metabolizer"), *_gene("CYP2C9", "*1/*3", "Intermediate Metabolizer", score=1.0)]
    assert _said(_patient(*rows)) == _said(_patient(*reversed(rows)))

"""Carried variants at the bedside: advice with source and caveats, conflict that stays one, and every form in both languages."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime

import orjson
import pytest

from consilium.core import Patient
from consilium.core.events import table
from consilium.core.inherited import Criterion, InheritedVariant
from consilium.council.chart import chart
from consilium.council.consult import consult
from consilium.knowledge import shelf
from consilium.render.cards import cards
from consilium.render.fhir import bundle
from consilium.render.json import consultation_from_json, json_bytes
from consilium.render.page import page
from consilium.render.text import text
from consilium.specialists import Roster

NOBODY = Roster((), ())
GUIDE = "http://hl7.org/fhir/uv/genomics-reporting/StructureDefinition/"
BROKEN = InheritedVariant(
    "NC_000017.11:g.43124028_43124029del", "GRCh38", "17-43124027-ACT-A", ("BRCA1",), "heterozygous", False, "pathogenic", "Pathogenic", 3,
    "reviewed_by_expert_panel", ("Breast-ovarian cancer, familial 1",), ("AD",), "ClinVar (clinvar.vcf.gz)", "2026-01-03", "17662",
    "report", "frameshift_variant", "NP_009225.1:p.Glu23ValfsTer17",
    (Criterion("PM2", "supporting", {"population": "gnomAD", "frequency": "2e-05"}),), ("frequency", "parents"),
)  # fmt: skip
CARRIER = replace(
    BROKEN, name="NC_000001.11:g.45331556C>T", place="1-45331556-C-T", genes=("MUTYH",), inheritance=("AR",), secondary="one_copy",
    identifier="5294", stars=2, criteria=(),
)  # fmt: skip
DIFFERING = replace(
    BROKEN, name="NC_000006.12:g.26092913G>A", place="6-26092913-G-A", genes=("HFE",), classification="conflicting", secondary="",
    words="Benign|Pathogenic", stars=1, identifier="9",
)  # fmt: skip


def _patient(
    *variants: InheritedVariant, as_of: datetime = datetime(2026, 1, 20), aligned: bool = False, more: tuple[dict, ...] = ()
) -> Patient:
    on = datetime(2026, 1, 10)
    rows = [{"code": "MEDS_BIRTH", "time": datetime(1976, 3, 1)}, {"code": "GENDER//F", "time": on}, *more]
    about = {"source": "ClinVar (clinvar.vcf.gz)", "date": "2026-01-03", "build": "GRCh38", "aligned": aligned, "carried": {"benign": 40}}
    rows.append(
        {"code": "VARIANT//CONSILIUM//lookup", "time": on, "text_value": orjson.dumps(about).decode(), "source_id": "a/genomics/s/variants"}
    )
    for variant in variants:
        told = {k: v for k, v in asdict(variant).items() if k not in ("time", "event_ids")}
        code = f"VARIANT//ClinVar//{variant.identifier}"
        origin = f"a/genomics/s/{variant.place}"
        rows.append({"code": code, "time": on, "text_value": orjson.dumps(told).decode(), "source_id": origin})
    return Patient("p", as_of, table({"subject_id": 1, "available": on, **row} for row in rows))


def test_what_the_laboratory_wrote_is_read_back_the_gravest_first() -> None:
    held = chart(_patient(DIFFERING, CARRIER, BROKEN), shelf()).variants
    assert [v.genes[0] for v in held] == ["BRCA1", "MUTYH", "HFE"]
    assert replace(held[0], time=None, event_ids=()) == BROKEN and held[0].time == datetime(2026, 1, 10)


def test_a_pathogenic_variant_asks_for_confirmation_and_counselling() -> None:
    advice = {a.summary.partition(",")[0]: a for a in consult(_patient(BROKEN, CARRIER, DIFFERING), roster=NOBODY).advice}
    assert set(advice) == {"BRCA1", "MUTYH"}  # what is conflicting asks for nothing
    broken, carrier = advice["BRCA1"], advice["MUTYH"]
    assert (broken.urgency, carrier.urgency, broken.action) == ("warning", "info", "refer")
    assert "accredited laboratory" in broken.detail and "genetic counselling" in broken.detail
    assert (
        broken.source == shelf().sources["acmg_sf"] and "as a rule a carrier" in carrier.detail and "asks for two copies" in carrier.detail
    )


def test_what_a_later_look_no_longer_says_does_not_hold() -> None:
    first, later = _patient(BROKEN, CARRIER), datetime(2026, 1, 15)
    newer = {"source": "ClinVar (clinvar.vcf.gz)", "date": "2026-01-14", "build": "GRCh38", "aligned": True, "carried": {"benign": 41}}
    told = {k: v for k, v in asdict(replace(CARRIER, source_date="2026-01-14")).items() if k not in ("time", "event_ids")}
    again = (
        {"code": "VARIANT//CONSILIUM//lookup", "text_value": orjson.dumps(newer).decode(), "source_id": "a/genomics/s/variants"},
        {"code": "VARIANT//ClinVar//5294", "text_value": orjson.dumps(told).decode(), "source_id": f"a/genomics/s/{CARRIER.place}"},
    )
    rows = [{**row, "subject_id": 1, "time": later, "available": later} for row in again]
    both = Patient("p", first.as_of, table([*first.events.to_pylist(), *rows]))
    held = chart(both, shelf()).variants
    assert [(v.genes[0], v.source_date) for v in held] == [("MUTYH", "2026-01-14")]
    (note,) = (n for n in consult(both, roster=NOBODY).notes if "looked up" in n)
    assert "2026-01-14" in note and "41 benign" in note
    assert [v.genes[0] for v in chart(first, shelf()).variants] == ["BRCA1", "MUTYH"]


def test_without_stated_criteria_it_is_information_and_says_so() -> None:
    (advice,) = consult(_patient(replace(BROKEN, stars=0)), roster=NOBODY).advice
    assert advice.urgency == "info" and "Nobody has stated by what criteria" in advice.detail


def test_age_of_the_classifications_is_said_from_a_year_on() -> None:
    (young,) = consult(_patient(BROKEN), roster=NOBODY).advice
    (old,) = consult(_patient(BROKEN, as_of=datetime(2036, 1, 20)), roster=NOBODY).advice
    assert "years old" not in young.detail and "10 years old" in old.detail


def test_a_second_variant_of_unknown_phase_is_said() -> None:
    heard = consult(_patient(replace(CARRIER, lacking=("phase",), secondary="report")), roster=NOBODY)
    assert "whether both lie on one strand or on two is not known" in heard.advice[0].detail


def test_a_carrier_gets_no_polygenic_risk() -> None:
    told = {"called": 313, "total": 313, "left_out": 0.0, "spread": 0.0, "uncounted": 0}
    score = {
        "code": "POLYGENIC//PGS//PGS000004", "numeric_value": 0.1, "unit": "1", "text_value": orjson.dumps(told).decode(),
        "time": datetime(2026, 1, 10), "source_id": "s",
    }  # fmt: skip
    assert chart(_patient(BROKEN, more=(score,)), shelf()).polygenic[0].withheld == ("carrier",)
    assert chart(_patient(CARRIER, more=(score,)), shelf()).polygenic[0].risks


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_form_says_it(language: str) -> None:
    patient = _patient(BROKEN, CARRIER, DIFFERING)
    heard = consult(patient, roster=NOBODY, language=language)
    said, shown = text(heard, shelf(), color=False, width=500), page(heard, patient, shelf())
    conflict = {"en": "do not agree", "zh": "意见不一"}[language]
    condition = {"en": "Hereditary breast and ovarian cancer", "zh": "遗传性乳腺癌和卵巢癌"}[language]
    never = {"en": "PP5, BP6 are not used", "zh": "PP5、BP6 不使用"}[language]
    for form in (said, shown):
        assert conflict in form and condition in form and never in form and BROKEN.name.replace(">", "&gt;") in form.replace(">", "&gt;")
    assert any("2026-01-03" in note for note in heard.notes)
    assert consultation_from_json(json_bytes(heard)) == heard
    assert len(cards(heard, shelf())["cards"]) >= 2


def test_fhir_has_the_variant_and_its_implication() -> None:
    resources = [e["resource"] for e in bundle(consult(_patient(BROKEN, DIFFERING), roster=NOBODY), shelf())["entry"]]
    by_kind: dict[str, list[dict]] = {}
    for resource in resources:
        if resource["resourceType"] == "Observation":
            by_kind.setdefault(resource["meta"]["profile"][0].removeprefix(GUIDE), []).append(resource)
    assert {k: len(v) for k, v in by_kind.items()} == {"variant": 2, "diagnostic-implication": 2}

    def parts(resource: dict) -> dict[str, dict]:
        return {c["code"]["coding"][0]["code"]: c for c in resource["component"]}

    variant, implication = by_kind["variant"][0], by_kind["diagnostic-implication"][0]
    assert implication["derivedFrom"][0]["reference"] == f"urn:uuid:{variant['id']}"
    told = parts(variant)
    assert told["81290-9"]["valueCodeableConcept"]["coding"][0]["code"] == BROKEN.name
    assert (told["69547-8"]["valueString"], told["69551-0"]["valueString"]) == ("ACT", "A")
    assert told["53034-5"]["valueCodeableConcept"]["coding"][0]["code"] == "LA6706-1"
    assert told["81252-9"]["valueCodeableConcept"]["coding"][0]["code"] == "17662"
    assert parts(implication)["53037-8"]["valueCodeableConcept"]["coding"][0]["code"] == "LA6668-3"
    # What conflicts has no code of the answer list: it stays words.
    conflict = parts(by_kind["diagnostic-implication"][1])["53037-8"]["valueCodeableConcept"]
    assert "coding" not in conflict and conflict["text"] == "Benign|Pathogenic"
    issues = [r for r in resources if r["resourceType"] == "GuidanceResponse" and "BRCA1" in str(r)]
    assert issues

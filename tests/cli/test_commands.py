"""The commands as a new user types them: what they print, what they write, and how they refuse."""

import json
import re

import pytest
from typer.testing import CliRunner

from consilium.cli.main import app
from consilium.cli.verbs import example_ward

run = CliRunner()


def invoke(*words):
    return run.invoke(app, [str(w) for w in words])


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    record = tmp_path_factory.mktemp("cli") / "ward"
    done = invoke("ingest", example_ward() / "*.json", "--record", record)
    assert done.exit_code == 0, done.output
    assert "patients" in done.output and "not read" in done.output, "what went where is shown"
    return record


def test_help_has_examples():
    assert invoke("--help").exit_code == 0
    for command in (
        "ingest",
        "quality",
        "check-time",
        "cohort",
        "features",
        "score",
        "fit",
        "validate",
        "consult",
        "serve",
        "roster",
        "demo",
    ):
        shown = invoke(command, "--help").output
        assert "Example" in shown and f"consilium {command}" in shown.replace("\n", " ")


@pytest.mark.parametrize("form", ["text", "json", "fhir", "cards", "html"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_consultation_in_every_form(ward, form, language, tmp_path):
    to = tmp_path / "out"
    done = invoke("consult", "amara-okafor", "--record", ward, "--format", form, "--lang", language, "--out", to)
    assert done.exit_code == 0, done.output
    body = to.read_text()
    if form in ("json", "fhir", "cards"):
        assert json.loads(body)
    assert ("活检" if language == "zh" else "biopsy") in body


def test_text_says_what_it_is(ward):
    shown = invoke("consult", "amara-okafor", "--record", ward).output
    assert "Not a medical device" in shown and "95 % interval" in shown


def test_as_of_goes_back_in_time(ward):
    early = json.loads(invoke("consult", "amara-okafor", "--record", ward, "--as-of", "2025-05-01", "--format", "json").output)
    assert early["as_of"].startswith("2025-05-01") and not early["opinions"]


def test_roster_names_everybody():
    shown = invoke("roster").output
    assert "breast_mass" in shown and "heart_disease" in shown and re.search(r"AUROC 0\.\d{3}", shown)


def test_demo_makes_the_round(tmp_path):
    shown = invoke("demo", "--record", tmp_path / "ward")
    assert shown.exit_code == 0 and "Ward round" in shown.output and "amara-okafor" in shown.output
    assert "images are left out" not in shown.output
    consulted = invoke("consult", "ravi-iyer", "--record", tmp_path / "ward").output
    assert "hard exudates" in consulted and "phantom" in consulted
    again = invoke("demo", "--record", tmp_path / "ward")
    assert again.exit_code == 0 and "already in the record" in again.output


def test_demo_without_the_imaging_extra_says_so_in_one_line(tmp_path, monkeypatch):
    from consilium.imaging import dicom

    monkeypatch.setattr(dicom, "find_spec", lambda name: None if name == "pydicom" else object())
    shown = invoke("demo", "--record", tmp_path / "ward")
    assert shown.exit_code == 0 and "Ward round" in shown.output
    (said,) = [line for line in shown.output.splitlines() if "images are left out" in line]
    assert "no pydicom" in said and "consilium[imaging]" in said


def refused(*words):
    done = invoke(*words)
    assert done.exit_code == 1, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), "no traceback"
    assert "Traceback" not in done.output
    return " ".join(done.output.split())


def test_questions_that_cannot_be_answered(ward, tmp_path):
    assert "amara-okafor" in refused("consult", "amara-okafr", "--record", ward)
    assert "TimeError" in refused("consult", "amara-okafor", "--record", ward, "--as-of", "1960-01-01")
    assert "ISO time" in refused("consult", "amara-okafor", "--record", ward, "--as-of", "yesterday")
    assert "NotFoundError" in refused("consult", "amara-okafor", "--record", tmp_path / "nowhere")
    assert "NotFoundError" in refused("fit", "astrology")
    assert "not both" in refused("fit", "breast_mass", "--record", ward, "--data", tmp_path)
    assert "uci" in refused("fit", "heart_disease").lower()
    assert "with and without" in refused("fit", "breast_mass", "--record", ward, "--into", tmp_path / "model")
    assert not (tmp_path / "model").exists()


PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1970-01-01"}


def observation(**changes):
    return {
        "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}, "effectiveDateTime": "2025-01-02T08:00:00Z",
        "valueQuantity": {"value": 100, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}, **changes,
    }  # fmt: skip


def bundle(*resources):
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("not_json.json", "once upon a time"),
        ("not_fhir.json", '{"hello": "world"}'),
        ("truncated.json", bundle(PATIENT)[:-30]),
        ("empty.json", ""),
        ("r5.json", json.dumps({"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
                                "medication": {"concept": {"text": "aspirin"}}, "subject": {"reference": "Patient/p1"}})),
    ],
)  # fmt: skip
def test_what_is_no_fhir_r4_is_refused_and_the_record_stays(ward, tmp_path, name, content):
    before = {p: p.stat().st_mtime_ns for p in ward.rglob("*") if p.is_file()}
    (tmp_path / name).write_text(content)
    words = refused("ingest", tmp_path / name, "--record", ward)
    assert name in words
    assert {p: p.stat().st_mtime_ns for p in ward.rglob("*") if p.is_file()} == before


def test_an_empty_folder_and_no_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    refused("ingest", tmp_path / "empty", "--record", tmp_path / "record")
    refused("ingest", tmp_path / "none", "--record", tmp_path / "record")
    assert "NotFoundError" in refused("consult", "p1", "--record", tmp_path / "record")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (observation(effectiveDateTime="2025-02-30"), "Impossible date"),
        (observation(valueQuantity={"value": 1, "unit": "furlong", "code": "[fur_us]"}), "unit"),
        (observation(valueQuantity={"value": 90000, "unit": "mg/dL", "code": "mg/dL"}), "plausible"),
        (observation(valueQuantity={"value": 100}), "no unit"),
        ({**PATIENT, "birthDate": "1980-01-01"}, "duplicate patient"),
    ],
)
def test_a_bad_row_is_counted_and_the_rest_is_read(tmp_path, bad, reason):
    (tmp_path / "export.json").write_text(bundle(PATIENT, observation(id="good"), bad))
    done = invoke("ingest", tmp_path / "export.json", "--record", tmp_path / "record")
    assert done.exit_code == 0 and reason.lower() in " ".join(done.output.split()).lower(), done.output
    assert invoke("consult", "p1", "--record", tmp_path / "record").exit_code == 0


ADT = "\r".join(
    [
        "MSH|^~\\&|A|B|C|D|20250102080000||ADT^A01|1|P|2.5",
        "PID|||77||Doe^Jo||19700101|F",
        "DG1|1||I21.9^Heart attack^I10|||A",
        "PV1||I|" + "|" * 41 + "20250102080000",
    ]
)


def test_a_zone_is_said_or_the_time_is_refused(tmp_path):
    (tmp_path / "adt.hl7").write_text(ADT)
    without = invoke("ingest", tmp_path / "adt.hl7", "--record", tmp_path / "a")
    said = invoke("ingest", tmp_path / "adt.hl7", "--record", tmp_path / "b", "--zone", "Europe/Zurich")
    assert "No time zone" in " ".join(without.output.split()) and "No time zone" not in " ".join(said.output.split()), said.output
    assert said.exit_code == 0


def test_quality_of_the_ward(ward, tmp_path):
    done = invoke("quality", "--record", ward, "--html", tmp_path / "q.html", "--json", tmp_path / "q.json")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "q.json").read_text()) and "<html" in (tmp_path / "q.html").read_text()

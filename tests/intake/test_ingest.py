"""Ingest: every row explained, whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import sys
from datetime import datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from consilium.core.errors import FormatError, InputError, NotFoundError, TimeError
from consilium.intake import ingest, latest
from consilium.record import Record, subject_id

ROOT = Path(sys.modules["consilium"].__file__).parent
EXAMPLES = ROOT / "sources" / "examples"
BUNDLE = orjson.loads((EXAMPLES / "fhir" / "bundle.json").read_bytes())
HEART = ROOT / "specialists" / "heart_disease" / "data.yaml"


def state(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def law(record: Record) -> None:
    summary = latest(record)
    assert summary.rows == summary.read + sum(summary.rejects.values())
    rejects = record.rejects()
    values = sum(r.part in ("value", "event") for r in rejects)
    assert summary.sent <= summary.events + summary.duplicates + values + 5 * sum(r.part == "description" for r in rejects)


def lab(number=1, value=1.4, unit="mmol/L", **more):
    return {
        "resourceType": "Observation", "id": f"o{number}", "status": "final", "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2524-7", "display": "Lactate"}]},
        "issued": f"2026-01-{number:02}T08:00:00Z",
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit}, **more,
    }  # fmt: skip


def patient(**more):
    return {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1970-01-01", **more}


def write(path: Path, *resources) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}))
    return path


@pytest.fixture
def ward(tmp_path):
    """A record that already holds one patient."""
    record = ingest(write(tmp_path / "first.json", patient(), lab(1)), tmp_path / "ward")
    assert latest(record).events == 3
    return tmp_path / "ward"


def test_a_bundle_becomes_a_chart(tmp_path):
    record = ingest(EXAMPLES / "fhir" / "bundle.json", tmp_path / "ward")
    law(record)
    summary = latest(record)
    assert (summary.files, summary.rows, summary.read, summary.patients) == (1, 18, 16, 1)
    assert summary.rejects == {"no value: error": 1, "resource type Practitioner is not read": 1}
    chart = record.patient("ida-berg")
    assert "LOINC//2524-7" in chart.events["code"].to_pylist()
    assert record.descriptions()["SNOMED//8517006"] == "Ex-smoker"
    assert record.sources()[0].name == "bundle.json"


def test_what_was_not_known_yet_is_not_in_the_chart(tmp_path):
    record = ingest(EXAMPLES / "fhir" / "bundle.json", tmp_path / "ward")
    codes = record.patient("ida-berg", as_of=datetime(2019, 2, 20)).events["code"].to_pylist()
    assert "ALLERGY//SNOMED//91936005" in codes
    assert "CONDITION//SNOMED//233604007" in codes
    assert "CONDITION//END//SNOMED//233604007" not in codes
    with pytest.raises(TimeError):
        record.patient("ida-berg", as_of=datetime(1950, 1, 1))


def test_folders_patterns_and_files(tmp_path):
    write(tmp_path / "in" / "b" / "two.json", lab(2))
    write(tmp_path / "in" / "one.json", patient(), lab(1))
    write(tmp_path / "in" / ".hidden" / "three.json", lab(3))
    write(tmp_path / "in" / ".four.json", lab(4))
    (tmp_path / "in" / "README.txt").write_text("about")
    for paths in (
        tmp_path / "in",
        [tmp_path / "in"],
        str(tmp_path / "in" / "**" / "*.json"),
        [tmp_path / "in" / "one.json", tmp_path / "in"],
    ):
        record = ingest(paths, tmp_path / "ward")
        assert {Path(source.name).name for source in record.sources()} == {"one.json", "two.json"}
        assert (latest(record).files, latest(record).events) == (2, 4)
        shutil.rmtree(tmp_path / "ward")


def test_hidden_entries_are_skipped_and_other_files_named(tmp_path):
    write(tmp_path / "in" / "one.json", patient(), lab(1))
    write(tmp_path / "in" / ".hidden" / "three.json", lab(3))
    (tmp_path / "in" / "README.txt").write_text("about")
    record = ingest(tmp_path / "in", tmp_path / "ward")
    assert [source.name for source in record.sources()] == ["one.json"]
    assert [(r.file, r.reason) for r in record.rejects()] == [("README.txt", "No source reads such a file (.txt)")]
    assert latest(record).unread == 1


def test_links_out_of_a_folder_are_not_followed(tmp_path):
    outside = write(tmp_path / "outside" / "secret.json", lab(3))
    write(tmp_path / "in" / "one.json", patient(), lab(1))
    (tmp_path / "in" / "link.json").symlink_to(outside)
    (tmp_path / "in" / "folder").symlink_to(outside.parent)
    (tmp_path / "in" / "again.json").symlink_to(tmp_path / "in" / "one.json")
    record = ingest(tmp_path / "in", tmp_path / "ward")
    assert sorted(r.file for r in record.rejects()) == ["folder", "link.json"]
    assert latest(record).files == 1
    assert latest(record).events == 3


def test_the_same_content_is_read_once(tmp_path, ward):
    before = Record.open(ward)
    copy = tmp_path / "copy.json"
    shutil.copyfile(tmp_path / "first.json", copy)
    record = ingest([copy, write(tmp_path / "second.json", lab(2)), write(tmp_path / "third.json", lab(2))], ward)
    summary = latest(record)
    assert (summary.already, summary.files, summary.events) == (2, 1, 1)
    assert len(record.sources()) == len(before.sources()) + 1


def test_an_ingest_of_nothing_new_says_so(tmp_path, ward):
    summary = latest(ingest(tmp_path / "first.json", ward))
    assert (summary.already, summary.files, summary.events) == (1, 0, 0)


def test_the_same_resource_twice_is_counted_as_a_duplicate(tmp_path):
    record = ingest(write(tmp_path / "a.json", patient(), lab(1), lab(1), patient()), tmp_path / "ward")
    assert (latest(record).events, latest(record).duplicates, record.rejects()) == (3, 3, ())


def test_a_patient_described_twice_differently(tmp_path, ward):
    later = write(tmp_path / "later.json", patient(birthDate="1981-05-05"), lab(2), {**lab(3), "subject": {"reference": "Patient/q"}})
    record = ingest(later, ward)
    law(record)
    rejects = record.rejects()
    assert rejects[0].reason == "duplicate patient"
    assert rejects[0].found == "born 1981-05-05, F; before (the record): born 1970-01-01, F"
    assert [r.row for r in rejects[1:]] == ["Observation/o2"]
    births = [row["time"] for row in record.patient("p").events.to_pylist() if row["code"] == "MEDS_BIRTH"]
    assert births == [datetime(1970, 1, 1)]
    assert dict(record.patients()).keys() == {"p", "q"}


@pytest.mark.parametrize(
    ("resource", "reason", "found"),
    [
        (lab(2, 1.2, "mg"), "the unit does not convert (expected mmol/L)", "1.2 mg"),
        (lab(2, 420.0), "outside plausible limits, 0.0 to 50.0 mmol/L", "420 mmol/L"),
        (lab(2, issued="2026-02-30T08:00:00Z"), "Impossible date", "2026-02-30T08:00:00Z"),
        (lab(2, issued="2026-02-03T08:00:00"), "No time zone", "2026-02-03T08:00:00"),
        ({**lab(2), "context": {"reference": "Encounter/1"}}, "not FHIR R4", "STU3: Observation.context"),
    ],
)
def test_one_bad_resource_is_named_and_the_rest_is_read(tmp_path, resource, reason, found):
    record = ingest(write(tmp_path / "a.json", patient(), lab(1), resource), tmp_path / "ward")
    law(record)
    (reject,) = record.rejects()
    assert (reject.file, reject.row, reject.reason, reject.found) == ("a.json", "Observation/o2", reason, found)
    assert latest(record).events == 3
    assert (reject.code, reject.patient_id) == ("LOINC//2524-7", "p")


BAD = {
    "text.json": (b"this is no JSON", FormatError, "Not JSON"),
    "plain.json": (b'{"name": "Ida"}', FormatError, "Not FHIR"),
    "cut.json": (orjson.dumps(BUNDLE)[:3000], FormatError, "The file is cut off"),
    "empty.json": (b"", FormatError, "The file is empty"),
    "lines.ndjson": (b"a\nb\n", FormatError, "No line is a FHIR resource"),
    "table.csv": (b"a,b\n1,2\n", FormatError, "A table needs a mapping"),
    "scan.pdf": (b"%PDF", FormatError, "No source reads such a file"),
    "other.json": (
        orjson.dumps({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Claim"}}]}),
        InputError,
        "Nothing could be read",
    ),
    "release.json": (
        orjson.dumps({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}}]}),
        FormatError,
        "Not FHIR R4",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_leaves_the_record_as_it_was(tmp_path, ward, name):
    data, kind, message = BAD[name]
    path = tmp_path / "bad" / name
    path.parent.mkdir()
    path.write_bytes(data)
    before = state(ward)
    for paths in (path, path.parent):
        with pytest.raises(kind) as refusal:
            ingest(paths, ward)
        text = str(refusal.value)
        assert text.startswith(message)
        assert "\n" not in text
        assert name in text
        assert refusal.value.do
    assert state(ward) == before
    with pytest.raises(kind):
        ingest(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_empty_folder_and_a_missing_one(tmp_path, ward):
    before = state(ward)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="There is nothing to read"):
        ingest(tmp_path / "empty", ward)
    for missing in (tmp_path / "none", tmp_path / "*.xml"):
        with pytest.raises(NotFoundError):
            ingest(missing, ward)
    assert state(ward) == before


def test_a_bad_file_among_good_ones_is_named(tmp_path):
    for name, (data, _, _) in BAD.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    write(tmp_path / "in" / "good.json", patient(), lab(1))
    record = ingest(tmp_path / "in", tmp_path / "ward")
    law(record)
    assert latest(record).events == 3
    assert {r.file for r in record.rejects()} == set(BAD)
    assert latest(record).unread == len(BAD) - 1  # other.json was read, and each of its rows rejected


def test_an_interrupted_ingest_leaves_the_record_as_it_was(tmp_path, ward):
    before = state(ward)

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(write(tmp_path / "a.json", lab(2)), ward, progress=stop)
    assert state(ward) == before


def test_progress_ends_at_the_end(tmp_path):
    seen = []
    write(tmp_path / "in" / "a.json", patient(), lab(1))
    write(tmp_path / "in" / "b.json", lab(2))
    ingest(tmp_path / "in", tmp_path / "ward", progress=seen.append)
    assert (seen[-1].files_done, seen[-1].files) == (2, 2)
    assert seen[-1].bytes_done == seen[-1].bytes == sum(p.stat().st_size for p in (tmp_path / "in").iterdir())
    assert [p.rows for p in seen] == sorted(p.rows for p in seen)
    assert seen[-1].rows == 3


def test_a_table_that_breaks_half_way_leaves_the_record_as_it_was(tmp_path, ward, monkeypatch):
    monkeypatch.setattr(sys.modules["consilium.sources.csv.read"], "ROWS", 2)
    table = tmp_path / "labs.csv"
    rows = (EXAMPLES / "csv" / "labs.csv").read_bytes().splitlines()
    table.write_bytes(b"\n".join([*rows, b'x;1958-04-02;f;02.11.2025 09:40;"a"b;1;neg;']))
    before = state(ward)
    with pytest.raises(FormatError, match="not well-formed CSV"):
        ingest(table, ward, mapping=EXAMPLES / "csv" / "labs.yaml")
    assert state(ward) == before


def test_a_table_and_a_bundle_about_one_patient_meet(tmp_path):
    record = ingest(
        [EXAMPLES / "fhir" / "export.ndjson", EXAMPLES / "csv" / "labs.csv"], tmp_path / "ward", mapping=EXAMPLES / "csv" / "labs.yaml"
    )
    law(record)
    chart = record.patient("ida-berg").events
    assert chart["code"].to_pylist().count("LOINC//2524-7") == 3
    # Jon Lind: born in September 1971 says the bundle, on the 30th says the table; both may be true.
    assert not any(r.reason.startswith("duplicate") for r in record.rejects())


def test_heart_disease_at_four_hospitals(unzipped, tmp_path):
    record = ingest(unzipped("uci_heart") / "heart_4sites.csv", tmp_path / "ward", mapping=HEART)
    law(record)
    summary = latest(record)
    assert (summary.rows, summary.read, summary.patients, summary.events) == (920, 920, 920, 11868)
    assert record.rejects() == ()
    events = pa.concat_tables(record.events())
    hospitals = [row for row in events.to_pylist() if row["code"] == "CONSILIUM//hospital"]
    assert len(hospitals) == 920
    assert {row["subject_id"] for row in hospitals if row["text_value"] == "va"} <= set(dict(record.patients()).values())
    assert subject_id("cleveland-1") in {row["subject_id"] for row in hospitals}


def test_synthea(unzipped, tmp_path):
    folder = unzipped("synthea_fhir_r4")
    for path in sorted(folder.rglob("*.json"))[12:]:
        path.unlink()
    record = ingest(folder, tmp_path / "ward")
    law(record)
    summary = latest(record)
    assert summary.patients == 12
    assert summary.sent == summary.events + summary.duplicates + sum(summary.parts.values())
    assert all(reason.startswith("resource type") for reason in summary.rejects)
    assert sum(table.num_rows for table in record.events()) == summary.events
    assert latest(ingest(folder, tmp_path / "ward")).already == 12


def test_a_folder_of_links_alone_says_so(tmp_path):
    outside = write(tmp_path / "outside" / "secret.json", lab(3))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one.json").symlink_to(outside)
    (tmp_path / "in" / "two.json").symlink_to(outside)
    with pytest.raises(InputError, match=r"one\.json: a link that leads out of the folder is not followed \(and 1 more\)"):
        ingest(tmp_path / "in", tmp_path / "ward")

"""Files of FHIR R4: Bundles, single resources and NDJSON, whole, gzipped, cut off and wrong."""

from __future__ import annotations

import copy
import gzip
import random
import sys
from importlib.resources import files

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import FormatError, NotFoundError
from consilium.sources import fhir
from consilium.sources.fhir import read_resources

EXAMPLES = files("consilium.sources").joinpath("examples", "fhir")
BUNDLE = EXAMPLES.joinpath("bundle.json").read_bytes()
LINES = EXAMPLES.joinpath("export.ndjson").read_bytes()
RESOURCES = [entry["resource"] for entry in orjson.loads(BUNDLE)["entry"]]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda c: st.lists(c, max_size=2) | st.dictionaries(st.text(max_size=5), c, max_size=2),
    max_leaves=4,
)


def law(batches):
    batches = list(batches)
    for batch in batches:
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
    return batches


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_bundle(tmp_path, name, mark):
    (batch,) = law(fhir.read(write(tmp_path, name, mark + BUNDLE)))
    assert (batch.rows, batch.read) == (18, 16)
    assert {reject.file for reject in batch.rejects} == {name}


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz", "a.jsonl", "a.json"])
def test_lines(tmp_path, name):
    (batch,) = law(fhir.read(write(tmp_path, name, LINES)))
    assert (batch.rows, batch.read) == (20, 18)


def test_one_resource(tmp_path):
    (batch,) = law(fhir.read(write(tmp_path, "a.json", orjson.dumps(RESOURCES[0]))))
    assert (batch.rows, batch.read) == (1, 1)


@pytest.mark.parametrize("kind", ["searchset", "transaction", "collection", "batch", "history", "document", "message"])
def test_every_type_of_bundle(tmp_path, kind):
    bundle = {**orjson.loads(BUNDLE), "type": kind}
    (batch,) = law(fhir.read(write(tmp_path, "a.json", orjson.dumps(bundle))))
    assert batch.read == 16


def test_an_empty_bundle_holds_no_rows(tmp_path):
    (batch,) = law(fhir.read(write(tmp_path, "a.json", b'{"resourceType": "Bundle", "type": "searchset", "total": 0}')))
    assert (batch.rows, batch.read, batch.events.num_rows) == (0, 0, 0)


def test_a_bad_line_is_named_and_the_rest_goes_on(tmp_path):
    lines = LINES.splitlines()
    lines.insert(3, b'{"resourceType": "Observation", ')
    lines.insert(5, b"")
    (batch,) = law(fhir.read(write(tmp_path, "a.ndjson", b"\n".join(lines))))
    assert (batch.rows, batch.read) == (21, 18)
    assert [(r.row, r.reason) for r in batch.rejects if r.reason == "not JSON"] == [("line 4", "not JSON")]


def test_a_cut_line_at_the_end_is_named(tmp_path):
    (batch,) = law(fhir.read(write(tmp_path, "a.ndjson", LINES[:-40])))
    assert [r.row for r in batch.rejects if r.reason == "not JSON"] == ["line 20"]


def test_an_overlong_line_is_refused_and_the_rest_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["consilium.sources.fhir.read"], "MAX_LINE", 3000)
    lines = LINES.splitlines()
    lines.insert(1, orjson.dumps({"resourceType": "Observation", "note": "x" * 7000}))
    (batch,) = law(fhir.read(write(tmp_path, "a.ndjson", b"\n".join(lines))))
    assert (batch.rows, batch.read) == (21, 18)
    assert [r.reason for r in batch.rejects if r.row == "line 2"] == ["a line of more than 3000 bytes"]


def test_a_document_over_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["consilium.sources.fhir.read"], "MAX_DOCUMENT", 1000)
    with pytest.raises(FormatError, match="too large"):
        law(fhir.read(write(tmp_path, "a.json.gz", BUNDLE)))


def test_batches_are_bounded_and_say_the_same(tmp_path, monkeypatch):
    path = write(tmp_path, "a.ndjson", LINES)
    (whole,) = law(fhir.read(path))
    monkeypatch.setattr(sys.modules["consilium.sources.fhir.read"], "ROWS", 3)
    monkeypatch.setattr(sys.modules["consilium.sources.fhir.read"], "WINDOW", 3)
    for file in (path, write(tmp_path, "b.json", BUNDLE)):
        parts = law(fhir.read(file))
        assert max(part.rows for part in parts) == 3
        if file is path:
            assert [row for part in parts for row in part.events.to_pylist()] == whole.events.to_pylist()


def test_medications_of_a_bulk_export_lie_in_a_file_of_their_own(tmp_path):
    order = {**RESOURCES[10], "medicationReference": {"reference": "Medication/m7"}, "subject": {"reference": "Patient/p"}}
    del order["medicationCodeableConcept"]
    drug = {
        "resourceType": "Medication",
        "id": "m7",
        "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "309362"}]},
    }
    path = write(tmp_path, "MedicationRequest.000.ndjson", orjson.dumps(order))
    (alone,) = law(fhir.read(path))
    assert alone.rejects[0].found == "Medication/m7"
    write(tmp_path, "Medication.000.ndjson.gz", orjson.dumps(drug))
    (batch,) = law(fhir.read(path))
    assert batch.events["code"].to_pylist() == ["MEDICATION//RxNorm//309362"]


def test_patients_of_a_bulk_export_are_found_by_identifier(tmp_path):
    mrn = {"system": "urn:mrn", "value": "7"}
    result = {**RESOURCES[5], "subject": {"identifier": mrn}}
    path = write(tmp_path, "Observation.ndjson", orjson.dumps(result))
    assert law(fhir.read(path))[0].read == 0
    write(tmp_path, "Patient.ndjson", orjson.dumps({"resourceType": "Patient", "id": "p", "identifier": [mrn]}))
    assert law(fhir.read(path))[0].events["patient_id"].to_pylist() == ["p"]


def test_resources_without_id_have_sources_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["consilium.sources.fhir.read"], "WINDOW", 2)
    result = {**RESOURCES[5], "subject": {"reference": "Patient/p"}}
    del result["id"]
    (batch,) = law(fhir.read(write(tmp_path, "a.ndjson", b"\n".join([orjson.dumps(result)] * 5))))
    assert batch.events["source_id"].to_pylist() == [f"a.ndjson#{n}" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.json", b"", "The file is empty"),
        ("a.json", b"patient,lactate\n1,2\n", "Not JSON"),
        ("a.json", b"\xff\xfe{\x00}\x00", "Not JSON"),
        ("a.json", b"[1, 2]", "Not FHIR"),
        ("a.json", b'{"name": "Ida"}', "Not FHIR"),
        ("a.json", b'{"resourceType": 7}', "Not FHIR"),
        ("a.json", BUNDLE[:2000], "The file is cut off"),
        ("a.json", BUNDLE[:-3], "The file is cut off"),
        ("a.ndjson", b"", "No line is a FHIR resource"),
        ("a.ndjson", b"a\nb\n", "No line is a FHIR resource"),
        ("a.ndjson", b'{"a": 1}\n', "No line is a FHIR resource"),
    ],
)
def test_files_that_are_not_fhir(tmp_path, name, data, message):
    with pytest.raises(FormatError) as refusal:
        law(fhir.read(write(tmp_path, name, data)))
    assert str(refusal.value).startswith(message)
    assert name in refusal.value.where
    assert refusal.value.do
    assert "\n" not in str(refusal.value)


def test_a_cut_gzip_is_refused_as_a_document_and_named_as_lines(tmp_path):
    cut = gzip.compress(BUNDLE)[:-100]
    path = tmp_path / "a.json.gz"
    path.write_bytes(cut)
    with pytest.raises(FormatError, match="cut off or damaged"):
        law(fhir.read(path))
    many = random.Random(0).choices(LINES.splitlines(), k=400)
    whole = gzip.compress(b"\n".join(many), compresslevel=1)
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(whole[: len(whole) // 2])
    (batch,) = law(fhir.read(path))
    assert 0 < batch.read < 400
    assert batch.rejects[-1].reason.startswith("the compressed file is cut off")
    path.write_bytes(b"no gzip at all")
    with pytest.raises(FormatError):
        law(fhir.read(path))


def test_a_missing_file(tmp_path):
    with pytest.raises(NotFoundError):
        list(fhir.read(tmp_path / "none.json"))


@given(st.data())
def test_resources_of_any_shape_are_read_or_rejected(data):
    resource = copy.deepcopy(data.draw(st.sampled_from(RESOURCES)))
    for _ in range(data.draw(st.integers(1, 3))):
        place, key = data.draw(st.sampled_from(list(places(resource))))
        place[key] = data.draw(JSON)
    batch = read_resources([resource], "fuzz")
    assert batch.rows == 1 or "Bundle" in str(resource.get("resourceType"))
    assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)


def places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from places(inner)


def test_nested_bundles_are_opened():
    patient = {"resourceType": "Patient", "id": "p", "gender": "male"}
    inner = {"resourceType": "Bundle", "entry": [{"resource": patient}, {"resource": {"resourceType": "Claim"}}]}
    batch = read_resources([{"resourceType": "Bundle", "entry": [{"resource": inner}]}, {**patient, "id": "q"}], "nested")
    assert (batch.rows, batch.read) == (3, 2)
    assert batch.events["patient_id"].to_pylist() == ["p", "q"]

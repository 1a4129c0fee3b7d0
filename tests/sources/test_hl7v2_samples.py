"""Real HL7 v2: the samples of Microsoft's FHIR converter, LinuxForHealth and HAPI, odd ones included."""

from __future__ import annotations

from collections import Counter

import pytest

from consilium.core.errors import FormatError
from consilium.sources import hl7v2

NO_MESSAGES = {"guide.txt", "uuencoded.txt", "uuencoded_escaped.txt"}
SPECIES = b"125097000^Goat^SCT"


@pytest.fixture
def samples(unzipped):
    root = unzipped("hl7v2")
    found = [path for path in sorted(root.rglob("*")) if path.suffix in (".hl7", ".txt") and path.name != "README.txt"]
    assert len(found) >= 146
    return found


def read(path, zone=None):
    batches = list(hl7v2.read(path, zone))
    for batch in batches:
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects), path
        assert all(reject.reason and reject.row and reject.file == path.name for reject in batch.rejects)
        for row in batch.events.to_pylist():
            assert row["patient_id"] and row["code"] and row["source_id"]
            assert (row["time"] is None) == (row["available"] is None)
            assert row["time"] is None or row["time"] <= row["available"]
    return batches


@pytest.mark.parametrize("zone", [None, "Europe/Zurich"])
def test_every_sample_gives_events_or_named_rejects(samples, zone):
    rows, unread = 0, set()
    for path in samples:
        try:
            rows += sum(batch.rows for batch in read(path, zone))
        except FormatError:
            unread.add(path.name)
    assert unread == NO_MESSAGES
    assert rows == 180


def test_messages_are_counted_as_a_search_for_their_headers_counts_them(samples):
    for path in samples:
        if path.name not in NO_MESSAGES:
            headers = sum(line.lstrip(b"\xef\xbb\xbf").startswith((b"MSH|", b"MSH^")) for line in path.read_bytes().splitlines())
            assert sum(batch.rows for batch in read(path)) - headers in (0, 1), path


def test_byte_order_marks_hide_nothing(samples):
    marked = [path for path in samples if path.read_bytes().startswith(b"\xef\xbb\xbf")]
    assert len(marked) == 27
    for path in marked:
        assert sum(batch.rows for batch in read(path)) == 1


def test_a_goat_is_no_patient_and_without_its_species_every_message_is_read(samples, tmp_path):
    """61 samples say in PID-35 that the patient is a goat; without it their messages are read like any other."""
    goats = [path for path in samples if SPECIES in path.read_bytes()]
    refused = Counter(reject.reason for path in goats for batch in read(path) for reject in batch.rejects)
    assert len(goats) == 61 and refused["The patient is an animal (PID 1)"] == 52
    kinds: Counter[str] = Counter()
    for path in goats:
        (tmp_path / path.name).write_bytes(path.read_bytes().replace(SPECIES, b""))
        for batch in read(tmp_path / path.name):
            kinds.update(code.partition("//")[0] for code in batch.events["code"].to_pylist())
    assert kinds["ALLERGY"] >= 10 and kinds["PROCEDURE"] >= 15 and kinds["CONDITION"] >= 15 and kinds["MEDICATION"] >= 8


def test_a_laboratory_report_loses_nothing(samples):
    path = next(path for path in samples if path.name == "LRI_2.0-NG_CBC_Typ_Message.hl7")
    (batch,) = read(path)
    sent = path.read_bytes().count(b"\nOBX|")
    measured = [row for row in batch.events.to_pylist() if row["code"].startswith("LOINC//")]
    assert len(measured) == sent == 28
    assert {row["text_value"] for row in measured if row["text_value"] and "//" in row["text_value"]} == {
        "SNOMED//260348001",
        "SNOMED//260415000",
    }
    assert [reject.reason for reject in batch.rejects] == ["a specimen is not read"]


def test_what_a_sample_does_not_say_is_not_invented(samples):
    """Every event of a message without a zone is a date or static, or is missing and named."""
    path = next(path for path in samples if path.name == "sample_unix.hl7")
    (without,), (named,) = read(path), read(path, "America/New_York")
    assert Counter(reject.reason for reject in without.rejects)["No time zone (of the message)"] >= 2
    assert named.events.num_rows > without.events.num_rows

"""Real FHIR: the official R4 and US Core examples, and whole-life Synthea bundles."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from consilium.core.errors import FormatError
from consilium.sources import fhir


def read(path):
    batches = list(fhir.read(path))
    for batch in batches:
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects), path
    return batches


@pytest.mark.parametrize(("name", "least"), [("fhir_r4_examples", 429), ("us_core_examples", 440)])
def test_every_official_example_gives_events_or_named_rejects(unzipped, name, least):
    paths = sorted(unzipped(name).rglob("*.json"))
    assert len(paths) >= least
    events = 0
    for path in paths:
        try:
            batches = read(path)
        except FormatError:
            assert "resourceType" not in orjson.loads(path.read_bytes())
            continue
        events += sum(batch.events.num_rows for batch in batches)
        assert all(reject.reason and reject.row for batch in batches for reject in batch.rejects)
        assert not any("not FHIR R4" in reject.reason for batch in batches for reject in batch.rejects), path
        assert not any("not shaped" in reject.reason for batch in batches for reject in batch.rejects), path
    assert events > 150


def test_synthea_bundles_lose_nothing(unzipped):
    paths = sorted(path for path in unzipped("synthea_fhir_r4").rglob("*.json") if "Information" not in path.name)
    for path in (paths[0], paths[len(paths) // 2], paths[-1]):
        sent = Counter(entry["resource"]["resourceType"] for entry in orjson.loads(path.read_bytes())["entry"])
        (batch,) = read(path)
        unread = Counter(reject.reason.split()[2] for reject in batch.rejects if reject.reason.startswith("resource type"))
        assert set(unread) <= {"Claim", "ExplanationOfBenefit", "Organization", "Practitioner", "CarePlan", "Goal", "ImagingStudy"}
        assert batch.rows == sent.total()
        assert batch.read == batch.rows - unread.total()
        codes = Counter(code.split("//")[0] for code in batch.events["code"].to_pylist() if "//END//" not in code)
        assert codes["MEDS_BIRTH"] == 1
        assert codes["CONDITION"] == sent["Condition"]
        assert codes["MEDICATION"] == sent["MedicationRequest"]
        assert codes["ENCOUNTER"] == sent["Encounter"]
        assert codes["IMMUNIZATION"] == sent["Immunization"]
        assert codes["LOINC"] >= sent["Observation"]
        assert len(set(batch.events["patient_id"].to_pylist())) == 1

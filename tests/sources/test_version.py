"""Resources of other releases of FHIR are refused by name, never read in part."""

from __future__ import annotations

import orjson
import pytest

from consilium.core.errors import FormatError
from consilium.sources import fhir

SUBJECT = {"subject": {"reference": "Patient/p"}}


@pytest.mark.parametrize(
    "resource",
    [
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "medication": {"concept": {"text": "aspirin"}},
            **SUBJECT,
        },
        {"resourceType": "MedicationStatement", "medication": {"reference": {"reference": "Medication/1"}}, **SUBJECT},
        {"resourceType": "Encounter", "status": "completed", "class": [{"coding": [{"code": "IMP"}]}], **SUBJECT},
        {"resourceType": "Encounter", "actualPeriod": {"start": "2020-01-01"}, **SUBJECT},
        {"resourceType": "Procedure", "occurrenceDateTime": "2020-01-01", "code": {"text": "x"}, **SUBJECT},
        {"resourceType": "AllergyIntolerance", "type": {"coding": [{"code": "allergy"}]}, "patient": {"reference": "Patient/p"}},
        {"resourceType": "DocumentReference", "context": [{"reference": "Encounter/1"}], **SUBJECT},
        {"resourceType": "Condition", "clinicalStatus": "active", "code": {"text": "x"}, **SUBJECT},
        {"resourceType": "Condition", "patient": {"reference": "Patient/p"}, "code": {"text": "x"}},
        {"resourceType": "Observation", "context": {"reference": "Encounter/1"}, "code": {"text": "x"}, **SUBJECT},
        {"resourceType": "Immunization", "notGiven": False, "patient": {"reference": "Patient/p"}},
        {"resourceType": "MedicationAdministration", "notGiven": False, **SUBJECT},
        {"resourceType": "Observation", "meta": {"profile": ["http://hl7.org/fhir/5.0/StructureDefinition/Observation"]}, **SUBJECT},
    ],
)
def test_signs_of_another_release(read, resource):
    batch = read(resource)
    assert batch.events.num_rows == 0
    assert [reject.reason for reject in batch.rejects] == ["not FHIR R4"]
    assert resource["resourceType"] in batch.rejects[0].found


def test_a_bundle_that_declares_another_release_is_refused(tmp_path):
    path = tmp_path / "r5.json"
    capability = {"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}
    path.write_bytes(orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": capability}]}))
    with pytest.raises(FormatError, match=r"Not FHIR R4 in r5\.json: found '5.0.0', expected '4.0.1'"):
        list(fhir.read(path))

"""Version: signs that a resource was written for another release of FHIR than R4.

R4 has no version marker inside a resource, and a reader that ignores unknown elements loses what they hold without an
error. So every element below exists in another release under that resource and not in R4 (4.0.1).
Source: HL7 FHIR, the resource definitions and change tables of releases 1.0.2, 3.0.2, 4.0.1 and 5.0.0.
"""

from __future__ import annotations

from typing import Any

DSTU2, STU3, R5 = "DSTU2", "STU3", "R5"

_ELSEWHERE: dict[str, dict[str, str]] = {
    "Patient": {"animal": STU3, "careProvider": DSTU2},
    "Encounter": {
        "patient": DSTU2, "reason": "STU3 or R5", "incomingReferral": STU3, "indication": DSTU2, "actualPeriod": R5, "subjectStatus": R5,
        "plannedStartDate": R5, "plannedEndDate": R5, "admission": R5, "virtualService": R5, "careTeam": R5,
    },
    "Condition": {"patient": DSTU2, "dateRecorded": DSTU2, "assertedDate": STU3, "context": STU3, "participant": R5},
    "Observation": {
        "comments": DSTU2, "comment": STU3, "related": STU3, "context": STU3, "triggeredBy": R5, "bodyStructure": R5,
        "instantiatesCanonical": R5, "instantiatesReference": R5, "valueAttachment": R5, "valueReference": R5,
    },
    "MedicationRequest": {
        "context": STU3, "definition": STU3, "medication": R5, "reason": R5, "informationSource": R5, "renderedDosageInstruction": R5,
        "effectiveDosePeriod": R5, "statusChanged": R5,
    },
    "MedicationStatement": {
        "patient": DSTU2, "wasNotTaken": DSTU2, "taken": STU3, "reasonNotTaken": STU3, "medication": R5, "reason": R5, "adherence": R5,
        "encounter": R5, "relatedClinicalInformation": R5, "renderedDosageInstruction": R5,
    },
    "MedicationAdministration": {
        "patient": DSTU2, "wasNotGiven": DSTU2, "notGiven": STU3, "prescription": STU3, "reasonGiven": STU3, "medication": R5,
        "occurenceDateTime": R5, "occurencePeriod": R5, "occurrenceDateTime": R5, "occurrencePeriod": R5, "encounter": R5,
        "isSubPotent": R5, "reason": R5,
    },
    "Medication": {
        "product": DSTU2, "package": STU3, "isBrand": STU3, "marketingAuthorizationHolder": R5, "doseForm": R5, "definition": R5,
    },
    "AllergyIntolerance": {"substance": DSTU2, "status": DSTU2, "lastOccurence": DSTU2, "assertedDate": STU3, "participant": R5},
    "Procedure": {
        "notPerformed": DSTU2, "notDone": STU3, "definition": STU3, "context": STU3, "occurrenceDateTime": R5, "occurrencePeriod": R5,
        "occurrenceString": R5, "occurrenceAge": R5, "recorded": R5, "reason": R5, "reportedBoolean": R5, "reportedReference": R5,
    },
    "Immunization": {
        "wasNotGiven": DSTU2, "reported": DSTU2, "notGiven": STU3, "date": STU3, "explanation": STU3, "practitioner": STU3,
        "vaccinationProtocol": STU3, "administeredProduct": R5, "informationSource": R5, "reason": R5, "basedOn": R5,
    },
    "DiagnosticReport": {"codedDiagnosis": STU3, "image": STU3, "context": STU3, "supportingInfo": R5, "composition": R5, "note": R5},
    "DocumentReference": {
        "indexed": STU3, "created": STU3, "class": STU3, "attester": R5, "facilityType": R5, "practiceSetting": R5, "modality": R5,
        "event": R5, "period": R5, "version": R5,
    },
    "FamilyMemberHistory": {"notDone": STU3, "definition": STU3, "participant": R5, "reason": R5},
}  # fmt: skip
_NAMES = {kind: frozenset(elements) for kind, elements in _ELSEWHERE.items()}

_SHAPES: dict[str, tuple[tuple[str, type, str], ...]] = {
    "Condition": (("clinicalStatus", str, "DSTU2 or STU3"), ("verificationStatus", str, "DSTU2 or STU3")),
    "AllergyIntolerance": (
        ("clinicalStatus", str, STU3),
        ("verificationStatus", str, STU3),
        ("type", dict, R5),
    ),
    "Encounter": (("class", str, DSTU2), ("class", list, R5)),
    "DocumentReference": (("context", list, R5),),
}
"""Elements whose JSON type differs from R4's."""

_PROFILES = {
    "http://hl7.org/fhir/1.0/": DSTU2,
    "http://hl7.org/fhir/3.0/": STU3,
    "http://hl7.org/fhir/5.0/": R5,
    "http://hl7.org/fhir/6.0/": "R6",
}
_ANY_PROFILE = tuple(_PROFILES)


def other_release(resource: dict[str, Any]) -> str:
    """Say why a resource is not R4; empty when nothing speaks against R4.

    Examples
    --------
    >>> other_release({"resourceType": "MedicationRequest", "medication": {"concept": {"text": "aspirin"}}})
    'R5: MedicationRequest.medication'
    >>> other_release({"resourceType": "Condition", "clinicalStatus": "active"})
    'DSTU2 or STU3: Condition.clinicalStatus'
    >>> other_release({"resourceType": "Condition", "code": {"text": "Asthma"}})
    ''
    """
    kind = resource["resourceType"]
    names = _NAMES.get(kind)
    if names is not None and not names.isdisjoint(resource):
        element = min(names.intersection(resource))
        return f"{_ELSEWHERE[kind][element]}: {kind}.{element}"
    for element, shape, release in _SHAPES.get(kind, ()):
        if isinstance(resource.get(element), shape):
            return f"{release}: {kind}.{element}"
    meta = resource.get("meta")
    for profile in (meta.get("profile") or ()) if isinstance(meta, dict) else ():
        if not isinstance(profile, str) or not profile.startswith(_ANY_PROFILE):
            continue
        for start, release in _PROFILES.items():
            if profile.startswith(start):
                return f"{release}: {profile}"
    return ""


def declared_release(resource: dict[str, Any]) -> str:
    """The release that a CapabilityStatement (or a Bundle's extension) declares, empty when it declares none.

    Examples
    --------
    >>> declared_release({"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"})
    '5.0.0'
    """
    if resource.get("fhirVersion"):
        return str(resource["fhirVersion"])
    for extension in resource.get("extension") or ():
        if isinstance(extension, dict) and str(extension.get("url", "")).lower().endswith("fhirversion"):
            return next((str(value) for key, value in extension.items() if key.startswith("value")), "")
    return ""

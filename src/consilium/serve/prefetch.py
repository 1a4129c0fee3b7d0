"""Prefetch: the resources that came with a CDS Hooks request, complete and of one patient, or a refusal that says what is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from consilium.serve.refuse import refusal

Resource = dict[str, Any]
_PATIENT = re.compile(r"(?:.*/)?Patient/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?")


def resources(prefetch: Mapping[str, Any], required: Iterable[str], patient_id: str) -> list[Resource]:
    """Take the resources out of a prefetch.

    Parameters
    ----------
    prefetch : mapping of str to resource, searchset Bundle or None
        None says that the sender has no data for the key; a key that is absent was not looked up.
    required : iterable of str
        Keys that must have been looked up.
    patient_id : str
        Whose data they must be.

    Returns
    -------
    list of dict
        Resources in the order in which they were sent, the patient's own first.

    Raises
    ------
    HTTPException
        412 naming the keys that are absent, failed at the sender or came in pages; 400 when something is no resource or is
        another patient's.
    """
    lacking = [key for key in required if key not in prefetch] + [key for key in ("patient",) if prefetch.get(key, "") is None]
    failed = [key for key, value in prefetch.items() if _failed(value)]
    paged = [key for key, value in prefetch.items() if _has_next(value)]
    if lacking or failed or paged:
        found = {"missing": lacking, "failed": failed, "paged": paged}
        raise refusal(
            412,
            "The prefetch is not complete: " + "; ".join(f"{how}: {', '.join(keys)}" for how, keys in found.items() if keys),
            "send every prefetch key that discovery names, each in one page; null says that there are no data",
            **{how: keys for how, keys in found.items() if keys},
        )
    taken: list[Resource] = []
    for key in sorted(prefetch, key=lambda k: k != "patient"):
        taken += _taken(key, prefetch[key])
    _of_one_patient(taken, prefetch["patient"], patient_id)
    return taken


def _taken(key: str, value: Any) -> list[Resource]:
    if value is None:
        return []
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise refusal(400, f"The prefetch '{key}' is not a FHIR resource", "send a resource, a searchset Bundle, or null")
    if value["resourceType"] != "Bundle":
        return [value]
    found = []
    for entry in value.get("entry") or []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise refusal(400, f"An entry of the prefetch '{key}' holds no FHIR resource", "send entries with their resource")
        if resource["resourceType"] != "OperationOutcome":
            found.append(resource)
    return found


def _failed(value: Any) -> bool:
    """Whether the sender says that looking it up failed: an OperationOutcome in its place, or one with an error among the entries."""
    if not isinstance(value, dict):
        return False
    if value.get("resourceType") == "OperationOutcome":
        return True
    entries = value.get("entry") if value.get("resourceType") == "Bundle" else None
    found = [e.get("resource") for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    outcomes = [r for r in found if isinstance(r, dict) and r.get("resourceType") == "OperationOutcome"]
    listed = [o.get("issue") for o in outcomes]
    issues = [i for issue in listed if isinstance(issue, list) for i in issue]
    return any(isinstance(i, dict) and i.get("severity") in ("error", "fatal") for i in issues)


def _has_next(value: Any) -> bool:
    links = value.get("link") if isinstance(value, dict) and value.get("resourceType") == "Bundle" else None
    return isinstance(links, list) and any(isinstance(link, dict) and link.get("relation") == "next" for link in links)


def _of_one_patient(taken: list[Resource], patient: Any, patient_id: str) -> None:
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient" or patient.get("id") != patient_id:
        raise refusal(400, "The prefetched patient is not the one in the context", "send the Patient whose id is context.patientId")
    for resource in taken:
        if resource["resourceType"] == "Patient" and resource.get("id") != patient_id:
            raise refusal(400, "The prefetch holds a second patient", "send data of context.patientId alone")
        for element in ("subject", "patient"):
            said = resource.get(element)
            match = _PATIENT.fullmatch(str(said.get("reference", ""))) if isinstance(said, dict) else None
            if match and match["id"] != patient_id:
                raise refusal(
                    400, f"A {resource['resourceType']} in the prefetch belongs to another patient", "send data of context.patientId alone"
                )

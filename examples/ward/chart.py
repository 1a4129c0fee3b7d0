"""The things a chart is made of, each a FHIR R4 (4.0.1) resource made by one small function."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from terms import TERMINOLOGY, UCUM, Resource, after, coding, concept, concepts, plain, quantity

ENCOUNTER_CLASS = {"AMB": "ambulatory", "EMER": "emergency", "IMP": "inpatient encounter"}
RELATION = {"mother": "MTH", "father": "FTH", "maternal aunt": "MAUNT"}
INVENTED = {"system": f"{TERMINOLOGY}/v3-ActReason", "code": "HTEST", "display": "test health data"}


def resource(kind: str, who: Resource | str, about: str, when: str = "", **fields: Any) -> Resource:
    """Any resource: an id that says who, what and when, then its fields, those that are None left out."""
    person = who if isinstance(who, str) else str(who["id"])
    stamp = re.sub(r"[^0-9]", "", when)[:12]
    what = re.sub(r"[^a-z0-9]+", "-", about.lower()).strip("-")[: 62 - len(person) - len(stamp)].strip("-")
    name = "-".join(part for part in (person, what, stamp) if part)
    return {"resourceType": kind, "id": name, **{key: value for key, value in fields.items() if value is not None}}


def pointer(to: Resource | None) -> Resource | None:
    """A reference to a resource of the same bundle."""
    return None if to is None else {"reference": f"{to['resourceType']}/{to['id']}"}


def patient(name: str, given: Sequence[str], family: str, *, gender: str, born: str, text: str | None = None) -> Resource:
    """The person. The security label HTEST says that the person is invented."""
    called = {"use": "official", "text": text or f"{' '.join(given)} {family}", "family": family, "given": list(given)}
    meta = {"security": [INVENTED], "tag": [{"system": "urn:consilium:examples", "code": "ward"}]}
    number = [{"system": "urn:consilium:examples:ward", "value": name}]
    return resource("Patient", name, "", meta=meta, identifier=number, active=True, name=[called], gender=gender, birthDate=born)


def encounter(
    who: Resource, reason: str, start: str, end: str | None = None, *, place: str = "AMB", status: str | None = None, named: str = ""
) -> Resource:
    """A contact with the house, `place` by v3-ActCode; without an end it is still in progress."""
    kind = {"system": f"{TERMINOLOGY}/v3-ActCode", "code": place, "display": ENCOUNTER_CLASS[place]}
    period = {"start": start, **({"end": end} if end else {})}
    state = status or ("finished" if end else "in-progress")
    why = [{"text": reason}]
    return resource(
        "Encounter", who, named or reason, start, status=state, **{"class": kind}, subject=pointer(who), period=period, reasonCode=why
    )


def condition(
    who: Resource,
    *names: str,
    since: str | None,
    recorded: str,
    status: str | None = "active",
    certainty: str = "confirmed",
    until: str | None = None,
    text: str | None = None,
    during: Resource | None = None,
) -> Resource:
    """A diagnosis or problem; `names` of codes.md, or only a `text`."""
    return resource(
        "Condition",
        who,
        names[0] if names else str(text),
        since or recorded,
        clinicalStatus=coding("condition-clinical", status) if status else None,
        verificationStatus=coding("condition-ver-status", certainty),
        category=[coding("condition-category", "problem-list-item", "Problem List Item")],
        code=concept(*names) if names else {"text": text},
        subject=pointer(who),
        encounter=pointer(during),
        onsetDateTime=since,
        abatementDateTime=until,
        recordedDate=recorded,
    )


def observation(
    who: Resource,
    name: str,
    value: float | str | None,
    at: str,
    *,
    issued: int = 60,
    category: str = "laboratory",
    unit: str | None = "",
    status: str = "final",
    during: Resource | None = None,
    **fields: Any,
) -> Resource:
    """A result: a number in the unit of codes.md (or another `unit`), or the name of a coded answer; `issued` minutes after `at`."""
    said: Resource = {}
    if isinstance(value, str):
        said = {"valueCodeableConcept": concept(value)}
    elif value is not None:
        said = {"valueQuantity": quantity(value, concepts()[name].unit if unit == "" else unit)}
    return resource(
        "Observation",
        who,
        name,
        at,
        status=status,
        category=[coding("observation-category", category)],
        code=concept(name),
        subject=pointer(who),
        encounter=pointer(during),
        effectiveDateTime=at,
        issued=after(at, issued),
        **said,
        **fields,
    )


def results(who: Resource, at: str, values: Mapping[str, float | str], *, issued: int = 60, **options: Any) -> Iterator[Resource]:
    """Several results of one sample."""
    for name, value in values.items():
        yield observation(who, name, value, at, issued=issued, **options)


def vitals(
    who: Resource, at: str, values: Mapping[str, float | str], *, pressure: tuple[int, int] | None = None, **options: Any
) -> Iterator[Resource]:
    """What was measured at the bedside, with systolic and diastolic pressure as one panel; charted two minutes later."""
    if pressure:
        parts = [
            {"code": concept(name), "valueQuantity": quantity(value, concepts()[name].unit)}
            for name, value in zip(("systolic", "diastolic"), pressure, strict=True)
        ]
        yield observation(who, "blood pressure", None, at, issued=2, category="vital-signs", component=parts, **options)
    yield from results(who, at, values, issued=2, category="vital-signs", **options)


def dosage(text: str, dose: tuple[float, str] | None) -> list[Resource]:
    """How a drug is taken, in words and, where the dose matters, as a number."""
    return [{"text": text, **({"doseAndRate": [{"doseQuantity": quantity(*dose)}]} if dose else {})}]


def order(
    who: Resource, drug: str, ordered: str, how: str, *, status: str = "active", dose: tuple[float, str] | None = None, **fields: Any
) -> Resource:
    """A prescription (MedicationRequest)."""
    return resource(
        "MedicationRequest",
        who,
        drug,
        ordered,
        status=status,
        intent="order",
        medicationCodeableConcept=concept(drug),
        subject=pointer(who),
        authoredOn=ordered,
        dosageInstruction=dosage(how, dose),
        **fields,
    )


def taken(who: Resource, drug: str, since: str, told: str, how: str, *, until: str | None = None, status: str = "active") -> Resource:
    """A drug that the patient says they take (MedicationStatement)."""
    period = {"start": since, **({"end": until} if until else {})}
    return resource(
        "MedicationStatement",
        who,
        drug,
        since,
        status=status,
        medicationCodeableConcept=concept(drug),
        subject=pointer(who),
        effectivePeriod=period,
        dateAsserted=told,
        dosage=[{"text": how}],
    )


def given(who: Resource, drug: str, at: str, dose: tuple[float, str], **fields: Any) -> Resource:
    """A dose that was given (MedicationAdministration)."""
    return resource(
        "MedicationAdministration",
        who,
        drug,
        at,
        status="completed",
        medicationCodeableConcept=concept(drug),
        subject=pointer(who),
        effectiveDateTime=at,
        dosage={"dose": quantity(*dose)},
        **fields,
    )


def allergy(
    who: Resource, name: str, recorded: str, *, reaction: str | None = None, severity: str | None = None, **fields: Any
) -> Resource:
    """An allergy, or the statement that none is known."""
    shown = [{"manifestation": [concept(reaction)], **({"severity": severity} if severity else {})}] if reaction else None
    return resource(
        "AllergyIntolerance",
        who,
        name,
        recorded,
        clinicalStatus=coding("allergyintolerance-clinical", "active"),
        verificationStatus=coding("allergyintolerance-verification", "confirmed"),
        code=concept(name),
        patient=pointer(who),
        recordedDate=recorded,
        reaction=shown,
        **fields,
    )


def procedure(who: Resource, name: str, at: str, *, status: str = "completed", why_not: str | None = None, **fields: Any) -> Resource:
    """Something done, or with `status="not-done"` something that was due and was not."""
    reason = {"text": why_not} if why_not else None
    return resource(
        "Procedure",
        who,
        name,
        at,
        status=status,
        statusReason=reason,
        code=concept(name),
        subject=pointer(who),
        performedDateTime=at,
        **fields,
    )


def request(who: Resource, name: str, ordered: str, due: str, why: str) -> Resource:
    """A test or procedure that is ordered and not yet done (ServiceRequest)."""
    return resource(
        "ServiceRequest",
        who,
        name,
        ordered,
        status="active",
        intent="order",
        code=concept(name),
        subject=pointer(who),
        occurrenceDateTime=due,
        authoredOn=ordered,
        reasonCode=[{"text": why}],
    )


def immunisation(who: Resource, vaccine: str, on: str) -> Resource:
    """A vaccination."""
    return resource(
        "Immunization", who, vaccine, on, status="completed", vaccineCode=concept(vaccine), patient=pointer(who), occurrenceDateTime=on
    )


def relative(who: Resource, relation: str, told: str, *illnesses: str, age: int | None = None) -> Resource:
    """What a relative had, and at what age it began."""
    began = {"onsetAge": {"value": age, "unit": "a", "system": UCUM, "code": "a"}} if age else {}
    return resource(
        "FamilyMemberHistory",
        who,
        relation,
        told,
        status="completed",
        patient=pointer(who),
        date=told,
        relationship=coding("v3-RoleCode", RELATION[relation], relation),
        condition=[{"code": concept(name), **began} for name in illnesses],
    )


def note(who: Resource, kind: str, written: str, text: str, *, during: Resource | None = None) -> Resource:
    """A note in prose (DocumentReference)."""
    title = concepts()[kind].display
    context = {"encounter": [pointer(during)]} if during else None
    content = [{"attachment": plain(text, title, written)}]
    return resource(
        "DocumentReference",
        who,
        kind,
        written,
        status="current",
        type=concept(kind),
        subject=pointer(who),
        date=written,
        content=content,
        context=context,
    )


def report(
    who: Resource,
    kind: str,
    at: str,
    text: str,
    conclusion: str,
    *,
    issued: int,
    section: str,
    found: Sequence[Resource] = (),
    status: str = "final",
) -> Resource:
    """A report in prose with its conclusion and the results it rests on; `section` by v2-0074 (RAD, PAT, CUS, MB ...)."""
    out = after(at, issued)
    return resource(
        "DiagnosticReport",
        who,
        kind,
        at,
        status=status,
        category=[coding("v2-0074", section)],
        code=concept(kind),
        subject=pointer(who),
        effectiveDateTime=at,
        issued=out,
        result=[pointer(each) for each in found] or None,
        conclusion=conclusion,
        presentedForm=[plain(text, concepts()[kind].display, out)],
    )


def bundle(story: Iterator[Resource]) -> Resource:
    """Everything of one story as one collection; relative references resolve by its full URLs."""
    resources = list(story)
    entries = [{"fullUrl": f"https://ward.example/fhir/{each['resourceType']}/{each['id']}", "resource": each} for each in resources]
    return {"resourceType": "Bundle", "id": resources[0]["id"], "meta": {"security": [INVENTED]}, "type": "collection", "entry": entries}

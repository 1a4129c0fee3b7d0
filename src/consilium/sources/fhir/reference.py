"""Reference: what FHIR references point to, within one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from consilium.core.errors import InputError
from consilium.sources.fhir.gene import gene_of

Resource = dict[str, Any]
_KEPT = frozenset({"Patient", "Medication"})


@dataclass(slots=True)
class References:
    """Patients and medications at hand, by every name under which they may be pointed at.

    Where a pointer leads nowhere, `elsewhere` is asked for what else there is of a resource type: a bulk export keeps each type
    in a file of its own.
    """

    elsewhere: Callable[[str], References] | None = None
    types: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)
    identifiers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    medications: dict[str, Resource] = field(default_factory=dict)
    genotypes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Origin and gene of each genotype Observation, by every name under which an implication may point at it."""

    def learn(self, resource: Resource, full_url: str) -> None:
        """Remember a resource under its fullUrl and, a medication, its `Type/id`."""
        kind = resource.get("resourceType")
        if full_url:
            self.types[full_url] = str(kind)
        if kind == "Observation" and resource.get("component"):
            self._genotype(resource, full_url)
        if not isinstance(kind, str) or kind not in _KEPT:
            return
        identity = resource.get("id") or full_url.rpartition("/")[2].removeprefix("urn:uuid:").removeprefix("urn:oid:")
        if not isinstance(identity, str) or not identity:
            return
        if kind == "Medication":
            self.medications[full_url or f"Medication/{identity}"] = self.medications[f"Medication/{identity}"] = resource
            return
        if full_url:
            self.patients[full_url] = identity
        identifiers = resource.get("identifier")
        for identifier in identifiers if isinstance(identifiers, list) else ():
            if isinstance(identifier, dict) and identifier.get("value"):
                key = (str(identifier.get("system") or ""), str(identifier["value"]))
                self.identifiers.setdefault(key, set()).add(identity)

    def _genotype(self, resource: Resource, full_url: str) -> None:
        identity = resource.get("id")
        with suppress(AttributeError, TypeError, KeyError):  # not shaped as FHIR says: its own reading refuses it by name
            gene = gene_of(resource)
            if gene is not None and isinstance(identity, str):
                for name in (full_url, f"Observation/{identity}", f"urn:uuid:{identity}"):
                    self.genotypes[name] = (f"Observation/{identity}", gene)

    def subject(self, resource: Resource, element: str = "subject") -> str:
        """The identifier of the patient a resource is about.

        Raises
        ------
        InputError
            When it is about nobody, about something that is not a patient, or about a patient that cannot be found.
        """
        reference = resource.get(element)
        if not reference:
            raise InputError(f"No {element}")
        text = reference.get("reference") or ""
        if text in self.patients:
            return self.patients[text]
        if text.startswith("Patient/") and text.count("/") == 1 and len(text) > 8:
            return str(text[8:])
        if text.startswith("#"):
            inner = contained(resource, text)
            if inner is None or inner.get("resourceType") != "Patient":
                raise InputError("The subject is not a patient", found=(inner or {}).get("resourceType") or text)
            return self._by_identifier(inner.get("identifier") or (), "The subject is a contained patient unknown to this file", text)
        if text.startswith(("urn:uuid:", "urn:oid:")):
            kind = self.types.get(text) or reference.get("type") or ("Patient" if element == "patient" else "")
            if kind == "Patient":
                return str(text.rpartition(":")[2])
            if kind:
                raise InputError("The subject is not a patient", found=kind)
            raise InputError("The subject is in no entry of this file", found=text)
        if text:
            kind, identity = typed(text)
            if kind == "Patient" and identity:
                return identity
            raise InputError("The subject is not a patient", found=kind or text)
        if reference.get("type") not in (None, "Patient"):
            raise InputError("The subject is not a patient", found=reference["type"])
        sent = reference.get("identifier")
        return self._by_identifier([sent] if sent else (), "The subject is named by an identifier that no patient of this file carries")

    def medication(self, resource: Resource, reference: Resource) -> Resource | None:
        """The Medication that is pointed at, None when it is not in reach."""
        text = reference.get("reference") or ""
        if text.startswith("#"):
            return contained(resource, text)
        found = self.medications.get(text) or self.medications.get("/".join(typed(text)))
        if found is None and self.elsewhere is not None:
            return self.elsewhere("Medication").medication(resource, reference)
        return found

    def _by_identifier(self, identifiers: Iterable[Resource], refusal: str, found: str = "") -> str:
        for identifier in identifiers:
            key = (str(identifier.get("system") or ""), str(identifier.get("value") or ""))
            bearers = self.identifiers.get(key, set())
            if self.elsewhere is not None:
                bearers = bearers | self.elsewhere("Patient").identifiers.get(key, set())
            if len(bearers) == 1:
                return next(iter(bearers))
            found = found or key[1]
        raise InputError(refusal, found=found)


def typed(reference: str) -> tuple[str, str]:
    """Type and id of a literal reference, relative or absolute, with or without a version.

    Examples
    --------
    >>> typed("https://ward.example/fhir/Patient/42/_history/3")
    ('Patient', '42')
    """
    parts = reference.partition("/_history")[0].split("/")
    return (parts[-2], parts[-1]) if len(parts) > 1 else ("", parts[-1])


def contained(resource: Resource, reference: str) -> Resource | None:
    """The contained resource that `#id` points at."""
    return next((inner for inner in resource.get("contained") or () if inner.get("id") == reference[1:]), None)

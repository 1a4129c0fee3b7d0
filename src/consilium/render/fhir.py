"""FHIR: a Consultation as an R4 (4.0.1) collection Bundle.

One RiskAssessment per opinion and per risk that a polygenic score means, one GuidanceResponse per specialist, a DetectedIssue for
what should be avoided or stopped and for drugs that do not go together or not with a gene, Observations of the Genomics Reporting
guide for genes and variants, an ImagingStudy with Observations for each series of images, a proposal (ServiceRequest,
MedicationRequest) where advice names what to order, and Provenance for each.
`probabilityDecimal` is a fraction in [0, 1], as in the standard's own examples; the interval and the percentage are in words
in `rationale` and `note`, because `probability[x]` holds one or the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from consilium.core.advice import Advice
from consilium.core.code import split
from consilium.core.consultation import Consultation, Missing
from consilium.core.gene import GeneResult
from consilium.core.opinion import Opinion
from consilium.core.polygenic import AbsoluteRisk, PolygenicResult
from consilium.render.genomics import observations, variant_observations
from consilium.render.imaging import resources
from consilium.render.inherited import never_computed, variant_lines
from consilium.render.names import title, titles_for
from consilium.render.numbers import interval, naive, percent, weight
from consilium.render.polygenic import risk_words, told
from consilium.render.prune import prune
from consilium.render.reasons import finding, label, reasons
from consilium.render.terms import concept_of, reference, resource_of, subject, terms
from consilium.render.words import Words, words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

AGAINST = ("avoid", "stop", "review", "clarify")
SERVICE = ("order", "refer", "monitor", "treat")
MEDICINE = ("order", "treat", "start")


def bundle(
    consultation: Consultation, shelf: Shelf, *, recorded: datetime | None = None, titles: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Write a consultation as a FHIR R4 Bundle of type `collection`.

    Parameters
    ----------
    consultation : Consultation
        What to write.
    shelf : Shelf
        Names of codes.
    recorded : datetime, optional
        When this was written (`Bundle.timestamp`, `Provenance.recorded`); now, when not given.
    titles : mapping of str to str, optional
        Titles of specialists by name.

    Returns
    -------
    dict
        JSON-ready, without null or empty values; ids are the same for the same consultation.
    """
    writer = _Writer(
        consultation, shelf, words(consultation.language), naive(recorded or datetime.now(UTC)), titles_for(consultation, shelf, titles)
    )
    resources = writer.resources()
    identity = writer.uuid("Bundle")
    document = {
        "resourceType": "Bundle",
        "id": str(identity),
        "identifier": {"system": terms()["identifiers"]["consultation"], "value": f"urn:uuid:{identity}"},
        "type": "collection",
        "timestamp": _instant(writer.recorded),
        "entry": [{"fullUrl": f"urn:uuid:{r['id']}", "resource": r} for r in resources],
    }
    pruned: dict[str, Any] = prune(document)
    return pruned


@dataclass(frozen=True, slots=True)
class _Writer:
    consultation: Consultation
    shelf: Shelf
    words: Words
    recorded: datetime
    titles: Mapping[str, str]

    def uuid(self, *key: str) -> UUID:
        told = (self.consultation.patient_id, self.consultation.as_of.isoformat(), self.consultation.language, *key)
        return uuid5(NAMESPACE_URL, "urn:consilium:" + "\n".join(told))

    def resources(self) -> list[dict[str, Any]]:
        device = self.device()
        found = [device, *(o for gene in self.consultation.genes for o in self.gene(gene))]
        for series in self.consultation.images:
            found += resources(series, self.consultation.patient_id, self.base)
        for variant in self.consultation.variants:
            (line,) = variant_lines([variant], self.consultation.as_of, self.shelf, self.words.language)
            said = (*line.caveats, *line.evidence, line.lacking, never_computed(self.words.language))
            found += variant_observations(variant, self.consultation.patient_id, self.shelf, self.base, [text for text in said if text])
        for opinion in self.consultation.opinions:
            if opinion.abstained is None:
                found.append(risk := self.risk(opinion))
                found.append(self.provenance(risk, device, [i for e in opinion.evidence for i in e.event_ids], opinion.source))
            found.append(self.guidance(opinion))
        for result in self.consultation.polygenic:
            for number, risk_ in enumerate(result.risks):
                found.append(item := self.polygenic(result, risk_, number))
                found.append(self.provenance(item, device, result.event_ids, ""))
        for absence in self.consultation.absent:
            found.append(self.response(absence.specialist, "data-required", absence.reason))
        heard = {o.specialist for o in self.consultation.opinions} | {a.specialist for a in self.consultation.absent}
        for asking in dict.fromkeys(m.specialist for m in self.consultation.missing if m.specialist not in heard):
            wanted = [m for m in self.consultation.missing if m.specialist == asking]
            found.append(self.response(asking, "data-requested", "", wanted))
        for number, advice in enumerate(self.consultation.advice):
            found.append(item := self.advice(advice, number))
            found.append(self.provenance(item, device, advice.event_ids, "", advice))
        return found

    def base(self, kind: str, *key: str) -> dict[str, Any]:
        return {"resourceType": kind, "id": str(self.uuid(kind, *key)), "language": self.consultation.language}

    def device(self) -> dict[str, Any]:
        return {
            **self.base("Device"),
            "status": "active",
            "deviceName": [{"name": "consilium", "type": terms()["device_name_type"]}],
            "version": [{"value": version("consilium")}],
            "note": [{"text": self.words.say("disclaimer")}],
        }

    def gene(self, result: GeneResult) -> Iterator[dict[str, Any]]:
        return observations(result, self.consultation.patient_id, self.shelf, self.words.language, self.base)

    def origin(self, event_id: str, display: str = "") -> dict[str, Any]:
        """What an event is in this bundle, or where it came from."""
        for result in self.consultation.genes:
            if event_id in result.event_ids:
                kind = "implication" if event_id.endswith("#phenotype") else "genotype"
                return {"reference": f"urn:uuid:{self.uuid('Observation', kind, result.code)}", "display": result.gene}
        for variant in self.consultation.variants:
            if event_id in variant.event_ids:
                return {
                    "reference": f"urn:uuid:{self.uuid('Observation', 'variant', variant.build, variant.place)}",
                    "display": variant.name,
                }
        return reference(event_id, display)

    def risk(self, opinion: Opinion) -> dict[str, Any]:
        assert opinion.probability is not None and opinion.low is not None and opinion.high is not None
        said = self.words.say(
            "with_interval", value=percent(opinion.probability, self.words), interval=interval(opinion.low, opinion.high, self.words)
        )
        horizon = self.words.say("horizon", horizon=opinion.horizon) if opinion.horizon else ""
        return {
            **self.base("RiskAssessment", opinion.specialist, opinion.source),
            "status": "final",
            "method": {"coding": [terms()["method"]], "text": opinion.source or opinion.specialist},
            "subject": subject(self.consultation.patient_id),
            "occurrenceDateTime": _instant(self.consultation.as_of),
            "performer": {"display": title(opinion.specialist, self.titles)},
            "basis": _distinct([reference(i, label(e, self.shelf, self.words.language)) for e in opinion.evidence for i in e.event_ids]),
            "prediction": [
                {
                    "outcome": concept_of(opinion.condition, self.shelf, self.words.language),
                    "probabilityDecimal": round(opinion.probability, 6),
                    "rationale": self.words.say("sentence_end").join(part for part in (said, horizon, self.rationale(opinion)) if part),
                }
            ],
            "mitigation": "\n".join(
                a.summary for a in self.consultation.advice if a.target and split(a.target)[2:] == split(opinion.condition)[2:]
            ),
            "note": [{"text": text} for text in (said, *self.reflections(opinion), self.words.say("disclaimer"))],
        }

    def polygenic(self, result: PolygenicResult, risk: AbsoluteRisk, number: int) -> dict[str, Any]:
        """The risk that a polygenic score means between two ages, with the average beside it."""
        one = told(result, self.shelf, self.words)
        return {
            **self.base("RiskAssessment", "polygenic", result.score, str(number)),
            "status": "final",
            "method": {"coding": [terms()["polygenic"]["method"]], "text": result.score},
            "code": terms()["polygenic"]["code"],
            "subject": subject(self.consultation.patient_id),
            "occurrenceDateTime": _instant(self.consultation.as_of),
            "basis": [reference(i, result.score) for i in result.event_ids],
            "prediction": [
                {
                    "outcome": concept_of(result.condition, self.shelf, self.words.language),
                    "probabilityDecimal": round(risk.probability, 6),
                    "relativeRisk": round(risk.probability / risk.average, 4) if risk.average else None,
                    "whenRange": {"low": _years(risk.from_age), "high": _years(risk.to_age)},
                    "rationale": risk_words(risk, self.words),
                }
            ],
            "note": [{"text": text} for text in (*one.facts[:2], *one.caveats, self.words.say("disclaimer"))],
        }

    def reflections(self, opinion: Opinion) -> list[str]:
        """The verdict, similar patients and what would change the answer, in words: R4 has no field for them."""
        held = [told.statement for told in (opinion.verdict, opinion.similar) if told is not None]
        return held + [f"{self.words.say('would_change')}: {change.statement}" for change in opinion.changes]

    def rationale(self, opinion: Opinion) -> str:
        parts = []
        for evidence in reasons(opinion).shown:
            said = " ".join(x for x in (label(evidence, self.shelf, self.words.language), finding(evidence, self.shelf, self.words)) if x)
            parts.append(said if evidence.weight is None else f"{said} ({weight(evidence.weight)})")
        return "; ".join(parts)

    def guidance(self, opinion: Opinion) -> dict[str, Any]:
        wanted = [m for m in self.consultation.missing if m.specialist == opinion.specialist]
        if opinion.abstained is not None:
            return self.response(opinion.specialist, "data-required", opinion.abstained, wanted, opinion.source)
        return self.response(opinion.specialist, "data-requested" if wanted else "success", "", wanted, opinion.source)

    def response(self, specialist: str, status: str, note: str, wanted: list[Missing] | None = None, source: str = "") -> dict[str, Any]:
        return {
            **self.base("GuidanceResponse", specialist, source),
            "moduleUri": f"{terms()['modules']['specialist']}:{specialist}",
            "identifier": [{"system": terms()["identifiers"]["model"], "value": source or specialist}],
            "status": status,
            "subject": subject(self.consultation.patient_id),
            "occurrenceDateTime": _instant(self.consultation.as_of),
            "performer": {"reference": f"urn:uuid:{self.uuid('Device')}"},
            "note": [{"text": t} for t in (note, *(f"{m.name}: {m.reason}" for m in wanted or ())) if t],
            "dataRequirement": [self.requirement(m) for m in wanted or ()],
        }

    def requirement(self, missing: Missing) -> dict[str, Any]:
        concept = concept_of(missing.code, self.shelf, self.words.language, missing.name)
        kind = split(missing.code).kind
        return {
            "type": terms()["types"][kind],
            "mustSupport": ["value"] if not kind else [],
            "codeFilter": [{"path": "code", "code": concept["coding"]}] if concept["coding"] else [],
        }

    def advice(self, advice: Advice, number: int) -> dict[str, Any]:
        if advice.action in AGAINST:
            return self.issue(advice, number)
        if not _orderable(advice):
            return self.remark(advice, number)
        drug = split(advice.target).kind == "MEDICATION" or split(advice.target).vocabulary in ("RxNorm", "ATC")
        kind = "MedicationRequest" if drug else "ServiceRequest"
        concept = concept_of(advice.target, self.shelf, self.words.language)
        return {
            **self.base(kind, str(number), advice.summary),
            "status": "draft",
            "intent": "proposal",
            "medicationCodeableConcept" if drug else "code": concept,
            "subject": subject(self.consultation.patient_id),
            "authoredOn": _instant(self.consultation.as_of),
            "reasonCode": [{"text": text} for text in advice.because],
            "reasonReference": [reference(i) for i in advice.event_ids if (r := resource_of(i)) and r[0] in ("Condition", "Observation")],
            "note": self.notes(advice),
        }

    def issue(self, advice: Advice, number: int) -> dict[str, Any]:
        types = {found[0] for i in advice.event_ids if (found := resource_of(i))}
        medicines = [i for i in advice.event_ids if (found := resource_of(i)) and found[0].startswith("Medication")]
        genetic = any(i in gene.event_ids for gene in self.consultation.genes for i in advice.event_ids)
        issue = "genetic" if genetic else "allergy" if "AllergyIntolerance" in types else "interaction" if len(medicines) > 1 else ""
        return {
            **self.base("DetectedIssue", str(number), advice.summary),
            "status": "final",
            "code": {"coding": [terms()["issues"][issue]] if issue else [], "text": advice.action},
            "severity": terms()["severity"][advice.urgency],
            "patient": subject(self.consultation.patient_id),
            "identifiedDateTime": _instant(self.consultation.as_of),
            "author": {"reference": f"urn:uuid:{self.uuid('Device')}"},
            "implicated": _distinct([self.origin(i) for i in advice.event_ids]),
            "evidence": [{"code": [{"text": text}]} for text in advice.because],
            "detail": "\n\n".join(t for t in (advice.summary, advice.detail, *advice.contraindications) if t),
            "reference": advice.source.url,
        }

    def remark(self, advice: Advice, number: int) -> dict[str, Any]:
        return {
            **self.base("GuidanceResponse", str(number), advice.summary),
            "moduleUri": terms()["modules"]["council"],
            "identifier": [{"system": terms()["identifiers"]["advice"], "value": str(self.uuid("advice", str(number), advice.summary))}],
            "status": "success",
            "subject": subject(self.consultation.patient_id),
            "occurrenceDateTime": _instant(self.consultation.as_of),
            "performer": {"reference": f"urn:uuid:{self.uuid('Device')}"},
            "reasonCode": [{"text": text} for text in advice.because],
            "note": [{"text": advice.summary}, *self.notes(advice)],
        }

    def notes(self, advice: Advice) -> list[dict[str, str]]:
        against = [f"{self.words.say('contraindications')}: {text}" for text in advice.contraindications]
        strength = f"{self.words.say('strength')}: {advice.strength}" if advice.strength else ""
        return [{"text": text} for text in (advice.detail, *against, strength, _cited(advice)) if text]

    def provenance(
        self, target: dict[str, Any], device: dict[str, Any], event_ids: Any, source: str, advice: Advice | None = None
    ) -> dict[str, Any]:
        agents: list[dict[str, Any]] = [{"type": {"coding": [terms()["agent_type"]]}, "who": {"reference": f"urn:uuid:{device['id']}"}}]
        if source:
            identifier = {"system": terms()["identifiers"]["model"], "value": source}
            agents.append(
                {"type": {"coding": [terms()["agent_type"]]}, "who": {"type": "Device", "identifier": identifier, "display": source}}
            )
        cited = [{"role": "source", "what": {"identifier": {"value": advice.source.url}, "display": _cited(advice)}}] if advice else []
        return {
            **self.base("Provenance", target["resourceType"], target["id"]),
            "target": [{"reference": f"urn:uuid:{target['id']}"}],
            "occurredDateTime": _instant(self.consultation.as_of),
            "recorded": _instant(self.recorded),
            "agent": agents,
            "entity": [{"role": "source", "what": what} for what in _distinct([self.origin(i) for i in event_ids])] + cited,
        }


def _orderable(advice: Advice) -> bool:
    """Whether the target names something that can be ordered: a drug, a procedure, a report or a LOINC test."""
    parts = split(advice.target)
    if parts.kind == "MEDICATION" or parts.vocabulary in ("RxNorm", "ATC"):
        return advice.action in MEDICINE and parts.kind in ("", "MEDICATION") and not parts.phase
    if parts.kind in ("PROCEDURE", "REPORT", "IMMUNIZATION") or (parts.kind == "" and parts.vocabulary in ("LOINC", "CPT")):
        return advice.action in SERVICE
    return False


def _cited(advice: Advice) -> str:
    name, edition = advice.source.name, advice.source.version
    return name if not edition or edition in name else f"{name} ({edition})"


def _distinct(references: list[dict[str, Any]]) -> list[dict[str, Any]]:
    seen: dict[str, dict[str, Any]] = {}
    for item in references:
        seen.setdefault(item.get("reference") or item["identifier"]["value"], item)
    return list(seen.values())


def _years(age: int) -> dict[str, Any]:
    return {"value": age, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}


def _instant(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='seconds')}Z"

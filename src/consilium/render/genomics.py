"""Genomics: genes and variants as Observations of the HL7 Genomics Reporting guide (STU 3, FHIR R4): genotype, haplotype, variant,
implication."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from consilium.core.gene import GeneResult
from consilium.core.inherited import InheritedVariant
from consilium.render.terms import coding, subject, terms

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

Base = Callable[..., dict[str, Any]]


def observations(result: GeneResult, patient_id: str, shelf: Shelf, language: str, base: Base) -> Iterator[dict[str, Any]]:
    """The Observations of one gene.

    A genotype for what was called (where the data cannot tell several pairs apart, all of them as text); for each allele of a pair that
    is certain a haplotype; for the phenotype a therapeutic implication derived from the genotype. A gene that was not called is a
    genotype with a reason why it is absent.

    Parameters
    ----------
    result : GeneResult
    patient_id : str
    shelf : Shelf
        Names of codes.
    language : str
    base : callable
        Makes type, id and language of a resource from a key.
    """
    gene = {"code": _loinc("gene"), "valueCodeableConcept": {"coding": [coding(result.code, shelf, "en")], "text": result.gene}}

    def observation(kind: str, *key: str, **fields: Any) -> dict[str, Any]:
        return {
            **base("Observation", kind, result.code, *key),
            "meta": {"profile": [terms()["genomics"]["profiles"][kind]]},
            "status": "final",
            "category": terms()["genomics"]["category"],
            "code": terms()["genomics"]["codes"][kind],
            "subject": subject(patient_id),
            "effectiveDateTime": _instant(result.time),
            **fields,
        }

    haplotypes = []
    if len(result.diplotypes) == 1:
        for name in dict.fromkeys(result.diplotypes[0].split("/")):
            haplotypes.append(observation("haplotype", name, valueCodeableConcept={"text": f"{result.gene} {name}"}, component=[gene]))
    others = [{"text": f"{share.name}: {share.probability:.4g}"} for share in result.distribution if len(result.distribution) > 1]
    genotype = observation(
        "genotype",
        valueCodeableConcept={"text": f"{result.gene} {' or '.join(result.diplotypes)}"} if result.diplotypes else None,
        dataAbsentReason=None if result.diplotypes else {"coding": [terms()["genomics"]["not_called"]]},
        derivedFrom=[{"reference": f"urn:uuid:{h['id']}"} for h in haplotypes],
        component=[gene],
        note=others,
    )
    yield from haplotypes
    yield genotype
    if result.phenotype:
        coded = coding(result.phenotype_code, shelf, language) if result.phenotype_code else None
        value = {"coding": [coded] if coded else [], "text": result.phenotype}
        score = [] if result.score is None else [{"text": f"activity score {'>= ' if result.at_least else ''}{result.score:g}"}]
        yield observation(
            "implication",
            derivedFrom=[{"reference": f"urn:uuid:{genotype['id']}"}],
            component=[{"code": terms()["genomics"]["codes"]["predicted"], "valueCodeableConcept": value}],
            note=score,
        )


def variant_observations(
    variant: InheritedVariant, patient_id: str, shelf: Shelf, base: Base, notes: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """A carried variant, and what its source says of it as a diagnostic implication derived from it.

    Parameters
    ----------
    variant : InheritedVariant
    patient_id : str
    shelf : Shelf
    base : callable
        Makes type, id and language of a resource from a key.
    notes : sequence of str
        Caveats and evidence, in words.
    """
    book = terms()["genomics"]
    chromosome, start, ref, alt = variant.place.split("-")

    def made(kind: str, **fields: Any) -> dict[str, Any]:
        return {
            **base("Observation", kind, variant.build, variant.place),
            "meta": {"profile": [book["profiles"][kind]]},
            "status": "final",
            "category": book["category"],
            "code": book["codes"][kind],
            "subject": subject(patient_id),
            "effectiveDateTime": _instant(variant.time),
            **fields,
        }

    def component(key: str, **value: Any) -> dict[str, Any]:
        return {"code": book["codes"][key], **value}

    genes = [
        component("gene", valueCodeableConcept={"coding": [coding(code, shelf, "en")] if code else [], "text": gene})
        for gene in variant.genes
        for code in [shelf.genes.code_of.get(gene, "")]
    ]
    number = [{"system": book["clinvar"], "code": variant.identifier}] if variant.identifier else []
    state = book["allelic_states"].get(variant.zygosity)
    observed = made(
        "variant",
        valueCodeableConcept={"coding": [book["present"]]},
        component=[
            *genes,
            component("assembly", valueCodeableConcept={"coding": [book["assemblies"][variant.build]]}),
            component("genomic_hgvs", valueCodeableConcept={"coding": [{"system": book["hgvs"], "code": variant.name}]}),
            component("chromosome", valueCodeableConcept={"text": chromosome}),
            component("coordinates", valueCodeableConcept={"coding": [book["one_based"]]}),
            component("start_end", valueRange={"low": {"value": int(start)}}),
            component("ref", valueString=ref),
            component("alt", valueString=alt),
            component("source_class", valueCodeableConcept={"coding": [book["germline"]]}),
            *([component("allelic_state", valueCodeableConcept={"coding": [state]})] if state else []),
            *([component("variation", valueCodeableConcept={"coding": number})] if number else []),
            *([component("protein_hgvs", valueCodeableConcept={"text": variant.protein})] if variant.protein else []),
        ],
    )
    yield observed
    if variant.classification == "none":
        return
    coded = book["significance"].get(variant.classification)
    significance = {"coding": [coded] if coded else [], "text": variant.words.replace("_", " ")}
    yield made(
        "diagnostic",
        derivedFrom=[{"reference": f"urn:uuid:{observed['id']}"}],
        component=[
            component("significance", valueCodeableConcept=significance),
            *(component("phenotype", valueCodeableConcept={"text": name}) for name in variant.conditions),
            *(component("inheritance", valueCodeableConcept={"text": mode}) for mode in variant.inheritance),
        ],
        note=[{"text": f"{variant.source}, {variant.source_date}; {variant.status.replace('_', ' ')}"}, *({"text": t} for t in notes)],
    )


def _loinc(key: str) -> dict[str, Any]:
    found: dict[str, Any] = terms()["genomics"]["codes"][key]
    return found


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.isoformat(timespec='seconds')}Z"

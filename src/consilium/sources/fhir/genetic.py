"""Genetic: an Observation that says what a pharmacogene is like becomes the record's own genotype or phenotype."""

from __future__ import annotations

from collections.abc import Iterator

from consilium.knowledge.shelf import shelf
from consilium.sources.fhir.coding import codings, words
from consilium.sources.fhir.gene import diplotypes, genes_of, genetic_codes
from consilium.sources.fhir.reading import Reading, Resource

NOT_CALLED = "not called"


def genetic(resource: Resource, patient: str, time: int, available: int, reading: Reading) -> bool:
    """Write a genotype, or the phenotype that is derived from one, and say whether that was done.

    A genotype is written as `GENOTYPE//<gene>` with the pair of alleles as sent, without the gene's name; one that was not called says so.
    A therapeutic implication, or a phenotype whose code names its gene, is written as `PHENOTYPE//<gene>` where its value is a phenotype
    that is known here, with the origin of the genotype that it is derived from, so that both are one result. Everything else is left to
    the plain reading.
    """
    coded = {one.code for one in codings(resource.get("code"), "MEASUREMENT")}
    book = shelf().genes
    if coded & set(genetic_codes()["genotype"]):
        code = next(genes_of(resource), None)
        if code is None:
            return False
        said = words(resource.get("valueCodeableConcept")) or str(resource.get("valueString") or "").strip()
        said = diplotypes(said, code)
        if not said and not resource.get("dataAbsentReason"):
            return False
        reading.sheet.add(
            patient, time, f"GENOTYPE//{code}", available, f"{reading.label}#genotype", text=said or book.phenotype_code[NOT_CALLED]
        )
        return True
    own = {book.code_of[genetic_codes()["of_gene"][code]] for code in coded & set(genetic_codes()["of_gene"])}
    if not own and not coded & set(genetic_codes()["implication"]):
        return False
    origin, code = reading.label, next(genes_of(resource), next(iter(own), None))
    for reference in resource.get("derivedFrom") or ():
        if found := reading.references.genotypes.get(reference.get("reference") or ""):
            origin, code = found
    phenotype = next(_phenotypes(resource), None)
    if code is None or phenotype is None or own - {code}:
        return False
    reading.sheet.add(patient, time, f"PHENOTYPE//{code}", available, f"{origin}#phenotype", text=phenotype)
    return True


def _phenotypes(resource: Resource) -> Iterator[str]:
    book = shelf().genes
    told = [
        c
        for c in resource.get("component") or ()
        if {o.code for o in codings(c.get("code"), "MEASUREMENT")} & set(genetic_codes()["predicted"])
    ]
    for element in (*told, resource):
        value = element.get("valueCodeableConcept")
        for one in codings(value, "ANSWER"):
            if one.code in book.phenotype_of:
                yield one.code
        if named := book.coded(words(value)):
            yield named

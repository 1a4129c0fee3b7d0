"""Gene: which known gene a genetic result is of, and by what codes and words it says so."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from consilium.knowledge.shelf import FOLDER, shelf
from consilium.knowledge.table import read_yaml
from consilium.sources.fhir.coding import codings

Resource = dict[str, Any]
BETWEEN, OR = " | ", " or "
"""What stands between diplotypes that cannot be told apart: in a record, and in what is sent."""


@functools.cache
def genetic_codes() -> Mapping[str, Any]:
    """Codes of genotypes, genes and implications, as the guides write them."""
    content: Mapping[str, Any] = read_yaml(FOLDER / "pgx" / "observations.yaml", shelf().sources)
    return content


def gene_of(resource: Resource) -> str | None:
    """Code of the known gene that a genotype Observation is of, as `HGNC//HGNC:2621`; None for everything else."""
    if any(coded.code in genetic_codes()["genotype"] for coded in codings(resource.get("code"), "MEASUREMENT")):
        return next(genes_of(resource), None)
    return None


def genes_of(resource: Resource) -> Iterator[str]:
    """Codes of the known genes that an Observation names in its components."""
    for component in resource.get("component") or ():
        if any(one.code in genetic_codes()["gene"] for one in codings(component.get("code"), "MEASUREMENT")):
            for one in codings(component.get("valueCodeableConcept"), "ANSWER"):
                if one.code in shelf().genes.gene_of:
                    yield one.code


def diplotypes(said: str, gene: str) -> str:
    """A genotype as a record holds it: without the gene's name, and with `|` between what cannot be told apart.

    Examples
    --------
    >>> diplotypes("CYP2D6 *1/*4 or *4/*10", "HGNC//HGNC:2625")
    '*1/*4 | *4/*10'
    """
    return said.strip().removeprefix(shelf().genes.gene_of[gene]).strip().replace(OR, BETWEEN)

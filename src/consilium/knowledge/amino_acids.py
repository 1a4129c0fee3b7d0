"""Amino acids: how alike two of them are, in numbers that chemistry gives."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from consilium.knowledge.shelf import FOLDER, shelf
from consilium.knowledge.table import read_table

_COLUMNS = ("amino_acid", "composition", "polarity", "volume", "hydropathy", "source")


class AminoAcid(NamedTuple):
    """Composition (ratio of weights), polarity and volume (cubic angstroms) after Grantham 1974, hydropathy after Kyte & Doolittle 1982."""

    composition: float
    polarity: float
    volume: float
    hydropathy: float


@functools.cache
def amino_acids() -> Mapping[str, AminoAcid]:
    """The twenty of the shelf, by their names in three letters.

    Examples
    --------
    >>> amino_acids()["Cys"].composition, len(amino_acids())
    (2.75, 20)
    """
    rows = read_table(FOLDER / "amino_acids.csv", _COLUMNS, shelf().sources)
    return MappingProxyType({row.text("amino_acid"): AminoAcid(*(float(row.text(column)) for column in _COLUMNS[1:-1])) for row in rows})

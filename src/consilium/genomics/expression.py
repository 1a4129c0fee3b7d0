"""Expression: profiles of many genes as ranks within each sample, so that one sample can be read alone, and what readers say of them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.genomics.reader import Reader
from consilium.models.odds import probability_of

ENOUGH = 30
"""Samples that say what is usual of a gene on a platform."""
MEASURED = 0.8
"""Share of a reader's genes that must have been measured in a sample."""


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Samples and what was measured of their genes.

    Parameters
    ----------
    samples, genes : tuples of str, of length n and g
    values : float64 array of shape (n, g)
        On a log scale of whatever platform; NaN where not measured.
    """

    samples: tuple[str, ...]
    genes: tuple[str, ...]
    values: NDArray[np.float64]

    def usual(self) -> Mapping[str, float]:
        """Median of each gene; what one sample is held against.

        Raises
        ------
        InputError
            When there are fewer than 30 samples.
        """
        if len(self.samples) < ENOUGH:
            raise InputError(
                "Too few samples say what is usual of a gene on this platform", found=len(self.samples), expected=f"at least {ENOUGH}",
                do="give --reference with samples of the same platform, whatever became of the patients",
            )  # fmt: skip
        known = np.flatnonzero(~np.isnan(self.values).all(axis=0))
        middle = np.nanmedian(self.values[:, known], axis=0)
        return {self.genes[column]: float(value) for column, value in zip(known, middle, strict=True)}


@dataclass(frozen=True, slots=True)
class ProfileReading:
    """What one reader says of one sample; `probability` is None where it abstains, and `abstained` says why.

    `missing` are the reader's genes that were not measured, or of which the reference knows nothing; `reasons` are genes, their rank and
    what it adds to the log-odds, the heaviest first.
    """

    reader: str
    sample: str
    probability: float | None
    low: float | None
    high: float | None
    missing: tuple[str, ...]
    reasons: tuple[tuple[str, float, float], ...]
    abstained: str = ""


def read_profiles(path: Path | str) -> Profiles:
    """Profiles of a CSV file (also gzipped): a row a sample, its name first, then a column a gene symbol.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is no such table, a gene stands in two columns, or a value is no number.
    """
    where = Path(path)
    if not where.is_file():
        raise NotFoundError("There is no such file", where=str(where), do="give a CSV file with a row for each sample")
    return profiles_of(where.read_bytes(), where.name)


def profiles_of(content: bytes, name: str) -> Profiles:
    """The same of the bytes of a file; errors as for `read_profiles`."""
    try:
        table = pl.read_csv(io.BytesIO(content), infer_schema=False, has_header=True, null_values=["", "NA", "NaN", "nan"])
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise FormatError("A file is no table of profiles", where=name, found=str(error).splitlines()[0][:120]) from error
    genes = table.columns[1:]
    twice = sorted({gene.partition("_duplicated_")[0] for gene in genes if "_duplicated_" in gene})
    if twice:
        raise FormatError("A gene stands in two columns", where=name, found=twice[:5], do="give one value for each gene")
    if not genes or not table.height:
        raise FormatError("A table holds no profiles", where=name, expected="a row a sample, its name first, then a column a gene")
    try:
        numbers = table.select(pl.col(genes).cast(pl.Float64, strict=True)).to_numpy()
    except pl.exceptions.PolarsError as error:
        raise FormatError("A value is no number", where=name, found=str(error).splitlines()[0][:120]) from error
    values = np.where(np.isfinite(numbers.astype(np.float64)), numbers.astype(np.float64), np.nan)
    return Profiles(tuple(str(sample) for sample in table[:, 0]), tuple(genes), values)


def standing(profiles: Profiles, usual: Mapping[str, float], genes: Sequence[str]) -> NDArray[np.float32]:
    """How high each gene stands among `genes` in its own sample, once what is usual of it is taken off: (0, 1), float32 of shape (n, p).

    Nothing is taken from the other samples, so one alone gives what it gives in a batch. NaN where a gene was not measured.

    Examples
    --------
    >>> one = Profiles(("a",), ("X", "Y", "Z"), np.array([[5.0, 2.0, np.nan]]))
    >>> standing(one, {"X": 5.0, "Y": 1.0, "Z": 0.0}, ("X", "Y", "Z")).tolist()
    [[0.25, 0.75, nan]]
    """
    place = {gene: n for n, gene in enumerate(profiles.genes)}
    over = np.full((len(profiles.samples), len(genes)), np.nan)
    for column, gene in enumerate(genes):
        if gene in place and gene in usual:
            over[:, column] = profiles.values[:, place[gene]] - usual[gene]
    found = np.full(over.shape, np.nan, dtype=np.float32)
    for row, values in enumerate(over):
        known = np.flatnonzero(~np.isnan(values))
        below = (values[known][None] < values[known][:, None]).sum(axis=1)
        same = (values[known][None] == values[known][:, None]).sum(axis=1)
        found[row, known] = (below + same / 2) / max(1, len(known))
    return found


def read_expression(reader: Reader, profiles: Profiles, usual: Mapping[str, float]) -> tuple[ProfileReading, ...]:
    """What a reader says of each sample, held against what is usual of each gene on its platform.

    Raises
    ------
    InputError
        When the reader does not read expression.
    """
    if reader.card.material != "expression":
        raise InputError("A reader does not read expression", found=reader.card.name)
    genes, model = reader.card.inputs, reader.model
    X = standing(profiles, usual, genes)
    log_odds, weights = model.log_odds(X), model.attribute(X).weights
    low, high = model.interval(log_odds)
    found = []
    for n, sample in enumerate(profiles.samples):
        missing = tuple(gene for gene, value in zip(genes, X[n], strict=True) if np.isnan(value))
        if len(missing) > (1 - MEASURED) * len(genes):
            words = f"{len(genes) - len(missing)} of {len(genes)} genes were measured, fewer than {MEASURED:.0%}"
            found.append(ProfileReading(reader.card.name, sample, None, None, None, missing, (), words))
            continue
        order = np.argsort(-np.abs(weights[n]), kind="stable")
        reasons = tuple((genes[k], float(X[n, k]), float(weights[n, k])) for k in order)
        p = float(probability_of(log_odds[n]))
        found.append(ProfileReading(reader.card.name, sample, p, float(low[n]), float(high[n]), missing, reasons))
    return tuple(found)

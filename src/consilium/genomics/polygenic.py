"""Polygenic: a score over one genome or many; one person alone gets exactly what a cohort gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import InputError
from consilium.genomics.scoring import Scoring, Weight
from consilium.genomics.site import PASSED
from consilium.genomics.variant import Reference
from consilium.genomics.vcf import Line, VariantFile

MATCHED = 0.75
"""Share of a score's variants that must be matched; below it the score is refused (the PGS Catalog Calculator's own default)."""
_OPPOSITE = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True, slots=True)
class MatchReport:
    """What became of a score's variants for one person.

    `called` were read from the genome, `flipped` of these on the other strand. `expected` were absent or not called and count with
    twice the allele frequency that the score states; `unknown` were absent and the score states none, so they do not count.
    `ambiguous` read alike on both strands and were left out, `unmatched` have other alleles in the genome, `unplaced` carry no variant
    that can be looked up. `left_out` is what those left out would count for by the frequency that the score states, `spread` the standard
    deviation of everything that was not read (in the sum's unit, variants taken as independent), and `uncounted` how many of them have no
    stated frequency. `assumed` of those called are not mentioned by the file and count as the reference, because the caller said so.
    """

    total: int
    called: int
    flipped: int
    expected: int
    unknown: int
    ambiguous: int
    unmatched: int
    unplaced: int
    left_out: float = 0.0
    spread: float = 0.0
    uncounted: int = 0
    assumed: int = 0

    @property
    def share(self) -> float:
        """Variants read from the genome, of all."""
        return self.called / self.total


@dataclass(frozen=True, slots=True)
class Polygenic:
    """The score of each person.

    Parameters
    ----------
    scoring : str
        Id of the score.
    samples : tuple of str
    sums : float64 array of shape (n,)
        Sum of weight times dosage; NaN where the score is refused.
    reports : tuple of MatchReport
        One for each person.
    refused : tuple of str
        Why a person has no score; empty where there is one.
    """

    scoring: str
    samples: tuple[str, ...]
    sums: NDArray[np.float64]
    reports: tuple[MatchReport, ...]
    refused: tuple[str, ...]


def score(
    file: VariantFile,
    scoring: Scoring,
    *,
    everybody: bool = False,
    keep_ambiguous: bool | None = None,
    least: float = MATCHED,
    frequencies: Mapping[tuple[str, int, str], float] | None = None,
    absent_is_reference: bool = False,
    reference: Reference | None = None,
) -> Polygenic:
    """Compute a polygenic score.

    The effect allele is counted where one of a line's alleles is it and, where the score names the other allele, another is that; on the
    opposite strand where only that fits. Variants whose two alleles are each other's complement (A/T, C/G) read alike on both strands:
    they are kept where the score is harmonised (its alleles are then on the forward strand, as a VCF's are), else left out, unless
    `keep_ambiguous` says otherwise. What is absent or not called counts with twice the frequency that the score (or a fixed
    `frequencies`) states, never with a mean over the people at hand, so that nobody's score depends on anybody else's. What the file does
    not mention is the reference only where the caller says so and gives the genome, because a scoring file does not say which allele that
    is; on X and Y it is not, because the file does not say how many there are.

    Parameters
    ----------
    file : VariantFile
        Its sample is scored; with `everybody`, all of them.
    scoring : Scoring
        On the file's build.
    keep_ambiguous : bool, optional
    least : float
        Least share of the score's variants that must be read from a genome; below it the person's score is refused.
    frequencies : mapping of (str, int, str) to float, optional
        Frequency of an effect allele by chromosome, position and allele, where the score states none.
    absent_is_reference : bool
        What the file does not mention is the reference: true of a file of all differences from a fully sequenced genome.
    reference : Reference, optional
        The reference genome, which says what that is.

    Raises
    ------
    InputError
        When the builds differ.
    """
    build = file.header.build
    if build and build != scoring.build:
        raise InputError(
            "The score and the genome are on different builds", where=file.path.name, found=build, expected=scoring.build,
            do=f"take the score harmonised to {build}",
        )  # fmt: skip
    keep = scoring.harmonised if keep_ambiguous is None else keep_ambiguous
    samples = file.header.samples if everybody else (file.sample,)
    column = None if everybody else file.column
    n = len(samples)
    sums = np.zeros(n)
    called, flipped, expected, unknown = (np.zeros(n, np.int64) for _ in range(4))
    ambiguous = unmatched = uncounted = assumed = 0
    left_out, variance = 0.0, np.zeros(n)
    lines = _by_place(file, scoring)
    for w in scoring.weights:
        frequency = w.frequency if w.frequency is not None else (frequencies or {}).get((w.chromosome, w.start, w.effect))
        alike = not keep and w.other and _opposite(w.effect) == w.other
        here = lines.get((w.chromosome, w.start), ())
        fits = None if alike else next((fit for line in here if (fit := _fit(line, w)) is not None), None)
        if alike or (fits is None and here):
            ambiguous += bool(alike)
            unmatched += not alike
            uncounted += frequency is None
            if frequency is not None:
                left_out += w.weight * _mean(frequency, w.model)
                variance += w.weight**2 * _variance(frequency, w.model)
            continue
        dosage, seen = fits[0].dosage(fits[1], column) if fits else (np.zeros(n), np.zeros(n, bool))
        if not here and absent_is_reference and reference is not None and (copies := _of_reference(w, reference)) is not None:
            dosage, seen = np.full(n, float(copies)), np.ones(n, bool)
            assumed += 1
        counted = _modelled(dosage, w.model)
        if frequency is not None:
            counted = np.where(seen, counted, _mean(frequency, w.model))
            expected += ~seen
            variance += ~seen * (w.weight**2 * _variance(frequency, w.model))
        else:
            unknown += ~seen
        sums += w.weight * counted
        called += seen
        if fits and fits[2]:
            flipped += seen
    unplaced = sum(scoring.unplaced.values())
    reports = tuple(
        MatchReport(
            scoring.total, int(called[i]), int(flipped[i]), int(expected[i]), int(unknown[i]), ambiguous, unmatched, unplaced,
            left_out, float(variance[i]) ** 0.5, uncounted + unplaced + int(unknown[i]), assumed,
        )
        for i in range(n)
    )  # fmt: skip
    refused = tuple(
        "" if r.share >= least else f"{r.called} of {r.total} variants were read ({100 * r.share:.0f} %), fewer than {100 * least:.0f} %"
        for r in reports
    )
    sums[[bool(reason) for reason in refused]] = np.nan
    return Polygenic(scoring.id, samples, sums, reports, refused)


def _of_reference(w: Weight, reference: Reference) -> int | None:
    """Copies of the effect allele in somebody who is as the reference; None where the reference shows neither allele."""
    if w.chromosome in ("X", "Y") or not w.other:
        return None
    longest = reference.bases(w.chromosome, w.start, w.start + max(len(w.effect), len(w.other)) - 1)
    for effect, other in ((w.effect, w.other), (_opposite(w.effect), _opposite(w.other))):
        fitting = [allele for allele in (effect, other) if longest.startswith(allele)]
        if fitting:
            return 2 if max(fitting, key=len) == effect else 0
    return None


def _by_place(file: VariantFile, scoring: Scoring) -> Mapping[tuple[str, int], Sequence[Line]]:
    regions: dict[str, list[tuple[int, int]]] = {}
    for w in scoring.weights:
        regions.setdefault(w.chromosome, []).append((w.start, w.start))
    wanted = {(w.chromosome, w.start) for w in scoring.weights}
    found: dict[tuple[str, int], list[Line]] = {}
    for line in file.lines(regions):
        place = (line.chromosome, line.start)
        if place in wanted and line.filter in PASSED:
            found.setdefault(place, []).append(line)
    return found


def _fit(line: Line, w: Weight) -> tuple[Line, int, bool] | None:
    """Which of a line's alleles is the effect allele, and whether on the other strand; None where the alleles differ."""
    alleles = (line.ref, *line.alts)
    for effect, other, flipped in ((w.effect, w.other, False), (_opposite(w.effect), _opposite(w.other), True)):
        if effect in alleles and (not other or (other in alleles and other != effect)) and (other or not flipped):
            return line, alleles.index(effect), flipped
    return None


def _opposite(sequence: str) -> str:
    return sequence.translate(_OPPOSITE)[::-1]


def _modelled(dosage: NDArray[np.float64], model: str) -> NDArray[np.float64]:
    if model == "dominant":
        return np.minimum(dosage, 1.0)
    return np.maximum(dosage - 1.0, 0.0) if model == "recessive" else dosage


def _mean(frequency: float, model: str) -> float:
    """Expected count in Hardy-Weinberg proportions."""
    if model == "dominant":
        return 1.0 - (1.0 - frequency) ** 2
    return frequency**2 if model == "recessive" else 2.0 * frequency


def _variance(frequency: float, model: str) -> float:
    """Variance of that count."""
    if model == "additive":
        return 2.0 * frequency * (1.0 - frequency)
    share = _mean(frequency, model)
    return share * (1.0 - share)

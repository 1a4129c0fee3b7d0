"""Polygenic scores: what a score means - how scores lie in real genomes, and the risk that follows from score, age and sex.

The risk is that of Mavaddat 2019: the hazard at each age is the population's, times the odds ratio to the power of how many standard
deviations the score lies above the mean, divided by the mean of that factor over those still free of the disease. So the mean over all
scores is the population's own incidence. Death of other causes is taken out year by year.
"""

from __future__ import annotations

import functools
import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import KnowledgeError
from consilium.core.polygenic import AbsoluteRisk, PolygenicResult
from consilium.knowledge.shelf import FOLDER, shelf
from consilium.knowledge.table import read_table, read_yaml

RATES = ("population", "condition", "sex", "age_low", "age_high", "incidence", "other_mortality", "source")
NODES = 40
"""Points of the Gauss-Hermite rule over the distribution of scores."""
WIDE = 1.959964
"""Standard deviations to each side of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Incidence and mortality of other causes per person-year, one value for each year of age from `start` on."""

    population: str
    start: int
    incidence: tuple[float, ...]
    other_mortality: tuple[float, ...]
    source: str

    @property
    def stop(self) -> int:
        """The first age that the rates do not hold for."""
        return self.start + len(self.incidence)


@dataclass(frozen=True, slots=True)
class ScoreMeaning:
    """What is held of one score.

    Parameters
    ----------
    id, condition, sex : str
    ancestry : mapping of str to str
        In whom it was tested, by language.
    odds_ratio : (float, float, float)
        For each standard deviation: value, low, high.
    mean, sd : float
        Of the score in the people that the odds ratio is from.
    percentiles : tuple of float
        Of the reference genomes, 1 to 100.
    people : int
        How many those are.
    rates : Rates
    years, to_age : int
        The two horizons: so many years from now, and up to that age.
    conditions, genes : frozenset of str
        Codes and genes with which no risk may be given; `beginnings` of codes, and a pattern of `words`, that name the disease too.
    sources : mapping of str to str
        Keys of the bibliography: `effect`, `reference`, `rates`.
    """

    id: str
    condition: str
    sex: str
    ancestry: Mapping[str, str]
    odds_ratio: tuple[float, float, float]
    mean: float
    sd: float
    percentiles: tuple[float, ...]
    people: int
    rates: Rates
    years: int
    to_age: int
    conditions: frozenset[str]
    beginnings: tuple[str, ...]
    words: re.Pattern[str]
    genes: frozenset[str]
    sources: Mapping[str, str]

    def named(self, code: str, words: str = "") -> bool:
        """Whether a code, or the words it was sent with, names the disease.

        Examples
        --------
        >>> breast = score_meanings()["PGS000004"]
        >>> breast.named("ICD10CM//C50.911"), breast.named("X//1", "Carcinoma in situ of left breast"), breast.named("ICD10CM//I10")
        (True, True, False)
        """
        return code in self.conditions or code.startswith(self.beginnings) or bool(self.words.search(words))

    def percentile(self, value: float) -> float:
        """Share of the reference genomes with a lower score, in per cent; between two of the hundred it is interpolated.

        Examples
        --------
        >>> meaning = score_meanings()["PGS000004"]
        >>> meaning.percentile(meaning.percentiles[49]), meaning.percentile(-9.0), meaning.percentile(9.0)
        (50.0, 0.0, 100.0)
        """
        place = bisect_left(self.percentiles, value)
        if place == 0:
            return 0.0 if value < self.percentiles[0] else 1.0
        if place == len(self.percentiles):
            return 100.0
        below, above = self.percentiles[place - 1], self.percentiles[place]
        return place + (value - below) / (above - below)

    def risks(self, value: float, spread: float, age: int) -> tuple[AbsoluteRisk, ...]:
        """Risk over the next years and up to the last age, for somebody free of the disease.

        The interval is a bound, not a quantile: it holds the limits of the odds ratio, 1.96 standard deviations of what was not read,
        and the mean of the reference genomes beside that of the study. What the score does not know (family, density, births) and how
        exactly the rates are known is not in it.

        Parameters
        ----------
        value : float
            The sum, what was not read counted with its expected value.
        spread : float
            Standard deviation of the part that was not read, in the sum's unit.
        age : int
            Completed years.

        Returns
        -------
        tuple of AbsoluteRisk
            Empty where the age lies outside what the rates cover.

        Examples
        --------
        >>> meaning = score_meanings()["PGS000004"]
        >>> [(r.to_age, round(r.average, 3)) for r in meaning.risks(meaning.mean, 0.0, 50)]
        [(60, 0.027), (80, 0.094)]
        """
        if not self.rates.start <= age < self.rates.stop:
            return ()
        ends = {age + self.years, self.to_age}
        z = (value - self.mean) / self.sd
        median = self.percentiles[len(self.percentiles) // 2 - 1]
        reach = WIDE * spread / self.sd
        shift = (self.mean - median) / self.sd
        places = (z - reach, z, z + reach, z + shift - reach, z + shift + reach)
        found = []
        for end in sorted(e for e in ends if age < e <= self.rates.stop):
            best = self._risk(z, self.odds_ratio[0], age, end)
            bounds = [self._risk(at, ratio, age, end) for at in places for ratio in self.odds_ratio]
            average = _cumulative(np.asarray(self.rates.incidence), self.rates, age, end)
            found.append(AbsoluteRisk(age, end, best, min(bounds), max(bounds), average))
        return tuple(found)

    def _risk(self, z: float, ratio: float, age: int, end: int) -> float:
        return _cumulative(_baseline(self.rates, ratio) * math.exp(math.log(ratio) * z), self.rates, age, end)


@functools.cache
def score_meanings() -> Mapping[str, ScoreMeaning]:
    """The scores of which something is held, by id.

    Raises
    ------
    KnowledgeError
        When a file breaks its rules.
    """
    rates = _rates()
    found = {}
    for path in sorted((FOLDER / "polygenic").glob("*.yaml")):
        raw = read_yaml(path, shelf().sources)
        percentiles = tuple(float(x) for row in raw["reference"]["percentiles"] for x in row)
        ratio = raw["odds_ratio"]
        odds = (float(ratio["value"]), float(ratio["low"]), float(ratio["high"]))
        if len(percentiles) != 100 or list(percentiles) != sorted(set(percentiles)):
            raise KnowledgeError("A score has not a hundred rising percentiles", where=path.name, found=len(percentiles))
        if not 0 < odds[1] < odds[0] < odds[2] or raw["score"] != path.stem:
            raise KnowledgeError("An odds ratio lies outside its interval, or the file has another name", where=path.name, found=odds)
        for key in (raw["odds_ratio"]["source"], raw["sd"]["source"], raw["mean"]["source"], raw["reference"]["source"]):
            if key not in shelf().sources:
                raise KnowledgeError("A file cites no source of sources.yaml", where=path.name, found=key)
        found[raw["score"]] = ScoreMeaning(
            raw["score"], raw["condition"], raw["sex"], MappingProxyType(raw["ancestry"]), odds, float(raw["mean"]["value"]),
            float(raw["sd"]["value"]), percentiles, int(raw["reference"]["people"]), rates[raw["population"], raw["condition"], raw["sex"]],
            int(raw["horizon"]["years"]), int(raw["horizon"]["to_age"]), frozenset(raw["excludes"]["conditions"]),
            tuple(raw["excludes"]["beginnings"]), re.compile(raw["excludes"]["words"], re.IGNORECASE),
            frozenset(raw["excludes"]["genes"]),
            MappingProxyType({
                "effect": ratio["source"], "reference": raw["reference"]["source"],
                "rates": rates[raw["population"], raw["condition"], raw["sex"]].source,
            }),
        )  # fmt: skip
    return MappingProxyType(found)


def withheld(meaning: ScoreMeaning | None, sex: str | None, age: int | None, uncounted: int) -> tuple[str, ...]:
    """Why no risk can be given for a score, as keys: `unheld`, `sex_unknown`, `sex`, `age_unknown`, `age`, `uncounted`.

    Parameters
    ----------
    meaning : ScoreMeaning or None
    sex : str or None
        `F`, `M` or unknown.
    age : int or None
    uncounted : int
        Variants that were not read and for which the score states no frequency.

    Examples
    --------
    >>> withheld(score_meanings()["PGS000004"], "F", 50, 0), withheld(score_meanings()["PGS000004"], "M", None, 0)
    ((), ('sex', 'age_unknown'))
    """
    if meaning is None:
        return ("unheld",)
    why = []
    if sex != meaning.sex:
        why.append("sex_unknown" if sex is None else "sex")
    if age is None:
        why.append("age_unknown")
    elif not meaning.rates.start <= age < min(meaning.rates.stop, meaning.to_age):
        why.append("age")
    if uncounted:
        why.append("uncounted")
    return tuple(why)


def appraised(
    score: str,
    value: float | None,
    told: Mapping[str, Any],
    sex: str | None,
    age: int | None,
    *,
    conditions: Iterable[tuple[str, str]] = (),
    carried: Iterable[str] = (),
    time: datetime | None = None,
    event_ids: tuple[str, ...] = (),
) -> PolygenicResult:
    """What a score says of one person: where it lies among real genomes and, where it may be said, the risk.

    Parameters
    ----------
    score : str
        Id of the PGS Catalog.
    value : float or None
        The sum; None where it was refused.
    told : mapping
        How it was matched, as the laboratory's report says it: `called`, `total`, `left_out`, `spread`, `uncounted`.
    sex : str or None
        `F`, `M` or unknown.
    age : int or None
        Completed years.
    conditions : iterable of (str, str)
        Codes of what the person has or had, and the words they were sent with.
    carried : iterable of str
        Genes in which the person carries a variant classified as pathogenic.
    time : datetime, optional
    event_ids : tuple of str
    """
    meaning = score_meanings().get(score)
    called, total, assumed = (int(told.get(key, 0)) for key in ("called", "total", "assumed"))
    condition = meaning.condition if meaning else ""
    if value is None:
        return PolygenicResult(
            score, condition, None, called, total, withheld=("refused",), time=time, event_ids=event_ids, assumed=assumed
        )
    # A result of an earlier version does not say what was left out: then nothing vouches for an interval.
    why = list(withheld(meaning, sex, age, int(told.get("uncounted", 1))))
    if meaning is None:
        return PolygenicResult(score, "", value, called, total, withheld=tuple(why), time=time, event_ids=event_ids, assumed=assumed)
    why += ["condition"] if any(meaning.named(code, words) for code, words in conditions) else []
    why += ["carrier"] if meaning.genes & set(carried) else []
    whole, spread = value + float(told.get("left_out", 0.0)), float(told.get("spread", 0.0))
    places = tuple(meaning.percentile(whole + at * WIDE * spread) for at in (0, -1, 1))
    risks = () if why or age is None else meaning.risks(whole, spread, age)
    held = None if "uncounted" in why else (places[0], places[1], places[2])
    return PolygenicResult(score, condition, value, called, total, held, risks, tuple(why), time, event_ids, assumed)


def _rates() -> Mapping[tuple[str, str, str], Rates]:
    rows: dict[tuple[str, str, str], list[tuple[int, int, float, float, str]]] = {}
    for row in read_table(FOLDER / "polygenic" / "rates.csv", RATES, shelf().sources):
        low, high, incidence, mortality = (row.number(c) for c in ("age_low", "age_high", "incidence", "other_mortality"))
        if low is None or high is None or incidence is None or mortality is None:
            row.fail("A rate has no ages or no number")
        if not 0 <= incidence < 1 or not 0 <= mortality < 1 or low >= high:
            row.fail("A rate or an age cannot be", found=(low, high, incidence, mortality))
        key = (row.text("population"), row.text("condition"), row.text("sex"))
        before = rows.setdefault(key, [])
        if before and before[-1][1] != int(low):
            row.fail("Ages do not follow each other", found=low, expected=before[-1][1])
        before.append((int(low), int(high), incidence, mortality, row.cells["source"]))
    return {
        key: Rates(
            key[0], spans[0][0], tuple(i for a, b, i, _, _ in spans for _ in range(a, b)),
            tuple(m for a, b, _, m, _ in spans for _ in range(a, b)), spans[0][4],
        )
        for key, spans in rows.items()
    }  # fmt: skip


@functools.lru_cache(maxsize=64)
def _baseline(rates: Rates, ratio: float) -> NDArray[np.float64]:
    """Hazard by age of somebody with the mean score, so that the mean over all who are still free is the population's."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    factor, free = ratio**nodes, weights / weights.sum()
    found = np.empty(len(rates.incidence))
    for year, incidence in enumerate(rates.incidence):
        found[year] = incidence * free.sum() / (free * factor).sum()
        free = free * np.exp(-found[year] * factor)
    return found


def _cumulative(hazard: NDArray[np.float64], rates: Rates, age: int, end: int) -> float:
    years = slice(age - rates.start, end - rates.start)
    own, other = hazard[years], np.asarray(rates.other_mortality)[years]
    alive = np.exp(-np.concatenate(([0.0], np.cumsum(own + other)[:-1])))
    return float((alive * own / (own + other) * -np.expm1(-(own + other))).sum())

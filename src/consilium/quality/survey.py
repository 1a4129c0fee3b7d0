"""Survey: everything that is wrong with a record, shard by shard, the same whatever the order of shards and whatever the day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from consilium.core.code import concept, split
from consilium.core.events import Reject
from consilium.knowledge import Shelf, shelf
from consilium.quality import bins, shape
from consilium.quality.conformance import fault
from consilium.quality.drift import drift, halves
from consilium.quality.finding import CodeProfile, Example, Finding, QualityReport, ranked
from consilium.quality.look import look
from consilium.quality.persons import same_person
from consilium.quality.refused import Refused, refused
from consilium.quality.relations import relations
from consilium.quality.rules import checks, examples, limits
from consilium.quality.tally import SEE, TALLY, added
from consilium.quality.unit_mix import explained, mixed
from consilium.record import Record, over_shards
from consilium.record.engine import Progress

SHARES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
BARS = 40
GATHERED = ("code_unknown", "unit_missing", "unit_unknown")


def quality(record: Record, *, workers: int = 1, progress: Progress | None = None) -> QualityReport:
    """Look at the data of a record.

    Parameters
    ----------
    record : Record
    workers : int
        Processes; each holds one shard at a time.
    progress : callable, optional
        Told after each shard how many are done, and of how many.

    Returns
    -------
    QualityReport
        Depends on the record alone: not on today's date, the order of rows or shards, or the number of workers.
    """
    shards = over_shards(partial(look, committed=record.manifest.committed), record, workers, progress)
    people = {subject: patient for patient, subject in record.patients()}
    return report(shards, people, record.manifest.committed, record.rejects(), str(record.path), record.generation)


def report(
    shards: Iterable[pa.Table],
    people: Mapping[int, str],
    committed: datetime,
    rejects: Iterable[Reject] = (),
    path: str = "",
    generation: int = 0,
) -> QualityReport:
    """Judge what was counted of shards; see `quality`.

    Parameters
    ----------
    shards : iterable of pyarrow.Table
        What `look` counted.
    people : mapping of int to str
        The sender's identifier of each subject.
    """
    tally = added([])
    for shard in shards:
        counted: pl.DataFrame = pl.from_arrow(shard)  # type: ignore[assignment]
        tally = added([tally, counted])
    judge = _Judge(tally, people, refused(rejects, shelf()), shelf())
    findings = ranked(judge.gathered())
    return QualityReport(
        path,
        generation,
        committed,
        judge.total("patients", patients=True),
        judge.total("all"),
        findings,
        tuple(judge.profiles(findings)),
        judge.refused.total,
    )


@dataclass
class _Judge:
    tally: pl.DataFrame
    people: Mapping[int, str]
    refused: Refused
    shelf: Shelf

    def findings(self) -> Iterator[Finding]:
        yield from self._demographics()
        yield from self._codes()
        yield from self._times()
        yield from self._related()
        yield from self._persons()
        yield from self._refusals()
        for code, unit in self.numeric:
            yield from self._numbers(code, unit)

    def gathered(self) -> Iterator[Finding]:
        """Findings, those of one kind about many codes that the shelf does not know told as one: nothing is computed with them."""
        rest: dict[str, list[Finding]] = defaultdict(list)
        for f in self.findings():
            if f.check in GATHERED and concept(f.code) not in self.shelf.codes:
                rest[f.check].append(f)
            else:
                yield f
        for check, found in sorted(rest.items()):
            if len(found) <= limits("gathered")["apart"]:
                yield from found
                continue
            most = sorted(found, key=lambda f: (-f.count, f.code))
            codes = {f.code: f.count for f in most[:5]}
            where = [e for f in most for e in f.examples[:1]]
            yield self._finding(
                check, "", sum(f.count for f in found), sum(f.of for f in found), where, codes=codes, number_of_codes=len(found)
            )

    def total(self, what: str, *, patients: bool = False) -> int:
        return sum((p if patients else n) for n, p in self.sums.get(what, {}).values())

    @cached_property
    def sums(self) -> dict[str, dict[tuple[str, str, int], tuple[int, int]]]:
        found: dict[str, dict[tuple[str, str, int], tuple[int, int]]] = defaultdict(dict)
        rows = self.tally.filter(pl.col("subject").is_null()).select(list(TALLY)[:6])
        for what, code, unit, key, n, patients in rows.iter_rows():
            found[what][code, unit, key] = (n, patients)
        return found

    @cached_property
    def keyed(self) -> dict[str, dict[tuple[str, str], dict[int, tuple[int, int]]]]:
        """Counts by what, (code, unit), and key."""
        found: dict[str, dict[tuple[str, str], dict[int, tuple[int, int]]]] = {}
        for what, rows in self.sums.items():
            place = found.setdefault(what, {})
            for (code, unit, key), counts in rows.items():
                place.setdefault((code, unit), {})[key] = counts
        return found

    @cached_property
    def places(self) -> dict[tuple[str, str, str], list[Example]]:
        found: dict[tuple[str, str, str], list[Example]] = defaultdict(list)
        rows = self.tally.filter(pl.col("what").str.starts_with(SEE)).select("what", "code", "unit", "subject", "source")
        for what, code, unit, subject, source in rows.iter_rows():
            found[what.removeprefix(SEE), code, unit].append(Example(self.people.get(subject, str(subject)), source or ""))
        return found

    @cached_property
    def numeric(self) -> list[tuple[str, str]]:
        """Measurements with numbers, by unit, the commonest first."""
        return sorted(((code, unit) for code, unit, _ in self.sums.get("numbers", {})), key=lambda k: (-self._count("numbers", *k)[0], k))

    def _count(self, what: str, code: str = "", unit: str = "", key: int = 0) -> tuple[int, int]:
        return self.sums.get(what, {}).get((code, unit, key), (0, 0))

    def _finding(self, check: str, code: str, count: int, of: int, where: Iterable[Example] = (), /, **facts: Any) -> Finding:
        rule = checks()[check]
        return Finding(check, rule["severity"], code, count, of, rule["do"], tuple(where)[: examples()], facts)

    def _see(self, what: str, code: str = "", unit: str = "") -> list[Example]:
        return self.places.get((what, code, unit), [])

    def _demographics(self) -> Iterator[Finding]:
        people = self.total("patients", patients=True)
        for check in ("demographics_birth", "demographics_sex", "demographics_both"):
            lacking = self.total(check, patients=True)
            if lacking:
                yield self._finding(check, "", lacking, people, self._see(check))

    def _codes(self) -> Iterator[Finding]:
        months = {key: p for (_, _, key), (_, p) in self.sums.get("any month", {}).items()}
        for (code, _, _), (events, patients) in sorted(self.sums.get("events", {}).items()):
            wrong = fault(code)
            if wrong:
                yield self._finding(wrong, code, events, events, self._see("value", code), patients=patients)
            own = {key: p for key, (_, p) in self.keyed.get("month", {}).get((code, ""), {}).items()}
            missing = shape.gap(own, months) if own else None
            if missing:
                yield self._finding("gap", code, missing["months"], max(own) - min(own) + 1, **missing)
        yield from self._empty()
        for code, unit in self.numeric:
            n, patients = self._count("numbers", code, unit)
            known = self.shelf.codes.get(concept(code))
            if not unit:
                yield self._finding("unit_missing", code, n, n, self._sample(code, unit), patients=patients)
            elif known is not None and known.unit and unit != known.unit:
                yield self._finding("unit_wrong", code, n, n, self._sample(code, unit), unit=unit, expected=known.unit, stage="record")
            if known is None and not fault(code):
                yield self._finding("code_unknown", code, n, n, self._sample(code, unit), patients=patients, unit=unit)

    def _empty(self) -> Iterator[Finding]:
        rule = limits("empty")
        void = {code: n for (code, _, _), (n, _) in sorted(self.sums.get("empty", {}).items())}
        void = {c: n for c, n in void.items() if n >= rule["least"] and n >= rule["share"] * self._count("events", c)[0]}
        if len(void) > rule["apart"]:
            of = sum(n for (code, _, _), (n, _) in self.sums["events"].items() if code in self.measured)
            most = dict(sorted(void.items(), key=lambda item: (-item[1], item[0]))[:5])
            where = [e for code in most for e in self._see("empty", code)[:1]]
            yield self._finding("empty", "", sum(void.values()), of, where, codes=most, number_of_codes=len(void))
            return
        for code, n in void.items():
            yield self._finding("empty", code, n, self._count("events", code)[0], self._see("empty", code))

    @cached_property
    def measured(self) -> frozenset[str]:
        """Codes of measurements, with numbers or without."""
        codes = (code for code, _, _ in self.sums.get("events", {}))
        return frozenset(c for c in codes if not split(c).kind and split(c).vocabulary not in ("", "GENDER"))

    def _times(self) -> Iterator[Finding]:
        for check in ("before_birth", "after_death", "end_first", "known_first", "future"):
            bad, of = self.total(check), self.total(f"{check} of")
            if not bad:
                continue
            codes = sorted(((n, code) for (code, _, _), (n, _) in self.sums.get(f"{check} code", {}).items()), reverse=True)
            name = "future_shifted" if check == "future" and bad > limits("future")["systematic"] * of else check
            facts = {"patients": self.total(check, patients=True), "codes": {code: n for n, code in codes[:5]}}
            yield self._finding(name, "", bad, of, self._see(check), **facts)

    def _related(self) -> Iterator[Finding]:
        for relation in relations():
            check = "sex_contradicted" if relation.sex else "relation"
            for code in relation.left:
                bad, patients = self._count(check, relation.id, code)
                if bad:
                    of = self._count(f"{check} of", relation.id, code)[0]
                    facts = {"relation": relation.id, "name": dict(relation.name), "source": relation.source, "patients": patients}
                    yield self._finding(check, code, bad, of, self._see(check, relation.id, code), **facts)
        for check in ("conflict", "twice"):
            yield from self._at_one_moment(check)

    def _at_one_moment(self, check: str) -> Iterator[Finding]:
        """Codes to which it happens often, each; and all those to which it happens now and then, together."""
        rule = limits("conflict")
        rare: dict[str, int] = {}
        of = 0
        for (code, _, _), (bad, patients) in sorted(self.sums.get(check, {}).items()):
            moments = self._count("moments", code)[0]
            if bad >= rule["least"] and bad >= rule["share"] * moments:
                yield self._finding(check, code, bad, moments, self._see(check, code), patients=patients)
            elif bad:
                rare[code] = bad
                of += moments
        if rare:
            most = dict(sorted(rare.items(), key=lambda item: (-item[1], item[0]))[:5])
            where = [e for code in most for e in self._see(check, code)[:1]]
            yield self._finding(check, "", sum(rare.values()), of, where, codes=most, number_of_codes=len(rare))

    def _persons(self) -> Iterator[Finding]:
        groups, expected = same_person(self.tally)
        pairs = sum(len(g) * (len(g) - 1) // 2 for g in groups)
        if pairs:
            people = self.total("patients", patients=True)
            found = self._finding(
                "person", "", sum(len(g) for g in groups), people, (Example(self.people.get(s, str(s))) for g in groups for s in g),
                pairs=pairs, expected_by_chance=round(expected, 2),
            )  # fmt: skip
            if expected > limits("person")["chance"] * pairs:
                found = Finding("person", "note", found.code, found.count, found.of, found.do, found.examples, found.facts)
            yield found

    def _refusals(self) -> Iterator[Finding]:
        """What intake kept out of the record belongs to the quality of what was sent."""
        for check, code, unit, n, where, facts in self.refused.faults():
            of = n + sum(self._count("numbers", code, u)[0] for c, u in self.numeric if c == code)
            if check == "refused":
                facts |= self._explained(code, unit)
            if check != "refused" or n >= limits("refused")["least"]:
                yield self._finding(check, code, n, of, where, unit=unit, stage="refused at intake", **facts)

    def _explained(self, code: str, unit: str) -> dict[str, str]:
        """Another unit that would bring the refused values home, if there is one."""
        values, _ = self.refused.values(code)
        known = self.shelf.codes.get(code)
        if known is None or len(values) < limits("refused")["least"] or not (values > 0).all():
            return {}
        other = explained(code, known.unit, values, self.shelf)
        return {"other": other} if other else {}

    def _numbers(self, code: str, unit: str) -> Iterator[Finding]:
        own = self.keyed["value"].get((code, unit), {})
        keys = np.array(sorted(own), dtype=np.int64)
        at, counts = bins.values(keys), np.array([own[k][0] for k in keys.tolist()], dtype=np.int64)
        n, patients = self._count("numbers", code, unit)
        known = self.shelf.codes.get(concept(code))
        canonical = known is not None and known.unit == unit
        if canonical:
            extra_at, extra_counts = self.refused.values(code)
            jumps = {k: p for k, (_, p) in self.keyed.get("jump", {}).get((code, unit), {}).items()}
            mix = mixed(code, unit, np.concatenate([at, extra_at]), np.concatenate([counts, extra_counts]), jumps, self.shelf)
            if mix:
                check = "unit_whole" if mix.evidence == "whole" else "unit_mix"
                inside = keys[(at >= mix.low) & (at <= mix.high)]
                where = [e for k in inside.tolist() for e in self._see("value", code, f"{k} {unit}")[:1]] or self.refused.where(code)
                facts = {"unit": unit, "other": mix.unit, "factor": mix.factor, "evidence": mix.evidence, "low": mix.low, "high": mix.high}
                yield self._finding(check, code, mix.count, n + int(extra_counts.sum()), where, **facts)
            low, high = self.shelf.plausible(code)
            pile = shape.piled(at, counts, low, high, _natural(unit))
            if pile:
                at_limit = keys[np.argsort(np.abs(at - pile[1]), kind="stable")[:1]]
                where = [e for k in at_limit.tolist() for e in self._see("value", code, f"{k} {unit}")]
                yield self._finding("edge", code, pile[0], n, where, limit=pile[1], unit=unit)
        if patients >= limits("digits")["patients"]:
            digits = {k: c for k, (c, _) in self.keyed.get("digit", {}).get((code, ""), {}).items()}
            liked = shape.preferred(digits, at, counts)
            if liked:
                yield self._finding("digits", code, liked["count"], liked["of"], self._sample(code, unit), digit=liked["digit"], unit=unit)
        yield from self._repeats(code, unit, keys, counts, patients)
        yield from self._drifts(code, unit)

    def _repeats(self, code: str, unit: str, keys: Any, counts: Any, patients: int) -> Iterator[Finding]:
        if patients < limits("flatline")["patients"]:
            return
        total = int(counts.sum())
        share = {int(k): c / total for k, c in zip(keys.tolist(), counts.tolist(), strict=True)}
        runs = {
            (int(value), length): n
            for (c, value), by_length in self.keyed.get("run", {}).items()
            if c == code and int(value) in share
            for length, (n, _) in by_length.items()
        }
        found = shape.flat(runs, share)
        if found:
            where = [e for value in sorted(found[1]) for e in self._see("run", code, str(value))[:1]]
            yield self._finding("flatline", code, min(sum(found[1].values()), total), total, where, from_length=found[0], unit=unit)

    def _drifts(self, code: str, unit: str) -> Iterator[Finding]:
        rule = limits("drift")
        years = self._grouped("typical year", code, unit, first=True)
        tests = max(len(self.numeric), 1)
        if len(years) > 1:
            early, late, year = halves({int(y): k for y, k in years.items()})
            if min(sum(early.values()), sum(late.values())) >= rule["periods"]:
                d = drift(early, late)
                if d.psi >= rule["psi"] and d.chance * tests < rule["chance"]:
                    facts = {"psi": round(d.psi, 3), "ks": round(d.distance, 3), "since": year, "unit": unit}
                    yield self._finding("drift_period", code, d.n[1], sum(d.n), **facts)
        sites = {s: k for s, k in self._grouped("typical site", code, unit, first=False).items() if sum(k.values()) >= rule["sites"]}
        worst: tuple[float, str, Any] | None = None
        for site in sorted(sites) if len(sites) > 1 else ():
            others = [k for s, k in sites.items() if s != site]
            rest: dict[int, int] = {}
            for other in others:
                for key, n in other.items():
                    rest[key] = rest.get(key, 0) + n
            d = drift(sites[site], rest)
            if d.psi >= rule["psi"] and d.chance * tests * len(sites) < rule["chance"] and (worst is None or d.psi > worst[0]):
                worst = (d.psi, site, d)
        if worst:
            d = worst[2]
            facts = {"site": worst[1], "psi": round(d.psi, 3), "ks": round(d.distance, 3), "unit": unit}
            yield self._finding("drift_site", code, d.n[0], sum(d.n), **facts)

    def _grouped(self, what: str, code: str, unit: str, *, first: bool) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = {}
        for label, by_key in self._by_code(what).get(code, []):
            own, group = (label[1], label[0]) if first else label
            if own == unit:
                found[group] = {key: p for key, (_, p) in by_key.items()}
        return found

    def _by_code(self, what: str) -> dict[str, list[Any]]:
        cached = self.__dict__.setdefault("_labels", {})
        if what not in cached:
            place: dict[str, list[Any]] = {}
            for (code, label), by_key in sorted(self.keyed.get(what, {}).items()):
                head, _, tail = label.partition(" ")
                place.setdefault(code, []).append(((head, tail), by_key))
            cached[what] = place
        found: dict[str, list[Any]] = cached[what]
        return found

    def _sample(self, code: str, unit: str) -> list[Example]:
        keys = sorted(self.keyed["value"].get((code, unit), {}))
        return [e for k in keys[: examples()] for e in self._see("value", code, f"{k} {unit}")[:1]]

    def profiles(self, findings: Iterable[Finding]) -> Iterator[CodeProfile]:
        suspect: dict[tuple[str, str], int] = defaultdict(int)
        for f in findings:
            if f.severity != "note" and f.code and f.facts.get("stage") != "refused at intake":
                suspect[f.code, str(f.facts.get("unit", ""))] += f.count
        for code, unit in self.numeric:
            own = self.keyed["value"][code, unit]
            keys = np.array(sorted(own), dtype=np.int64)
            at, counts = bins.values(keys), np.array([own[k][0] for k in keys.tolist()], dtype=np.int64)
            n, patients = self._count("numbers", code, unit)
            months = sorted(self.keyed.get("month", {}).get((code, ""), {}))
            spread = bins.quantiles(at, counts, SHARES)
            bad = min(n, suspect.get((code, unit), 0) + suspect.get((code, ""), 0))
            first, last = (f"{m // 12:04d}-{m % 12 + 1:02d}" for m in (months[0], months[-1])) if months else ("", "")
            yield CodeProfile(
                code, unit, n, patients, first, last, tuple(float(q) for q in spread), _histogram(at, counts), 1 - bad / n if n else 1.0
            )


def _natural(unit: str) -> bool:
    """Whether the ends of a scale are values like any other."""
    return unit in ("%", "1") or unit.startswith("{")


def _histogram(at: Any, counts: Any) -> tuple[tuple[float, float, int], ...]:
    """Bars from the lowest to the highest value; over several powers of ten, bars of equal width in the logarithm."""
    low, high = float(at.min()), float(at.max())
    if low == high:
        return ((low, high, int(counts.sum())),)
    positive = low > 0 and high / low > 100
    edges = np.geomspace(low, high, BARS + 1) if positive else np.linspace(low, high, BARS + 1)
    edges[0], edges[-1] = low, high
    bars, _ = np.histogram(at, edges, weights=counts)
    return tuple((float(a), float(b), int(n)) for a, b, n in zip(edges[:-1], edges[1:], bars, strict=True))

"""Split: patients, relatives, places and periods that stand on both sides of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.quality.leak_report import Finding, said
from consilium.quality.leak_study import HOUR, Study, area

_HASHES, _BANDS = 48, 16
_SAME_PERSON = 0.5  # share of events that two people's charts have in common, of all they have
_RARE = 3  # people who share a thing that is no coincidence


def split_findings(study: Study) -> Iterator[Finding]:
    """Every finding about the splits."""
    for n, fold in enumerate(study.folds):
        name = "split" if len(study.folds) == 1 else f"split {n + 1}"
        ids = np.array([s for s, _ in study.rows], dtype=np.int64)
        both = np.intersect1d(ids[fold.train], ids[fold.test])
        if len(both):
            where = tuple(f"subject {s}" for s in both[:3])
            yield Finding("patient_in_both", name, len(both), where, float(len(both)), said("learned_and_proven", n=len(both)))
        yield from _periods(study, name, fold.train, fold.test)
        yield from _sites(study, name, fold.train, fold.test)
    if study.folds:
        yield from _people(study)


def _periods(study: Study, name: str, train: NDArray[np.intp], test: NDArray[np.intp]) -> Iterator[Finding]:
    at = study.as_of.astype(np.float64)
    if len(train) < 20 or len(test) < 10:
        return
    side = np.concatenate([np.zeros(len(train), np.int8), np.ones(len(test), np.int8)])
    auc, _ = area(side, np.concatenate([at[train], at[test]]))
    if auc <= 0.2:
        detail = said("asked_in_past", share=float((at[test] < np.median(at[train])).mean()))
        yield Finding("test_before_train", name, len(test), (), auc, detail)
    elif 0.8 <= auc < 1:
        late = int((at[train] >= at[test].min()).sum())
        yield Finding("periods_overlap", name, late, (), auc, said("late_learning", n=late))


def _sites(study: Study, name: str, train: NDArray[np.intp], test: NDArray[np.intp]) -> Iterator[Finding]:
    card = study.card
    if card is None or card.proof.kind != "site":
        return
    own = study.frame.filter(pl.col("code") == card.proof.site).group_by("s").agg(pl.col("text_value").first())
    where = dict(own.iter_rows())
    sides = [{where.get(int(s)) for s in study.row_subject[rows]} - {None} for rows in (train, test)]
    both = sorted(str(s) for s in sides[0] & sides[1])
    if both:
        yield Finding("site_in_both", name, len(both), tuple(both[:3]), float(len(both)), said("sites_both", names=", ".join(both[:5])))


def _people(study: Study) -> Iterator[Finding]:
    """The same chart under two identifiers, and people who share what only relatives share, on two sides."""
    apart = _apart(study)
    asked = study.frame.filter(pl.col("s").is_in(np.unique(study.row_subject).tolist()) & pl.col("t").is_not_null())
    asked = asked.filter(~pl.col("code").str.starts_with("MEDS_"))
    if asked.is_empty():
        return
    hour = ((pl.col("t") - pl.col("t").min().over("s")) / HOUR).round(0).cast(pl.Int64)
    number = pl.col("numeric_value").cast(pl.Float64).round(3).cast(pl.String).fill_null("")
    prints = asked.select("s", token=pl.concat_str([pl.col("code"), number, pl.col("text_value").fill_null("")], separator="|"), hour=hour)
    loose = _pairs_alike(prints.with_columns(mark=pl.col("token")).select("s", "mark"))
    found = []
    for a, b, alike in loose:
        if apart(a, b) and alike >= _SAME_PERSON:
            found.append((a, b, alike))
    # Coarse tables have many people alike by chance: only as many as stand out of the whole are people seen twice.
    if found:
        same = {frozenset((a, b)) for a, b, _ in found}
        everyone = len(np.unique(study.row_subject[study.row_subject >= 0]))
        informative = asked.group_by("s").len()["len"].median()
        if informative is not None and float(informative) >= 8 and len(same) <= everyone:  # type: ignore[arg-type]
            where = tuple(f"subjects {study.subjects[a]} and {study.subjects[b]} share {alike:.0%}" for a, b, alike in found[:3])
            detail = said("charts_alike", n=len(same))
            yield Finding("patient_twice", "split", len(same), where, max(alike for *_, alike in found), detail)
            return
    if not study.assumed and not study.relative:  # else two strangers share their moments by chance
        yield from _related(study, asked, apart)


def _apart(study: Study):  # type: ignore[no-untyped-def]
    sides: list[tuple[set[int], set[int]]] = [
        (set(study.row_subject[f.train].tolist()), set(study.row_subject[f.test].tolist())) for f in study.folds
    ]

    def apart(a: int, b: int) -> bool:
        return any((a in train and b in test) or (b in train and a in test) for train, test in sides)

    return apart


def _pairs_alike(prints: pl.DataFrame) -> list[tuple[int, int, float]]:
    """Pairs of subjects whose sets of marks overlap, found by minhash (Broder 1997) and then counted exactly."""
    unique = prints.unique().sort("s", "mark")
    # What most people have in common tells nobody apart.
    many = unique["s"].n_unique()
    shared = unique.group_by("mark").len().filter(pl.col("len") <= max(_RARE, 0.1 * many))["mark"]
    kept = unique.filter(pl.col("mark").is_in(shared.implode()))
    marks = kept["mark"].hash(seed=7).to_numpy()
    s = kept["s"].to_numpy()
    if not len(s):
        return []
    subject, start = np.unique(s, return_index=True)
    random = np.random.default_rng(11)
    factors = random.integers(1, 2**63, _HASHES, dtype=np.uint64) | np.uint64(1)
    signs = np.empty((_HASHES, len(subject)), dtype=np.uint64)
    for h, factor in enumerate(factors):
        mixed = marks * factor
        mixed ^= mixed >> np.uint64(29)
        signs[h] = np.minimum.reduceat(mixed, start)
    sets = {int(a): set(marks[i:j].tolist()) for a, i, j in zip(subject, start, [*start[1:], len(s)], strict=True)}
    wide = _HASHES // _BANDS
    candidates: set[tuple[int, int]] = set()
    for b in range(_BANDS):
        bands: dict[bytes, list[int]] = {}
        for k, one in enumerate(subject):
            bands.setdefault(signs[b * wide : (b + 1) * wide, k].tobytes(), []).append(int(one))
        for group in bands.values():
            if 1 < len(group) <= 20:
                candidates.update((x, z) for i, x in enumerate(group) for z in group[i + 1 :])
    alike = []
    for a, b in sorted(candidates):
        common = len(sets[a] & sets[b])
        if common >= 5:
            alike.append((a, b, common / len(sets[a] | sets[b])))
    return alike


def _related(study: Study, asked: pl.DataFrame, apart) -> Iterator[Finding]:  # type: ignore[no-untyped-def]
    """People whose charts name one another, or share several entries that hardly anybody else has."""
    number = pl.col("numeric_value").cast(pl.String).fill_null("")
    exact = asked.select(
        "s", mark=pl.concat_str([pl.col("code"), pl.col("t").cast(pl.String), number, pl.col("text_value").fill_null("")], separator="|")
    )
    source = asked.filter(pl.col("source_id").is_not_null()).select("s", mark=pl.lit("source|") + pl.col("source_id"))
    text = asked.filter(pl.col("text_value").str.len_chars() >= 6).select("s", mark=pl.lit("text|") + pl.col("text_value"))
    marks = pl.concat([exact, source, text]).unique()
    rare = marks.join(marks.group_by("mark").len().filter((pl.col("len") > 1) & (pl.col("len") <= _RARE)), on="mark").sort("mark", "s")
    pairs: Counter[tuple[int, int]] = Counter()
    for (_,), own in rare.group_by("mark", maintain_order=True):
        people = own["s"].to_list()
        pairs.update((x, z) for i, x in enumerate(people) for z in people[i + 1 :])
    named: set[tuple[int, int]] = set()
    if study.patients:
        by_name = {name: int(np.searchsorted(study.subjects, s)) for s, name in study.patients.items() if len(name) >= 4}
        words_in = asked.filter(pl.col("text_value").is_not_null()).select("s", "text_value").unique()
        for s, text in words_in.iter_rows():
            for word in str(text).replace(",", " ").split():
                other = by_name.get(word.strip(".;:()"))
                if other is not None and other != s:
                    named.add((min(s, other), max(s, other)))
    sizes = dict(asked.group_by("s").len().iter_rows())
    found = [p for p, n in sorted(pairs.items()) if n >= 4 and n >= 0.05 * min(sizes[p[0]], sizes[p[1]]) and apart(*p)]
    found += sorted(p for p in named if apart(*p) and p not in found)
    if found:
        where = tuple(f"subjects {study.subjects[a]} and {study.subjects[b]}" for a, b in found[:3])
        detail = said("related", n=len(found))
        yield Finding("related_in_both", "split", len(found), where, float(len(found)), detail)

"""Reach: inputs, and gaps in inputs, that are a function of what happened after the asking (counts, times, summaries)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.core.code import split
from consilium.quality.leak_report import Finding, Said, phrase, said
from consilium.quality.leak_study import ALWAYS, HOUR, Column, Floats, Study, process, spread, together

FEW = 30
_SAME = 0.9  # rank correlation at which two quantities are one
_PHI = 0.85  # correlation at which two signs are one
_WITHIN = (24, 48, 72)  # hours
_MADE = 0.9  # share of an input's variance that a sum of other numbers must hold for it to be made from them
_SOME = 0.25  # share of it that the whole chart must tell for the windows around the asking to be tried
_LESS = 0.15  # so much less is told by what was known
_AROUND = (6, 12, 24, 48)  # hours before and after the asking
_WORDS = 200  # of a code, the commonest, that are held against what is to come
_BEST = 20  # numbers that such a sum is made of at most
_PARTS = 5
_ROWS = 10  # with a sign, and without it
CODES = 80  # the commonest codes, whose counts and summaries are looked at


@dataclass(frozen=True, slots=True)
class Around:
    """What each row's chart holds: quantities to come beside the like ones of the past, signs to come, and summaries (of which code) with
    and without the future."""

    ahead: dict[str, tuple[Floats, Floats]]
    present: dict[str, NDArray[np.bool_]]
    whole: Floats
    past: Floats
    of: tuple[tuple[str, ...], tuple[str, ...]]
    near: Mapping[int, tuple[Floats, Floats]]
    of_near: tuple[str, ...]


def at_rows(n: int, row: NDArray[np.int64], value: pl.Series, empty: float) -> Floats:
    """A value for each of n rows, `empty` where there is none."""
    filled = np.full(n, empty)
    filled[row] = value.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return filled


def reach(study: Study) -> Iterator[Finding]:
    """Every input that follows what its row's future holds."""
    around = _around(study)
    for column in study.columns:
        found = _same_quantity(study, column, around.ahead) or _made_of(study, column, around) or _kept_for(study, column, around)
        if found is not None:
            yield found
    for code in study.read:
        yield from _said_of_the_future(study, code, around.ahead)


def _around(study: Study) -> Around:
    """Counts, times and summaries of each row's chart, gathered code by code."""
    n = len(study.as_of)
    ahead: dict[str, tuple[Floats, Floats]] = {}
    present: dict[str, NDArray[np.bool_]] = {}
    whole: list[Floats] = []
    past: list[Floats] = []
    of: tuple[list[str], list[str]] = ([], [])
    near: dict[int, tuple[list[Floats], list[Floats]]] = {hours: ([], []) for hours in _AROUND}
    of_near: list[str] = []
    sums: dict[str, list[Floats]] = {}
    last = np.full(n, np.nan)
    lab = {c for (c,) in study.frame.filter(pl.col("unit").str.contains(process()["laboratory_unit"])).select("code").unique().iter_rows()}
    for code in study.often[:CODES]:
        pairs = study.beside([code]).filter(pl.col("t").is_not_null() & (pl.col("k") != ALWAYS))
        own = pairs.group_by("row").agg(_counts() + _windows()).sort("row")
        row = own["row"].to_numpy()
        more, less, numbers, known = (at_rows(n, row, own[name], 0.0) for name in ("more", "less", "more_numbers", "less_numbers"))
        soon = at_rows(n, row, own["next"], np.nan)
        last = np.fmax(last, at_rows(n, row, own["last"], np.nan))
        ahead[f"number of {code}"] = (more, less)
        ahead[f"number of {code} in all"] = (more + less, less)
        ahead[f"time to {code}"] = (soon, np.full(n, np.nan))
        for hours in _WITHIN:
            present[f"any {code} in the next {hours} h"] = np.nan_to_num(soon, nan=np.inf) <= hours * HOUR
        groups = (
            ["events", f"all {split(code).kind}"]
            + (["laboratory results"] if code in lab else [])
            + (["measurements"] if known.any() else [])
        )
        for group in groups:
            a, b = (numbers, known) if group == "measurements" else (more, less)
            held = sums.setdefault(group, [np.zeros(n), np.zeros(n)])
            held[0] += a
            held[1] += b
        of[0].extend([code] * 4)
        of[1].extend([code] * 5)
        whole += [more + less, *(at_rows(n, row, own[f"{s}_whole"], np.nan) for s in ("max", "min", "mean"))]
        if known.any() or numbers.any():
            middle = float(np.nanmedian(pairs["numeric_value"].cast(pl.Float64).to_numpy()))
            of_near.extend([code] * 5)
            for hours, sides in near.items():
                for side, held in zip(("around", "before"), sides, strict=True):
                    high, low, mean = (at_rows(n, row, own[f"{s}_{side}_{hours}"], np.nan) for s in ("max", "min", "mean"))
                    # Scores count points beyond what is usual, and none for what was not measured.
                    points = (np.nan_to_num(np.maximum(0.0, x)) for x in (high - middle, middle - low))
                    held.extend([high, low, mean, *points])
        past += [less, *(at_rows(n, row, own[f"{s}_past"], np.nan) for s in ("max", "min", "mean", "final"))]
    for name, (more, less) in sums.items():
        ahead[f"number of {name}"] = (more, less)
        ahead[f"number of {name} in all"] = (more + less, less)
    ahead["time to the last event"] = (last, np.full(n, np.nan))
    stay = _stay(study)
    if stay is not None:
        ahead["length of the stay"], ahead["rest of the stay"] = stay
        of[0].append("")
        of[1].append("")
        whole.append(stay[0][0])
        past.append(stay[0][1])
    empty = np.zeros((n, 0))
    return Around(
        ahead, present, _filled(whole) if whole else empty, _filled(past) if past else empty, (tuple(of[0]), tuple(of[1])),
        {hours: (_filled(both), _filled(gone)) for hours, (both, gone) in near.items() if both}, tuple(of_near),
    )  # fmt: skip


def _counts() -> list[pl.Expr]:
    after, v, dated = ~pl.col("before"), pl.col("numeric_value").cast(pl.Float64), pl.col("t") - pl.col("as_of")
    known = v.filter(pl.col("before"))
    return [
        after.sum().alias("more"), pl.col("before").sum().alias("less"),
        (after & v.is_not_null()).sum().alias("more_numbers"), (pl.col("before") & v.is_not_null()).sum().alias("less_numbers"),
        dated.filter(after & (dated > 0)).min().alias("next"), dated.max().alias("last"),
        v.max().alias("max_whole"), v.min().alias("min_whole"), v.mean().alias("mean_whole"),
        known.max().alias("max_past"), known.min().alias("min_past"), known.mean().alias("mean_past"),
        known.last().alias("final_past"),
    ]  # fmt: skip


def _windows() -> list[pl.Expr]:
    """Summaries of the hours on both sides of the asking, and of those of them that were known."""
    v, apart = pl.col("numeric_value").cast(pl.Float64), (pl.col("t") - pl.col("as_of")).abs()
    found = []
    for hours in _AROUND:
        for side, held in (("around", apart <= hours * HOUR), ("before", (apart <= hours * HOUR) & pl.col("before"))):
            inside = v.filter(held)
            found += [inside.max().alias(f"max_{side}_{hours}"), inside.min().alias(f"min_{side}_{hours}")]
            found += [inside.mean().alias(f"mean_{side}_{hours}")]
    return found


def _stay(study: Study) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]] | None:
    contacts = study.contacts.filter(pl.col("end").is_not_null())
    if contacts.is_empty():
        return None
    n = len(study.as_of)
    asked = pl.DataFrame({"s": study.row_subject, "row": np.arange(n), "as_of": study.as_of})
    held = asked.join(contacts, on="s").filter((pl.col("start") <= pl.col("as_of")) & (pl.col("end") > pl.col("as_of")))
    held = held.group_by("row").agg(pl.col("start").min(), pl.col("end").max(), pl.col("as_of").first())
    row = held["row"].to_numpy()
    gone = at_rows(n, row, held["as_of"] - held["start"], np.nan)
    return (at_rows(n, row, held["end"] - held["start"], np.nan), gone), (at_rows(n, row, held["end"] - held["as_of"], np.nan), gone)


def _filled(columns: list[Floats]) -> Floats:
    """Columns side by side, centred, with nought where there is nothing."""
    X = np.column_stack(columns)
    seen = np.isfinite(X)
    n = np.maximum(seen.sum(axis=0), 1)
    X = np.where(seen, X, 0.0)
    X = np.where(seen, X - X.sum(axis=0) / n, 0.0) * (n >= FEW)  # what few rows have tells nothing of the others
    found: Floats = X / np.maximum(X.std(axis=0), 1e-9)
    return found


def _same_quantity(study: Study, column: Column, ahead: dict[str, tuple[Floats, Floats]]) -> Finding | None:
    """Counts, times and events to come that an input already is."""
    x = column.value
    binary = len(np.unique(x[np.isfinite(x)])) == 2
    best: tuple[float, str, int] = (0.0, "", 0)
    for name, (after, past) in ahead.items():
        if name.startswith("number") and binary:
            here, there, was = x > np.nanmin(x), after > 0, past > 0
            if min(there.sum(), here.sum(), (~there).sum()) < 10 or name.endswith("in all"):
                continue
            phi = abs(together(here.astype(np.float64), there.astype(np.float64)))
            old = abs(together(here.astype(np.float64), was.astype(np.float64)))
            if phi >= _PHI and phi > old + 0.1 and phi > best[0]:
                best = (phi, f"whether there is any {name.removeprefix('number of ')}", len(x))
            continue
        both = np.isfinite(x) & np.isfinite(after)
        if both.sum() < FEW or len(np.unique(after[both])) < 4 or len(np.unique(x[both])) < 4:
            continue
        rho = abs(spread(x[both], after[both]))
        if rho < _SAME or rho <= best[0]:
            continue
        known = both & np.isfinite(past)
        old = abs(spread(x[known], past[known])) if known.sum() >= FEW else 0.0
        if old < rho - 0.05 and not _explained(study, column, both):
            best = (rho, name, int(both.sum()))
    if not best[1]:
        return None
    where = tuple(f"subject {study.rows[i][0]}: {x[i]:g}" for i in np.flatnonzero(np.isfinite(x))[:3])
    detail = said("follows", rho=best[0], what=_named(best[1]))
    return Finding("equals_the_future", column.name, best[2], where, best[0], detail)


def _named(name: str) -> Said:
    """What a quantity is called, in both languages: `number of CODE in all`, `time to CODE`, `any CODE in the next 24 h`."""
    for sentence, begin, end in (("in_all", "number of ", " in all"), ("number", "number of ", ""), ("any", "whether there is any ", ""),
                                 ("time_to", "time to ", "")):  # fmt: skip
        if name.startswith(begin) and name.endswith(end):
            return said(sentence, what=phrase(name.removeprefix(begin).removesuffix(end)))
    if name.startswith("any ") and " in the next " in name:
        what, _, hours = name.removeprefix("any ").removesuffix(" h").partition(" in the next ")
        return said("any_within", what=what, hours=hours)
    return phrase(name)


def _explained(study: Study, column: Column, rows: NDArray[np.bool_]) -> bool:
    """Whether the moment of asking itself (time since the stay began, or calendar time) is what an input follows."""
    return abs(spread(column.value[rows], study.as_of[rows].astype(np.float64))) >= _SAME


def _made_of(study: Study, column: Column, around: Around) -> Finding | None:
    """Inputs that are a weighted sum of numbers of the whole chart, or of the hours around the asking, and of no sum of what was known."""
    seen = np.isfinite(column.value)
    x = column.value[seen]
    if len(x) < 3 * FEW or len(np.unique(x)) < 3 or _explained(study, column, seen):
        return None
    person = study.row_subject[seen]
    others = [np.array([code not in column.codes for code in names], dtype=np.bool_) for names in around.of]
    whole = _told_by(around.whole[np.ix_(seen, others[0])], x, person)
    if whole < _SOME:
        return None
    past = np.column_stack([around.past[np.ix_(seen, others[1])], study.as_of[seen] / HOUR])
    known = _told_by(past, x, person)
    if whole >= _MADE and known <= whole - _LESS:
        return Finding("equals_the_future", column.name, len(x), (), whole, said("sum_of_chart", whole=whole, known=known))
    apart = np.array([code not in column.codes for code in around.of_near], dtype=np.bool_)
    for hours, (both, gone) in around.near.items() if known <= _MADE - _LESS else ():
        told = _told_by(both[np.ix_(seen, apart)], x, person)
        if told < _MADE:
            continue
        known = max(known, _told_by(np.column_stack([past, gone[np.ix_(seen, apart)]]), x, person))
        if known <= told - _LESS:
            return Finding("equals_the_future", column.name, len(x), (), told, said("sum_around", hours=hours, whole=told, known=known))
    return None


def _said_of_the_future(study: Study, code: str, ahead: dict[str, tuple[Floats, Floats]]) -> Iterator[Finding]:
    """Words known at the asking that stand where something comes later, and not where it had come before."""
    read = study.beside([code]).filter(pl.col("before") & pl.col("text_value").is_not_null())
    if read.is_empty():
        return
    n = len(study.as_of)
    texts = read.select("row", word=pl.col("text_value").str.to_lowercase().str.strip_chars())
    if texts["word"].n_unique() > _WORDS:
        texts = texts.with_columns(word=pl.col("word").str.extract_all(r"[\p{L}\p{N}]+")).explode("word").drop_nulls("word")
    texts = texts.unique()
    counted = texts.group_by("word").len().filter((pl.col("len") >= _ROWS) & (pl.col("len") <= n - _ROWS))
    often: list[str] = counted.sort("len", "word", descending=[True, False]).head(_WORDS)["word"].to_list()
    names = [name for name in ahead if name.startswith("number of ") and not name.endswith(" in all") and "//END//" not in name]
    come = np.array([ahead[name][0] > 0 for name in names]).reshape(len(names), n)
    kept = (come.sum(axis=1) >= _ROWS) & ((~come).sum(axis=1) >= _ROWS)
    if not often or not kept.any():
        return
    here = np.zeros((len(often), n), dtype=np.bool_)
    place = {word: i for i, word in enumerate(often)}
    for row, word in texts.filter(pl.col("word").is_in(often)).iter_rows():
        here[place[word], row] = True
    names = [name for name, is_kept in zip(names, kept, strict=True) if is_kept]
    after, gone = come[kept], np.array([ahead[name][1] > 0 for name in names])
    phi, old = np.abs(_correlations(here, after)), np.abs(_correlations(here, gone))
    phi[phi <= old + 0.1] = 0.0
    i, j = np.unravel_index(int(phi.argmax()), phi.shape)
    if phi[i, j] >= _PHI:
        detail = said(
            "word_of_what_comes", word=often[i], phi=phi[i, j], what=_named(f"whether there is any {names[j].removeprefix('number of ')}")
        )
        yield Finding("equals_the_future", code, int(here[i].sum()), (often[i],), float(phi[i, j]), detail)


def _correlations(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> Floats:
    """Correlation of each row of one table with each of another, 0 where either is constant."""
    x, z = (v.astype(np.float32) - v.mean(axis=1, keepdims=True, dtype=np.float32) for v in (a, b))
    size = np.sqrt((x**2).sum(axis=1))[:, None] * np.sqrt((z**2).sum(axis=1))[None, :]
    found: Floats = np.divide(x @ z.T, size, out=np.zeros_like(size), where=size > 0).astype(np.float64)
    return found


def _told_by(X: Floats, x: Floats, person: NDArray[np.int64]) -> float:
    """The share of variance that the best few columns tell of other people than those they were fitted to."""
    if not X.shape[1]:
        return 0.0
    part = person % _PARTS
    guess = np.full(len(x), np.nan)
    for k in range(_PARTS):
        rest = part != k
        if rest.sum() < FEW or rest.all():
            continue
        centred = x[rest] - x[rest].mean()
        strength = np.abs(centred @ (X[rest] - X[rest].mean(axis=0))) / np.maximum(X[rest].std(axis=0), 1e-9)
        chosen = np.argsort(-strength, kind="stable")[:_BEST]
        A = np.column_stack([np.ones(len(x)), X[:, chosen]])
        guess[~rest] = A[~rest] @ np.linalg.lstsq(A[rest], x[rest], rcond=1e-6)[0]
    told = np.isfinite(guess)
    return float(1 - ((x - guess)[told] ** 2).sum() / max(((x[told] - x[told].mean()) ** 2).sum(), 1e-12)) if told.sum() >= FEW else 0.0


def _kept_for(study: Study, column: Column, around: Around) -> Finding | None:
    """Values of a foreign column that are there, or missing, according to what came later."""
    here = np.isfinite(column.value)
    if not study.foreign or min(here.sum(), (~here).sum()) < 8:
        return None
    best: tuple[float, str] = (0.0, "")
    own = [name for name in around.present if any(name.startswith(f"any {code} in") for code in column.codes)]
    for name in own or around.present:
        there = around.present[name]
        if min(there.sum(), (~there).sum()) < 8:
            continue
        phi = abs(together(here.astype(np.float64), there.astype(np.float64)))
        if phi > best[0]:
            best = (phi, name)
    was = np.zeros(len(here), dtype=np.bool_)
    for code in column.codes:
        pairs = study.beside([code]).filter(pl.col("before"))
        was[pairs["row"].unique().to_numpy()] = True
    old = abs(together(here.astype(np.float64), was.astype(np.float64)))
    if best[0] < _PHI - 0.15 * bool(own) or best[0] < old + 0.2:
        return None
    detail = said("kept_for", phi=best[0], what=_named(best[1]), old=old)
    return Finding("kept_by_the_future", column.name, int(here.sum()), (), best[0], detail)

"""Form: whether how a thing is written (seconds, decimals, unit, file), rather than what it says, tells the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from consilium.quality.leak_report import Finding, phrase, said
from consilium.quality.leak_study import Study, area

_BAR = 0.7
_BAR_ORIGIN = 0.9
_MANY_Z = 6.0
_MOST_KINDS = 12  # of units or of files


def form(study: Study) -> Iterator[Finding]:
    """Every finding about forms of writing."""
    if study.card is None:
        return
    t, a, v = pl.col("t"), pl.col("a"), pl.col("numeric_value").cast(pl.Float64)
    hundredth = (v * 100).round(3)
    forms = {
        "seconds": (t % 60_000_000 != 0).cast(pl.Float64),
        "microseconds": (t % 1_000_000 != 0).cast(pl.Float64),
        "full hours": (t % 3_600_000_000 == 0).cast(pl.Float64),
        "quarters of an hour": (t % 900_000_000 == 0).cast(pl.Float64),
        "seconds of availability": (a % 60_000_000 != 0).cast(pl.Float64),
        "capitals": (pl.col("text_value") == pl.col("text_value").str.to_uppercase()).cast(pl.Float64),
        "length of identifier": pl.col("source_id").str.len_chars().cast(pl.Float64),
    }
    decimals = pl.when((v - v.round(0)).abs() < 1e-4).then(0.0).when((v * 10 - (v * 10).round(0)).abs() < 1e-3).then(1.0)
    written = decimals.when((hundredth - hundredth.round(0)).abs() < 1e-2).then(2.0).otherwise(3.0 + 0 * v)
    files: defaultdict[str, list[pl.DataFrame]] = defaultdict(list)
    for code in study.read:
        read = study.beside([code]).filter(pl.col("before"))
        if read.is_empty():
            continue
        told = [_tells(study, read, forms, _BAR)]
        # Instruments write a number of digits, so that greater values have fewer decimals: only like sizes are compared.
        sized = read.filter(v.is_not_null()).with_columns(size=(v.abs() + 1e-9).log10().floor())
        told += [_tells(study, own, {"decimals": written}, _BAR) for _, own in sized.group_by("size", maintain_order=True)]
        units = [u for u in read["unit"].unique().sort().to_list() if u is not None]
        if 1 < len(units) <= _MOST_KINDS:
            told.append(_tells(study, read, {f"unit {u}": (pl.col("unit") == u).cast(pl.Float64) for u in units}, _BAR))
        yield from _worst(code, told)
        for (origin,), own in read.group_by("origin", maintain_order=True):
            files[str(origin)].append(own.group_by("row").agg(n=pl.len()))
    yield from _worst("the record", [_from_files(study, files)])


_Told = tuple[float, str, int]


def _tells(study: Study, read: pl.DataFrame, forms: dict[str, pl.Expr], bar: float) -> _Told:
    """The form that tells most, with its area and rows; nothing below the bar."""
    mean = read.group_by("row").agg(**{name: how.mean() for name, how in forms.items()}).sort("row")
    return _best(study, mean, list(forms), bar)


def _from_files(study: Study, files: dict[str, list[pl.DataFrame]]) -> _Told:
    if not 1 < len(files) <= _MOST_KINDS:
        return 0.0, "", 0
    every = pl.concat([part.with_columns(origin=pl.lit(origin)) for origin, parts in sorted(files.items()) for part in parts])
    share = [
        (pl.col("n").filter(pl.col("origin") == origin).sum() / pl.col("n").sum()).alias(f"origin {origin}") for origin in sorted(files)
    ]
    mean = every.group_by("row").agg(*share).sort("row")
    return _best(study, mean, mean.columns[1:], _BAR_ORIGIN)


def _best(study: Study, mean: pl.DataFrame, names: Sequence[str], bar: float) -> _Told:
    best: _Told = (0.0, "", 0)
    y = study.y[mean["row"].to_numpy()]
    for name in names:
        seen = mean[name].is_not_null().to_numpy()
        value = mean[name].to_numpy()
        if min(int(y[seen].sum()), int((y[seen] == 0).sum())) < 10 or len(np.unique(value[seen])) < 2:
            continue
        auc, z = area(y[seen], value[seen])
        if max(auc, 1 - auc) >= bar and abs(z) >= _MANY_Z and max(auc, 1 - auc) > best[0]:
            best = (max(auc, 1 - auc), name, int(seen.sum()))
    return best


def _worst(where: str, told: Sequence[_Told]) -> Iterator[Finding]:
    best, name, n = max(told, default=(0.0, "", 0))
    if name:
        yield Finding("form_tells", where, n, (name,), best, said("form", name=phrase(name), auc=best))

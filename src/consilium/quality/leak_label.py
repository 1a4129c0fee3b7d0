"""Label: inputs that tell the answer too well, by value, by name, by text or by the form in which they were written."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.core.card import Card
from consilium.core.code import concept, split
from consilium.knowledge import shelf
from consilium.quality.leak_report import Finding
from consilium.quality.leak_study import Column, Study, area, process, says, words

TOO_GOOD = 0.985
"""AUROC that one input does not reach honestly: the best single measurement of the textbook data sets stays at 0.976."""
_EXCLUSIVE = 10.0  # least likelihood ratio, at the upper bound of the share of controls, of a value that only cases have
_NAMED = 3.0  # and of an input whose very name speaks of the outcome
_MANY_Z = 6.0
_CALLED = 20  # codes of the answer whose names are read
_LEVELS = 10


def label(study: Study) -> Iterator[Finding]:
    """Every finding that compares what is asked with the answer."""
    y = study.y
    if len(y) == 0 or min(int(y.sum()), int((1 - y).sum())) < 10:
        return
    told: set[str] = set()
    for column in study.columns:
        for finding in _column(study, column):
            told.add(finding.where)
            yield finding
    yield from _texts(study)
    yield from _form(study)


def ratio(y: NDArray[np.int8], said: NDArray[np.bool_]) -> tuple[float, int, int]:
    """Likelihood ratio of a sign at the upper 95 % bound of its share among controls (rule of three), and its cases and controls."""
    cases, controls = int((said & (y > 0)).sum()), int((said & (y == 0)).sum())
    n1, n0 = int(y.sum()), int((y == 0).sum())
    upper = (controls + 3 + 1.6 * np.sqrt(controls)) / (n0 + 3)
    return cases / n1 / min(1.0, upper), cases, controls


def _column(study: Study, column: Column) -> Iterator[Finding]:
    y, value = study.y, column.value
    seen = np.isfinite(value)
    near = _speaks(study, column)
    best, best_n = 0.5, 0
    if min(int(y[seen].sum()), int((y[seen] == 0).sum())) >= 10:
        auc, z = area(y[seen], value[seen])
        best, best_n = max(auc, 1 - auc), int(seen.sum())
        if best >= TOO_GOOD:
            yield Finding("too_good", column.name, best_n, _rows(study, y > 0), best, f"AUROC {best:.3f} alone ({best_n} rows)")
            return
    else:
        z = 0.0
    for name, said in _levels(value, seen, column.take):
        power, cases, controls = ratio(y, said)
        against, others, few = ratio((1 - y).astype(np.int8), said)
        named = _surely(cases, int(y.sum())) / (cases / y.sum()) * power if cases else 0.0
        if _alone(power, cases, controls, y):
            detail = f"{name}: {cases} of {int(y.sum())} cases, {controls} of {int((y == 0).sum())} controls"
            yield Finding("only_in_cases", column.name, cases, _rows(study, said & (y > 0)), power, detail)
            return
        if _alone(against, others, few, 1 - y):
            detail = f"{name}: {few} of {int(y.sum())} cases, {others} of {int((y == 0).sum())} controls"
            yield Finding("only_in_cases", column.name, others, _rows(study, said & (y == 0)), against, detail)
            return
        if near and named >= _NAMED and cases >= 6:
            detail = f"'{near}'; {name}: {cases} of {int(y.sum())} cases, {controls} of {int((y == 0).sum())} controls"
            yield Finding("named_after_outcome", column.name, cases, _rows(study, said & (y > 0)), power, detail)
            return
    if near and best >= 0.75 and abs(z) > 4:
        yield Finding("named_after_outcome", column.name, best_n, _rows(study, y > 0), best, f"'{near}', AUROC {best:.3f} alone")


def _alone(power: float, hits: int, misses: int, y: NDArray[np.int8]) -> bool:
    """Whether a sign stands on one side alone: by its likelihood ratio, or because none where there should be many is no accident."""
    if power >= _EXCLUSIVE and hits >= 8:
        return True
    n1, n0 = int((y > 0).sum()), int((y == 0).sum())
    chance = n0 * np.log1p(-min(hits / n1, 0.999))  # that no other has it, were it as frequent there
    return misses == 0 and hits >= 15 and float(chance) < -14


def _surely(hits: int, n: int) -> float:
    """Lower bound of a share, roughly 95 %."""
    return max(0.0, hits - 1.6 * float(np.sqrt(hits))) / max(1, n)


def _levels(value: NDArray[np.float64], seen: NDArray[np.bool_], take: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Signs that a column can give: being there, being absent, being above nought, and each of its values when these are few."""
    if seen.any() and not seen.all():
        yield "observed", seen
        yield "not observed", ~seen
    distinct = np.unique(value[seen])
    if len(distinct) < 2:
        return
    if 0.0 in distinct and (distinct >= 0).all():
        yield "above 0", seen & (value > 0)
        yield "at 0", seen & (value == 0)
    if len(distinct) <= _LEVELS and take != "count":
        for v in distinct:
            yield f"= {v:g}", seen & (value == v)


def _speaks(study: Study, column: Column) -> str:
    """The word by which an input's name, or the name of one of its codes, speaks of the outcome; empty when it does not."""
    card = study.card
    if card is None:
        return ""
    goal = {concept(code) for code in study.answered_by} | {concept(card.question.label), card.condition} - {""}
    for code in column.codes:
        own = concept(code)
        if own in goal or any(_kin(own, other) for other in goal):
            return own
    text = " ".join((column.name, *(study.name(c) for c in column.codes)))
    return says(text, process()["consequence"]) or says(text, _outcome_words(study))


def _kin(one: str, other: str) -> bool:
    """Whether one code is a part of the other's branch, in vocabularies whose codes are paths (A41 and A41.9)."""
    a, b = one.replace(".", ""), other.replace(".", "")
    hierarchic = split(one).vocabulary.startswith("ICD") and split(one).vocabulary[:5] == split(other).vocabulary[:5]
    return hierarchic and len(min(split(a).code, split(b).code, key=len)) >= 3 and (a.startswith(b) or b.startswith(a))


def _outcome_words(study: Study) -> tuple[str, ...]:
    """Words of the condition that few other concepts share, so that they point at it."""
    if study.card is None:
        return ()
    called = sorted(study.answered_by)[:_CALLED] or [study.card.question.label]
    return _pointing(study.card, called, " ".join(study.name(code) for code in called))


def _pointing(card: Card, called: Sequence[str], label_name: str) -> tuple[str, ...]:
    codes = shelf().codes
    known = codes[card.condition].name if card.condition in codes else ""
    text = f"{card.name} {known} {card.title.get('en', '')} {label_name}"
    common = {*process()["common"], *(w for code in called for w in words(code.partition("//")[0]))}
    often = _often()
    return tuple(sorted({w for w in words(text) if len(w) >= 5 and w.isalpha() and w not in common and often[w] <= 5}))


@functools.cache
def _often() -> Counter[str]:
    """In how many names of the shelf each word stands."""
    return Counter(w for c in shelf().codes.values() for w in set(words(c.name)))


def _texts(study: Study) -> Iterator[Finding]:
    """Words of what is read that stand only with cases."""
    card = study.card
    codes = list(study.used) if card is None else sorted({c for i in card.inputs for c in i.codes})
    read = study.pairs.filter(pl.col("before") & pl.col("code").is_in(codes) & pl.col("text_value").is_not_null())
    if read.is_empty():
        return
    suspects = {*(w for p in process()["consequence"] for w in [p] if " " not in p), *_outcome_words(study)}
    tokens = read.select("code", "row", word=pl.col("text_value").str.to_lowercase().str.extract_all(r"[a-z一-鿿][a-z一-鿿]+"))
    tokens = tokens.explode("word").drop_nulls("word").unique().filter(pl.col("word").str.len_chars() >= 3)
    y = study.y
    labelled = tokens.with_columns(y=pl.Series(y[tokens["row"].to_numpy()]))
    n1, n0 = int(y.sum()), int((y == 0).sum())
    counted = labelled.group_by("code", "word").agg(cases=pl.col("y").sum().cast(pl.Int64), n=pl.len().cast(pl.Int64)).sort("code", "word")
    worst: dict[str, tuple[float, str, int, int]] = {}
    for code, word, cases, n in counted.filter(pl.col("cases") >= 6).iter_rows():
        controls = n - cases
        power = cases / n1 / min(1.0, (controls + 3 + 1.6 * controls**0.5) / (n0 + 3))
        bar = _NAMED if word in suspects else _EXCLUSIVE
        if word in suspects:
            power *= _surely(cases, n1) / (cases / n1)
        if power >= bar and power > worst.get(code, (0.0,))[0]:
            worst[code] = (power, word, cases, controls)
    for code, (power, word, cases, controls) in sorted(worst.items()):
        detail = f"'{word}' in {cases} of {n1} cases and {controls} of {n0} controls"
        yield Finding("outcome_in_text", code, cases, (word,), power, detail)


def _form(study: Study) -> Iterator[Finding]:
    """How a thing is written (seconds, decimals, unit, file) rather than what it says."""
    card = study.card
    if card is None:
        return
    codes = sorted({c for i in card.inputs for c in i.codes})
    read = study.pairs.filter(pl.col("before") & pl.col("code").is_in(codes))
    if read.is_empty():
        return
    t, a, v = pl.col("t"), pl.col("a"), pl.col("numeric_value").cast(pl.Float64)
    hundredth = (v * 100).round(3)
    forms = {
        "seconds": (t % 60_000_000 != 0).cast(pl.Float64),
        "microseconds": (t % 1_000_000 != 0).cast(pl.Float64),
        "full hours": (t % 3_600_000_000 == 0).cast(pl.Float64),
        "quarters of an hour": (t % 900_000_000 == 0).cast(pl.Float64),
        "seconds of availability": (a % 60_000_000 != 0).cast(pl.Float64),
        "decimals": pl.when((v - v.round(0)).abs() < 1e-4).then(0.0).when((v * 10 - (v * 10).round(0)).abs() < 1e-3).then(1.0)
        .when((hundredth - hundredth.round(0)).abs() < 1e-2).then(2.0).otherwise(3.0 + 0 * v),
        "capitals": (pl.col("text_value") == pl.col("text_value").str.to_uppercase()).cast(pl.Float64),
        "length of identifier": pl.col("source_id").str.len_chars().cast(pl.Float64),
    }  # fmt: skip
    dated = read.with_columns(**forms)
    yield from _formal(study, dated, [f for f in forms if f != "decimals"], 0.7)
    # Instruments write a number of digits, so that greater values have fewer decimals: only like sizes are compared.
    size = (v.abs() + 1e-9).log10().floor()
    yield from _formal(study, dated.filter(v.is_not_null()).with_columns(size=size), ["decimals"], 0.7, by=("code", "size"))
    for part, bar in (("unit", 0.7), ("origin", 0.9)):
        kept = [u for u in read[part].unique().to_list() if u is not None]
        if 1 < len(kept) <= 12:
            more = {f"{part} {u}": (pl.col(part) == u).cast(pl.Float64) for u in sorted(kept)}
            yield from _formal(study, read.with_columns(**more), list(more), bar, by=() if part == "origin" else ("code",))


def _formal(study: Study, read: pl.DataFrame, forms: Sequence[str], bar: float, by: tuple[str, ...] = ("code",)) -> Iterator[Finding]:
    told: dict[str, tuple[float, str, int]] = {}
    groups = [(str(key[0]), g) for key, g in read.group_by(*by, maintain_order=True)] if by else [("the record", read)]
    for code, rows in groups:
        mean = rows.group_by("row").agg(*(pl.col(f).mean() for f in forms)).sort("row")
        y = study.y[mean["row"].to_numpy()]
        for form in forms:
            seen = mean[form].is_not_null().to_numpy()
            value = mean[form].to_numpy()
            if min(int(y[seen].sum()), int((y[seen] == 0).sum())) < 10 or len(np.unique(value[seen])) < 2:
                continue
            auc, z = area(y[seen], value[seen])
            best = max(auc, 1 - auc)
            if best >= bar and abs(z) >= _MANY_Z and best > told.get(code, (0.0,))[0]:
                told[code] = (best, form, int(seen.sum()))
    for code, (best, form, n) in sorted(told.items()):
        yield Finding("form_tells", code, n, (form,), best, f"{form}: AUROC {best:.2f}, whatever the values say")


def _rows(study: Study, said: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(f"subject {study.rows[i][0]} asked {study.rows[i][1]}" for i in np.flatnonzero(said)[:3])

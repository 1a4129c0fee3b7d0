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
from consilium.quality.leak_form import form
from consilium.quality.leak_report import Finding, Said, phrase
from consilium.quality.leak_report import said as tell
from consilium.quality.leak_sign import Sign, sign
from consilium.quality.leak_study import ALWAYS, HOUR, Column, Study, area, process, repeated, says, words

TOO_GOOD = 0.985
"""AUROC that one input does not reach honestly: the best single measurement of the textbook data sets stays at 0.976."""
_CALLED = 20  # codes of the answer whose names are read
_LEVELS = 10


def label(study: Study) -> Iterator[Finding]:
    """Every finding that compares what is asked with the answer."""
    y = study.y
    if len(y) == 0 or min(int(y.sum()), int((1 - y).sum())) < 10:
        return
    for column in study.columns:
        yield from _column(study, column)
    yield from _codes(study)
    yield from _texts(study)
    yield from form(study)


def _column(study: Study, column: Column) -> Iterator[Finding]:
    y, value = study.y, column.value
    seen = np.isfinite(value)
    near = "" if _history(study, column.codes) else _speaks(study, column)
    best, best_n = 0.5, 0
    if min(int(y[seen].sum()), int((y[seen] == 0).sum())) >= 10:
        auc, z = area(y[seen], value[seen])
        best, best_n = max(auc, 1 - auc), int(seen.sum())
        if best >= TOO_GOOD:
            yield Finding("too_good", column.name, best_n, _rows(study, y > 0), best, tell("alone", auc=best, n=best_n))
            return
    else:
        z = 0.0
    for name, said in _levels(value, seen, column.take):
        found = _sign(y, said, named=bool(near))
        if found is not None:
            spoken = "named_sign" if found.kind == "named_after_outcome" else "sign"
            where = _rows(study, said & ((y > 0) == found.of_cases))
            yield _finding(found, column.name, where, tell(spoken, word=near, name=phrase(name), counts=found.counts))
            return
    if near and best >= 0.75 and abs(z) > 4:
        yield Finding("named_after_outcome", column.name, best_n, _rows(study, y > 0), best, tell("named_alone", word=near, auc=best))


def _sign(y: NDArray[np.int8], said: NDArray[np.bool_], *, named: bool) -> Sign | None:
    return sign(y, int((said & (y > 0)).sum()), int((said & (y == 0)).sum()), named=named)


def _finding(found: Sign, where: str, examples: tuple[str, ...], detail: Said) -> Finding:
    if found.kind == "named_after_outcome":
        return Finding("named_after_outcome", where, found.hits, examples, found.power, detail)
    return Finding("only_in_cases", where, found.hits, examples, found.power, detail)


def _codes(study: Study) -> Iterator[Finding]:
    """Codes one by one, which an input of many codes hides, and taken together by the word in which they speak of the outcome."""
    y, card = study.y, study.card
    if card is None:
        return
    goal, spoken = _goal(study), [*process()["consequence"], *_outcome_words(study)]
    many = {c for i in card.inputs if len(i.codes) > 1 for c in i.codes}
    by_word: dict[str, list[str]] = {}
    has: dict[str, NDArray[np.bool_]] = {}
    for code in study.read:
        held = study.beside([code]).filter(pl.col("before"))
        if held.is_empty():
            continue
        has[code] = np.zeros(len(y), dtype=np.bool_)
        has[code][held["row"].unique().to_numpy()] = True
        near = "" if _history(study, [code]) else _near(code, goal) or says(study.name(code), spoken)
        if near:
            by_word.setdefault(near, []).append(code)
        found = _sign(y, has[code], named=bool(near)) if code in many else None
        if found is not None:
            yield _finding(
                found,
                code,
                _rows(study, has[code] & ((y > 0) == found.of_cases)),
                tell("sign", name=near or phrase("known"), counts=found.counts),
            )
    for word, codes in sorted(by_word.items()):
        said = np.logical_or.reduce([has[code] for code in codes])
        found = _sign(y, said, named=True) if len(codes) > 1 else None
        if found is not None and found.kind == "named_after_outcome":
            yield _finding(
                found, ", ".join(codes), _rows(study, said & (y > 0)), tell("codes_of_word", word=word, n=len(codes), counts=found.counts)
            )


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
    if len(distinct) > _LEVELS:
        distinct = repeated(value[seen])
    elif take == "count":
        return
    for v in distinct:
        yield f"= {v:g}", seen & (value == v)


def _speaks(study: Study, column: Column) -> str:
    """The word by which an input's name, or the name of one of its codes, speaks of the outcome; empty when it does not."""
    card = study.card
    if card is None:
        return ""
    goal = _goal(study)
    for code in column.codes:
        if near := _near(code, goal):
            return near
    text = " ".join((column.name, *(study.name(c) for c in column.codes)))
    return says(text, process()["consequence"]) or says(text, _outcome_words(study))


def _history(study: Study, codes: Sequence[str]) -> bool:
    """Whether codes tell mostly of earlier visits: an illness of last year is no consequence of this stay's outcome."""
    held = study.beside(codes).filter(pl.col("before") & pl.col("t").is_not_null()).group_by("row").agg(pl.col("k").max())
    began = study.began[held["row"].to_numpy()]
    return held.height > 0 and float(((began != ALWAYS) & (held["k"].to_numpy() < began - 24 * HOUR)).mean()) > 0.5


def _goal(study: Study) -> set[str]:
    """Concepts of the answer."""
    if study.card is None:
        return set()
    return {concept(code) for code in study.answered_by} | {concept(study.card.question.label), study.card.condition} - {""}


def _near(code: str, goal: set[str]) -> str:
    """The concept of a code when it is the answer's, or of its branch; else empty."""
    own = concept(code)
    return own if own in goal or any(_kin(own, other) for other in goal) else ""


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
    """Words of what is read that stand only with cases, or only with controls."""
    suspects = {*(p for p in process()["consequence"] if " " not in p), *_outcome_words(study)}
    for code in study.read:
        read = study.beside([code]).filter(pl.col("before") & pl.col("text_value").is_not_null())
        tokens = read.select("row", word=pl.col("text_value").str.to_lowercase().str.extract_all(r"[a-z一-鿿][a-z一-鿿]+"))
        tokens = tokens.explode("word").drop_nulls("word").unique().filter(pl.col("word").str.len_chars() >= 3)
        counted = tokens.with_columns(y=pl.Series(study.y[tokens["row"].to_numpy()], dtype=pl.Int64)).group_by("word")
        worst: Sign | None = None
        for word, cases, n in counted.agg(cases=pl.col("y").sum(), n=pl.len().cast(pl.Int64)).sort("word").iter_rows():
            found = sign(study.y, cases, n - cases, named=word in suspects)
            if found is not None and (worst is None or found.power > worst.power):
                worst, said = found, word
        if worst is not None:
            yield Finding("outcome_in_text", code, worst.hits, (said,), worst.power, tell("word_in", word=said, counts=worst.counts))


def _rows(study: Study, said: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(f"subject {study.rows[i][0]} asked {study.rows[i][1]}" for i in np.flatnonzero(said)[:3])

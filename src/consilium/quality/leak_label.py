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
from consilium.quality.leak_sign import CONSEQUENCE, NAMED, Sign, sign
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
    history = _history(study, column.codes)
    near, bar = _speaks(study, column.codes, column.name, history)
    asked = "" if history else _defining(study, column.codes, column.name)
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
        there = not near and bool(asked) and name in ("observed", "above 0")
        found = _sign(y, said, NAMED if there else bar)
        if found is not None:
            where = _rows(study, said & ((y > 0) == found.of_cases))
            yield _finding(found, column.name, where, _told(found, phrase(name), near, asked))
            return
    if near and not history and best >= 0.75 and abs(z) > 4:
        yield Finding("named_after_outcome", column.name, best_n, _rows(study, y > 0), best, tell("named_alone", word=near, auc=best))


def _sign(y: NDArray[np.int8], said: NDArray[np.bool_], bar: float) -> Sign | None:
    return sign(y, int((said & (y > 0)).sum()), int((said & (y == 0)).sum()), bar=bar)


def _told(found: Sign, name: Said, near: str, asked: str) -> Said:
    if found.kind == "only_in_cases":
        return tell("sign", name=name, counts=found.counts)
    return (
        tell("named_sign", word=near, name=name, counts=found.counts)
        if near
        else tell("defining_sign", word=asked, name=name, counts=found.counts)
    )


def _finding(found: Sign, where: str, examples: tuple[str, ...], detail: Said) -> Finding:
    if found.kind == "named_after_outcome":
        return Finding("named_after_outcome", where, found.hits, examples, found.power, detail)
    return Finding("only_in_cases", where, found.hits, examples, found.power, detail)


def _codes(study: Study) -> Iterator[Finding]:
    """Codes one by one, which an input of many codes hides, and taken together by the word in which they speak of the outcome."""
    y, card = study.y, study.card
    if card is None:
        return
    many = {c for i in card.inputs if len(i.codes) > 1 for c in i.codes}
    by_word: dict[str, list[str]] = {}
    has: dict[str, NDArray[np.bool_]] = {}
    for code in study.read:
        held = study.beside([code]).filter(pl.col("before"))
        if held.is_empty():
            continue
        has[code] = np.zeros(len(y), dtype=np.bool_)
        has[code][held["row"].unique().to_numpy()] = True
        history = _history(study, [code])
        near, bar = _speaks(study, [code], "", history)
        if near and not history:
            by_word.setdefault(near, []).append(code)
        asked = "" if near or history else _defining(study, [code], "")
        found = _sign(y, has[code], NAMED if asked else bar) if code in many else None
        if found is not None:
            where = _rows(study, has[code] & ((y > 0) == found.of_cases))
            yield _finding(found, code, where, _told(found, phrase("known"), near, asked))
    for word, codes in sorted(by_word.items()):
        said = np.logical_or.reduce([has[code] for code in codes])
        found = _sign(y, said, NAMED) if len(codes) > 1 else None
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


def _speaks(study: Study, codes: Sequence[str], called: str, history: bool) -> tuple[str, float]:
    """The word by which an input's name, or the name of one of its codes, speaks of the outcome, and how strong a sign is then suspected.

    Of earlier visits it is the illness itself that is told: those who had it once get it again.
    """
    card = study.card
    if card is None:
        return "", np.inf
    goal = _goal(study)
    near = next((near for code in codes if (near := _near(code, goal))), "")
    text = " ".join((called, *(study.name(code) for code in codes)))
    done = says(text, process()["consequence"])
    if done and not near and not history:
        return done, CONSEQUENCE
    near = near or done or says(text, _outcome_words(study))
    return near, NAMED if near else np.inf


def _defining(study: Study, codes: Sequence[str], called: str) -> str:
    """The word by which an input is a part of the outcome's usual definition, so that to ask for it is to suspect the outcome; or empty."""
    outcome = _outcome_text(study)
    parts = [part for disease, own in process()["defined_by"].items() if says(outcome, [disease]) for part in own]
    return says(" ".join((called, *(study.name(code) for code in codes))), parts)


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
    return () if study.card is None else _pointing(_answers(study, study.card), _outcome_text(study))


def _outcome_text(study: Study) -> str:
    """What the outcome is called: by the card, by the shelf, and by its codes."""
    card, codes = study.card, shelf().codes
    if card is None:
        return ""
    known = codes[card.condition].name if card.condition in codes else ""
    return " ".join((card.name, known, card.title.get("en", ""), *(study.name(code) for code in _answers(study, card))))


def _answers(study: Study, card: Card) -> list[str]:
    return sorted(study.answered_by)[:_CALLED] or [card.question.label]


def _pointing(called: Sequence[str], text: str) -> tuple[str, ...]:
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
            found = sign(study.y, cases, n - cases, bar=NAMED if word in suspects else np.inf)
            if found is not None and (worst is None or found.power > worst.power):
                worst, said = found, word
        if worst is not None:
            yield Finding("outcome_in_text", code, worst.hits, (said,), worst.power, tell("word_in", word=said, counts=worst.counts))


def _rows(study: Study, said: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(f"subject {study.rows[i][0]} asked {study.rows[i][1]}" for i in np.flatnonzero(said)[:3])

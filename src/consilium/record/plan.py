"""Plan: a card's inputs laid out as arrays, so that one pass over the events serves all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.card import TAKES, Input
from consilium.core.errors import CardError

Factors = Mapping[tuple[str, str, str], tuple[float, float]]
"""Scale and offset by (code, unit found, unit wanted): wanted = found * scale + offset; an empty code stands for any code."""

ANY = "*"
"""At the end of a coded answer: whatever follows."""

NUMBER, BY_CODE, BY_TEXT, PLAIN, BIRTHS = range(5)
"""Where a value comes from: the number, what the code stands for, what the answer stands for, nowhere (counts), or the date (ages)."""
WHOLE_LIFE = np.iinfo(np.int64).max
"""The window without a far end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Inputs as arrays. Inputs that read the same values of the same codes share a reading, so that an event is looked at once for
    all their takes and windows; a pair is one reading with one of its codes.

    Parameters
    ----------
    inputs : tuple of Input, length p
    reading, take, span : int64 arrays of shape (p,)
        Reading of each input, position of its take in `TAKES`, and position of its window in `windows`.
    windows : int64 array of shape (w,)
        Every window, in microseconds, each once, ascending; `WHOLE_LIFE` where there is none.
    codes : array of string, length c
        Every code that a reading asks for, each once.
    pair_start : int64 array of shape (c + 1,)
        Pairs of code k are pair_start[k] to pair_start[k + 1].
    pair_reading : int64 array of shape (q,)
        Reading of each pair.
    pair_value : float64 array of shape (q,)
        What the code stands for, NaN where it stands for nothing.
    kind, widest : int64 arrays of shape (r,)
        Where each reading's value comes from, and position of the widest window that it is asked for.
    answers : array of large_string, length a
        Every coded answer that an input lists, each once; `stem*` is all that begin with the stem.
    answer_value : float64 array of shape (r, a + 1)
        What each answer stands for; NaN where not listed, and in the last column.
    units : array of string, length u
        Every unit that can be used.
    scale, offset : float64 arrays of shape (q, u + 1)
        From each unit to the reading's; NaN where there is no way, and in the last column.
    """

    inputs: tuple[Input, ...]
    reading: NDArray[np.int64]
    take: NDArray[np.int64]
    span: NDArray[np.int64]
    windows: NDArray[np.int64]
    codes: pa.Array
    pair_start: NDArray[np.int64]
    pair_reading: NDArray[np.int64]
    pair_value: NDArray[np.float64]
    kind: NDArray[np.int64]
    widest: NDArray[np.int64]
    answers: pa.Array
    answer_value: NDArray[np.float64]
    units: pa.Array
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]


def plan(inputs: Sequence[Input], factors: Factors) -> Plan:
    """Lay the inputs out.

    Raises
    ------
    CardError
        When an input takes its value from both code and answer.
    """
    both = [i.name for i in inputs if i.of_code and i.of_text]
    if both:
        raise CardError("An input takes its value from its code or from the answer, not from both", found=both)
    place: dict[Any, int] = {}
    reading = np.array([place.setdefault(_read(i), len(place)) for i in inputs], dtype=np.int64)
    first = [inputs[int(n)] for n in np.unique(reading, return_index=True)[1]]
    length = np.array([_length(i) for i in inputs], dtype=np.int64)
    windows, span = np.unique(length, return_inverse=True)
    widest = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(widest, reading, span)
    pairs = sorted({(code, n) for n, i in enumerate(first) for code in i.codes})
    codes = sorted({code for code, _ in pairs})
    owner = np.array([n for _, n in pairs], dtype=np.int64)
    start = np.searchsorted(np.array([c for c, _ in pairs], dtype=object), np.array([*codes, chr(0x10FFFF)], dtype=object)).astype(np.int64)
    answers = {a: k for k, a in enumerate(sorted({a for i in first for a in i.of_text}))}
    answer_value = np.full((len(first), len(answers) + 1), np.nan)
    for n, i in enumerate(first):
        for answer, column in answers.items():
            listed = _listed(answer.removesuffix(ANY), i.of_text)
            if answer in i.of_text or listed:
                answer_value[n, column] = i.of_text[answer if answer in i.of_text else listed]
    units, scale, offset = _conversions(first, pairs, factors)
    return Plan(
        inputs=tuple(inputs),
        reading=reading,
        take=np.array([TAKES.index(i.take) for i in inputs], dtype=np.int64),
        span=span.astype(np.int64),
        windows=windows,
        codes=pa.array(codes, pa.string()),
        pair_start=start,
        pair_reading=owner,
        pair_value=np.array([first[n].of_code.get(code, np.nan) for code, n in pairs], dtype=np.float64),
        kind=np.array([_kind(i) for i in first], dtype=np.int64),
        widest=widest,
        answers=pa.array(answers, pa.large_string()),
        answer_value=answer_value,
        units=pa.array(units, pa.string()),
        scale=scale,
        offset=offset,
    )


def _read(i: Input) -> tuple[Any, ...]:
    """What tells one reading from another."""
    kind = _kind(i)
    return (kind, i.codes, i.unit if kind == NUMBER else "", *(tuple(sorted(values.items())) for values in (i.of_code, i.of_text)))


def _length(i: Input) -> int:
    if i.window is None or i.take == "age":
        return int(WHOLE_LIFE)
    return i.window // timedelta(microseconds=1)


def found(texts: pa.Array, answers: pa.Array) -> NDArray[np.int64]:
    """Position in `answers` of each text: itself, else the longest stem that it begins with, else -1."""
    at: NDArray[np.int64] = pc.fill_null(pc.index_in(texts, answers), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    stems = {answer: place for place, answer in enumerate(answers.to_pylist()) if answer.endswith(ANY)}
    if not stems:
        return at
    open_ = pc.dictionary_encode(texts.filter(pa.array(at < 0)))
    open_ = open_.combine_chunks() if isinstance(open_, pa.ChunkedArray) else open_
    by_stem = np.array([stems.get(_listed(text, stems), -1) for text in open_.dictionary.to_pylist()] + [-1], dtype=np.int64)
    at[at < 0] = by_stem[pc.fill_null(open_.indices, len(by_stem) - 1).to_numpy(zero_copy_only=False)]
    return at


def _listed(text: str, answers: Mapping[str, object]) -> str:
    """The longest `stem*` of the answers that the text begins with; empty when none."""
    return max((a for a in answers if a.endswith(ANY) and text.startswith(a.removesuffix(ANY))), key=len, default="")


def _kind(i: Input) -> int:
    if i.of_text:
        return BY_TEXT
    if i.take == "age":
        return BIRTHS
    if i.take == "count":
        return PLAIN
    return BY_CODE if i.of_code else NUMBER


def _conversions(
    inputs: Sequence[Input], pairs: Sequence[tuple[str, int]], factors: Factors
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    ways: dict[tuple[str, str], dict[str, tuple[float, float]]] = {}
    for (code, found, wanted), factor in factors.items():
        ways.setdefault((code, wanted), {})[found] = factor
    of_pair = []
    for code, n in pairs:
        unit = inputs[n].unit
        of_pair.append({**ways.get(("", unit), {}), **ways.get((code, unit), {}), unit: (1.0, 0.0)})
    units = {unit: k for k, unit in enumerate(sorted({unit for way in of_pair for unit in way}))}
    scale, offset = np.full((2, len(pairs), len(units) + 1), np.nan)
    for q, way in enumerate(of_pair):
        for unit, (by, plus) in way.items():
            scale[q, units[unit]], offset[q, units[unit]] = by, plus
    return list(units), scale, offset

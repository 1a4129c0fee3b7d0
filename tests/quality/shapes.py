"""Shapes: right distributions of the kinds that medicine brings - skewed, two-peaked, heavy-tailed, cut, rounded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from consilium.knowledge import shelf

FAMILIES = (
    "normal",
    "lognormal",
    "gamma",
    "two groups",
    "three groups",
    "heavy",
    "sick tail",
    "limit of detection",
    "growth",
    "few levels",
)


def codes() -> list[str]:
    """Measurements with a unit that converts and limits on both sides."""
    known = shelf()
    return sorted(
        code
        for code, concept in known.codes.items()
        if concept.unit and not concept.unit.startswith("{") and None not in known.plausible(code) and code.startswith("LOINC")
    )


def draw(code: str, family: str, rng: np.random.Generator, people: int = 300, each: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Right values of a code (within plausible limits) and their subjects."""
    low, high = shelf().plausible(code)
    rows = [r for r in shelf().ranges[code] if r.reference_low or r.reference_high]
    ends = [x for r in rows for x in (r.reference_low, r.reference_high) if x] or [x for x in (low, high) if x]
    middle = float(np.exp(np.mean(np.log(ends)))) if rows else float(np.exp((np.log(max(low, high / 1e3)) + np.log(high)) / 2))
    n = people * each
    subjects = np.repeat(np.arange(1, people + 1), each)
    person = rng.normal(0, rng.uniform(0.05, 0.4), people)
    noise = rng.normal(0, rng.uniform(0.02, 0.3), n)
    match family:
        case "normal":
            logs = np.log(np.maximum(1 + 0.6 * (person[subjects - 1] + noise), 0.05))
        case "lognormal":
            logs = 2 * person[subjects - 1] + noise
        case "gamma":
            logs = np.log(rng.gamma(rng.uniform(0.7, 4), 1.0, n) + 1e-3) + person[subjects - 1]
        case "two groups":  # the sick and the well, at any distance
            way = np.log(high / max(ends)) if rng.random() < 0.7 or low <= 0 else np.log(low / min(ends))
            apart = way * rng.uniform(0.1, 0.55)  # up to half the way from the reference to the limit of what is plausible
            ill = rng.random(people) < rng.uniform(0.02, 0.4)
            logs = person[subjects - 1] * 0.6 + noise + apart * ill[subjects - 1]
        case "three groups":
            way = np.log(high / max(ends)) * rng.uniform(0.2, 0.5)
            logs = person[subjects - 1] * 0.5 + noise + way * rng.choice([0, 0, 0, 0.5, 1], people)[subjects - 1]
        case "heavy":
            logs = rng.standard_t(2.5, n) * 0.4 + person[subjects - 1]
        case "sick tail":  # a few become very ill for a time
            logs = person[subjects - 1] * 0.5 + noise + (rng.random(n) < 0.06) * rng.exponential(1.3, n)
        case "limit of detection":
            logs = np.maximum(2.5 * person[subjects - 1] + noise, -0.3)
        case "growth":  # children beside adults, who grow from one value to the next
            child = rng.random(people) < 0.4
            logs = person[subjects - 1] * 0.4 + noise * 0.3 - child[subjects - 1] * np.linspace(1.8, 0.4, each)[(np.arange(n) % each)]
        case _:  # read off a strip
            logs = np.log(rng.choice([0.25, 0.5, 1, 2, 4, 8], n, p=[0.3, 0.3, 0.2, 0.1, 0.06, 0.04]))
    values = middle * np.exp(logs)
    places = rng.integers(0, 3) - int(np.floor(np.log10(middle)))
    values = np.round(values, max(places, 0))
    inside = (values > low + 0.1 * abs(low)) & (values < high - 0.1 * abs(high))  # nobody lies at a limit
    return values[inside], subjects[inside]


def all_shapes(seed: int, number: int) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """So many (code, family, values, subjects), each code in turn, each family in turn."""
    rng = np.random.default_rng(seed)
    known = codes()
    for i in range(number):
        code, family = known[i % len(known)], FAMILIES[(i + i // len(known)) % len(FAMILIES)]
        yield code, family, *draw(code, family, rng)

"""Reflect: what a specialist says of its own answer - whether it decides, what would change it, and how such patients fared."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from consilium.core.card import Card, Input
from consilium.core.features import Features
from consilium.core.opinion import Change, Shift, Similar, Verdict
from consilium.models.counterfactual import Moved, moves
from consilium.models.odds import probability_of
from consilium.models.served import ServedModel
from consilium.specialists.voice import Voice

Reference = Callable[[str, str], "tuple[float | None, float | None] | None"]
"""The reference range of a code in a unit for this patient, None where none is known."""

_ANSWERS = {(True, False): ("no",), (False, True): ("yes",), (True, True): ("no", "yes"), (False, False): ()}
_SAID = {("no",): "verdict_no", ("yes",): "verdict_yes", ("no", "yes"): "verdict_undecided", (): "verdict_neither"}


def verdict(model: ServedModel, X: NDArray[np.float32], groups: Mapping[str, str], voice: Voice) -> Verdict | None:
    """Which answers stand for one patient X (1, p) of these groups; None where the model carries no conformal sets."""
    if model.sets is None:
        return None
    answers = _answers(model, groups)(X)[0]
    apart, small = model.sets.told_apart(groups)
    said = voice.say(_SAID[answers], level=f"{100 * model.sets.level:g}")
    for key, names in (("verdict_groups", apart), ("verdict_small", small)):
        if names:
            said += voice.say(key, groups=voice.say("comma").join(_group(name, voice) for name in names))
    return Verdict(model.sets.level, answers, apart, said)


def similar(model: ServedModel, X: NDArray[np.float32], card: Card, voice: Voice) -> Similar | None:
    """The group of past patients most like X (1, p); None where the model carries none."""
    if model.prototypes is None:
        return None
    group = int(model.prototypes.nearest(X)[0])
    n, events = int(model.prototypes.n[group]), int(model.prototypes.events[group])
    return Similar(n, events, voice.say("similar", n=n, events=events, condition=voice.name(card.condition)))


def changes(
    card: Card,
    model: ServedModel,
    features: Features,
    groups: Mapping[str, str],
    voice: Voice,
    name: Callable[[Input, Voice], str],
    reference: Reference | None,
) -> tuple[Change, ...]:
    """What would change the answer: changeable inputs moved no further than the near end of the reference range and what training saw.

    Where no reference range is known, the 0.5 and 99.5 percentiles of training are the ends. A value that is already inside is
    left alone, and so is one that was not observed.
    """
    x = features.X[0]
    goals = _goals(card, model, features, reference)
    if not goals:
        return ()
    answers = _answers(model, groups) if model.sets is not None else None
    now = answers(x[None])[0] if answers else None

    def other(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.array([answer != now for answer in answers(rows)]) if answers else np.zeros(len(rows), dtype=np.bool_)

    def plausible(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
        outside = zip(model.outside(rows), model.strange(rows), strict=True)
        return np.array([not (beyond or strange) for beyond, strange in outside], dtype=np.bool_)

    found = moves(x, goals, model.log_odds, other, plausible)
    before = float(model.probability(x[None])[0])
    return tuple(_change(card, moved, x, before, answers, voice, name) for moved in found)


def _answers(model: ServedModel, groups: Mapping[str, str]) -> Callable[[NDArray[np.float32]], list[tuple[str, ...]]]:
    def answers(rows: NDArray[np.float32]) -> list[tuple[str, ...]]:
        stand = model.answers(rows, {kind: [label] * len(rows) for kind, label in groups.items()})
        return [_ANSWERS[bool(no), bool(yes)] for no, yes in stand]

    return answers


def _goals(card: Card, model: ServedModel, features: Features, reference: Reference | None) -> dict[int, float]:
    goals = {}
    limits = model.meta["limits"]
    for column, i in enumerate(card.inputs):
        seen = (limits["p0_5"][column], limits["p99_5"][column])
        if not i.changeable or not features.observed[0, column] or None in seen:
            continue
        value = float(features.X[0, column])
        known = reference(i.codes[0], i.unit) if reference else None
        low, high = known if known else (None, None)
        # Down: to the upper end of the reference range; where it has none, as far as training reaches. Up: the mirror image.
        down = max(seen[0], high if high is not None else seen[0] if known is None else value)
        up = min(seen[1], low if low is not None else seen[1] if known is None else value)
        if i.changeable in ("down", "either") and down < value:
            goals[column] = down
        elif i.changeable in ("up", "either") and up > value:
            goals[column] = up
    return goals


def _change(
    card: Card,
    moved: Moved,
    x: NDArray[np.float32],
    before: float,
    answers: Callable[[NDArray[np.float32]], list[tuple[str, ...]]] | None,
    voice: Voice,
    name: Callable[[Input, Voice], str],
) -> Change:
    inputs = [card.inputs[column] for column in moved.columns]
    shifts = tuple(
        Shift(i.name, i.codes[0], i.unit, float(x[column]), to) for i, column, to in zip(inputs, moved.columns, moved.values, strict=True)
    )
    said = voice.say("comma").join(
        voice.say("shift", name=name(i, voice), value=voice.number(s.value, s.unit), to=voice.number(s.to, s.unit))
        for i, s in zip(inputs, shifts, strict=True)
    )
    probability = float(probability_of(moved.log_odds))
    facts = {"shifts": said, "after": f"{100 * probability:.0f}", "before": f"{100 * before:.0f}"}
    if not moved.decides or answers is None:
        return Change(shifts, probability, voice.say("change_probability", **facts))
    row = x.copy()
    row[list(moved.columns)] = moved.values
    return Change(shifts, probability, voice.say("change_verdict", **facts, verdict=voice.say(f"{_SAID[answers(row[None])[0]]}_short")))


def _group(name: str, voice: Voice) -> str:
    kind, _, label = name.partition(": ")
    return voice.say(f"group_{label}") if kind == "sex" else voice.say("group_age", label=label)

"""Challenge: the scores by which two public challenges judged alarms, so that a model can be held against what was published.

PhysioNet/CinC 2012 (death in hospital), event 1: the lesser of sensitivity and positive predictivity. Source: Silva et al. 2012,
Comput Cardiol 39:245-248. PhysioNet/CinC 2019 (sepsis, hour by hour): a utility that rewards an alarm from twelve hours before onset on,
most at six, and punishes silence after that; 1 is the best possible, 0 is to keep silent. Source: Reyna et al. 2020, Crit Care Med
48:210-217, as its evaluation code computes it (github.com/physionetchallenges/evaluation-2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.core.errors import InputError
from consilium.validation.predictions import outcomes, scores

EARLY, BEST, LATE = -12, -6, 3
"""Hours from onset: since when an alarm earns something, when most, and until when anything counts."""
CAUGHT, MISSED, FALSE = 1.0, -2.0, -0.05
"""The most that an alarm earns, the most that silence costs, and what an alarm costs that is false or too early."""


def event_1(y: ArrayLike, alarm: ArrayLike) -> float:
    """The lesser of sensitivity and positive predictivity, in [0, 1].

    Parameters
    ----------
    y, alarm : array-likes of shape (n,)
        Outcomes and alarms, 0 or 1.

    Examples
    --------
    >>> event_1([1, 1, 0, 0], [1, 0, 1, 0])
    0.5
    """
    event = outcomes(y)
    raised = outcomes(alarm, both=False)
    if raised.shape != event.shape:
        raise InputError("Alarms and outcomes are not of the same patients", found=raised.shape, expected=event.shape)
    caught = int((event & raised).sum())
    return min(caught / int(event.sum()), caught / max(1, int(raised.sum())))


def event_1_threshold(y: ArrayLike, score: ArrayLike) -> tuple[float, float]:
    """The score from which on to raise an alarm so that event 1 is greatest, and event 1 there.

    The threshold lies midway between two scores, so that it is not tied to one patient.

    Examples
    --------
    >>> event_1_threshold([1, 1, 0, 0], [0.9, 0.6, 0.4, 0.1])
    (0.5, 1.0)
    """
    event = outcomes(y)
    value = scores(score, event.size)
    order = np.argsort(-value, kind="stable")
    caught, raised = np.cumsum(event[order]), np.arange(1, len(order) + 1)
    worth = np.minimum(caught / event.sum(), caught / raised)
    return _cut(value[order], worth)


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """What an alarm at each hour gains over silence.

    Parameters
    ----------
    gain : float64 array of shape (n,)
        Utility of an alarm less that of silence.
    best : float
        The sum of gains of the best alarms there could be.
    """

    gain: NDArray[np.float64]
    best: float

    def utility(self, alarm: ArrayLike) -> float:
        """Normalised utility of alarms (n,), 0 or 1: 1 is the best possible, 0 is to keep silent."""
        raised = outcomes(alarm, both=False)
        if raised.shape != self.gain.shape:
            raise InputError("Alarms and hours differ in number", found=raised.shape, expected=self.gain.shape)
        return float(self.gain[raised].sum() / self.best)

    def threshold(self, score: ArrayLike) -> tuple[float, float]:
        """The score from which on to raise an alarm so that the utility is greatest, and the utility there."""
        value = scores(score, self.gain.size)
        order = np.argsort(-value, kind="stable")
        return _cut(value[order], np.cumsum(self.gain[order]) / self.best)


def hours(labels: ArrayLike, subjects: ArrayLike) -> Hours:
    """What alarms are worth at each hour.

    Parameters
    ----------
    labels : array-like of shape (n,)
        The challenge's label of each hour: 1 from six hours before onset on, or from the first hour if the onset comes sooner.
    subjects : array-like of shape (n,)
        Whose hour it is; a patient's hours stand together and in order.

    Raises
    ------
    InputError
        When shapes disagree, a patient's hours do not stand together, or nobody has sepsis.

    Examples
    --------
    >>> round(hours([0, 0, 0, 0, 1, 1], [7] * 6).utility([0, 0, 1, 1, 1, 1]), 4)
    0.8125
    """
    ill = outcomes(labels)
    whose = np.asarray(subjects)
    if whose.shape != ill.shape:
        raise InputError("Hours and patients differ in number", found=whose.shape, expected=ill.shape)
    start = np.flatnonzero(np.append(True, whose[1:] != whose[:-1]))
    if len(start) != len(np.unique(whose)):
        raise InputError("A patient's hours do not stand together", do="sort them by patient and hour")
    count = np.diff(np.append(start, len(whose)))
    of = np.repeat(np.arange(len(start)), count)
    hour = np.arange(len(whose)) - np.repeat(start, count)
    onset = np.full(len(start), np.inf)
    np.minimum.at(onset, of[ill], hour[ill] - BEST)
    after = hour - onset[of]
    rising = np.maximum((after - EARLY) * CAUGHT / (BEST - EARLY), FALSE)
    falling = (LATE - after) * CAUGHT / (LATE - BEST)
    silence = np.where(after > BEST, (after - BEST) * MISSED / (LATE - BEST), 0.0)
    septic = np.isfinite(onset)[of]
    with np.errstate(invalid="ignore"):
        gain = np.where(septic, np.where(after > LATE, 0.0, np.where(after <= BEST, rising, falling) - silence), FALSE)
    return Hours(gain, float(gain[septic & (after >= EARLY) & (after <= LATE)].sum()))


def _cut(ordered: NDArray[np.float64], worth: NDArray[np.float64]) -> tuple[float, float]:
    """The best place to cut scores that stand in descending order, between two that differ."""
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    at = int(ends[np.argmax(worth[ends])])
    below = ordered[at + 1] if at + 1 < len(ordered) else ordered[at]
    return float((ordered[at] + below) / 2), float(worth[at])

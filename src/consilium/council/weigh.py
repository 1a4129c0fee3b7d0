"""Weigh: put the opinions in the order in which a clinician should read them."""

from __future__ import annotations

from collections.abc import Iterable

from consilium.core.opinion import Opinion


def weigh(opinions: Iterable[Opinion]) -> tuple[Opinion, ...]:
    """Rank opinions: the most probable condition first, abstentions last, ties by the specialist's name.

    Examples
    --------
    >>> weigh([Opinion("b", "SNOMED//1", abstained="no data"), Opinion("a", "SNOMED//2", abstained="no data")])[0].specialist
    'a'
    """
    return tuple(sorted(opinions, key=lambda o: (o.probability is None, -(o.probability or 0.0), o.specialist)))

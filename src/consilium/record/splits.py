"""Splits: which rows to learn from and which to prove on, so that no patient, site or future stands on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import LawError, LeakageError


class Fold(NamedTuple):
    """Positions of the rows to learn from and of the rows to prove on; a row in neither was left out, as the split says."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]


def folds(
    labels: NDArray[Any], k: int, *, seed: int = 0, subjects: Sequence[int] | NDArray[np.int64] | None = None, stratified: bool = True
) -> Iterator[Fold]:
    """Split into k folds by patient.

    Parameters
    ----------
    labels : array of shape (n,)
        The truth of each row; a patient's is the greatest of its rows'.
    k : int
        At least 2, at most the number of patients.
    seed : int
        Another seed gives another split; the same seed the same split, whatever the order of the patients that `subjects` names.
    subjects : sequence of int, length n, optional
        Patient of each row; without it each row is a patient of its own.
    stratified : bool
        Whether each fold gets its share of each label.

    Yields
    ------
    Fold
        k times; each row is proven on once.

    Raises
    ------
    LawError
        When there are fewer patients than folds, or labels and subjects differ in length.

    Examples
    --------
    >>> [fold.test.tolist() for fold in folds(np.array([0, 1, 0, 1]), 2, subjects=[7, 8, 7, 9])]
    [[0, 1, 2], [3]]
    """
    labels = np.asarray(labels)
    who, of_row = np.unique(_owners(subjects, len(labels)), return_inverse=True)
    if not 2 <= k <= len(who):
        raise LawError("There must be at least two folds and no more than patients", found=k, expected=f"2 to {len(who)}")
    drawn = np.array([_draw(int(s), seed) for s in who], dtype=np.uint64)
    stratum = np.zeros(len(who), dtype=np.int64)
    if stratified:
        np.maximum.at(stratum, of_row, np.unique(labels, return_inverse=True)[1])
    place = np.empty(len(who), dtype=np.intp)
    place[np.lexsort((drawn, stratum))] = np.arange(len(who)) % k
    for fold in range(k):
        test = place[of_row] == fold
        yield checked(Fold(np.flatnonzero(~test), np.flatnonzero(test)), subjects)


def site_folds(sites: Sequence[str] | NDArray[np.object_], *, subjects: Sequence[int] | NDArray[np.int64] | None = None) -> Iterator[Fold]:
    """Hold each site (or any other group) out in turn, in the order of their names.

    Parameters
    ----------
    sites : sequence of str, length n
        Site of each row.
    subjects : sequence of int, length n, optional
        Patient of each row; without it each row is a patient of its own. Rows elsewhere of a patient of the site held out are
        left out of that fold.

    Yields
    ------
    Fold
        Once a site.

    Raises
    ------
    LawError
        When there is only one site, or sites and subjects differ in length.
    """
    names, of_row = np.unique(np.asarray(sites, dtype=object).astype(str), return_inverse=True)
    if len(names) < 2:
        raise LawError("A proof by site needs at least two sites", found=names.tolist())
    owners = _owners(subjects, len(of_row))
    for site in range(len(names)):
        test = of_row == site
        train = ~test & ~np.isin(owners, owners[test])
        yield checked(Fold(np.flatnonzero(train), np.flatnonzero(test)), subjects)


def forward(rows: Sequence[tuple[int, datetime]], date: datetime) -> Fold:
    """Learn from what was asked strictly before a date, prove on what was asked from then on.

    A patient who was asked about on both sides is proven on, and left out of learning.

    Parameters
    ----------
    rows : sequence of (int, datetime), length n
        Subject and moment of asking.
    date : datetime
        UTC without zone.

    Raises
    ------
    LawError
        When one side is empty.
    """
    owners = np.array([s for s, _ in rows], dtype=np.int64)
    return held_out(np.array([at >= date for _, at in rows], dtype=np.bool_), owners, where=f"date {date.isoformat()}")


def held_out(test: NDArray[np.bool_], subjects: Sequence[int] | NDArray[np.int64] | None = None, *, where: str = "") -> Fold:
    """Learn from some rows and prove on the others; a patient who has rows on both sides is proven on, and left out of learning.

    Parameters
    ----------
    test : bool array of shape (n,)
        Rows to prove on.
    subjects : sequence of int, length n, optional
        Patient of each row; without it each row is a patient of its own.
    where : str
        What divides them, for the message.

    Raises
    ------
    LawError
        When one side is empty.

    Examples
    --------
    >>> fold = held_out(np.array([False, True, False]), [7, 7, 8])
    >>> fold.train.tolist(), fold.test.tolist()
    ([2], [1])
    """
    owners = _owners(subjects, len(test))
    train = ~test & ~np.isin(owners, owners[test])
    if not test.any() or not train.any():
        found = (int(train.sum()), int(test.sum()))
        raise LawError("Holding out needs patients on both sides", where=where, found=found)
    return checked(Fold(np.flatnonzero(train), np.flatnonzero(test)), owners)


def drawn(subjects: Sequence[int] | NDArray[np.int64], share: float, *, seed: int = 0) -> NDArray[np.bool_]:
    """Rows of about `share` of the patients, bool of shape (n,): a fixed draw of each patient's number, so that more data move nobody.

    Examples
    --------
    >>> bool(0.19 < drawn(range(10_000), 0.2).mean() < 0.21)
    True
    """
    who, of_row = np.unique(np.asarray(subjects, dtype=np.int64), return_inverse=True)
    picked = np.array([_draw(int(s), seed) < share * 2.0**64 for s in who], dtype=np.bool_)
    chosen: NDArray[np.bool_] = picked[of_row]
    return chosen


def checked(fold: Fold, subjects: Sequence[int] | NDArray[np.int64] | None) -> Fold:
    """Give the fold back when no patient stands on both of its sides.

    Raises
    ------
    LeakageError
        Naming a patient who does.
    """
    owners = None if subjects is None else np.asarray(subjects, dtype=np.int64)
    train, test = fold if owners is None else (owners[fold.train], owners[fold.test])
    both = np.intersect1d(train, test)
    if len(both):
        do = "split by patient"
        raise LeakageError("A patient is both learned from and proven on", where=f"subject {both[0]}", found=f"{len(both)} such", do=do)
    return fold


def _owners(subjects: Sequence[int] | NDArray[np.int64] | None, n: int) -> NDArray[np.int64]:
    owners = np.arange(n, dtype=np.int64) if subjects is None else np.asarray(subjects, dtype=np.int64)
    if len(owners) != n:
        raise LawError("Each row needs its patient", found=len(owners), expected=n)
    return owners


def _draw(subject: int, seed: int) -> int:
    return int.from_bytes(blake2b(f"{seed}/{subject}".encode(), digest_size=8).digest(), "big")

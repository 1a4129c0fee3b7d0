"""Placement: the number, split and shard of a patient, computed from the identifier alone."""

from __future__ import annotations

from hashlib import blake2b

import meds
import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import LawError

SPLITS: tuple[str, ...] = (meds.train_split, meds.tuning_split, meds.held_out_split)
_TENTHS = (8, 9)  # train below the first, tuning below the second, held out from there on
_OF_SPLIT, _OF_SHARD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)  # two salts, so that shard says nothing of split


def subject_id(patient_id: str) -> int:
    """Number of a patient, the same on every machine and in every year.

    Parameters
    ----------
    patient_id : str
        The sender's identifier; never empty.

    Returns
    -------
    int
        Positive, 63 bits (blake2b of the identifier). Two identifiers that share a number are refused when they are written.

    Raises
    ------
    LawError
        When the identifier is empty.

    Examples
    --------
    >>> subject_id("42") == subject_id("42") != subject_id("43")
    True
    """
    if not patient_id:
        raise LawError("A patient needs an identifier", found=patient_id)
    digest = blake2b(patient_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"consilium").digest()
    return int.from_bytes(digest, "big") >> 1 or 1


def placed(subjects: NDArray[np.int64], shards: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split and shard of each subject.

    Parameters
    ----------
    subjects : int64 array of shape (n,)
    shards : int
        Shards per split.

    Returns
    -------
    split, shard : two int64 arrays of shape (n,)
        `split` is a position in `SPLITS` (about 80, 10 and 10 in a hundred); `shard` lies in [0, shards).
    """
    split = np.searchsorted(np.array(_TENTHS), (_mixed(subjects, _OF_SPLIT) % np.uint64(10)).astype(np.int64), side="right")
    shard = (_mixed(subjects, _OF_SHARD) % np.uint64(shards)).astype(np.int64)
    return split.astype(np.int64), shard


def _mixed(subjects: NDArray[np.int64], salt: np.uint64) -> NDArray[np.uint64]:
    """Finaliser of splitmix64 (Steele, Lea, Flood 2014): every bit of the number moves every bit of the result."""
    x = np.asarray(subjects).astype(np.uint64) + salt
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return mixed

"""Scan: where in a sequence a reader of DNA says yes, how probable it is, and which bases made it say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import InputError
from consilium.genomics.dna import inward, reverse_complement, shares
from consilium.genomics.reader import Reader, ReaderCard
from consilium.models.odds import probability_of

AT_ONCE = 4096
"""Windows in memory together."""


@dataclass(frozen=True, slots=True)
class Base:
    """What one base of a window adds to the log-odds, given the others; `place` counts from 1 on the strand given."""

    place: int
    base: str
    weight: float


@dataclass(frozen=True, slots=True)
class Site:
    """A place where a reader answers.

    Parameters
    ----------
    reader : str
        Its name.
    sequence : str
        The record's name.
    strand : str
        `+`, or `-` for the other strand.
    place : int
        The first base after the junction, or the first transcribed base, counted from 1 on the strand given.
    probability, low, high : float
        Calibrated, with a 95 % interval of sampling; moved to the prior that was given.
    bases : tuple of Base
        All bases of the window, the heaviest first; `base_log_odds` and their weights add up to the log-odds.
    base_log_odds : float
        Where nothing is known of the window but what is usual, and the prior.
    """

    reader: str
    sequence: str
    strand: str
    place: int
    probability: float
    low: float
    high: float
    bases: tuple[Base, ...]
    base_log_odds: float


@dataclass(frozen=True, slots=True)
class Scan:
    """What a reader found in one sequence: windows looked at, and sites from `least` on, in their order.

    `unread` windows hold more letters that stand for several bases than bases: of them nothing is said.
    """

    reader: str
    sequence: str
    length: int
    windows: int
    unread: int
    share: float
    prior: float | None
    least: float
    sites: tuple[Site, ...]


def scan(
    reader: Reader, name: str, sequence: str, *, both_strands: bool = False, prior: float | None = None, least: float = 0.5, most: int = 50
) -> Scan:
    """Look at every window of a sequence.

    Parameters
    ----------
    reader : Reader
        Of DNA.
    name, sequence : str
        A record of FASTA.
    both_strands : bool
        Look at the reverse complement too.
    prior : float, optional
        How common the site is among the places looked at, in (0, 1); by default as in training. Only the log-odds move by it.
    least : float
        Least probability of a site that is told.
    most : int
        Sites told at most, the most probable; their bases take a few milliseconds each.

    Raises
    ------
    InputError
        When the reader reads no DNA, the sequence is shorter than its window, or the prior is no share.
    """
    card, share = reader.card, float(reader.model.meta["extra"]["share"])
    if card.material != "dna":
        raise InputError("A reader does not read DNA", found=card.name, expected="a reader of dna")
    if len(sequence) < card.window:
        raise InputError("A sequence is shorter than the window", where=name, found=len(sequence), expected=f"at least {card.window} bases")
    if prior is not None and not 0 < prior < 1:
        raise InputError(
            "A prior is a share", found=prior, expected="between 0 and 1", do="give 0.01 where one place in a hundred is a site"
        )
    moved = 0.0 if prior is None else _logit(prior) - _logit(share)
    found: list[tuple[float, str, int, NDArray[np.float32]]] = []
    unread = 0
    strands = (("+", sequence), ("-", reverse_complement(sequence))) if both_strands else (("+", sequence),)
    for strand, read in strands:
        for start, rows in windows(card, read):
            told = (rows == 1).sum(axis=1) * 2 >= card.window
            unread += int((~told).sum())
            scored = reader.model.log_odds(rows) + moved
            likely = np.flatnonzero((probability_of(scored) >= least) & told)
            found += [(float(scored[n]), strand, start + int(n), rows[n]) for n in likely]
            found = sorted(found, key=lambda site: -site[0])[:most]
    sites = tuple(_site(reader, name, sequence, moved, *each) for each in sorted(found, key=lambda site: (site[2], site[1])))
    looked = (len(sequence) - card.window + 1) * len(strands) - unread
    return Scan(
        card.name,
        name,
        len(sequence),
        looked,
        unread,
        share,
        prior,
        least,
        tuple(sorted(sites, key=lambda site: (site.place, site.strand))),
    )


def windows(card: ReaderCard, sequence: str) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """All windows of a sequence as a card's model reads them: where the first begins (from 0), and rows (n, p), some at a time."""
    whole = shares([sequence])[0]
    for start in range(0, len(whole) - card.window + 1, AT_ONCE):
        part = whole[start : start + AT_ONCE + card.window - 1]
        X = np.lib.stride_tricks.sliding_window_view(part, card.window, axis=0).transpose(0, 2, 1)
        X = np.ascontiguousarray(X)
        yield start, (inward(X) if card.inward else X).reshape(len(X), -1)


def _site(
    reader: Reader, name: str, sequence: str, moved: float, log_odds: float, strand: str, start: int, row: NDArray[np.float32]
) -> Site:
    card = reader.card
    given = reader.model.attribute(row[None])
    by_step = given.weights[0].reshape(card.steps, -1, 4).sum(axis=2)
    weights = np.concatenate([by_step[:, 0], by_step[::-1, 1]]) if card.inward else by_step[:, 0]
    # The intervals lie on the scale of training, and move with the prior as the log-odds do.
    low, high = (probability_of(_logit(float(edge)) + moved) for edge in np.ravel(reader.model.interval([log_odds - moved])))

    def place(offset: int) -> int:
        return start + offset + 1 if strand == "+" else len(sequence) - start - offset

    letters = sequence if strand == "+" else reverse_complement(sequence)
    bases = [Base(place(int(k)), letters[start + k].upper(), float(weights[k])) for k in np.argsort(-np.abs(weights), kind="stable")]
    p = float(probability_of(log_odds))
    return Site(card.name, name, strand, place(card.before), p, float(low), float(high), tuple(bases), float(given.base) + moved)


def _logit(p: float) -> float:
    held = min(max(p, 1e-12), 1 - 1e-12)
    return float(np.log(held / (1 - held)))

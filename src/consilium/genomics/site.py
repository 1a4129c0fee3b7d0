"""Site: what a genome shows at one defining position, strand by strand, or why it shows nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consilium.genomics.vcf import Record
from consilium.knowledge.pharmacogenes import Position

PASSED = ("PASS", ".", "")
BLOCKS = ("<NON_REF>", "<*>")
"""Alternative alleles that only say that the reference was looked at."""
OTHER = "?"
"""A sequence on which no definition has a word: a deletion over the place, or a structural allele."""


@dataclass(frozen=True, slots=True)
class Site:
    """What one position shows.

    Parameters
    ----------
    position : Position
    strands : tuple of str
        The sequence over the position's reference on each strand; one strand on a lone X, empty where nothing is known.
    phased : bool
        Whether the order of strands means something.
    block : str
        The phase set that the order belongs to; empty for the whole file.
    missing : str
        Why nothing is known (`absent`, `no call`, `filtered: ...`, ...); empty otherwise.
    assumed : bool
        The file does not mention the place, and the caller said that what is absent is the reference.
    """

    position: Position
    strands: tuple[str, ...] = ()
    phased: bool = False
    block: str = ""
    missing: str = ""
    assumed: bool = False

    @property
    def one_sequence(self) -> bool:
        """Whether every strand shows the same, so that their order does not matter."""
        return len(set(self.strands)) == 1

    @property
    def documented(self) -> bool:
        """Whether every sequence shown is one that some allele is defined by."""
        return set(self.strands) <= {self.position.ref["GRCh38"], *self.position.alts}


def site(position: Position, build: str, records: Sequence[Record], *, absent_is_reference: bool = False, ploidy: int = 2) -> Site:
    """Read one position from the records that overlap it.

    Parameters
    ----------
    position : Position
    build : str
        `GRCh38` or `GRCh37`.
    records : sequence of Record
        Those of the same chromosome; others that do not touch the position are passed over.
    absent_is_reference : bool
        What the file does not mention is the reference. Only its maker can know that, so it must be said.
    ploidy : int
        Strands expected where the file says nothing.

    Examples
    --------
    >>> from consilium.knowledge.pharmacogenes import pharmacogenes
    >>> place = pharmacogenes()["CYP3A5"].positions[3]
    >>> here = place.start["GRCh38"]
    >>> site(place, "GRCh38", [Record("chr7", here, here, "T", ("C",), "PASS", (0, 1), False, "")]).strands
    ('T', 'C')
    >>> site(place, "GRCh38", []).missing
    'absent'
    """
    start, ref = position.start[build], position.ref[build]
    touching = [r for r in records if r.start <= start + len(ref) - 1 and r.end >= start]
    if not touching:
        if absent_is_reference:
            return Site(position, (ref,) * ploidy, phased=True, assumed=True)
        return Site(position, missing="absent")
    filtered = sorted({r.filter for r in touching if r.filter not in PASSED})
    if filtered:
        return Site(position, missing=f"filtered: {', '.join(filtered)}")
    readings = [(r, _strands(r, start, ref)) for r in touching]
    telling = [(r, s) for r, s in readings if s is not None]
    if not telling:
        return Site(position, missing="not looked at")
    if any(None in strands for _, strands in telling):
        return Site(position, missing="no call")
    if any("!" in strands for _, strands in telling):
        return Site(position, missing="another reference")
    return _together(position, ref, [(r, tuple(str(x) for x in s)) for r, s in telling])


def _together(position: Position, ref: str, readings: list[tuple[Record, tuple[str, ...]]]) -> Site:
    """One answer from several lines about one place, as split multi-allelic sites are written."""
    if len({len(strands) for _, strands in readings}) > 1:
        return Site(position, missing="contradictory: different ploidy")
    count = len(readings[0][1])
    varied = [(r, s) for r, s in readings if set(s) != {ref}]
    if len(varied) == 1 or not varied:
        record, strands = varied[0] if varied else readings[0]
        return Site(position, strands, record.phased or count == 1, record.block)
    if all(r.phased for r, _ in varied) and len({r.block for r, _ in varied}) == 1:
        merged = [{s[i] for _, s in varied} - {ref} for i in range(count)]
        if any(len(found) > 1 for found in merged):
            return Site(position, missing="contradictory: two sequences on one strand")
        return Site(position, tuple(found.pop() if found else ref for found in merged), True, varied[0][0].block)
    others = [x for _, s in varied for x in s if x != ref]
    if len(others) > count:
        return Site(position, missing="contradictory: more sequences than strands")
    return Site(position, tuple([ref] * (count - len(others)) + others))


def _strands(record: Record, start: int, ref: str) -> tuple[str | None, ...] | None:
    """What a record says of a window; None where it says nothing of it, `!` where its own reference differs."""
    window_end, record_end = start + len(ref) - 1, record.start + len(record.ref) - 1
    block = not record.alts or set(record.alts) <= set(BLOCKS)
    overlap = range(max(start, record.start), min(window_end, record_end) + 1)
    if any(record.ref[i - record.start] not in (ref[i - start], "N") for i in overlap):
        return ("!",) * len(record.genotype)
    found: list[str | None] = []
    for index in record.genotype:
        if index is None:
            found.append(None)
        elif index == 0:
            found.append(ref)
        elif record.sequences[index] in BLOCKS:
            found.append(None)
        else:
            found.append(_applied(record, record.sequences[index], start, ref))
    if not block and all(x == ref for x in found) and record_end < window_end:
        # A substitution inside a longer window does not vouch for the rest of it; one that changes an allele speaks for itself.
        return None
    return tuple(found)


def _applied(record: Record, alt: str, start: int, ref: str) -> str:
    """The window's sequence after a record's change to it."""
    if not alt.isalpha():
        return OTHER
    place, old, new = record.start, record.ref, alt
    while len(old) > 1 and len(new) > 1 and old[-1] == new[-1] and place + len(old) - 1 > start + len(ref) - 1:
        old, new = old[:-1], new[:-1]
    while old and new and old[0] == new[0] and place < start:
        old, new, place = old[1:], new[1:], place + 1
    if not old and not new:
        return ref
    offset = place - start
    if not old and offset == 0:  # an insertion before the window
        return ref
    if offset >= len(ref):
        return ref
    if offset < 0 or offset + len(old) > len(ref):
        return OTHER
    return ref[:offset] + new + ref[offset + len(old) :]

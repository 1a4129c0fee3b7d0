"""Read: a file of HL7 v2 messages, single, in batches or in MLLP frames, becomes batches of events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from io import BufferedReader
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from consilium.core import Batch, Reject
from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.sources.hl7v2.characters import UTF8, chosen, of_message, text
from consilium.sources.hl7v2.frames import Piece, pieces
from consilium.sources.hl7v2.message import parse
from consilium.sources.hl7v2.messages import read_message
from consilium.sources.hl7v2.reading import Reading, shown, zone_of
from consilium.sources.hl7v2.repeated import Repeated
from consilium.sources.sheet import Sheet
from consilium.sources.unpacked import unpacked

SUFFIXES = (".hl7",)
"""Files of HL7 v2."""
SETTINGS = "consilium.yaml"
"""A file beside the messages that says what they leave out: `zone: Europe/Zurich`, `encoding: 8859/1`."""
ROWS = 5_000
"""Messages in one batch."""
_SETTINGS = frozenset({"zone", "encoding"})


def read(path: str | Path, zone: str | tzinfo | None = None, *, encoding: str | None = None) -> Iterator[Batch]:
    """Read one file of HL7 v2 messages (2.1 to 2.8), `.gz` and `.zst` included.

    Parameters
    ----------
    path : path
        Messages one after another, in batches (FHS, BHS) or MLLP frames; segments end in CR, LF or both.
    zone : str or tzinfo, optional
        Time zone (`Europe/Zurich`) of times that carry no offset, in messages whose MSH-7 carries none either. Without it such
        times are rejected by name. Left out, it is taken from `consilium.yaml` beside the file, if there is one.
    encoding : str, optional
        Character set (a name of HL7 table 0211, `8859/1`) of messages whose MSH-18 names none and that are not UTF-8; likewise
        from `consilium.yaml`.

    Yields
    ------
    Batch
        At most `ROWS` messages each; one row is one message. Memory does not grow with the file, but for one number per
        distinct statement about a patient.

    Raises
    ------
    FormatError
        When the file holds no message, is a damaged archive, or zone or encoding do not exist.
    NotFoundError
        When there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError("No such file", where=str(path), do="check the path")
    settings = _settings(path.with_name(SETTINGS)) if zone is None or encoding is None else {}
    found = zone if zone is not None else settings.get("zone")
    named = encoding or settings.get("encoding")
    return _read(path, _zone(found) if isinstance(found, str) else found, chosen(named) if named else UTF8)


def _read(path: Path, zone: tzinfo | None, otherwise: str) -> Iterator[Batch]:
    run = _Run(path.name, zone, otherwise, Sheet(path.name))
    problem = ""
    with unpacked(path) as stream:
        for piece in pieces(cast(BufferedReader, stream)):
            if not run.messages and not piece.lines:
                problem = problem or piece.problem
            run.piece(piece)
            if run.sheet.rows >= ROWS:
                yield run.batch()
    if not run.messages:
        raise FormatError(
            "No HL7 v2 message", where=path.name, found=problem or "an empty file", expected="segments, the first one MSH",
            do="export the messages again",
        )  # fmt: skip
    if run.sheet.rows or run.sheet.rejects:
        yield run.batch()


@dataclass(slots=True)
class _Run:
    """One file on its way through."""

    file: str
    zone: tzinfo | None
    otherwise: str
    sheet: Sheet
    messages: int = 0
    repeated: Repeated = field(default_factory=Repeated)
    undated: set[int] = field(default_factory=set)

    def piece(self, piece: Piece) -> None:
        """Read a message, or name what is wrong between messages."""
        if piece.part:
            row = f"message {self.messages}" if self.messages else "start"
            self.sheet.rejects.append(Reject(self.file, row, piece.problem, piece.part, found=shown(piece.found)))
            return
        events, rejects = len(self.sheet.code), len(self.sheet.rejects)
        if not piece.lines:
            row = f"after message {self.messages}" if self.messages else "start"
            self.sheet.refuse_row(events, rejects, Reject(self.file, row, piece.problem, found=shown(piece.found)))
            return
        self.messages += 1
        row = f"message {self.messages}"
        reading: Reading | None = None
        try:
            if piece.problem:
                raise InputError(piece.problem)
            codec = of_message(piece.lines, piece.codec, self.otherwise)
            message = parse(text(piece.lines, codec), codec)
            control = message.header.text(10)
            row += f" ({shown(control)})" if control else ""
            zone = zone_of(message.header, self.zone)
            reading = Reading(self.sheet, message, row, f"{self.file}#{self.messages}", zone)
            read_message(reading)
        except InputError as refusal:
            patient = reading.patient if reading else ""
            self.sheet.refuse_row(events, rejects, Reject(self.file, row, refusal.what, found=shown(refusal.found), patient_id=patient))
        else:
            self.undated |= reading.undated
            self.sheet.close_row(events, rejects)

    def batch(self) -> Batch:
        """What has been read since the last batch, every statement once."""
        self.repeated.once(self.sheet, self.undated)
        done, self.sheet, self.undated = self.sheet, Sheet(self.file), set()
        return done.batch()


def _settings(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as broken:
        raise FormatError("Not YAML", where=path.name, found=str(broken), do="write for example: zone: Europe/Zurich") from None
    if not isinstance(said, dict) or not said.keys() <= _SETTINGS or not all(isinstance(one, str) for one in said.values()):
        raise FormatError("Settings that are not known", where=path.name, found=said, expected=sorted(_SETTINGS))
    return said


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FormatError("Unknown time zone", found=name, expected="as in Europe/Zurich") from None

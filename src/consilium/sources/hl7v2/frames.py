"""Frames: a stream of bytes as messages, out of batches (FHS, BHS), MLLP frames and lines that end in CR, LF or both."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader

from consilium.sources.hl7v2.characters import UTF8, of_file
from consilium.sources.unpacked import CUT

CHUNK = 1 << 20
"""Bytes read at once."""
MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes of one message; a longer one is refused and not kept in memory."""
_ENVELOPE = (b"FHS", b"BHS", b"BTS", b"FTS")
_START, _END = b"\x0b", b"\x1c"
_SHOWN = 200


@dataclass(slots=True)
class Piece:
    """A message (`lines`, MSH first), or what is wrong: `problem` is the reason, `part` says that no row is refused by it."""

    lines: list[bytes] = field(default_factory=list)
    codec: str = ""
    problem: str = ""
    found: str = ""
    part: str = ""


def pieces(stream: BufferedReader) -> Iterator[Piece]:
    """Messages as they come, and what stands between them or is wrong with their envelope.

    Memory is bounded by the longest message, or `MAX_MESSAGE`.
    """
    source = _Source(stream)
    cutter = _Cutter()
    for line in source.lines():
        yield from cutter.take(line, source.codec)
    if source.cut:
        cutter.frame = False  # said once is enough
    yield from cutter.close(source.codec)
    if source.cut:
        yield Piece(problem="the compressed file is cut off or damaged from here on")


@dataclass(slots=True)
class _Source:
    stream: BufferedReader
    codec: str = ""
    cut: bool = False

    def lines(self) -> Iterator[bytes]:
        parts: list[bytes] = []  # of a line that has not ended: joined once, not with every chunk
        size = 0
        for chunk in self._chunks():
            first, *more = chunk.replace(b"\r", b"\n").split(b"\n")
            parts.append(first)
            size += len(first)
            if more:
                yield b"".join(parts)
                *whole, rest = more
                yield from whole
                parts, size = [rest], len(rest)
            if size > MAX_MESSAGE:  # a line without end is handed on in pieces that the cutter counts and drops
                rest = b"".join(parts)
                while len(rest) > MAX_MESSAGE:
                    yield rest[:MAX_MESSAGE]
                    rest = rest[MAX_MESSAGE:]
                parts, size = [rest], len(rest)
        yield b"".join(parts)

    def _chunks(self) -> Iterator[bytes]:
        decoder: codecs.IncrementalDecoder | None = None
        first = True
        while True:
            try:
                chunk = self.stream.read1(CHUNK)  # not `read`: what was whole before a cut is given out
            except CUT:
                self.cut = True
                return
            if not chunk:
                return
            if first:
                codec, mark = of_file(chunk)
                chunk = chunk[len(mark) :]
                first = False
                if codec:
                    self.codec = UTF8
                if codec.startswith("utf-16"):
                    decoder = codecs.getincrementaldecoder(codec)(errors="replace")
            yield decoder.decode(chunk).encode(UTF8) if decoder else chunk


@dataclass(slots=True)
class _Cutter:
    message: list[bytes] = field(default_factory=list)
    size: int = 0
    stray: int = 0
    shown: bytes = b""
    frame: bool = False
    batch: list[bytes] = field(default_factory=list)
    messages: int = 0

    def take(self, line: bytes, codec: str) -> Iterator[Piece]:
        if _START in line or _END in line:
            yield from self._framed(line, codec)
            return
        if not line or line.isspace():
            return
        name = _name(line)
        if name == b"MSH":
            yield from self._finish(codec)
            self.message = [line.lstrip().removeprefix(codecs.BOM_UTF8)]
            self.size = len(line)
            self.messages += 1
        elif name in _ENVELOPE:
            yield from self._finish(codec)
            yield from self._envelope(name, line.lstrip())
        elif self.message:
            self.size += len(line)
            if self.size <= MAX_MESSAGE:
                self.message.append(line)
            else:
                del self.message[1:]
        else:
            self.stray += 1
            self.shown = self.shown or line[:_SHOWN]

    def close(self, codec: str) -> Iterator[Piece]:
        if self.frame and self.message:
            yield Piece(problem="the MLLP frame is not closed: its message may be cut off", part="frame")
        yield from self._finish(codec)
        for header in reversed(self.batch):
            name = header.decode()
            what = "file" if name == "FHS" else "batch"
            yield Piece(problem=f"the {what} is not closed (no {name[0]}TS): it may be cut off", part=name)
        self.batch = []

    def _framed(self, line: bytes, codec: str) -> Iterator[Piece]:
        for index, inside in enumerate(line.split(_START)):
            if index:
                if self.frame and self.message:
                    yield Piece(problem="the MLLP frame is not closed: its message may be cut off", part="frame")
                yield from self._finish(codec)
                self.frame = True
            for place, text in enumerate(inside.split(_END)):
                if place:
                    yield from self._finish(codec)
                    self.frame = False
                yield from self.take(text, codec)

    def _finish(self, codec: str) -> Iterator[Piece]:
        if self.stray:
            shown = self.shown.decode(UTF8, "replace")
            yield Piece(problem="text outside any message", found=f"{self.stray} lines: {shown}" if self.stray > 1 else shown)
        if self.message:
            problem = f"a message of more than {MAX_MESSAGE} bytes is not read" if self.size > MAX_MESSAGE else ""
            yield Piece(self.message, codec, problem)
        self.message, self.size, self.stray, self.shown = [], 0, 0, b""

    def _envelope(self, name: bytes, line: bytes) -> Iterator[Piece]:
        if name in (b"FHS", b"BHS"):
            if name not in self.batch:
                self.batch.append(name)
            self.messages = 0
            return
        opened = name[:1] + b"HS"
        if opened in self.batch:
            del self.batch[self.batch.index(opened) :]
        stated = line.split(line[3:4], 2)[1].strip() if name == b"BTS" and line[3:4] else b""
        if stated.isdigit() and int(stated[:18]) != self.messages:
            said = f"{stated.decode()} stated, {self.messages} found"
            yield Piece(problem="the batch holds another number of messages than it states", found=said, part="BTS")


def _name(line: bytes) -> bytes:
    """The name of a header segment: MSH, FHS, BHS, BTS, FTS; empty for any other line."""
    start = line.lstrip().removeprefix(codecs.BOM_UTF8)[:4]
    name, mark = start[:3], start[3:4]
    if name not in (b"MSH", *_ENVELOPE) or mark.isalnum() or (mark.isspace() and name != b"FTS"):
        return b""
    return name if mark or name != b"MSH" else b""

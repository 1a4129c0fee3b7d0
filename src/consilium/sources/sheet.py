"""Sheet: the page on which a source writes events and rejects, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import orjson
import pyarrow as pa

from consilium.core import AS_SENT, Batch, Reject

MICROSECOND = 1
SECOND = 1_000_000 * MICROSECOND
DAY = 86_400 * SECOND
_DISPLAYS = b"displays"


@dataclass(slots=True)
class Sheet:
    """Columns that grow while one file is read; times are microseconds since 1970-01-01T00:00Z.

    Plain lists, because a source writes millions of rows and a mapping per row is most of the cost.
    """

    file: str
    patient: list[str] = field(default_factory=list)
    time: list[int | None] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    number: list[float | None] = field(default_factory=list)
    text: list[str | None] = field(default_factory=list)
    unit: list[str | None] = field(default_factory=list)
    available: list[int | None] = field(default_factory=list)
    source: list[str] = field(default_factory=list)
    displays: dict[str, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    rows: int = 0
    read: int = 0

    def add(
        self,
        patient: str,
        time: int | None,
        code: str,
        available: int | None,
        source: str,
        number: float | None = None,
        text: str | None = None,
        unit: str | None = None,
    ) -> None:
        """Write one event.

        Raises
        ------
        TypeError
            When patient, text or unit is not text: what JSON sends may be anything.
        """
        if type(patient) is not str or (text is not None and type(text) is not str) or (unit is not None and type(unit) is not str):
            raise TypeError("text expected")
        self.patient.append(patient)
        self.time.append(time)
        self.code.append(code)
        self.number.append(number)
        self.text.append(text)
        self.unit.append(unit)
        self.available.append(available)
        self.source.append(source)

    def name(self, code: str, display: str) -> None:
        """Remember how the sender calls a code; of two names the first in the alphabet stays, whatever the order of arrival."""
        known = self.displays.get(code)
        if known is None or display < known:
            self.displays[code] = display

    def close_row(self, events_before: int, rejects_before: int) -> None:
        """End a row that was not refused: it counts as read, unless all it gave were rejects of its parts.

        The first of those then stands for the whole row, so that `rows == read + (rejects without a part)` holds.
        """
        self.rows += 1
        if len(self.code) == events_before and len(self.rejects) > rejects_before:
            first = self.rejects[rejects_before]
            self.rejects[rejects_before] = replace(first, part="", reason=f"{first.reason} ({first.part})")
        else:
            self.read += 1

    def refuse_row(self, events_before: int, rejects_before: int, reject: Reject) -> None:
        """End a row that cannot be used: what it had written is taken back and one reject stands for it."""
        if len(self.code) > events_before:
            for column in (self.patient, self.time, self.code, self.number, self.text, self.unit, self.available, self.source):
                del column[events_before:]
        del self.rejects[rejects_before:]
        self.rejects.append(reject)
        self.rows += 1

    def batch(self) -> Batch:
        """What stands on the sheet, as a batch; the names of codes travel in the table's metadata (`displays`)."""
        columns = [self.patient, self.time, self.code, self.number, self.text, self.unit, self.available, self.source]
        arrays = [pa.array(column, type=kind.type) for column, kind in zip(columns, AS_SENT, strict=True)]
        return Batch(named(pa.Table.from_arrays(arrays, schema=AS_SENT), self.displays), self.rows, self.read, tuple(self.rejects))


def named(events: pa.Table, names: Mapping[str, str]) -> pa.Table:
    """Events that carry the sender's names of codes with them; see `displays`."""
    return events.replace_schema_metadata({_DISPLAYS: orjson.dumps(dict(names))})


def displays(batch: Batch) -> Mapping[str, str]:
    """The sender's names of the codes in a batch; empty when it carries none.

    Examples
    --------
    >>> sheet = Sheet("labs.csv")
    >>> sheet.name("LOINC//2524-7", "Lactate")
    >>> displays(sheet.batch())
    {'LOINC//2524-7': 'Lactate'}
    """
    metadata = batch.events.schema.metadata or {}
    held = metadata.get(_DISPLAYS)
    return dict(orjson.loads(held)) if held else {}

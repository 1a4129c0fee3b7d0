"""Reading: what is at hand while one HL7 v2 message is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from consilium.core import Reject
from consilium.core.errors import InputError
from consilium.sources.fhir.coding import Coded
from consilium.sources.fhir.reading import NOT_DATED, shown
from consilium.sources.hl7v2.message import Message, Segment
from consilium.sources.hl7v2.stamp import fixed, offset_of, stamp
from consilium.sources.sheet import Sheet

Stretch = tuple[int, int]
__all__ = ["NOT_DATED", "Reading", "Stretch", "shown"]


@dataclass(slots=True)
class Reading:
    """The sheet to write on, the message at hand, and whom and which segment of it is being read.

    Parameters
    ----------
    sheet : Sheet
    message : Message
    row : str
        Where the message stands, for rejects: `message 3 (MSG00001)`.
    label : str
        The start of the `source_id` of its events: `adt.hl7#3`.
    zone : tzinfo or None
        What holds for times without an offset: the offset of MSH-7, else what the caller names.
    kind, event : str
        Message type and event: `ADT`, `A01`.
    patient : str
        The identifier of the patient whom the segments at hand are about; empty while nobody is named.
    part : str
        The segment at hand: `OBX 3`.
    undated : set of int
        Places on the sheet of statements that carry no date of their own and are dated by their message.
    """

    sheet: Sheet
    message: Message
    row: str
    label: str
    zone: tzinfo | None = None
    kind: str = ""
    event: str = ""
    patient: str = ""
    part: str = ""
    undated: set[int] = field(default_factory=set)
    _recorded: Stretch | InputError | None = None
    _asked: bool = False

    def refuse(self, reason: str, *, found: object = "", code: str = "", part: str = "") -> None:
        """Name a piece of the message that is not read while the rest is."""
        named = f"{self.part} {part}".strip() if part else self.part
        self.sheet.rejects.append(Reject(self.sheet.file, self.row, reason, named, code, shown(found), self.patient))

    def add(
        self, code: str, when: tuple[int | None, int | None], number: float | None = None, text: str | None = None, unit: str | None = None
    ) -> None:
        """Write one event of the patient at hand; its `source_id` names file, message and segment."""
        self.sheet.add(self.patient, when[0], code, when[1], f"{self.label} {self.part}", number, text or None, unit or None)

    def state(self, kind: str, coded: Sequence[Coded], when: tuple[int | None, int | None], *, dated: bool, text: str = "") -> None:
        """Write a statement once per code, its name as text."""
        for code, display, _ in coded:
            if not dated:
                self.undated.add(len(self.sheet.code))
            self.add(f"{kind}//{code}", when, text=text or display)
            if display:
                self.sheet.name(code, display)

    def end(self, kind: str, coded: Sequence[Coded], start: Stretch, stop: Stretch | None) -> None:
        """Write the end of a statement; one that nothing dates stands at the start and says so."""
        for code, display, _ in coded:
            if stop is None:
                self.add(f"{kind}//END//{code}", start, text=(display or code) + NOT_DATED)
            else:
                at = max(stop[0], start[0])
                self.add(f"{kind}//END//{code}", (at, max(stop[1], at)), text=display)

    def when(self, segment: Segment, position: int) -> Stretch | None:
        """The date or time in a field, None when the field is empty.

        Raises
        ------
        TimeError
            When it is none, cannot be, or is a time in no known zone.
        """
        text = segment.text(position)
        return stamp(text, self.zone) if text else None

    def recorded(self) -> Stretch | None:
        """When the message says that its content was written down (EVN-2) or that it was sent (MSH-7); None when neither is said.

        Raises
        ------
        InputError
            When it is said in no known zone.
        """
        if not self._asked:
            self._asked = True
            self._recorded = self._said()
        if isinstance(self._recorded, InputError):
            raise self._recorded
        return self._recorded

    def dated(self, when: Stretch | None, stated: Stretch | None = None) -> Stretch:
        """When something was true, and when it could be known.

        Parameters
        ----------
        when : (int, int) or None
            Start and end of what the segment dates itself.
        stated : (int, int) or None
            When the segment says that it was written down or reported; the message's own time stands in for it.

        Returns
        -------
        (int, int)
            Time and availability, which never lies before the time.

        Raises
        ------
        InputError
            When nothing dates it.
        """
        known = stated or self.recorded() or when
        if known is None:
            raise InputError("No date")
        time = (when or known)[0]
        return time, max(time, known[1])

    def _said(self) -> Stretch | InputError | None:
        texts = [event.text(2) for event in self.message.segments if event.name == "EVN"][:1]
        texts.append(self.message.header.text(7))
        refusal: InputError | None = None
        for text in filter(None, texts):
            try:
                return stamp(text, self.zone)
            except InputError as error:
                refusal = refusal or InputError(f"{error.what} (of the message)", found=error.found)
        return refusal


def zone_of(header: Segment, zone: tzinfo | None) -> tzinfo | None:
    """What holds for times without an offset: the offset of MSH-7, else the caller's zone.

    Source: HL7 v2.8.2 section 2.14.9.7, MSH-7.

    Raises
    ------
    TimeError
        When MSH-7 names an impossible offset.
    """
    offset = offset_of(header.text(7))
    return fixed(offset) if offset else zone

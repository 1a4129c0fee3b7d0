"""Reading: what is at hand while one FHIR resource is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from consilium.core import Reject
from consilium.core.errors import InputError
from consilium.sources.fhir.reference import References
from consilium.sources.moment import moment
from consilium.sources.sheet import Sheet

Resource = dict[str, Any]
Stretch = tuple[int, int]
NOT_DATED = ", end not dated"
_DATED = ("DateTime", "Period", "Instant")


@dataclass(slots=True)
class Reading:
    """The sheet to write on, what references lead to, and the resource at hand.

    Parameters
    ----------
    sheet : Sheet
    references : References
    received : int or None
        When the material is known to have been at hand (a bundle's timestamp, the moment of a prefetch), in microseconds;
        it dates what carries no date of its own. None for files, where nothing is invented.
    row : str
        Where the resource at hand stands, for rejects: `Observation/42`, or `entry 3` where it has no id.
    label : str
        The `source_id` of its events: `Observation/42`, or `file#3`.
    full_url : str
        The name under which its Bundle knows it.
    """

    sheet: Sheet
    references: References
    received: int | None = None
    row: str = ""
    label: str = ""
    full_url: str = ""

    def refuse_part(self, part: str, reason: str, *, found: object = "", code: str = "", patient: str = "") -> None:
        """Name a piece of the resource that is not read while the rest is."""
        self.sheet.rejects.append(Reject(self.sheet.file, self.row, reason, part, code, shown(found), patient))

    def dated(self, resource: Resource, when: Stretch | None, stated: str | None) -> Stretch:
        """When something was true, and when it could be known.

        Parameters
        ----------
        resource : dict
            For its `meta.lastUpdated`.
        when : (int, int) or None
            Start of what the resource dates itself, and its end.
        stated : str or None
            The element that says when it was written down (`issued`, `recordedDate`, `authoredOn` ...).

        Returns
        -------
        (int, int)
            Time and availability. Availability is what is stated, else `meta.lastUpdated`, else the end of `when`; it never
            lies before the time.

        Raises
        ------
        InputError
            When nothing dates the resource.
        """
        said = moment(stated) if stated else updated(resource)
        known = said or when
        if known is None:
            if self.received is None:
                raise InputError("No date")
            return self.received, self.received
        available = known[1]
        if self.received is not None and known[0] <= self.received < available:
            available = self.received
        time = (when or known)[0]
        return time, max(time, available)


def shown(found: object) -> str:
    """What was found, short enough for a list of rejects."""
    text = "" if found is None else str(found)
    return text if len(text) <= 200 else text[:200] + " ..."


def updated(resource: Resource) -> Stretch | None:
    """`meta.lastUpdated`, None when the resource does not say."""
    meta = resource.get("meta")
    text = meta.get("lastUpdated") if meta else None
    return moment(text) if text else None


def stretch(resource: Resource, element: str) -> Stretch | None:
    """A dated choice element (`effective[x]`, `onset[x]` ...): its start, and the end of all that it names.

    Raises
    ------
    TimeError
        When it names an impossible date.
    """
    text = resource.get(element + "DateTime")
    if text:
        return moment(text)
    span = resource.get(element + "Period")
    if span:
        return period(span)
    text = resource.get(element + "Instant")
    return moment(text) if text else None


def period(span: Resource) -> Stretch | None:
    """A Period: start of its start, end of its end (of its start while it lasts).

    Raises
    ------
    InputError
        When it ends before it starts.
    """
    start, end = span.get("start"), span.get("end")
    if not start:
        return moment(end) if end else None
    first = moment(start)
    if not end:
        return first
    last = moment(end)
    if last[1] < first[0]:
        raise InputError("A period ends before it starts", found=f"{start} to {end}")
    return first[0], last[1]


def undated_forms(resource: Resource, element: str) -> list[str]:
    """Forms of a choice element that are present and hold no date.

    Examples
    --------
    >>> undated_forms({"performer": [], "performedString": "last spring"}, "performed")
    ['performedString']
    """
    endings = [(key, key[len(element) :]) for key in resource if key.startswith(element)]
    return [key for key, ending in endings if ending[:1].isupper() and ending not in _DATED]

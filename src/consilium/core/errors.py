"""Every error that consilium raises on purpose, in one tree.

::

    ConsiliumError
    ├── LawError           a noun was asked to break one of its laws (also a ValueError)
    ├── LeakageError       something was asked that was not yet known at `as_of`
    ├── InputError         material from outside cannot be used
    │   ├── FormatError    not the form it claims to be, or a version we do not read
    │   ├── UnitError      a unit is unknown or does not convert
    │   └── TimeError      a date or time that cannot be, or lies on the wrong side of another
    ├── RecordError        the chart on disk cannot serve the request
    │   ├── NotFoundError  no such patient, specialist, record or file
    │   └── BusyError      somebody else is writing
    ├── KnowledgeError     a knowledge file breaks its own rules
    ├── CardError          a specialist's card breaks the card's rules
    └── ModelError         a model cannot be fitted, exported, loaded or trusted
        └── ExtraError     the act needs an optional extra that is not installed
"""

from __future__ import annotations

from typing import Any


class ConsiliumError(Exception):
    """An error in one paragraph: what happened, where, what was found against what was expected, what to do.

    Parameters
    ----------
    what : str
        What went wrong, as the start of a sentence.
    where : str, optional
        File, row, resource or field.
    found, expected : object, optional
        The offending value and what would have been right.
    do : str, optional
        What the user can do about it.

    Examples
    --------
    >>> print(UnitError("The unit does not convert", where="labs.csv row 18", found="mg", expected="mmol/L",
    ...                 do="correct the unit column"))
    The unit does not convert in labs.csv row 18: found 'mg', expected 'mmol/L'. Correct the unit column.
    """

    def __init__(self, what: str, *, where: str = "", found: Any = None, expected: Any = None, do: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.found, self.expected, self.do = what, where, found, expected, do

    def __str__(self) -> str:
        sentence = self.what + (f" in {self.where}" if self.where else "")
        against = []
        if self.found is not None:
            against.append(f"found {self.found!r}")
        if self.expected is not None:
            against.append(f"expected {self.expected!r}")
        if against:
            sentence += ": " + ", ".join(against)
        sentence = sentence.rstrip(".") + "."
        if self.do:
            sentence += " " + self.do[:1].upper() + self.do[1:].rstrip(".") + "."
        return sentence


class LawError(ConsiliumError, ValueError):
    """A noun was asked to break one of its laws."""


class LeakageError(ConsiliumError):
    """Something was asked that was not yet known at `as_of`."""


class InputError(ConsiliumError):
    """Material from outside cannot be used."""


class FormatError(InputError):
    """Not the form it claims to be, or a version that is not read."""


class UnitError(InputError):
    """A unit is unknown or does not convert."""


class TimeError(InputError):
    """A date or time that cannot be, or that lies on the wrong side of another."""


class RecordError(ConsiliumError):
    """The chart on disk cannot serve the request."""


class NotFoundError(RecordError):
    """No such patient, specialist, record or file."""


class BusyError(RecordError):
    """Somebody else is writing the same record."""


class KnowledgeError(ConsiliumError):
    """A knowledge file breaks its own rules."""


class CardError(ConsiliumError):
    """A specialist's card breaks the rules of a card."""


class ModelError(ConsiliumError):
    """A model cannot be fitted, exported, loaded or trusted."""


class ExtraError(ModelError):
    """The act needs an optional extra that is not installed."""

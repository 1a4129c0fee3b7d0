"""Voice: how a specialist's facts become sentences; the council lends it, in the language of the ward."""

from __future__ import annotations

from typing import Protocol


class Voice(Protocol):
    """What a specialist needs to speak."""

    @property
    def language(self) -> str:
        """`en` or `zh`."""

    def say(self, key: str, **facts: object) -> str:
        """The sentence `key` with its facts filled in."""

    def name(self, code: str) -> str:
        """The name of a code for people."""

    def number(self, value: float, unit: str) -> str:
        """A value and its unit, as a ward would write it."""

"""Source: where a file, rule, weight or event comes from."""

from __future__ import annotations

from dataclasses import dataclass

from consilium.core.errors import LawError


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was taken from.

    Parameters
    ----------
    name : str
        Full name or citation; never empty.
    version : str
        Version, edition or year of the material.
    url : str
        Where a reader can find it.
    retrieved : str
        ISO date on which it was taken, empty when made here.
    licence : str
        SPDX identifier or the owner's words.
    sha256 : str
        Checksum of the file, when it is one.

    Raises
    ------
    LawError
        When the name is empty.

    Examples
    --------
    >>> Source("Unified Code for Units of Measure", version="2.1").name
    'Unified Code for Units of Measure'
    """

    name: str
    version: str = ""
    url: str = ""
    retrieved: str = ""
    licence: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise LawError("A source needs a name", found=self.name, do="cite the publication, file or system it comes from")

"""Mirrors: the mirror images of a picture over which a network's answers are averaged."""

from __future__ import annotations

from collections.abc import Sequence


def axes_of(mirrors: str) -> Sequence[tuple[int, ...]]:
    """Axes of arrays (n, channels, rows, columns) that each view turns round; the picture itself turns none.

    Parameters
    ----------
    mirrors : str
        `h` (left and right exchanged), `hv` (also top and bottom), or empty.

    Examples
    --------
    >>> axes_of("h")
    [(), (3,)]
    """
    return [(), *(((3,),) if "h" in mirrors else ()), *(((2,), (2, 3)) if "v" in mirrors else ())]

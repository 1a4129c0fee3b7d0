"""Home: where a user's own specialists live, besides those that ship with the program."""

from __future__ import annotations

import os
from pathlib import Path

ELSEWHERE = "CONSILIUM_SPECIALISTS"
"""The environment variable that holds homes as `PATH` holds folders."""


def homes() -> tuple[Path, ...]:
    """The folders that the environment names, each holding specialist folders, and those of images in its `imaging/`."""
    return tuple(Path(home) for home in os.environ.get(ELSEWHERE, "").split(os.pathsep) if home)

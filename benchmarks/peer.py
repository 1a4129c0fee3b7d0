"""Peer: another project's library in an environment of its own, so that it is measured as its authors ship it."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HOME = Path(__file__).parents[1] / ".bench"


def python(name: str, *packages: str) -> Path:
    """The interpreter of `.bench/<name>`, made with these packages where it is absent.

    Raises
    ------
    RuntimeError
        With pip's last words, when they cannot be installed.
    """
    folder = HOME / name
    interpreter = folder / "bin" / "python"
    ready = folder / ".ready"
    wanted = "\n".join(packages)
    if ready.is_file() and ready.read_text() == wanted:
        return interpreter
    print(f"making {folder} with {', '.join(packages)} ...", file=sys.stderr)
    if not interpreter.is_file():
        venv.create(folder, with_pip=True)
    command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        raise RuntimeError(f"{name} cannot be installed: {told.stderr.strip().splitlines()[-1:]}")
    ready.write_text(wanted)
    return interpreter

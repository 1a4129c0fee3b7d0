"""What the knowledge tests share: the shelf, a copy of its files that may be damaged, and the real data sets where they are present."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from consilium.knowledge import Shelf, shelf
from consilium.knowledge.shelf import FOLDER

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
}


@pytest.fixture(scope="session")
def opened() -> Shelf:
    return shelf()


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[str, str, str], Path]:
    """A copy of the knowledge files in which one text of one file has been replaced."""
    folder = tmp_path / "knowledge"

    def damage(file: str, old: str, new: str) -> Path:
        if not folder.exists():
            shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text, f"{file} no longer holds {old!r}; choose another text to damage"
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return damage


@pytest.fixture(scope="session")
def archive() -> Callable[[str, str], zipfile.ZipFile]:
    """Open a real data set, or skip the test that asks for it."""

    def open_archive(folder: str, name: str) -> zipfile.ZipFile:
        path = DATA / folder / name
        if not path.exists():
            pytest.skip(f"real data are absent: {path}")
        return zipfile.ZipFile(path)

    return open_archive


@pytest.fixture(scope="session")
def displays(archive: Callable[[str, str], zipfile.ZipFile]) -> dict[str, set[str]]:
    """Displays that real FHIR resources give to each code: `LOINC//2524-7` -> {...}."""
    seen: dict[str, set[str]] = defaultdict(set)
    for folder in ("synthea_fhir_r4", "fhir_r4_examples", "us_core_examples"):
        with archive(folder, f"{folder}.zip") as files:
            for name in files.namelist():
                if name.endswith(".json"):
                    for code, display in _codings(json.loads(files.read(name))):
                        seen[code].add(display)
    return dict(seen)


def _codings(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        system, code, display = node.get("system"), node.get("code"), node.get("display")
        if isinstance(system, str) and system in SYSTEMS and isinstance(code, str) and isinstance(display, str):
            yield f"{SYSTEMS[system]}//{code}", display
        for value in node.values():
            yield from _codings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _codings(value)

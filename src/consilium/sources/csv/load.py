"""Load: mapping files become a mapping, or a refusal that names the key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from consilium.core import Source
from consilium.core.errors import FormatError, NotFoundError
from consilium.sources.csv.mapping import Mapping, Table
from consilium.sources.csv.spoken import Spoken

SHIPPED = Path(__file__).parents[1] / "mappings"
"""Folders of mappings that come with consilium; each can be named by its folder's name alone."""
_FILE_KEYS = frozenset({"name", "source", "about", "tables", "ignore_tables"})
_TABLE_KEYS = frozenset({
    "delimiter", "decimal", "encoding", "header", "missing", "patient", "time", "available", "birth", "sex", "columns", "events",
    "constants", "ignore", "skip", "lookups", "format", "zone",
})  # fmt: skip
_KEYS = _FILE_KEYS | _TABLE_KEYS


def load(path: str | Path) -> Mapping:
    """Read and check a mapping file, a folder of mapping files, or a mapping that comes with consilium, by its name.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is not YAML, lacks something, or says something that cannot be; the message names the key.

    Examples
    --------
    >>> sorted(load("nhamcs_ed").tables)[0]
    'nhamcs_ed_2018.parquet'
    """
    path = Path(path)
    if not path.exists() and path.name == str(path) and (SHIPPED / path).is_dir():
        path = SHIPPED / path
    if path.is_dir():
        files = sorted(path.glob("*.yaml"))
        if not files:
            raise NotFoundError("The folder holds no mapping file", where=str(path), do="name a folder with .yaml files in it")
        return _joined(path, [_load(one) for one in files])
    if not path.is_file():
        shipped = sorted(one.name for one in SHIPPED.iterdir() if one.is_dir())
        raise NotFoundError("No such mapping file", where=str(path),
                            do=f"give the YAML file that says what the columns mean, or name one of {', '.join(shipped)}")  # fmt: skip
    return _load(path)


def _load(path: Path) -> Mapping:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as broken:
        raise FormatError("The mapping is not YAML", where=path.name, found=str(broken).splitlines()[0], do="correct the file") from None
    if not isinstance(said, dict):
        raise FormatError("The mapping is empty or not a table of keys", where=path.name, expected=sorted(_KEYS))
    _known(said, _KEYS, path, "The mapping has unknown keys")
    if "name" not in said:
        raise FormatError("The mapping's name is missing", where=path.name, do="correct the mapping")
    defaults = {key: value for key, value in said.items() if key in _TABLE_KEYS}
    if "tables" not in said:
        return Mapping(path, _source(said, path), {"*": Spoken(path, defaults).table()})
    tables = said["tables"]
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise FormatError("The mapping's tables are not keyed by file name", where=path.name, do="correct the mapping")
    for name, table in tables.items():
        _known(table, _TABLE_KEYS, path, f"The mapping's tables.{name} has unknown keys")
    read = {str(name): Spoken(path, {**defaults, **table}, f"tables.{name}.").table() for name, table in tables.items()}
    return Mapping(path, _source(said, path), read, tuple(map(str, said.get("ignore_tables") or ())))


def _joined(folder: Path, mappings: list[Mapping]) -> Mapping:
    first = mappings[0]
    tables: dict[str, Table] = {}
    for mapping in mappings:
        if mapping.source != first.source:
            raise FormatError("Mappings of one folder name different sources", where=mapping.path.name, found=mapping.source.name,
                              expected=first.source.name, do="put them into folders of their own")  # fmt: skip
        twice = sorted(tables.keys() & mapping.tables.keys())
        if twice:
            raise FormatError("Two mappings of one folder speak of the same table", where=mapping.path.name, found=twice,
                              do="describe each table once")  # fmt: skip
        tables.update(mapping.tables)
    return replace(first, path=folder / first.path.name, tables=tables, ignore=tuple(name for one in mappings for name in one.ignore))


def _known(said: dict[Any, Any], keys: Iterable[str], path: Path, what: str) -> None:
    unknown = sorted(map(str, set(said) - set(keys)))
    if unknown:
        raise FormatError(what, where=path.name, found=unknown, expected=sorted(keys))


def _source(said: dict[str, Any], path: Path) -> Source:
    source = said.get("source") or {}
    if not isinstance(source, dict):
        raise FormatError("The mapping's source is not a table of keys", where=path.name, found=source, do="correct the mapping")
    wrong = sorted(map(str, set(source) - {"name", "version", "url", "retrieved", "licence"}))
    if wrong:
        raise FormatError("The mapping's source has unknown keys", where=path.name, found=wrong, do="correct the mapping")
    return Source(**{"name": str(said["name"]), **{key: str(value) for key, value in source.items()}})

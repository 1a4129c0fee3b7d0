"""Layout: where things lie in a record's folder.

::

    DIR/current -> generations/0000007       turned in one step: the commit
    DIR/{data,metadata,manifest.json}        links through `current`, so that DIR is itself a MEDS 0.4 data set
    generations/0000007/manifest.json        every file with size, rows and sha256
                        data/<split>/<shard>.parquet
                        metadata/{codes,subject_splits,subjects}.parquet, {dataset,sources,ingests}.json, rejects/<ingest>.parquet
    .staging-*                               an ingest at work, or what a crashed one left
    .lock                                    held by the one writer

A file that did not change is the same file (a hard link) in the next generation. The generation before the current one stays
until the next ingest begins, so that whoever is reading it can finish.
"""

from __future__ import annotations

from pathlib import Path

import meds

CURRENT = "current"
GENERATIONS = "generations"
STAGING = ".staging-"
LOCK = ".lock"
DATA = meds.data_subdirectory
METADATA = "metadata"
MANIFEST = "manifest.json"
LINKED = (DATA, METADATA, MANIFEST)
_OWN = frozenset({CURRENT, GENERATIONS, LOCK, *LINKED})
_HALF_MADE = (STAGING, *(f".{link}-" for link in (CURRENT, *LINKED)))


def shard_path(split: str, shard: int) -> str:
    """Path of a shard inside its generation."""
    return f"{DATA}/{split}/{shard}.parquet"


def generation_name(generation: int) -> str:
    """Name of a generation's folder."""
    return f"{generation:07d}"


def committed(record: Path) -> bool:
    """Whether anything has ever been committed here."""
    return (record / CURRENT).is_symlink() or (record / CURRENT).is_dir()


def foreign(record: Path) -> list[str]:
    """Names in the folder that no record has; empty for a record, for what a crashed first ingest left, and for an empty folder."""
    return sorted(p.name for p in record.iterdir() if p.name not in _OWN and not p.name.startswith(_HALF_MADE))


def stale(record: Path) -> list[Path]:
    """What crashed ingests left, and generations other than the current one."""
    return superseded(record) + [p for p in record.iterdir() if p.name.startswith(_HALF_MADE)]


def superseded(record: Path) -> list[Path]:
    """Generations other than the current one."""
    kept = (record / CURRENT).resolve()
    folder = record / GENERATIONS
    return [p for p in (folder.iterdir() if folder.is_dir() else ()) if p.resolve() != kept]

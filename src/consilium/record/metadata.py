"""Metadata: what stands beside the events - codes, splits and data set as MEDS has them, patients, sources and ingests as we need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import meds
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from consilium.core.code import concept
from consilium.core.source import Source
from consilium.record import parquet
from consilium.record.layout import METADATA
from consilium.record.manifest import File, described
from consilium.record.placement import SPLITS, placed

CODES = meds.code_metadata_filepath
SUBJECTS = f"{METADATA}/subjects.parquet"
SOURCES = f"{METADATA}/sources.json"
INGESTS = f"{METADATA}/ingests.json"
REJECTS = f"{METADATA}/rejects"
_SUBJECTS = pa.schema([pa.field("subject_id", pa.int64(), nullable=False), pa.field("patient_id", pa.string(), nullable=False)])


def write(
    root: Path,
    *,
    generation: int,
    committed: datetime,
    shards: int,
    codes: Mapping[str, str | None],
    patients: Mapping[int, str],
    sources: Sequence[Source],
    summaries: Sequence[Mapping[str, Any]],
) -> list[File]:
    """Write all metadata of a generation.

    Parameters
    ----------
    root : Path
        Folder of the generation.
    generation, committed, shards
        As in the manifest.
    codes : mapping of str to str or None
        Display of every code in the data, and of coded answers; None where nobody sent one.
    patients : mapping of int to str
        Sender's identifier of every subject.
    sources, summaries
        In the order in which they came.
    """
    (root / METADATA).mkdir(parents=True, exist_ok=True)
    subjects = np.array(sorted(patients), dtype=np.int64)
    split, _ = placed(subjects, shards)
    names = sorted(codes)
    parents = [[concept(c)] if concept(c) != c else None for c in names]
    dataset = meds.DatasetMetadataSchema(
        dataset_name="consilium record",
        dataset_version=str(generation),
        etl_name="consilium",
        etl_version=version("consilium"),
        meds_version=version("meds"),
        created_at=committed,
        raw_source_id_columns=["source_id"],
        code_modifier_columns=["unit"],
        other_extension_columns=["available"],
    )
    return [
        _table(
            root,
            CODES,
            pa.table([names, [codes[c] for c in names], parents], schema=meds.CodeMetadataSchema.schema()),
        ),
        _table(root, meds.subject_splits_filepath, pa.table([subjects, np.array(SPLITS)[split]], schema=meds.SubjectSplitSchema.schema())),
        _table(root, SUBJECTS, pa.table([subjects, [patients[s] for s in subjects.tolist()]], schema=_SUBJECTS)),
        _json(root, meds.dataset_metadata_filepath, dataset.to_dict()),
        _json(root, SOURCES, [asdict(s) for s in sources]),
        _json(root, INGESTS, list(summaries)),
    ]


def read_codes(root: Path) -> dict[str, str | None]:
    """Display of every code, None where nobody sent one."""
    table = parquet.read(root / CODES)
    return dict(zip(table["code"].to_pylist(), table["description"].to_pylist(), strict=True))


def read_patients(root: Path) -> dict[str, int]:
    """Subject of every patient, by the sender's identifier, in the order of identifiers."""
    table = parquet.read(root / SUBJECTS)
    return dict(sorted(zip(table["patient_id"].to_pylist(), table["subject_id"].to_pylist(), strict=True)))


def read_sources(root: Path) -> tuple[Source, ...]:
    """Every source, oldest first."""
    return tuple(Source(**s) for s in orjson.loads((root / SOURCES).read_bytes()))


def read_summaries(root: Path) -> tuple[dict[str, Any], ...]:
    """The summary of every ingest, oldest first."""
    return tuple(orjson.loads((root / INGESTS).read_bytes()))


def _table(root: Path, name: str, table: pa.Table) -> File:
    path = root / name
    pq.write_table(table, path, compression="zstd")
    return described(root, path, table.num_rows)


def _json(root: Path, name: str, content: Any) -> File:
    path = root / name
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    return described(root, path)

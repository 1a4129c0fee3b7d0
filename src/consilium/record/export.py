"""Export: the record as a plain MEDS 0.4 data set, for everything that reads MEDS."""

from __future__ import annotations

import shutil
from pathlib import Path

import meds
import pyarrow.parquet as pq

from consilium.core.errors import RecordError
from consilium.record.layout import DATA
from consilium.record.store import Record

_METADATA = (meds.code_metadata_filepath, meds.subject_splits_filepath, meds.dataset_metadata_filepath)


def export(record: Record, folder: Path | str) -> Path:
    """Write what the record holds as a MEDS 0.4 data set.

    The record's shards are MEDS already and are copied as they are, with the columns `unit`, `available` and `source_id`. What MEDS does
    not know stays behind: senders' identifiers of patients, sources, rejects. Names, dates and texts in the events are not removed:
    an export is not de-identified.

    Parameters
    ----------
    record : Record
    folder : path
        A new or empty folder.

    Returns
    -------
    Path
        The folder: `data/<split>/<shard>.parquet`, `metadata/{codes,subject_splits}.parquet`, `metadata/dataset.json`.

    Raises
    ------
    RecordError
        When the folder holds something, a file of the record is damaged, or the disk refuses.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecordError("The folder of an export holds something already", where=str(folder), do="name a new or an empty folder")
    record.check()
    shards = [path.relative_to(record.root).as_posix() for path in record.shards()]
    try:
        (folder / DATA).mkdir(parents=True, exist_ok=True)
        for name in (*shards, *_METADATA):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(record.root / name, folder / name)
    except OSError as error:
        do = "free space on that disk or mend its permissions, then export again"
        raise RecordError("The export could not be written", where=str(folder), found=error.strerror or str(error), do=do) from error
    for name in shards:
        meds.DataSchema.validate(pq.read_schema(folder / name))
    return folder

"""Subjects: events under the sender's identifiers become events under the record's numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from consilium.core import SCHEMA
from consilium.record import subject_id


def recorded(events: pa.Table) -> tuple[pa.Table, dict[int, str]]:
    """Number the patients of a table.

    Parameters
    ----------
    events : pyarrow.Table
        In `AS_SENT` columns, values within float32.

    Returns
    -------
    (pyarrow.Table, dict of int to str)
        The events in `SCHEMA` columns, and the sender's identifier of each subject.
    """
    column = events["patient_id"].combine_chunks().dictionary_encode()
    names = column.dictionary.to_pylist()
    numbers = np.array([subject_id(name) for name in names], dtype=np.int64)
    subjects = numbers[column.indices.to_numpy(zero_copy_only=False)] if names else numbers
    columns = [pa.array(subjects), *(events[name] for name in SCHEMA.names[1:])]
    table = pa.Table.from_arrays([column.cast(kind.type) for column, kind in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)
    return table, dict(zip(numbers.tolist(), names, strict=True))

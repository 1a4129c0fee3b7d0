"""HDF5: a file of groups of arrays as one table, as many published data sets keep their parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from consilium.core.errors import ExtraError, FormatError

SUFFIXES = (".h5", ".hdf5")
GROUP = "group"
MOST = 50_000_000
"""Numbers in a file; beyond this it is a cohort's images or signals, and not a table."""


def table(path: Path) -> pa.Table:
    """Read a file: the name of a group is the column `group`, an array (n,) a column, an array (n, k) the columns `x0`, `x1`, ...

    Raises
    ------
    ExtraError
        When h5py is not installed.
    FormatError
        When it is no HDF5, or holds something else than groups of arrays of numbers of one length.
    """
    try:
        import h5py
    except ImportError as error:
        raise ExtraError("Reading HDF5 needs a library", where=path.name, found="no h5py", do="pip install 'consilium[train]'") from error
    try:
        with h5py.File(path, "r") as file:
            parts = [_group(name, group, path) for name, group in sorted(file.items())]
    except OSError as error:
        raise FormatError("The file is not HDF5, or damaged", where=path.name, found=str(error).splitlines()[0]) from error
    if not parts:
        raise FormatError("The file holds no groups", where=path.name)
    if len({tuple(part.schema.names) for part in parts}) > 1:
        raise FormatError("The groups of a file hold different arrays", where=path.name, found=[part.schema.names for part in parts])
    return pa.concat_tables(parts, promote_options="permissive")


def _group(name: str, group: object, path: Path) -> pa.Table:
    import h5py

    where = f"{path.name}, group {name}"
    if not isinstance(group, h5py.Group) or not all(isinstance(array, h5py.Dataset) for array in group.values()):
        raise FormatError("A file of HDF5 is read as groups of arrays", where=where)
    if any(array.dtype.kind not in "fiu" or array.ndim not in (1, 2) for array in group.values()):
        found = {key: (str(array.dtype), array.shape) for key, array in group.items()}
        raise FormatError("An array holds no table of numbers", where=where, found=found)
    # A virtual or external array would read other files than the one that was given.
    if sum(array.size for array in group.values()) > MOST or any(array.external or array.is_virtual for array in group.values()):
        raise FormatError("A group is not a table of moderate size within the file", where=where, expected=f"{MOST:,} numbers at most")
    columns: dict[str, np.ndarray] = {}
    for key, array in sorted(group.items()):
        values = np.asarray(array[...])
        columns |= {key: values} if values.ndim == 1 else {f"{key}{k}": values[:, k] for k in range(values.shape[1])}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise FormatError("The arrays of a group differ in length", where=where, found=sorted(lengths))
    return pa.table({GROUP: pa.array([name] * lengths.pop(), pa.string()), **columns})

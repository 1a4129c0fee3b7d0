"""MEDS 0.3 and 0.4: a data set of events in Parquet becomes events, codes as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import meds
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from flexible_schema import SchemaValidationError  # type: ignore[import-untyped]  # what meds raises

from consilium.core import AS_SENT, Batch, Reject, Source
from consilium.core.errors import FormatError, NotFoundError
from consilium.sources.sheet import named

SUFFIXES = (".parquet",)
"""Files that may be a shard of MEDS."""
ROWS = 100_000
"""Events in one batch, at most."""
_SPLITS = (meds.train_split, meds.tuning_split, meds.held_out_split)
_OWN = {"unit": pa.string(), "available": pa.timestamp("us"), "source_id": pa.string()}
_CORE = {kind.name: kind.type for kind in meds.DataSchema.schema()}


def recognises(folder: Path) -> bool:
    """Whether a folder is a MEDS data set: shards under `data/` (or under the splits' own names), and its metadata or their columns
    that say so.

    One that says so and whose shards are broken is recognised too, so that the message is about them.
    """
    if not (folder / meds.data_subdirectory).is_dir() and not any((folder / split).is_dir() for split in _SPLITS):
        return False
    shards = _shards(folder)
    if shards and (folder / meds.dataset_metadata_filepath).is_file():
        return True
    try:
        return bool(shards) and set(meds.DataSchema.required_columns()) <= set(pq.read_schema(shards[0]).names)
    except (pa.ArrowException, OSError):
        return False


def read(path: str | Path) -> Iterator[Batch]:
    """Read a MEDS data set, or one shard of it.

    Patients are known by their `subject_id`. Columns `unit`, `available` and `source_id` are used where there are any, as our own
    export writes them. Without `available` an event is known at its time. Without `unit` the `unit` column of `metadata/codes.parquet`
    counts, where the data set has one; a number whose unit nobody states keeps none (units are never guessed), and intake rejects it
    by name unless its code is one without dimension.

    Parameters
    ----------
    path : path
        The folder of the data set, or a `.parquet` file.

    Yields
    ------
    Batch
        At most `ROWS` events each. Splits are not taken over: the record makes its own.

    Raises
    ------
    FormatError
        When a shard is not Parquet or breaks the schema of MEDS; the message names the column. Text may be `string` or
        `large_string`, and numbers of any floating width: writers differ.
    NotFoundError
        When there is no such folder or file.
    """
    path = Path(path)
    if not path.exists():
        raise NotFoundError("No such data set", where=str(path), do="check the path")
    shards = _shards(path) if path.is_dir() else [path]
    if not shards:
        raise FormatError(
            "Not a MEDS data set", where=path.name, found="no Parquet file", expected="data/", do="name the folder that holds data/"
        )
    for shard in shards:
        _check(shard, path)
    return _read(shards, path)


def about(path: str | Path) -> Source:
    """What a data set says of itself in `metadata/dataset.json`."""
    place = Path(path)
    file = place / meds.dataset_metadata_filepath
    try:
        said = orjson.loads(file.read_bytes()) if file.is_file() else {}
    except orjson.JSONDecodeError:
        said = {}
    told = {key: str(value) for key, value in said.items() if value} if isinstance(said, dict) else {}
    version = "; ".join(filter(None, (f"MEDS {told.get('meds_version', '')}".strip(), told.get("dataset_version", ""))))
    return Source(
        told.get("dataset_name") or place.resolve().name, version, told.get("location_uri", ""), told.get("created_at", "")[:10],
        told.get("license", ""),
    )  # fmt: skip


def _shards(folder: Path) -> list[Path]:
    data = folder / meds.data_subdirectory
    roots = [data] if data.is_dir() else [folder / split for split in _SPLITS]
    home = folder.resolve()
    return [p for root in roots for p in sorted(root.rglob("*.parquet")) if p.is_file() and p.resolve().is_relative_to(home)]


def _check(shard: Path, path: Path) -> None:
    where = _name(shard, path)
    try:
        schema = pq.read_schema(shard)
    except (pa.ArrowException, OSError) as broken:
        raise FormatError("Not a Parquet file", where=where, found=str(broken).splitlines()[0], do="copy or export it again") from None
    wide = pa.schema([pa.field(kind.name, _as_meds(kind)) for kind in schema])
    try:
        meds.DataSchema.validate(wide)
    except SchemaValidationError as broken:
        raise FormatError("The data break the schema of MEDS", where=where, found=str(broken), expected="the columns of MEDS 0.4") from None
    for name, kind in _OWN.items():
        if name in schema.names and _width(schema.field(name).type) != kind:
            raise FormatError(f"The column {name} is of another type", where=where, found=str(schema.field(name).type), expected=str(kind))


def _as_meds(kind: pa.Field) -> pa.DataType:
    core = _CORE.get(kind.name)
    return core if core is not None and _width(kind.type) == _width(core) else kind.type


def _width(kind: pa.DataType) -> pa.DataType:
    """One type for all widths of text or of floating numbers."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_floating(kind):
        return pa.float64()
    return pa.string() if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind


def _read(shards: list[Path], path: Path) -> Iterator[Batch]:
    names, units = _codes(path)
    for shard in shards:
        where = _name(shard, path)
        with pq.ParquetFile(shard) as file:
            columns = [name for name in (*_CORE, *_OWN) if name in file.schema_arrow.names]
            first = 1
            for batch in file.iter_batches(ROWS, columns=columns):
                yield _batch(pa.Table.from_batches([batch]), where, first, path, names, units)
                names = {}  # said once, with the first batch
                first += batch.num_rows


def _batch(rows: pa.Table, where: str, first: int, path: Path, names: Mapping[str, str], units: Mapping[str, str]) -> Batch:
    place = pa.array(range(first, first + rows.num_rows), pa.int64())
    rows = rows.append_column("place", place)
    nameless = pc.or_(pc.is_null(rows["subject_id"]), pc.is_null(rows["code"]))
    told = rows.filter(nameless).select(["subject_id", "code", "place"]).to_pylist()
    reason = "an event without subject_id or code"
    rejects = tuple(
        Reject(path.name, f"{where}#{row['place']}", reason, "", row["code"] or "", "", str(row["subject_id"] or "")) for row in told
    )
    good = rows.filter(pc.invert(nameless))
    code = good["code"].cast(pa.string())
    used = pc.unique(code).to_pylist()
    time = good["time"].cast(pa.timestamp("us"))
    own = {name: good[name].cast(kind) for name, kind in _OWN.items() if name in good.column_names}
    known = own.get("available", pa.nulls(len(good), pa.timestamp("us")))
    label = pc.binary_join_element_wise(pa.scalar(where), good["place"].cast(pa.string()), "#")
    unit = own.get("unit", pa.nulls(len(good), pa.string()))
    number = good["numeric_value"].cast(pa.float64()) if "numeric_value" in good.column_names else pa.nulls(len(good), pa.float64())
    if units:
        stated = pa.array([units.get(one) for one in used], pa.string()).take(pc.index_in(code, pa.array(used, pa.string())))
        unit = pc.coalesce(unit, pc.if_else(pc.is_valid(number), stated, pa.scalar(None, pa.string())))
    text = good["text_value"].cast(pa.large_string()) if "text_value" in good.column_names else pa.nulls(len(good), pa.large_string())
    columns = {
        "patient_id": good["subject_id"].cast(pa.string()), "time": time, "code": code, "numeric_value": number, "text_value": text,
        "unit": unit, "available": pc.max_element_wise(known, time), "source_id": pc.coalesce(own.get("source_id", label), label),
    }  # fmt: skip
    events = pa.table([columns[name] for name in AS_SENT.names], schema=AS_SENT)
    return Batch(named(events, names), rows.num_rows, good.num_rows, rejects)


def _codes(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Descriptions and units of codes, where the data set states them."""
    file = path / meds.code_metadata_filepath
    if not file.is_file():
        return {}, {}
    try:
        table = pq.read_table(file, partitioning=None)
    except (pa.ArrowException, OSError) as broken:
        raise FormatError("The metadata of the codes cannot be read", where=file.name, found=str(broken).splitlines()[0]) from None
    if "code" not in table.column_names:
        raise FormatError("The metadata of the codes break the schema of MEDS", where=file.name, found=table.column_names, expected="code")
    told = []
    for name in ("description", "unit"):
        values = table[name].to_pylist() if name in table.column_names else []
        told.append({code: str(value) for code, value in zip(table["code"].to_pylist(), values, strict=False) if code and value})
    return told[0], told[1]


def _name(shard: Path, path: Path) -> str:
    return shard.relative_to(path).as_posix() if path.is_dir() else shard.name

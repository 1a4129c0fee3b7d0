"""Report file: a report as JSON, exact in both directions, and refused with the field's name when damaged."""

from __future__ import annotations

import math
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from consilium.core import Report
from consilium.core.errors import FormatError, ModelError, NotFoundError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

AGAIN = "fit and validate the specialist again to write a whole report"


def to_json(report: Report) -> bytes:
    """Write a report as indented JSON, fields in the order of `Report`, ending in a newline.

    Raises
    ------
    ModelError
        When a number of the report is not finite, which JSON cannot hold.
    """
    plain = _adapter().dump_python(report)
    for field, value in _leaves(plain):
        if isinstance(value, float) and not math.isfinite(value):
            raise ModelError("A number of the report is not finite", where=f"report of {report.card}, {field}", found=value)
    return orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_json(data: bytes, *, where: str = "report") -> Report:
    """Read a report from JSON.

    Parameters
    ----------
    data : bytes
        UTF-8 JSON as `to_json` writes it.
    where : str
        File name for errors.

    Raises
    ------
    FormatError
        When it is no JSON, when a field lacks, has the wrong type or is not known, or when the report breaks its own law.
    """
    from pydantic import ValidationError

    try:
        sent = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FormatError("The report is no JSON", where=where, found=str(error), do=AGAIN) from error
    try:
        report = _adapter().validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise FormatError("The report is damaged", where=f"{where}, field {field}", found=first["msg"], do=AGAIN) from error
    known = {field for field, _ in _leaves(_adapter().dump_python(report))}
    for field, _ in _leaves(sent):
        if field not in known:
            raise FormatError("The report has a field that is not known", where=f"{where}, field {field}", do=AGAIN)
    return report


def write_report(path: str | os.PathLike[str], report: Report) -> None:
    """Write a report file: aside first, then in its place, so that a reader sees the old or the new one and never half of one.

    Raises
    ------
    ModelError
        As `to_json`.
    OSError
        When the folder cannot be written.
    """
    data, target = to_json(report), Path(path)
    handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp writes for the owner alone; a report is for whoever may read its folder.
        Path(aside).chmod(0o644)
        Path(aside).replace(target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def read_report(path: str | os.PathLike[str]) -> Report:
    """Read a report file.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        As `from_json`.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError("There is no report", where=str(path), do="run `consilium fit` and `consilium validate` first") from error
    return from_json(data, where=str(path))


@cache
def _adapter() -> TypeAdapter[Report]:
    from pydantic import TypeAdapter

    return TypeAdapter(Report)


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every plain value with its dotted path; an empty list or mapping is a value too."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    found = [leaf for key, child in children for leaf in _leaves(child, f"{path}.{key}" if path else str(key))]
    return found or [(path, value)]

"""Site file: one hospital's calibration of a specialist as JSON, written whole or not at all, read only for the model it was made for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import orjson

from consilium.core.errors import CardError, ModelError, NotFoundError
from consilium.models.served import ServedModel
from consilium.models.site import Site

FORM = 1


def write_site(folder: Path, name: str, version: str, model_sha256: str, site: Site, *, fingerprint: str, period: str) -> Path:
    """Write `folder/<name>.json`, aside first and then in its place; the folder is made when absent."""
    told = {
        "form": FORM, "specialist": name, "version": version, "model_sha256": model_sha256, "data_fingerprint": fingerprint,
        "period": period, "site": site.as_json(),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.json"
    handle, aside = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        Path(aside).chmod(0o644)
        Path(aside).replace(target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    return target


def need_folder(folder: Path) -> None:
    """Raise NotFoundError where there is no folder of calibrations: a hospital that asked for its own must not get the shipped ones."""
    if not folder.is_dir():
        raise NotFoundError("There is no folder of site calibrations", where=str(folder), do="run `consilium recalibrate`, or leave it out")


def at_site(name: str, model: ServedModel, folder: Path) -> ServedModel:
    """The model with its site calibration, where the folder holds one; else as it is.

    Raises
    ------
    NotFoundError
        When there is no such folder.
    CardError
        When the file was made for another model: the specialist must not sit with it, nor silently without it.
    ModelError
        When it cannot be read.
    """
    need_folder(folder)
    file = folder / f"{name}.json"
    if not file.is_file():
        return model
    try:
        told = orjson.loads(file.read_bytes())
        site, sha, form = Site.of_json(told["site"]), str(told["model_sha256"]), told.get("form")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            "A site calibration cannot be read", where=str(file), found=repr(error), do=f"run `consilium recalibrate {name}` again"
        ) from error
    if sha != model.sha256 or form != FORM:
        raise CardError(
            "A site calibration was made for another model",
            where=str(file),
            found=sha[:12],
            expected=model.sha256[:12],
            do=f"run `consilium recalibrate {name}` again, or take the file away",
        )
    return model.at_site(site)

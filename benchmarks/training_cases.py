"""Training cases: the patients of a specialist's data set, read as `consilium fit` reads them."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from consilium import open_record
from consilium.cli.verbs import HasEvents, training_data
from consilium.record.layout import MANIFEST
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import Cases, cases
from consilium.specialists.roster import folder_of

SHARED = Path(__file__).parents[2] / "shared" / "data"


def read(name: str, data: Path | None) -> Cases:
    """Cases of a specialist, from the folder of its data set or of a record that was made from it."""
    with record_of(folder_of(name), data) as record:
        return cases(read_card(folder_of(name) / "card.yaml"), pa.concat_tables(list(record.events())))


@contextmanager
def record_of(folder: Path, data: Path | None) -> Iterator[HasEvents]:
    """The data set of a specialist's folder as a record; a folder that is one already is opened as it is."""
    if data is not None and (data / MANIFEST).exists():
        yield open_record(data)
        return
    with tempfile.TemporaryDirectory() as temporary:
        if data is not None:
            archives = sorted(data.glob("*.zip"))
            if not archives and not any([*data.glob("*.csv"), *data.glob("*.parquet")]):
                sys.exit(f"There is no data set in {data}: give its folder with --data")
            for archive in archives:
                zipfile.ZipFile(archive).extractall(temporary)
            data = Path(temporary) if archives else data
        with training_data(folder, data) as (record, _):
            yield record

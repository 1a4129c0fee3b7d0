"""Training cases: the patients of a specialist's data set, read as `consilium fit` reads them."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa

from consilium.cli.verbs import training_data
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import Cases, cases
from consilium.specialists.roster import folder_of

SHARED = Path(__file__).parents[2] / "shared" / "data"


def read(name: str, data: Path | None) -> Cases:
    folder = folder_of(name)
    with tempfile.TemporaryDirectory() as temporary:
        if data is not None:
            archives = sorted(data.glob("*.zip"))
            if not archives and not any(data.glob("*.csv")):
                sys.exit(f"There is no data set in {data}: give its folder with --data")
            for archive in archives:
                zipfile.ZipFile(archive).extractall(temporary)
            data = Path(temporary) if archives else data
        with training_data(folder, data) as (record, _):
            return cases(read_card(folder / "card.yaml"), pa.concat_tables(list(record.events())))

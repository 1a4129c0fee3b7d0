"""HDF5: groups of arrays read as one table, and what is no such thing refused."""

import numpy as np
import pytest

from consilium.core.errors import FormatError
from consilium.sources import csv
from consilium.sources.csv import hdf5

h5py = pytest.importorskip("h5py")
MAPPING = """
name: made
source: {name: made, version: "1", url: "https://example.org", licence: CC0-1.0}
patient: "{group}-{row}"
time: {assume: "2000-01-01T00:00:00Z", reason: made}
columns:
  group: {code: CONSILIUM//study, text: true}
  x0: {code: LOINC//2524-7, unit: mmol/L}
events:
  - {code: CONSILIUM//recurrence-or-death, where: {e: [1]}, time: {assume: "2000-01-01T00:00:00Z", elapsed: t, unit: mo, reason: made}}
ignore: [x1]
"""


def written(path, groups):
    with h5py.File(path, "w") as file:
        for name, arrays in groups.items():
            for key, array in arrays.items():
                file.create_dataset(f"{name}/{key}", data=array)
    return path


def part(x, t, e):
    return {"x": np.array(x, np.float32), "t": np.array(t, np.float32), "e": np.array(e, np.int32)}


def test_groups_become_rows_and_events(tmp_path):
    path = written(tmp_path / "made.h5", {"test": part([[1.5, 0]], [2.0], [1]), "train": part([[2.5, 1], [np.nan, 0]], [3.0, 4.0], [0, 1])})
    assert hdf5.table(path).to_pydict()["group"] == ["test", "train", "train"]
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    events = [row for batch in csv.read(path, tmp_path / "mapping.yaml") for row in batch.events.to_pylist()]
    values = [(row["patient_id"], row["numeric_value"]) for row in events if row["code"] == "LOINC//2524-7"]
    assert values == [("test-1", 1.5), ("train-2", 2.5)]
    happened = [(row["patient_id"], row["time"]) for row in events if row["code"] == "CONSILIUM//recurrence-or-death"]
    assert [who for who, _ in happened] == ["test-1", "train-3"]
    # A month is a twelfth of a year of 365.25 days.
    assert str(happened[0][1]).startswith("2000-03-01 21:00")


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"a": {"x": np.zeros((2, 2)), "t": np.zeros(3)}}, "differ in length"),
        ({"a": {"x": np.zeros((2, 2, 2))}}, "no table of numbers"),
        ({"a": {"x": np.zeros(2)}, "b": {"y": np.zeros(2)}}, "different arrays"),
        ({"a": {"b": np.array([b"text"])}}, "no table of numbers"),
        ({}, "no groups"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, groups, words):
    with pytest.raises(FormatError, match=words):
        hdf5.table(written(tmp_path / "made.h5", groups))


def test_what_is_no_hdf5_or_reaches_outside_is_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no such thing")
    with pytest.raises(FormatError, match="not HDF5"):
        hdf5.table(tmp_path / "text.h5")
    (tmp_path / "secret").write_bytes(b"\0" * 64)
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file.create_dataset("a/x", shape=(4,), dtype=np.float64, external=[(str(tmp_path / "secret"), 0, 32)])
    with pytest.raises(FormatError, match="within the file"):
        hdf5.table(tmp_path / "outside.h5")

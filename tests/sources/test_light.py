"""Light: what is left unbuilt changes no event and no reject."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from consilium.core import Batch
from consilium.core.errors import FormatError
from consilium.sources import fhir
from consilium.sources.fhir.light import bundle

reading = importlib.import_module("consilium.sources.fhir.read")
EXAMPLES = Path(fhir.__file__).parents[1] / "examples" / "fhir"


def all_of(batches: list[Batch]) -> list[object]:
    return [(b.events.to_pylist(), b.events.schema.metadata, b.rows, b.read, b.rejects) for b in batches]


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Read a file with and without; the same must come out, an error included."""

    def compare(path: Path) -> None:
        def read() -> object:
            try:
                return all_of(list(fhir.read(path)))
            except FormatError as refused:
                return str(refused)

        quick = read()
        with monkeypatch.context() as patched:
            patched.setattr(reading, "bundle", lambda data: None)
            assert read() == quick

    return compare


CLAIM = {"resourceType": "Claim", "id": "c1", "item": [{"sequence": 1}]}
ODD: list[Any] = [
    {"entry": [{"resource": CLAIM}, {"resource": {"id": "c2", "resourceType": "Claim"}}]},
    {"entry": [{"resource": {"resourceType": "Claim", "item": [], "id": "late"}}, {"resource": {"resourceType": "Claim"}}]},
    {"entry": [{"resource": {"resourceType": "Claim", "id": 'a"b'}}, {"resource": {"resourceType": "Claim", "id": 3}}]},
    {
        "entry": [
            {"resource": {"resourceType": "Claim", "id": "Ω"}},
            {"resource": {"resourceType": "Bundle", "id": "b", "entry": [{"resource": CLAIM}]}},
        ]
    },
    {"entry": [{"resource": None}, {}, {"resource": []}, {"resource": "Patient"}, {"resource": 1, "fullUrl": 7}]},
    {
        "entry": [
            {"fullUrl": "urn:uuid:c1", "resource": CLAIM},
            {"resource": {"resourceType": "Condition", "subject": {"reference": "urn:uuid:c1"}}},
        ]
    },
    {"entry": [None]},
    {"entry": [[]]},
    {"entry": {}},
    {"entry": None},
    {},
    {"entry": [], "meta": "odd", "timestamp": 3},
    {"entry": [{"resource": {"resourceType": "CapabilityStatement", "id": "x", "fhirVersion": "5.0.0"}}]},
    {"entry": [], "fhirVersion": "5.0.0"},
    {"entry": [], "extension": [{"url": "http://x/fhirVersion", "valueString": "3.0.1"}]},
]


@pytest.mark.parametrize("said", ODD, ids=range(len(ODD)))
def test_odd_bundles(said: dict[str, Any], both: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_bytes(orjson.dumps({"resourceType": "Bundle", "type": "collection", **said}))
    both(tmp_path / "odd.json")


@pytest.mark.parametrize(
    "text",
    [b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Claim", "id": "1", ', b'{"resourceType": "Bundle", "entry": [}',
     b'{"resourceType": "Bundle", "entry": []} more', b"[1]", b'"Bundle"', b'{"resourceType": 7, "entry": []}'],
)  # fmt: skip
def test_broken_documents(text: bytes, both: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(text)
    both(tmp_path / "broken.json")


def test_the_example(both: Callable[[Path], None]) -> None:
    assert bundle((EXAMPLES / "bundle.json").read_bytes()) is not None
    both(EXAMPLES / "bundle.json")


def test_public_bundles(both: Callable[[Path], None], unzipped: Callable[[str], Path]) -> None:
    files = [path for path in sorted(unzipped("synthea_fhir_r4").rglob("*.json")) if b'"Bundle"' in path.read_bytes()[:4096]]
    assert len(files) > 50
    for path in files[::4]:
        light = bundle(path.read_bytes())
        assert light is not None
        assert any(set(entry["resource"]) == {"resourceType", "id"} for entry in light["entry"])
        both(path)

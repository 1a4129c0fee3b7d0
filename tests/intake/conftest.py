"""What the tests of sources share: short ways to write FHIR and to see what was read."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consilium.core import Batch
from consilium.sources.fhir import read_resources

SHARED = Path(__file__).parents[3] / "shared" / "data"
SYSTEMS = {
    "LOINC": "http://loinc.org",
    "SNOMED": "http://snomed.info/sct",
    "RxNorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "NDC": "http://hl7.org/fhir/sid/ndc",
}


@pytest.fixture
def concept() -> Callable[..., dict[str, Any]]:
    """`concept("LOINC//2524-7", "ACME//x", text="Lactate")` as a CodeableConcept."""

    def make(*codes: str, text: str = "") -> dict[str, Any]:
        pairs = [code.split("//", 1) for code in codes]
        coding = [{"system": SYSTEMS.get(v, f"http://{v.lower()}.example"), "code": c, "display": f"name of {c}"} for v, c in pairs]
        return {**({"coding": coding} if coding else {}), **({"text": text} if text else {})}

    return make


@pytest.fixture
def read() -> Callable[..., Batch]:
    """Read resources about `Patient/p`, and hold the law of sources."""

    def reading(*resources: dict[str, Any], received: int | None = None) -> Batch:
        sent = [{"id": str(n), **r} for n, r in enumerate(resources, start=1)]
        batch = read_resources(sent, "test", received=received)
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
        return batch

    return reading


@pytest.fixture
def unzipped(tmp_path: Path) -> Callable[[str], Path]:
    """Unpack one of the shared data sets; skip where it is absent."""

    def unpack(name: str) -> Path:
        archive = SHARED / name / f"{name}.zip"
        if not archive.is_file():
            pytest.skip(f"the data set {name} is not at {archive}")
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(tmp_path / name)
        return tmp_path / name

    return unpack

"""A small ward behind the service: a record, a council and a clock that stand in for the rooms below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from consilium.core import Absence, Advice, Consultation, Evidence, Opinion, Patient, Reject, Source
from consilium.core.errors import NotFoundError
from consilium.core.events import table
from consilium.knowledge import Shelf
from consilium.serve import app

NOW = datetime(2026, 1, 3, 8, 0)
PEOPLE = (("42", "Karl Weber", "1961-05-02", "GENDER//M"), ("a/7 ü", "Amara Okafor", "1990-08-20", "GENDER//F"), ("x", "", "", ""))


@dataclass(frozen=True)
class NoDrugs:
    """A drug table that knows nothing."""

    def ingredients(self, code: str, text: str = "") -> tuple[str, ...]:
        return ()


def event(
    subject: int, code: str, when: str = "", text: str | None = None, value: float | None = None, unit: str | None = None
) -> dict[str, Any]:
    time = datetime.fromisoformat(when) if when else None
    return {"subject_id": subject, "time": time, "code": code, "text_value": text, "numeric_value": value, "unit": unit, "available": time}


class Ward:
    """A record of three patients in one shard."""

    generation = 1

    def __init__(self, root: Path) -> None:
        self.root = root
        rows = []
        for subject, (_, name, born, sex) in enumerate(PEOPLE):
            rows += [event(subject, "NAME", text=name)] if name else []
            rows += [event(subject, sex)] if sex else []
            rows += (
                [event(subject, "MEDS_BIRTH", born), event(subject, "LOINC//2160-0", f"2025-12-0{subject + 1}", None, 0.9, "mg/dL")]
                if born
                else []
            )
        self.shard = root / "0.parquet"
        pq.write_table(table(rows), self.shard)

    def latest(self) -> Ward:
        return self

    def patients(self) -> list[tuple[str, int]]:
        return [(person[0], subject) for subject, person in enumerate(PEOPLE)]

    def shards(self) -> tuple[Path, ...]:
        return (self.shard,)

    def descriptions(self) -> dict[str, str]:
        return {"LOINC//2160-0": "Creatinine, as sent"}

    def patient(self, patient_id: str, as_of: str | None = None) -> Patient:
        found = dict(self.patients()).get(patient_id)
        if found is None:
            raise NotFoundError("There is no such patient", where=str(self.root), found=patient_id, expected=["42"], do="look at the list")
        events = pq.read_table(self.shard)
        mine = [row for row in events.to_pylist() if row["subject_id"] == found]
        at = datetime.fromisoformat(as_of) if as_of else datetime(2025, 12, 31)
        return Patient(patient_id, at, table([row for row in mine if row["available"] is None or row["available"] <= at]))


def consultation(patient: Patient, language: str) -> Consultation:
    base = Evidence("base", "base", weight=-1.0)
    opinion = Opinion("heart_disease", "SNOMED//53741008", 0.8, 0.7, 0.9, "", (base,), source="heart_disease 1.0 (0123456789ab)")
    advice = Advice(
        "order", "LOINC//2093-3", {"en": "Measure cholesterol", "zh": "检测胆固醇"}[language], "", "I A", ("risk",), Source("guideline")
    )
    return Consultation(patient.id, patient.as_of, (opinion,), (advice,), (), (Absence("breast_mass", "not raised"),), language)


@dataclass
class House:
    """The service's stand-ins, to be changed by a test before it calls."""

    folder: Path
    heard: list[tuple[Patient, str]] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)
    rejects: tuple[Reject, ...] = ()
    crash: BaseException | None = None

    def consult(self, patient: Patient, *, roster: Any, shelf: Shelf, language: str) -> Consultation:
        if self.crash is not None:
            raise self.crash
        self.heard.append((patient, language))
        return consultation(patient, language)

    def prefetched(
        self, resources: list[dict[str, Any]], patient_id: str, as_of: datetime, shelf: Shelf
    ) -> tuple[Patient, tuple[Reject, ...]]:
        self.received = resources
        return Patient(patient_id, as_of, table([])), self.rejects

    def roster(self) -> Any:
        estimate = SimpleNamespace(value=0.84, low=0.8, high=0.88)
        card = SimpleNamespace(
            name="heart_disease",
            version="1.0",
            title={"en": "Heart disease", "zh": "冠心病"},
            condition="SNOMED//53741008",
            intended="adults",
            not_for="children",
        )
        report = SimpleNamespace(auroc=estimate, slope=estimate, proof="four hospitals held out in turn", model_sha256="0" * 64)
        seated = SimpleNamespace(name="heart_disease", seat=SimpleNamespace(card=card, report=report), folder=self.folder)
        return SimpleNamespace(seated=(seated,), standing=(SimpleNamespace(name="sepsis", reason="There is no model yet"),))

    def client(self, **more: Any) -> TestClient:
        ward = Ward(self.folder)
        standing: dict[str, Callable[..., Any]] = {
            "consult": self.consult,
            "prefetched": self.prefetched,
            "open_record": lambda path: ward,
            "roster": self.roster,
            "shelf": lambda: Shelf({}, None, {}, {}, NoDrugs(), None, None, ()),  # type: ignore[arg-type]
            "now": lambda: NOW,
            "keep_feedback": self.kept.append,
        }
        made = app(self.folder, **{"base_url": "https://ward.example", **standing, **more})
        return TestClient(made, raise_server_exceptions=False)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def client(house: House) -> TestClient:
    return house.client()

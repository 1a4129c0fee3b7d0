"""A thousand generated patients, written as FHIR, OMOP, MEDS and CSV: the same facts in four forms."""

import csv
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from consilium.knowledge import shelf

START = datetime(2024, 1, 1)
NUCLEI = [
    f"nucleus-{feature}-{kind}"
    for kind in ("mean", "se", "worst")
    for feature in (
        "radius",
        "texture",
        "perimeter",
        "area",
        "smoothness",
        "compactness",
        "concavity",
        "concave-points",
        "symmetry",
        "fractal-dimension",
    )
]
# code -> (unit, low, high, digits); a second unit is how the other half of the world would send it
NUMBERS = {
    "LOINC//8480-6": ("mm[Hg]", 95, 195, 0),
    "LOINC//2093-3": ("mg/dL", 120, 400, 0),
    "CONSILIUM//exercise-heart-rate-max": ("/min", 75, 198, 0),
    "CONSILIUM//exercise-st-depression": ("mm", 0, 5, 1),
    **{f"CONSILIUM//{n}": ("[arb'U]", 0.01, 0.2, 4) for n in NUCLEI},
}
ANSWERS = {
    "CONSILIUM//chest-pain-type": ["SNOMED//429559004", "SNOMED//371807002", "SNOMED//274668005", "SNOMED//84387000"],
    "CONSILIUM//resting-ecg": ["SNOMED//164854000", "SNOMED//428750005", "SNOMED//164873001"],
    "CONSILIUM//exercise-induced-angina": ["SNOMED//373066001", "SNOMED//373067005"],
}
SYSTEMS = {"LOINC": "http://loinc.org", "SNOMED": "http://snomed.info/sct", "CONSILIUM": "urn:consilium:codes"}


@dataclass
class Person:
    id: int
    sex: str
    born: datetime
    numbers: list[tuple[str, datetime, float, str]] = field(default_factory=list)
    answers: list[tuple[str, datetime, str]] = field(default_factory=list)


def people(n: int, seed: int) -> list[Person]:
    draw = np.random.default_rng(seed)
    made = []
    for i in range(n):
        born = datetime(int(draw.integers(1945, 1990)), int(draw.integers(1, 13)), int(draw.integers(1, 28)))
        person = Person(1000 + i, "FM"[int(draw.integers(2))], born)
        for code, (unit, low, high, digits) in NUMBERS.items():
            for _ in range(int(draw.integers(0, 3)) if "nucleus" not in code else 1):
                person.numbers.append((code, moment(draw), round(float(draw.uniform(low, high)), digits), unit))
        for code, choices in ANSWERS.items():
            for _ in range(int(draw.integers(0, 3))):
                person.answers.append((code, moment(draw), str(draw.choice(choices))))
        made.append(person)
    return made


def moment(draw: np.random.Generator) -> datetime:
    return START + timedelta(minutes=int(draw.integers(0, 300 * 24 * 60)))


def coding(code: str) -> dict:
    vocabulary, _, value = code.partition("//")
    return {"coding": [{"system": SYSTEMS[vocabulary], "code": value}]}


def fhir(made: list[Person], folder: Path) -> Path:
    folder.mkdir()
    lines = []
    for p in made:
        lines.append(
            {"resourceType": "Patient", "id": str(p.id), "gender": {"F": "female", "M": "male"}[p.sex], "birthDate": f"{p.born:%Y-%m-%d}"}
        )
        for n, (code, time, value, unit) in enumerate(p.numbers):
            quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
            lines.append({**observation(p, f"n{n}", code, time), "valueQuantity": quantity})
        for n, (code, time, answer) in enumerate(p.answers):
            lines.append({**observation(p, f"a{n}", code, time), "valueCodeableConcept": coding(answer)})
    (folder / "all.ndjson").write_text("\n".join(map(json.dumps, lines)))
    return folder


def observation(p: Person, key: str, code: str, time: datetime) -> dict:
    at = time.isoformat() + "Z"
    return {
        "resourceType": "Observation", "id": f"{p.id}-{key}", "status": "final", "subject": {"reference": f"Patient/{p.id}"},
        "code": coding(code), "effectiveDateTime": at, "issued": at,
    }  # fmt: skip


def omop(made: list[Person], folder: Path) -> Path:
    folder.mkdir()
    concepts: dict[tuple[str, str], int] = {}

    def concept(vocabulary: str, code: str) -> int:
        return concepts.setdefault((vocabulary, code), 2_000_000_000 + len(concepts))

    person, measurement, observed = [], [], []
    for p in made:
        person.append({
            "person_id": p.id, "gender_concept_id": {"F": 8532, "M": 8507}[p.sex], "year_of_birth": p.born.year,
            "month_of_birth": p.born.month, "day_of_birth": p.born.day, "birth_datetime": "", "race_concept_id": 0,
            "ethnicity_concept_id": 0, "person_source_value": str(p.id),
        })  # fmt: skip
        for code, time, value, unit in p.numbers:
            measurement.append({
                "measurement_id": len(measurement) + 1, "person_id": p.id, "measurement_concept_id": concept(*code.split("//")),
                "measurement_date": f"{time:%Y-%m-%d}", "measurement_datetime": f"{time:%Y-%m-%d %H:%M:%S}",
                "measurement_type_concept_id": 32817, "value_as_number": repr(value), "unit_concept_id": concept("UCUM", unit),
                "unit_source_value": unit, "measurement_source_value": code,
            })  # fmt: skip
        for code, time, answer in p.answers:
            observed.append({
                "observation_id": len(observed) + 1, "person_id": p.id, "observation_concept_id": concept(*code.split("//")),
                "observation_date": f"{time:%Y-%m-%d}", "observation_datetime": f"{time:%Y-%m-%d %H:%M:%S}",
                "observation_type_concept_id": 32817, "value_as_concept_id": concept(*answer.split("//")),
                "observation_source_value": code,
            })  # fmt: skip
    names = [
        {"concept_id": i, "concept_name": code, "domain_id": "Measurement", "vocabulary_id": vocabulary, "concept_class_id": "x",
         "standard_concept": "S", "concept_code": code}
        for (vocabulary, code), i in concepts.items()
    ]  # fmt: skip
    for name, rows in (("person", person), ("measurement", measurement), ("observation", observed), ("concept", names)):
        with (folder / f"{name}.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def meds(made: list[Person], folder: Path) -> Path:
    rows = []
    for p in made:
        own = [
            (None, f"GENDER//{p.sex}", None, None, None),
            (p.born, "MEDS_BIRTH", None, None, None),
            *((time, code, value, None, unit) for code, time, value, unit in p.numbers),
            *((time, code, None, answer, None) for code, time, answer in p.answers),
        ]
        rows += [(p.id, *r) for r in sorted(own, key=lambda r: r[0] or datetime.min)]
    names = ("subject_id", "time", "code", "numeric_value", "text_value", "unit")
    kinds = (pa.int64(), pa.timestamp("us"), pa.string(), pa.float32(), pa.large_string(), pa.string())
    table = pa.table({n: pa.array(column, kind) for n, kind, column in zip(names, kinds, zip(*rows, strict=True), strict=True)})
    (folder / "data" / "train").mkdir(parents=True)
    (folder / "metadata").mkdir()
    pq.write_table(table, folder / "data" / "train" / "0.parquet")
    codes = sorted(set(table["code"].to_pylist()))
    described = {"code": codes, "description": codes, "parent_codes": pa.array([None] * len(codes), pa.list_(pa.string()))}
    pq.write_table(pa.table(described), folder / "metadata" / "codes.parquet")
    (folder / "metadata" / "dataset.json").write_text(json.dumps({"dataset_name": "four forms", "meds_version": "0.4.1"}))
    splits = {"subject_id": pa.array([p.id for p in made], pa.int64()), "split": ["train"] * len(made)}
    pq.write_table(pa.table(splits), folder / "metadata" / "subject_splits.parquet")
    return folder


def table(made: list[Person], folder: Path) -> tuple[Path, Path]:
    """One row a fact: CSV as a research table would be, and its mapping."""
    folder.mkdir()
    codes = [*NUMBERS, *ANSWERS]
    columns = {code: code.partition("//")[2] for code in codes}
    with (folder / "facts.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "sex", "born", "at", *columns.values()], restval="")
        writer.writeheader()
        for p in made:
            base = {"id": p.id, "sex": p.sex, "born": f"{p.born:%Y-%m-%d}"}
            for code, time, value, _ in p.numbers:
                writer.writerow({**base, "at": time.isoformat(), columns[code]: repr(value)})
            for code, time, answer in p.answers:
                writer.writerow({**base, "at": time.isoformat(), columns[code]: answer})
    said = {
        "name": "four forms",
        "patient": "{id}",
        "time": {"column": "at", "format": "%Y-%m-%dT%H:%M:%S", "zone": "UTC"},
        "birth": {"column": "born", "format": "%Y-%m-%d"},
        "sex": {"column": "sex", "values": {"F": "F", "M": "M"}},
        "columns": {
            **{columns[c]: {"code": c, "unit": unit} for c, (unit, *_) in NUMBERS.items()},
            **{columns[c]: {"code": c, "values": {answer: answer for answer in choices}} for c, choices in ANSWERS.items()},
        },
    }
    (folder / "mapping.yaml").write_text(yaml.safe_dump(said))
    return folder / "facts.csv", folder / "mapping.yaml"


def in_other_units(made: list[Person]) -> list[Person]:
    """The same people from a country that writes cholesterol in mmol/L and pressure in kPa."""
    other = {"mg/dL": "mmol/L", "mm[Hg]": "kPa"}

    def sent(code: str, time: datetime, value: float, unit: str) -> tuple[str, datetime, float, str]:
        to = other.get(unit, unit)
        return code, time, shelf().units.convert(value, unit, to, code), to

    return [Person(p.id, p.sex, p.born, [sent(*number) for number in p.numbers], p.answers) for p in made]

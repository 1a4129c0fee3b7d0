"""Real laboratories and two synthetic exports: what is found is true, and no unit alarm is false."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime

import polars as pl
import pytest

import consilium
from consilium.core.events import AS_SENT, Batch
from consilium.intake.normalise import normalise
from consilium.intake.subjects import recorded
from consilium.knowledge import shelf
from consilium.quality import quality
from consilium.record import writing

# Laboratory items of the MIMIC-IV demo whose LOINC code is plain from label and fluid.
ITEMS = {
    50971: "2823-3", 50983: "2951-2", 50912: "2160-0", 50902: "2075-0", 51006: "3094-0", 51221: "4544-3", 50882: "1963-8",
    50868: "33037-3", 51265: "777-3", 51222: "718-7", 51301: "6690-2", 51279: "789-8", 51249: "786-4", 51250: "787-2", 51248: "785-6",
    51277: "788-0", 50931: "2345-7", 50960: "19123-9", 50893: "17861-6", 50970: "2777-1", 50878: "1920-8", 50861: "1742-6",
    50885: "1975-2", 50863: "6768-6", 50813: "32693-4", 50862: "1751-7", 51256: "770-8", 51244: "736-9", 50818: "2019-8",
    50821: "2703-7", 50852: "4548-4", 51000: "2571-8", 50907: "2093-3", 50904: "2085-9", 50924: "2276-4", 50889: "1988-5",
}  # fmt: skip


@pytest.fixture(scope="module")
def laboratory(unzipped, tmp_path_factory):
    path = next(unzipped("mimic_iv_demo").rglob("labevents.csv.gz"))
    rows = []
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            if int(row["itemid"]) in ITEMS and row["valuenum"]:
                taken, told = (datetime.fromisoformat(row[c] or row["charttime"]) for c in ("charttime", "storetime"))
                rows.append(
                    (row["subject_id"], taken, f"LOINC//{ITEMS[int(row['itemid'])]}", float(row["valuenum"]), None, row["valueuom"], told,
                     row["labevent_id"])
                )  # fmt: skip
    schema = pl.from_arrow(AS_SENT.empty_table()).schema
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    batch = normalise(Batch(frame.to_arrow().cast(AS_SENT), len(rows), len(rows)), shelf())
    events, people = recorded(batch.events)
    with writing(tmp_path_factory.mktemp("mimic") / "r") as w:
        w.add(events, people)
        w.reject(batch.rejects)
        return quality(w.commit({}))


def test_real_laboratories_raise_no_false_unit_alarm(laboratory):
    assert laboratory.events > 50_000 and len(laboratory.codes) >= 30
    assert not laboratory.of("unit_mix") and not laboratory.of("unit_whole")
    (mchc,) = laboratory.of("unit_wrong")  # the demo labels 1,205 of them as per cent: 33 % is 33 g/dL
    assert mchc.code == "LOINC//786-4" and mchc.facts["unit"] == "%"


def test_real_laboratories_keep_the_relations(laboratory):
    """Fifty thousand values of the very sick: haematocrit, MCV, anion gap, filtration - physiology holds, so no alarm may be raised."""
    assert not laboratory.of("relation")
    assert not laboratory.of("flatline") and not laboratory.of("edge") and not laboratory.of("gap")


def test_shifted_dates_are_one_note(laboratory):
    assert [f.severity for f in laboratory.of("future_shifted")] == ["note"] and not laboratory.of("future")


def test_synthea(unzipped, tmp_path):
    folder = unzipped("synthea_fhir_r4")
    report = quality(consilium.ingest(sorted(folder.rglob("*.json"))[:40], tmp_path / "r"))
    assert not report.of("unit_mix") and not report.of("unit_whole") and not report.of("unit_wrong")
    protein = next(f for f in report.of("refused") if f.code == "LOINC//2885-2")
    assert protein.facts["other"] == "g/L", "62 g/dL of protein, as sent, are g/L"
    assert {f.facts["relation"] for f in report.of("relation")} >= {"mch", "mcv"}, "drawn apart from one another, as Synthea does"

"""Time safety at the door: the command, the verb, and what fit and validate do with a leak."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

import consilium
from consilium.cli.main import app
from consilium.cli.verbs import example_ward, training_data
from consilium.core.errors import LeakageError
from consilium.record import Record
from consilium.specialists.card_file import read_card
from consilium.specialists.fit import fit, fit_and_prove, validate
from consilium.specialists.roster import folder_of

run = CliRunner()
LACTATE = "2524-7"


def invoke(*words: object):
    return run.invoke(app, [str(w) for w in words])


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("time") / "ward"
    assert invoke("ingest", example_ward() / "*.json", "--record", folder).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of sixty lactates that are issued at the very second of sampling, by a laboratory that else takes half an hour."""
    folder = tmp_path_factory.mktemp("leaky")
    entries = []
    for n in range(60):
        at = f"2025-03-{1 + n % 28:02d}T08:{n:02d}:17Z"
        value = {"value": 1.0 + n / 50, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}
        code = {"coding": [{"system": "http://loinc.org", "code": LACTATE}]}
        entries.append({"resourceType": "Patient", "id": f"p{n}", "gender": "female", "birthDate": "1970-01-01"})
        entries.append({"resourceType": "Observation", "id": f"o{n}", "status": "final", "subject": {"reference": f"Patient/p{n}"},
                        "code": code, "effectiveDateTime": at, "issued": at, "valueQuantity": value})  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in entries]}
    (folder / "export.json").write_text(json.dumps(bundle))
    assert invoke("ingest", folder / "export.json", "--record", folder / "record").exit_code == 0
    return folder / "record"


def test_a_ward_without_leaks_passes(ward: Path) -> None:
    done = invoke("check-time", "--record", ward)
    assert done.exit_code == 0 and "Nothing was found" in done.output
    named = invoke("check-time", "heart_disease", "--record", ward, "--format", "json")
    assert named.exit_code == 0
    told = json.loads(named.stdout)
    assert told["passes"] and told["events"] > 100 and told["notes"]


@pytest.mark.parametrize(("language", "words"), [("en", "time of issue was replaced"), ("zh", "签发时间被采样时间取代")])
def test_a_leak_is_shown_and_ends_with_exit_code_1(leaky: Path, language: str, words: str) -> None:
    shown = invoke("check-time", "--record", leaky, "--lang", language)
    assert shown.exit_code == 1 and "instant_result" in shown.output and words in "".join(shown.output.split("\n"))
    told = json.loads(invoke("check-time", "--record", leaky, "--lang", language, "--format", "json").stdout)
    (finding,) = told["findings"]
    assert not told["passes"] and finding["count"] == 60 and LACTATE in finding["where"] and words in finding["means"] and finding["do"]


def test_the_verb_says_what_the_command_says(leaky: Path) -> None:
    record = consilium.open_record(leaky)
    report = consilium.check_time(record)
    assert [f.kind for f in report.findings] == ["instant_result"] and not report.passes
    assert consilium.check_time(record, "heart_disease").rows == 0
    views = [consilium.check_time(view) for view in (record.train, record.held_out, record.tuning)]
    assert sum(view.events for view in views) == report.events


def test_bad_questions_are_refused_in_words(ward: Path, tmp_path: Path) -> None:
    for words in (["check-time"], ["check-time", "astrology", "--record", ward], ["check-time", "--record", tmp_path / "none"]):
        done = invoke(*words)
        assert done.exit_code == 1 and "Traceback" not in done.output and "Error" in done.output


def test_a_specialist_with_its_own_data_and_folds() -> None:
    done = invoke("check-time", "breast_mass", "--format", "json")
    told = json.loads(done.stdout)
    assert done.exit_code == 0 and told["rows"] == 569
    assert not any("No split" in note for note in told["notes"]), "the folds of the card's proof are looked at"


@pytest.fixture(scope="module")
def betrayed():
    """The breast table with one measurement replaced by the answer, and the card that reads it."""
    folder = folder_of("breast_mass")
    card = read_card(folder / "card.yaml")
    with training_data(folder, None) as (record, _):
        events = pa.concat_tables(list(record.events()))
    label = events.filter(pc.equal(events["code"], card.question.label))
    malignant = {s for s, t in zip(label["subject_id"].to_pylist(), label["text_value"].to_pylist(), strict=True) if t == "malignant"}
    named = card.inputs[3].codes[0]
    mine = pc.equal(events["code"], named).to_numpy(zero_copy_only=False)
    answer = np.array([s in malignant for s in events["subject_id"].to_pylist()])
    value = np.where(mine, 100.0 + 50 * answer, events["numeric_value"].to_numpy(zero_copy_only=False)).astype(np.float32)
    column = pa.array(value, pa.float32(), from_pandas=True)
    return replace(card, learner="logistic"), events.set_column(events.schema.get_field_index("numeric_value"), "numeric_value", column)


def test_fitting_refuses_a_leak_and_leaves_nothing(betrayed, tmp_path: Path) -> None:
    card, events = betrayed
    for act in (fit, fit_and_prove):
        with pytest.raises(LeakageError, match=rf"(?s)too_good in {card.inputs[3].name}.*--despite-leaks"):
            act(card, [events], tmp_path / "model", "betrayed")
    assert not (tmp_path / "model").exists()


def test_a_leak_that_a_person_accepts_is_in_every_report(betrayed, tmp_path: Path) -> None:
    card, events = betrayed
    subjects = events["subject_id"].to_numpy()
    half = np.isin(subjects, np.unique(subjects)[::2])
    fitted = fit(card, [events.filter(pa.array(half))], tmp_path / "model", "betrayed", despite_leaks=True)
    assert any("too_good" in leak for leak in fitted.leaks)
    assert fitted.model.meta["extra"]["leaks"] == list(fitted.leaks), "the sealed model carries it"
    other = validate(replace(fitted, leaks=()), [events.filter(pa.array(~half))], "others")
    assert any(card.inputs[3].name in limit and "too_good" in limit for limit in other.limits), "and validation looks for itself"
    both = validate(fitted, [events.filter(pa.array(~half))], "others")
    assert set(both.limits) >= {*fitted.leaks, *other.limits}


def test_a_record_that_is_too_large_is_looked_at_in_part_and_says_so(ward: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from consilium.quality import leak_sample, leaks

    record = Record.open(ward)
    whole = consilium.check_time(record)
    monkeypatch.setattr(leak_sample, "MOST", whole.events // 2)
    part = consilium.check_time(record)
    assert 0 < part.events < whole.events and any("%" in note for note in part.notes)
    rows = [(subject, record.patient(patient).as_of + timedelta(days=1)) for patient, subject in record.patients()]
    card = read_card(folder_of("heart_disease") / "card.yaml")
    given = leaks.check_time(record, card, (rows, [0] * len(rows)), None)
    assert 0 < given.rows < len(rows)

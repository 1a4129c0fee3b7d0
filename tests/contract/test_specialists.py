"""Laws that hold for every specialist, on the examples in its own folder."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from consilium.core import Opinion, Patient
from consilium.core.consultation import Absence
from consilium.core.errors import LeakageError
from consilium.core.events import table
from consilium.council import consult
from consilium.record import features
from consilium.specialists import Roster, roster
from consilium.specialists.card_file import read_card
from consilium.specialists.roster import folder_of, folders

EXAMPLES = [(folder.name, path) for folder in folders() for path in sorted((folder / "examples").glob("*.json"))]


def rows(path: Path) -> tuple[list[dict], datetime, dict]:
    example = json.loads(path.read_text())
    events = []
    for number, event in enumerate(example["events"]):
        time = datetime.fromisoformat(event["time"]) if "time" in event else None
        events.append({"subject_id": 1, "source_id": f"example/Observation/{number}", **event, "time": time, "available": time})
    return events, datetime.fromisoformat(example["as_of"]), example["expect"]


def outcome(name: str, events: list[dict], as_of: datetime):
    alone = Roster(tuple(s for s in roster().seated if s.name == name), ())
    heard = consult(Patient("example", as_of, table(events)), roster=alone)
    return (heard.opinions or heard.absent)[0], heard


@pytest.fixture(scope="module", autouse=True)
def all_sit():
    assert not roster().standing, [s.reason for s in roster().standing]


def test_every_specialist_has_examples():
    assert {name for name, _ in EXAMPLES} == {folder.name for folder in folders()}


@pytest.mark.parametrize(("name", "path"), EXAMPLES, ids=lambda x: getattr(x, "stem", x))
def test_example(name, path):
    events, as_of, expect = rows(path)
    found, heard = outcome(name, events, as_of)
    if expect.get("absent"):
        assert isinstance(found, Absence)
        return
    assert isinstance(found, Opinion)
    if "missing" in expect:
        assert len(heard.missing) == expect["missing"]
    if expect.get("abstains"):
        assert found.abstained
        return
    assert expect.get("at_least", 0) <= found.probability <= expect.get("at_most", 1)
    weights = sum(e.weight for e in found.evidence)
    assert weights == pytest.approx(np.log(found.probability / (1 - found.probability)), abs=1e-3)


@pytest.mark.parametrize(("name", "path"), EXAMPLES, ids=lambda x: getattr(x, "stem", x))
def test_order_of_rows_changes_nothing(name, path):
    events, as_of, _ = rows(path)
    assert outcome(name, events[::-1], as_of)[0] == outcome(name, events, as_of)[0]


@pytest.mark.parametrize(("name", "path"), EXAMPLES, ids=lambda x: getattr(x, "stem", x))
def test_what_became_known_later_changes_nothing(name, path):
    events, as_of, _ = rows(path)
    card = read_card(folder_of(name) / "card.yaml")
    late = [
        {"subject_id": 1, "code": i.codes[0], "numeric_value": 99.0, "unit": i.unit, "text_value": next(iter(i.of_text), None),
         "time": as_of - timedelta(days=1), "available": as_of + timedelta(seconds=1)}
        for i in card.inputs
    ]  # fmt: skip
    before = features(table(events), card.inputs, [(1, as_of)])
    after = features(table([*events, *late]), card.inputs, [(1, as_of)])
    np.testing.assert_array_equal(before.X, after.X)
    with pytest.raises(LeakageError):
        Patient("example", as_of, table([*events, *late]))


@pytest.mark.parametrize("specialist", roster().seated, ids=lambda s: s.name)
def test_alone_equals_in_a_batch(specialist):
    several = [rows(path) for name, path in EXAMPLES if name == specialist.name]
    events = [{**e, "subject_id": n} for n, (own, _, _) in enumerate(several) for e in own]
    asked = [(n, as_of) for n, (_, as_of, _) in enumerate(several)]
    batch = features(table(events), specialist.seat.card.inputs, asked)
    together = specialist.model.probability(batch.X)
    for n, (own, as_of, _) in enumerate(several):
        alone = features(table(own), specialist.seat.card.inputs, [(1, as_of)])
        np.testing.assert_array_equal(alone.X[0], batch.X[n])
        assert specialist.model.probability(alone.X)[0] == together[n]
    assert ((together >= 0) & (together <= 1)).all()


@pytest.mark.parametrize("specialist", roster().seated, ids=lambda s: s.name)
def test_card_and_report_say_what_people_need(specialist):
    card, report = specialist.seat.card, specialist.seat.report
    assert (specialist.folder / "README.md").is_file()
    assert (specialist.folder / "report.html").is_file()
    assert card.learner in {r.learner for r in report.comparisons}
    assert report.limits
    better = [r.learner for r in report.comparisons if r.auroc.low > report.auroc.high]
    assert not better, f"{better} beat the seated learner beyond its interval: the card's reason no longer holds"

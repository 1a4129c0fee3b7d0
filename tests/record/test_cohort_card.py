"""A card's question, read from YAML as it is written in docs/cohorts.md."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from consilium.core.errors import CardError, TimeError
from consilium.core.question import EVER, FOREVER, Criterion, Joined, Predicate, Question
from consilium.record import cohort
from consilium.record.aces.read import task_of
from consilium.specialists.question_file import read_question

from .ward import at, event, events

DOCUMENT = (Path(__file__).parents[2] / "docs" / "cohorts.md").read_text(encoding="utf-8")
WRITTEN = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)]
SHORT: dict[str, Any] = {"trigger": "a", "label": "b", "target": ["0d", "30d"], "positive_from": 1}


def test_every_example_of_the_document_is_read() -> None:
    questions = [read_question(block["question"], "docs/cohorts.md") for block in WRITTEN if "question" in block]
    tasks = [task_of(block, "docs/cohorts.md") for block in WRITTEN if "windows" in block]
    assert len(questions) == 2 and len(tasks) == 1 and len(WRITTEN) == 3
    for question in questions:
        assert cohort(events([]), question).rows == ()


def test_the_readmission_of_the_document_is_answered() -> None:
    (question,) = (read_question(b["question"], "docs") for b in WRITTEN if "after" in b.get("question", {}))
    born = event(1, "MEDS_BIRTH", -20_000)
    stay = [event(1, "ENCOUNTER//IMP", 0), event(1, "LOINC//2823-3", 0.5, 6.0), event(1, "ENCOUNTER//END//IMP", 3)]
    back = cohort(events([born, *stay, event(1, "ENCOUNTER//IMP", 20)]), question)
    assert back.rows == ((1, at(1)),) and back.labels.tolist() == [1]
    dead = cohort(events([born, *stay, event(1, "MEDS_DEATH", 0.8)]), question)
    assert dead.rows == () and dead.excluded == {"died or left within the first day": 1}


def test_a_short_question_reads_as_before() -> None:
    expected = Question("a", "b", (timedelta(0), timedelta(days=30)), positive_from=1)
    assert read_question(SHORT, "card") == expected
    coded = {"trigger": "a", "label": "b", "target": ["0d", "1d"], "values": {"yes": 1}}
    assert read_question(coded, "card").of_text == {"yes": 1.0}


def test_a_long_question_says_it_all() -> None:
    raw = {
        "predicates": {
            "x": {"code": {"prefix": "X//"}, "value_min": 2, "text_value": ["yes", "y"]},
            "xy": {"expr": "and(x, y)"},
            "y": {"code": "Y"},
        },
        "trigger": "x",
        "occurrence": "every",
        "delay": "24h",
        "label": "xy",
        "after": "y",
        "target": ["1h", "Z//END"],
        "age": [18, 90],
        "include": {"enough": {"has": "x", "at_least": 2, "window": "7d"}},
        "exclude": {"before": {"has": "y"}, "at once": {"has": "y", "window": ["-1h", "6h"]}},
        "followed": False,
    }
    assert read_question(raw, "card") == Question(
        "x", "xy", (timedelta(hours=1), FOREVER),
        predicates={
            "x": Predicate(prefixes=("X//",), low=2, low_inclusive=False, high_inclusive=False, columns={"text_value": ("yes", "y")}),
            "xy": Joined(("x", "y"), True),
            "y": Predicate(("Y",), low_inclusive=False, high_inclusive=False),
        },
        occurrence="every", delay=timedelta(days=1), after="y", until="Z//END",
        criteria=(
            Criterion("enough", "x", 2, None, (timedelta(days=-7), timedelta(0))),
            Criterion("before", "y", None, 0, (EVER, timedelta(0))),
            Criterion("at once", "y", None, 0, (timedelta(hours=-1), timedelta(hours=6))),
        ),
        age=(18.0, 90.0), followed=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"triger": "a"}, "keys"),
        ({"predicates": {"p": {"kode": "x"}}}, "needs a code"),
        ({"include": {"r": {"had": "x"}}}, "criterion cannot be read"),
        ({"exclude": {"r": {"has": "x", "at_most": 2}}}, "at_least"),
        ({"occurrence": "second"}, "unknown occurrence"),
    ],
)
def test_what_a_question_cannot_say_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(CardError, match=why):
        read_question(SHORT | change, "card")


def test_a_duration_that_cannot_be_read_is_said() -> None:
    with pytest.raises(TimeError, match="duration"):
        read_question(SHORT | {"target": ["0d", "30 moons"]}, "card")

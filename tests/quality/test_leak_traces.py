"""Traces of leaks: each check on a small study in which one thing was done wrongly, and on the same study in which it was not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from consilium.core.card import Bar, Card, Input, Question
from consilium.core.events import table
from consilium.core.features import Features
from consilium.quality.leaks import check_time
from consilium.record import Fold

N, CASES = 240, 80
Y = np.repeat([1, 0], [CASES, N - CASES]).astype(np.int8)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SODIUM, PULSE, LACTATE = "LOINC//2951-2", "LOINC//8867-4", "LOINC//2524-7"
CULTURE = "PROCEDURE//TEXT//blood culture taken"
RANDOM = np.random.default_rng(20)
CAME = [
    datetime(2026, 1, 1, 6, 13) + timedelta(days=int(d), minutes=int(m))
    for d, m in zip(RANDOM.integers(0, 400, N), RANDOM.integers(0, 1200, N), strict=True)
]
ASKED = [came + DAY + timedelta(minutes=int(m)) for came, m in zip(CAME, RANDOM.integers(0, 600, N), strict=True)]
IDS = RANDOM.permutation(N) + 1000
ORDER = RANDOM.permutation(N)
"""Cases and controls stand in no order, neither by number nor in the file."""
FOLD = Fold(np.arange(0, 160), np.arange(160, N))


def chart(i: int, code: str, at: datetime, delay: timedelta = timedelta(minutes=40), **more: object) -> dict[str, object]:
    return {"subject_id": int(IDS[i]), "code": code, "time": at, "available": at + delay} | more


def card(*inputs: Input, title: str = "Sepsis", condition: str = "SNOMED//91302008") -> Card:
    question = Question("CONSILIUM//round", "CONSILIUM//review", (timedelta(0), 3 * DAY), of_text={"yes": 1.0, "no": 0.0})
    return Card(
        "study", "1", {"en": title, "zh": "研究"}, condition, question, inputs, "logistic", "", "a", "b", Bar(0.5, (0, 2), 1), ("s",)
    )


def stays(days: int = 6) -> list[dict[str, object]]:
    rows = [chart(i, "ENCOUNTER//IMP", CAME[i], timedelta(0)) for i in range(N)]
    return rows + [chart(i, "ENCOUNTER//END//IMP", CAME[i] + days * DAY, timedelta(0)) for i in range(N)]


def found(events: list[dict[str, object]], asked: Card, matrix: dict[str, np.ndarray] | None = None, fold: Fold = FOLD) -> list[Any]:
    """What is found, and where; a matrix is given in the order of people, and handed over in the order of the file."""
    rows = tuple((int(IDS[i]), ASKED[i]) for i in ORDER)
    features = None
    if matrix is not None:
        X = np.column_stack(list(matrix.values()))[ORDER].astype(np.float32)
        features = Features(X, tuple(matrix), ("1",) * X.shape[1], rows, np.isfinite(X))
    return list(check_time(table(events), asked, (rows, Y[ORDER]), fold, matrix=features).findings)


def kinds(findings: list[Any]) -> dict[str, str]:
    return {f.kind: f.where for f in findings}


def some(random: np.random.Generator, cases: float, controls: float) -> np.ndarray:
    """Who has a sign."""
    return random.random(N) < np.where(Y == 1, cases, controls)


@pytest.mark.parametrize(("share", "expected"), [((0.3, 0.02), {"code_among_numbers": SODIUM}), ((0.1, 0.08), {})])
def test_a_number_far_from_all_others_is_a_code_and_may_stand_with_cases(share: tuple[float, float], expected: dict[str, str]) -> None:
    random = np.random.default_rng(1)
    values = np.where(some(random, *share), 99.0, np.round(random.normal(139, 3, N)))
    events = [chart(i, SODIUM, ASKED[i] - 3 * HOUR, numeric_value=values[i], unit="mmol/L") for i in range(N)]
    assert kinds(found(events, card(Input("sodium", (SODIUM,), "mmol/L")))) == expected


@pytest.mark.parametrize("cleaned", [True, False])
def test_values_of_controls_that_end_where_those_of_cases_go_on_were_cleaned(cleaned: bool) -> None:
    random = np.random.default_rng(2)
    events = []
    for i in range(N):
        values = np.round(random.normal(9 + 1.5 * Y[i], 3, 5), 1)
        events += [
            chart(i, LACTATE, ASKED[i] - (k + 2) * HOUR, numeric_value=v, unit="mmol/L")
            for k, v in enumerate(values)
            if not (cleaned and Y[i] == 0 and v > 11)
        ]
    assert kinds(found(events, card(Input("lactate", (LACTATE,), "mmol/L")))) == ({"cut_by_answer": LACTATE} if cleaned else {})


def columns(random: np.random.Generator, n: int = 7) -> dict[str, np.ndarray]:
    return {f"x{j}": np.round(random.normal(0.3 * Y, 1.0), 3) for j in range(n)}


@pytest.mark.parametrize("before_the_split", [True, False])
def test_rows_between_two_others_are_a_leak_unless_all_are_learned_from(before_the_split: bool) -> None:
    random = np.random.default_rng(3)
    X = columns(random)
    place = np.argsort(ORDER)  # where each person stands in the file
    learned = np.flatnonzero((place < 160) & (Y == 1))
    cases = np.flatnonzero(Y == 1) if before_the_split else learned
    made = cases[:20]
    for i in made:
        a, b = random.choice(np.setdiff1d(cases, made), 2, replace=False)
        part = random.random()
        for x in X.values():
            x[i] = x[a] + part * (x[b] - x[a])
    report = found(
        [chart(i, PULSE, ASKED[i] - HOUR, numeric_value=80.0, unit="/min") for i in range(N)], card(Input("pulse", (PULSE,), "/min")), X
    )
    assert kinds(report) == ({"row_between_others": "split"} if before_the_split else {})


@pytest.mark.parametrize("rows", ["all", "learned"])
def test_components_of_all_rows_are_centred_on_all_of_them(rows: str) -> None:
    random = np.random.default_rng(4)
    X = np.column_stack(list(columns(random).values()))
    own = X[ORDER] if rows == "all" else X[ORDER][FOLD.train]
    axes = np.linalg.svd(own - own.mean(axis=0), full_matrices=False)[2]
    component = (X - own.mean(axis=0)) @ axes[0]
    events = [chart(i, PULSE, ASKED[i] - HOUR, numeric_value=80.0, unit="/min") for i in range(N)]
    expected = {"scaled_with_test": "component"} if rows == "all" else {}
    assert kinds(found(events, card(Input("pulse", (PULSE,), "/min")), {"component": component})) == expected


@pytest.mark.parametrize("knowing", [True, False])
def test_gaps_filled_from_people_of_the_same_answer_tell_more_than_the_other_columns_do(knowing: bool) -> None:
    random = np.random.default_rng(5)
    severity = random.normal(1.2 * Y, 1.0)
    lactate = np.round(2.0 + 0.5 * severity + random.normal(0, 0.4, N), 1)
    other = {f"x{j}": np.round(severity + random.normal(0, 1.0, N), 2) for j in range(4)}
    measured = random.random(N) < 0.6
    events = [chart(i, LACTATE, ASKED[i] - HOUR, numeric_value=lactate[i], unit="mmol/L") for i in np.flatnonzero(measured)]
    if knowing:
        filled = [lactate[random.choice(np.flatnonzero(measured & (y == Y)), 5, replace=False)].mean() for y in Y]
    else:
        A = np.column_stack([np.ones(N), *other.values()])
        filled = A @ np.linalg.lstsq(A[measured], lactate[measured], rcond=None)[0]
    matrix = {"lactate": np.where(measured, lactate, filled), **other}
    report = kinds(found(events, card(Input("lactate", (LACTATE,), "mmol/L")), matrix))
    assert report == ({"made_from_answers": "lactate"} if knowing else {})


@pytest.mark.parametrize("moved", [True, False])
def test_a_table_moved_by_other_days_than_the_rest_begins_before_the_stay(moved: bool) -> None:
    random = np.random.default_rng(6)
    events = stays()
    for i in range(N):
        days = int(random.integers(1, 4)) if moved else 0
        times = [CAME[i] + timedelta(hours=24 * d + 2 + float(random.random())) for d in range(6)]
        events += [
            chart(i, SODIUM, t - days * DAY, numeric_value=float(round(random.normal(139, 3))), unit="mmol/L", source_id=f"lab/{IDS[i]}x")
            for t in times
        ]
        events += [
            chart(i, PULSE, t + HOUR, numeric_value=float(round(random.normal(80, 9))), unit="/min", source_id=f"monitor/{IDS[i]}x")
            for t in times
        ]
        if i % 3 == 0:  # an honest laboratory has seen some of them before they came
            taken = CAME[i] - timedelta(days=float(random.uniform(0.5, 20)))
            events.append(chart(i, SODIUM, taken, numeric_value=140.0, unit="mmol/L", source_id=f"lab/{IDS[i]}y"))
    asked = card(Input("sodium", (SODIUM,), "mmol/L"), Input("pulse", (PULSE,), "/min"))
    assert kinds(found(events, asked)) == ({"shifted_clock": "source lab"} if moved else {})


@pytest.mark.parametrize("knowing", [True, False])
def test_a_word_that_stands_where_something_comes_later_knows_of_it(knowing: bool) -> None:
    random = np.random.default_rng(7)
    sent, bed = some(random, 0.3, 0.2), some(random, 0.3, 0.3)
    events = [chart(i, "CONSILIUM//unit-4", ASKED[i] + (5 + i % 40) * HOUR) for i in np.flatnonzero(sent)]
    events += [chart(i, "CONSILIUM//bed", CAME[i], text_value="M4" if (sent if knowing else bed)[i] else f"W{i % 6}") for i in range(N)]
    report = kinds(found(events, card(Input("bed", ("CONSILIUM//bed",), "1", "count"))))
    assert report == ({"equals_the_future": "CONSILIUM//bed"} if knowing else {})


@pytest.mark.parametrize("hours", [12, 0])
def test_a_score_of_both_sides_of_its_time_is_told_from_one_of_the_hours_before(hours: int) -> None:
    random = np.random.default_rng(8)
    pulse, breaths = (np.round(random.normal(mean, sd, (N, 12))) for mean, sd in ((84, 12), (17, 3)))
    at = np.arange(-24, 24, 4) + 1.5
    events = []
    for i in range(N):
        for code, values, unit in ((PULSE, pulse, "/min"), ("LOINC//9279-1", breaths, "/min")):
            events += [
                chart(i, code, ASKED[i] + timedelta(hours=h + random.random()), timedelta(minutes=3), numeric_value=v, unit=unit)
                for h, v in zip(at, values[i], strict=True)
            ]
        near = (at > -12) & (at <= hours)
        points = max(0.0, (pulse[i, near].max() - 84) / 12) + max(0.0, (breaths[i, near].max() - 17) / 3)
        events.append(chart(i, "CONSILIUM//points", ASKED[i] - HOUR, timedelta(minutes=1), numeric_value=round(points, 1), unit="{score}"))
    report = found(events, card(Input("points", ("CONSILIUM//points",), "{score}")))
    assert kinds(report) == ({"equals_the_future": "points"} if hours else {})


@pytest.mark.parametrize(("delay", "expected"), [(40, {"replaced_result": "REPORT//TEXT//film"}), (1500, {})])
def test_an_addendum_known_as_early_as_the_report_is_a_leak(delay: int, expected: dict[str, str]) -> None:
    events = []
    for i in range(N):
        later = i % 4 == 0
        said = "lungs clear" + " addendum: a nodule was seen" * later
        events.append(chart(i, "REPORT//TEXT//film", CAME[i] + HOUR, timedelta(minutes=delay if later else 40), text_value=said))
    assert kinds(found(events, card(Input("film", ("REPORT//TEXT//film",), "1", "count")))) == expected


@pytest.mark.parametrize(
    ("title", "condition", "share", "expected"),
    [
        ("Sepsis", "SNOMED//91302008", (0.7, 0.12), {"named_after_outcome": "culture"}),
        ("Sepsis", "SNOMED//91302008", (0.25, 0.15), {}),
        ("Fall", "CONSILIUM//fall", (0.7, 0.12), {}),
    ],
)
def test_what_the_definition_of_the_outcome_asks_for_is_a_part_of_the_answer(
    title: str, condition: str, share: tuple[float, float], expected: dict[str, str]
) -> None:
    has = some(np.random.default_rng(9), *share)
    events = [chart(i, CULTURE, ASKED[i] - 3 * HOUR) for i in np.flatnonzero(has)]
    events += [chart(i, PULSE, ASKED[i] - HOUR, numeric_value=80.0 + i % 9, unit="/min") for i in range(N)]
    asked = card(Input("culture", (CULTURE,), "1", "count"), title=title, condition=condition)
    assert kinds(found(events, asked)) == expected


@pytest.mark.parametrize(("share", "suspected"), [((0.5, 0.07), True), ((0.25, 0.12), False)])
def test_a_history_of_the_outcome_may_be_a_risk_but_not_the_answer(share: tuple[float, float], suspected: bool) -> None:
    has = some(np.random.default_rng(10), *share)
    old = "CONDITION//SNOMED//91302008"
    events = stays()
    events += [chart(i, code, CAME[i] - 200 * DAY, timedelta(0)) for i in range(N) for code in ("ENCOUNTER//AMB", "ENCOUNTER//END//AMB")]
    events += [chart(i, old, CAME[i] - 200 * DAY) for i in np.flatnonzero(has)]
    report = kinds(found(events, card(Input("sepsis_before", (old,), "1", "count"))))
    assert report == ({"named_after_outcome": "sepsis_before"} if suspected else {})


def test_what_is_done_because_of_an_outcome_needs_less_than_an_illness_of_its_name() -> None:
    has = np.zeros(N, dtype=np.bool_)
    has[:14], has[CASES : CASES + 4] = True, True  # likelihood ratio 7, at its lower bound 2.3
    events = [chart(i, PULSE, ASKED[i] - HOUR, numeric_value=80.0 + i % 9, unit="/min") for i in range(N)]
    for code, suspected in (("CONSILIUM//dnr-order", True), ("CONSILIUM//sepsis-course", False), ("CONSILIUM//order-12", False)):
        own = [chart(i, code, ASKED[i] - 2 * HOUR) for i in np.flatnonzero(has)]
        assert bool(found(events + own, card(Input("x", (code,), "1", "count")))) == suspected, code


def test_codes_of_a_source_without_times_of_issue_are_named_together() -> None:
    events = []
    for i in range(N):
        for code, source in ((SODIUM, "lab"), (LACTATE, "lab"), ("LOINC//2160-0", "gp")):
            at = CAME[i] + timedelta(minutes=int(i % 50) + 3)
            events.append(chart(i, code, at, timedelta(0), numeric_value=2.0 + i % 7, unit="mmol/L", source_id=f"{source}/{IDS[i]}x"))
    report = check_time(table(events), None)
    assert [(f.kind, f.where, f.count) for f in report.findings] == [
        ("instant_result", "LOINC//2160-0 from gp", N),
        ("instant_result", f"{LACTATE}, {SODIUM} from lab", 2 * N),
    ]
    assert report.text().count(report.findings[0].means()) == 1

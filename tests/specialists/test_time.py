"""A question about time from chart to report: on a made ward where another death competes, and on the shipped specialist."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from consilium.cli.verbs import training_data
from consilium.core.card import Bar, Card, Input, Proof, Tuning
from consilium.core.errors import CardError
from consilium.core.events import table
from consilium.core.question import Question
from consilium.specialists import prove as proving
from consilium.specialists import tune
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import NOT_SO_LONG, answered, cases, yes_or_no
from consilium.specialists.fit import fit_and_prove, validate
from consilium.specialists.prove import parted, prove, train
from consilium.specialists.roster import folder_of, seat
from consilium.specialists.truth import Truth
from consilium.specialists.tune import tuned
from consilium.validation import read_report

START = datetime(2000, 1, 1)
CARD = Card(
    name="relapse", version="1", title={"en": "Relapse", "zh": "复发"}, condition="RELAPSE", horizon="5 a",
    question=Question("STAGE", "RELAPSE", (timedelta(0), timedelta(days=1826.25)), censor="VISIT", competing="DEATH"),
    inputs=(Input("stage", ("STAGE",), "1"), Input("noise", ("NOISE",), "1")),
    learner="cox", why="made", intended="made", not_for="anybody", bar=Bar(0.55, (0.5, 2.0), 0.5), sources=("made",),
    proof=Proof(folds=3), compare=("cox", "boosted_cox"),
)  # fmt: skip


def ward(n=260, seed=0):
    draw = np.random.default_rng(seed)
    rows = []
    for subject in range(n):
        stage, noise = float(draw.normal()), float(draw.normal())
        days = {
            "RELAPSE": draw.exponential(2500 * np.exp(-stage)), "DEATH": draw.exponential(6000), "VISIT": draw.uniform(400, 4000),
        }  # fmt: skip
        ends = min(days, key=days.get)
        rows += [(subject, "STAGE", 0.0, stage), (subject, "NOISE", 0.0, noise), (subject, ends, days[ends], None)]
    return table(
        [
            {
                "subject_id": s, "code": code, "numeric_value": value, "unit": "1" if value is not None else None,
                "time": START + timedelta(days=day), "available": START + timedelta(days=day), "source_id": f"{s}/{code}",
            }
            for s, code, day, value in rows
        ]
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    into = tmp_path_factory.mktemp("relapse")
    fitted, proven = fit_and_prove(CARD, [ward()], into, "a made ward", limits=("made",), undated="made")
    return fitted, proven, into


def test_the_report_states_what_competes(made):
    _, proven, into = made
    assert read_report(into / "report.json") == proven
    time = proven.survival
    assert time.horizon == 5.0 and time.competing == "DEATH" and time.competing_events > 10 and time.unknown > 20
    last = time.incidence[-1]
    assert last.one_minus_km > last.incidence.value
    assert 0.6 < time.uno.low < time.uno.value and time.harrell.value > 0.6
    assert [r.learner for r in proven.comparisons] == ["cox", "boosted_cox"] and all(r.concordance for r in proven.comparisons)
    page = (into / "report.html").read_text()
    assert "1 − Kaplan-Meier" in page and "Uno&#39;s C" in page and "DEATH" in page
    assert not (into / "tree.svg").exists()


def test_the_dossier_counts_whom_it_leaves_out(made):
    found = cases(CARD, ward())
    known, rows = answered(found)
    assert set(known.y) == {0, 1} and known.years is None and len(known.y) == len(rows)
    assert known.excluded[NOT_SO_LONG] == len(found.y) - len(rows) == made[1].survival.unknown
    assert NOT_SO_LONG in (made[2] / "dossier.html").read_text()


def test_the_sealed_model_serves_survival_that_ends_in_its_probability(made):
    fitted, _, _ = made
    X = cases(CARD, ward()).features.X
    curves = fitted.model.survival(X, np.linspace(0, 5, 11))
    assert (np.diff(curves, axis=1) <= 0).all()
    np.testing.assert_allclose(1 - curves[:, -1], fitted.model.probability(X), atol=1e-12)


def test_on_other_patients_the_probability_is_of_the_event_where_the_other_can_come_first(made):
    proven = validate(made[0], [ward(2000, seed=5)], "another ward")
    assert proven.n == 2000
    observed = proven.survival.incidence[-1]
    expected = sum(c.predicted * c.n for c in proven.calibration) / proven.n
    # Calibrated on one small ward, the risk lies by the incidence and not by one minus Kaplan-Meier.
    assert abs(expected - observed.incidence.value) < abs(expected - observed.one_minus_km)


def test_acts_that_know_yes_and_no_alone_refuse():
    with pytest.raises(CardError, match="doubt labels"):
        yes_or_no(cases(CARD, ward(60)), "doubt labels")
    with pytest.raises(CardError, match="either given or tuned"):
        replace(CARD, tuning=Tuning(3), parameters={"penalizer": 1.0})


def test_the_outer_fold_is_never_seen_by_the_tuner(monkeypatch):
    """Whatever the answers of the held-out fold are, the parameters chosen for its model are the same."""
    card = replace(CARD, learner="cox", compare=("cox",), tuning=Tuning(trials=3, folds=2))
    found = cases(card, ward(150))
    given = []

    def watched(name, X, truth, subjects, tuning, **more):
        given.append((set(subjects.tolist()), tuned(name, X, truth, subjects, tuning, **more)))
        return given[-1][1]

    monkeypatch.setattr(proving, "tuned", watched)
    first = prove(card, found).probabilities["cox"]
    chosen, parts = list(given), list(proving.splits_of(card, found))
    assert len(chosen) == len(parts) == 3
    for (seen, _), (fit_rows, rest) in zip(chosen, parts, strict=True):
        assert seen == set(found.subjects[fit_rows].tolist())
        assert not seen & set(found.subjects[rest].tolist())
    # Shuffle what became of the first held-out fold: its model, and so its probabilities, stay what they were.
    rest = parts[0].test
    turned = found.years.copy()
    answer = found.truth.answer[0]
    for kind in (0, 1):
        own = rest[answer[rest] == kind]
        turned[own] = turned[own][::-1]
    ended = found.y.copy()
    for kind in (0, 1):
        own = rest[answer[rest] == kind]
        ended[own] = ended[own][::-1]
    given.clear()
    again = prove(card, replace(found, years=turned, y=ended)).probabilities["cox"]
    assert given[0] == chosen[0]
    np.testing.assert_array_equal(again[rest], first[rest])


def test_tuning_keeps_the_defaults_unless_another_is_better_and_repeats_itself():
    draw = np.random.default_rng(0)
    X = draw.normal(size=(120, 12)).astype(np.float32)
    y = (X[:, 0] + draw.logistic(size=120) > 0).astype(np.int8)
    one, two = (tuned("logistic", X, Truth(y), None, Tuning(6, 3), seed=4) for _ in range(2))
    assert one == two and 0 < one["C"] < 1.0
    assert train("logistic", X, y, tuning=Tuning(6, 3)).parameters["C"] == train("logistic", X, y, tuning=Tuning(6, 3)).learner.C
    assert set(tune.SPACE["cox"]) == {"penalizer"}


def test_breast_survival_was_made_in_rotterdam_and_is_what_its_report_says(unzipped):
    folder = folder_of("breast_survival")
    with training_data(folder, Path(unzipped("survival"))) as (record, _):
        card = read_card(folder / "card.yaml")
        import pyarrow as pa

        found = cases(card, pa.concat_tables(list(record.events())))
    dev, held = parted(card, found)
    shipped = seat(folder)
    report = shipped.seat.report
    assert (len(dev.y), len(held.y), int((held.y == 1).sum())) == (1546, 686, 299)
    assert (report.development.fingerprint, report.data_fingerprint) == (dev.fingerprint, held.fingerprint)
    p = shipped.model.probability(held.features.X)
    measures, _ = held.truth.measured(p, {}, proving.SEED)
    assert measures.auroc.value == pytest.approx(report.auroc.value, abs=1e-6)
    assert measures.slope.value == pytest.approx(report.slope.value, abs=1e-4)
    again = train(card.learner, dev.features.X, dev.truth, dev.subjects)
    np.testing.assert_allclose(proving.probability(again, held.features.X), p, atol=1e-5)

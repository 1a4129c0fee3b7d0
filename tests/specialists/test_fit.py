"""Fit, prove and validate on real tables, by the same way as the command."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from consilium.cli.verbs import training_data
from consilium.core.card import Proof
from consilium.core.errors import InputError, LawError
from consilium.core.events import table
from consilium.models import LEARNERS
from consilium.models.served import ServedModel
from consilium.specialists import prove as proving
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import cases
from consilium.specialists.fit import fit, fit_and_prove, validate
from consilium.specialists.prove import parted, prove, report
from consilium.specialists.roster import folder_of, seat
from consilium.validation import auroc, read_report


@pytest.fixture(scope="module")
def breast():
    folder = folder_of("breast_mass")
    with training_data(folder, None) as (record, about):
        return read_card(folder / "card.yaml"), pa.concat_tables(list(record.events())), about


def test_the_whole_table_becomes_cases(breast):
    card, events, _ = breast
    found = cases(card, events)
    assert (len(found.y), int(found.y.sum())) == (569, 212)
    assert found.features.observed.all() and not found.excluded


def test_what_ships_is_what_fitting_gives(breast, tmp_path):
    card, events, about = breast
    fitted = fit(card, [events], tmp_path, about)
    shipped = seat(folder_of("breast_mass"))
    assert fitted.fingerprint == shipped.seat.report.data_fingerprint
    X = cases(card, events).features.X
    np.testing.assert_allclose(fitted.model.probability(X), shipped.model.probability(X), atol=1e-6)


def test_the_proof_of_the_seat_is_what_the_report_says(breast):
    card, events, about = breast
    found = cases(card, events)
    again = report(card, found, prove(card, found, names=(card.learner,)), "0" * 64, about, ())
    shipped = seat(folder_of("breast_mass")).seat.report
    assert again.auroc.value == pytest.approx(shipped.auroc.value, abs=1e-6)
    assert again.slope.value == pytest.approx(shipped.slope.value, abs=1e-3)


def test_a_model_is_not_validated_on_its_own_patients(breast, tmp_path):
    card, events, about = breast
    with pytest.raises(InputError, match="trained on"):
        validate(fit(card, [events], tmp_path, about), [events], about)


def test_validation_on_other_patients(breast, tmp_path):
    card, events, about = breast
    subjects = np.asarray(events["subject_id"])
    half = np.isin(subjects, np.unique(subjects)[::2])
    fitted = fit(card, [events.filter(pa.array(half))], tmp_path, about)
    proven = validate(fitted, [events.filter(pa.array(~half))], about)
    assert proven.n == 284 and proven.auroc.low > 0.95
    assert proven.model_sha256 == ServedModel.load(tmp_path / "model.onnx").sha256


def test_a_record_without_the_answer_is_refused(breast, tmp_path):
    card, events, about = breast
    unlabelled = events.filter(pa.compute.not_equal(events["code"], card.question.label))
    with pytest.raises(InputError, match="with and without"):
        fit(card, [unlabelled], tmp_path, about)
    assert not (tmp_path / "model.onnx").exists()


def test_heart_is_proven_by_hospital(unzipped):
    folder = folder_of("heart_disease")
    with training_data(folder, Path(unzipped("uci_heart"))) as (record, _):
        card = read_card(folder / "card.yaml")
        found = cases(card, pa.concat_tables(list(record.events())))
    assert (len(found.y), int(found.y.sum())) == (920, 509)
    assert found.fingerprint == seat(folder).seat.report.data_fingerprint
    proof = prove(card, found, names=("logistic",))
    p = proof.probabilities["logistic"]
    held = found.groups["site"] == "va"
    alone = prove(card, found, names=("logistic",)).probabilities["logistic"]
    np.testing.assert_array_equal(p, alone)
    # The held-out hospital's answers must not depend on its own labels.
    turned = type(found)(
        **{**{f: getattr(found, f) for f in found.__dataclass_fields__}, "y": np.where(held, 1 - found.y, found.y).astype(np.int8)}
    )
    np.testing.assert_array_equal(prove(card, turned, names=("logistic",)).probabilities["logistic"][held], p[held])


def test_who_is_held_out_is_shown_once_to_the_sealed_model(breast, tmp_path):
    """The report is of those held out alone, what is sealed never saw them, and their answers change nothing of it."""
    card, events, about = breast
    card = replace(card, proof=Proof(kind="held_out", share=0.3, folds=3, subgroups=("age",)))
    learned, held = parted(card, cases(card, events))
    assert not set(learned.subjects.tolist()) & set(held.subjects.tolist()) and len(learned.y) + len(held.y) == 569
    fitted, proven = fit_and_prove(card, [events], tmp_path, about)
    assert (proven.n, proven.events) == (len(held.y), int(held.y.sum()))
    assert (proven.development.n, proven.development.events) == (len(learned.y), int(learned.y.sum()))
    assert proven.data_fingerprint == held.fingerprint and fitted.fingerprint == proven.development.fingerprint == learned.fingerprint
    assert proven.auroc == auroc(held.y, fitted.model.probability(held.features.X))
    assert [c.learner for c in proven.comparisons] == list(LEARNERS)
    assert read_report(tmp_path / "report.json") == proven
    assert "Made of" in (tmp_path / "report.html").read_text()
    label = pa.compute.equal(events["code"], card.question.label)
    theirs = pa.compute.and_(label, pa.compute.is_in(events["subject_id"], pa.array(held.subjects)))
    turned = pa.compute.if_else(theirs, pa.scalar("benign"), events["text_value"])
    at = events.schema.get_field_index("text_value")
    other = events.set_column(at, events.schema.field(at), turned)
    assert parted(card, cases(card, other))[1].y.sum() == 0 < held.y.sum()
    assert fit(card, [other], tmp_path / "other", about).model.sha256 == fitted.model.sha256


def test_held_out_by_part_and_forward_in_time(breast):
    card, events, _ = breast
    found = cases(card, events)
    part = np.where(np.arange(569) < 400, "early", "late").astype(object)
    found = replace(found, groups={**found.groups, "part": part})
    by = replace(card, proof=Proof(kind="held_out", by="CONSILIUM//set", held=("late",)))
    learned, held = parted(by, found)
    assert (len(learned.y), len(held.y)) == (400, 169) and set(held.groups["part"]) == {"late"}
    with pytest.raises(LawError, match="both sides"):
        parted(replace(card, proof=Proof(kind="held_out", since=datetime(2200, 1, 1))), found)


def test_a_slow_learner_is_given_fewer_rows_and_the_report_says_so(breast, monkeypatch):
    card, events, _ = breast
    monkeypatch.setattr(proving, "MOST_ROWS", {"tree": 100, card.learner: 100})
    results = {r.learner: r for r in prove(card, cases(card, events), names=("tree", card.learner)).results}
    assert (results["tree"].most_rows, results[card.learner].most_rows) == (100, None)


def test_a_score_stands_beside_the_model_on_the_same_patients(breast):
    card, events, _ = breast
    found = cases(card, events)
    least = np.where(np.arange(569) % 3 == 0, np.nan, found.features.X[:, 0].round())
    both = np.column_stack([least, least + (np.arange(569) % 2)])
    p = found.features.X[:, 1].astype(float)
    (beside,) = proving.beside_scores(replace(found, comparators={"radius": both}), p)
    rows = ~np.isnan(least)
    assert (beside.n, beside.events) == (int(rows.sum()), int(found.y[rows].sum()))
    assert beside.complete == int((rows & (np.arange(569) % 2 == 0)).sum())
    assert beside.auroc == auroc(found.y[rows], least[rows]) and beside.model == auroc(found.y[rows], p[rows])
    assert beside.difference.value == pytest.approx(beside.model.value - beside.auroc.value)
    assert proving.beside_scores(replace(found, comparators={"radius": np.full((569, 2), np.nan)}), p) == ()


def test_a_person_of_several_visits_is_one_person(breast):
    card, events, _ = breast
    who = [
        {"subject_id": s, "code": "CONSILIUM//person", "text_value": f"p{n // 2}"}
        for n, s in enumerate(set(events["subject_id"].to_pylist()))
    ]
    told = pa.concat_tables([events, table(who).select(events.schema.names).cast(events.schema)])
    card = replace(card, proof=Proof(kind="held_out", share=0.3, person="CONSILIUM//person"))
    found = cases(card, told)
    assert len(set(found.subjects.tolist())) == 285
    learned, held = parted(card, found)
    assert not set(learned.subjects.tolist()) & set(held.subjects.tolist()) and len(learned.y) + len(held.y) == 569

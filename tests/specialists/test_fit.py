"""Fit, prove and validate on real tables, by the same way as the command."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from consilium.cli.verbs import training_data
from consilium.core.errors import InputError
from consilium.models.served import ServedModel
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import cases
from consilium.specialists.fit import fit, validate
from consilium.specialists.prove import prove, report
from consilium.specialists.roster import folder_of, seat


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

"""One patient, four forms, one answer: FHIR, OMOP, MEDS and CSV give the same features and the same probabilities."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

import consilium
from consilium.record import features
from consilium.specialists import roster

from . import four_forms as forms

N = 1000
AS_OF = datetime(2024, 12, 31)


@pytest.fixture(scope="module")
def made():
    return forms.people(N, seed=7)


@pytest.fixture(scope="module")
def answers(made, tmp_path_factory):
    """Features and probabilities of every specialist, by form."""
    home = tmp_path_factory.mktemp("forms")
    csv, mapping = forms.table(made, home / "csv")
    return {
        "fhir": ask(made, consilium.ingest(forms.fhir(made, home / "fhir"), home / "r-fhir")),
        "omop": ask(made, consilium.ingest(forms.omop(made, home / "omop"), home / "r-omop")),
        "meds": ask(made, consilium.ingest(forms.meds(made, home / "meds"), home / "r-meds")),
        "csv": ask(made, consilium.ingest(csv, home / "r-csv", mapping=mapping)),
        "fhir, other units": ask(made, consilium.ingest(forms.fhir(forms.in_other_units(made), home / "other"), home / "r-other")),
    }


def ask(made, record):
    subjects = dict(record.patients())
    assert set(subjects) == {str(p.id) for p in made}
    assert not [r for r in record.rejects() if r.reason], [r.reason for r in record.rejects()][:3]
    events = pa.concat_tables(list(record.events()))
    rows = [(subjects[str(p.id)], AS_OF) for p in made]
    return {s.name: (x := features(events, s.seat.card.inputs, rows).X, s.model.probability(x)) for s in roster().seated}


@pytest.mark.parametrize("form", ["omop", "meds", "csv"])
def test_the_same_answer_from_every_form(answers, form):
    for name, (x, p) in answers["fhir"].items():
        other_x, other_p = answers[form][name]
        np.testing.assert_array_equal(other_x, x, err_msg=f"{name} from {form}")
        assert np.abs(other_p - p).max() == 0


def test_a_unit_changes_nothing(answers):
    for name, (_, p) in answers["fhir"].items():
        assert np.abs(answers["fhir, other units"][name][1] - p).max() < 1e-9


def test_there_is_something_to_compare(answers):
    x, p = answers["fhir"]["heart_disease"]
    assert 0.2 < np.isfinite(x).mean() < 1 and p.std() > 0.1

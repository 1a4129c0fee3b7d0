"""Recalibrate: a hospital's own file beside the shipped model, used and shown by the roster, refused for any other model."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import consilium
from consilium.cli.main import app
from consilium.cli.verbs import training_data
from consilium.core.errors import InputError, NotFoundError
from consilium.models.odds import probability_of
from consilium.specialists import roster
from consilium.specialists.recalibrate import recalibrate
from consilium.specialists.roster import MODEL, folder_of, seat


class Some:
    """Some patients of a record."""

    def __init__(self, table):
        self.table = table

    def events(self):
        yield self.table


@pytest.fixture(scope="module")
def breast():
    with training_data(folder_of("breast_mass"), None) as (record, _):
        return pa.concat_tables(list(record.events()))


@pytest.fixture(scope="module")
def elsewhere(breast):
    """A hospital where malignant masses are rarer: of the malignant ones, only every third patient."""
    labels = breast.filter(pa.compute.equal(breast["code"], "CONSILIUM//histology"))
    malignant = np.array(
        [s for s, t in zip(labels["subject_id"].to_pylist(), labels["text_value"].to_pylist(), strict=True) if t == "malignant"]
    )
    dropped = malignant[np.arange(len(malignant)) % 3 > 0]
    return Some(breast.filter(pa.array(~np.isin(np.asarray(breast["subject_id"]), dropped))))


def test_the_shipped_file_is_untouched_and_the_roster_uses_and_shows_the_site(elsewhere, tmp_path):
    shipped = folder_of("breast_mass") / MODEL
    before = shipped.read_bytes()
    made = recalibrate(seat(folder_of("breast_mass")), elsewhere.events(), tmp_path / "site")
    assert shipped.read_bytes() == before and made.file == tmp_path / "site" / "breast_mass.json"
    plain = next(s for s in roster().seated if s.name == "breast_mass")
    ours = next(s for s in roster(site=tmp_path / "site").seated if s.name == "breast_mass")
    assert plain.model.site is None and ours.model.site == made.site
    X = np.array([plain.model.meta["medians"]], dtype=np.float32)
    moved = made.site.line.apply(plain.model.log_odds(X))
    np.testing.assert_allclose(ours.model.probability(X), probability_of(moved))
    # Reasons still add up to what is shown, on the site's scale.
    given = ours.model.attribute(X)
    np.testing.assert_allclose(given.base + given.weights.sum(axis=1), ours.model.log_odds(X), atol=1e-6)
    if plain.model.sets is not None:
        np.testing.assert_array_equal(ours.model.answers(X), plain.model.answers(X))
    shown = CliRunner().invoke(app, ["roster", "--site", str(tmp_path / "site")])
    assert f"from {made.site.n} cases" in shown.output


def test_a_site_file_for_another_model_keeps_the_specialist_off_its_seat(elsewhere, tmp_path):
    made = recalibrate(seat(folder_of("breast_mass")), elsewhere.events(), tmp_path)
    told = json.loads(made.file.read_text())
    made.file.write_text(json.dumps({**told, "model_sha256": "0" * 64}))
    standing = {s.name: s.reason for s in roster(site=tmp_path).standing}
    assert "made for another model" in standing["breast_mass"]
    made.file.write_text("{}")
    standing = {s.name: s.reason for s in roster(site=tmp_path).standing}
    assert "cannot be read" in standing["breast_mass"]


def test_the_patients_it_was_trained_on_are_refused(breast, tmp_path):
    with pytest.raises(InputError, match="trained on"):
        recalibrate(seat(folder_of("breast_mass")), [breast], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_an_error_and_not_silence(tmp_path):
    with pytest.raises(NotFoundError, match="site calibrations"):
        roster(site=tmp_path / "nowhere")


def test_the_verb_on_a_real_hospital(unzipped, tmp_path):
    folder = folder_of("heart_disease")
    with training_data(folder, Path(unzipped("uci_heart"))) as (record, _):
        events = pa.concat_tables(list(record.events()))
    site = events.filter(pa.compute.equal(events["code"], "CONSILIUM//hospital"))
    va = {s for s, name in zip(site["subject_id"].to_pylist(), site["text_value"].to_pylist(), strict=True) if name == "va"}
    theirs = events.filter(pa.compute.is_in(events["subject_id"], pa.array(va)))
    made = consilium.recalibrate("heart_disease", Some(theirs), into=tmp_path)
    assert 150 <= made.site.n <= 200 and made.before["brier"].value > 0
    assert made.after is not None and made.after["brier"].value <= made.before["brier"].value + 0.005

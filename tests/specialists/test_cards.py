"""Cards are read strictly: what a card cannot say is refused with the place it stands."""

import pytest
import yaml

from consilium.core.errors import CardError, NotFoundError
from consilium.knowledge import shelf
from consilium.specialists.card_file import read_card
from consilium.specialists.roster import folder_of


@pytest.fixture
def written(tmp_path):
    original = yaml.safe_load((folder_of("heart_disease") / "card.yaml").read_text())

    def write(change):
        change(original)
        folder = tmp_path / "heart_disease"
        folder.mkdir()
        (folder / "card.yaml").write_text(yaml.safe_dump(original, allow_unicode=True))
        return folder / "card.yaml"

    return write


def test_a_card_says_everything():
    card = read_card(folder_of("heart_disease") / "card.yaml")
    assert card.question.positive_from == 1 and card.population.age == (28, 80) and card.bar.groups == ("sex", "age")
    male = next(i for i in card.inputs if i.name == "male")
    assert male.codes == ("GENDER//M", "GENDER//F") and male.of_code == {"GENDER//M": 1.0, "GENDER//F": 0.0} and male.required


def test_several_takes_make_several_inputs(written):
    path = written(
        lambda c: c["inputs"].append({"name": "pulse", "code": "LOINC//8867-4", "unit": "/min", "window": "24h", "take": ["last", "max"]})
    )
    assert [i.name for i in read_card(path).inputs[-2:]] == ["pulse_last", "pulse_max"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(surprise=1), "surprise"),
        (lambda c: c.update(name="other"), "folder's name"),
        (lambda c: c.pop("bar"), "bar"),
        (lambda c: c.update(intended=" "), "intended"),
        (lambda c: c.update(sources=[]), "sources"),
        (lambda c: c.update(title="Heart"), "both languages"),
        (lambda c: c.update(inputs=[]), "inputs"),
        (lambda c: c["inputs"].append(c["inputs"][0]), "share a name"),
        (lambda c: c["inputs"][0].update(take="median"), "takes something unknown"),
        (lambda c: c["inputs"][0].update(unit=""), "unit"),
        (lambda c: c["inputs"][0].update(widow="1y"), "widow"),
        (lambda c: c["bar"].update(slope=[1]), "form not understood"),
        (lambda c: c["proof"].update(kind="guess"), "unknown kind"),
    ],
)
def test_a_wrong_card_is_refused(written, change, message):
    with pytest.raises(CardError, match=message):
        read_card(written(change))


def test_not_yaml_and_not_there(tmp_path):
    (tmp_path / "card.yaml").write_text("name: [")
    with pytest.raises(CardError, match="not YAML"):
        read_card(tmp_path / "card.yaml")
    with pytest.raises(NotFoundError):
        read_card(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("proof", "message"),
    [
        ({"kind": "held_out"}, "said once"),
        ({"kind": "held_out", "share": 0.2, "since": "2022-01-01"}, "said once"),
        ({"kind": "cross", "share": 0.2}, "said once"),
        ({"kind": "held_out", "by": "CONSILIUM//set"}, "parts held out"),
        ({"kind": "held_out", "held": ["2022"], "share": 0.2}, "parts held out"),
        ({"kind": "held_out", "share": 1.5}, "between 0 and 1"),
        ({"kind": "held_out", "since": "2022-01-01T00:00:00+01:00"}, "without zone"),
        ({"kind": "held_out", "since": "last year"}, "form not understood"),
        ({"kind": "site"}, "names the site"),
        ({"fold": 3}, "fold"),
    ],
)
def test_a_proof_says_once_who_is_held_out(written, proof, message):
    with pytest.raises(CardError, match=message):
        read_card(written(lambda c: c.update(proof=proof)))


def test_a_proof_forward_in_time_is_read(written):
    path = written(lambda c: c.update(proof={"kind": "held_out", "since": "2022-01-01", "subgroups": ["sex"]}, parameters={"C": 0.1}))
    card = read_card(path)
    assert (card.proof.since.year, card.proof.subgroups, card.parameters) == (2022, ("sex",), {"C": 0.1})


def test_a_grouping_makes_an_input_of_each_group(written):
    entry = {"name": "complaint", "code": "CONSILIUM//reason-for-visit", "unit": "1", "window": "24h", "each_of": "presenting_complaints"}
    inputs = [i for i in read_card(written(lambda c: c["inputs"].append(entry))).inputs if i.name.startswith("complaint_")]
    assert len(inputs) == len(shelf().groups["presenting_complaints"])
    pain = next(i for i in inputs if i.name == "complaint_chest_pain")
    assert (pain.take, pain.of_text["SNOMED//29857009"], pain.label["zh"]) == ("count", 1.0, "胸痛")


@pytest.mark.parametrize(("change", "message"), [({"each_of": "weather"}, "no such grouping"), ({"take": "last"}, "brings its own")])
def test_a_grouping_that_is_not_there_is_refused(written, change, message):
    entry = {"name": "x", "code": "CONSILIUM//reason-for-visit", "unit": "1", "each_of": "presenting_complaints", **change}
    with pytest.raises(CardError, match=message):
        read_card(written(lambda c: c["inputs"].append(entry)))

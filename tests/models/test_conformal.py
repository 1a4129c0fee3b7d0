"""Conformal sets: the declared coverage, in every group and for each answer, and the same sets as MAPIE's rule gives."""

import numpy as np
import pytest

from consilium.core.errors import ModelError
from consilium.models.conformal import LEAST, Cell, Sets, fit_sets


def patients(draw, n):
    """Two groups whose scores mean different things: in one the model sees clearly, in the other hardly."""
    group = np.where(draw.random(n) < 0.3, "women", "men").astype(object)
    y = (draw.random(n) < np.where(group == "women", 0.25, 0.5)).astype(int)
    score = np.where(group == "women", 0.6, 2.0) * (2 * y - 1) + draw.normal(size=n)
    return score, y, group


def test_coverage_holds_in_each_group_and_for_each_answer():
    draw = np.random.default_rng(0)
    covered, whole_only = {}, {}
    for _ in range(60):
        score, y, group = patients(draw, 1000)
        sets = fit_sets(score, y, {"sex": group})
        new, truth, theirs = patients(draw, 2000)
        kept = sets.at(new, {"sex": theirs})[np.arange(2000), truth]
        without = sets.at(new)[np.arange(2000), truth]
        for sex in ("men", "women"):
            for answer in (0, 1):
                rows = (theirs == sex) & (truth == answer)
                covered.setdefault((sex, answer), []).append(kept[rows].mean())
                whole_only.setdefault((sex, answer), []).append(without[rows].mean())
    assert min(np.mean(v) for v in covered.values()) > 0.895
    # Without groups the same declared level fails the women with the condition: the groups are what mends it.
    assert np.mean(whole_only["women", 1]) < 0.82


def test_the_threshold_is_the_conformal_quantile():
    score, y, _ = patients(np.random.default_rng(1), 500)
    sets = fit_sets(score, y)
    for answer, threshold, sign in ((0, sets.cells["all"].no_until, 1), (1, sets.cells["all"].yes_from, -1)):
        own = sign * score[y == answer]
        # The (1 - alpha)(1 + 1/m) quantile of split conformal prediction, taken upwards, as MAPIE does.
        expected = np.quantile(own, min(1.0, 0.9 * (1 + 1 / len(own))), method="higher")
        assert sign * threshold == pytest.approx(expected)


def test_p_values_give_the_same_sets():
    score, y, _ = patients(np.random.default_rng(2), 400)
    sets = fit_sets(score, y)
    new = np.linspace(-4, 4, 201)
    p_yes = np.array([(1 + (score[y == 1] <= s).sum()) / (1 + (y == 1).sum()) for s in new])
    p_no = np.array([(1 + (score[y == 0] >= s).sum()) / (1 + (y == 0).sum()) for s in new])
    np.testing.assert_array_equal(sets.at(new), np.stack([p_no > 0.1 + 1e-12, p_yes > 0.1 + 1e-12], axis=1))


def test_a_small_group_falls_back_to_the_whole_and_says_so():
    score, y, group = patients(np.random.default_rng(3), 2000)
    group[np.flatnonzero(y == 1)[: LEAST - 1]] = "few"
    group[np.flatnonzero(y == 0)[:LEAST]] = "few"
    sets = fit_sets(score, y, {"sex": group})
    assert sets.cells["sex: few"].yes_from is None and sets.cells["sex: few"].no_until is not None
    assert sets.told_apart({"sex": "few"}) == ((), ("sex: few",))
    assert sets.told_apart({"sex": "men", "age": "90-99"}) == (("sex: men",), ())
    np.testing.assert_array_equal(sets.at(score, {"sex": ["few"] * 2000})[:, 1], sets.at(score)[:, 1])


def test_so_few_patients_that_nothing_can_be_left_out():
    sets = fit_sets([-3.0, -2.0, 2.0, 3.0], [0, 0, 1, 1])
    assert sets.at([-50.0, 50.0]).all()


def test_there_and_back_through_json():
    score, y, group = patients(np.random.default_rng(4), 500)
    sets = fit_sets(score, y, {"sex": group})
    assert Sets.of_json(sets.as_json()) == sets


@pytest.mark.parametrize("cells", [{}, {"all": Cell(None, 0.0, 1, 1)}, {"sex: men": Cell(0.0, 0.0, 1, 1)}])
def test_sets_without_a_whole_are_refused(cells):
    with pytest.raises(ModelError):
        Sets(0.9, cells)


def test_weights_of_whole_numbers_are_patients_seen_so_often():
    draw = np.random.default_rng(3)
    score = draw.normal(size=900)
    y = (score + draw.logistic(size=900) > 0).astype(int)
    weight = draw.integers(0, 4, 900)
    several = np.repeat(np.arange(900), weight)
    groups = np.where(draw.random(900) < 0.5, "a", "b").astype(object)
    one = fit_sets(score, y, {"g": groups}, weight=weight)
    two = fit_sets(score[several], y[several], {"g": groups[several]})
    for name, cell in two.cells.items():
        # A patient who stands for several is one step of the ranking: the threshold is his, or that of the next more cautious one.
        assert one.cells[name].no_until >= cell.no_until - 1e-12 and one.cells[name].yes_from <= cell.yes_from + 1e-12
        assert abs(one.cells[name].no_until - cell.no_until) < 0.5
    plain, ones = fit_sets(score, y, {"g": groups}), fit_sets(score, y, {"g": groups}, weight=np.ones(900))
    assert plain == ones

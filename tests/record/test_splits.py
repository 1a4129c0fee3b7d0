"""Splits: no patient, no site and no future on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.errors import LawError, LeakageError
from consilium.record import Fold, checked, drawn, folds, forward, held_out, site_folds

from .ward import at

rows_of_people = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 1), st.sampled_from("abc")), min_size=8, max_size=60)


@settings(deadline=None)
@given(rows_of_people, st.integers(2, 4), st.integers(0, 3), st.booleans())
def test_folds_prove_each_row_once_and_never_on_a_patient_learned_from(
    rows: list[tuple[int, int, str]], k: int, seed: int, stratified: bool
) -> None:
    subjects, labels = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    if len(set(subjects.tolist())) < k:
        with pytest.raises(LawError, match="no more than patients"):
            list(folds(labels, k, seed=seed, subjects=subjects))
        return
    made = list(folds(labels, k, seed=seed, subjects=subjects, stratified=stratified))
    assert len(made) == k
    assert sorted(np.concatenate([f.test for f in made]).tolist()) == list(range(len(rows)))
    for fold in made:
        assert not set(subjects[fold.train].tolist()) & set(subjects[fold.test].tolist())
        assert len(fold.train) + len(fold.test) == len(rows)
        assert len(fold.test)


def test_each_fold_gets_its_share_of_each_label() -> None:
    labels = np.array([1] * 10 + [0] * 35)
    for seed in range(5):
        assert [int(labels[f.test].sum()) for f in folds(labels, 5, seed=seed)] == [2] * 5
        assert [len(f.test) for f in folds(labels, 5, seed=seed)] == [9] * 5


def test_the_same_seed_gives_the_same_patients_whatever_the_order_of_rows() -> None:
    subjects, labels = np.arange(100, 160), np.arange(60) % 3 == 0
    turned = np.random.default_rng(0).permutation(60)

    def people(of: np.ndarray, truth: np.ndarray, seed: int) -> list[set[int]]:
        return [set(of[f.test].tolist()) for f in folds(truth, 5, seed=seed, subjects=of)]

    assert people(subjects, labels, 1) == people(subjects[turned], labels[turned], 1)
    assert people(subjects, labels, 1) != people(subjects, labels, 2)


@settings(deadline=None)
@given(rows_of_people)
def test_a_site_held_out_shares_no_patient_with_the_others(rows: list[tuple[int, int, str]]) -> None:
    subjects, sites = np.array([r[0] for r in rows]), np.array([r[2] for r in rows], dtype=object)
    names = sorted(set(sites.tolist()))
    if len(names) == 1:
        with pytest.raises(LawError, match="two sites"):
            list(site_folds(sites))
        return
    for name, fold in zip(names, site_folds(sites, subjects=subjects), strict=True):
        assert set(sites[fold.test].tolist()) == {name}
        assert np.array_equal(fold.test, np.flatnonzero(sites == name))
        assert name not in set(sites[fold.train].tolist())
        left_out = set(range(len(rows))) - set(fold.train.tolist()) - set(fold.test.tolist())
        assert all(subjects[r] in set(subjects[fold.test].tolist()) for r in left_out)
        assert not set(subjects[fold.train].tolist()) & set(subjects[fold.test].tolist())


def test_forward_in_time_learns_before_and_proves_from_the_date_on() -> None:
    rows = [(1, at(0)), (2, at(1)), (3, at(2)), (1, at(3)), (4, at(1.999))]
    fold = forward(rows, at(2))
    assert fold.train.tolist() == [1, 4]
    assert fold.test.tolist() == [2, 3]
    for date in (at(0), at(9)):
        with pytest.raises(LawError, match="both sides"):
            forward(rows, date)


def test_a_patient_on_both_sides_is_leakage() -> None:
    fold = Fold(np.array([0, 1]), np.array([2, 3]))
    assert checked(fold, [7, 8, 9, 9]) == fold
    with pytest.raises(LeakageError, match="subject 8"):
        checked(fold, [7, 8, 8, 9])
    with pytest.raises(LeakageError, match="subject 1"):
        checked(Fold(np.array([0, 1]), np.array([1])), None)


def test_rows_without_their_patients_are_refused() -> None:
    with pytest.raises(LawError, match="needs its patient"):
        list(folds(np.array([0, 1, 0]), 2, subjects=[1, 2]))


@settings(deadline=None)
@given(rows_of_people)
def test_who_is_held_out_is_not_learned_from(rows: list[tuple[int, int, str]]) -> None:
    subjects, test = np.array([r[0] for r in rows]), np.array([r[2] == "a" for r in rows])
    theirs = set(subjects[test].tolist())
    if not test.any() or theirs == set(subjects.tolist()):
        with pytest.raises(LawError, match="both sides"):
            held_out(test, subjects)
        return
    fold = held_out(test, subjects)
    assert fold.test.tolist() == np.flatnonzero(test).tolist()
    assert fold.train.tolist() == [i for i, s in enumerate(subjects.tolist()) if s not in theirs]


def test_a_fixed_draw_moves_nobody_when_more_come() -> None:
    few, many = np.arange(1, 500), np.arange(1, 5000)
    assert drawn(many, 0.2, seed=1)[: len(few)].tolist() == drawn(few, 0.2, seed=1).tolist()
    assert 0.18 < drawn(many, 0.2, seed=1).mean() < 0.22
    assert drawn(many, 0.2, seed=1).tolist() != drawn(many, 0.2, seed=2).tolist()
    assert len(set(drawn(np.array([7] * 50), 0.5).tolist())) == 1

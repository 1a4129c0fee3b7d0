"""The rows on nodules leave no size without an answer, and never two."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import KnowledgeError
from consilium.knowledge.nodules import follow_up, read_rows, rows
from consilium.knowledge.shelf import FOLDER


@given(st.floats(0, 80), st.floats(0, 80))
def test_every_size_has_one_row_for_each_risk(diameter, solid):
    for kind, number in product(("solid", "part_solid", "ground_glass"), ("single", "multiple")):
        found = follow_up("lung_rads", diameter, kind=kind, number=number, solid=solid)
        assert len(found) == 1
    for kind, number in (("solid", "single"), ("solid", "multiple")):
        assert sorted(row.risk for row in follow_up("fleischner", diameter, kind=kind, number=number)) == ["high", "low"]
    for kind, number in (("ground_glass", "single"), ("part_solid", "single"), ("subsolid", "multiple")):
        assert [row.risk for row in follow_up("fleischner", diameter, kind=kind, number=number)] == ["any"]


def test_limits_fall_on_the_side_that_the_guidelines_say():
    def due(mm, **more):
        return [row.months for row in follow_up("fleischner", mm, **more)]

    assert due(5.9) == [None, (12, 12)]
    assert due(6) == due(8) == [(6, 12), (6, 12)]
    assert due(9) == [(3, 3), (3, 3)]
    assert [follow_up("lung_rads", mm)[0].category for mm in (5.9, 6, 7.9, 8, 14.9, 15)] == ["2", "3", "3", "4A", "4A", "4B"]
    assert len(follow_up("lung_rads", 10, kind="part_solid")) == 3, "an unknown solid part leaves every row it could be"


def test_both_languages_and_sources_are_there():
    assert all(row.advice and row.advice_zh and row.source in ("fleischner_2017", "lung_rads_2022") for row in rows())


def test_a_span_that_does_not_rise_is_refused(tmp_path):
    text = (
        (FOLDER / "nodule_follow_up.csv")
        .read_text(encoding="utf-8")
        .replace("lung_rads,solid,any,any,6,8,", "lung_rads,solid,any,any,8,6,")
    )
    (tmp_path / "nodule_follow_up.csv").write_text(text, encoding="utf-8")
    with pytest.raises(KnowledgeError, match="does not rise"):
        read_rows(tmp_path / "nodule_follow_up.csv")

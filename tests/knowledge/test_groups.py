"""Groups of coded answers: each code in one group, names in both languages; and a file that breaks its rules is refused."""

from __future__ import annotations

import re

import pytest
import yaml

from consilium.core.errors import KnowledgeError
from consilium.knowledge import Shelf
from consilium.knowledge.groups import read_groups
from consilium.knowledge.shelf import FOLDER

HAN = re.compile(r"[\u4e00-\u9fff]")


def test_every_group_is_named_in_both_languages(opened: Shelf) -> None:
    for groups in opened.groups.values():
        for name, group in groups.items():
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
            assert HAN.search(group.label["zh"]) and not HAN.search(group.label["en"])


def test_a_complaint_is_one_thing_whatever_says_it(opened: Shelf) -> None:
    complaints = opened.groups["presenting_complaints"]
    assert {"NHAMCS-RFV//1050*", "SNOMED//29857009"} <= set(complaints["chest_pain"].codes)
    assert {"NHAMCS-RFV//1415*", "SNOMED//267036007"} <= set(complaints["dyspnoea"].codes)
    assert sum(len(group.codes) for group in complaints.values()) > 300


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda g: g["fever"]["codes"].append(g["syncope"]["codes"][0]), "two groups"),
        (lambda g: g["fever"].update(codes=[]), "its codes"),
        (lambda g: g["fever"].update(label={"en": "fever"}), "both languages"),
    ],
)
def test_a_grouping_that_breaks_a_rule_is_refused(tmp_path, opened: Shelf, change, why) -> None:
    book = yaml.safe_load((FOLDER / "groups" / "presenting_complaints.yaml").read_text(encoding="utf-8"))
    change(book["groups"])
    (tmp_path / "presenting_complaints.yaml").write_text(yaml.safe_dump(book, allow_unicode=True), encoding="utf-8")
    with pytest.raises(KnowledgeError, match=why):
        read_groups(tmp_path, opened.sources)

"""Bedside scores: sourced, in both languages, in canonical units; and a file that breaks its rules is refused."""

from __future__ import annotations

import re

import pytest
import yaml

from consilium.core.errors import KnowledgeError
from consilium.knowledge import Shelf, shelf
from consilium.knowledge.scores import Score, read_scores
from consilium.knowledge.shelf import FOLDER

SCORES = shelf().scores
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("score", SCORES.values(), ids=lambda s: s.name)
def test_every_score_is_sourced_and_bilingual(score: Score, opened: Shelf) -> None:
    assert opened.sources[score.source].url.startswith("https://")
    texts = [*(i.label for i in score.inputs.values()), *(i.label for i in score.items), *(b.text for b in score.bands)]
    texts += [score.note] if score.note else []
    for text in texts:
        assert text["en"] and not HAN.search(text["en"])
        assert HAN.search(text["zh"]) or text["zh"] == text["en"]


def test_the_scales_are_the_published_ones() -> None:
    assert {name: score.ends for name, score in SCORES.items()} == {
        "news2": (0, 20), "triage_level": (0, 4), "qsofa": (0, 3), "sofa": (0, 24), "curb65": (0, 5), "heart": (0, 10),
        "cha2ds2_vasc": (0, 9), "wells_dvt": (-2, 9), "wells_pe": (0, 12.5),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: s.update(source="nobody"), "cites no source"),
        (lambda s: s.update(surprise=1), "lacks a part or has an unknown one"),
        (lambda s: s.update(title="NEWS2"), "both languages"),
        (lambda s: s.update(raised=["weather"]), "raised by what it does not ask"),
        (lambda s: s.update(unless=["CONDITION//SNOMED//1"]), "codes that the shelf does not have"),
        (lambda s: s["inputs"]["pulse"].update(code="LOINC//0-0"), "codes that the shelf does not have"),
        (lambda s: s["inputs"]["temperature"].update(unit="[degF]"), "unit"),
        (lambda s: s["inputs"]["pulse"].update(take="median"), "takes something unknown"),
        (
            lambda s: s["inputs"].update(mood={"code": "LOINC//8867-4", "unit": "/min", "label": {"en": "mood", "zh": "情绪"}}),
            "does not use",
        ),
        (lambda s: s["items"][0]["lines"][0].update(weather={"to": 3}), "names what is not asked"),
        (lambda s: s["items"][0]["lines"][0].update(respiration={"from": 3, "above": 4}), "range is said by"),
        (lambda s: s["bands"].pop(), "do not cover"),
        (lambda s: s.update(known="many"), "form not understood"),
    ],
)
def test_a_score_that_breaks_a_rule_is_refused(tmp_path, opened: Shelf, change, why) -> None:
    book = yaml.safe_load((FOLDER / "scores" / "early_warning.yaml").read_text(encoding="utf-8"))
    change(book["scores"][0])
    (tmp_path / "early_warning.yaml").write_text(yaml.safe_dump(book, allow_unicode=True), encoding="utf-8")
    with pytest.raises(KnowledgeError, match=why):
        read_scores(tmp_path, opened.sources, opened.codes)

"""Text: what a terminal shows."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from consilium.core import Consultation, Evidence
from consilium.knowledge import Shelf
from consilium.render.text import text
from consilium.render.words import words


def test_all_parts_are_said_in_both_languages(consultation: Consultation, shelf: Shelf) -> None:
    said = text(consultation, shelf, color=False, width=140)
    flat = re.sub(r"\s+", " ", said)
    speech = words(consultation.language)
    assert "ward-42" in said
    assert "2026-01-03 08:00 UTC" in said
    for key in ("disclaimer", "opinions", "abstained", "advice", "missing", "absent", "notes"):
        assert speech.say(key) in flat
    for sentence in (
        consultation.absent[0].reason, consultation.opinions[1].abstained or "", consultation.advice[0].summary,
        consultation.missing[0].name, consultation.advice[1].contraindications[0],
        consultation.advice[1].source.name, consultation.notes[0], "I B",
    ):  # fmt: skip
        assert sentence in flat


def test_an_opinion_shows_its_number_its_interval_and_its_strongest_evidence_first(english: Consultation, shelf: Shelf) -> None:
    said = text(english, shelf, color=False)
    assert "87 %" in said
    assert "95 % interval 79 to 93 %" in said
    signs = [line.strip()[0] for line in said.splitlines() if re.match(r"\s+[+−] ", line)]
    assert signs == ["+", "+", "+", "+", "−", "−"]
    assert said.index("thallium scan") < said.index("ST depression") < said.index("heart rate") < said.index("systolic pressure")
    assert "+1.42" in said
    assert "148 mmHg" in said
    assert "2025-11-20" in said
    assert "Reversible defect" in said
    assert "… and 2 more" in said


def test_the_limit_is_kept_and_none_shows_all(english: Consultation, shelf: Shelf) -> None:
    assert "… and 6 more" in text(english, shelf, color=False, limit=2)
    everything = text(english, shelf, color=False, limit=None)
    assert " more" not in everything
    assert "not seen" in everything
    assert "64 years" in everything
    assert "1961-05-02" not in everything


def test_colour_is_ansi_or_nothing(english: Consultation, shelf: Shelf) -> None:
    assert "\x1b[" in text(english, shelf, color=True)
    assert "\x1b" not in text(english, shelf, color=False)


@pytest.mark.parametrize("width", [60, 100, 160])
def test_no_line_is_wider_than_asked(english: Consultation, shelf: Shelf, width: int) -> None:
    assert max(len(line) for line in text(english, shelf, color=False, width=width).splitlines()) <= width


def test_data_cannot_speak_to_the_terminal(english: Consultation, shelf: Shelf) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07[red]Ann[/red]"
    heart = english.opinions[0]
    seen = Evidence("input", evil, "LOINC//8480-6", 1.0, "mm[Hg]", None, 9.0, name=evil)
    said = text(replace(english, patient_id=evil, opinions=(replace(heart, evidence=(seen,)),), notes=(evil,)), shelf, color=False)
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "[red]Ann[/red]" in said


def test_a_consultation_without_opinions_says_so(nothing_known: Consultation, shelf: Shelf) -> None:
    assert "No specialist gives a probability" in text(nothing_known, shelf, color=False)

"""CDS Hooks 2.0: the response against its own rules, written here as a JSON schema."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt

from consilium.core import Advice, Consultation, Opinion, Reject, Source
from consilium.knowledge import Shelf
from consilium.render.cards import cards

TEXT = {"type": "string", "minLength": 1}
CODING = {
    "type": "object",
    "required": ["code"],
    "properties": {"code": TEXT, "system": TEXT, "display": TEXT},
    "additionalProperties": False,
}
ACTION = {
    "type": "object",
    "required": ["type", "description"],
    "properties": {
        "type": {"enum": ["create", "update", "delete"]},
        "description": TEXT,
        "resource": {"type": "object"},
        "resourceId": TEXT,
    },
    "additionalProperties": False,
}
CARD = {
    "type": "object",
    "required": ["summary", "indicator", "source"],
    "additionalProperties": False,
    "properties": {
        "uuid": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
        "summary": {"type": "string", "minLength": 1, "maxLength": 139},
        "detail": TEXT,
        "indicator": {"enum": ["info", "warning", "critical"]},
        "source": {
            "type": "object",
            "required": ["label"],
            "properties": {"label": TEXT, "url": {"type": "string", "pattern": "^https?://"}, "icon": TEXT, "topic": CODING},
            "additionalProperties": False,
        },
        "suggestions": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["label"],
                "properties": {
                    "label": TEXT,
                    "uuid": TEXT,
                    "isRecommended": {"type": "boolean"},
                    "actions": {"type": "array", "items": ACTION, "minItems": 1},
                },
                "additionalProperties": False,
            },
        },
        "selectionBehavior": {"enum": ["at-most-one", "any"]},
        "overrideReasons": {"type": "array", "items": CODING, "minItems": 1},
        "links": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["label", "url", "type"],
                "properties": {
                    "label": TEXT,
                    "url": {"type": "string", "pattern": "^https?://"},
                    "type": {"enum": ["absolute", "smart"]},
                    "appContext": TEXT,
                },
                "additionalProperties": False,
            },
        },
    },
    "dependentRequired": {"suggestions": ["selectionBehavior"]},
}
RESPONSE = {
    "type": "object",
    "required": ["cards"],
    "properties": {"cards": {"type": "array", "items": CARD}, "systemActions": {"type": "array", "items": ACTION}},
    "additionalProperties": False,
}
SAYS_NOTHING: tuple[Any, ...] = (None, "", [], {})


def empties(value: Any) -> list[Any]:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if value in SAYS_NOTHING else []) + [e for item in below for e in empties(item)]


def test_the_response_keeps_the_standard(consultation: Consultation, shelf: Shelf) -> None:
    answer = cards(consultation, shelf, base_url="https://ward.example/consilium/")
    jsonschema.validate(answer, RESPONSE)
    assert not empties(answer)
    assert len(answer["cards"]) == len(consultation.advice) + 1


def test_cards_is_there_even_when_empty(nothing_known: Consultation, shelf: Shelf) -> None:
    assert cards(nothing_known, shelf) == {"cards": []}


def test_advice_keeps_its_urgency_reason_counter_reason_and_source(english: Consultation, shelf: Shelf) -> None:
    stop, imaging, *_ = cards(english, shelf)["cards"]
    assert [stop["indicator"], imaging["indicator"]] == ["critical", "warning"]
    assert "metformin is to be paused" in imaging["detail"]
    assert "87 in 100" in imaging["detail"]
    assert "I B" in imaging["detail"]
    assert imaging["source"] == {"label": english.advice[1].source.name, "url": english.advice[1].source.url}
    assert "Not a medical device" in stop["detail"]


def test_links_lead_to_this_patient_at_this_moment_and_are_left_out_without_an_address(english: Consultation, shelf: Shelf) -> None:
    (link,) = cards(replace(english, patient_id="a/b c"), shelf, base_url="https://ward.example/")["cards"][0]["links"]
    assert link == {
        "label": "Consultation",
        "type": "absolute",
        "url": "https://ward.example/patients/a%2Fb%20c?lang=en&as_of=2026-01-03T08%3A00%3A00",
    }
    assert all("links" not in card for card in cards(english, shelf)["cards"])


def test_a_suggestion_only_where_it_can_be_ordered_and_nothing_speaks_against_it(english: Consultation, shelf: Shelf) -> None:
    stop, imaging, cholesterol, ask, opinion = cards(english, shelf)["cards"]
    assert "suggestions" in cholesterol
    assert cholesterol["suggestions"][0]["actions"][0]["resource"]["resourceType"] == "ServiceRequest"
    assert all("suggestions" not in card for card in (stop, imaging, ask, opinion))


def test_an_opinion_is_a_card_from_even_odds_on(english: Consultation, shelf: Shelf) -> None:
    def alone(probability: float) -> list[dict[str, Any]]:
        heart = replace(english.opinions[0], probability=probability, low=0.0, high=1.0)
        return cards(replace(english, opinions=(heart,), advice=()), shelf)["cards"]

    assert alone(0.49) == []
    (card,) = alone(0.6)
    assert card["indicator"] == "info"
    assert card["summary"] == "Coronary heart disease: about 60 in 100 patients like this one"
    assert "thallium scan Reversible defect" in card["detail"]
    assert "+1.42" in card["detail"]


def test_an_abstention_makes_no_card(english: Consultation, shelf: Shelf) -> None:
    silent: tuple[Opinion, ...] = english.opinions[1:]
    assert cards(replace(english, opinions=silent, advice=()), shelf) == {"cards": []}


def test_card_ids_are_stable_and_unique(english: Consultation, shelf: Shelf) -> None:
    first, again = (cards(english, shelf)["cards"] for _ in range(2))
    assert first == again
    assert len({card["uuid"] for card in first}) == len(first)


@pytest.mark.parametrize(
    "evil", ["[click](javascript:alert(1))", "<img src=x onerror=alert(1)>", "![x](https://evil.example/t.png)", "# head\n- item"]
)
def test_facts_of_the_patient_are_literal_in_markdown(english: Consultation, shelf: Shelf, evil: str) -> None:
    one = Advice("ask", "", "ask", "", "", (evil,), Source("s"))
    detail = cards(replace(english, advice=(one,)), shelf)["cards"][0]["detail"]
    assert "<img" not in detail
    read = MarkdownIt("commonmark").render(detail)
    assert not re.search(r"<(a|img|h1)\b", read)
    assert html.escape(evil.replace("\n", " "), quote=False) in read


def test_an_address_that_is_not_the_webs_is_left_out(english: Consultation, shelf: Shelf) -> None:
    one = Advice("ask", "", "ask", "", "", ("x",), Source("s", url="javascript:alert(1)"))
    assert "url" not in cards(replace(english, advice=(one,)), shelf)["cards"][0]["source"]


def test_what_could_not_be_read_is_told_and_warns_when_it_can_hide_harm(nothing_known: Consultation, shelf: Shelf) -> None:
    lab = Reject("prefetch", "Observation/1", "No time zone")
    drug = Reject("prefetch", "MedicationRequest/7", "R5: MedicationRequest.medication", found="Ann's pills")
    (card,) = cards(nothing_known, shelf, rejects=[lab] * 30)["cards"]
    assert card["indicator"] == "info"
    assert card["summary"].startswith("30 ")
    assert "20 more" in card["detail"]
    (card,) = cards(nothing_known, shelf, rejects=[lab, drug])["cards"]
    assert card["indicator"] == "warning"
    assert "MedicationRequest/7" in card["detail"]
    assert "Ann" not in card["detail"]
    jsonschema.validate({"cards": [card]}, RESPONSE)


def test_a_very_long_name_still_fits_the_summary(english: Consultation, shelf: Shelf) -> None:
    odd = replace(english.opinions[0], condition="TEXT//" + "very long " * 40)
    jsonschema.validate(cards(replace(english, opinions=(odd,)), shelf), RESPONSE)

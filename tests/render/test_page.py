"""Page: complete, escaped, self-contained, in both languages."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from consilium.core import Advice, Consultation, Evidence, Patient, Source
from consilium.core.events import table
from consilium.knowledge import Shelf
from consilium.render.page import page, patients_page
from consilium.render.results import results
from consilium.render.words import words

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}"


class Elements(HTMLParser):
    """Tags with their attributes, and the text outside style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.text += " " + data


def renamed(patient: Patient, name: str) -> Patient:
    rows = [row | ({"text_value": name} if row["code"] == "NAME" else {}) for row in patient.events.to_pylist()]
    return replace(patient, events=table(rows))


def test_everything_is_on_the_page(consultation: Consultation, patient: Patient, shelf: Shelf) -> None:
    text = re.sub(r"\s+", " ", Elements(page(consultation, patient, shelf)).text)
    speech = words(consultation.language)
    expected = [
        "Karl Weber-Nakamura",
        "ward-42",
        speech.say("years", n=64),
        speech.say("sex_M"),
        "2026-01-03 08:00 UTC",
        speech.say("disclaimer"),
    ]
    expected += [
        consultation.opinions[1].abstained or "",
        consultation.absent[0].reason,
        consultation.notes[0],
        consultation.missing[0].name,
    ]
    expected += [x for a in consultation.advice for x in (a.summary, a.because[0], a.source.name)] + [
        consultation.advice[1].contraindications[0]
    ]
    expected += ["+1.42", "−0.45", "148 mmHg", "2025-11-20", "heart_disease 1.0 (0123456789ab)", "90–120 mmHg"]
    for sentence in expected:
        assert sentence in text
    assert {"en": "about 87 in 100 patients like this one", "zh": "每 100 人约有 87 人"}[consultation.language] in text


def test_what_holds_is_listed_and_what_ended_is_not(english: Consultation, patient: Patient, shelf: Shelf) -> None:
    text = Elements(page(english, patient, shelf)).text
    assert "Diabetes mellitus type 2" in text
    assert "amoxicillin 250 MG Oral Capsule" in text
    assert "Allergy to penicillin" in text
    assert "pharyngitis" not in text


def test_one_thing_in_several_vocabularies_is_one_line(english: Consultation, patient: Patient, shelf: Shelf) -> None:
    hypertension = next(r for r in patient.events.to_pylist() if r["code"] == "CONDITION//SNOMED//38341003")
    one = "0a1b2c3d/Condition/h"
    twice = [
        hypertension | {"source_id": one},
        hypertension | {"code": "CONDITION//ICD10CM//I10", "text_value": "Essential", "source_id": one},
    ]
    text = Elements(page(english, replace(patient, events=table(twice)), shelf)).text
    assert "Hypertension" in text
    assert "Essential" not in text


def test_data_of_the_patient_are_escaped(english: Consultation, patient: Patient, shelf: Shelf) -> None:
    heart = english.opinions[0]
    seen = Evidence("input", EVIL, "LOINC//8480-6", 1.0, "mm[Hg]", None, 1.0, name=EVIL)
    advice = Advice(
        "ask",
        "",
        EVIL[:100],
        EVIL + "\n\n![x](https://evil.example/t.png) [y](javascript:alert(1))",
        EVIL,
        (EVIL,),
        Source(EVIL, url="javascript:alert(3)"),
    )
    evil = replace(english, patient_id=EVIL, opinions=(replace(heart, evidence=(seen,), source=EVIL),), advice=(advice,), notes=(EVIL,))
    elements = Elements(page(evil, renamed(patient, EVIL), shelf, home="/", titles={"heart_disease": EVIL}))
    assert not [tag for tag, _ in elements.tags if tag in ("script", "img", "iframe", "object", "embed", "form")]
    for _, attributes in elements.tags:
        assert not [key for key in attributes if key.startswith("on")]
        assert "javascript" not in (attributes.get("href") or "")
    assert "49" not in elements.text.replace(EVIL, "")
    assert elements.text.count("<script>alert(1)</script>") >= 4


def test_the_page_asks_nothing_of_any_other_place(english: Consultation, patient: Patient, shelf: Shelf) -> None:
    html = page(english, patient, shelf)
    loading = {"img": "src", "link": "href", "iframe": "src", "script": "src", "use": "href", "source": "src"}
    for tag, attributes in Elements(html).tags:
        if tag in loading:
            assert (attributes.get(loading[tag]) or "").startswith("data:")
    assert "@import" not in html
    assert "url(" not in html


def test_a_page_that_stands_alone_links_only_to_sources_and_to_itself(english: Consultation, patient: Patient, shelf: Shelf) -> None:
    links = [a.get("href") or "" for tag, a in Elements(page(english, patient, shelf)).tags if tag == "a"]
    assert links
    assert all(link.startswith(("https://", "#")) for link in links)
    served = [a.get("href") or "" for tag, a in Elements(page(english, patient, shelf, home="/")).tags if tag == "a"]
    assert "?lang=zh&as_of=2026-01-03T08%3A00%3A00" in served


def test_unknown_is_said_to_be_unknown(nothing_known: Consultation, patient: Patient, shelf: Shelf) -> None:
    text = Elements(page(nothing_known, replace(patient, events=table([])), shelf)).text
    for key in ("name_unknown", "age_unknown", "sex_unknown", "no_allergies_recorded", "none_recorded", "no_opinions", "no_advice"):
        assert words("en").say(key) in text


def test_no_known_allergy_is_not_the_same_as_none_recorded(english: Consultation, patient: Patient, shelf: Shelf) -> None:
    rows = [r for r in patient.events.to_pylist() if not r["code"].startswith("ALLERGY")]
    stated = rows[0] | {"code": "ALLERGY//NONE//SNOMED//716186003", "text_value": "No known allergy"}
    assert words("en").say("no_known_allergies") in Elements(page(english, replace(patient, events=table([*rows, stated])), shelf)).text


def test_results_come_with_their_course_and_the_range_for_this_patient(patient: Patient, shelf: Shelf) -> None:
    found = {r.code: r for r in results(patient, shelf)}
    assert [v for _, v in found["LOINC//8480-6"].series] == [128, 131, 139, 137, 148]
    assert found["LOINC//8480-6"].reference == (90.0, 120.0)
    assert found["LOINC//2160-0"].reference == (0.74, 1.35)
    assert found["CONSILIUM//thallium-scan"].answer == "CONSILIUM//perfusion-reversible-defect"
    women = [r | ({"code": "GENDER//F"} if r["code"] == "GENDER//M" else {}) for r in patient.events.to_pylist()]
    assert {r.code: r for r in results(replace(patient, events=table(women)), shelf)}["LOINC//2160-0"].reference is None


def test_results_of_another_unit_get_no_reference_range(patient: Patient, shelf: Shelf) -> None:
    rows = [r | ({"unit": "kPa"} if r["code"] == "LOINC//8480-6" else {}) for r in patient.events.to_pylist()]
    assert {r.code: r for r in results(replace(patient, events=table(rows)), shelf)}["LOINC//8480-6"].reference is None


def test_results_asked_for_come_first(patient: Patient, shelf: Shelf) -> None:
    assert results(patient, shelf, first={"LOINC//2160-0"})[0].code == "LOINC//2160-0"
    assert results(patient, shelf)[0].code == "CONSILIUM//thallium-scan"


def test_the_senders_words_name_what_the_shelf_does_not_know(english: Consultation, patient: Patient, shelf: Shelf) -> None:
    assert "LOINC 99999-9" in Elements(page(english, patient, shelf)).text
    assert "Serum mystery" in Elements(page(english, patient, shelf, displays={"LOINC//99999-9": "Serum mystery"})).text


def test_an_empty_list_says_that_nobody_matches() -> None:
    assert words("zh").say("search_none") in Elements(patients_page((), "zh", query="<b>")).text


CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_leaving_the_page_or_its_width(
    consultation: Consultation, patient: Patient, shelf: Shelf, tmp_path: Path, width: int
) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    file = tmp_path / "page.html"
    file.write_text(page(consultation, renamed(patient, EVIL), shelf), encoding="utf-8")
    asked: list[str] = []
    said: list[Any] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        tab.goto(file.as_uri())
        assert "<script>alert(1)</script>" in tab.inner_text("h1")
        assert consultation.advice[0].summary in tab.inner_text("main")
        overflow = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        browser.close()
    assert overflow <= 0
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []

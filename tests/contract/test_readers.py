"""Laws that hold for every reader of the molecular laboratory."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from consilium.core.errors import LawError
from consilium.genomics.reader import HOME, PAGE, Reader, names, reader
from consilium.knowledge import shelf
from consilium.render.words import words
from consilium.validation import page

NAMES = names()


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_meets_its_bar_cites_its_sources_and_says_its_limits(name):
    own = reader(name)
    assert own.report.passes and own.card.limits and own.card.not_for
    assert set(own.card.sources) <= set(shelf().sources)
    assert (HOME / name / "README.md").is_file() and any((HOME / name / "examples").iterdir())
    assert (HOME / name / "model.onnx").stat().st_size < 400_000


@pytest.mark.parametrize("name", NAMES)
def test_one_alone_or_in_a_batch_gives_the_same_and_the_reasons_add_up(name):
    model = reader(name).model
    draw = np.random.default_rng(0)
    low, high = (np.array([np.nan if v is None else v for v in model.meta["limits"][edge]]) for edge in ("min", "max"))
    X = (low + (high - low) * draw.random((8, len(low)))).astype(np.float32)
    p = model.probability(X)
    assert ((p >= 0) & (p <= 1)).all()
    assert np.allclose([model.probability(row[None])[0] for row in X], p, atol=1e-6)
    given = model.attribute(X)
    assert np.allclose(given.base + given.weights.sum(axis=1), model.log_odds(X), atol=1e-3)
    edges = model.interval(model.log_odds(X))
    assert (edges[0] <= p + 1e-9).all() and (p <= edges[1] + 1e-9).all()


@pytest.mark.parametrize("name", NAMES)
def test_below_its_bar_it_does_not_speak(name):
    own = reader(name)
    with pytest.raises(LawError, match="does not meet its bar"):
        Reader(replace(own.card, bar=replace(own.card.bar, auroc_low=0.9999)), own.model, own.report)
    with pytest.raises(LawError, match="not about this reader"):
        Reader(replace(own.card, version="0.0"), own.model, own.report)


@pytest.mark.parametrize("name", names(material="dna"))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_a_place_is_has_words(name, language):
    assert words(language, "dna").say(name)


@pytest.mark.parametrize("name", NAMES)
def test_its_page_shows_its_report_and_speaks_of_what_it_reads(name):
    own = reader(name)
    shown = (HOME / name / PAGE).read_text(encoding="utf-8")
    assert shown == page(own.report, card_title=own.card.title["en"], subject=own.card.subject)
    chinese = page(own.report, card_title=own.card.title["zh"], language="zh", subject=own.card.subject)
    read = [unescape(re.sub(r"<style>.*?</style>|<[^>]+>", "", html, flags=re.S)) for html in (shown, chinese)]
    for written in (*own.report.limits, own.report.why):  # by people, and left as they wrote it
        read = [text.replace(written, "") for text in read]
    assert not re.search(r"patient|council|specialist|seated|condition\b|whom", read[0], re.I)
    assert not re.search("患|会诊|人数|名非|专科", read[1])
    assert f"{own.card.subject}s" in read[0]

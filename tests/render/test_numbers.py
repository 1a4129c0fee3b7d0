"""Numbers, drawings and labels: what people read is what was measured."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import InputError
from consilium.render import words as words_module
from consilium.render.figure import scale, trend
from consilium.render.numbers import number, percent, quantity
from consilium.render.words import words

HERE = Path(words_module.__file__).parent


@given(st.floats(0, 1))
def test_a_percentage_never_says_never_or_always_of_what_is_neither(p: float) -> None:
    said = percent(p, words("en"))
    assert said not in ("0 %", "100 %")
    if said[0] not in "<>":
        assert abs(float(said.removesuffix(" %")) / 100 - p) <= 0.00501


@given(st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-8))
def test_a_number_keeps_four_digits_and_no_exponent(value: float) -> None:
    said = number(value)
    assert re.fullmatch(r"−?\d+(\.\d+)?", said)
    assert math.isclose(float(said.replace("−", "-")), value, rel_tol=6e-4, abs_tol=1e-12)


def test_a_number_without_a_unit_says_so() -> None:
    assert quantity(3.0, "", words("en")) == "3 no unit stated"
    assert quantity(3.0, "{count}", words("en")) == "3"
    assert quantity(64.0, "a", words("zh")) == "64 岁"


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_a_value_lies_inside_its_drawing_and_its_side_is_right(value: float, low: float, span: float) -> None:
    placed = scale(value, (low, low + span))
    assert placed is not None
    assert 0 <= placed.at <= 100
    assert 0 <= placed.start <= placed.start + placed.width <= 100.1
    assert placed.side == ("low" if value < low else "high" if value > low + span else "")


def test_a_range_open_at_one_end_is_drawn_to_the_edge() -> None:
    placed = scale(250.0, (None, 200.0))
    assert placed is not None
    assert (placed.start, placed.side) == (0.0, "high")
    assert scale(1.0, (None, None)) is None


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(-1e6, 1e6)), min_size=2, max_size=20, unique_by=lambda p: p[0]))
def test_a_trend_stays_in_its_box_and_goes_forward(points: list[tuple[int, float]]) -> None:
    series = [(datetime(2020, 1, 1) + timedelta(hours=h), v) for h, v in sorted(points)]
    drawn = trend(series, (0.0, 10.0))
    assert drawn is not None
    places = [tuple(map(float, p.split(","))) for p in drawn.points.split()]
    assert all(0 <= x <= 120 and 0 <= y <= 28 for x, y in places)
    assert [x for x, _ in places] == sorted(x for x, _ in places)


def test_one_moment_is_no_trend() -> None:
    assert trend([(datetime(2020, 1, 1), 1.0), (datetime(2020, 1, 1), 2.0)], None) is None


OTHERS = {
    "genome": ("genome",),
    "tumour": ("tumour",),
    "image": ("image", "imaging", "spoken"),
    "expression": ("expression",),
    "dna": ("dna",),
}
_APART = {f"{file}.py" for files in OTHERS.values() for file in files}
BOOKS = {"words": [p for p in (*HERE.glob("*.py"), *HERE.glob("templates/*")) if p.name not in _APART]}
BOOKS |= {book: [HERE / f"{file}.py" for file in files] for book, files in OTHERS.items()}
"""Who speaks from which book of words."""
COMPOSED = {
    "words": r"sex_.*|withheld_.*|lacks_.*|fact_.*|strength_.*|critical|warning|info",
    "genome": r"note_.*|do_.*|gene|.*phenotype|activity|seen|possible|drug|advice|because|by",
    "tumour": r".*",
    "expression": r".*",
    "dna": r"splice_.*|promoter.*|place|probability|interval|strand|bases|because",
    "image": r"of_.*|structure|candidate|finding|what|claimed|where|size_of|probability|because",
}
"""Labels whose names are put together, so that they cannot be looked for."""


@pytest.mark.parametrize("book", BOOKS)
def test_every_label_is_in_both_languages_with_the_same_facts(book: str) -> None:
    for key, both in yaml.safe_load((HERE / f"{book}.yaml").read_text(encoding="utf-8")).items():
        assert set(both) == {"en", "zh"}, key
        facts = [set(re.findall(r"{(\w+)}", both[language])) for language in ("en", "zh")]
        assert facts[0] == facts[1], key


@pytest.mark.parametrize("book", BOOKS)
def test_every_label_that_code_and_templates_ask_for_exists_and_none_is_idle(book: str) -> None:
    source = "".join(p.read_text(encoding="utf-8") for p in BOOKS[book])
    asked = set(re.findall(r"(?<!voice\.)say\(\s*['\"]([\w]+)['\"](?!\s*[~+])", source)) | set(re.findall(r"listed\(\"(\w+)\"", source))
    known = set(words("en", book).labels)
    assert asked - known - {"CONDITION", "MEDICATION", "ALLERGY"} == set()
    idle = {key for key in known if not re.search(rf"['\"]{key}['\"]", source) and not re.fullmatch(COMPOSED[book], key)}
    assert idle == set()


def test_a_language_that_is_not_spoken_is_refused() -> None:
    with pytest.raises(InputError, match="not spoken"):
        words("fr")

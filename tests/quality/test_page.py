"""The report for people and for programs: whole, self-contained, in both languages, and reached by the command."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import numpy as np
import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

from consilium.cli.main import app
from consilium.core.errors import InputError
from consilium.knowledge import shelf
from consilium.quality.form import json_bytes
from consilium.quality.page import page
from consilium.record import writing

from .people import ANALYTES, judged, mistaken, numbers, right

HAN = re.compile(r"[\u4e00-\u9fff]")


def events():
    rng = np.random.default_rng(0)
    tables = []
    for code in list(ANALYTES)[:3]:
        values, subjects = right(code, rng, people=60)
        tables.append(numbers(code, mistaken(code, values, rng.random(len(values)) < 0.1), subjects))
    return pa.concat_tables(tables)


@pytest.fixture(scope="module")
def found():
    return judged(events())


def test_words_are_the_same_in_both_languages():
    words = yaml.safe_load(files("consilium.quality").joinpath("words.yaml").read_text(encoding="utf-8"))
    assert set(words["en"]) == set(words["zh"]) and set(words["en"]["facts"]) == set(words["zh"]["facts"])
    for key, text in words["zh"].items():
        if key not in ("tag", "facts"):
            assert HAN.search(text), key


@pytest.mark.parametrize(("language", "words"), [("en", "Two units under one label"), ("zh", "同一单位标签下混有两种单位")])
def test_the_page_says_what_was_found_and_loads_nothing(found, language, words):
    html = page(found, shelf(), language=language)
    assert words in html and "mmol/L" in html and "<svg" in html
    assert not re.search(r"(src|href)=|<script|@import|url\(", html)
    assert "&lt;built-in" not in html and "{{" not in html


def test_what_is_sent_is_escaped(found):
    html = page(found, shelf(), displays={"LOINC//2345-7": "<script>"})
    assert "<script>" not in html
    with pytest.raises(InputError, match="not written"):
        page(found, shelf(), language="la")


def test_json_holds_everything(found):
    told = json.loads(json_bytes(found))
    assert len(told["findings"]) == len(found.findings) and len(told["codes"]) == len(found.codes)
    assert all(f["title"]["zh"] and 0 <= f["share"] <= 1 for f in told["findings"])
    assert all(0 <= c["score"] <= 1 and sum(bar[2] for bar in c["histogram"]) == c["events"] for c in told["codes"])


def test_the_command(tmp_path):
    whole = events()
    with writing(tmp_path / "r") as w:
        w.add(whole, {s: f"p{s}" for s in set(whole["subject_id"].to_pylist())})
        w.commit({})
    html, out = tmp_path / "q.html", tmp_path / "q.json"
    done = CliRunner().invoke(app, ["quality", "--record", str(tmp_path / "r"), "--html", str(html), "--json", str(out), "--lang", "zh"])
    assert done.exit_code == 0, done.output
    assert "error" in done.output and "同一单位标签下混有两种单位" in html.read_text(encoding="utf-8")
    assert json.loads(out.read_bytes())["patients"] == 60
    assert CliRunner().invoke(app, ["quality", "--record", str(tmp_path / "none")]).exit_code == 1

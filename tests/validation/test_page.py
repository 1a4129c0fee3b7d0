"""The page of a report: every number on it, in both languages, and nothing loaded from anywhere."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
import yaml

from consilium.core import CalibrationPoint, Estimate, NetBenefitPoint
from consilium.core.errors import InputError
from consilium.validation import page, to_json

WORDS = yaml.safe_load(files("consilium.validation").joinpath("words.yaml").read_text(encoding="utf-8"))
VOID = {"meta", "link", "img", "br", "hr", "input", "circle", "path", "rect", "polyline", "polygon"}


class Page(HTMLParser):
    """What a reader sees, what the page would load, and whether its elements close in order."""

    def __init__(self, text):
        super().__init__()
        self.words, self.loads, self.open, self.count = [], [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.loads += [value for name, value in attributes if name in ("src", "href", "srcset", "data", "action", "xlink:href")]
        if tag in ("script", "link", "iframe", "object", "embed", "img", "image"):
            self.loads.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "title"):
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def rounded(value, places):
    """As people write it: a true minus sign, and none before zero."""
    whole = round(value * 10**places)
    digits = str(abs(whole)).rjust(places + 1, "0")
    return ("−" if whole < 0 else "") + digits[:-places] + "." + digits[-places:]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_number_of_the_json_is_on_the_page(report, card, language):
    plain = json.loads(to_json(report))
    text = Page(page(report, card_title="T", language=language, card=card)).text
    to = WORDS[language]["to"]

    def told(found, places=3):
        return f"{rounded(found['value'], places)} ({rounded(found['low'], places)} {to} {rounded(found['high'], places)})"

    expected = [told(plain[key]) for key in ("auroc", "auprc", "brier")] + [told(plain[key], 2) for key in ("slope", "intercept")]
    for result in plain["comparisons"]:
        expected += [told(result[key]) for key in ("auroc", "auprc", "brier")] + [told(result[key], 2) for key in ("slope", "intercept")]
        expected += [result["learner"], rounded(result["seconds"], 1)]
    for point in plain["calibration"]:
        expected.append(f"{rounded(point['predicted'], 3)} {told(point['observed'])} {point['n']}")
    for point in plain["net_benefit"]:
        expected.append(f"{rounded(point['threshold'], 3)} {told(point['model'])} {rounded(point['treat_all'], 3)}")
    for group in plain["subgroups"]:
        expected.append(f"{group['n']} {group['events']}")
        if group["auroc"]:
            expected += [told(group["auroc"]), told(group["observed_over_expected"], 2)]
        if group["gap"] is not None:
            expected.append(f"{rounded(group['gap'], 3)} {group['n']} {group['events']}")
    expected += [f"{rounded(100 * share, 1)} %" for share in plain["missing"].values()]
    expected += [
        plain["data"],
        plain["period"],
        plain["proof"],
        plain["model_sha256"],
        plain["data_fingerprint"],
        plain["version"],
        *plain["limits"],
    ]
    flat = text.replace("( ", "(").replace(" )", ")")
    assert [one for one in expected if one not in flat] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_loads_nothing(report, card, language):
    html = page(report, card_title="T", language=language, card=card)
    assert Page(html).loads == []
    assert not re.search(r"https?:|@import|//cdn|<script", html)
    assert set(re.findall(r"url\(([^)]*)\)", html)) <= {"#inside"}
    assert "default-src 'none'" in html


@pytest.mark.parametrize("language", ["en", "zh"])
def test_its_elements_close_and_its_figures_are_there(report, card, language):
    parsed = Page(page(report, card_title="T", language=language, card=card))
    assert parsed.open == []
    assert parsed.count["h1"] == 1
    assert parsed.count["section"] == 10
    # Two curves, a mark for each learner, the whole and each group, two axes, a bar for each input, the verdict's sign.
    assert parsed.count["svg"] == 2 + 2 + (1 + len(report.subgroups)) + 2 + len(report.missing) + 1


def test_it_is_written_in_the_language_asked_for(report, card):
    english, chinese = (Page(page(report, card_title="T", language=language, card=card)).text for language in ("en", "zh"))
    for key in ("disclaimer", "fails", "calibration", "decision", "missing_means"):
        assert WORDS["en"][key] in english and WORDS["en"][key] not in chinese
        assert WORDS["zh"][key] in chinese and WORDS["zh"][key] not in english
    assert "Total cholesterol" in english and "总胆固醇" in chinese
    assert "sex: female" in english and "性别: 女" in chinese


def test_both_languages_have_the_same_words_with_the_same_gaps():
    assert list(WORDS["en"]) == list(WORDS["zh"])
    for key, english in WORDS["en"].items():
        assert re.findall(r"{\w+}", str(english)) == re.findall(r"{\w+}", str(WORDS["zh"][key])), key
    assert all(set(name) == {"en", "zh"} for name in WORDS["names"].values())
    for sentence in WORDS["sentences"]:
        named = set(re.findall(r"\?P<(\w+)>", sentence["sent"]))
        assert named == set(re.findall(r"{(\w+)}", sentence["en"])) == set(re.findall(r"{(\w+)}", sentence["zh"]))


def test_shortfalls_and_notes_are_told_in_chinese(report, card):
    assert len(report.shortfalls) >= 3
    text = Page(page(report, card_title="T", language="zh", card=card)).text
    for shortfall in (*report.shortfalls, *(group.note for group in report.subgroups if group.note)):
        assert shortfall not in text
    assert "低于 0.990" in text and "不在 1.50 至 2.00 之间" in text and "比总体低" in text
    assert "未评估：" in text and "不计差距：" in text


def test_the_verdict_follows_the_shortfalls(report, card):
    short = Page(page(report, card_title="T", card=card)).text
    assert WORDS["en"]["fails"] in short and WORDS["en"]["passes"] not in short
    passing = Page(page(replace(report, shortfalls=()), card_title="T", card=card)).text
    assert WORDS["en"]["passes"] in passing and WORDS["en"]["fails"] not in passing


def test_text_from_outside_stays_text(report):
    html = page(report, card_title="<script>alert(1)</script>")
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "<b>ICU</b>" not in html


def test_it_does_without_card_curves_groups_and_intervals(report):
    bare = replace(
        report, calibration=(), net_benefit=(), subgroups=(), comparisons=(), missing={}, limits=(), auprc=Estimate(1.0), made_with={}
    )
    text = Page(page(bare, card_title="T")).text
    assert "1.000 ( no interval )" in text.replace("(no interval)", "( no interval )")
    for key in ("no_subgroups", "nothing_missing", "no_limits"):
        assert WORDS["en"][key] in text


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_every_mark_of_the_curves_lies_on_the_paper(report, share):
    points = tuple(CalibrationPoint(share * i / 3, Estimate(share * i / 3, 0.0, min(1.0, share + 0.1)), 5) for i in range(1, 4))
    curve = tuple(NetBenefitPoint(t, Estimate(share * (1 - t), 0.0, share), share) for t in (0.01, 0.02))
    html = page(replace(report, calibration=points, net_benefit=curve), card_title="T")
    for figure in re.findall(r'<svg class="plot".*?</svg>', html, flags=re.DOTALL):
        width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', figure).groups())
        dots = [(float(x), float(y)) for x, y in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', figure)]
        ends = [tuple(map(float, pair.split(","))) for path in re.findall(r'points="([^"]*)"', figure) for pair in path.split()]
        assert ends
        assert all(0 <= x <= width and 0 <= y <= height for x, y in dots + ends)


def test_an_unknown_language_is_refused(report):
    with pytest.raises(InputError, match="'fr'"):
        page(report, card_title="T", language="fr")


def test_the_bar_names_the_groups_whose_gap_counts(report, card):
    some = replace(card, bar=replace(card.bar, groups=("sex", "age")))
    assert "no subgroup (sex, age) more than" in Page(page(report, card_title="T", card=some)).text
    assert "no subgroup more than" in Page(page(report, card_title="T", card=replace(card, bar=replace(card.bar, groups=())))).text


def test_an_auroc_without_interval_is_told_in_both_languages(report, card):
    bare = replace(report, shortfalls=card.bar.shortfalls(replace(report, auroc=Estimate(0.99))))
    english, chinese = (Page(page(bare, card_title="T", language=language, card=card)).text for language in ("en", "zh"))
    assert "has no interval" in english and "has no interval" not in chinese and "没有区间" in chinese

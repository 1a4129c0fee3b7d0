"""A dossier says what the facts say: a seeded flaw turns the domain it belongs to, and the answer names the evidence."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from consilium.core import Bar, Card, Estimate, Input, Question, Report
from consilium.core.errors import CardError
from consilium.core.question import Criterion
from consilium.validation import learner_result, measure
from consilium.validation.clusters import clusters
from consilium.validation.dossier import (
    Facts,
    Leak,
    Predictor,
    Said,
    Split,
    as_json,
    items,
    judge,
    model_card,
    model_card_xml,
    page,
    read_statements,
)  # fmt: skip
from consilium.validation.dossier.checklist import checklist
from consilium.validation.dossier.words import words_of
from consilium.validation.fairness import fairness
from consilium.validation.sample_size import sample_size

AUTHOR = Said(
    probast={
        "1.1": ("yes", "a prospective cohort"),
        "3.1": ("yes", "angiography, the reference test"),
        "3.5": ("yes", "read by two who knew nothing else"),
    }
)
KINDS = yaml.safe_load((Path(__file__).parents[2] / "src/consilium/quality/leak_kinds.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def flawless(simulated) -> Facts:
    """A study to which nothing can be objected."""
    y, p = simulated(1200, 5)
    random = np.random.default_rng(6)
    groups = {"sex": random.choice(["women", "men"], 1200).tolist(), "site": random.choice(["a", "b", "c"], 1200).tolist()}
    found = measure(y, p, groups=groups)
    card = Card(
        name="heart", version="1.0", title={"en": "Coronary disease", "zh": "冠心病"}, condition="SNOMED//53741008",
        question=Question("LOINC//8480-6", "SNOMED//53741008", (timedelta(0), timedelta(days=30)), positive_from=1),
        inputs=(Input("age", ("MEDS_BIRTH",), "a", "age", required=True), Input("pressure", ("LOINC//8480-6",), "mm[Hg]")),
        learner="logistic", why="it can be read", intended="Adults.", not_for="Children.", bar=Bar(0.7, (0.7, 1.4), 0.1),
        sources=("detrano_1989",), threshold=0.3,
    )  # fmt: skip
    parts = {
        "card": card.name, "version": "1.0", "learner": "logistic", "why": card.why, "model_sha256": "ab" * 32, "data": "a <cohort>",
        "data_fingerprint": "cd" * 32, "period": "2020-01-01 to 2021-12-31", "proof": "5-fold cross-validation by patient",
        "n": found.n, "events": found.events, "auroc": found.auroc, "auprc": found.auprc, "slope": found.slope,
        "intercept": found.intercept, "brier": found.brier, "calibration": found.calibration, "net_benefit": found.net_benefit,
        "subgroups": found.subgroups, "comparisons": tuple(learner_result(name, y, p, 1.0) for name in ("logistic", "tree", "forest")),
        "missing": {"age": 0.0, "pressure": 0.02}, "limits": ("one region",),
    }  # fmt: skip
    report = Report(**parts, shortfalls=())
    predictors = (
        Predictor("age", "a", True, (50, 60, 70), None, 62.0, 58.0, 0.0, 0.0, 0.0, 60, {"a": 0.0, "b": 0.0}),
        Predictor("pressure", "mm[Hg]", False, (120, 130, 140), None, 135.0, 128.0, 0.02, 0.02, 0.02, 80, {"a": 0.02, "b": 0.02}),
    )
    return Facts(
        card, report, "development", True, 1200, {}, 0, (20.0, 90.0), 0.0, ("F", "M"), (Split(960, 400, 240, 100, 0),), predictors, (), (),
        0.3, "card", groups=fairness(y, p, groups, 0.3, times=100), sites=clusters("site", y, p, groups["site"]),
        sample=sample_size(y, p, 2),
        said=AUTHOR, bibliography="@misc{detrano_1989}",
    )  # fmt: skip


def leak(kind: str) -> tuple[Leak, ...]:
    return (Leak(kind, "LOINC//8480-6", 7, "seen in 7 of 9", KINDS[kind]["means"]["en"]),)


def measured(facts: Facts, **changes) -> Facts:
    return replace(facts, report=replace(facts.report, **changes))


def asked(facts: Facts, **changes) -> Facts:
    return replace(facts, card=replace(facts.card, question=replace(facts.card.question, **changes)))


FLAWS = {
    "a patient on both sides of a split": ("analysis", "4.8", "17 patients", lambda f: replace(f, splits=(Split(960, 400, 240, 100, 17),))),
    "a finding of patients on both sides": ("analysis", "4.8", "patient_in_both", lambda f: replace(f, leaks=leak("patient_in_both"))),
    "no patients held out": ("analysis", "4.8", "held out", lambda f: replace(f, splits=())),
    "a label that an input tells": ("predictors", "2.2", "too_good", lambda f: replace(f, leaks=leak("too_good"))),
    "an input that is named after the outcome": ("outcome", "3.3", "named_after", lambda f: replace(f, leaks=leak("named_after_outcome"))),
    "the label's own code as an input": ("outcome", "3.3", "LOINC//8480-6", lambda f: asked(f, label="LOINC//8480-6")),
    "a value taken after the asking": ("predictors", "2.3", "taken_after_asking", lambda f: replace(f, leaks=leak("taken_after_asking"))),
    "too few events": ("analysis", "4.1", "events per parameter", lambda f: replace(f, sample=replace(f.sample, per_parameter=4.0))),
    "participants chosen by the future": ("participants", "1.2", "selected_by", lambda f: replace(f, leaks=leak("selected_by_the_future"))),
    "a criterion that looks ahead": (
        "participants", "1.2", "stayed two days",
        lambda f: asked(f, criteria=(Criterion("stayed two days", "ENCOUNTER", window=(timedelta(0), timedelta(days=2))),)),
    ),
    "a third without a truth": ("participants", "1.2", "600 of 1800", lambda f: replace(f, unanswered=600)),
    "cases and controls from different files": ("participants", "1.1", "order_tells", lambda f: replace(f, leaks=leak("order_tells"))),
    "no calibration": ("analysis", "4.7", "not measured", lambda f: measured(f, calibration=())),
    "an input that one site lacks": (
        "predictors", "2.1", "100 %",
        lambda f: replace(f, predictors=(f.predictors[0], replace(f.predictors[1], missing_by_site={"a": 0.0, "b": 1.0}))),
    ),
    "an input that most lack": ("analysis", "4.4", "80 %", lambda f: replace(f, predictors=(replace(f.predictors[1], missing=0.8),))),
    "the outcome before the asking": ("outcome", "3.6", "outcome_before", lambda f: replace(f, leaks=leak("outcome_before_asking"))),
}  # fmt: skip


def test_a_flawless_study_is_at_low_risk(flawless):
    found = judge(flawless)
    assert {d.name: d.risk for d in found.domains} == dict.fromkeys(("participants", "predictors", "outcome", "analysis"), "low")
    assert len(found.answers) == 20 and found.concern == "low"
    assert all(a.evidence for a in found.answers)


def test_low_everywhere_is_not_enough_without_another_place_or_time(flawless):
    assert judge(flawless).risk == "high" and "neither" in judge(flawless).because
    assert judge(replace(flawless, study="evaluation")).risk == "low"


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_turns_its_domain_and_the_answer_names_it(flawless, flaw):
    domain, question, evidence, plant = FLAWS[flaw]
    found = judge(plant(flawless))
    assert found.of(domain).risk == "high" and question in found.of(domain).because
    assert found.risk == "high" and question in found.because
    answer = next(a for a in found.answers if a.number == question)
    assert answer.answer in ("no", "probably no")
    text, link = answer.evidence[0]
    assert evidence in text and link


def test_without_the_author_what_only_he_knows_is_unclear(flawless):
    found = judge(replace(flawless, said=Said()))
    assert {d.name: d.risk for d in found.domains} == {
        "participants": "unclear",
        "predictors": "low",
        "outcome": "unclear",
        "analysis": "low",
    }


def test_the_author_does_not_outvote_a_fact(flawless):
    proud = replace(
        flawless, said=Said(probast={**AUTHOR.probast, "4.8": ("yes", "we were careful")}), splits=(Split(960, 400, 240, 100, 3),)
    )
    answer = next(a for a in judge(proud).answers if a.number == "4.8")
    assert answer.answer == "no" and any("the facts say otherwise" in text for text, _ in answer.evidence)


def test_the_author_may_be_harder_than_the_facts(flawless):
    humble = replace(flawless, said=Said(probast={**AUTHOR.probast, "2.1": ("no", "two assays were used")}))
    assert judge(humble).of("predictors").risk == "high"


def test_without_dates_nothing_is_said_of_time(flawless):
    undated = judge(replace(flawless, dated=False))
    assert undated.of("predictors").risk == undated.of("outcome").risk == "unclear"
    assert undated.of("predictors").concern == "unclear"


def test_a_population_the_data_do_not_hold_is_a_concern(flawless):
    assert judge(replace(flawless, sexes=("M",))).of("participants").concern == "high"


def test_an_evaluation_does_not_claim_to_know_who_was_trained_on(flawless):
    answer = next(a for a in judge(replace(flawless, study="evaluation", splits=())).answers if a.number == "4.8")
    assert answer.answer == "probably yes" and "only the user knows" in answer.evidence[0][0]


def test_what_the_data_do_not_say_of_patients_stays_unclear(flawless):
    assert judge(replace(flawless, sexes=(), outside_population=1.0)).of("participants").concern == "unclear"


def test_every_kind_of_leak_answers_a_question():
    named = {kind for q in checklist("probast")["questions"].values() for kind in q["leaks"]}
    assert named == set(KINDS)


def test_tripod_has_all_items_in_order_each_answered_or_asked(flawless):
    found = items(flawless, words_of(flawless))
    assert len(found) == 52 and len({re.match(r"\d+", i.number)[0] for i in found}) == 27
    assert [int(re.match(r"\d+", i.number)[0]) for i in found] == sorted(int(re.match(r"\d+", i.number)[0]) for i in found)
    for i in found:
        assert i.facts or i.author or i.must or i.status == "not applicable", i.number
    by = {i.number: i for i in found}
    assert by["18a"].status == "open" and by["9b"].status == "filled" and by["12f"].status == "not applicable"
    funded = replace(flawless, said=Said(tripod={"18a": "None."}))
    assert next(i for i in items(funded, words_of(funded)) if i.number == "18a").status == "said"


def test_evaluation_leaves_out_what_belongs_to_development(flawless):
    evaluated = replace(flawless, study="evaluation", drift=("As before.",))
    status = {i.number: i.status for i in items(evaluated, words_of(evaluated))}
    assert status["9a"] == status["22"] == "not applicable" and status["12f"] == status["20c"] == "filled"


@pytest.mark.parametrize("name", ["tripod_ai", "probast", "chai", "words"])
def test_every_checklist_says_where_it_comes_from(name):
    header = checklist(name)["header"]
    assert header["title"] and header["sources"] and header["licence"] and header["version"]
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", header["retrieved"])


def test_every_sentence_has_its_words(flawless):
    words = set(words_of(flawless))
    texts = json.dumps([checklist("tripod_ai")["items"], checklist("chai")["fields"]])
    assert set(re.findall(r"{(\w+)}", texts)) <= words


def test_the_model_card_follows_the_schema(flawless):
    held = model_card(flawless, words_of(flawless))
    root = ElementTree.fromstring(model_card_xml(held))
    ns = "{https://mc.chai.org/v0.2/schema.xsd}"
    assert root.tag == f"{ns}AppliedModelCard"
    assert [child.tag.removeprefix(ns) for child in root] == list(checklist("chai")["fields"])
    assert list(held["TrustIngredients"]["AISystemFacts"])[:2] == ["OutcomesAndOutputs", "ModelType"]
    metrics = root.find(f"{ns}KeyMetrics/{ns}UsefulnessUsabilityEfficacy")
    assert [c.tag.removeprefix(ns) for c in metrics] == checklist("chai")["metrics"]
    value = json.loads(metrics.find(f"{ns}Results/{ns}MetricResult/{ns}ValueJson").text)
    assert value["kind"] == "estimate_ci" and value["estimate"] == round(flawless.report.auroc.value, 4)
    assert held["BasicInfo"]["ModelDeveloper"] == "The author must say."
    assert "ClinicalTrial" not in held["Resources"]


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.stack: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        if tag not in ("meta", "br"):
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def shown(facts: Facts) -> str:
    words = words_of(facts)
    return page(facts, judge(facts), items(facts, words), words)


@pytest.mark.parametrize(
    "change", [{}, {"leaks": None}, {"groups": (), "sites": None, "sample": None}, {"drift": ("x",), "study": "evaluation"}]
)
def test_the_page_is_whole_and_every_link_within_it_leads_somewhere(flawless, change):
    html = shown(replace(flawless, **change))
    found = Elements(html)
    assert found.stack == []
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    beside = {link for link in found.links if not link.startswith("#")}
    assert beside <= {
        "report.html",
        "report.json",
        "dossier.json",
        "model_card.xml",
        "model_card.json",
        "reference.json",
        "card.yaml",
        "model.onnx",
    }
    assert not re.search(r"<script|src=|@import|url\((?!#)", html) and "a <cohort>" not in html


def test_a_difference_between_groups_is_told_in_words(flawless):
    gap = {"false_negative_rate": Estimate(0.2, 0.1, 0.3)}
    told = words_of(replace(flawless, groups=(replace(flawless.groups[0], differences=gap),)))["fairness_words"]
    assert (
        "of 1 differences" in told and "false negative rate in sex: men differs from that of all others by 0.200 (0.100 to 0.300)" in told
    )


def test_the_page_shows_both_languages_and_the_flaw(flawless):
    html = shown(replace(flawless, splits=(Split(960, 400, 240, 100, 17),)))
    assert "偏倚风险" in html and "17 patients are learned from and proven on" in html and "The author must say" in html


def test_the_json_holds_it_all(flawless):
    words = words_of(flawless)
    held = json.loads(as_json(flawless, judge(flawless), items(flawless, words)))
    assert len(held["probast"]["answers"]) == 20 and len(held["tripod_ai"]) == 52
    assert held["facts"]["groups"][0]["differences"]["net_benefit"]["low"] is not None


def test_statements_are_read_and_distrusted(tmp_path):
    file = tmp_path / "dossier.yaml"
    assert read_statements(file) == Said()
    file.write_text('tripod: {18a: None.}\nprobast: {"3.5": {answer: yes, because: blinded}}\nchai: {ModelDeveloper: us}\n')
    assert read_statements(file) == Said({"18a": "None."}, {"3.5": ("yes", "blinded")}, {"ModelDeveloper": "us"})
    for text, said in (
        ("tripod: {99z: x}", "99z"),
        ('probast: {"3.5": {answer: perhaps, because: x}}', "perhaps"),
        ('probast: {"3.5": {answer: yes}}', "because"),
        ("chai: {Nonsense: x}", "Nonsense"),
        ("tripod: {18a: ' '}", "empty"),
        ("other: {}", "other"),
        ("a: [", "YAML"),
    ):
        file.write_text(text)
        with pytest.raises(CardError, match=re.escape(said)):
            read_statements(file)


def test_the_threshold_of_a_card_is_a_risk(flawless):
    with pytest.raises(CardError, match="between 0 and 1"):
        replace(flawless.card, threshold=30.0)


def test_groups_are_measured_as_fairlearn_measures_them(simulated):
    metrics = pytest.importorskip("fairlearn.metrics")
    y, p = simulated(800, 11)
    labels = np.random.default_rng(2).choice(["a", "b", "c"], 800)
    theirs = metrics.MetricFrame(
        metrics={name: getattr(metrics, name) for name in ("selection_rate", "false_positive_rate", "false_negative_rate")},
        y_true=y, y_pred=(p >= 0.4).astype(int), sensitive_features=labels,
    ).by_group  # fmt: skip
    for group in fairness(y, p, {"ward": labels.tolist()}, 0.4, times=20):
        for name in theirs.columns:
            assert group.measures[name].value == pytest.approx(theirs.loc[group.name.removeprefix("ward: "), name], abs=1e-12)


def test_a_group_treated_differently_is_seen_and_one_that_is_not_is_not(simulated):
    y, p = simulated(3000, 12)
    random = np.random.default_rng(3)
    group = random.choice(["a", "b"], 3000)
    worse = np.where((group == "b") & (random.random(3000) < 0.7), random.permutation(p), p)
    gap = next(g for g in fairness(y, worse, {"g": group.tolist()}, 0.4, times=200) if g.name == "g: b").differences
    assert gap["auroc"].high < 0 and gap["false_negative_rate"].low > 0
    same = next(g for g in fairness(y, p, {"g": group.tolist()}, 0.4, times=200) if g.name == "g: b").differences
    assert same["auroc"].low < 0 < same["auroc"].high


def test_rows_of_a_patient_are_drawn_together(simulated):
    y, p = simulated(200, 13)
    group = (["a"] * 100 + ["b"] * 100) * 5
    rows = fairness(np.tile(y, 5), np.tile(p, 5), {"g": group}, 0.4, subjects=np.tile(np.arange(200), 5), times=300)
    alone = fairness(y, p, {"g": group[:200]}, 0.4, times=300)
    apart = fairness(np.tile(y, 5), np.tile(p, 5), {"g": group}, 0.4, times=300)

    def width(groups):
        e = groups[0].measures["selection_rate"]
        return e.high - e.low

    assert width(rows) == pytest.approx(width(alone), rel=0.2) and width(apart) < 0.7 * width(alone)


def test_sites_that_differ_are_told_from_sites_that_do_not(simulated):
    y, p = simulated(4000, 14)
    site = np.repeat(list("abcd"), 1000)
    alike = clusters("site", y, p, site.tolist())
    broken = np.where(site == "d", np.random.default_rng(1).permutation(p), p)
    apart = clusters("site", y, broken, site.tolist())
    assert apart.i_squared > 0.9 > alike.i_squared
    assert apart.expected.high - apart.expected.low > 3 * (alike.expected.high - alike.expected.low)


def test_the_sample_size_is_that_of_the_published_example():
    """Riley et al. 2020 (doi:10.1136/bmj.m441), pre-eclampsia: R² of 0.05 and 30 parameters need 5249 for a shrinkage of 0.9."""
    from consilium.validation.sample_size import SampleSize

    y = np.repeat([0, 1], [950, 50])
    found = min((sample_size(y, np.where(y == 1, a, 0.05), 30) for a in np.linspace(0.06, 0.4, 400)), key=lambda s: abs(s.r_squared - 0.05))
    assert found.r_squared == pytest.approx(0.05, abs=2e-3) and found.needed == pytest.approx(5249, rel=0.05)
    y, p = np.array([0, 1] * 50), np.array([0.5, 0.5] * 50)
    assert sample_size(y, p, 3) == SampleSize(100, 50, 3, 50 / 3, 0.0, None)


def test_no_estimate_is_shown_as_an_interval_it_has_not():
    from consilium.validation.dossier.words import figure

    assert figure(Estimate(0.5)) == "0.500 (no interval)" and figure(None) == ""

"""CHAI: the applied model card as JSON and as XML in the order of its schema, from the same facts as the dossier."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from consilium.core import Estimate
from consilium.validation.dossier.checklist import checklist, filled
from consilium.validation.dossier.facts import Facts

OPEN = "The author must say."


def model_card(facts: Facts, words: Mapping[str, str]) -> dict[str, Any]:
    """The card as nested mappings in the order of the schema; a required field without a fact holds `OPEN`.

    Parameters
    ----------
    facts : Facts
    words : mapping of str to str
        As `words_of` makes them.
    """
    return _part(checklist("chai")["fields"], facts, words)


def model_card_xml(card: Mapping[str, Any]) -> bytes:
    """The card as an XML document of the schema's namespace, in UTF-8."""
    namespace = checklist("chai")["namespace"]
    ElementTree.register_namespace("", namespace)
    root = ElementTree.Element(f"{{{namespace}}}AppliedModelCard")
    _grow(root, card, namespace)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _grow(parent: ElementTree.Element, held: Mapping[str, Any], namespace: str) -> None:
    for name, value in held.items():
        for one in value if isinstance(value, list) else [value]:
            child = ElementTree.SubElement(parent, f"{{{namespace}}}{name}")
            if isinstance(one, Mapping):
                _grow(child, one, namespace)
            else:
                child.text = str(one)


def _part(fields: Mapping[str, Any], facts: Facts, words: Mapping[str, str]) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for name, inner in fields.items():
        said = facts.said.chai.get(name, "")
        if "metrics" in inner:
            held[name] = _metrics(inner["metrics"], facts, words)
        elif "parts" in inner:
            held[name] = {inner["parts"]: [s for s in (filled(text, words) for text in inner["says"]) if s]}
        elif inner and not {"says", "optional"} & set(inner):
            held[name] = _part(inner, facts, words)
        else:
            text = said or filled(inner.get("says", ""), words)
            if text or not inner.get("optional"):
                held[name] = text or OPEN
    return held


def _metrics(kind: str, facts: Facts, words: Mapping[str, str]) -> dict[str, Any]:
    r = facts.report
    match kind:
        case "usefulness":
            goal = f"AUROC at least {facts.card.bar.auroc_low:g} at the lower end of its interval"
            at = next((b for b in r.net_benefit if abs(b.threshold - facts.threshold) < 0.005), None)
            results = {"AUROC": r.auroc, "AUPRC": r.auprc}
            if at is not None:
                results[f"Net benefit per patient at {at.threshold:g}"] = at.model
            told = words["verdict"]
        case "fairness":
            goal = f"No group's AUROC more than {facts.card.bar.subgroup_gap:g} below the whole"
            results = {f"AUROC, {g.name}": g.measures["auroc"] for g in facts.groups if "auroc" in g.measures}
            missed = {g.name: g.differences["false_negative_rate"] for g in facts.groups if "false_negative_rate" in g.differences}
            results |= {f"False negative rate less that of all others, {name}": gap for name, gap in missed.items()}
            told = words["fairness_words"] or "No groups were measured."
        case _:
            goal = f"Calibration slope {facts.card.bar.slope[0]:g} to {facts.card.bar.slope[1]:g}"
            results = {"Calibration slope": r.slope, "Calibration intercept": r.intercept, "Brier score": r.brier}
            told = words["bias_words"] or words["verdict"]
    listed = [{"Label": label, "ValueJson": json.dumps(_value(found))} for label, found in results.items()]
    return {
        "MetricGoal": goal,
        "Results": {"MetricResult": listed or [{"Label": "not measured", "ValueJson": json.dumps({"kind": "single", "value": None})}]},
        "Interpretation": told,
        "TestType": words["Study"],
        "TestingDataDescription": f"{words['data']}, {words['period']}: {words['n']} rows, {words['events']} with the condition",
        "ValidationProcessAndJustification": words["proof"],
    }


def _value(found: Estimate) -> dict[str, Any]:
    if found.low is None or found.high is None:
        return {"kind": "single", "value": round(found.value, 4)}
    low, high = round(found.low, 4), round(found.high, 4)
    return {"kind": "estimate_ci", "estimate": round(found.value, 4), "lower": low, "upper": high, "level": 95}

"""Dossier: what a statistician asks of a proof - TRIPOD+AI, PROBAST and a CHAI model card - answered from facts."""

from consilium.validation.dossier.chai import model_card, model_card_xml
from consilium.validation.dossier.facts import Facts, Forward, Leak, Predictor, Said, Split
from consilium.validation.dossier.form import as_json
from consilium.validation.dossier.page import page
from consilium.validation.dossier.probast import Answer, Domain, Judgement, judge
from consilium.validation.dossier.statements import read_statements
from consilium.validation.dossier.tripod import Item, items

__all__ = [
    "Answer", "Domain", "Facts", "Forward", "Item", "Judgement", "Leak", "Predictor", "Said", "Split", "as_json", "items", "judge",
    "model_card", "model_card_xml", "page", "read_statements",
]  # fmt: skip

"""An allergy speaks against the drug, its class where the class shares it, and with caution against what crosses over."""

from __future__ import annotations

import pytest

from consilium.knowledge import AllergyRule, Shelf


def _against(opened: Shelf, code: str, text: str = "") -> dict[str, str]:
    return {rule.avoid: rule.certainty for rule in opened.allergies.against(code, text)}


@pytest.mark.parametrize(
    ("code", "text", "avoid", "certainty"),
    [
        ("ALLERGY//SNOMED//91936005", "", "penicillins", "allergy"),
        ("ALLERGY//SNOMED//91936005", "", "cephalosporins", "cross-reaction"),
        ("SNOMED//294505008", "", "amoxicillin", "allergy"),
        ("SNOMED//294505008", "", "penicillins", "allergy"),
        ("ALLERGY//RxNorm//7980", "", "penicillins", "allergy"),
        ("ALLERGY//RxNorm//723", "", "cephalosporins", "cross-reaction"),
        ("ALLERGY//SNOMED//293586001", "", "aspirin", "allergy"),
        ("ALLERGY//SNOMED//293586001", "", "nsaids", "cross-reaction"),
        ("ALLERGY//SNOMED//91939003", "", "sulfonamide_antibiotics", "allergy"),
        ("ALLERGY//TEXT//Penicillin", "", "penicillins", "allergy"),
        ("ALLERGY//TEXT//penicillins - rash", "", "penicillins", "allergy"),
        ("ALLERGY//NDC//1", "Ibuprofen", "ibuprofen", "allergy"),
        ("ALLERGY//TEXT//青霉素过敏", "", "penicillins", "allergy"),
        ("ALLERGY//TEXT//Sulfa", "", "sulfonamide_antibiotics", "allergy"),
        ("ALLERGY//TEXT//NSAIDs", "", "nsaids", "allergy"),
        ("ALLERGY//NDC//1", "PCN", "penicillins", "allergy"),
        ("ALLERGY//TEXT//hives after statins", "", "statins", "allergy"),
        ("ALLERGY//TEXT//头孢菌素类", "", "cephalosporins", "allergy"),
    ],
)
def test_what_an_allergy_speaks_against(opened: Shelf, code: str, text: str, avoid: str, certainty: str) -> None:
    assert _against(opened, code, text)[avoid] == certainty


@pytest.mark.parametrize(
    "code", ["SNOMED//300916003", "SNOMED//91935009", "SNOMED//232350006", "SNOMED//999999", "TEXT//strawberries", "SNOMED//716186003"]
)
def test_an_allergy_to_no_drug_speaks_against_none(opened: Shelf, code: str) -> None:
    assert opened.allergies.against(code) == ()


def test_a_word_inside_a_word_is_no_class(opened: Shelf) -> None:
    """Nystatin is no statin."""
    assert _against(opened, "ALLERGY//TEXT//Nystatin") == {"nystatin": "allergy"}


def test_a_sulfonamide_antibiotic_says_nothing_about_other_sulfonamides(opened: Shelf) -> None:
    """Furosemide and hydrochlorothiazide are sulfonamides without the aryl amine: no rule crosses over to them."""
    avoid = _against(opened, "SNOMED//91939003")
    for drug in ("furosemide", "hydrochlorothiazide", "celecoxib"):
        assert not {drug, *opened.drugs.classes(drug)} & avoid.keys()


def test_certain_rules_come_first_and_every_rule_has_a_source(opened: Shelf) -> None:
    for code in opened.allergies.to:
        rules = opened.allergies.against(code)
        order = [rule.certainty for rule in rules]
        assert order == sorted(order)
        assert len({rule.avoid for rule in rules}) == len(rules)
        for rule in rules:
            assert isinstance(rule, AllergyRule) and rule.source in opened.sources
            assert rule.avoid in opened.drugs.known or rule.avoid in opened.drugs.class_names


def test_every_drug_allergy_reaches_a_drug(opened: Shelf) -> None:
    for code, subjects in opened.allergies.to.items():
        rules = opened.allergies.against(code)
        assert bool(rules) == bool(subjects), code
        reached = {drug for drug in opened.drugs.known for rule in rules if rule.avoid in {drug, *opened.drugs.classes(drug)}}
        assert bool(reached) == bool(subjects), code


def test_allergies_of_real_records_are_named(opened: Shelf, displays: dict[str, set[str]]) -> None:
    for code in ("SNOMED//300916003", "SNOMED//232347008", "SNOMED//91930004", "SNOMED//419474003"):
        assert code in displays and code in opened.codes

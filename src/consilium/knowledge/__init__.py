"""Knowledge: what medicine has written, as data files with provenance, and the shelf that opens and checks them."""

from consilium.knowledge.allergies import Allergies, AllergyRule
from consilium.knowledge.concept import Concept, Range
from consilium.knowledge.drugs import Drugs, Ingredient
from consilium.knowledge.guidelines import Contraindication, Guideline, When
from consilium.knowledge.interactions import Interaction, Interactions
from consilium.knowledge.shelf import Shelf, open_shelf, shelf
from consilium.knowledge.units import Unit, Units

__all__ = [
    "Allergies", "AllergyRule", "Concept", "Contraindication", "Drugs", "Guideline", "Ingredient", "Interaction", "Interactions", "Range",
    "Shelf", "Unit", "Units", "When", "open_shelf", "shelf",
]  # fmt: skip

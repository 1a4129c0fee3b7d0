"""Quality: what is wrong with the data of a record, and how far one input of one patient can be trusted."""

from consilium.quality.bedside import Doubt, input_quality
from consilium.quality.finding import CodeProfile, Example, Finding, QualityReport
from consilium.quality.survey import quality

__all__ = ["CodeProfile", "Doubt", "Example", "Finding", "QualityReport", "input_quality", "quality"]

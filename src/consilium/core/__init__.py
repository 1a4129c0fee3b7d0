"""The nouns of consilium: frozen, plain, without input or output; their constructors hold the laws."""

from consilium.core.advice import Advice
from consilium.core.card import Bar, Card, Input, Population, Proof, Question
from consilium.core.consultation import Absence, Consultation, Missing
from consilium.core.events import AS_SENT, SCHEMA, Batch, Reject
from consilium.core.features import Features
from consilium.core.opinion import Evidence, Opinion
from consilium.core.patient import Patient
from consilium.core.points import Part, Points
from consilium.core.report import (
    CalibrationPoint,
    Development,
    Estimate,
    IncidencePoint,
    LearnerResult,
    NetBenefitPoint,
    Report,
    Subgroup,
    SurvivalProof,
)
from consilium.core.seat import Seat
from consilium.core.source import Source

__all__ = [
    "AS_SENT", "SCHEMA", "Absence", "Advice", "Bar", "Batch", "CalibrationPoint", "Card", "Consultation", "Development", "Estimate",
    "Evidence", "Features", "IncidencePoint", "Input", "LearnerResult", "Missing", "NetBenefitPoint", "Opinion", "Part", "Patient",
    "Points", "Population", "Proof", "Question", "Reject", "Report", "Seat", "Source", "Subgroup", "SurvivalProof",
]  # fmt: skip

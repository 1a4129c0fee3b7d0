"""Predictions and outcomes in; discrimination, calibration, net benefit, subgroups and a readable report out."""

from consilium.validation.calibration import (
    brier,
    calibration_curve,
    calibration_intercept,
    calibration_slope,
    observed_over_expected,
    scaled_brier,
)
from consilium.validation.coverage import coverage
from consilium.validation.discrimination import auprc, auroc, auroc_difference
from consilium.validation.incidence import incidence, kaplan_meier
from consilium.validation.measure import Measures, learner_result, measure
from consilium.validation.missingness import completeness, missing_share
from consilium.validation.net_benefit import THRESHOLDS, net_benefit
from consilium.validation.page import page
from consilium.validation.predictions import log_odds, probability
from consilium.validation.report_file import from_json, read_report, to_json, write_report
from consilium.validation.subgroups import subgroups
from consilium.validation.survival import Followed, concordance, followed, known_weights, measure_survival

__all__ = [
    "THRESHOLDS", "Followed", "Measures", "auprc", "auroc", "auroc_difference", "brier", "calibration_curve", "calibration_intercept",
    "calibration_slope", "completeness", "concordance", "coverage", "followed", "from_json", "incidence", "kaplan_meier",
    "known_weights", "learner_result", "log_odds", "measure", "measure_survival", "missing_share", "net_benefit",
    "observed_over_expected", "page", "probability", "read_report", "scaled_brier", "subgroups", "to_json", "write_report",
]  # fmt: skip

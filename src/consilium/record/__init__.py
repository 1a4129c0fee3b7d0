"""The chart on disk and all time arithmetic: store, cohort, features, splits, engine."""

from consilium.record.asked import cohort_of
from consilium.record.cohort import Cohort, asked, cohort
from consilium.record.engine import over_shards
from consilium.record.features import features
from consilium.record.matrix import features_of, matrix
from consilium.record.placement import SPLITS, subject_id
from consilium.record.raised import raised
from consilium.record.splits import Fold, checked, drawn, folds, forward, held_out, site_folds
from consilium.record.store import Record, View
from consilium.record.tables import Tables
from consilium.record.writer import Writer, shards_for, writing

__all__ = [
    "SPLITS", "Cohort", "Fold", "Record", "Tables", "View", "Writer", "asked", "checked", "cohort", "cohort_of", "drawn", "features",
    "features_of", "folds", "forward", "held_out", "matrix", "over_shards", "raised", "shards_for", "site_folds", "subject_id", "writing",
]  # fmt: skip

"""The chart on disk and all time arithmetic: store, cohort, features, splits, engine."""

from consilium.record.cohort import Cohort, cohort
from consilium.record.engine import over_shards
from consilium.record.features import features
from consilium.record.placement import SPLITS, subject_id
from consilium.record.splits import Fold, checked, folds, forward, site_folds
from consilium.record.store import Record, View
from consilium.record.writer import Writer, writing

__all__ = [
    "SPLITS", "Cohort", "Fold", "Record", "View", "Writer", "checked", "cohort", "features", "folds", "forward", "over_shards",
    "site_folds", "subject_id", "writing",
]  # fmt: skip

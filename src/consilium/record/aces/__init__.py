"""ACES task files (`predicates`, `trigger`, `windows`), read as they are and answered by the record's own engine."""

from consilium.record.aces.label import label, label_shards, labels
from consilium.record.aces.predicate import read_predicate
from consilium.record.aces.read import read_task

__all__ = ["label", "label_shards", "labels", "read_predicate", "read_task"]

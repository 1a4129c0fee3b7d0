"""Doubt: which labels of a specialist's question the specialist's own learner contradicts, in patients that it had not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa

from consilium.core.card import Card
from consilium.quality import Finding
from consilium.quality.labels import doubtful_labels
from consilium.specialists.cases import cases, yes_or_no
from consilium.specialists.prove import prove


def doubted_labels(
    card: Card, events: Iterable[pa.Table], patients: Mapping[int, str], progress: Callable[[str], None] = lambda _: None
) -> Finding:
    """Look for wrong labels in a record.

    Parameters
    ----------
    card : Card
        The question, the inputs and the learner; folds (or hospitals) are those of its proof.
    events : iterable of pyarrow.Table
        The record's events, all of a patient in one table.
    patients : mapping of int to str
        The sender's identifier of each subject.
    progress : callable
        Told what is being fitted.

    Raises
    ------
    InputError
        When the record does not answer the question, or holds too few answers of one kind.
    """
    found = yes_or_no(cases(card, pa.concat_tables(list(events))), "doubt labels")
    proof = prove(card, found, (card.learner,), progress)
    names = [patients.get(int(subject), str(subject)) for subject in found.subjects]
    return doubtful_labels(found.y, proof.probabilities[card.learner], names, card.question.label, card.learner)

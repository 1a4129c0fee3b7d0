"""Labels: which answers in the data a model that had not seen them contradicts, by confident learning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from consilium.core.errors import ExtraError, InputError
from consilium.quality.finding import Example, Finding
from consilium.quality.rules import checks, examples, limits
from consilium.validation import auroc


def doubtful_labels(y: ArrayLike, p: ArrayLike, patients: Sequence[str], code: str, made_by: str) -> Finding:
    """Find labels that are probably wrong.

    Confident learning counts who is given one label and looks like the other more than those given the other do on average, reckons
    from that how many of each label are wrong, and names that many of those whose own label is least likely.

    Parameters
    ----------
    y : array-like of shape (n,)
        The labels as given, 0 or 1.
    p : array-like of shape (n,)
        Calibrated probabilities of 1, each from a model that had not seen the patient.
    patients : sequence of str, of length n
        The sender's identifiers.
    code : str
        What the label is of.
    made_by : str
        The learner that made the probabilities, in a word.

    Returns
    -------
    Finding
        `count` labels of `of`; `facts` holds `missed` and `overcalled` (the estimated share of true cases called none, and the reverse),
        `auroc` (how well the model knows its matter) and `ranked`: patient, label as given and probability, the most doubtful first.

    Raises
    ------
    ExtraError
        When cleanlab is not installed (`consilium[train]`).
    InputError
        When there are too few labels of either kind.

    Source: Northcutt, Jiang, Chuang, J Artif Intell Res 2021;70:1373-1411; cleanlab.
    """
    rule, limit = checks()["label_doubtful"], limits("labels")
    given, probability = np.asarray(y, dtype=np.int64), np.asarray(p, dtype=np.float64)
    fewest = int(min(given.sum(), len(given) - given.sum())) if len(given) else 0
    if fewest < limit["least"]:
        raise InputError(
            "Too few labels of one kind to look for wrong ones", where=code, found=fewest, expected=f"{limit['least']} or more"
        )
    try:
        from cleanlab.count import compute_confident_joint, estimate_latent
        from cleanlab.filter import find_label_issues
    except ModuleNotFoundError:
        raise ExtraError(
            "Looking for wrong labels needs the training extra", found="no cleanlab", do="run `pip install 'consilium[train]'`"
        ) from None
    both = np.column_stack([1 - probability, probability])
    joint = compute_confident_joint(given, both)
    _, noise, _ = estimate_latent(joint, given)
    worst = find_label_issues(
        given, both, filter_by=limit["filter"], return_indices_ranked_by="self_confidence", confident_joint=joint, n_jobs=1
    )
    ranked = [{"patient_id": patients[i], "given": int(given[i]), "probability": round(float(probability[i]), 4)} for i in worst]
    facts = {
        "missed": round(float(noise[0, 1]), 4), "overcalled": round(float(noise[1, 0]), 4), "learner": made_by,
        "auroc": round(auroc(given, probability).value, 4), "ranked": ranked,
    }  # fmt: skip
    where = tuple(Example(row["patient_id"]) for row in ranked[: examples()])
    return Finding("label_doubtful", rule["severity"] if ranked else "note", code, len(ranked), len(given), rule["do"], where, facts)

"""Recalibrate: put a specialist right for one hospital from its own cases, in a file beside the shipped one, which stays as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from consilium.core.card import Proof
from consilium.core.errors import InputError
from consilium.core.report import Estimate
from consilium.models.odds import probability_of
from consilium.models.site import Site
from consilium.models.site import recalibrate as fit_site
from consilium.record import folds
from consilium.specialists.cases import Cases, cases, yes_or_no
from consilium.specialists.prove import seated_view
from consilium.specialists.roster import Specialist
from consilium.specialists.site_file import write_site
from consilium.validation import brier, calibration_intercept, calibration_slope

FOLDS = 10
SEED = 20260104


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """What came of it: the site's line, its file, and slope, intercept and Brier score before and after.

    `after` is cross-validated on the site's own cases, the update chosen and fitted anew in each fold; None where a fold is too
    small for that. `abstained` cases were left out, as the specialist does not speak of them.
    """

    site: Site
    file: Path
    before: dict[str, Estimate]
    after: dict[str, Estimate] | None
    abstained: int


def recalibrate(specialist: Specialist, events: Iterable[pa.Table], into: Path) -> Recalibrated:
    """Choose and fit an update on a site's cases whose outcome is known, and write `into/<specialist>.json`.

    Parameters
    ----------
    specialist : Specialist
        Seated, as shipped or already put right: the update always starts from what was shipped.
    events : iterable of pyarrow.Table
        The site's record.
    into : Path
        Folder for site calibrations; made when absent.

    Raises
    ------
    InputError
        When the record does not answer the card's question, holds too few cases (`models.site.recalibrate`), or is the very one the
        model was trained on.
    """
    card, model = specialist.seat.card, specialist.model
    if card.proof.kind == "held_out":
        card = replace(card, proof=Proof(subgroups=card.proof.subgroups))
    found = seated_view(card, yes_or_no(cases(card, pa.concat_tables(list(events))), "recalibrate at a site"))
    if found.fingerprint == model.meta["extra"].get("fingerprint"):
        raise InputError("A model cannot be put right on the patients it was trained on", where=card.name, do="give this site's own")
    spoken = _spoken(specialist, found)
    score, y, subjects = model.shipped.apply(model.raw_log_odds(found.features.X[spoken])), found.y[spoken], found.subjects[spoken]
    if not 0 < y.sum() < len(y):
        raise InputError("No case with, or none without the condition is one the model speaks of", where=card.name, found=len(y))
    site = fit_site(score, y)
    file = write_site(into, card.name, card.version, model.sha256, site, fingerprint=found.fingerprint, period=found.period)
    return Recalibrated(site, file, worth(score, y), _cross_validated(score, y, subjects), len(found.y) - len(y))


def worth(score: NDArray[np.float64], y: NDArray[np.int8]) -> dict[str, Estimate]:
    """Calibration slope, intercept and Brier score of log-odds (n,) and labels (n,)."""
    p = probability_of(score)
    return {"slope": calibration_slope(y, p), "intercept": calibration_intercept(y, p), "brier": brier(y, p, seed=SEED)}


def _spoken(specialist: Specialist, found: Cases) -> NDArray[np.intp]:
    """Rows on which the specialist would have spoken: what it abstains on must not shape its calibration."""
    X, model = found.features.X, specialist.model
    silent = (~found.features.observed & np.array([i.required for i in specialist.seat.card.inputs])).any(axis=1)
    silent |= np.array([bool(outside or strange) for outside, strange in zip(model.outside(X), model.strange(X), strict=True)])
    return np.flatnonzero(~silent)


def _cross_validated(score: NDArray[np.float64], y: NDArray[np.int8], subjects: NDArray[np.int64]) -> dict[str, Estimate] | None:
    after = np.empty(len(y))
    try:
        for learned, rest in folds(y, min(FOLDS, int(min(y.sum(), (1 - y).sum()))), seed=SEED, subjects=subjects):
            after[rest] = fit_site(score[learned], y[learned]).line.apply(score[rest])
    except InputError:
        return None
    return worth(after, y)

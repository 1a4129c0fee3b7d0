"""Fundus task: microaneurysms, haemorrhages, exudates and the optic disc, outlined and counted in a photograph of the retina."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.finding import Finding, Measurement, Reading
from consilium.imaging.fundus import Fundus, fundus
from consilium.imaging.lesion_traits import DISC, lesion_traits
from consilium.imaging.measure import measure
from consilium.imaging.network_lesions import outlined
from consilium.imaging.region import of_mask
from consilium.imaging.seated import Said, Seated, calibrated, judged
from consilium.imaging.segment import Weighing
from consilium.imaging.specialist import FOLDER, cards, model
from consilium.imaging.volume import Volume

NAME = "diabetic_retinopathy"
REFERABLE, OEDEMA = "referable_retinopathy", "macular_oedema_risk"
GRADES = ("at_least_1", "at_least_2", "at_least_3", "at_least_4")
ANSWERS = (*GRADES, "oedema_at_least_1")
"""What is answered: the grade is at least so much (International Clinical Diabetic Retinopathy scale), and there is a risk of oedema."""


class Retinopathy(Seated):
    """The task `diabetic_retinopathy`: lesions outlined and counted, and what they amount to."""

    def look(self, volume: Volume) -> Reading:
        """Outline, count and answer, or refuse in words."""
        seen = fundus(volume)
        if isinstance(seen, str):
            return self.refused(seen)
        graph, meta = model(FOLDER / NAME)
        planes = outlined(graph, seen.planes, multiple=meta["multiple"])
        masks = [standing(plane, seen.field, kind, meta) for kind, plane in zip(meta["outlines"], planes, strict=True)]
        numbers = lesion_traits(planes, masks, seen.field, seen.scale, meta["outlines"])
        kinds = [_finding(kind, mask, seen, volume) for kind, mask in zip(meta["outlines"], masks, strict=True)]
        lesions = [finding for finding in kinds if finding is not None]
        counts = [f"{int(f.measurements[0].value)} {f.label.replace('_', ' ')}" for f in lesions if f.label != DISC]
        small = (f"the photograph was enlarged {seen.scale:.1f} times to the learned scale: small lesions cannot be seen in it",)
        answers = _answers(numbers, meta, "outlined: " + (", ".join(counts) or "no lesion"))
        return self.reading((*answers, *lesions), small if seen.scale > meta["most_scale"] else ())


def said(numbers: NDArray[np.float64], answer: str, meta: Mapping[str, Any]) -> Said:
    """What is said of traits (n, 30), calibrated, with interval and the answers (no, yes) that stand at 90 %."""
    held = meta["answers"][answer]
    return calibrated(Weighing.of_json(held["weighing"])(np.empty((len(numbers), 0)), numbers), held)


def grades(numbers: NDArray[np.float64], meta: Mapping[str, Any]) -> NDArray[np.float64]:
    """Probability (n, 5) of each grade 0 to 4, from those of being at least 1 to 4, none of which may exceed the one before."""
    least = np.minimum.accumulate(np.stack([said(numbers, answer, meta).probability for answer in GRADES], 1), axis=1)
    ends = np.column_stack((np.ones(len(numbers)), least, np.zeros(len(numbers))))
    return np.asarray(ends[:, :-1] - ends[:, 1:])


def _answers(numbers: NDArray[np.float64], meta: Mapping[str, Any], outlined_words: str) -> tuple[Finding, ...]:
    each = grades(numbers[None], meta)[0]
    words = "grades 0 to 4 at " + ", ".join(f"{p:.0%}" for p in each)
    found = []
    for label, answer, because in ((REFERABLE, "at_least_2", (outlined_words, words)), (OEDEMA, "oedema_at_least_1", (outlined_words,))):
        found.append(judged(label, None, (), said(numbers[None], answer, meta), because=because))
    return tuple(found)


def standing(plane: NDArray[np.float32], field: NDArray[np.bool_], kind: str, meta: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Pixels (rows, columns) of a prepared photograph that belong to a kind: above its threshold, in patches that are not too small.

    Of the optic disc, the largest patch alone.
    """
    from scipy import ndimage

    least = meta["thresholds"][kind]
    over: NDArray[np.bool_] = (plane >= least["probability"]) & field
    label, n = ndimage.label(over, np.ones((3, 3)))
    if not n:
        return over
    sizes = np.bincount(label.ravel())
    sizes[0] = 0
    kept = sizes >= least["pixels"]
    if kind == DISC:
        kept &= np.arange(n + 1) == sizes.argmax()
    return np.isin(label, np.flatnonzero(kept))


def _finding(kind: str, mask: NDArray[np.bool_], seen: Fundus, volume: Volume) -> Finding | None:
    from scipy import ndimage

    if not mask.any():
        return None
    rows, columns = volume.shape
    down = np.minimum((np.arange(rows) + 0.5) * mask.shape[0] / rows, mask.shape[0] - 1).astype(np.int64)
    across = np.minimum((np.arange(columns) + 0.5) * mask.shape[1] / columns, mask.shape[1] - 1).astype(np.int64)
    region = of_mask(mask[np.ix_(down, across)])
    if region is None:
        return None
    share = 100 * float(mask.sum()) / float(seen.field.sum())
    edge = 100 * float((mask & ~ndimage.binary_erosion(mask)).sum()) / float(seen.field.sum())
    numbers = [Measurement("share_of_field", share, "%", max(share - edge / 2, 0.0), share + edge / 2)]
    if kind != DISC:
        n = float(ndimage.label(mask, np.ones((3, 3)))[1])
        numbers.insert(0, Measurement("count", n, "{count}", n, n))
        return Finding(kind, "finding", region, tuple(numbers))
    return Finding(kind, "structure", region, (*numbers, *measure(region, volume)))


TASKS = tuple(Retinopathy(card) for name, card in cards().items() if name == NAME)
"""What this file offers; see `imaging.tasks`."""

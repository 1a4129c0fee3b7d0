"""Detection: places in a map of probabilities, and the threshold at which false ones per image stay under a cap.

The threshold is the lowest at which the risk, false places per image, is controlled by images that the network had not seen: in
expectation over images (conformal risk control), or with a stated confidence over draws of those images (Hoeffding and Bentkus bounds).
Sources: Angelopoulos et al. 2024, arXiv:2208.02814; Bates et al. 2021, doi:10.1145/3478535.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import InputError

MOST = 3
"""False places in an image beyond this many count as this many, so that the loss is bounded."""
OVERLAP = 0.1
"""A place is a true one where its intersection over union with what is there is at least this."""
_NEVER = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A connected part of an image (bool mask of the whole image), and the mean probability in it."""

    mask: NDArray[np.bool_]
    score: float


def places(probability: NDArray[np.floating], *, least: int = 12, cut: float = 0.5) -> tuple[Place, ...]:
    """Connected places of at least `least` pixels in which the probability (rows, columns) is above `cut`; the surest first.

    Examples
    --------
    >>> image = np.zeros((8, 8)); image[1:4, 1:6] = 0.9
    >>> [(int(found.mask.sum()), round(found.score, 2)) for found in places(image)]
    [(15, 0.9)]
    """
    from scipy import ndimage

    labels, count = ndimage.label(probability > cut)
    found = [Place(labels == number, float(probability[labels == number].mean())) for number in range(1, count + 1)]
    return tuple(sorted((one for one in found if one.mask.sum() >= least), key=lambda one: -one.score))


def false_scores(found: Sequence[Place], true: NDArray[np.bool_]) -> tuple[float, ...]:
    """Scores of the places that are not of the true mask (rows, columns)."""
    return tuple(one.score for one in found if (one.mask & true).sum() < OVERLAP * max((one.mask | true).sum(), 1))


def losses(scores: Sequence[Sequence[float]], threshold: float) -> NDArray[np.float64]:
    """False places of each image with a score of at least `threshold`, at most `MOST`."""
    return np.array([min(sum(score >= threshold for score in image), MOST) for image in scores], np.float64)


def controlled(scores: Sequence[Sequence[float]], cap: float, *, confidence: float | None = None) -> float:
    """The lowest threshold whose false places per image are controlled.

    Parameters
    ----------
    scores : sequence over images of the scores of false places
        Of images, one for each patient or group, that the network had not seen.
    cap : float
        False places per image.
    confidence : float, optional
        None: the expected number in a new image is at most `cap`. Otherwise the mean over all images is at most `cap`, with this
        probability over the draw of those given.

    Returns
    -------
    float
        A place counts when its score is at least this; above 1, nothing does.

    Raises
    ------
    InputError
        When there are no images, or the cap or the confidence is none.

    Examples
    --------
    >>> controlled([(0.9,), (), (0.6,), ()] * 25, 0.3)
    0.9
    """
    if not scores or not 0 < cap < MOST or (confidence is not None and not 0 < confidence < 1):
        raise InputError("Nothing can be controlled", found=(len(scores), cap, confidence), expected=f"images, and a cap below {MOST}")
    n = len(scores)
    steps = sorted({0.0, *(score for image in scores for score in image)})
    lowest = float(np.nextafter(_NEVER, 2))
    # From the highest downwards: the first step that is not controlled ends it, so that all thresholds above are controlled too.
    for step in reversed(steps):
        risk = float(losses(scores, step).mean())
        held = (n * risk + MOST) / (n + 1) if confidence is None else MOST * upper(risk / MOST, n, 1 - confidence)
        if held > cap:
            break
        lowest = step
    return lowest


def upper(mean: float, n: int, doubt: float) -> float:
    """The upper bound of Hoeffding and Bentkus on the mean of a loss in [0, 1], that fails with probability `doubt` at most."""
    from scipy.optimize import brentq
    from scipy.stats import binom

    def beyond(bound: float) -> float:
        low = min(mean, bound)
        first = low * np.log(low / bound) if low > 0 else 0.0
        second = (1 - low) * np.log((1 - low) / (1 - bound)) if low < 1 else 0.0
        hoeffding = np.exp(-n * (first + second))
        bentkus = np.e * binom.cdf(np.ceil(n * mean), n, bound)
        return float(min(hoeffding, bentkus) - doubt)

    if beyond(1 - 1e-9) > 0:
        return 1.0
    return float(brentq(beyond, max(mean, 1e-9), 1 - 1e-9))

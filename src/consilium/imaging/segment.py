"""Segmentation: a sealed U-Net asked of pictures - a map of probabilities, and its answers weighed with the traits of what it outlined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.network_unet import OUTPUTS, outlined
from consilium.imaging.seated import Said, calibrated
from consilium.imaging.specialist import model
from consilium.imaging.texture import texture
from consilium.imaging.traits import traits
from consilium.models.odds import probability_of


@dataclass(frozen=True, slots=True)
class Weighing:
    """Log-odds as a weighted sum of the network's answers and the traits of the outline, standardised.

    Parameters
    ----------
    centre, gain, weights : arrays of shape (answers + traits,)
        A missing trait counts as its centre.
    intercept : float
    """

    centre: NDArray[np.float64]
    gain: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: float

    def __call__(self, told: NDArray[np.float64], measured: NDArray[np.floating]) -> NDArray[np.float64]:
        """Log-odds (n,) of answers (n, answers) and traits (n, traits)."""
        rows = np.concatenate([told, measured], 1)
        rows = np.where(np.isnan(rows), self.centre, rows)
        return np.asarray((rows - self.centre) * self.gain @ self.weights + self.intercept)

    def as_json(self) -> dict[str, Any]:
        """As lists."""
        return {**{name: getattr(self, name).tolist() for name in ("centre", "gain", "weights")}, "intercept": self.intercept}

    @classmethod
    def of_json(cls, held: Mapping[str, Any]) -> Weighing:
        """From what `as_json` gave."""
        centre, gain, weights = (np.array(held[name], np.float64) for name in ("centre", "gain", "weights"))
        return cls(centre, gain, weights, float(held["intercept"]))


def fit_weighing(told: NDArray[np.float64], measured: NDArray[np.float64], y: NDArray[np.int64], C: float = 0.1) -> Weighing:
    """Logistic regression of answers (n, answers) and traits (n, traits) on labels (n,); a trait that no row has counts for nothing."""
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([told, measured], 1)
    rows = np.where(np.isnan(rows).all(0), 0.0, rows)
    centre = np.nanmedian(rows, axis=0)
    rows = np.where(np.isnan(rows), centre, rows)
    gain = 1 / np.maximum(rows.std(0), 1e-6)
    fitted = LogisticRegression(C=C, max_iter=2000).fit((rows - centre) * gain, y)
    return Weighing(centre, gain, np.asarray(fitted.coef_[0], np.float64), float(fitted.intercept_[0]))


def segment(folder: Path, images: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probability of each pixel (n, rows, columns) and the network's answers (n, answers), of images (n, channels, rows, columns)."""
    graph, _ = model(folder, ("X",), OUTPUTS)
    masks, told = outlined(graph, images)
    return probability_of(masks[:, 0]), told


def weighed(folder: Path, told: NDArray[np.float64], measured: NDArray[np.floating]) -> Said:
    """The calibrated answer to the card's question, from the network's answers and the traits of its outlines."""
    _, meta = model(folder, ("X",), OUTPUTS)
    return calibrated(Weighing.of_json(meta["weighing"])(told, measured), meta)


def numbers_of(images: NDArray[np.float32], masks: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float32]:
    """Traits of masks (n, rows, columns) and the texture of the middle of images (n, rows, columns), a row for each."""
    size = images.shape[1]
    middle = images[:, None, size // 4 : size - size // 4, size // 4 : size - size // 4]
    return np.concatenate([measured(images, masks, spacing), texture(middle)], 1).astype(np.float32)


def measured(images: NDArray[np.floating], masks: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Traits (n, 14) of masks (n, rows, columns) of images (n, rows, columns), with the millimetres of each image's pixels (n,)."""
    return np.stack([traits(image, mask, float(step)) for image, mask, step in zip(images, masks, spacing, strict=True)])

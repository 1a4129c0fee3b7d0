"""Seated: what every task of a sealed specialist shares - its card's words, its calibrated answer, and how both become a reading."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.core.errors import ConsiliumError
from consilium.imaging.finding import Finding, Measurement, Reading
from consilium.imaging.region import Region
from consilium.imaging.specialist import FOLDER, ImageCard, model
from consilium.imaging.volume import Volume
from consilium.models.calibration import Calibration
from consilium.models.conformal import Sets
from consilium.models.odds import probability_of
from consilium.models.uncertainty import Intervals

ONLY_WHEN_ASKED = "only when asked"
"""A modality that no image has: a task of this one never speaks by itself."""
PHANTOM = "The image is declared a phantom, unlike all that was learned from: no probability is given, and outlines prove nothing."
_DIGEST = 12


@dataclass(frozen=True, slots=True)
class Said:
    """Calibrated log-odds of images (n,), with interval and the answers (no, yes) that stand at 90 %."""

    log_odds: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    stand: NDArray[np.bool_]

    @property
    def probability(self) -> NDArray[np.float64]:
        """Calibrated probability (n,)."""
        return probability_of(self.log_odds)


def calibrated(raw: NDArray[np.float64], held: Mapping[str, Any]) -> Said:
    """What a model's own log-odds (n,) mean, by the calibration, intervals and sets that were sealed with it."""
    score = Calibration(*held["calibration"]).apply(raw)
    low, high = Intervals.of_json(held["intervals"]).at(score)
    return Said(score, low, high, Sets.of_json(held["sets"]).at(score))


def judged(label: str, region: Region | None, sizes: tuple[Measurement, ...], said: Said, *, because: tuple[str, ...] = ()) -> Finding:
    """A finding with its calibrated probability, what a conformal set at 90 % says, and its other reasons."""
    no, yes = said.stand[0].tolist()
    decided = {(True, True): "undecided", (False, False): "unlike what was learned", (True, False): "no", (False, True): "yes"}[no, yes]
    odds, low, high = (float(one[0]) for one in (said.probability, said.low, said.high))
    standing = "finding" if decided == "yes" else "candidate"
    return Finding(label, standing, region, sizes, odds, low, high, (f"at 90 % confidence the answer is: {decided}", *because))


def of_phantom(reading: Reading) -> Reading:
    """A reading without probabilities, scores and reasons: a model learned from people's images, and is sure of nothing in a drawing."""
    if reading.refused is not None:
        return reading
    outlined = tuple(replace(one, because=()) for one in reading.findings if one.probability is None)
    return replace(reading, findings=outlined, limits=(PHANTOM, *reading.limits))


@dataclass(frozen=True)
class Seated(ABC):
    """A task as its card says it; see `consilium.imaging.finding.Task`."""

    card: ImageCard

    @abstractmethod
    def look(self, volume: Volume) -> Reading:
        """Look at an image that may show a person; may raise a ConsiliumError, which becomes a refusal."""

    def __call__(self, volume: Volume) -> Reading:
        """Look at an image, or refuse in words; of a phantom it says where and how large things are, and gives no probability."""
        try:
            reading = self.look(volume)
        except ConsiliumError as broken:
            return self.refused(str(broken))
        return of_phantom(reading) if volume.phantom else reading

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.card.name

    @property
    def version(self) -> str:
        """The card's."""
        return self.card.version

    @property
    def title(self) -> Mapping[str, str]:
        """The card's, in English and Chinese."""
        return self.card.title

    @property
    def modalities(self) -> tuple[str, ...]:
        """DICOM's words for images it takes; a yardstick gives none that an image can have, so that it answers only when asked by name."""
        return (ONLY_WHEN_ASKED,) if self.card.more.get("only_when_asked") else self.card.modalities

    @property
    def meta(self) -> Mapping[str, Any]:
        """What was sealed with the model."""
        return model(FOLDER / self.name)[1]

    def reading(self, findings: tuple[Finding, ...], more: tuple[str, ...] = ()) -> Reading:
        """What was found, with the card's limits and `more` of them, and whose word it is."""
        source = f"model {str(self.meta['graph'])[:_DIGEST]}; {'; '.join(self.card.sources)}"
        return Reading(self.name, self.version, findings, None, (*self.card.limits, *more), source)

    def refused(self, why: str) -> Reading:
        """Why nothing is said."""
        return Reading(self.name, self.version, refused=why, limits=self.card.limits)

"""Pictures: yes/no questions put to a whole picture by a sealed network, answered with a calibrated probability and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.finding import Reading
from consilium.imaging.network_residual import asked
from consilium.imaging.reasons import resting_on
from consilium.imaging.seated import Said, Seated, calibrated, judged
from consilium.imaging.specialist import FOLDER, cards, model
from consilium.imaging.texture import texture
from consilium.imaging.volume import Volume

_WHITE = 255.0


LEARNERS = ("residual", "texture", "averaged")


class Picture(Seated):
    """The task of a folder whose card says one of `LEARNERS`."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """What was sealed with the model."""
        return self._model()[1]

    def _model(self) -> tuple[Any, Mapping[str, Any]]:
        return model(FOLDER / self.name, ("X", "Z") if self.card.learner == "averaged" else ("X",))

    def look(self, volume: Volume) -> Reading:
        """Answer for one picture, or refuse in words."""
        image = prepared(volume, self.card.image)
        if isinstance(image, str):
            return self.refused(image)
        answer = self.meta["answer"]
        where = resting_on(FOLDER / self.name, self.card.learner, image, lambda views: self.raw(views)[:, answer], answer)
        return self.reading((judged(self.card.label, None, (), self.said(image[None]), because=where),))

    def raw(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds (n, answers) as the model gives them, of images (n, channels, rows, columns) in [0, 1]."""
        graph, _ = self._model()
        if self.card.learner == "averaged":
            return asked(graph, images, texture(images))
        return asked(graph, texture(images) if self.card.learner == "texture" else images)

    def said(self, images: NDArray[np.float32]) -> Said:
        """The answer to the card's question for images (n, channels, rows, columns) in [0, 1]."""
        return calibrated(self.raw(images)[:, self.meta["answer"]], self.meta)


def prepared(volume: Volume, image: Mapping[str, int]) -> NDArray[np.float32] | str:
    """A picture as the network takes it, (channels, rows, columns) in [0, 1], or why it cannot be had."""
    if len(volume.shape) != 2:
        return f"it looks at one picture; this has {volume.shape[0]} slices"
    if volume.array.dtype != np.uint8:
        return f"it needs brightness from 0 to 255, 8 bits; this is {volume.array.dtype} in unit {volume.unit}"
    if image["channels"] == 3 and not volume.colour:
        return "it needs a colour picture; this is a grey one"
    grey = volume.array.astype(np.float32)
    if volume.colour and image["channels"] == 1:
        if not (volume.array.max(2) - volume.array.min(2) <= 2).all():
            return "it needs a grey picture; this has colours"
        grey = grey[:, :, 0]
    if grey.min() == grey.max():
        return "nothing is in the picture: all of it has one brightness"
    from PIL import Image

    size = (image["columns"], image["rows"])
    planes = np.moveaxis(grey, 2, 0) if grey.ndim == 3 else grey[None]
    resized = [
        np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)) if plane.shape != size[::-1] else plane
        for plane in planes
    ]
    return np.clip(np.stack(resized) / _WHITE, 0, 1).astype(np.float32)


TASKS = tuple(Picture(card) for card in cards().values() if card.learner in LEARNERS)

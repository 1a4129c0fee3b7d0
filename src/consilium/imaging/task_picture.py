"""Pictures: yes/no questions put to a whole picture by a sealed network, answered with a calibrated probability and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilium.imaging.finding import Reading
from consilium.imaging.network_residual import asked
from consilium.imaging.seated import Said, Seated, calibrated, judged
from consilium.imaging.specialist import FOLDER, cards, model
from consilium.imaging.texture import texture
from consilium.imaging.volume import Volume

FIELDS = 7
"""Into how many fields, down and across, a picture is cut to see which of them an answer rests on."""
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
        return self.reading((judged(self.card.label, None, (), self.said(image[None]), because=self.resting_on(image)),))

    def raw(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds (n, answers) as the model gives them, of images (n, channels, rows, columns) in [0, 1]."""
        graph, _ = self._model()
        if self.card.learner == "averaged":
            return asked(graph, images, texture(images))
        return asked(graph, texture(images) if self.card.learner == "texture" else images)

    def said(self, images: NDArray[np.float32]) -> Said:
        """The answer to the card's question for images (n, channels, rows, columns) in [0, 1]."""
        return calibrated(self.raw(images)[:, self.meta["answer"]], self.meta)

    def influence(self, image: NDArray[np.float32]) -> NDArray[np.float64]:
        """By how much the log-odds fall when a field is set to its mean, (7, 7), for an image (channels, rows, columns)."""
        rows, columns = (np.array_split(np.arange(size), FIELDS) for size in image.shape[1:])
        views = [image]
        for down in rows:
            for across in columns:
                hidden = image.copy()
                cut = (slice(None), slice(down[0], down[-1] + 1), slice(across[0], across[-1] + 1))
                hidden[cut] = image[cut].mean((1, 2), keepdims=True)
                views.append(hidden)
        told = self.raw(np.stack(views))[:, self.meta["answer"]]
        return np.asarray((told[0] - told[1:]).reshape(FIELDS, FIELDS))

    def resting_on(self, image: NDArray[np.float32]) -> tuple[str, ...]:
        """In words, the fields that speak most for and most against."""
        moved = self.influence(image)
        words = []
        for sign, side in ((1, "for"), (-1, "against")):
            row, column = np.unravel_index(int((sign * moved).argmax()), moved.shape)
            if sign * moved[row, column] > 0:
                where = f"field {int(row) + 1} of {FIELDS} from the top, {int(column) + 1} of {FIELDS} from the left"
                words.append(f"most {side} it: {where} ({moved[row, column]:+.2f} log-odds)")
        return tuple(words)


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

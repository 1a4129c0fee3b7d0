"""Synthetic pictures for the tasks that see: speckle with a dark mass, a disc in a grid of vessels, a fundus, a chest; nobody's images.

    python examples/imaging/synthetic.py FOLDER

Each is drawn from formulas and a fixed seed. They show how a task is asked; what a model says of them means nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

SEED = 20260101


def ultrasound(draw: np.random.Generator, size: int = 200) -> np.ndarray:
    """Layers of speckle, and a dark ellipse with a bright rim below it."""
    rows, columns = np.mgrid[:size, :size] / size
    layers = 0.45 + 0.15 * np.sin(9 * rows + 0.6 * np.sin(6 * columns))
    mass = ((rows - 0.5) / 0.14) ** 2 + ((columns - 0.45) / 0.2) ** 2 < 1
    below = (np.abs(columns - 0.45) < 0.16) & (rows > 0.64)
    speckle = draw.gamma(4.0, 0.25, (size, size))
    return np.clip((np.where(mass, 0.12, layers) + 0.12 * below) * speckle, 0, 1)


def nodule(draw: np.random.Generator, size: int = 128) -> np.ndarray:
    """Dark lung with bright vessels and a soft disc of 9 mm (0.7 mm a pixel) in the middle."""
    rows, columns = np.mgrid[:size, :size]
    picture = 0.08 + 0.03 * draw.normal(size=(size, size))
    for _ in range(6):
        row, slope, width = draw.uniform(0, size), draw.uniform(-1, 1), draw.uniform(1, 2)
        picture += 0.35 * np.exp(-(((rows - row - slope * columns) / width) ** 2))
    away = np.hypot(rows - size / 2, columns - size / 2)
    return np.clip(np.maximum(picture, 0.6 / (1 + np.exp((away - 6.5) / 0.6))), 0, 1)


def fundus(draw: np.random.Generator, size: int = 200) -> np.ndarray:
    """An orange disc with a bright spot and dark lines."""
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    inside = np.hypot(rows, columns) < 0.47
    bright = np.exp(-((rows / 0.06) ** 2 + ((columns - 0.22) / 0.06) ** 2))
    lines = sum(np.exp(-(((rows - k * (columns - 0.22) ** 2) / 0.008) ** 2)) for k in (-1.5, -0.6, 0.6, 1.5))
    shade = (0.75 - 0.25 * lines + 0.02 * draw.normal(size=rows.shape)) * inside
    return np.clip(np.stack([shade + 0.3 * bright, 0.5 * shade + 0.5 * bright, 0.25 * shade + 0.2 * bright], 2), 0, 1)


def lesions(draw: np.random.Generator, size: int = 640) -> np.ndarray:
    """The same at 640 pixels, in few shades, with small dark dots, dark blots and bright specks."""
    picture = fundus(draw, size)
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    for count, width, shade in ((12, 0.0035, -0.35), (6, 0.012, -0.35), (25, 0.005, 0.45)):
        for row, column in draw.uniform(-0.3, 0.3, (count, 2)):
            spot = np.exp(-(((rows - row) / width) ** 2 + ((columns - column) / width) ** 2))
            picture = picture + shade * spot[..., None] * np.array([0.6, 1.0, 0.5])
    return np.round(np.clip(picture, 0, 1) * 32) / 32


def chest(draw: np.random.Generator, size: int = 200) -> np.ndarray:
    """Two dark fields, a bright middle and ribs."""
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    lungs = sum(np.exp(-(((columns - side) / 0.13) ** 4 + (rows / 0.33) ** 4)) for side in (-0.2, 0.2))
    ribs = 0.06 * np.sin(50 * rows + 12 * np.abs(columns))
    return np.clip(0.75 - 0.5 * lungs + ribs * lungs + 0.03 * draw.normal(size=rows.shape), 0, 1)


PICTURES = {"ultrasound": ultrasound, "nodule": nodule, "fundus": fundus, "lesions": lesions, "chest": chest}


def write(folder: Path) -> list[Path]:
    """Write `synthetic-<what>.png` of each picture, marked as synthetic inside the file too."""
    folder.mkdir(parents=True, exist_ok=True)
    said = PngImagePlugin.PngInfo()
    said.add_text("Description", "Synthetic: drawn from formulas, of nobody")
    written = []
    for name, draw in PICTURES.items():
        path = folder / f"synthetic-{name}.png"
        Image.fromarray((draw(np.random.default_rng(SEED)) * 255).astype(np.uint8)).save(path, pnginfo=said)
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "synthetic")):
        print(path)

"""Research sets are read as they stand; tests on the real files are skipped, saying so, where these are not there."""

from pathlib import Path

import numpy as np
import pytest

from consilium.core.errors import FormatError, NotFoundError
from consilium.imaging.research import alike, read_breast_ultrasound, read_lidc, read_medmnist

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
needs_lidc = pytest.mark.skipif(not (SHARED / "lidc_nodules").exists(), reason="../shared/data/lidc_nodules is not there")
needs_medmnist = pytest.mark.skipif(not (SHARED / "medmnist").exists(), reason="../shared/data/medmnist is not there")


def test_medmnist_is_read(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 5), ("val", 2), ("test", 3)):
        arrays[f"{part}_images"] = rng.integers(0, 255, (n, 28, 28, 3), dtype=np.uint8)
        arrays[f"{part}_labels"] = rng.integers(0, 5, (n, 1))
    np.savez(tmp_path / "set.npz", **arrays)
    found = read_medmnist(tmp_path / "set.npz")
    assert found.images.shape == (10, 3, 28, 28) and found.images.max() <= 1 and (found.part == "test").sum() == 3
    assert np.allclose(found.images[5, 2] * 255, arrays["val_images"][0, :, :, 2])


def test_files_that_are_missing_or_broken_are_named(tmp_path):
    with pytest.raises(NotFoundError):
        read_medmnist(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"no")
    with pytest.raises(FormatError):
        read_medmnist(tmp_path / "bad.npz")
    with pytest.raises(FormatError):
        read_breast_ultrasound(tmp_path / "bad.npz", 32)
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(FormatError, match="lacks"):
        read_medmnist(tmp_path / "other.npz")


def test_copies_are_joined_through_others():
    prints = np.zeros((4, 100), bool)
    prints[1, :5] = prints[2, :10] = True
    prints[3, 40:] = True
    assert alike(prints, most=5).tolist() == [0, 0, 0, 1]


@needs_medmnist
def test_the_official_parts_have_their_sizes():
    found = read_medmnist(SHARED / "medmnist" / "breastmnist.npz")
    assert [(found.part == part).sum() for part in ("train", "val", "test")] == [546, 78, 156]


@needs_lidc
def test_nodules_keep_their_patients_and_ratings():
    found = read_lidc(SHARED / "lidc_nodules")
    assert len(found.y) == 2630 and len(set(found.subjects.tolist())) == 875
    assert (found.y == 1).sum() == 591 and (found.y == 0).sum() == 1333
    assert np.isnan(found.y[found.facts["rating"] == 3]).all()

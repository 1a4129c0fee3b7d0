"""Volumes, regions and findings hold their laws, and indices go to millimetres and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import LawError
from consilium.imaging.finding import Finding, Measurement, Reading
from consilium.imaging.region import Region, of_mask
from consilium.imaging.volume import HOUNSFIELD, Identity, Volume, placed

SPACINGS = st.tuples(*[st.floats(0.01, 50)] * 3)


@given(SPACINGS, st.lists(st.tuples(*[st.floats(-500, 500)] * 3), min_size=1, max_size=5))
def test_indices_go_to_millimetres_and_back(spacing, index):
    volume = Volume(np.zeros((2, 3, 4), np.int16), placed(spacing, origin=(-120.0, 3.5, 900.0)), HOUNSFIELD)
    assert np.allclose(volume.to_index(volume.to_mm(index)), index, atol=1e-6)
    assert np.allclose(volume.spacing, spacing)
    assert volume.voxel == pytest.approx(np.prod(spacing))


@pytest.mark.parametrize(
    "wrong",
    [
        {"array": np.zeros(4, np.float32)},
        {"array": np.zeros((0, 4), np.float32)},
        {"array": np.zeros((2, 2), np.float64)},
        {"array": np.zeros((2, 2, 4), np.uint8), "colour": True},
        {"unit": ""},
        {"affine": np.zeros((4, 4))},
        {"affine": np.full((4, 4), np.nan)},
        {"affine": None, "frame": "1.2.3"},
        {"array": np.zeros((3, 2, 2), np.float32), "identity": Identity(instances=("a", "b"))},
    ],
)
def test_an_impossible_volume_is_refused(wrong):
    with pytest.raises(LawError):
        Volume(**{"array": np.zeros((2, 2), np.float32), "affine": placed((1.0, 1.0)), "unit": "1", **wrong})


def test_nobody_changes_a_volume():
    volume = Volume(np.zeros((2, 2), np.float32), placed((1.0, 1.0)), "1")
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 1


def test_unknown_spacing_gives_no_millimetres():
    volume = Volume(np.zeros((2, 2), np.float32), None, "1")
    assert volume.spacing is None and volume.voxel is None
    with pytest.raises(LawError, match="spacing"):
        volume.to_mm([[0, 0]])
    assert Region((0, 0), (1, 1)).box_mm(volume) is None


@given(st.integers(0, 2**30), st.sampled_from([(6, 7), (3, 5, 4)]))
def test_a_mask_is_the_same_after_its_box_was_cut(seed, shape):
    mask = np.random.default_rng(seed).random(shape) < 0.15
    region = of_mask(mask)
    if region is None:
        assert not mask.any()
    else:
        assert np.array_equal(region.filled(shape), mask)
        assert region.voxels == mask.sum()


def test_a_box_in_millimetres_reaches_the_edges_of_its_voxels():
    volume = Volume(np.zeros((4, 4), np.float32), placed((2.0, 3.0)), "1")
    assert Region((1, 1), (2, 3)).box_mm(volume)[:, :2].tolist() == [[1.5, 1.0], [7.5, 3.0]]


@pytest.mark.parametrize("wrong", [((0, 0), (0, 1)), ((-1, 0), (1, 1)), ((0,), (1,))])
def test_a_region_has_a_voxel(wrong):
    with pytest.raises(LawError):
        Region(*wrong)


def test_what_is_claimed_is_said_with_its_uncertainty():
    with pytest.raises(LawError):
        Measurement("volume", 3.0, "", 2.0, 4.0)
    with pytest.raises(LawError):
        Measurement("volume", 5.0, "mL", 2.0, 4.0)
    with pytest.raises(LawError):
        Finding("lung_nodule", "finding", probability=0.4)
    with pytest.raises(LawError):
        Finding("lung_nodule", "diagnosis")
    with pytest.raises(LawError):
        Reading("lungs", "1", (Finding("left_lung", "structure"),), refused="no lungs")
    assert Reading("lungs", "1").findings == ()

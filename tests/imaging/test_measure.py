"""Spheres and boxes of known size are measured within their intervals; distances are least ones; surfaces close and enclose."""

from __future__ import annotations

import struct
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilium.core.errors import InputError
from consilium.imaging.measure import distance, measure
from consilium.imaging.region import Region, of_mask
from consilium.imaging.surface import surface, write_stl
from consilium.imaging.volume import HOUNSFIELD, Volume, placed

SPACINGS = st.tuples(st.floats(0.7, 3), st.floats(0.5, 2), st.floats(0.5, 2))


def ball(radius, spacing, shape=(48, 60, 60), places=None, frame="1.2"):
    volume = Volume(np.zeros(shape, np.int16), placed(spacing), HOUNSFIELD, "CT", frame=frame, places=places)
    centre = volume.to_mm([[(n - 1) / 2 for n in shape]])[0]
    mm = volume.to_mm(np.stack(np.meshgrid(*(range(n) for n in shape), indexing="ij"), -1).reshape(-1, 3))
    return volume, of_mask((((mm - centre) ** 2).sum(1) < radius**2).reshape(shape))


def by_name(found):
    return {m.name: m for m in found}


@settings(max_examples=25, deadline=None)
@given(SPACINGS, st.floats(6, 14))
def test_a_ball_is_measured_within_its_intervals(spacing, radius):
    volume, region = ball(radius, spacing)
    found = by_name(measure(region, volume))
    true = 4 / 3 * np.pi * radius**3 / 1000
    assert found["volume"].low <= true <= found["volume"].high and found["volume"].unit == "mL"
    assert found["volume"].value == pytest.approx(true, rel=0.12)
    for name in ("long_axis", "short_axis", "extent_left_right", "extent_front_back", "extent_up_down"):
        assert found[name].low <= 2 * radius <= found[name].high + 0.5 * max(spacing), name
        assert found[name].unit == "mm"


def test_a_box_is_measured_exactly():
    mask = np.zeros((10, 20, 20), bool)
    mask[2:6, 3:9, 5:15] = True
    volume = Volume(np.zeros(mask.shape, np.int16), placed((2.0, 1.0, 0.5)), HOUNSFIELD, frame="1")
    found = by_name(measure(of_mask(mask), volume))
    assert found["volume"].value == pytest.approx(4 * 6 * 10 * 1.0 / 1000)
    assert [found[k].value for k in ("extent_left_right", "extent_front_back", "extent_up_down")] == pytest.approx([5, 6, 8])


def test_missing_slices_widen_the_interval_of_a_volume():
    whole, region = ball(12, (2.0, 1.0, 1.0))
    kept = [n for n in range(48) if n % 3]
    volume = Volume(whole.array[kept].copy(), whole.affine.copy(), HOUNSFIELD, places=tuple(float(k - kept[0]) for k in kept))
    part = of_mask(region.filled(whole.shape)[kept])
    full, thin = (by_name(measure(r, v))["volume"] for r, v in ((region, whole), (part, volume)))
    assert thin.low < full.value < thin.high
    assert thin.value == pytest.approx(full.value, rel=0.05)
    assert thin.high - thin.low > full.high - full.low


def test_without_spacing_nothing_is_measured():
    volume = Volume(np.zeros((9, 9), np.uint8), None, "1")
    assert measure(Region((1, 1), (3, 3)), volume) == ()
    with pytest.raises(InputError, match="spacing"):
        distance(Region((1, 1), (3, 3)), Region((5, 5), (6, 6)), volume)


def test_a_flat_region_has_an_area():
    volume = Volume(np.zeros((30, 30), np.uint8), placed((0.5, 0.5)), "1")
    found = by_name(measure(Region((2, 2), (12, 22)), volume))
    assert found["area"].value == pytest.approx(50) and found["area"].unit == "mm2"
    assert found["long_axis"].value == pytest.approx(np.hypot(5, 10), abs=0.5)


@settings(max_examples=25, deadline=None)
@given(SPACINGS, st.integers(2, 15), st.integers(0, 2))
def test_the_least_distance_between_two_boxes(spacing, apart, axis):
    low, other = [5, 5, 5], [5, 5, 5]
    other[axis] += 4 + apart
    volume = Volume(np.zeros((40, 40, 40), np.int16), placed(spacing), HOUNSFIELD)
    one, two = (Region(tuple(at), tuple(k + 4 for k in at)) for at in (low, other))
    found = distance(one, two, volume)
    assert found.value == pytest.approx(apart * spacing[axis], rel=1e-6)
    assert found.low <= found.value <= found.high and distance(two, one, volume).value == pytest.approx(found.value)


def test_touching_regions_are_no_distance_apart():
    volume = Volume(np.zeros((9, 9, 9), np.int16), placed((1.0, 1.0, 1.0)), HOUNSFIELD)
    assert distance(Region((0, 0, 0), (3, 3, 3)), Region((3, 0, 0), (5, 3, 3)), volume).value == 0
    assert distance(Region((0, 0, 0), (3, 3, 3)), Region((2, 0, 0), (5, 3, 3)), volume).value == 0


@settings(max_examples=15, deadline=None)
@given(SPACINGS, st.floats(6, 14))
def test_a_surface_closes_faces_outwards_and_encloses_the_ball(spacing, radius):
    volume, region = ball(radius, spacing)
    found = surface(region, volume)
    edges = Counter()
    for triangle in found.triangles.tolist():
        for k in range(3):
            a, b = triangle[k], triangle[(k + 1) % 3]
            edges[a, b] += 1
    assert all(edges[b, a] == n for (a, b), n in edges.items())  # every side has its other side
    assert found.enclosed == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.25)
    assert found.enclosed > 0
    centre = found.points.mean(0)
    assert np.linalg.norm(found.points - centre, axis=1).max() < radius + np.linalg.norm(spacing)


def test_a_mirrored_grid_faces_outwards_too():
    volume, region = ball(8, (1.0, 1.0, 1.0))
    affine = volume.affine.copy()
    affine[:3, 0] *= -1
    turned = Volume(volume.array, affine, HOUNSFIELD)
    assert surface(region, turned).enclosed == pytest.approx(surface(region, volume).enclosed)


def test_stl_is_read_back(tmp_path):
    volume, region = ball(8, (2.0, 1.0, 1.0))
    found = surface(region, volume)
    write_stl(found, tmp_path / "ball.stl", "ball")
    data = (tmp_path / "ball.stl").read_bytes()
    (count,) = struct.unpack_from("<I", data, 80)
    assert len(data) == 84 + 50 * count and count == len(found.triangles) and b"mm" in data[:80]
    corners = np.frombuffer(data[84:], np.dtype([("n", "<f4", 3), ("c", "<f4", (3, 3)), ("m", "<u2")]))["c"]
    assert np.allclose(corners, found.points[found.triangles], atol=1e-3)
    assert not list(tmp_path.glob("*.part"))


def test_a_picture_has_no_surface():
    with pytest.raises(InputError):
        surface(Region((0, 0), (2, 2)), Volume(np.zeros((4, 4), np.uint8), None, "1"))

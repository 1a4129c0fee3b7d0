"""The phantom's lungs have their known volume and its nodules are candidates; what is no chest CT is refused in words."""

from __future__ import annotations

import numpy as np
import pytest

from consilium.imaging.series import read_series, volume
from consilium.imaging.task_lungs import Lungs
from consilium.imaging.volume import HOUNSFIELD, Volume, placed
from consilium.knowledge.imaging import terms


def read(files):
    (found,), _ = read_series(files)
    return volume(found, found.stacks[0])


def by_label(reading):
    found = {}
    for finding in reading.findings:
        found.setdefault(finding.label, []).append(finding)
    return found


def test_both_lungs_of_the_phantom_are_outlined(phantom_files, made):
    found = by_label(Lungs()(read(phantom_files)))
    true = 4 / 3 * np.pi * np.prod(made.LUNG_RADII) / 1000
    for side, sign in (("left_lung", 1), ("right_lung", -1)):
        (lung,) = found[side]
        size = next(m for m in lung.measurements if m.name == "volume")
        assert size.low <= true <= size.high + 0.01 * true
        assert lung.standing == "structure" and lung.probability is None
        middle = read(phantom_files).to_mm([lung.region.centre])[0, 0]
        assert np.sign(middle) == sign  # x grows towards the patient's left


def test_the_nodules_are_candidates_and_nothing_more(phantom_files, made):
    ct = read(phantom_files)
    places = by_label(Lungs()(ct))["lung_nodule"]
    assert all(c.standing == "candidate" and c.probability is None for c in places)
    for (z, x, y), radius in made.NODULES:
        near = [c for c in places if np.linalg.norm(ct.to_mm([c.region.centre])[0] - (x, y, z)) < 3]
        assert len(near) == 1
        axis = next(m for m in near[0].measurements if m.name == "long_axis")
        assert axis.low <= 2 * radius <= axis.high
    assert len(places) <= 4


def test_lungs_that_lie_the_other_way_round_keep_their_sides(phantom_files):
    ct = read(phantom_files)
    flipped = np.ascontiguousarray(ct.array[:, :, ::-1])
    affine = ct.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (ct.shape[2] - 1)
    affine[:3, 2] *= -1
    turned = Volume(flipped, affine, ct.unit, ct.modality, frame=ct.frame)
    left, again = (by_label(Lungs()(v))["left_lung"][0] for v in (ct, turned))
    assert np.allclose(ct.to_mm([left.region.centre]), turned.to_mm([again.region.centre]), atol=1)


@pytest.mark.parametrize(
    ("volume_", "words"),
    [
        (Volume(np.zeros((5, 5), np.uint8), None, "1", "DX"), "three axes"),
        (Volume(np.zeros((4, 5, 5), np.int16), None, HOUNSFIELD, "CT"), "spacing"),
        (Volume(np.full((9, 40, 40), 40, np.int16), placed((3.0, 3.0, 3.0)), HOUNSFIELD, "CT", frame="1"), "no lung"),
        (Volume(np.full((9, 40, 40), -1000, np.int16), placed((3.0, 3.0, 3.0)), HOUNSFIELD, "CT", frame="1"), "no lung"),
    ],
)
def test_what_is_no_chest_is_refused_in_words(volume_, words):
    reading = Lungs()(volume_)
    assert words in reading.refused and not reading.findings


def test_missing_slices_are_said(made, tmp_path):
    made.write_series(tmp_path, made.phantom(), leave_out=(20, 33, 34))
    reading = Lungs()(read([tmp_path]))
    assert any("missing" in limit for limit in reading.limits)
    assert {"left_lung", "right_lung"} <= by_label(reading).keys()


def test_the_real_chest(real_ct):
    reading = Lungs()(read([real_ct]))
    found = by_label(reading)
    sizes = {side: next(m for m in found[side][0].measurements if m.name == "volume").value for side in ("left_lung", "right_lung")}
    assert 1200 < sizes["left_lung"] < 3500 and 1500 < sizes["right_lung"] < 4000
    assert sizes["right_lung"] > sizes["left_lung"]
    assert all(f.label in terms() for f in reading.findings)
    assert {c.standing for c in found["lung_nodule"]} == {"candidate"}

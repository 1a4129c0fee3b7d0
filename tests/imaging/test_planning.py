"""Masks from a SEG or an NPZ are measured on their series, with distances; those of another series are refused."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from typer.testing import CliRunner

from consilium.cli.main import app
from consilium.core.errors import ExtraError, NotFoundError
from consilium.imaging import dicom
from consilium.imaging.derived import write
from consilium.imaging.finding import Finding, Reading
from consilium.imaging.planning import Planning, read_masks
from consilium.imaging.region import of_mask
from consilium.imaging.seg import segmentation
from consilium.imaging.series import read_series, volume
from consilium.imaging.volume import Volume


@pytest.fixture(scope="module")
def drawn(phantom_files, tmp_path_factory):
    (found,), _ = read_series(phantom_files)
    image = volume(found, found.stacks[0])
    near, far = (np.zeros(image.shape, bool) for _ in range(2))
    near[10:15, 50:60, 50:60] = True
    far[10:15, 50:60, 80:90] = True
    folder = tmp_path_factory.mktemp("masks")
    np.savez_compressed(folder / "masks.npz", tumour=near, vessel=far)
    named = (Finding("outlined", "structure", of_mask(near), name="tumour"), Finding("outlined", "structure", of_mask(far), name="vessel"))
    write(segmentation(found, found.stacks[0], Reading("t", "1", named)).data, folder / "masks.dcm")
    return image, folder


@pytest.mark.parametrize(
    ("name", "labels"), [("masks.npz", ("tumour", "vessel")), ("masks.dcm", ("tumour (structure)", "vessel (structure)"))]
)
def test_masks_are_measured_with_their_distance(drawn, name, labels):
    image, folder = drawn
    reading = Planning(folder / name, (labels[1],))(image)
    assert reading.refused is None and tuple(f.name for f in reading.findings) == labels
    tumour, vessel = reading.findings
    told = {m.name: m for m in tumour.measurements}
    assert told["volume"].value == pytest.approx(5 * 10 * 10 * 3 * 1.8 * 1.8 / 1000)
    assert told["distance"].value == pytest.approx(20 * 1.8) and told["distance"].low < told["distance"].value < told["distance"].high
    assert "36.0 mm" in tumour.because[0] and labels[1] in tumour.because[0]
    assert "distance" not in {m.name for m in vessel.measurements}


def test_masks_of_another_image_are_refused(drawn, shipped, tmp_path):
    image, folder = drawn
    other = Volume(image.array[:5].copy(), image.affine.copy(), image.unit, frame=image.frame)
    assert "another shape" in Planning(folder / "masks.npz")(other).refused
    assert "other images" in Planning(folder / "masks.dcm")(other).refused
    assert "cannot be read" in Planning(shipped / "CT_small.dcm")(image).refused
    assert "No such structure" in Planning(folder / "masks.npz", ("liver",))(image).refused
    np.savez(tmp_path / "empty.npz", nothing=np.zeros(image.shape, bool))
    assert "holds anything" in Planning(tmp_path / "empty.npz")(image).refused
    (tmp_path / "x.npz").write_bytes(b"no")
    assert "cannot be read" in Planning(tmp_path / "x.npz")(image).refused
    with pytest.raises(NotFoundError):
        Planning(tmp_path / "none.npz")


def test_masks_come_back_from_a_seg_as_they_were(drawn):
    image, folder = drawn
    one, two = read_masks(folder / "masks.npz", image), read_masks(folder / "masks.dcm", image)
    for a, b in zip(one.values(), two.values(), strict=True):
        assert a.low == b.low and a.high == b.high and np.array_equal(a.mask, b.mask)


def test_a_plan_is_written_from_the_command_line(drawn, phantom_files, tmp_path):
    _, folder = drawn
    shown = CliRunner().invoke(
        app, ["image", str(phantom_files[0].parent), "--masks", str(folder / "masks.npz"), "--to", "vessel", "--out", str(tmp_path)]
    )
    assert shown.exit_code == 0 and "tumour" in shown.output and "36" in shown.output
    assert {"01-planning-seg.dcm", "01-planning-01-outlined.stl", "01-planning.png"} <= {p.name for p in tmp_path.iterdir()}


def test_without_the_extra_it_is_said_what_to_install(phantom_files, monkeypatch):
    monkeypatch.setattr(dicom, "find_spec", lambda name: None if name == "pydicom" else find_spec(name))
    with pytest.raises(ExtraError, match=r"consilium\[imaging\]"):
        read_series(phantom_files)
    shown = CliRunner().invoke(app, ["image", str(phantom_files[0])])
    assert shown.exit_code == 1 and "consilium[imaging]" in shown.output.replace("\n", "")

"""Pictures are read with their spacing given or declared unknown; bombs and broken ones are refused in words."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from consilium.core.errors import FormatError, NotFoundError
from consilium.imaging.picture import read_picture


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16"])
def test_every_mode_is_read(mode, suffix, tmp_path):
    if suffix == ".jpg" and mode not in ("L", "RGB"):
        pytest.skip("JPEG has no such mode")
    grey = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8) * 5)
    picture = Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * 900) if mode == "I;16" else grey.convert(mode)
    picture.save(tmp_path / f"x{suffix}")
    read = read_picture(tmp_path / f"x{suffix}")
    assert read.shape == (6, 8) and read.spacing is None and "unknown" in read.notes[0]
    assert read.colour == (mode in ("RGB", "RGBA", "P"))
    if mode == "I;16":
        assert read.array.max() == 47 * 900


def test_the_spacing_is_the_user_s(tmp_path):
    Image.new("L", (8, 6)).save(tmp_path / "x.png")
    assert read_picture(tmp_path / "x.png", spacing=(0.2, 0.1), modality="US").spacing == pytest.approx((0.2, 0.1))
    for wrong in [(1.0,), (0.0, 1.0), (1.0, 1.0, 1.0), (float("nan"), 1.0)]:
        with pytest.raises(FormatError, match="spacing"):
            read_picture(tmp_path / "x.png", spacing=wrong)


def test_a_photograph_is_turned_as_its_camera_was_held(tmp_path):
    picture = Image.new("L", (8, 6))
    held = picture.getexif()
    held[0x0112] = 6
    picture.save(tmp_path / "x.jpg", exif=held)
    assert read_picture(tmp_path / "x.jpg").shape == (8, 6)


def test_arrays_are_read_with_what_they_say(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", image=np.zeros((3, 4, 5)), spacing=[2.0, 1.0, 1.0], unit="[hnsf'U]")
    read = read_picture(tmp_path / "x.npz")
    assert read.shape == (3, 4, 5) and read.spacing == (2, 1, 1) and read.unit == "[hnsf'U]" and read.array.dtype == np.float32
    np.savez(tmp_path / "y.npz", np.zeros((4, 5, 3), np.uint8))
    assert read_picture(tmp_path / "y.npz").colour


def test_a_png_bomb_is_refused(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b""))
    with pytest.raises(FormatError, match=r"larger than is read|cannot be read"):
        read_picture(tmp_path / "bomb.png")


def test_an_array_bomb_and_an_object_are_refused(tmp_path):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr("image.npy", head.getvalue() + bytes(10**6))
    with pytest.raises(FormatError, match="not one that is read"):
        read_picture(tmp_path / "bomb.npz")
    np.savez(tmp_path / "object.npz", image=np.array([{"a": 1}], object))
    with pytest.raises(FormatError):
        read_picture(tmp_path / "object.npz")


@pytest.mark.parametrize("name", ["x.png", "x.npz", "x.jpg"])
@given(data=st.binary(max_size=200))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes_are_refused_in_words(name, data, tmp_path):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError):
        read_picture(tmp_path / name)


@given(where=st.floats(0, 1), byte=st.integers(0, 255), cut=st.floats(0.1, 1), name=st.sampled_from(["x.png", "x.npz", "x.jpg"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_spoiled_picture_is_read_or_refused_in_words(where, byte, cut, name, tmp_path):
    if name.endswith("npz"):
        np.savez_compressed(tmp_path / name, image=np.eye(9))
    else:
        Image.fromarray((np.eye(9) * 200).astype(np.uint8)).save(tmp_path / name)
    data = bytearray((tmp_path / name).read_bytes())
    data[min(int(where * len(data)), len(data) - 1)] = byte
    (tmp_path / name).write_bytes(data[: int(cut * len(data))])
    try:
        assert read_picture(tmp_path / name).array.size
    except FormatError as refusal:
        assert refusal.what


def test_no_file_is_said(tmp_path):
    with pytest.raises(NotFoundError):
        read_picture(tmp_path / "none.png")

"""Files of every encoding are decoded; what declares more than it holds, or unpacks to more than it declares, is refused in words."""

from __future__ import annotations

import shutil
import struct
import warnings
import zlib

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate

from consilium.core.errors import ConsiliumError, FormatError, NotFoundError
from consilium.imaging import dicom, series
from consilium.imaging.dicom import frames, read_header, stream_size

READS = {
    "CT_small.dcm": (128, 128), "693_J2KI.dcm": (512, 512), "ExplVR_BigEnd.dcm": (60, 80, 3), "GDCMJ2K_TextGBR.dcm": (400, 400, 3),
    "J2K_pixelrep_mismatch.dcm": (512, 512), "JPEG-lossy.dcm": (1024, 256), "JPGExtended.dcm": (1024, 256), "JPEG2000.dcm": (1024, 256),
    "JPEGLSNearLossless_08.dcm": (45, 10), "JPEGLSNearLossless_16.dcm": (50, 10), "MR_small_RLE.dcm": (64, 64),
    "MR_small_bigendian.dcm": (64, 64), "MR_small_implicit.dcm": (64, 64), "MR_small_jp2klossless.dcm": (64, 64),
    "MR_small_jpeg_ls_lossless.dcm": (64, 64), "SC_rgb_jpeg_gdcm.dcm": (100, 100, 3), "SC_rgb_dcmtk_+eb+cy+s4.dcm": (100, 100, 3),
    "SC_rgb_jls_lossy_sample.dcm": (100, 100, 3), "SC_rgb_rle_32bit.dcm": (100, 100, 3), "SC_ybr_full_422_uncompressed.dcm": (100, 100, 3),
    "examples_palette.dcm": (350, 800, 3), "examples_jpeg2k.dcm": (480, 640, 3), "image_dfl.dcm": (512, 512),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(READS))
def test_every_encoding_is_decoded(name, shipped):
    (frame,) = frames(read_header(shipped / name))
    assert frame.shape == READS[name]
    assert frame.dtype.isnative
    assert frame.max() > frame.min()


@pytest.mark.parametrize(
    "name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_bigendian.dcm"]
)
def test_a_lossless_copy_is_the_same_image(name, shipped):
    (plain,), (packed,) = frames(read_header(shipped / "MR_small.dcm")), frames(read_header(shipped / name))
    assert np.array_equal(plain, packed)


def test_lossless_jpeg_decoded_by_gdcm_is_the_same_image(shipped):
    (lossless,) = frames(read_header(shipped / "SC_rgb_jpeg_gdcm.dcm"))
    (rle,) = frames(read_header(shipped / "SC_rgb_rle.dcm"))
    assert np.array_equal(lossless, rle)


def test_frames_come_one_by_one(shipped):
    header = read_header(shipped / "examples_ybr_color.dcm")
    first, last = frames(header, [0, 29])
    every = list(frames(header))
    assert len(every) == 30
    assert np.array_equal(first, every[0]) and np.array_equal(last, every[29])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MR_truncated.dcm", "cut off"),
        ("rtdose.dump", "No such file"),
        ("README.txt", "Not a DICOM file"),
        ("reportsi.dcm", "holds no image"),
        ("badVR.dcm", "no whole number"),
        ("JPEG2000-embedded-sequence-delimiter.dcm", "another size"),
        ("SC_rgb_jpeg.dcm", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(name, words, shipped):
    with pytest.raises((FormatError, NotFoundError), match=words):
        list(frames(read_header(shipped / name)))


def test_a_frame_that_unpacks_to_more_than_declared_is_refused_before_it_is(shipped, tmp_path):
    bomb = pydicom.dcmread(shipped / "MR_small_jp2klossless.dcm")
    stream = next(pydicom.encaps.generate_frames(bomb.PixelData, number_of_frames=1))
    at = stream.find(b"\xff\x4f\xff\x51") + 8
    huge = stream[:at] + struct.pack(">II", 60_000, 60_000) + stream[at + 8 :]
    bomb.PixelData = encapsulate([huge])
    bomb.save_as(tmp_path / "bomb.dcm")
    with pytest.raises(FormatError, match="another size") as refused:
        list(frames(read_header(tmp_path / "bomb.dcm")))
    assert refused.value.found == (60_000, 60_000)


def test_a_deflated_bomb_is_refused(shipped, tmp_path, monkeypatch):
    monkeypatch.setattr(dicom, "MAX_HEADER", 1024**2)
    whole = (shipped / "image_dfl.dcm").read_bytes()
    meta = pydicom.filereader.read_file_meta_info(shipped / "image_dfl.dcm")
    start = 128 + 4 + 12 + meta.FileMetaInformationGroupLength
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    (tmp_path / "bomb.dcm").write_bytes(whole[:start] + packer.compress(bytes(8 * 1024**2)) + packer.flush())
    with pytest.raises(FormatError, match="unpacks to more"):
        read_header(tmp_path / "bomb.dcm")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Rows": 60000, "Columns": 60000}, "larger than is read"),
        ({"NumberOfFrames": 200_000}, "larger than is read"),
        ({"NumberOfFrames": 500}, "cut off"),
        ({"Rows": 0}, "cannot be what it declares"),
        ({"SamplesPerPixel": 7}, "cannot be what it declares"),
        ({"Rows": None}, "missing or no whole number"),
        ({"BitsAllocated": None}, "missing or no whole number"),
    ],
)
def test_declared_is_held_against_held(changes, words, shipped, tmp_path):
    spoiled = pydicom.dcmread(shipped / "MR_small.dcm")
    for keyword, value in changes.items():
        if value is None:
            delattr(spoiled, keyword)
        else:
            setattr(spoiled, keyword, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spoiled.save_as(tmp_path / "spoiled.dcm")
    with pytest.raises(FormatError, match=words):
        list(frames(read_header(tmp_path / "spoiled.dcm")))


def test_a_length_that_lies_takes_no_memory(shipped, tmp_path):
    data = bytearray((shipped / "MR_small_implicit.dcm").read_bytes())
    at = data.find(b"\x08\x00\x60\x00")  # Modality, with a length of four gigabytes
    data[at + 4 : at + 8] = b"\xf0\xff\xff\xff"
    (tmp_path / "lies.dcm").write_bytes(data)
    with pytest.raises(FormatError):
        list(frames(read_header(tmp_path / "lies.dcm")))


SEEDS = ("CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_small_odd_jpeg.dcm", "image_dfl.dcm", "liver_1frame.dcm")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12),
    st.one_of(st.none(), st.floats(0, 1)),
)
@example("SC_rgb_small_odd_jpeg.dcm", [(0.515625, 0)], None)  # a transfer syntax that is no identifier
def test_a_spoiled_file_is_read_or_refused_in_words(tmp_path, shipped, name, changes, cut):
    data = bytearray((shipped / name).read_bytes())
    for where, byte in changes:
        data[min(int(where**3 * len(data)), len(data) - 1)] = byte  # most of them in the header
    (tmp_path / "spoiled.dcm").write_bytes(data if cut is None else data[: int(cut * len(data))])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found, rejects = series.read_series([tmp_path / "spoiled.dcm"])
        assert bool(found) != bool(rejects) or found
        for one in found:
            try:
                assert all(v.array.size for v in one.volumes())
            except ConsiliumError as refusal:
                assert refusal.what
    assert not told  # what pydicom warns of quotes values


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes_are_no_image(tmp_path, data):
    (tmp_path / "any.dcm").write_bytes(b"\0" * 128 + b"DICM" + data)
    with pytest.raises(FormatError):
        list(frames(read_header(tmp_path / "any.dcm")))


@given(st.binary(max_size=64))
def test_any_bytes_have_a_size_or_none(data):
    stream_size(b"\xff\xd8" + data)
    stream_size(b"\xff\x4f\xff\x51" + data)


def test_a_name_is_in_no_message(shipped, tmp_path):
    named = pydicom.dcmread(shipped / "MR_small.dcm")
    named.PatientName, named.PatientID = "Secret^Name", "secret-id"
    named.save_as(tmp_path / "x.dcm")
    cut = (tmp_path / "x.dcm").read_bytes()[:-3000]
    (tmp_path / "x.dcm").write_bytes(cut)
    shutil.copy(shipped / "badVR.dcm", tmp_path / "y.dcm")
    _, rejects = series.read_series([tmp_path])
    assert len(rejects) == 2
    assert "ecret" not in str(rejects)

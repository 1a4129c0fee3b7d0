"""Files become series, series become stacks: order, gaps, tilt, films, phases, and numbers in their unit."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from consilium.core.errors import InputError
from consilium.imaging import series
from consilium.imaging.capture import views
from consilium.imaging.series import read_series, volume
from consilium.imaging.volume import HOUNSFIELD


def change(folder, act):
    for number, file in enumerate(sorted(folder.glob("*.dcm"))):
        one = pydicom.dcmread(file)
        act(number, one)
        one.save_as(file)


def test_the_phantom_comes_back_as_it_was_made(phantom_files, made):
    (found,), rejects = read_series(reversed(phantom_files))
    assert not rejects
    (stack,) = found.stacks
    read = volume(found, stack)
    assert np.array_equal(read.array, made.phantom().clip(-1024))
    assert read.spacing == pytest.approx((3.0, 1.8, 1.8)) and read.unit == HOUNSFIELD and read.places is None and read.notes == ()
    assert read.identity.instances[0].endswith(".3.1") and len(read.identity.instances) == 60
    assert read.to_mm([[0, 0, 0]])[0] == pytest.approx([-171.9, -171.9, -88.5])
    assert found.stacks[0].frames[0].window == (-500, 1500)


def test_missing_slices_are_found_and_the_others_keep_their_place(made, tmp_path):
    made.write_series(tmp_path, made.phantom(), leave_out=(10, 30, 31))
    (found,), _ = read_series([tmp_path])
    read = volume(found, found.stacks[0])
    assert read.shape[0] == 57 and read.spacing[0] == pytest.approx(3.0)
    assert read.places[9:11] == (9.0, 11.0) and read.places[-1] == 59.0
    assert "3 of 60 slices are missing" in read.notes[0]
    assert read.to_mm([[56, 0, 0]])[0, 2] == pytest.approx(88.5)
    assert read.to_index(read.to_mm([[20.5, 3, 4]]))[0] == pytest.approx([20.5, 3, 4])
    assert read.thickness.sum() == pytest.approx(60 * 3.0)


def test_a_tilted_gantry_shears_the_stack(phantom_copy):
    def tilt(number, one):
        one.ImagePositionPatient[1] += 0.5 * number

    change(phantom_copy, tilt)
    (found,), _ = read_series([phantom_copy])
    affine = found.stacks[0].affine
    assert affine[:3, 0] == pytest.approx([0, 0.5, 3.0])


def test_turned_slices_lie_where_they_say(phantom_copy):
    def turn(number, one):
        one.ImageOrientationPatient, one.ImagePositionPatient = [0, 1, 0, 0, 0, -1], [5.0 * number, 1.0, 2.0]

    change(phantom_copy, turn)
    (found,), _ = read_series([phantom_copy])
    read = volume(found, found.stacks[0])
    assert read.spacing == pytest.approx((5.0, 1.8, 1.8))
    first = read.to_mm([[0, 1, 2]])[0]
    assert first[1:] == pytest.approx([1 + 2 * 1.8, 2 - 1.8])


def test_uneven_slices_are_said(phantom_copy):
    def spread(number, one):
        one.ImagePositionPatient[2] = -88.5 + 3 * number + 0.4 * number**1.2

    change(phantom_copy, spread)
    (found,), _ = read_series([phantom_copy])
    read = volume(found, found.stacks[0])
    assert read.places is not None and "not evenly spaced" in " ".join(read.notes)
    assert read.to_mm([[30, 0, 0]])[0, 2] == pytest.approx(-88.5 + 90 + 0.4 * 30**1.2, abs=0.01)


def test_two_phases_are_two_stacks(phantom_copy):
    def phase(number, one):
        one.InstanceNumber = number + 1
        one.AcquisitionNumber = 1 + number % 2
        one.ImagePositionPatient[2] = -88.5 + 3 * (number // 2)

    change(phantom_copy, phase)
    (found,), rejects = read_series([phantom_copy])
    assert [len(s.frames) for s in found.stacks] == [30, 30] and not rejects
    assert {f.header.count("AcquisitionNumber") for f in found.stacks[0].frames} in ({1}, {2})


def test_a_second_slice_at_one_place_is_rejected_by_name(phantom_copy):
    def twice(number, one):
        if number == 7:
            one.ImagePositionPatient[2] -= 3

    change(phantom_copy, twice)
    (found,), rejects = read_series([phantom_copy])
    assert len(found.stacks[0].frames) == 59
    assert [r.file for r in rejects] == ["0008.dcm"]


def test_one_series_of_two_patients_is_no_volume(phantom_copy):
    def swap(number, one):
        if number == 3:
            one.PatientID = "somebody-else"

    change(phantom_copy, swap)
    found, rejects = read_series([phantom_copy])
    assert not found and len(rejects) == 60
    assert "several patients" in rejects[0].reason and "somebody" not in str(rejects)


def test_the_same_image_twice_counts_once(phantom_copy):
    (phantom_copy / "copy.dcm").write_bytes((phantom_copy / "0001.dcm").read_bytes())
    (found,), rejects = read_series([phantom_copy])
    assert len(found.stacks[0].frames) == 60 and len(rejects) == 1


def table(values, *, first=0, bits=16, **more):
    made = pydicom.Dataset()
    made.add_new("LUTDescriptor", "US", [len(values), first, bits])
    made.add_new("LUTData", "US", [int(v) for v in values])
    for keyword, value in more.items():
        setattr(made, keyword, value)
    return made


def shade(folder, photometric="MONOCHROME2", **more):
    """Two pictures whose stored values run from 0 to 99."""

    def change_one(number, one):
        for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType", "WindowCenter", "WindowWidth"):
            del one[keyword]
        one.Rows, one.Columns, one.PhotometricInterpretation = 10, 10, photometric
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
        one.Modality, one.PixelData = "CR", np.arange(100, dtype="<u2").tobytes()
        for keyword, value in more.items():
            setattr(one, keyword, value)

    for file in sorted(folder.glob("*.dcm"))[2:]:
        file.unlink()
    change(folder, change_one)
    (found,), _ = read_series([folder])
    return found, found.stacks[0]


@pytest.mark.parametrize(("kind", "unit"), [("HU", HOUNSFIELD), ("US", "1"), ("OD", "1")])
def test_the_sender_s_table_of_values_is_applied(phantom_copy, kind, unit):
    curved = np.arange(80) ** 2
    found, stack = shade(phantom_copy, ModalityLUTSequence=[table(curved, first=10, ModalityLUTType=kind)])
    read = volume(found, stack)
    expected = curved[np.clip(np.arange(100) - 10, 0, 79)]
    assert np.array_equal(read.array[0].ravel(), expected) and read.unit == unit and not read.notes


def test_a_table_is_turned_with_its_picture(phantom_copy):
    rising = np.arange(100) * 2
    found, stack = shade(phantom_copy, "MONOCHROME1", ModalityLUTSequence=[table(rising, bits=8, ModalityLUTType="US")])
    assert np.array_equal(volume(found, stack).array[0].ravel(), 255 - rising)


def test_a_broken_table_refuses_the_image_in_words(phantom_copy):
    broken = table(range(10), ModalityLUTType="HU")
    broken.LUTDescriptor = [10, 0, 77]
    for file in phantom_copy.glob("*.dcm"):
        one = pydicom.dcmread(file)
        one.ModalityLUTSequence = [broken]
        one.save_as(file)
    found, rejects = read_series([phantom_copy])
    assert not found and len(rejects) == 60 and "cannot be read" in rejects[0].reason


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_values_are_shown_as_the_sender_shows_them(phantom_copy, photometric):
    bright = np.round(65535 * (np.arange(100) / 99) ** 2)
    found, stack = shade(phantom_copy, photometric, VOILUTSequence=[table(bright)], WindowCenter=50, WindowWidth=20)
    shown = np.interp(volume(found, stack).array[0].ravel().astype(float), *stack.frames[0].curve)
    assert np.allclose(shown, bright / 65535 if photometric == "MONOCHROME2" else 1 - bright / 65535, atol=1e-4)


def test_a_window_is_a_line_between_two_values(phantom_copy):
    found, stack = shade(phantom_copy, WindowCenter=50, WindowWidth=20)
    assert np.interp([0, 40, 50, 60, 99], *stack.frames[0].curve) == pytest.approx([0, 0, 0.5, 1, 1])
    assert views(volume(found, stack), curve=stack.frames[0].curve).max() == 255
    assert views(volume(found, stack), curve=(np.array((500.0, 600.0)), np.array((0.0, 1.0)))).max() > 200, "a window beside all values"


def test_padding_takes_the_lowest_value(phantom_copy):
    def pad(number, one):
        one.add_new("PixelPaddingValue", "US", 63536)
        pixels = np.frombuffer(one.PixelData, "<u2").copy()
        pixels[:50] = 63536
        one.PixelData = pixels.tobytes()

    change(phantom_copy, pad)
    (found,), _ = read_series([phantom_copy])
    read = volume(found, found.stacks[0])
    assert read.array.max() < 1000
    assert read.array[0, 0, 0] == read.array[0].min()


def test_monochrome1_is_turned_and_said(shipped):
    (found,), _ = read_series([shipped / "dicomdirtests" / "77654033" / "CR1"])
    read = volume(found, found.stacks[0])
    stored = pydicom.dcmread(found.headers[0].path).pixel_array
    assert np.unravel_index(read.array.argmax(), read.shape) == np.unravel_index(stored.argmin(), stored.shape)
    assert any("MONOCHROME1" in note for note in read.notes) and any("detector" in note for note in read.notes)


def test_a_film_is_frames_of_their_own_with_the_spacing_of_the_region(shipped):
    (found,), _ = read_series([shipped / "examples_ybr_color.dcm"])
    assert len(found.stacks) == 30
    read = volume(found, found.stacks[4])
    assert read.colour and read.spacing is not None and read.identity.instances[0].endswith("#5")


def test_bits_beside_the_stored_ones_are_no_part_of_the_image(phantom_copy):
    def overlay(number, one):
        one.BitsStored, one.HighBit = 12, 11
        pixels = np.frombuffer(one.PixelData, "<u2").copy() & 0x0FFF
        pixels[::7] |= 0xF000
        one.PixelData = pixels.tobytes()

    change(phantom_copy, overlay)
    (found,), _ = read_series([phantom_copy])
    assert volume(found, found.stacks[0]).array.max() < 3072


def test_too_many_files_are_not_read_at_once(phantom_files, monkeypatch):
    monkeypatch.setattr(series, "MAX_FILES", 10)
    with pytest.raises(InputError, match="more files"):
        read_series(phantom_files)


def test_a_stack_larger_than_memory_may_hold_is_refused(phantom_files, monkeypatch):
    monkeypatch.setattr(series, "MAX_BYTES", 1000)
    (found,), _ = read_series(phantom_files)
    with pytest.raises(InputError, match="larger"):
        volume(found, found.stacks[0])


def test_the_real_series_has_gaps(real_ct):
    (found,), rejects = read_series([real_ct])
    assert not rejects
    read = volume(found, found.stacks[0])
    assert read.shape == (40, 512, 512) and read.spacing[0] == pytest.approx(3.0)
    assert "49 of 89 slices are missing" in read.notes[0]


def test_an_enhanced_multiframe_is_the_stack_of_its_frames(phantom_files, tmp_path, made):
    one = pydicom.dcmread(phantom_files[0])
    array = made.phantom()[:5]
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    one.NumberOfFrames = 5
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(one, keyword)

    def item(**said):
        made_item = pydicom.Dataset()
        for keyword, value in said.items():
            setattr(made_item, keyword, value)
        return made_item

    one.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[item(PixelSpacing=[1.8, 1.8], SliceThickness=3)],
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")],
        )
    ]
    order = [3, 0, 4, 1, 2]  # frames in any order
    one.PerFrameFunctionalGroupsSequence = [item(PlanePositionSequence=[item(ImagePositionPatient=[0, 0, 3.0 * k])]) for k in order]
    one.PixelData = (array[order].astype(np.int32) + 1024).clip(0).astype("<u2").tobytes()
    one.save_as(tmp_path / "enhanced.dcm")
    (found,), rejects = read_series([tmp_path])
    assert not rejects
    read = volume(found, found.stacks[0])
    assert np.array_equal(read.array, array.clip(-1024)) and read.unit == HOUNSFIELD and read.spacing == pytest.approx((3, 1.8, 1.8))

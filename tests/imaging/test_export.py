"""What is written is read back by highdicom as it was, refers to what it was made from, and belongs to the same patient and study."""

from __future__ import annotations

import warnings

import highdicom as hd
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consilium.core.errors import InputError
from consilium.imaging.capture import png, thumbnail, views
from consilium.imaging.derived import write
from consilium.imaging.export import export
from consilium.imaging.finding import Finding, Measurement, Reading
from consilium.imaging.look import look
from consilium.imaging.region import Region, of_mask
from consilium.imaging.report_sr import structured_report
from consilium.imaging.seg import segmentation
from consilium.imaging.series import read_series, volume
from consilium.imaging.task_lungs import Lungs
from consilium.imaging.volume import Volume, placed
from consilium.knowledge.imaging import terms


@pytest.fixture(scope="module")
def seen(phantom_files):
    (one,) = look(phantom_files, [Lungs()])
    return one


@pytest.fixture(scope="module")
def written(seen, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    made, others = export(seen, seen.readings[0], folder, "01")
    return {m.modality: m for m in made}, others


def test_the_segmentation_is_read_back_voxel_by_voxel(seen, written):
    seg = hd.seg.segread(written[0]["SEG"].path)
    findings = seen.readings[0].findings
    assert seg.number_of_segments == len(findings)
    held = seg.get_pixels_by_source_instance(list(seen.volume.identity.instances))
    for number, finding in enumerate(findings):
        assert np.array_equal(held[..., number].astype(bool), finding.region.filled(seen.volume.shape))
        told = seg.get_segment_description(number + 1)
        assert told.segmented_property_type.value == terms()[finding.label].coded[0]
        assert told.algorithm_type.value == "AUTOMATIC" and told.tracking_uid
    assert "structure" in seg.get_segment_description(1).segment_label and "candidate" in seg.get_segment_description(3).segment_label


def test_the_segmentation_lies_where_the_series_lies(seen, written):
    seg = hd.seg.segread(written[0]["SEG"].path)
    whole = seg.get_volume(segment_numbers=[1], combine_segments=True)
    at = np.argwhere(whole.array > 0)
    mm = at @ whole.affine[:3, :3].T + whole.affine[:3, 3]
    ours = seen.volume.to_mm(np.argwhere(seen.readings[0].findings[0].region.filled(seen.volume.shape)))
    assert np.allclose(np.sort(mm, axis=0), np.sort(ours, axis=0), atol=1e-3)


def test_the_report_is_read_back_with_regions_and_numbers(seen, written):
    report = hd.sr.srread(written[0]["SR"].path)
    groups = report.content.get_volumetric_roi_measurement_groups()
    findings = seen.readings[0].findings
    assert len(groups) == len(findings)
    seg = hd.seg.segread(written[0]["SEG"].path)
    for number, (group, finding) in enumerate(zip(groups, findings, strict=True), start=1):
        assert group.finding_type.value == terms()[finding.label].coded[0]
        assert group.tracking_uid == seg.get_segment_description(number).tracking_uid
        assert group.referenced_segment.referenced_sop_instance_uid == seg.SOPInstanceUID
        assert group.referenced_segment.referenced_segment_numbers == [number]
        drawn = [g for g in report.content.get_image_measurement_groups() if g.tracking_uid == group.tracking_uid]
        told = {m.name.value: (m.value, m.unit.value) for one in (group, *drawn) for m in one.get_measurements()}
        for measurement in finding.measurements:
            value, unit = told[terms()[measurement.name].coded[0]]
            assert value == pytest.approx(measurement.value) and unit == measurement.unit
    left = groups[0].finding_sites[0]
    assert left.laterality.meaning == "Left"


def test_each_axis_is_a_line_on_its_image_as_long_as_was_measured(seen, written):
    report = hd.sr.srread(written[0]["SR"].path)
    groups = report.content.get_image_measurement_groups()
    findings = seen.readings[0].findings
    assert [g.finding_type.value for g in groups] == [terms()[f.label].coded[0] for f in findings]
    for group, finding in zip(groups, findings, strict=True):
        assert [m.name.value for m in group.get_measurements()] == [terms()[name].coded[0] for name in ("long_axis", "short_axis")]
        for measured in group.get_measurements():
            (line,) = measured.referenced_coordinates
            (image,) = line.ContentSequence
            assert line.graphic_type.value == "POLYLINE" and image.relationship_type.value == "SELECTED FROM"
            number = seen.volume.identity.instances.index(image.referenced_sop_instance_uid)
            ends = [(number, row - 0.5, column - 0.5) for column, row in line.value]
            assert np.linalg.norm(np.diff(seen.volume.to_mm(ends), axis=0)) == pytest.approx(measured.value, rel=1e-4)
            middle = np.round(np.mean(ends, axis=0)).astype(int)
            low, high = finding.region.low, finding.region.high
            assert all(a <= m < b for a, m, b in zip(low, middle, high, strict=True))


def test_a_line_is_the_item_that_highdicom_makes(written):
    data = pydicom.dcmread(written[0]["SR"].path)
    groups = data.ContentSequence[-1].ContentSequence
    line = next(n for g in groups for n in g.ContentSequence if n.ValueType == "NUM" and "ContentSequence" in n).ContentSequence[0]
    named = line.ContentSequence[0].ReferencedSOPSequence[0]
    image = hd.sr.SourceImageForRegion(named.ReferencedSOPClassUID, named.ReferencedSOPInstanceUID)
    made = hd.sr.CoordinatesForMeasurement("POLYLINE", np.reshape(line.GraphicData, (-1, 2)), image)
    assert line.to_json_dict() == made.to_json_dict()


def test_everything_is_in_the_evidence(seen, written):
    report = pydicom.dcmread(written[0]["SR"].path)
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    named = {i.ReferencedSOPInstanceUID for s in study.ReferencedSeriesSequence for i in s.ReferencedSOPSequence}
    assert set(seen.volume.identity.instances) | {written[0]["SEG"].instance} == named


def test_objects_belong_to_the_patient_and_study_and_have_no_series_of_others(seen, written):
    source = pydicom.dcmread(seen.series.headers[0].path, stop_before_pixels=True)
    series = set()
    for made in written[0].values():
        one = pydicom.dcmread(made.path)
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "AccessionNumber"):
            assert one.get(keyword) == source.get(keyword)
        series.add(one.SeriesInstanceUID)
        assert one.SOPInstanceUID == made.instance == one.file_meta.MediaStorageSOPInstanceUID
    assert len(series) == 3 and source.SeriesInstanceUID not in series


def test_every_element_is_well_formed(written):
    for made in written[0].values():
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # pydicom warns of values that break their VR
            one = pydicom.dcmread(made.path)
            for element in one.iterall():
                assert element.value is not None or element.is_empty
        text = one.to_json()
        assert text


def test_the_capture_is_a_picture_of_the_outlines(seen, written):
    shot = pydicom.dcmread(written[0]["OT"].path)
    assert shot.pixel_array.shape == (shot.Rows, shot.Columns, 3)
    assert (shot.pixel_array == (250, 200, 60)).all(-1).any() and (shot.pixel_array == (70, 200, 190)).all(-1).any()


def test_a_part_of_a_file_never_stands(seen, written):
    assert not list(written[1][0].parent.glob("*.part"))
    assert {p.suffix for p in written[1]} == {".png", ".stl"}


def test_missing_slices_do_not_move_a_segment(made, tmp_path):
    made.write_series(tmp_path / "ct", made.phantom(), leave_out=(20, 33, 34))
    (one,) = look([tmp_path / "ct"], [Lungs()])
    seg = segmentation(one.series, one.stack, one.readings[0])
    write(seg.data, tmp_path / "seg.dcm")
    read = hd.seg.segread(tmp_path / "seg.dcm")
    held = read.get_pixels_by_source_instance(list(one.volume.identity.instances))
    assert np.array_equal(held[..., 0].astype(bool), one.readings[0].findings[0].region.filled(one.volume.shape))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), size=st.sampled_from([(5, 16, 16), (4, 11, 13), (7, 9, 15)]), count=st.integers(1, 4))
def test_any_masks_come_back(seed, size, count, made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    made.write_series(folder, np.zeros(size, np.int16))
    (found,), _ = read_series([folder])
    random = np.random.default_rng(seed)
    masks = [random.random(size) < random.uniform(0.01, 0.5) for _ in range(count)]
    masks = [m if m.any() else np.ones(size, bool) for m in masks]
    reading = Reading("t", "1", tuple(Finding("lung_nodule", "candidate", of_mask(m)) for m in masks))
    write(segmentation(found, found.stacks[0], reading).data, folder / "seg")
    seg = hd.seg.segread(folder / "seg")
    held = seg.get_pixels_by_source_instance(list(volume(found, found.stacks[0]).identity.instances), combine_segments=False)
    for number, mask in enumerate(masks):
        assert np.array_equal(held[..., number].astype(bool), mask)
    overlap = np.sum(masks, 0).max() > 1
    assert seg.SegmentsOverlap == ("YES" if overlap else "NO")


def flat(tmp_path, made):
    made.write_series(tmp_path / "one", made.phantom()[:1])
    (found,), _ = read_series([tmp_path / "one"])
    return found, found.stacks[0]


def test_a_flat_image_has_planar_groups(made, tmp_path):
    found, stack = flat(tmp_path, made)
    mask = np.zeros((192, 192), bool)
    mask[10:20, 30:50] = True
    size = (Measurement("area", 648.0, "mm2", 600.0, 700.0),)
    reading = Reading(
        "t", "1",
        (Finding("lung_nodule", "finding", of_mask(mask), size, 0.7, 0.6, 0.8), Finding("lung_nodule", "finding", Region((5, 5), (9, 9)))),
    )  # fmt: skip
    seg = segmentation(found, stack, reading)
    write(structured_report(found, stack, reading, seg), tmp_path / "sr.dcm")
    outlined, boxed = hd.sr.srread(tmp_path / "sr.dcm").content.get_planar_roi_measurement_groups()
    assert outlined.referenced_segmentation_frame.referenced_sop_instance_uid == seg.data.SOPInstanceUID
    told = {m.name.meaning: m.value for m in outlined.get_measurements()}
    assert told == {"Area": 648.0, "Probability": 0.7}
    assert boxed.roi.value.tolist() == [[5, 5], [9, 5], [9, 9], [5, 9], [5, 5]]


def test_a_finding_about_the_whole_image_needs_no_region(made, tmp_path):
    found, stack = flat(tmp_path, made)
    reading = Reading("t", "1", (Finding("lung_nodule", "finding", None, (), 0.2, 0.1, 0.3),))
    write(structured_report(found, stack, reading, None), tmp_path / "sr.dcm")
    (group,) = hd.sr.srread(tmp_path / "sr.dcm").content.get_image_measurement_groups()
    assert [m.value for m in group.get_measurements()] == [0.2]
    with pytest.raises(InputError, match="nothing to outline"):
        segmentation(found, stack, reading)


def test_a_film_s_segment_names_its_frame(shipped, tmp_path):
    (found,), _ = read_series([shipped / "examples_ybr_color.dcm"])
    mask = np.zeros((240, 320), bool)
    mask[50:90, 60:99] = True
    reading = Reading("t", "1", (Finding("lung_nodule", "candidate", of_mask(mask)),))
    stack = found.stacks[4]
    seg = segmentation(found, stack, reading)
    write(seg.data, tmp_path / "seg.dcm")
    read = hd.seg.segread(tmp_path / "seg.dcm")
    held = read.get_pixels_by_source_frame(found.headers[0].text("SOPInstanceUID"), [5], ignore_spatial_locations=True)
    assert np.array_equal(held[0, ..., 0].astype(bool), mask)
    write(structured_report(found, stack, reading, seg), tmp_path / "sr.dcm")
    assert len(hd.sr.srread(tmp_path / "sr.dcm").content.get_planar_roi_measurement_groups()) == 1


def test_pictures_of_every_kind_are_drawn():
    rgb = Volume(np.zeros((20, 30, 3), np.uint8), None, "1", colour=True)
    found = Finding("lung_nodule", "finding", Region((3, 4), (9, 9)))
    assert views(rgb, [found]).shape == (299, 448, 3)
    tall = Volume(np.arange(24, dtype=np.int16).reshape(4, 3, 2), placed((5.0, 1.0, 1.0)), "1")
    assert views(tall).shape[2] == 3
    assert png(views(tall))[:4] == b"\x89PNG"
    assert max(thumbnail(rgb, found).shape) == 128


def test_a_picture_that_is_no_dicom_belongs_to_no_study(tmp_path):
    image = Volume(np.zeros((20, 30), np.uint8), None, "1", source="x.png")
    from consilium.imaging.look import Seen

    reading = Reading("t", "1", (Finding("lung_nodule", "finding", Region((3, 4), (9, 9))),))
    made, others = export(Seen(image, (reading,)), reading, tmp_path, "01")
    assert made == () and [p.name for p in others] == ["01-t.png"]


@pytest.mark.parametrize(("charset", "name"), [("GB18030", "王^小明"), ("ISO_IR 144", "Люк^Иван"), ("ISO_IR 192", "Muñoz^José")])
def test_a_name_in_any_script_stays_as_it_is(charset, name, phantom_copy):
    for file in sorted(phantom_copy.glob("*.dcm")):
        one = pydicom.dcmread(file)
        one.SpecificCharacterSet, one.PatientName = charset, name
        one.save_as(file)
    (seen,) = look([phantom_copy], [Lungs()])
    made, _ = export(seen, seen.readings[0], phantom_copy, "01")
    for object_ in made:
        assert str(pydicom.dcmread(object_.path).PatientName) == name

"""SR: a reading as a Comprehensive 3D structured report by template TID 1500, each measurement with its region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consilium.imaging.derived import code, derived, instances, item, new_uid
from consilium.imaging.finding import Finding, Measurement, Reading
from consilium.imaging.region import Region
from consilium.imaging.seg import Segmentation
from consilium.imaging.series import Series, Stack
from consilium.knowledge.imaging import terms

if TYPE_CHECKING:
    from pydicom import Dataset

_CLASS = "1.2.840.10008.5.1.4.1.1.88.34"
_NUMBER = 901
_C = {
    "report": ("126000", "DCM", "Imaging Measurement Report"), "language": ("121049", "DCM", "Language of Content Item and Descendants"),
    "english": ("en-US", "RFC5646", "English (United States)"), "observer": ("121005", "DCM", "Observer Type"),
    "device": ("121007", "DCM", "Device"), "device_uid": ("121012", "DCM", "Device Observer UID"),
    "device_name": ("121013", "DCM", "Device Observer Name"), "procedure": ("121058", "DCM", "Procedure reported"),
    "imaging": ("363679005", "SCT", "Imaging procedure"), "measurements": ("126010", "DCM", "Imaging Measurements"),
    "group": ("125007", "DCM", "Measurement Group"), "tracking": ("112039", "DCM", "Tracking Identifier"),
    "tracking_uid": ("112040", "DCM", "Tracking Unique Identifier"), "finding": ("121071", "DCM", "Finding"),
    "site": ("363698007", "SCT", "Finding Site"), "side": ("272741003", "SCT", "Laterality"),
    "segment": ("121191", "DCM", "Referenced Segment"), "segment_frame": ("121214", "DCM", "Referenced Segmentation Frame"),
    "source_series": ("121232", "DCM", "Source series for segmentation"),
    "source_image": ("121233", "DCM", "Source image for segmentation"), "region": ("111030", "DCM", "Image Region"),
    "comment": ("121106", "DCM", "Comment"), "algorithm": ("111001", "DCM", "Algorithm Name"),
    "algorithm_version": ("111003", "DCM", "Algorithm Version"), "library": ("111028", "DCM", "Image Library"),
    "library_group": ("126200", "DCM", "Image Library Group"), "measured_on": ("260753009", "SCT", "Source"),
}  # fmt: skip
_UNITS = {"mm": "millimeter", "mm2": "square millimeter", "mL": "milliliter", "1": "no units"}
_DEVICE_UID = "2.25.157466153013012271806471310486420612367"


def structured_report(series: Series, stack: Stack, reading: Reading, outlined: Segmentation | None) -> Dataset:
    """Write a reading as a report.

    A finding with an outline refers to its segment; one with a box alone has it as a polyline on each of its frames; one without a
    region is about the whole image. Lengths that were measured from one point to another stand in a group before it, of the same tracking
    identifier, each inferred from its line on the image: a group that refers to a segment may hold no coordinates, and viewers draw
    coordinates only. What is claimed (a candidate, a structure) and the interval of each number stand as comments.

    Parameters
    ----------
    series, stack
        What was read.
    reading : Reading
    outlined : Segmentation or None
        The segmentation of the same reading.

    Source: DICOM PS3.16 TID 1500, 1410, 1411, 1501, 1419, 300, 320.
    """
    made = derived(series, _CLASS, "SR", _NUMBER, f"{reading.task}: report")
    made.SpecificCharacterSet = "ISO_IR 192"
    made.CompletionFlag, made.VerificationFlag, made.PreliminaryFlag = "PARTIAL", "UNVERIFIED", "PRELIMINARY"
    made.ReferencedPerformedProcedureStepSequence, made.PerformedProcedureCodeSequence = [], []
    evidence = [item(SeriesInstanceUID=series.uid, ReferencedSOPSequence=instances(f.header for f in stack.frames))]
    if outlined is not None:
        seg = outlined.data
        evidence.append(
            item(
                SeriesInstanceUID=seg.SeriesInstanceUID,
                ReferencedSOPSequence=[item(ReferencedSOPClassUID=seg.SOPClassUID, ReferencedSOPInstanceUID=seg.SOPInstanceUID)],
            )
        )
    made.CurrentRequestedProcedureEvidenceSequence = [item(StudyInstanceUID=made.StudyInstanceUID, ReferencedSeriesSequence=evidence)]
    groups = [
        group for place, finding in enumerate(reading.findings) for group in _groups(place, finding, series, stack, reading, outlined)
    ]
    made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made.ConceptNameCodeSequence = [code(_C["report"])]
    made.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier="1500", MappingResourceUID="1.2.840.10008.8.1.1")]
    made.ContentSequence = [
        _code("HAS CONCEPT MOD", "language", _C["english"]),
        _code("HAS OBS CONTEXT", "observer", _C["device"]),
        _content("HAS OBS CONTEXT", "UIDREF", "device_uid", UID=_DEVICE_UID),
        _content("HAS OBS CONTEXT", "TEXT", "device_name", TextValue=f"consilium {made.SoftwareVersions}"),
        _code("HAS CONCEPT MOD", "procedure", _C["imaging"]),
        _content("CONTAINS", "CONTAINER", "library", ContinuityOfContent="SEPARATE", ContentSequence=[_library(stack)]),
        _content("CONTAINS", "CONTAINER", "measurements", ContinuityOfContent="SEPARATE", ContentSequence=groups),
    ]
    return made


def _library(stack: Stack) -> Dataset:
    """The images that were read (TID 1602), by which viewers find what to show."""
    listed = {f.header.text("SOPInstanceUID"): f for f in stack.frames}.values()
    images = [item(RelationshipType="CONTAINS", ValueType="IMAGE", ReferencedSOPSequence=[_image(frame)]) for frame in listed]
    return _content("CONTAINS", "CONTAINER", "library_group", ContinuityOfContent="SEPARATE", ContentSequence=images)


def _groups(place: int, finding: Finding, series: Series, stack: Stack, reading: Reading, outlined: Segmentation | None) -> list[Dataset]:
    term = terms()[finding.label]
    number = outlined.segments.get(place) if outlined is not None else None
    segment = outlined.data.SegmentSequence[number - 1] if outlined is not None and number else None
    label = f"{finding.name or term.name} {place + 1}"
    shared = [
        _content("HAS OBS CONTEXT", "TEXT", "tracking", TextValue=segment.TrackingID if segment is not None else label),
        _content("HAS OBS CONTEXT", "UIDREF", "tracking_uid", UID=segment.TrackingUID if segment is not None else new_uid()),
        _code("CONTAINS", "finding", term.coded),
        _content("HAS CONCEPT MOD", "TEXT", "algorithm", TextValue=f"consilium {reading.task}"),
        _content("HAS CONCEPT MOD", "TEXT", "algorithm_version", TextValue=reading.version),
    ]
    site = terms()[term.site] if term.site else term if term.side else None
    if site is not None:
        where = _code("HAS CONCEPT MOD", "site", site.coded)
        if term.side:
            where.ContentSequence = [_code("HAS CONCEPT MOD", "side", terms()[term.side].coded)]
        shared.append(where)
    template, parts = "1501", list(shared)
    lines = [m for m in finding.measurements if m.ends]
    if finding.region is not None:
        template = "1411" if len(finding.region.low) == 3 else "1410"
        parts += _where(finding.region, number, series, stack, outlined)
    parts += [_number(measurement) for measurement in finding.measurements if not measurement.ends]
    if finding.probability is not None and finding.low is not None and finding.high is not None:
        parts.append(_number(Measurement("probability", finding.probability, "1", finding.low, finding.high)))
    said = [f"standing: {finding.standing}", *(f"{m.name} {m.low:.4g} to {m.high:.4g} {m.unit}" for m in finding.measurements)]
    if finding.probability is not None:
        said.append(f"probability {finding.low:.3g} to {finding.high:.3g}")
    parts.append(_content("CONTAINS", "TEXT", "comment", TextValue="; ".join(filter(None, [finding.name, *said, *finding.because]))))
    drawn = [_grouped("1501", [*shared, *(_line(measurement, stack) for measurement in lines)])] if lines else []
    return [*drawn, _grouped(template, parts)]  # viewers name a line by the first numbers of its tracking identifier


def _grouped(template: str, parts: list[Dataset]) -> Dataset:
    made = _content("CONTAINS", "CONTAINER", "group", ContinuityOfContent="SEPARATE", ContentSequence=parts)
    made.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier=template, MappingResourceUID="1.2.840.10008.8.1.1")]
    return made


def _line(measurement: Measurement, stack: Stack) -> Dataset:
    """A length with the line on the image that it was inferred from (TID 300, 320)."""
    made = _number(measurement)
    first = measurement.ends[0]
    frame = stack.frames[round(first[0]) if len(first) == 3 else 0]
    corners = [c + 0.5 for end in measurement.ends for c in (end[-1], end[-2])]  # of the first pixel's corner, where DICOM counts from
    line = _content("INFERRED FROM", "SCOORD", "measured_on", GraphicType="POLYLINE", GraphicData=corners)
    line.ContentSequence = [_content("SELECTED FROM", "IMAGE", "measured_on", ReferencedSOPSequence=[_image(frame)])]
    made.ContentSequence = [line]
    return made


def _where(region: Region, number: int | None, series: Series, stack: Stack, outlined: Segmentation | None) -> list[Dataset]:
    flat = len(region.low) == 2
    first = stack.frames[0]
    if number is not None and outlined is not None:
        seg = outlined.data
        target = item(ReferencedSOPClassUID=seg.SOPClassUID, ReferencedSOPInstanceUID=seg.SOPInstanceUID, ReferencedSegmentNumber=number)
        if flat:
            target.ReferencedFrameNumber = outlined.frames[number][0]
            source = _content("CONTAINS", "IMAGE", "source_image", ReferencedSOPSequence=[_image(first)])
            return [_content("CONTAINS", "IMAGE", "segment_frame", ReferencedSOPSequence=[target]), source]
        series_ = _content("CONTAINS", "UIDREF", "source_series", UID=series.uid)
        return [_content("CONTAINS", "IMAGE", "segment", ReferencedSOPSequence=[target]), series_]
    made = []
    (top, left), (bottom, right) = region.low[-2:], region.high[-2:]
    corners = [left, top, right, top, right, bottom, left, bottom, left, top]
    for at in [0] if flat else range(region.low[0], region.high[0]):
        image = item(RelationshipType="SELECTED FROM", ValueType="IMAGE", ReferencedSOPSequence=[_image(stack.frames[at])])
        outline = _content("CONTAINS", "SCOORD", "region", GraphicType="POLYLINE", GraphicData=[float(c) for c in corners])
        outline.ContentSequence = [image]
        made.append(outline)
    return made


def _image(frame: Any) -> Dataset:
    made = item(ReferencedSOPClassUID=frame.header.text("SOPClassUID"), ReferencedSOPInstanceUID=frame.header.text("SOPInstanceUID"))
    if frame.header.count("NumberOfFrames", 1) > 1:
        made.ReferencedFrameNumber = frame.number + 1
    return made


def _number(measurement: Measurement) -> Dataset:
    from pydicom.valuerep import DSfloat, format_number_as_ds

    unit = (measurement.unit, "UCUM", _UNITS.get(measurement.unit, measurement.unit))
    made = item(
        RelationshipType="CONTAINS", ValueType="NUM", ConceptNameCodeSequence=[code(terms()[measurement.name].coded)],
        MeasuredValueSequence=[
            item(NumericValue=DSfloat(format_number_as_ds(float(measurement.value))), MeasurementUnitsCodeSequence=[code(unit)])
        ],
    )  # fmt: skip
    return made


def _code(relationship: str, name: str, value: tuple[str, str, str]) -> Dataset:
    return _content(relationship, "CODE", name, ConceptCodeSequence=[code(value)])


def _content(relationship: str, kind: str, name: str, **more: Any) -> Dataset:
    return item(RelationshipType=relationship, ValueType=kind, ConceptNameCodeSequence=[code(_C[name])], **more)

"""Derived: what every DICOM object made from a series has in common - its patient and study, its own identity, its references."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilium.imaging.dicom import Header, worded
from consilium.imaging.series import Series

if TYPE_CHECKING:
    from pydicom import Dataset

_PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime",
            "StudyID", "AccessionNumber", "ReferringPhysicianName", "StudyDescription", "PatientAge")  # fmt: skip
_EMPTY = frozenset({"PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
                    "ReferringPhysicianName"})  # fmt: skip
MANUFACTURER = "consilium"
_SHORT = 16


def derived(series: Series, kind: str, modality: str, number: int, description: str) -> Dataset:
    """A new object of the series' patient and study, in a series of its own.

    Parameters
    ----------
    series : Series
    kind : str
        SOP class.
    modality : str
    number : int
        Of the new series.
    description : str
        Of the new series; at most 64 characters are kept.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = kind
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = new_uid()
    source = series.headers[0].data
    for keyword in _PATIENT:
        if keyword in source:
            made[keyword] = source[keyword]
        elif keyword in _EMPTY:
            setattr(made, keyword, "")
    if "StudyInstanceUID" not in made:
        made.StudyInstanceUID = new_uid()
    if charset := source.get("SpecificCharacterSet"):
        made.SpecificCharacterSet = charset
    now = datetime.now(UTC)
    made.SeriesInstanceUID = new_uid()
    made.Modality, made.SeriesNumber, made.InstanceNumber = modality, number, 1
    made.SeriesDescription = description[:64]
    made.SeriesDate = made.ContentDate = made.InstanceCreationDate = f"{now:%Y%m%d}"
    made.SeriesTime = made.ContentTime = made.InstanceCreationTime = f"{now:%H%M%S.%f}"
    made.TimezoneOffsetFromUTC = "+0000"
    made.Manufacturer = made.ManufacturerModelName = MANUFACTURER
    made.DeviceSerialNumber = "0"
    made.SoftwareVersions = version("consilium")
    return made


def code(value: tuple[str, str, str]) -> Dataset:
    """A coded concept as an item of a sequence; a value of more than 16 characters is a long one (DICOM PS3.3 8.2)."""
    which = "CodeValue" if len(value[0]) <= _SHORT else "LongCodeValue"
    return item(**{which: value[0]}, CodingSchemeDesignator=value[1], CodeMeaning=value[2])


def item(**said: Any) -> Dataset:
    """An item of a sequence."""
    from pydicom.dataset import Dataset

    made = Dataset()
    for keyword, value in said.items():
        setattr(made, keyword, value)
    return made


def reference(header: Header, **more: Any) -> Dataset:
    """A reference to an instance."""
    return item(ReferencedSOPClassUID=header.text("SOPClassUID"), ReferencedSOPInstanceUID=header.text("SOPInstanceUID"), **more)


def instances(headers: Iterable[Header]) -> list[Dataset]:
    """References to instances, each once."""
    return [reference(header) for header in {h.text("SOPInstanceUID"): h for h in headers}.values()]


def write(made: Dataset, path: str | Path) -> Path:
    """Write an object whole or not at all."""
    target = Path(path)
    partial = target.with_name(target.name + ".part")
    with worded(target.name):
        made.save_as(partial, enforce_file_format=True)
    partial.replace(target)
    return target


def new_uid() -> str:
    """An identifier that nothing else has."""
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix=None))

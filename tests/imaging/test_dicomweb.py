"""A study comes from and objects go to a real DICOMweb server: Orthanc from Debian's package."""

from __future__ import annotations

import urllib.request

import orjson
import pydicom
import pytest

from consilium.core.errors import InputError
from consilium.imaging.dicomweb import fetched, store
from consilium.imaging.export import export
from consilium.imaging.look import look
from consilium.imaging.task_lungs import Lungs


def test_a_study_is_stored_fetched_read_and_what_was_found_stored_beside_it(orthanc, phantom_files, tmp_path):
    base = f"{orthanc}/dicom-web"
    store((pydicom.dcmread(f) for f in phantom_files), base)
    header = pydicom.dcmread(phantom_files[0], stop_before_pixels=True)
    address = f"{base}/studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}"
    with fetched([address]) as local:
        assert len(list(local[0].glob("*.dcm"))) == 60
        (seen,) = look(local, [Lungs()])
        made, _ = export(seen, seen.readings[0], tmp_path, "01")
    assert not local[0].exists()
    assert {f.label for f in seen.readings[0].findings} == {"left_lung", "right_lung", "lung_nodule"}
    store((pydicom.dcmread(m.path) for m in made), base)
    kinds = orjson.loads(urllib.request.urlopen(f"{base}/studies/{header.StudyInstanceUID}/series", timeout=20).read())
    assert {k["00080060"]["Value"][0] for k in kinds} == {"CT", "SEG", "SR", "OT"}


def test_a_study_that_is_not_there_is_said(orthanc):
    with pytest.raises(InputError, match="did not answer"), fetched([f"{orthanc}/dicom-web/studies/1.2.3"]):
        pass

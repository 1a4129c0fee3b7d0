"""A study comes from and objects go to a real DICOMweb server: Orthanc from Debian's package, started here."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import orjson
import pydicom
import pytest

from consilium.core.errors import InputError
from consilium.imaging.dicomweb import fetched, store
from consilium.imaging.export import export
from consilium.imaging.look import look
from consilium.imaging.task_lungs import Lungs

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    program = shutil.which("Orthanc")
    if program is None or not PLUGIN.exists():
        pytest.skip("no Orthanc: apt install orthanc orthanc-dicomweb")
    folder = tmp_path_factory.mktemp("orthanc")
    port, dicom = free_port(), free_port()
    settings = {
        "HttpPort": port, "DicomPort": dicom, "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "StorageDirectory": str(folder),
        "IndexDirectory": str(folder), "Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "orthanc.json").write_bytes(orjson.dumps(settings))
    running = subprocess.Popen(
        [program, str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    )
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{base}/system", timeout=1).read()
                break
            except OSError:
                time.sleep(0.25)
        else:
            pytest.skip("Orthanc did not start")
        yield base
    finally:
        running.terminate()
        running.wait(20)


def test_a_study_is_stored_fetched_read_and_what_was_found_stored_beside_it(server, phantom_files, tmp_path):
    base = f"{server}/dicom-web"
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


def test_a_study_that_is_not_there_is_said(server):
    with pytest.raises(InputError, match="did not answer"), fetched([f"{server}/dicom-web/studies/1.2.3"]):
        pass

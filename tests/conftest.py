"""What all tests share: the real data sets, unzipped once a session, and an image archive, or a skip that says so."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest
from hypothesis import settings

# How fast a machine is says nothing about whether a law holds: no test asserts on time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def unzipped(tmp_path_factory):
    """Unzip a data set of `../shared/data` by name; skip where it is absent."""
    done: dict[str, Path] = {}

    def unzip(name: str) -> Path:
        if name not in done:
            archives = sorted((DATA / name).glob("*.zip"))
            if not archives:
                pytest.skip(f"the data set {name} is not in {DATA}")
            done[name] = tmp_path_factory.mktemp(name)
            for archive in archives:
                zipfile.ZipFile(archive).extractall(done[name])
        return done[name]

    return unzip


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory):
    """The address of an Orthanc, started here and empty at first, with its DICOMweb under `/dicom-web`."""
    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    program = shutil.which("Orthanc")
    if program is None or not plugin.exists():
        pytest.skip("no Orthanc: apt install orthanc orthanc-dicomweb")
    folder = tmp_path_factory.mktemp("orthanc")
    port, dicom = _free_port(), _free_port()
    settings = {
        "HttpPort": port, "DicomPort": dicom, "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "StorageDirectory": str(folder),
        "IndexDirectory": str(folder), "Plugins": [str(plugin)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    running = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]

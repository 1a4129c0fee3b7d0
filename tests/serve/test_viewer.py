"""The archive behind the service shows a study and nothing else; the viewer's files come from its folder and nowhere else."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consilium.core import Consultation
from consilium.core.errors import InputError
from consilium.core.image import ImageSeries
from consilium.serve import Archive, app
from consilium.serve.archive import MOST

STUDY = "1.2.826.0.1.3680043.8.498.2026.1"
JSON = {"Content-Type": "application/dicom+json"}
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "studies/1.2/series": (200, JSON, b"[]"),
    "studies/1.3/series": (302, {"Location": "http://127.0.0.1:1/secret"}, b""),
    "studies/1.4/series": (200, {"Content-Type": "text/html"}, b"<script>alert(1)</script>"),
    "studies/1.5/series": (200, {**JSON, "Content-Length": str(MOST + 1)}, b"[]"),
    "studies/1.6/series": (401, {}, b"who are you"),
    "studies/1.7/series": (500, {}, b"a trace with a patient's name"),
    "studies/1.8/series": (204, {}, b""),
    "studies/1.9/series": (404, {}, b""),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Any]:
    """A server that stands where an archive should, and writes down what it is asked."""
    heard: list[tuple[str, dict[str, str]]] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            status, headers, content = ANSWERS.get(self.path.partition("?")[0].removeprefix("/dicom-web/"), (200, JSON, b"[]"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/dicom-web", heard=heard)
    server.shutdown()
    server.server_close()


@pytest.fixture
def ward(house: Any, upstream: Any) -> TestClient:
    upstream.heard.clear()
    client: TestClient = house.client(archive=Archive(upstream.url, "Basic c2VjcmV0"))
    return client


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A folder as OHIF's makers build it, with one link that leads out of it."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<script>window.PUBLIC_URL = '/';</script><script src='/app.js'></script>")
    (folder / "app.js").write_text("1")
    (folder / "app-config.js").write_text("window.config = 'https://elsewhere.example'")
    (folder / "sw.js").write_text("keep everything")
    (folder / "assets" / "logo.png").write_bytes(b"png")
    (tmp_path / "secret.js").write_text("secret")
    (folder / "out.js").symlink_to(tmp_path / "secret.js")
    (folder / "notes.txt").write_text("notes")
    return folder


def test_a_study_is_passed_on_with_the_service_s_own_authorization(ward: TestClient, upstream: Any) -> None:
    answer = ward.get("/dicom-web/studies/1.2/series?includefield=00080060", headers={"authorization": "Bearer mine", "cookie": "a=b"})
    assert (answer.status_code, answer.json()) == (200, [])
    assert "script-src 'none'" in answer.headers["content-security-policy"] and answer.headers["cache-control"] == "no-store"
    ((path, headers),) = upstream.heard
    assert path == "/dicom-web/studies/1.2/series?includefield=00080060"
    assert headers["authorization"] == "Basic c2VjcmV0" and "cookie" not in headers
    assert ward.get("/dicom-web/studies/1.8/series").status_code == 204


@pytest.mark.parametrize(
    "path",
    [
        "instances", "studies/1.2/..%2F..%2Finstances", "studies/1.2/../../instances", "studies/abc", "studies/1.2/series/1.3/delete",
        "studies/1.2/series/1.3/instances/1.4/frames/0x1", "studies/1.2%0D%0AHost:%20evil", "studies/1.2?a%20b=c", "@evil.example/studies",
        "http://evil.example/studies/1.2", "%2Fevil.example", "studies/1.2/series/1.3/instances/1.4/bulk/..%2F..", "",
    ],
)  # fmt: skip
def test_what_is_no_study_is_never_asked_for(ward: TestClient, upstream: Any, path: str) -> None:
    assert ward.get(f"/dicom-web/{path}").status_code == 404
    assert not upstream.heard


@given(path=st.text(max_size=60), tail=st.sampled_from(["", "studies/", "studies/1.2/", "studies/1.2/series/1.3/instances/1.4/"]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_leaves_the_archive_s_studies(ward: TestClient, upstream: Any, path: str, tail: str) -> None:
    from urllib.parse import quote

    upstream.heard.clear()
    ward.get(f"/dicom-web/{tail}{quote(path, safe='')}")
    assert all(asked.startswith("/dicom-web/studies/") and ".." not in asked for asked, _ in upstream.heard)


@pytest.mark.parametrize("query", ["", "?PatientID=*", "?StudyInstanceUID=*", "?StudyInstanceUID=", "?limit=10"])
def test_the_archive_is_not_listed(ward: TestClient, upstream: Any, query: str) -> None:
    assert ward.get(f"/dicom-web/studies{query}").status_code == 403 and not upstream.heard
    assert ward.get("/dicom-web/studies?StudyInstanceUID=1.2,1.3").status_code == 200


@pytest.mark.parametrize(("study", "status"), [("1.3", 502), ("1.4", 502), ("1.5", 502), ("1.6", 502), ("1.7", 502), ("1.9", 404)])
def test_an_answer_that_is_no_image_is_not_passed_on(ward: TestClient, upstream: Any, study: str, status: int) -> None:
    answer = ward.get(f"/dicom-web/studies/{study}/series", follow_redirects=True)
    assert answer.status_code == status and answer.json()["error"]
    assert len(upstream.heard) == 1 and not any(word in answer.text for word in ("script", "patient's", "secret", "who are"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_is_written_to_the_archive(ward: TestClient, upstream: Any, method: str) -> None:
    assert ward.request(method, "/dicom-web/studies/1.2/series").status_code == 405 and not upstream.heard


def test_an_archive_that_does_not_answer_is_said(house: Any) -> None:
    answer = house.client(archive=Archive("http://127.0.0.1:1/dicom-web")).get("/dicom-web/studies/1.2/series")
    assert answer.status_code == 502 and "does not answer" in answer.json()["error"]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://user:hunter2@archive.example/", "archive.example", "http://", "http://h:99999/", "https://h/?a=b"]
)
def test_only_the_address_of_an_archive_is_taken(url: str) -> None:
    with pytest.raises(InputError) as refused:
        Archive(url)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(InputError):
        Archive("https://h/", "Basic a\r\nHost: evil")


def test_without_an_archive_there_is_none(client: TestClient) -> None:
    assert client.get("/dicom-web/studies/1.2/series").status_code == 404 and client.get("/viewer").status_code == 404


def test_the_viewer_s_files_come_from_its_folder_and_nowhere_else(house: Any, upstream: Any, dist: Path) -> None:
    client = house.client(archive=Archive(upstream.url), ohif=dist)
    shown = client.get(f"/viewer?StudyInstanceUIDs={STUDY}")
    guard = shown.headers["content-security-policy"]
    assert "PUBLIC_URL" in shown.text and "connect-src 'self'" in guard and "'sha256-" in guard and "script-src 'self'" in guard
    assert client.get("/app.js").text == "1" and client.get("/assets/logo.png").content == b"png"
    ours = client.get("/app-config.js").text
    assert "/dicom-web" in ours and "elsewhere" not in ours and "http" not in ours
    for path in ("/sw.js", "/out.js", "/notes.txt", "/..%2Fsecret.js", "/assets/..%2F..%2Fsecret.js", "/%2Fetc%2Fpasswd", "/index.html"):
        answer = client.get(path)
        assert answer.status_code == 404 and "secret" not in answer.text
    assert "Karl Weber" in client.get("/").text and "script-src 'none'" in client.get("/patients/42").headers["content-security-policy"]


def test_a_viewer_needs_its_folder_and_an_archive(house: Any, upstream: Any, tmp_path: Path, dist: Path) -> None:
    with pytest.raises(InputError, match="Not the folder of the viewer"):
        house.client(archive=Archive(upstream.url), ohif=tmp_path)
    with pytest.raises(InputError, match="needs an archive"):
        app(tmp_path, ohif=dist)


@pytest.mark.parametrize(("language", "words"), [("en", "Open in the viewer"), ("zh", "在阅片器中打开")])
def test_a_series_leads_to_the_viewer(house: Any, upstream: Any, dist: Path, language: str, words: str) -> None:
    def heard(patient: Any, *, roster: Any, shelf: Any, language: str) -> Consultation:
        series = (ImageSeries("1.5", STUDY, "CT"), ImageSeries("1.6", '"><script>', "CT"))
        return Consultation(patient.id, patient.as_of, (), (), (), (), language, images=series)

    shown = house.client(consult=heard, archive=Archive(upstream.url), ohif=dist).get(f"/patients/42?lang={language}").text
    assert shown.count("/viewer?StudyInstanceUIDs=") == 1 and f'href="/viewer?StudyInstanceUIDs={STUDY}"' in shown and words in shown
    assert words not in house.client(consult=heard, archive=Archive(upstream.url)).get(f"/patients/42?lang={language}").text


def test_a_study_of_a_real_archive_is_shown(house: Any, orthanc: str, tmp_path: Path) -> None:
    import pydicom

    from consilium.imaging.dicomweb import store

    made = Path(__file__).parents[2] / "examples" / "imaging" / "phantom.py"
    spec = importlib.util.spec_from_file_location("phantom", made)
    assert spec is not None and spec.loader is not None
    phantom = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(phantom)
    files = phantom.write_series(tmp_path / "ct", phantom.phantom())[:3]
    store((pydicom.dcmread(file) for file in files), f"{orthanc}/dicom-web")
    client = house.client(archive=Archive(f"{orthanc}/dicom-web"))
    one = pydicom.dcmread(files[1])
    series = f"/dicom-web/studies/{STUDY}/series/{one.SeriesInstanceUID}"
    (found,) = client.get(f"/dicom-web/studies?StudyInstanceUID={STUDY}").json()
    assert found["0020000D"]["Value"] == [STUDY] and "00020010" not in found
    named = {image["00080018"]["Value"][0] for image in client.get(f"{series}/metadata").json()}
    assert {str(pydicom.dcmread(file).SOPInstanceUID) for file in files} <= named
    raw = {"accept": "multipart/related; type=application/octet-stream"}
    frame = client.get(f"{series}/instances/{one.SOPInstanceUID}/frames/1", headers=raw)
    assert frame.status_code == 200 and one.PixelData in frame.content
    assert client.get("/dicom-web/studies/1.2.3/series").json() == []

"""What people open, and the same for machines."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from consilium.core.errors import NotFoundError, RecordError
from consilium.render.json import consultation_from_json
from consilium.serve.log import Faceless, Silent, reduced

HTML = {"accept": "text/html"}


def test_the_ward_list_shows_everybody_last_seen_first(client: TestClient) -> None:
    page = client.get("/", headers=HTML).text
    assert page.index("Amara Okafor") < page.index("Karl Weber") < page.index("name not recorded")
    assert "64 years" in page
    assert "female" in page
    assert "2025-12-01" in page
    assert 'href="/patients/a%2F7%20%C3%BC?lang=en"' in page


@pytest.mark.parametrize(
    ("query", "found"), [("weber", ["Karl Weber"]), ("WEB kar", ["Karl Weber"]), ("a/7", ["Amara Okafor"]), ("nobody", [])]
)
def test_search_finds_by_name_or_identifier(client: TestClient, query: str, found: list[str]) -> None:
    page = client.get("/", params={"q": query}).text
    assert [name for name in ("Karl Weber", "Amara Okafor") if name in page] == found
    assert ("No patient matches" in page) == (not found)


def test_what_was_searched_for_is_escaped(client: TestClient) -> None:
    assert "<script>" not in client.get("/", params={"q": '"><script>alert(1)</script>'}).text


def test_a_patient_has_a_page_in_both_languages(client: TestClient) -> None:
    page = client.get("/patients/42").text
    assert "Karl Weber" in page
    assert "Measure cholesterol" in page
    assert "Creatinine, as sent" in page
    assert "检测胆固醇" in client.get("/patients/42?lang=zh").text
    assert "检测胆固醇" in client.get("/patients/42", headers={"accept-language": "zh"}).text


def test_an_identifier_with_a_slash_is_found(client: TestClient) -> None:
    assert "Amara Okafor" in client.get("/patients/a%2F7%20%C3%BC").text
    assert client.get("/patients/a%2F7%20%C3%BC/consultation").json()["patient_id"] == "a/7 ü"


def test_as_of_is_the_moment_asked_for(client: TestClient, house: Any) -> None:
    client.get("/patients/42?as_of=2025-01-01T10:00:00")
    assert house.heard[-1][0].as_of.isoformat() == "2025-01-01T10:00:00"


def test_the_consultation_in_every_form(client: TestClient, house: Any) -> None:
    url = "/patients/42/consultation"
    read = consultation_from_json(client.get(url).content)
    assert read.patient_id == "42"
    assert client.get(f"{url}?format=json").content == client.get(url).content
    fhir = client.get(f"{url}?format=fhir")
    assert fhir.headers["content-type"].startswith("application/fhir+json")
    assert fhir.json()["resourceType"] == "Bundle"
    assert fhir.json()["timestamp"] == "2026-01-03T08:00:00Z"
    assert client.get(f"{url}?format=cards").json()["cards"][0]["links"][0]["url"].startswith("https://ward.example/patients/42?")
    text = client.get(f"{url}?format=text&lang=zh")
    assert "检测胆固醇" in text.text
    assert "\x1b" not in text.text


@pytest.mark.parametrize("url", ["/patients/42/consultation?format=pdf", "/patients/42?lang=fr", "/?start=x"])
def test_what_cannot_be_asked_is_400(client: TestClient, url: str) -> None:
    answer = client.get(url)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_patient_who_is_not_there_is_404_without_naming_others(client: TestClient) -> None:
    answer = client.get("/patients/4711")
    assert answer.status_code == 404
    assert answer.json() == {"error": "There is no such patient", "do": "look at the list"}
    page = client.get("/patients/4711", headers=HTML)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no such patient" in page.text


def test_a_path_that_is_not_there_is_404_in_words(client: TestClient) -> None:
    assert client.get("/nowhere").status_code == 404
    assert client.get("/nowhere").json()["do"]


@pytest.mark.parametrize("headers", [{}, HTML])
def test_a_crash_is_500_without_the_patient(client: TestClient, house: Any, headers: dict[str, str]) -> None:
    house.crash = ValueError("Karl Weber 42")
    answer = client.get("/patients/42", headers=headers)
    assert answer.status_code == 500
    assert "Karl" not in answer.text
    assert "content-security-policy" in answer.headers


def test_health_says_who_sits_and_whether_the_record_is_there(client: TestClient, house: Any) -> None:
    healthy = client.get("/healthz")
    assert healthy.status_code == 200
    assert healthy.json()["record"] == {"reachable": True, "patients": 3, "generation": 1}
    assert healthy.json()["seats"] == ["heart_disease"]
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", healthy.json()["version"])

    def gone(path: object) -> Any:
        raise NotFoundError("There is no such record", where=str(path))

    sick = house.client(open_record=gone).get("/healthz")
    assert (sick.status_code, sick.json()["status"], sick.json()["record"]["reachable"]) == (503, "unavailable", False)


def test_a_record_that_cannot_be_read_is_503(house: Any) -> None:
    def damaged(path: object) -> Any:
        raise RecordError("A shard is gone", where=str(path))

    answer = house.client(open_record=damaged).get("/patients/42")
    assert (answer.status_code, answer.json()["error"]) == (503, "A shard is gone")


def test_the_roster_is_a_page_for_people_and_json_for_machines(client: TestClient, house: Any) -> None:
    (seat,) = client.get("/roster").json()["seated"]
    assert (seat["name"], seat["auroc"], seat["report"]) == ("heart_disease", "0.84 (0.80–0.88)", None)
    assert client.get("/roster").json()["standing"] == [{"name": "sepsis", "reason": "There is no model yet"}]
    assert "冠心病" in client.get("/roster?lang=zh", headers=HTML).text
    assert client.get("/roster/heart_disease/report").status_code == 404
    (house.folder / "report.html").write_text("<h1>Proof</h1>", encoding="utf-8")
    assert client.get("/roster").json()["seated"][0]["report"] == "/roster/heart_disease/report"
    assert "Proof" in client.get("/roster/heart_disease/report").text
    assert client.get("/roster/..%2F..%2Fetc/report").status_code == 404


def test_the_service_describes_itself_without_another_host(client: TestClient) -> None:
    assert "/cds-services/{service_id}" in client.get("/openapi.json").json()["paths"]
    page = client.get("/docs", headers=HTML).text
    assert "/patients/{patient_id}" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)


@pytest.mark.parametrize("url", ["/", "/patients/42", "/patients/42/consultation", "/patients/none", "/cds-services", "/healthz", "/docs"])
def test_every_answer_guards_the_patient(client: TestClient, url: str) -> None:
    headers = client.get(url).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "script-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_the_log_holds_no_patient(client: TestClient) -> None:
    assert any(isinstance(f, Silent) for f in logging.getLogger("uvicorn.access").filters)
    kept = [f for f in logging.getLogger("uvicorn.error").filters if isinstance(f, Faceless)]
    assert len(kept) == 1
    try:
        raise ValueError("Karl Weber 42")
    except ValueError as error:
        record = logging.LogRecord(
            "uvicorn.error", logging.ERROR, __file__, 1, "Exception in ASGI application\n", (), (type(error), error, error.__traceback__)
        )
    assert kept[0].filter(record)
    written = logging.Formatter().format(record)
    assert "ValueError" in written
    assert "test_pages.py" in written
    assert "Karl" not in written


def test_a_chain_of_errors_is_reduced_whole() -> None:
    try:
        try:
            raise KeyError("Karl")
        except KeyError as error:
            raise ValueError("Weber") from error
    except ValueError as error:
        said = reduced(error)
    assert "KeyError" in said
    assert "Karl" not in said
    assert "Weber" not in said

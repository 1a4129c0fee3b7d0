"""The running service in a browser: a person finds a patient, reads the consultation, and nothing leaves the host."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture
def address(house: Any) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(house.client(base_url=None).app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed")
def test_a_person_finds_a_patient_and_reads_the_consultation(address: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    asked: list[str] = []
    complaints: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(locale="en-GB")
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.goto(address)
        tab.fill("input[name=q]", "weber")
        tab.click("button")
        tab.click("text=Karl Weber")
        assert tab.inner_text("h1") == "Karl Weber"
        assert "80 %" in tab.inner_text(".number")
        tab.click("text=中文")
        assert "检测胆固醇" in tab.inner_text("main")
        tab.click("text=患者列表")
        tab.click("text=专科席位")
        assert "冠心病" in tab.inner_text("main")
        browser.close()
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert complaints == []

"""The documents are held against the program: commands exist, links lead somewhere, and the Python of the README runs."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consilium.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = sorted(p for folder in (".", "docs", "src", "examples") for p in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md"))
MAKE = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
run = CliRunner()


def commands(text):
    for line in re.findall(r"^ *(?:\$ )?consilium (.+)$|`consilium ([^`]+)`", text, re.M):
        yield shlex.split((line[0] or line[1]).split("#")[0])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page(page):
    text = page.read_text(encoding="utf-8")
    for words in commands(text):
        if not words or not words[0].isalpha():
            continue
        shown = run.invoke(app, [words[0], "--help"])
        assert shown.exit_code == 0, f"{page.name}: consilium {words[0]} is no command"
        for option in (w.split("=")[0] for w in words if w.startswith("--")):
            assert option in shown.output, f"{page.name}: consilium {words[0]} has no {option}"
    for target in re.findall(r"\bmake ([a-z-]+)", re.sub(r"(?s)```.*?```", lambda m: m[0], text)):
        if f"`make {target}`" in text or f"\nmake {target}" in text:
            assert target in MAKE, f"{page.name}: make {target} is no target"
    for link in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", text):
        assert (page.parent / link).exists(), f"{page.name}: {link} leads nowhere"


def test_the_readme_has_a_picture_the_two_commands_and_a_consultation():
    top = (ROOT / "README.md").read_text(encoding="utf-8")[:4000]
    assert re.search(r"!\[[^\]]+\]\(docs/[^)]+\.png\)", top) and "make run" in top and "make test" in top and "consilium consult" in top
    assert "not a medical device" in top.lower()


def test_every_room_is_on_the_floor_plan():
    plan = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {p.parent.name for p in (ROOT / "src" / "consilium").glob("*/__init__.py")}
    contract = (ROOT / "pyproject.toml").read_text()
    for room in rooms:
        assert f"`{room}`" in plan, f"docs/architecture.md does not show {room}"
        assert f"consilium.{room}" in contract, f"the floors of pyproject.toml do not hold {room}"


def test_the_readme_s_python_runs(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert blocks
    monkeypatch.chdir(ROOT)
    for block in blocks:
        exec(compile(block.replace('into="ward"', f"into={str(tmp_path / 'ward')!r}"), "README.md", "exec"), {})

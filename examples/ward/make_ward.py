"""Write the twelve charts of the example ward: `python examples/ward/make_ward.py` makes the same bytes every time.

Each story is one file in `stories/`, told from top to bottom; `chart.py` holds the words they are told with, `codes.md` the codes.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

WARD = (
    "amara-okafor",
    "ravi-iyer",
    "tomasz-wysocki",
    "guadalupe-reyes",
    "kenji-moriyama",
    "ingrid-solheim",
    "chen-guoliang",
    "yusuf-demir",
    "mateo-quispe",
    "leilani-kahale",
    "saoirse-brennan",
    "robin-vale",
)


def charts() -> dict[str, str]:
    """The twelve bundles as JSON text, by file name."""
    chart = importlib.import_module("chart")
    written = {}
    for number, who in enumerate(WARD, start=1):
        story = importlib.import_module(f"stories.{who.replace('-', '_')}")
        written[f"{number:02}-{who}.json"] = json.dumps(chart.bundle(story.story()), indent=2, ensure_ascii=False) + "\n"
    return written


def main(into: Path) -> None:
    """Write every chart into a folder."""
    for name, text in charts().items():
        (into / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

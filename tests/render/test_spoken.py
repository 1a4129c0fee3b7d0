"""What tasks say in English has its Chinese: every reason, limit, refusal and note that they give, found by running them."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import consilium
from consilium.imaging.look import look
from consilium.imaging.picture import read_picture
from consilium.imaging.planning import Planning
from consilium.imaging.specialist import FOLDER, cards
from consilium.imaging.tasks import tasks
from consilium.imaging.volume import HOUNSFIELD, Volume, placed
from consilium.render.spoken import BOOK, spoken

ROOT = Path(__file__).parents[2]
PAIRS = yaml.safe_load(BOOK.read_text(encoding="utf-8"))
SOURCE = "\n".join(
    path.read_text(encoding="utf-8") for path in Path(consilium.__file__).parent.glob("imaging/**/*") if path.suffix in (".py", ".yaml")
)
JOINED = re.sub(r'"\s*f?"', "", re.sub(r"\s+", " ", SOURCE))
"""The same where a sentence is written over two lines."""


def chinese(text: str) -> bool:
    return bool(re.search(r"[\u4e00-\u9fff]", spoken(text, "zh")))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["en"][:40])
def test_a_pair_says_the_same_of_the_same_slots(pair: dict[str, str]) -> None:
    slots = [set(re.findall(r"\{(\w+)\}", pair[language])) for language in ("en", "zh")]
    assert slots[0] == slots[1] and set(pair) == {"en", "zh"}
    assert re.search(r"[\u4e00-\u9fff]", pair["zh"])
    assert spoken(pair["en"], "en") == pair["en"]
    numbers = re.findall(r"(?<![\d{])\d+(?:\.\d+)?", re.sub(r"\{\w+\}", "", pair["en"]))
    assert all(number in pair["zh"] for number in numbers), "a number is the same in both languages"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["en"][:40])
def test_a_pair_is_of_a_sentence_that_is_said(pair: dict[str, str]) -> None:
    parts = [part.strip() for part in re.split(r"\{\w+\}|[,;:()]", pair["en"])]
    known = [part for part in parts if len(part) > 3 and (part in SOURCE or part.replace(" ", "_") in SOURCE or part in JOINED)]
    assert known or pair["en"] in SOURCE, pair["en"]


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FOLDER.glob("*/card.yaml")))
def test_every_limit_of_a_card_has_its_chinese(name: str) -> None:
    from consilium.imaging.specialist import read_card

    assert not [limit for limit in read_card(FOLDER / name / "card.yaml").limits if not chinese(limit)]


def images(tmp_path: Path) -> list[Volume]:
    """Images that some tasks take and others refuse, each for its own reason."""
    random = np.random.default_rng(0)
    grey = random.integers(0, 255, (128, 160), dtype=np.uint8)
    shipped = [
        read_picture(next((FOLDER / name / "examples").iterdir()), spacing=(0.7, 0.7), modality=card.modalities[0])
        for name, card in cards().items()
    ]
    return [
        *shipped,
        *(replace(one, phantom=True) for one in shipped[:1]),
        Volume(grey, None, "1", "US"),
        Volume(grey[:40, :40], placed((0.7, 0.7)), "1", "CT"),
        Volume(grey, placed((0.7, 0.3)), "1", "CT"),
        Volume(np.full((64, 64), 7, np.uint8), placed((1.0, 1.0)), "1", "US"),
        Volume(np.stack([grey, grey[::-1], grey], -1), None, "1", "US", colour=True),
        Volume(grey.astype(np.float32), placed((1.0, 1.0)), "1", "DX"),
        Volume(np.full((9, 80, 80), 40, np.int16), placed((3.0, 2.0, 2.0)), HOUNSFIELD, "CT", frame="1.2"),
        Volume(np.full((9, 80, 80), 40, np.int16), placed((3.0, 2.0, 2.0)), HOUNSFIELD, "CT"),
    ]


def test_whatever_a_task_says_has_its_chinese(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("phantom", ROOT / "examples" / "imaging" / "phantom.py")
    assert spec is not None and spec.loader is not None
    phantom = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(phantom)
    phantom.write_series(tmp_path / "ct", phantom.phantom(), leave_out=(20, 33, 34))
    np.savez(tmp_path / "masks.npz", one=np.ones((57, 192, 192), bool))
    (ct,) = look([tmp_path / "ct"], [tasks()["lungs"], tasks()["lung_nodule"], Planning(tmp_path / "masks.npz")], asked=True)
    readings = [
        *ct.readings,
        *(task(image) for image in images(tmp_path) for task in (*tasks().values(), Planning(tmp_path / "masks.npz"))),
    ]
    said = {*ct.volume.notes, *(note for image in images(tmp_path) for note in image.notes)}
    for reading in readings:
        said |= {*reading.limits, *(because for finding in reading.findings for because in finding.because)}
        said |= {reading.refused} - {None}
    refused = {one for one in said if ":" in one and "masks" in one}  # errors of files and arguments are in English throughout
    assert sorted(one for one in said - refused if not chinese(one)) == []
    assert len(said) > 40


def test_what_nobody_translated_stays_as_it_is() -> None:
    assert spoken("something new", "zh") == "something new"
    assert spoken("most for it: field 3 of 7 from the top, 5 of 7 from the left (+1.50 log-odds)", "zh").startswith("最支持：自上第 3/7 格")
    assert spoken("Fleischner 2017, solid, single, low risk: no routine follow-up", "zh").endswith("无需常规随访")
    assert spoken("outlined: 3 microaneurysms, 12 hard exudates", "zh") == "已勾画：微动脉瘤 3 处，硬性渗出 12 处"

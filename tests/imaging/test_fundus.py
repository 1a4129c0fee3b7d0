"""A photograph of the retina is found, prepared alike at every size, and answered; what is none is refused in words."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from consilium.core.errors import FormatError, NotFoundError
from consilium.imaging.finding import Reading
from consilium.imaging.fundus import WIDE, field_of, fundus, prepared
from consilium.imaging.idrid import OUTLINES, alike, copies, graded, outlined
from consilium.imaging.lesion_traits import DISC, LESIONS, NAMES, lesion_traits
from consilium.imaging.task_fundus import NAME, standing
from consilium.imaging.tasks import tasks
from consilium.imaging.volume import Volume


def photograph(size=300, seed=0):
    """A lit disc on black with a bright spot, dark dots and some noise."""
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    inside = np.hypot(rows, columns) < 0.46
    draw = np.random.default_rng(seed)
    shade = 0.6 - 0.2 * np.hypot(rows, columns) + 0.01 * draw.normal(size=rows.shape)
    spot = np.exp(-(((rows - 0.02) / 0.05) ** 2 + ((columns - 0.25) / 0.05) ** 2))
    for row, column in draw.uniform(-0.25, 0.25, (8, 2)):
        shade = shade - 0.3 * np.exp(-(((rows - row) / 0.01) ** 2 + ((columns - column) / 0.01) ** 2))
    planes = np.stack([shade + 0.3 * spot, 0.5 * shade + 0.4 * spot, 0.2 * shade], 2) * inside[..., None]
    return (np.clip(planes, 0, 1) * 255).astype(np.uint8)


def volume(array):
    return Volume(array, None, "1", "OP", colour=array.ndim == 3)


def test_the_field_is_the_lit_disc():
    found = field_of(photograph())
    rows, columns = np.mgrid[:300, :300] / 300 - 0.5
    assert (found == (np.hypot(rows, columns) < 0.46)).mean() > 0.99


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((200, 200, 3), np.uint8), "no round, lit field"),
        (np.full((200, 200, 3), 200, np.uint8), "no round, lit field"),
        (np.zeros((200, 200), np.uint8), "one colour photograph"),
        (np.pad(np.full((40, 300, 3), 200, np.uint8), ((100, 100), (20, 20), (0, 0))), "no round, lit field"),
    ],
)
def test_what_is_no_photograph_of_a_retina_is_refused_in_words(array, words):
    assert words in fundus(volume(array))


def test_preparing_forgets_size_and_light():
    small, large = photograph(410), np.asarray(Image.fromarray(photograph(410)).resize((820, 820), Image.Resampling.BICUBIC))
    one, other = (prepared(p, field_of(p)) for p in (small, large))
    assert abs(one.field.sum(1).max() - WIDE) < 8 and one.scale == pytest.approx(2 * other.scale, rel=0.02)
    darker = (large * 0.7).astype(np.uint8)
    there = prepared(darker, field_of(large))
    middle = np.s_[0, 200:600, 200:600]
    assert np.corrcoef(there.planes[middle].ravel(), other.planes[middle].ravel())[0, 1] > 0.95
    assert not other.planes[:, ~other.field].any()


def test_traits_grow_with_what_is_outlined():
    field = np.zeros((100, 120), bool)
    field[5:95, 10:110] = True
    kinds = (*LESIONS, DISC)
    planes, masks = np.zeros((5, 100, 120), np.float32), [np.zeros((100, 120), bool) for _ in kinds]
    nothing = dict(zip(NAMES, lesion_traits(planes, masks, field, 1.0, kinds), strict=True))
    assert not any(nothing.values())
    for row, column in ((20, 30), (70, 90)):
        planes[1, row : row + 3, column : column + 3] = 0.9
        masks[1][row : row + 3, column : column + 3] = True
    found = dict(zip(NAMES, lesion_traits(planes, masks, field, 2.0, kinds), strict=True))
    assert np.expm1(found["haemorrhages_number"]) == pytest.approx(2) and found["haemorrhages_quarters"] == 2
    assert found["haemorrhages_greatest"] == pytest.approx(0.9) and found["microaneurysms_amount"] == 0
    assert found["scale"] == pytest.approx(np.log(2))


def test_small_patches_do_not_stand_and_only_one_disc_does():
    field = np.ones((40, 40), bool)
    plane = np.zeros((40, 40), np.float32)
    plane[2:4, 2:4], plane[10:20, 10:20], plane[30:36, 30:36] = 0.9, 0.9, 0.9
    meta = {"thresholds": {kind: {"probability": 0.5, "pixels": 10} for kind in (*LESIONS, DISC)}}
    assert standing(plane, field, "haemorrhages", meta).sum() == 136
    assert standing(plane, field, DISC, meta).sum() == 100
    assert not standing(plane * 0, field, DISC, meta).any()


TABLE = b"Image name,Retinopathy grade,Risk\nIDRiD_001,3,2\n"


def _png(array, mode):
    file = io.BytesIO()
    Image.fromarray(array).convert(mode).save(file, "PNG")
    return file.getvalue()


def _jpg(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def published(tmp_path):
    """The data set in small, in its published layout, as a folder and as a zip."""
    picture, mask = photograph(100), np.zeros((100, 100), bool)
    mask[40:50, 40:50] = True
    members = {
        "A. Segmentation/1. Original Images/a. Training Set/IDRiD_01.jpg": _jpg(picture),
        "A. Segmentation/2. All Segmentation Groundtruths/a. Training Set/3. Hard Exudates/IDRiD_01_EX.png": _png(mask, "1"),
        "B. Disease Grading/1. Original Images/b. Testing Set/IDRiD_001.jpg": _jpg(picture),
        "B. Disease Grading/2. Groundtruths/b. IDRiD_Disease Grading_Testing Labels.csv": TABLE,
    }
    folder = tmp_path / "folder"
    with zipfile.ZipFile(tmp_path / "idrid.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    return folder, tmp_path / "idrid.zip"


def test_a_folder_and_its_zip_say_the_same(published):
    for data in published:
        (one,) = outlined(data, "train")
        assert one.name == "IDRiD_01" and one.outlines.sum((1, 2)).tolist() == [0, 0, 100, 0, 0] and len(OUTLINES) == 5
        (other,) = graded(data, "test")
        assert (other.grade, other.oedema) == (3, 2)
        with pytest.raises(NotFoundError, match="lacks"):
            list(graded(data, "train"))
    table = published[0] / "B. Disease Grading/2. Groundtruths/b. IDRiD_Disease Grading_Testing Labels.csv"
    table.write_text("Image name,Retinopathy grade,Risk\nIDRiD_001,three,2\n")
    with pytest.raises(FormatError, match="no whole number"):
        list(graded(published[0], "test"))
    with pytest.raises(NotFoundError, match="No such data set"):
        list(graded(published[0] / "nowhere", "test"))


def test_copies_are_known_and_others_are_not():
    one, other = photograph(120, 1), photograph(120, 2).transpose(1, 0, 2)
    copy = np.asarray(Image.fromarray(one).resize((160, 160)))
    assert alike([one, other], [copy]).tolist() == [True, False]
    assert copies([one, other, copy]).tolist() == [0, 1, 0]


@pytest.mark.skipif(NAME not in tasks(), reason="the specialist is not seated")
def test_the_seated_task_answers_a_photograph_and_refuses_others():
    task = tasks()[NAME]
    found = task(volume(photograph(820)))
    assert isinstance(found, Reading) and found.refused is None and found.source.startswith("model ")
    labels = [finding.label for finding in found.findings]
    assert labels[:2] == ["referable_retinopathy", "macular_oedema_risk"]
    for finding in found.findings[:2]:
        assert 0 <= finding.low <= finding.probability <= finding.high <= 1 and finding.because
    for finding in found.findings[2:]:
        assert finding.region is not None and finding.measurements and all(h <= 820 for h in finding.region.high)
    small = task(volume(photograph(300)))
    assert any("enlarged" in limit for limit in small.limits)
    assert "no round, lit field" in task(volume(np.zeros((50, 50, 3), np.uint8))).refused

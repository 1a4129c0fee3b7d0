"""Folders of mammograms in both published shapes: read by patient and part; whatever is wrong with a row is a reject with its name."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pydicom
import pytest

from consilium.core.errors import ConsiliumError, FormatError, InputError, NotFoundError
from consilium.imaging.mammogram_sets import MALIGNANT, SUSPICIOUS, read_mammograms, write_rejects

SIZE = (96, 64)
TRAIN, TEST = "mass_case_description_train_set.csv", "mass_case_description_test_set.csv"


@pytest.fixture(scope="module")
def cbis_once(drawn_breasts, tmp_path_factory):
    return drawn_breasts.cbis(tmp_path_factory.mktemp("cbis"), patients=6)


@pytest.fixture(scope="module")
def vindr_once(drawn_breasts, tmp_path_factory):
    return drawn_breasts.vindr(tmp_path_factory.mktemp("vindr"), studies=6)


@pytest.fixture
def cbis(cbis_once, tmp_path):
    return shutil.copytree(cbis_once, tmp_path / "cbis")


@pytest.fixture
def vindr(vindr_once, tmp_path):
    return shutil.copytree(vindr_once, tmp_path / "vindr")


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rewrite(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_cbis_is_read_by_its_own_parts_with_masks_and_pathology(cbis):
    found = read_mammograms(cbis, SIZE)
    assert found.shape == "CBIS-DDSM" and found.label == MALIGNANT and not found.rejects
    rows = [*table(cbis / TRAIN), *table(cbis / TEST)]
    assert len(found.set.images) == len(rows) == 12 and found.set.images.shape[1:] == (1, *SIZE)
    assert found.set.part.tolist() == ["train"] * 8 + ["test"] * 4
    assert found.set.y.tolist() == [float(row["pathology"] == "MALIGNANT") for row in rows]
    assert len(set(found.set.subjects)) == 6 and not set(found.set.subjects[:8]) & set(found.set.subjects[8:])
    assert (found.set.outlines.max((1, 2)) > 0.9).all() and found.phantoms == 12
    inside = [image[0][outline > 0.5].mean() for image, outline in zip(found.set.images, found.set.outlines, strict=True)]
    assert np.mean(inside) > 0.7, "the outlines lie on the masses"
    assert read_mammograms(cbis, SIZE).fingerprint == found.fingerprint


def test_vindr_is_read_with_boxes_and_ratings_and_thinned_of_images_without_a_mass(vindr):
    found = read_mammograms(vindr, SIZE, without_per_with=1)
    assert found.shape == "VinDr-Mammo" and found.label == SUSPICIOUS and not found.rejects
    there = found.set.outlines.max((1, 2)) > 0.5
    masses = [row for row in table(vindr / "finding_annotations.csv") if "Mass" in row["finding_categories"]]
    assert there.sum() == len(masses) and (~there).sum() <= there.sum()
    assert (np.isnan(found.set.y) == ~there).all()
    assert sorted(found.set.y[there]) == sorted(float(row["finding_birads"] == "BI-RADS 5") for row in masses)
    assert any("left out by a fixed draw" in note for note in found.notes) and any("ellipse" in note for note in found.notes)
    assert len(read_mammograms(vindr, SIZE, without_per_with=99).set.images) == 24


def test_images_exported_as_pictures_are_found_where_they_stand_and_scaled_boxes_follow(cbis, vindr):
    from PIL import Image

    for folder in (cbis, vindr):
        before = read_mammograms(folder, SIZE, without_per_with=99)
        for file in [*folder.rglob("*.dcm"), *folder.rglob("*.dicom")]:
            pixels = pydicom.dcmread(file).pixel_array
            picture = Image.fromarray((pixels >> 4).astype(np.uint8) if pixels.dtype != np.uint8 else pixels)
            if folder == vindr:
                picture = picture.resize((picture.width * 2, picture.height * 2))
            picture.save(file.with_suffix(".png"))
            file.unlink()
        after = read_mammograms(folder, SIZE, without_per_with=99)
        assert not after.rejects and after.phantoms == 0 and len(after.set.images) == len(before.set.images)
        assert np.abs(after.set.outlines - before.set.outlines).mean() < 0.01


def test_series_are_found_by_their_headers_when_folders_are_named_otherwise(cbis):
    """As a download tool leaves them: the published path is nowhere, the series is in the header."""
    for path, name in ((TRAIN, "image file path"), (TEST, "image file path")):
        rows = table(cbis / path)
        for row in rows:
            for column in (name, "ROI mask file path"):
                file = cbis / row[column].strip()
                series = pydicom.dcmread(file, stop_before_pixels=True).SeriesInstanceUID
                target = cbis / "downloaded" / str(abs(hash(series))) / "1-1.dcm"
                target.parent.mkdir(parents=True)
                file.rename(target)
                row[column] = f"Mass-X/1.2.3/{series}/000000.dcm"
            row["cropped image file path"] = ""
        rewrite(cbis / path, rows)
    found = read_mammograms(cbis, SIZE)
    assert len(found.set.images) == 12 and not found.rejects


def spoil_mask_size(folder, rows):
    file = pydicom.dcmread(folder / rows[0]["ROI mask file path"].strip())
    file.PixelData, file.Rows, file.Columns = b"\xff" * 100, 10, 10
    file.save_as(folder / rows[0]["ROI mask file path"].strip())


def spoil_mask_empty(folder, rows):
    file = pydicom.dcmread(folder / rows[0]["ROI mask file path"].strip())
    file.PixelData = b"\0" * len(file.PixelData)
    file.save_as(folder / rows[0]["ROI mask file path"].strip())


def spoil_image(folder, rows):
    file = folder / rows[0]["image file path"]
    file.write_bytes(file.read_bytes()[:-1000])


def spoil_header_side(folder, rows):
    file = pydicom.dcmread(folder / rows[0]["image file path"])
    file.Laterality = "L" if file.Laterality == "R" else "R"
    file.save_as(folder / rows[0]["image file path"])


def lose_mask(folder, rows):
    shutil.rmtree((folder / rows[0]["ROI mask file path"].strip()).parent)


def lose_image(folder, rows):
    shutil.rmtree((folder / rows[0]["image file path"]).parent)


def spoil_pathology(folder, rows):
    rows[0]["pathology"] = "UNPROVEN"


def put_in_both_parts(folder, rows):
    rows[0]["patient_id"] = table(folder / TEST)[0]["patient_id"]


def lead_outside(folder, rows):
    rows[0]["image file path"] = "../../../../etc/hostname/000000.dcm"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_mask_size, "mask is not of the image's size"),
        (spoil_mask_empty, "mask outlines nothing"),
        (spoil_image, "cut off"),
        (spoil_header_side, "two sides"),
        (lose_mask, "mask is not in the folder"),
        (lose_image, "image is not in the folder"),
        (spoil_pathology, "pathology is none of"),
        (put_in_both_parts, "in the training part and in the test part"),
        (lead_outside, "image is not in the folder"),
    ],
)
def test_a_row_that_cannot_be_used_is_a_reject_with_file_row_and_reason(cbis, tmp_path, spoil, reason):
    rows = table(cbis / TRAIN)
    spoil(cbis, rows)
    rewrite(cbis / TRAIN, rows)
    found = read_mammograms(cbis, SIZE)
    (reject,) = found.rejects
    assert (reject.file, reject.row) == (TRAIN, "2") and reason in reject.reason
    assert len(found.set.images) == 11 and (found.set.part == "test").sum() == 4
    write_rejects(tmp_path / "rejects.csv", found.rejects)
    assert table(tmp_path / "rejects.csv")[0]["reason"] == reject.reason


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("xmax", "100000", "box does not lie in the image"),
        ("xmin", "", "finding cannot be read"),
        ("finding_categories", "__import__('os')", "finding cannot be read"),
        ("image_id", "nobody", "not in breast-level_annotations.csv"),
    ],
)
def test_a_finding_that_cannot_be_used_takes_its_image_with_it(vindr, column, value, reason):
    rows = table(vindr / "finding_annotations.csv")
    place = next(k for k, row in enumerate(rows) if "Mass" in row["finding_categories"])
    image = rows[place]["image_id"]
    rows[place][column] = value
    rewrite(vindr / "finding_annotations.csv", rows)
    found = read_mammograms(vindr, SIZE, without_per_with=99)
    (reject,) = found.rejects
    assert (reject.file, reject.row) == ("finding_annotations.csv", str(place + 2)) and reason in reject.reason
    assert len(found.set.images) == (24 if column == "image_id" else 23), image


def test_an_image_of_another_shape_than_the_table_states_is_rejected(vindr):
    rows = table(vindr / "breast-level_annotations.csv")
    masses = {row["image_id"] for row in table(vindr / "finding_annotations.csv") if "Mass" in row["finding_categories"]}
    for row in rows:
        row["height"] = "500" if row["image_id"] in masses else row["height"]
    rewrite(vindr / "breast-level_annotations.csv", rows)
    found = read_mammograms(vindr, SIZE, without_per_with=99)
    assert len(found.rejects) == len(masses) and all("size that the table states" in one.reason for one in found.rejects)


@pytest.mark.parametrize(("name", "column"), [(TRAIN, "pathology"), (TEST, "ROI mask file path")])
def test_a_table_that_lacks_a_column_is_named_with_the_column(cbis, name, column):
    rewrite(cbis / name, [{key: value for key, value in row.items() if key != column} for row in table(cbis / name)])
    with pytest.raises(FormatError, match="lacks columns") as refused:
        read_mammograms(cbis, SIZE)
    assert name in str(refused.value) and column in str(refused.value)


def test_a_folder_of_neither_shape_or_of_both_is_refused(cbis, vindr, tmp_path):
    with pytest.raises(NotFoundError):
        read_mammograms(tmp_path / "nowhere", SIZE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither kind"):
        read_mammograms(tmp_path / "empty", SIZE)
    shutil.copy(vindr / "finding_annotations.csv", cbis)
    with pytest.raises(InputError, match="both kinds"):
        read_mammograms(cbis, SIZE)
    (vindr / "breast-level_annotations.csv").unlink()
    with pytest.raises(NotFoundError, match="lacks a table"):
        read_mammograms(vindr, SIZE)


def test_a_set_of_which_nothing_can_be_used_says_why(cbis):
    for file in cbis.rglob("000000.dcm"):
        file.unlink()
    with pytest.raises(ConsiliumError, match="No image of the set can be used"):
        read_mammograms(cbis, SIZE)

"""The terms of images are distrusted: codes are DICOM's and SNOMED's own, both languages are there, broken files are refused."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes

from consilium.core.errors import KnowledgeError
from consilium.knowledge.imaging import methods, read_terms, terms
from consilium.knowledge.shelf import FOLDER, read_sources

TEXT = (FOLDER / "imaging.csv").read_text(encoding="utf-8")


def test_every_code_is_one_that_dicom_knows_by_that_name():
    from pydicom.sr._concepts_dict import concepts

    for term in terms().values():
        value, scheme, meaning = term.coded
        if scheme in ("SCT", "DCM"):
            known = {said.lower() for named in concepts[scheme].values() for one, (said, _) in named.items() if one == value}
            assert meaning.lower() in known, term.key
    assert codes.DCM.Distance.value == terms()["distance"].coded[0]


def test_categories_are_of_dicom_s_list():
    allowed = {getattr(codes.cid7150, name).value for name in dir(codes.cid7150) if not name.startswith("_") and name[0].isupper()}
    assert all(term.coded[0] in allowed for term in terms().values() if term.kind == "category")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("left_lung,label", "lung,label", "twice"),
        (",anatomical_structure,,left,", ",anatomical_structure,,port,", "names no side"),
        (",abnormal_structure,lung,", ",nothing,lung,", "names no category"),
        ("lung,label,lung,肺", "lung,measurement,lung,肺", "category"),
    ],
)
def test_a_broken_file_is_refused(old, new, words, tmp_path):
    assert old in TEXT
    (tmp_path / "imaging.csv").write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(KnowledgeError, match=words):
        read_terms(tmp_path / "imaging.csv", read_sources(FOLDER / "sources.yaml"))


def test_the_limits_of_methods_are_in_order():
    lungs, places = methods()["lungs"], methods()["candidates"]
    assert -1000 < lungs["airway_below_hu"] < lungs["below_hu"] < 0
    assert 0 < places["open_mm"] < places["least_mm"] < places["most_mm"]
    assert all(category in "0123456" for category in methods()["assessment"]["suspicious"])
    assert {told["source"] for told in methods().values()} <= read_sources(FOLDER / "sources.yaml").keys()

"""Draw: the picture of a tree holds every question, every leaf, and nothing that is not text."""

from xml.etree import ElementTree

import numpy as np

from consilium.models import learner
from consilium.models.draw import Words

from .conftest import gaps

SVG = "{http://www.w3.org/2000/svg}"


def test_every_node_is_drawn_with_its_name_unit_and_patients():
    data = gaps()
    tree = learner("tree", max_depth=3).fit(data.X, data.y)
    picture = ElementTree.fromstring(tree.draw(["<b>α & β</b>", "pressure", "c", "d", "e", "f"], ["1", "mm[Hg]", "g", "1", "1", "1"]))
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    inner = tree.trees_.feature >= 0
    assert len(list(picture.iter(f"{SVG}rect"))) == len(inner)
    assert len(list(picture.iter(f"{SVG}line"))) == len(inner) - 1
    assert sum(text.endswith(" patients") for text in texts) == len(inner)
    assert f"{len(data.y)} patients" in texts
    assert sum(text.endswith(" %") for text in texts) == (~inner).sum()
    root = int(tree.trees_.feature[0])
    assert ["<b>α & β</b>", "pressure", "c", "d", "e", "f"][root] in texts
    for node in np.flatnonzero(inner & (tree.trees_.feature == 1)):
        assert f"≤ {tree.trees_.threshold[node]:.4g} mm[Hg]" in texts
    answers = [text for text in texts if text in ("yes", "no", "yes or missing", "no or missing")]
    assert len(answers) == len(inner) - 1 and sum("missing" in answer for answer in answers) == inner.sum()


def test_no_two_boxes_overlap():
    data = gaps()
    picture = ElementTree.fromstring(learner("tree", max_depth=5).fit(data.X, data.y).draw())
    boxes = [tuple(float(box.get(side)) for side in ("x", "y", "width", "height")) for box in picture.iter(f"{SVG}rect")]
    for i, (x, y, width, height) in enumerate(boxes):
        assert min(x, y) >= 0 and x + width <= float(picture.get("width")) and y + height <= float(picture.get("height"))
        assert all(abs(x - x2) >= width or abs(y - y2) >= height for x2, y2, _, _ in boxes[i + 1 :])


def test_names_are_those_it_was_fitted_with_and_words_those_given():
    import polars

    data = gaps(100)
    table = polars.DataFrame({f"lab {i}": data.X[:, i] for i in range(6)})
    tree = learner("tree", max_depth=1).fit(table, data.y)
    drawn = tree.draw(words=Words(title="决策树", yes="是", no="否", or_missing="或缺失", observed="已测", patients="名患者"))
    assert f"lab {tree.trees_.feature[0]}" in drawn
    assert "<title>决策树</title>" in drawn and "100 名患者" in drawn and ("是或缺失" in drawn or "否或缺失" in drawn)
    assert "patients" not in drawn


def test_a_tree_of_one_leaf_is_one_box():
    X = np.zeros((20, 2))
    picture = ElementTree.fromstring(learner("tree").fit(X, [0, 1] * 10).draw())
    assert len(list(picture.iter(f"{SVG}rect"))) == 1
    assert "50 %" in [text.text for text in picture.iter(f"{SVG}text")]

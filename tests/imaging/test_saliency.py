"""What is said of where a network looked is its gradient, adds up, turns with the picture, and changes when its weights are drawn anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from consilium.core.errors import ModelError
from consilium.core.report import Estimate, MapCheck
from consilium.imaging import reasons
from consilium.imaging.descend import Recipe
from consilium.imaging.gradient import explained
from consilium.imaging.network_residual import exported, network
from consilium.imaging.network_unet import exported_unet, unet
from consilium.imaging.reasons import open_explained, resting_on, words_of
from consilium.imaging.saliency import FIELDS, cells, hidden, redrawn, saliency
from consilium.imaging.specialist import FOLDER, cards
from consilium.imaging.train_residual import train
from consilium.models.sealed import session
from consilium.validation.report_file import read_report

NETWORKS = sorted(name for name, card in cards().items() if card.learner in reasons.NETWORKS)


@pytest.fixture(scope="module")
def pictures():
    """Pictures of noise, half of them with a bright spot left of the middle."""
    x = np.random.default_rng(0).random((160, 1, 16, 16), dtype=np.float32) * 0.5
    x[1::2, 0, 5:10, 2:7] += 0.4
    return x, (np.arange(160) % 2).astype(np.float32)[:, None]


@pytest.fixture(scope="module")
def learned(pictures):
    """The graph of a small network that learned to see the spot."""
    recipe = Recipe(epochs=6, batch=16, width=8, stages=2, rate=5e-3, turn=5, shift=0.02, mirrors="", kept=0.8)
    x, y = pictures
    members = train(x, y, np.arange(160) // 2 % 2, recipe, say=lambda _: None).members
    return exported(members, (1, 16, 16), mirrors="h")


def asking(model):
    graph = session(model.SerializeToString(), {one.name for one in model.graph.output})
    return lambda images: graph.run(["log_odds"], {"X": images.astype(np.float32)})[0][:, 0].astype(float)


@pytest.mark.parametrize("fold", [1, 2])
def test_the_gradient_is_that_of_torch(fold):
    import torch

    torch.manual_seed(fold)
    members = [unet(1, 2, width=8, fold=fold).eval() for _ in range(2)]
    with torch.no_grad():  # of filters alone: normalising layers are folded into them, and what is then rounded moves kinks
        for weight in (w for member in members for w in member.parameters() if w.ndim > 1):
            weight.copy_(2 * weight)
    model = exported_unet(members, (1, 32, 48), mirrors="hv")
    x = torch.rand((2, 1, 32, 48), requires_grad=True)
    views = [(), (3,), (2,), (2, 3)]
    for answer in (0, 1):
        told = torch.stack([member(torch.flip(x, axes) if axes else x)[1] for member in members for axes in views]).mean(0)
        (expected,) = torch.autograd.grad(told[:, answer].sum(), x)
        found = open_explained(model, answer).run(["gradient"], {"X": x.detach().numpy()})[0]
        assert np.allclose(found, expected.numpy(), atol=1e-3 * float(expected.abs().max()))


def test_the_answers_stay_what_they_were(learned, pictures):
    before, after = session(learned.SerializeToString(), {"log_odds"}), open_explained(learned)
    assert np.array_equal(*(graph.run(["log_odds"], {"X": pictures[0][:9]})[0] for graph in (before, after)))


def test_the_activation_map_adds_up_to_the_answer_without_its_intercept(learned, pictures):
    told, maps = open_explained(learned).run(["log_odds", "activation"], {"X": pictures[0][:20]})
    rest = told[:, 0] - maps.sum((1, 2))
    assert np.allclose(rest, rest[0], atol=1e-4)
    odd = network(3, 2, width=8, stages=3).eval()
    maps = open_explained(exported([odd], (3, 28, 28), mirrors="hv"), 1).run(["activation"], {"X": np.zeros((2, 3, 28, 28), np.float32)})
    assert maps[0].shape == (2, 7, 7)


def test_a_map_turns_with_its_picture(learned, pictures):
    image = pictures[0][1]
    graph = open_explained(learned)
    for method in ("integrated", "activation"):
        ours, turned = (saliency(one, asking(learned), graph)[method]() for one in (image, image[:, :, ::-1].copy()))
        centred = np.abs(ours).sum()
        assert np.abs(ours.sum() - turned.sum()) < 0.02 * centred, "the network answers a mirror image as it does the picture"
    assert open_explained(learned).run(["gradient"], {"X": image[None, :, :, ::-1].copy()})[0] == pytest.approx(
        graph.run(["gradient"], {"X": image[None]})[0][..., ::-1], abs=1e-4
    )


def test_integrated_gradients_add_up_to_the_difference(learned, pictures):
    ask, graph = asking(learned), open_explained(learned)
    for image in pictures[0][:6]:
        bare = hidden(image, np.ones((1, 16, 16), bool))
        ends = ask(np.concatenate([bare, image[None]]))
        found = saliency(image, ask, graph)["integrated"]()
        assert found.shape == (FIELDS, FIELDS) and found.sum() == pytest.approx(
            ends[1] - ends[0], abs=0.05 * max(abs(ends[1] - ends[0]), 1)
        )


@pytest.mark.parametrize("method", ["occlusion", "integrated", "activation"])
def test_a_map_changes_when_the_weights_are_drawn_anew_and_finds_what_was_learned(learned, pictures, method):
    """The sanity check of Adebayo et al. 2018."""
    spots = pictures[0][1:17:2]
    ask, graph = asking(learned), open_explained(learned)
    alike = []
    for seed in range(4):
        other = redrawn(learned, seed)
        asked, drawn = asking(other), open_explained(other)
        alike += [
            spearmanr(saliency(one, ask, graph)[method]().ravel(), saliency(one, asked, drawn)[method]().ravel()).statistic for one in spots
        ]
    assert np.abs(np.mean(alike)) < 0.5
    inside = (cells((16, 16)) & np.pad(np.ones((5, 5), bool), ((5, 6), (2, 9)))).any((1, 2))
    maps = np.array([saliency(one, ask, graph)[method]().ravel() for one in spots])
    assert maps[:, inside].mean() > 2 * maps[:, ~inside].mean()


def test_trees_too_are_drawn_anew(pictures):
    from consilium.imaging.texture import texture
    from consilium.imaging.train_picture import baseline

    numbers = texture(pictures[0])
    model = baseline().fit(numbers, np.random.default_rng(1).integers(0, 2, 160)).to_onnx()
    one, other = (session(m.SerializeToString(), {"log_odds"}).run(None, {"X": numbers})[0][:, 0] for m in (model, redrawn(model, 1)))
    assert np.corrcoef(one, other)[0, 1] < 0.9 and np.ptp(other) > 0


def test_what_cannot_be_differentiated_is_refused_in_words(learned):
    other = type(learned)()
    other.CopyFrom(learned)
    next(node for node in other.graph.node if node.op_type == "Relu").op_type = "Softplus"
    with pytest.raises(ModelError, match="not differentiated") as refused:
        explained(other)
    assert refused.value.found == "Softplus"


def test_the_words_name_the_fields():
    fields = np.zeros((FIELDS, FIELDS))
    fields[2, 4], fields[6, 0] = 1.5, -0.25
    assert words_of(fields) == (
        "most for it: field 3 of 7 from the top, 5 of 7 from the left (+1.50 log-odds)",
        "most against it: field 7 of 7 from the top, 1 of 7 from the left (-0.25 log-odds)",
    )
    assert words_of(fields * 0) == ()


def check(method, alike, gain):
    return MapCheck(method, 9, Estimate(alike, alike - 0.1, alike + 0.1), Estimate(0.1, 0.0, 0.2), Estimate(gain, gain - 0.1, gain + 0.1))


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ((), "not checked"),
        ((check("occlusion", 0.1, 1.0), check("integrated", 0.1, 2.0)), "integrated gradients"),
        ((check("occlusion", 0.1, 1.0), check("integrated", 0.6, 2.0)), "each field hidden in turn"),
        ((check("integrated", 0.6, 2.0), check("activation", 0.1, 0.0)), "is not said"),
    ],
)
def test_the_best_method_that_passed_is_spoken_of(learned, pictures, monkeypatch, tmp_path, checks, said):
    (tmp_path / "model.onnx").write_bytes(learned.SerializeToString())
    monkeypatch.setattr(reasons, "checked", lambda _: checks)
    words = resting_on(tmp_path, "residual", pictures[0][1], asking(learned))
    assert said in words[-1] and (("most for it" in words[0]) != (said == "is not said"))


@pytest.mark.parametrize("name", sorted(cards()))
def test_a_report_s_maps_are_of_methods_that_there_are(name):
    report = read_report(FOLDER / name / "report.json")
    methods = [one.method for one in report.maps]
    assert len(set(methods)) == len(methods) and set(methods) <= set(reasons.METHODS)
    assert all(one.n > 1 and one.alike.low is not None for one in report.maps)
    assert replace(report, maps=()).maps == ()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_sealed_network_is_explained_by_its_own_gradient(name):
    """Against finite differences of the sealed model along drawn directions that are smooth, for its answers have kinks."""
    import onnx
    from scipy import ndimage

    card, model = cards()[name], onnx.load(FOLDER / name / "model.onnx")
    random = np.random.default_rng(3)
    shape = (card.image["channels"], card.image["rows"], card.image["columns"])
    image, way = (np.stack([ndimage.gaussian_filter(random.normal(size=shape[1:]), 2) for _ in range(shape[0])]) for _ in range(2))
    image = ((image - image.min()) / np.ptp(image)).astype(np.float32)
    step = (1e-3 * way / np.abs(way).max()).astype(np.float32)
    graph, ask = open_explained(model), asking(model)
    slopes = [np.diff(ask(np.stack([image - k * step, image + k * step])))[0] / (2 * k) for k in (1, 3)]
    expected = float((graph.run(["gradient"], {"X": image[None]})[0][0] * step).sum())
    assert expected == pytest.approx(np.mean(slopes), rel=0.15, abs=2e-5)

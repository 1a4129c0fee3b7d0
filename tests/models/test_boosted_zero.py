"""A booster that splits at zero answers as it is exported, also where LightGBM reads a value as zero."""

import numpy as np

from consilium.models.boosting import NOUGHT, Boosting


def test_values_that_lightgbm_reads_as_zero_go_the_way_of_zero():
    random = np.random.default_rng(0)
    X = random.normal(size=(2000, 3)).astype(np.float32)
    X[:, 0] = np.round(X[:, 0] * 3)
    y = (X[:, 0] >= 0) ^ (random.random(2000) < 0.1)
    fitted = Boosting(n_estimators=20).fit(X, y.astype(int))
    edges = [0, NOUGHT, -NOUGHT, *(np.nextafter(s * NOUGHT, np.float32(to)) for s in (1, -1) for to in (1, -1)), 1e-30, -1e-30]
    asked = np.zeros((len(edges), 3), np.float32)
    asked[:, 0] = edges
    own = fitted.log_odds(asked)
    assert len(np.unique(own.round(6))) == 2, "the split at zero is not met"
    np.testing.assert_allclose(_exported(fitted, asked), own, atol=1e-6)


def _exported(fitted, asked):
    import onnxruntime

    graph = onnxruntime.InferenceSession(fitted.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    return graph.run(None, {"X": asked})[0][:, 0]

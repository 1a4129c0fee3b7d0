"""Tables, and learners fitted and sealed once on each: WDBC, a made one with missing values, and made stays for the series learners."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from consilium.models import LEARNERS, SERIES_LEARNERS, learner
from consilium.models.calibration import Calibration
from consilium.models.grid import Grid
from consilium.models.seal import seal
from consilium.models.served import ServedModel
from consilium.models.uncertainty import fit_intervals

STAYS = Grid(fixed=2, steps=6, channels=3)
QUICK = {
    "forest": {"n_estimators": 30},
    "boosting": {"n_estimators": 60},
    "additive": {"max_rounds": 60, "outer_bags": 2},
    **{name: {"steps": STAYS.steps, "fixed": STAYS.fixed, "units": 8, "epochs": 12, "rate": 0.01} for name in SERIES_LEARNERS},
}
CALIBRATION = Calibration(slope=0.8, intercept=-0.3)


def wdbc():
    data = load_breast_cancer()
    return SimpleNamespace(X=data.data.astype(np.float32), y=1 - data.target, names=[str(n) for n in data.feature_names])


def gaps(rows=400, seed=3):
    """Six features on very different scales; one is coarse, one constant, two often missing (one of them tellingly)."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(rows, 6)) * [1, 100, 1e-3, 1, 1, 1] + [0, 1000, 0, 5, 0, 0]
    X[:, 3] = np.round(X[:, 3])
    X[:, 4] = 7
    margin = X[:, 0] + (X[:, 1] - 1000) / 100 - 1000 * X[:, 2] * X[:, 0] + 0.5 * (X[:, 3] - 5)
    y = (margin + draw.logistic(size=rows) > 0).astype(int)
    X[draw.random(rows) < 0.2, 0] = np.nan
    X[draw.random(rows) < np.where(y == 1, 0.5, 0.1), 5] = np.nan
    return SimpleNamespace(X=X.astype(np.float32), y=y, names=[f"input {i}" for i in range(6)])


def stays(rows=300, seed=4):
    """Stays of six steps: the first channel rises before the event, the second is seen seldom; every third record begins late."""
    draw = np.random.default_rng(seed)
    fixed, series = STAYS.split(draw.normal(size=(rows, STAYS.width)))
    trend = draw.normal(size=rows)
    series[:, :, 0] = 100 + 10 * (series[:, :, 0] + trend[:, None] * np.arange(STAYS.steps))
    y = (2 * trend + fixed[:, 0] + draw.logistic(size=rows) > 0).astype(int)
    series[draw.random(series.shape) < [0.3, 0.7, 0.5]] = np.nan
    for row in range(0, rows, 3):
        series[row, : draw.integers(STAYS.steps)] = np.nan
    fixed[draw.random(fixed.shape) < 0.2] = np.nan
    X = np.hstack([fixed, series.reshape(rows, -1)]).astype(np.float32)
    return SimpleNamespace(X=X, y=y, names=[f"input {i}" for i in range(STAYS.width)])


TABLES = {"wdbc": wdbc, "gaps": gaps}
PAIRS = [*((table, name) for table in TABLES for name in LEARNERS), *(("stays", name) for name in SERIES_LEARNERS)]


def questions(X, seed=5):
    """Training rows, jittered rows, rows with a third missing, and one of which nothing is known."""
    draw = np.random.default_rng(seed)
    jittered = X + draw.normal(size=X.shape) * np.nanstd(X.astype(float), axis=0)
    missing = np.where(draw.random(X.shape) < 0.33, np.nan, X)
    return np.vstack([X, jittered, missing, np.full((1, X.shape[1]), np.nan)]).astype(np.float32)


def made(name):
    return learner(name, **QUICK.get(name, {}))


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """`workshop(table, name)`: a fitted learner, its table, and the model that was sealed from it and loaded again."""

    @cache
    def work(table, name):
        data = {**TABLES, "stays": stays}[table]()
        fitted = made(name).fit(data.X, data.y)
        path = tmp_path_factory.mktemp(f"{table}-{name}") / "model.onnx"
        given = {
            "names": data.names,
            "units": ["1"] * len(data.names),
            "calibration": CALIBRATION,
            "interval": fit_intervals(CALIBRATION.apply(fitted.log_odds(data.X)), data.y),
            "X_train": data.X,
            "card": "example",
            "version": "1.2.3",
            "extra": {"note": "kept"},
            "grid": STAYS if table == "stays" else None,
        }
        sha256 = seal(fitted, path, **given)
        return SimpleNamespace(
            name=name,
            data=data,
            fitted=fitted,
            path=path,
            sha256=sha256,
            given=given,
            served=ServedModel.load(path),
            asked=questions(data.X),
        )

    return work


@pytest.fixture(params=PAIRS, ids="-".join)
def sealed(request, workshop):
    """Every learner on every table, one after the other."""
    return workshop(*request.param)


@pytest.fixture
def linear_file(tmp_path):
    """A sealed logistic regression in a folder of its own, to be damaged."""
    data = gaps(120)
    fitted = made("logistic").fit(data.X, data.y)
    path = tmp_path / "model.onnx"
    seal(
        fitted,
        path,
        names=data.names,
        units=["1"] * 6,
        calibration=CALIBRATION,
        interval=fit_intervals(fitted.log_odds(data.X), data.y),
        X_train=data.X,
        card="example",
        version="1",
    )
    return path

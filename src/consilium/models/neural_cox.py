"""Neural Cox: the log-hazard by a small multilayer perceptron on the partial likelihood, after DeepSurv (torch)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from consilium.models.hazard import Array, Hazards
from consilium.models.permutation import against_median
from consilium.models.preparation import Preparation

if TYPE_CHECKING:
    from consilium.models.graph import Graph

LEAST_EVENTS = 50


class NeuralCox(Hazards):
    """Multilayer perceptron (ReLU, dropout) trained by AdamW on Breslow's partial likelihood, all patients in each step.

    From 50 events on a fifth of the patients is set apart; training ends when `patience` steps have not improved their likelihood,
    and the best weights are kept. Several networks from different starts are averaged. Long-tailed inputs are pressed
    together: a standardised value z enters as `sign(z) log(1 + |z|)`.

    Source: Katzman et al. 2018, doi:10.1186/s12874-018-0482-1.

    Parameters
    ----------
    horizon : float, default 1.0
        By when `risk` speaks, in the unit of the times of follow-up.
    hidden : tuple of int, default (32,)
        Width of each hidden layer.
    networks : int, default 3
    dropout : float, default 0.2
    weight_decay : float, default 0.01
    learning_rate : float, default 0.01
    max_iter : int, default 400
        Steps at most.
    patience : int, default 40
    random_state : int, default 0

    Attributes
    ----------
    preparation_ : Preparation
    layers_ : list of (weights, offset) for each layer, float64 of shape (networks, k, m) and (networks, 1, m)
    """

    def __init__(
        self,
        horizon: float = 1.0,
        hidden: tuple[int, ...] = (32,),
        networks: int = 3,
        dropout: float = 0.2,
        weight_decay: float = 0.01,
        learning_rate: float = 0.01,
        max_iter: int = 400,
        patience: int = 40,
        random_state: int = 0,
    ) -> None:
        self.horizon = horizon
        self.hidden = hidden
        self.networks = networks
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.patience = patience
        self.random_state = random_state

    def reasons(self, X: ArrayLike) -> dict[str, Any]:
        """`kind` permutation: Shapley values of the log-odds against the patient whose inputs are all at the median."""
        return against_median(self.preparation_.median)

    def _learn(self, X: Array, time: Array, event: NDArray[np.bool_]) -> None:
        self.preparation_ = Preparation.learned(X)
        rows = _pressed(self.preparation_(X))
        draw = np.random.default_rng(self.random_state)
        with _one_thread():
            found = [self._train(rows, time, event, draw) for _ in range(self.networks)]
        self.layers_ = [tuple(np.stack(parts) for parts in zip(*layer, strict=True)) for layer in zip(*found, strict=True)]

    def _train(self, X: Array, time: Array, event: NDArray[np.bool_], draw: np.random.Generator) -> list[tuple[Array, Array]]:
        """Weights and offsets, layer by layer, of one network."""
        import torch
        from torch import nn

        apart = np.zeros(len(X), dtype=np.bool_)
        if event.sum() >= LEAST_EVENTS:
            apart[draw.permutation(len(X))[: len(X) // 5]] = True
        own = _likelihood(X[~apart], time[~apart], event[~apart])
        held = _likelihood(X[apart], time[apart], event[apart]) if event[apart].any() else None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(draw.integers(2**31)))
            widths = (X.shape[1], *self.hidden)
            parts: list[nn.Module] = []
            for k, m in pairwise(widths):
                parts += [nn.Linear(k, m), nn.ReLU(), nn.Dropout(self.dropout)]
            network = nn.Sequential(*parts, nn.Linear(widths[-1], 1))
            optimiser = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
            best, least, waited = copy.deepcopy(network.state_dict()), float("inf"), 0
            for _ in range(self.max_iter):
                network.train()
                optimiser.zero_grad()
                own(network).backward()
                optimiser.step()
                if held is None:
                    continue
                network.eval()
                with torch.no_grad():
                    now = float(held(network))
                if now < least - 1e-5:
                    best, least, waited = copy.deepcopy(network.state_dict()), now, 0
                elif (waited := waited + 1) >= self.patience:
                    break
            if held is not None:
                network.load_state_dict(best)
        layers = [module for module in network if isinstance(module, nn.Linear)]
        return [
            (layer.weight.detach().numpy().T.astype(np.float64), layer.bias.detach().numpy()[None, :].astype(np.float64))
            for layer in layers
        ]

    def _log_hazard(self, X: Array) -> Array:
        rows = _pressed(self.preparation_(X))[None]
        for weights, offset in self.layers_[:-1]:
            rows = np.maximum(rows @ weights + offset, 0.0)
        weights, offset = self.layers_[-1]
        return np.asarray((rows @ weights + offset)[..., 0].mean(axis=0), dtype=np.float64)

    def _graph(self, graph: Graph) -> str:
        prepared = graph.prepared(self.preparation_)
        size = graph.node("Log", graph.node("Add", graph.node("Abs", prepared), graph.constant(1.0)))
        rows = graph.node("Unsqueeze", graph.node("Mul", graph.node("Sign", prepared), size), graph.constant(np.array([0])))
        for weights, offset in self.layers_[:-1]:
            rows = graph.node("Relu", graph.dense(rows, weights, offset))
        return graph.node("ReduceMean", graph.dense(rows, *self.layers_[-1]), graph.constant(np.array([0])), keepdims=0)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Networks this small wait longer for a second thread than it saves; and the sums stay in one order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _pressed(z: Array) -> Array:
    return np.asarray(np.sign(z) * np.log1p(np.abs(z)), dtype=np.float64)


def _likelihood(X: Array, time: Array, event: NDArray[np.bool_]) -> Any:
    """Minus the mean log partial likelihood of these patients, as a function of a network."""
    import torch

    order = np.argsort(-time, kind="stable")
    rows = torch.from_numpy(X[order].astype(np.float32))
    # With the longest followed first, those still followed at a time are all up to the last patient with that time.
    last = torch.from_numpy(np.searchsorted(-time[order], -time[order], side="right") - 1)
    happened = torch.from_numpy(event[order])

    def likelihood(network: Any) -> Any:
        log_hazard = network(rows)[:, 0]
        followed = torch.logcumsumexp(log_hazard, 0)[last]
        return (followed - log_hazard)[happened].mean()

    return likelihood

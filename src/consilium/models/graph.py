"""Graph: an ONNX graph written node by node, in float64 between a float32 input and a float32 output."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from consilium.models.odds import LEAST_HAZARD, MOST_HAZARD
from consilium.models.preparation import Preparation
from consilium.models.trees import Trees

OPSET = 21
TREE_OPSET = 5
IR_VERSION = 10


class Graph:
    """Nodes and constants in the order they were added; `rows` is the input X cast to float64.

    Parameters
    ----------
    features : int
        Columns of X.
    """

    def __init__(self, features: int) -> None:
        self._features = features
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self.rows = self.node("Cast", "X", to=TensorProto.DOUBLE)

    def constant(self, value: Any) -> str:
        """Name of a new constant holding `value`; whole numbers as int64, others as float64."""
        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float64)
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def single(self, value: Any) -> str:
        """Name of a new constant holding `value` as float32, for the operators that run in nothing wider."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def node(self, operation: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Name of the one output of a new node."""
        return self.outputs(operation, *inputs, of=(0,), domain=domain, **attributes)[0]

    def outputs(self, operation: str, *inputs: str, of: tuple[int, ...], domain: str = "", **attributes: Any) -> list[str]:
        """Names of those outputs of a new node that are used, by their places."""
        names = [f"n{len(self._nodes)}" + ("" if place == of[0] else f"_{place}") for place in of]
        given = dict(zip(of, names, strict=True))
        all_of_them = [given.get(place, "") for place in range(max(of) + 1)]
        self._nodes.append(helper.make_node(operation, list(inputs), all_of_them, domain=domain, **attributes))
        return names

    def model(self, log_odds: str, state: str = "") -> onnx.ModelProto:
        """The finished model whose output is `log_odds`, a float64 [n, 1] of this graph, and `state` (float64 [n, s]) where one is carried.

        Raises
        ------
        onnx.checker.ValidationError
            When the graph breaks ONNX's own rules.
        """
        given = {"log_odds": log_odds, **({"state": state} if state else {})}
        nodes = [*self._nodes, *(helper.make_node("Cast", [node], [name], to=TensorProto.FLOAT) for name, node in given.items())]
        graph = helper.make_graph(
            nodes,
            "consilium",
            [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", self._features])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1 if name == "log_odds" else "s"]) for name in given],
            initializer=self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", TREE_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="consilium")
        onnx.checker.check_model(model)
        return model

    def prepared(self, preparation: Preparation) -> str:
        """Rows [n, p] with medians for what is missing, standardised."""
        missing = self.node("IsNaN", self.rows)
        filled = self.node("Where", missing, self.constant(preparation.median), self.rows)
        centred = self.node("Sub", filled, self.constant(preparation.mean))
        return self.node("Mul", centred, self.constant(preparation.gain))

    def dense(self, rows: str, weights: NDArray[np.float64], offset: NDArray[np.float64]) -> str:
        """`rows @ weights + offset`, for weights of shape (k, m) and offset of shape (m,)."""
        return self.node("Add", self.node("MatMul", rows, self.constant(weights)), self.constant(offset))

    def grown(self, trees: Trees) -> str:
        """Sum [n, 1] of the leaves that a row falls into, with float64 thresholds exactly as they were learned."""
        inner = np.flatnonzero(trees.feature >= 0)
        leaves = np.flatnonzero(trees.feature < 0)
        place = np.empty(len(trees.feature), dtype=np.int64)
        place[inner], place[leaves] = np.arange(len(inner)), np.arange(len(leaves))
        is_leaf = trees.feature < 0
        # ONNX has no node for a tree that is one leaf: it is written as a split whose two sides are that leaf.
        stumps = trees.roots[is_leaf[trees.roots]]
        left = np.concatenate([trees.left[inner], stumps])
        right = np.concatenate([trees.right[inner], stumps])
        extra = np.zeros(len(stumps), dtype=np.int64)
        roots = place[trees.roots]
        roots[is_leaf[trees.roots]] = len(inner) + np.arange(len(stumps))
        return self.node(
            "TreeEnsemble",
            self.rows,
            domain="ai.onnx.ml",
            n_targets=1,
            tree_roots=roots.tolist(),
            nodes_featureids=[*trees.feature[inner].tolist(), *extra.tolist()],
            nodes_splits=numpy_helper.from_array(np.concatenate([trees.threshold[inner], extra.astype(np.float64)]), "splits"),
            nodes_modes=numpy_helper.from_array(np.zeros(len(left), dtype=np.uint8), "modes"),
            nodes_missing_value_tracks_true=[*trees.missing_left[inner].astype(int).tolist(), *extra.tolist()],
            nodes_truenodeids=place[left].tolist(),
            nodes_trueleafs=is_leaf[left].astype(int).tolist(),
            nodes_falsenodeids=place[right].tolist(),
            nodes_falseleafs=is_leaf[right].astype(int).tolist(),
            leaf_targetids=[0] * len(leaves),
            leaf_weights=numpy_helper.from_array(trees.value[leaves], "leaves"),
        )

    def log_odds_of(self, probability: str, clip: float) -> str:
        """Log-odds [n, 1] of a probability clipped to [clip, 1 - clip]."""
        clipped = self.node("Clip", probability, self.constant(clip), self.constant(1.0 - clip))
        against = self.node("Sub", self.constant(1.0), clipped)
        return self.node("Sub", self.node("Log", clipped), self.node("Log", against))

    def log_odds_of_hazard(self, log_hazard: str, offset: float) -> str:
        """Log-odds [n, 1] of an event whose cumulative hazard is `exp(log_hazard + offset)`."""
        moved = self.node("Add", log_hazard, self.constant(max(offset, LEAST_HAZARD)))
        hazard = self.node("Exp", self.node("Clip", moved, self.constant(LEAST_HAZARD), self.constant(MOST_HAZARD)))
        without = self.node("Exp", self.node("Neg", hazard))
        return self.node("Add", hazard, self.node("Log", self.node("Sub", self.constant(1.0), without)))

"""Learn which neighbours matter: a graph attention network (Veličković and others 2018, arXiv:1710.10903) on the citations of Cora.

The data are those of graph_convolution.py, but how much a node takes from each neighbour is learned. ``--smoke`` takes images of digits.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

PLOT = "graph_attention.png"
EPOCHS, SEEDS = 200, 5


class GraphAttention(layers.Layer):
    """For each head: y_i = sum over the neighbours j of i of a_ij W x_j, where the weights a_ij of a node add up to 1.

    x: (nodes, in) -> (nodes, heads * units), or the mean of the heads, (nodes, units), if not ``concatenate``
    """

    def __init__(self, units: int, heads: int, graph: Any, concatenate: bool = True) -> None:
        super().__init__()
        self.units, self.heads, self.graph, self.concatenate = units, heads, graph, concatenate
        self.drop_features, self.drop_edges = layers.Dropout(0.6), layers.Dropout(0.6)

    def build(self, shape: Any) -> None:
        regularizer = keras.regularizers.L2(2.5e-4)
        self.kernel = self.add_weight((shape[-1], self.heads * self.units), regularizer=regularizer, name="kernel")
        self.to, self.source = (self.add_weight((self.heads, self.units), name=name) for name in ("to", "source"))
        self.bias = self.add_weight((self.units * (self.heads if self.concatenate else 1),), "zeros", name="bias")

    def attention(self, h: Any) -> Any:
        """a_ij for each edge and head.  h: (nodes, heads, units) -> (edges, heads)"""
        rows, columns, n = self.graph.rows, self.graph.columns, self.graph.shape[0]
        # The paper's a^T [W x_i, W x_j] is a number of i plus one of j, so no pair of vectors is ever written down.
        to, source = (ops.sum(h * vector, axis=-1) for vector in (self.to, self.source))
        e = ops.leaky_relu(ops.take(to, rows, axis=0) + ops.take(source, columns, axis=0), 0.2)
        # Softmax over the edges of a node. Without the largest of them no exponential is too large.
        e = ops.exp(e - ops.take(ops.stop_gradient(ops.segment_max(e, rows, n)), rows, axis=0))
        return e / ops.take(ops.segment_sum(e, rows, n), rows, axis=0)

    def call(self, x: Any) -> Any:
        h = ops.reshape(ops.matmul(self.drop_features(x), self.kernel), (-1, self.heads, self.units))
        a, h = self.drop_edges(self.attention(h)), self.drop_features(h)
        y = [ops.sparse_matmul(self.graph, h[:, k], a[:, k]) for k in range(self.heads)]
        return (ops.concatenate(y, axis=1) if self.concatenate else ops.mean(ops.stack(y), axis=0)) + self.bias


def network(graph: Any, words: int, classes: int) -> Any:
    hidden, output = GraphAttention(8, 8, graph), GraphAttention(classes, 1, graph, concatenate=False)
    return keras.Sequential([keras.Input((words,)), hidden, layers.Activation("elu"), output, layers.Softmax()])


def train(model: Any, x: Any, y: Any, parts: dict[str, Any]) -> float:
    """The accuracy on the nodes of the test, with the weights that were best on those for validation."""
    weights = {name: np.isin(np.arange(len(y)), ids) * len(y) / len(ids) for name, ids in parts.items()}
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    data = {"sample_weight": weights["train"], "validation_data": (x, y, weights["validation"])}
    best = keras.callbacks.EarlyStopping("val_accuracy", patience=EPOCHS, restore_best_weights=True)
    model.fit(x, y, batch_size=len(y), epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[best], **data)
    return float(model.evaluate(x, y, batch_size=len(y), sample_weight=weights["test"], verbose=0)[1])


def main(smoke: bool = False) -> float:
    x, y, edges, parts = digits() if smoke else cora()
    n = len(y)
    both = np.concatenate([edges, edges[:, ::-1], np.stack([np.arange(n)] * 2, axis=1)])  # and each node to itself
    graph = keras.utils.SparseMatrix(*both.T, shape=(n, n))
    accuracies = []
    for seed in range(1 if smoke else SEEDS):
        keras.utils.set_random_seed(seed)
        accuracies.append(train(model := network(graph, x.shape[1], int(y.max()) + 1), x, y, parts))
        print(f"seed {seed}: {accuracies[-1]:.1%} right")
    layer = model.layers[0]
    h = ops.reshape(ops.matmul(x, layer.kernel), (n, layer.heads, layer.units))
    plot(graph, keras.ops.convert_to_numpy(layer.attention(h)), y)
    print(f"figure: graph_attention {np.mean(accuracies):.4f}")
    return float(np.mean(accuracies))


def cora() -> tuple[Any, Any, Any, dict[str, Any]]:
    graph = keras.datasets.cora.load_data()
    x = graph.features / np.maximum(graph.features.sum(axis=1, keepdims=True), 1)
    return x, graph.labels, graph.edges, {"train": graph.train, "validation": graph.validation, "test": graph.test}


def digits(n: int = 400, neighbours: int = 4) -> tuple[Any, Any, Any, dict[str, Any]]:
    parts = {"train": np.arange(40), "validation": np.arange(40, 120), "test": np.arange(n // 2, n)}
    (x, y), _ = keras.datasets.digits.load_data()
    x, y = x[:n].reshape(n, -1).astype("float32") / 16, y[:n].astype(int)
    nearest = ((x[:, None] - x[None]) ** 2).sum(axis=-1).argsort(axis=1)[:, 1 : neighbours + 1]  # 0 is the image itself
    edges = np.stack([np.repeat(np.arange(n), neighbours), nearest.ravel()], axis=1)
    return x, y, np.unique(np.sort(edges, axis=1), axis=0), parts


def plot(graph: Any, attention: Any, y: Any) -> None:
    """How much a node with n edges takes from a neighbour, over the 1 / n of equal shares: of its own class, and of another."""
    from matplotlib.figure import Figure

    shares = attention.mean(axis=1) * np.bincount(graph.rows)[graph.rows]
    neighbours, same = graph.rows != graph.columns, y[graph.rows] == y[graph.columns]
    axes = (figure := Figure(figsize=(6, 4), layout="constrained")).subplots()
    for name, kind in (("of the same class", same), ("of another class", ~same)):
        part = shares[neighbours & kind]
        axes.hist(part, np.linspace(0.5, 1.5, 41), density=True, alpha=0.6, label=f"{name}: mean {part.mean():.3f}")
    axes.axvline(1, color="black", linewidth=1)
    axes.set(
        xlabel="attention, over that of equal shares", ylabel="density", title="What a node takes from a neighbour"
    )
    axes.legend()
    figure.savefig(PLOT, dpi=100)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

"""Find the subject of articles from their words and from who cites whom: a graph convolution network (Kipf and Welling 2017, arXiv:1609.02907).

Cora has 2,708 articles on seven subjects; of 140 the subject is known, 1,000 are the test (Planetoid's parts). The figure is the mean
of five runs. ``--smoke`` takes images of digits, where each is joined to those that look most like it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

PLOT = "graph_convolution.png"
EPOCHS, SEEDS = 200, 5


def smoothing(edges: Any, n: int) -> Any:
    """D^-1/2 (A + I) D^-1/2: each node is averaged with its neighbours, and nodes with many of them do not outweigh others.

    edges: (pairs, 2), each in one direction -> (n, n), sparse
    """
    rows, columns = np.concatenate([edges, edges[:, ::-1], np.stack([np.arange(n)] * 2, axis=1)]).T
    degree = np.bincount(rows)
    return keras.utils.SparseMatrix(rows, columns, (degree[rows] * degree[columns]) ** -0.5, shape=(n, n))


class GraphConvolution(layers.Layer):
    """activation(A x W): what a node has in common with its neighbours.  x: (nodes, in) -> (nodes, units)"""

    def __init__(self, units: int, matrix: Any, activation: Any = None, regularizer: Any = None) -> None:
        super().__init__()
        self.matrix, self.activation = matrix, keras.activations.get(activation)
        self.units, self.regularizer = units, regularizer

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight((shape[-1], self.units), regularizer=self.regularizer, name="kernel")

    def call(self, x: Any) -> Any:
        # First the product that makes x narrow: fewer columns then go along the edges.
        return self.activation(ops.sparse_matmul(self.matrix, ops.matmul(x, self.kernel)))


def network(matrix: Any, words: int, classes: int, units: int = 16) -> Any:
    """Two convolutions: a label reaches the neighbours of neighbours."""
    return keras.Sequential(
        [
            keras.Input((words,)),
            layers.Dropout(0.5),
            GraphConvolution(units, matrix, "relu", keras.regularizers.L2(2.5e-4)),
            layers.Dropout(0.5),
            GraphConvolution(classes, matrix, "softmax"),
        ]
    )


def train(model: Any, x: Any, y: Any, parts: dict[str, Any]) -> float:
    """Train on the nodes with a label, and return the accuracy on those of the test."""
    # All nodes are one batch, as each needs its neighbours. A weight of 0 takes those without a label out of the loss.
    weights = {name: np.isin(np.arange(len(y)), ids) * len(y) / len(ids) for name, ids in parts.items()}
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    model.fit(x, y, batch_size=len(y), sample_weight=weights["train"], epochs=EPOCHS, shuffle=False, verbose=0)
    return float(model.evaluate(x, y, batch_size=len(y), sample_weight=weights["test"], verbose=0)[1])


def cora() -> tuple[Any, Any, Any, dict[str, Any]]:
    """(features, each row of which adds up to 1; labels; edges; the nodes of each part)"""
    graph = keras.datasets.cora.load_data()
    x = graph.features / np.maximum(graph.features.sum(axis=1, keepdims=True), 1)
    return x, graph.labels, graph.edges, {"train": graph.train, "test": graph.test}


def digits(n: int = 400, neighbours: int = 4) -> tuple[Any, Any, Any, dict[str, Any]]:
    parts = {"train": np.arange(40), "test": np.arange(n // 2, n)}
    (x, y), _ = keras.datasets.digits.load_data()
    x, y = x[:n].reshape(n, -1) / 16.0, y[:n].astype(int)
    distances = ((x[:, None] - x[None]) ** 2).sum(axis=-1)
    nearest = distances.argsort(axis=1)[:, 1 : neighbours + 1]  # 0 is the image itself
    edges = np.stack([np.repeat(np.arange(n), neighbours), nearest.ravel()], axis=1)
    return x.astype("float32"), y, np.unique(np.sort(edges, axis=1), axis=0), parts


def main(smoke: bool = False) -> float:
    x, y, edges, parts = digits() if smoke else cora()
    n, classes = len(y), int(y.max()) + 1
    matrices = {"words alone": smoothing(edges[:0], n), "words and graph": smoothing(edges, n)}
    mean = {}
    for name, matrix in matrices.items():
        accuracies = []
        for seed in range(1 if smoke else SEEDS):
            keras.utils.set_random_seed(seed)
            accuracies.append(train(model := network(matrix, x.shape[1], classes), x, y, parts))
        mean[name] = float(np.mean(accuracies))
        print(f"{name:<16} {mean[name]:.1%} right ({', '.join(f'{a:.1%}' for a in accuracies)})")
    plot(keras.Model(model.inputs, model.layers[1].output).predict(x, batch_size=n, verbose=0), y)
    print(f"figure: graph_convolution {mean['words and graph']:.4f}")
    return mean["words and graph"]


def plot(hidden: Any, y: Any) -> None:
    """The hidden features of every node, in the plane in which they differ most (PCA), colored by class."""
    from matplotlib.figure import Figure

    hidden = hidden / np.maximum(
        np.linalg.norm(hidden, axis=1, keepdims=True), 1e-6
    )  # which features, not how much of them
    centered = hidden - hidden.mean(axis=0)
    plane = centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T
    axes = (figure := Figure(figsize=(6, 5), layout="constrained")).subplots()
    axes.scatter(*plane.T, c=y, cmap="tab10", s=8, vmin=0, vmax=9)
    axes.set(title="16 hidden features of each node, in a plane", xlabel="first component", ylabel="second component")
    figure.savefig(PLOT, dpi=100)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

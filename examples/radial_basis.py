"""A network of radial basis functions reads digits: k-means finds what is typical, a layer of bumps says how near an image is to it.

Broomhead and Lowe, "Multivariable Functional Interpolation and Adaptive Networks" (1988); Moody and Darken, "Fast Learning in
Networks of Locally-Tuned Processing Units" (1989), from where the two stages are: the centres of the bumps come from the images
alone, then the output layer learns from the labels, and moves the centres and widths a little. The eight-by-eight digits come with
dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

CENTRES = 120


def squared_distances(x: Any, centres: Any) -> Any:
    """|x - c|^2 = |x|^2 - 2 x c + |c|^2 of all pairs.  x: (n, d)  centres: (k, d) -> (n, k)"""
    products = ops.matmul(x, ops.transpose(centres))
    lengths = ops.sum(ops.square(x), axis=1, keepdims=True)
    return ops.maximum(lengths - 2 * products + ops.sum(ops.square(centres), axis=1), 0.0)


def k_means(x: Any, k: int, rounds: int) -> tuple[Any, Any]:
    """Lloyd's algorithm: each sample joins its nearest centre, each centre moves to the mean of its samples, and again.

    Returns:
        The centres, (k, d), and the root of the mean squared distance to the nearest one in every round.
    """
    centres = x[np.random.default_rng(0).choice(len(x), k, replace=False)]  # some samples, to begin with
    errors = []
    for _ in range(rounds):
        distances = squared_distances(x, centres)
        errors.append(float(ops.sqrt(ops.mean(ops.min(distances, axis=1)))))
        members = ops.one_hot(ops.argmin(distances, axis=1), k)  # (n, k)
        counts = ops.sum(members, axis=0)[:, None]
        means = ops.matmul(ops.transpose(members), x) / ops.maximum(counts, 1)
        centres = ops.where(counts > 0, means, centres)  # a centre without samples stays
    return centres, errors


class RadialBasis(layers.Layer):
    """exp(-|x - c|^2 / (2 s^2)), a bump around each centre c, with a width s of its own.  x: (batch, d) -> (batch, k)"""

    def __init__(self, centres: Any, width: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.centres = self.add_weight(centres.shape, initializer=keras.initializers.Constant(centres), name="centres")
        width_of_all = keras.initializers.Constant(np.log(width))  # trained as a logarithm, the width stays positive
        self.log_width = self.add_weight(centres.shape[:1], initializer=width_of_all, name="log_width")

    def call(self, x: Any) -> Any:
        return ops.exp(-squared_distances(x, self.centres) / (2 * ops.exp(2 * self.log_width)))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
    x_train, x_test = (ops.array(x.reshape(-1, 64) / 16, dtype="float32") for x in (x_train, x_test))

    centres, errors = k_means(x_train, CENTRES, rounds=5 if smoke else 30)
    print(
        f"k-means: distance to the nearest centre {errors[0]:.3f} at first, {errors[-1]:.3f} after {len(errors)} rounds"
    )
    model = keras.Sequential(
        [keras.Input((64,)), RadialBasis(centres, errors[-1]), layers.Dense(10, activation="softmax")]
    )
    stages = {"centres of k-means": (False, 1e-2), "centres that move, too": (True, 1e-3)}
    accuracy = 0.0
    for title, (trainable, rate) in stages.items():
        model.layers[0].trainable = trainable
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x_train, y_train, batch_size=32, epochs=5 if smoke else 30, verbose=0)
        accuracy = float(model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"])
        print(f"{title}: {accuracy:.1%} of the test digits are classified correctly")
    plot(model)
    print(f"figure: radial_basis {accuracy:.4f}")
    return accuracy


def plot(model: Any) -> None:
    """The centres, sorted by the digit that they speak for most, as a PNG."""
    from matplotlib.figure import Figure

    centres, votes = model.layers[0].centres.numpy(), model.layers[1].kernel.numpy()
    order = np.argsort(np.argmax(votes, axis=1), kind="stable")
    images = np.pad(centres[order].reshape(-1, 8, 8), [(0, 0), (3, 0), (2, 2)])  # room for the digit above each image
    rows = images.reshape(8, CENTRES // 8, 11, 12).transpose(0, 2, 1, 3)  # 8 rows of images, side by side
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(rows.reshape(8 * 11, -1), cmap="gray_r", vmin=0, vmax=1)
    for k, i in enumerate(order):
        row, column = divmod(k, CENTRES // 8)
        axes.text(12 * column + 5.5, 11 * row + 1.5, np.argmax(votes[i]), fontsize=7, ha="center", va="center")
    axes.axis("off")
    axes.set_title(f"{CENTRES} centres, and the digit that each speaks for")
    figure.savefig("radial_basis.png", dpi=100)


if __name__ == "__main__":
    main("--smoke" in sys.argv[1:])

"""A self-organizing map lays digits out on a plane: neighbours look alike, and nobody told the map what a digit is.

Kohonen, "Self-Organized Formation of Topologically Correct Feature Maps" (1982). Every unit of a square lattice has a prototype, an
image like those of the data. The unit whose prototype is nearest to an image wins it, and the winner and its neighbours move towards
the image. The neighbourhood is wide at first, which unfolds the map, and shrinks, which lets units become specialists. The labels
are used only at the end, to say what the map has found. The eight-by-eight digits come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import ops

SIDE = 14  # units in a row


class SelfOrganizingMap(keras.Model):
    """x: (batch, d) -> (batch, side * side), the distances from the prototypes.

    Args:
        side: the lattice has side x side units.
        d: size of a sample.
        steps: in so many steps the width of the neighbourhood shrinks from side / 2 to 0.5 units, and the rate from 0.5 to 0.05.
    """

    def __init__(self, side: int, d: int, steps: int) -> None:
        super().__init__()
        self.prototypes = self.add_weight(
            (side * side, d), initializer=keras.initializers.RandomUniform(0, 1), name="prototypes"
        )
        rows, columns = np.divmod(np.arange(side * side), side)
        squares = (rows[:, None] - rows) ** 2 + (columns[:, None] - columns) ** 2
        self.lattice = ops.array(squares, dtype="float32")  # squared distances of all pairs of units, on the lattice
        self.step = self.add_weight((), initializer="zeros", trainable=False, name="step")
        self.side, self.steps = side, steps
        self.error = keras.metrics.Mean(name="quantization_error")

    def call(self, x: Any) -> Any:
        products = ops.matmul(x, ops.transpose(self.prototypes))
        squares = (
            ops.sum(ops.square(x), axis=1, keepdims=True) - 2 * products + ops.sum(ops.square(self.prototypes), axis=1)
        )
        return ops.sqrt(ops.maximum(squares, 0.0))

    def train_step(self, x: Any) -> dict[str, Any]:
        distances = self(x)
        done = ops.minimum(self.step / self.steps, 1.0)
        width, rate = (self.side / 2) * (1 / self.side) ** done, 0.5 * 0.1**done
        # How far each unit takes part in each sample: 1 for the winner, less with the distance from it on the lattice.
        part = ops.exp(
            -ops.take(self.lattice, ops.argmin(distances, axis=1), axis=0) / (2 * width**2)
        )  # (batch, units)
        total = ops.sum(part, axis=0)[:, None]
        mean = ops.matmul(ops.transpose(part), x) / ops.maximum(total, 1e-9)  # what the batch looks like from each unit
        self.prototypes.assign_add(rate * ops.minimum(total, 1.0) * (mean - self.prototypes))
        self.step.assign_add(1.0)
        self.error.update_state(ops.min(distances, axis=1))
        return {"quantization_error": self.error.result()}


def label_units(winners: Any, labels: Any) -> Any:
    """The digit that each unit won most often in the training set, -1 for units that won nothing."""
    counts = np.zeros((SIDE * SIDE, 10), int)
    np.add.at(counts, (winners, labels), 1)
    return np.where(counts.any(axis=1), np.argmax(counts, axis=1), -1)


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
    x_train, x_test = (x.reshape(-1, 64).astype("float32") / 16 for x in (x_train, x_test))
    epochs, batch = 10 if smoke else 60, 32
    model = SelfOrganizingMap(SIDE, 64, steps=epochs * len(x_train) // batch)
    model.compile()
    errors = model.fit(x_train, batch_size=batch, epochs=epochs, verbose=0).history["quantization_error"]
    print(f"mean distance from the nearest prototype: {errors[0]:.3f} in the first epoch, {errors[-1]:.3f} in the last")

    first, second = np.argsort(model.predict(x_test, verbose=0), axis=1)[:, :2].T
    torn = np.mean(model.lattice.numpy()[first, second] > 2)
    print(f"test images whose two nearest prototypes are no neighbours on the map: {torn:.1%}")
    labels = label_units(np.argmin(model.predict(x_train, verbose=0), axis=1), y_train)
    accuracy = float(np.mean(labels[first] == y_test))
    print(f"test images that fall on a unit of their digit: {accuracy:.1%}")
    plot(model.prototypes.numpy(), labels)
    print(f"figure: self_organizing_map {accuracy:.4f}")
    return accuracy


def plot(prototypes: Any, labels: Any) -> None:
    """The map: the prototype of every unit in its position, and the digit that it stands for by its colour, as a PNG."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    colours = colormaps["tab10"](np.arange(10))[:, :3]
    colours[7] = 0  # black: grey is for units that won nothing
    tints = np.where(labels[:, None] < 0, 0.7, colours[labels])[:, None, None, :]
    ink = np.pad(np.clip(prototypes, 0, 1).reshape(-1, 8, 8), [(0, 0), (1, 1), (1, 1)])[..., None]
    picture = (1 - ink * (1 - 0.8 * tints)).reshape(
        SIDE, SIDE, 10, 10, 3
    )  # ink in the colour of the digit, on white paper
    picture = picture.transpose(0, 2, 1, 3, 4).reshape(SIDE * 10, SIDE * 10, 3)
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(picture)
    axes.axis("off")
    axes.set_title("prototypes, in the colour of the digit that they won most often")
    figure.savefig("self_organizing_map.png", dpi=100)


if __name__ == "__main__":
    main("--smoke" in sys.argv[1:])

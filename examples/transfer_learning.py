"""Move what a network has learned from some digits to others: a frozen base, a new head, then a small rate for all of it.

The base is trained on the 30,596 digits 0 to 4 of MNIST. Of the digits 5 to 9 there are ten images each. ``--smoke`` shows in
seconds that it runs, on the eight-by-eight digits that come with dualnet: they are too easy for a base to be worth it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

PLOT = "transfer_learning.png"
SAMPLES = 10  # of each new digit
FROZEN, TUNED, EVERY = 30, 30, 5  # epochs


def base_network(shape: tuple[int, ...], scale: float) -> Any:
    """Images (height, width, 1) -> 128 features. Dropout makes them many, and of use for more than the first digits."""
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Rescaling(1 / scale),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
        ],
        name="base",
    )


def classifier(base: Any) -> Any:
    """A base and a head for five classes."""
    inputs = keras.Input(base.input_shape[1:])
    return keras.Model(inputs, layers.Dense(5, activation="softmax")(base(inputs)))


def fit(model: Any, data: Any, rate: float, epochs: int, test: Any, batch_size: int = 10) -> list[float]:
    """Train, and return the accuracy on the test set after every EVERY epochs."""
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {"epochs": epochs, "batch_size": batch_size, "validation_data": test, "validation_freq": EVERY}
    return list(model.fit(*data, **options, verbose=0).history["val_accuracy"])


def part(images: Any, labels: Any, digits: range, each: int | None = None) -> tuple[Any, Any]:
    """The images of some digits, labelled from 0, all of them or the first few of each."""
    rows = np.concatenate([np.flatnonzero(labels == digit)[:each] for digit in digits])
    return images[rows][..., None], labels[rows] - digits[0]


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    data = keras.datasets.digits if smoke else keras.datasets.mnist
    (x_train, y_train), (x_test, y_test) = data.load_data()
    scale = 16.0 if smoke else 255.0
    old, new = range(5), range(5, 10)
    few, test = part(x_train, y_train, new, SAMPLES), part(x_test, y_test, new)

    base = base_network((*x_train.shape[1:], 1), scale)
    many = part(x_train, y_train, old)
    known = fit(classifier(base), many, 1e-3, 20 if smoke else EVERY, part(x_test, y_test, old), batch_size=64)
    print(f"digits 0 to 4: {known[-1]:.1%}")

    base.trainable = False
    model = classifier(base)
    moved = fit(model, few, 1e-2, FROZEN, test)
    print(f"digits 5 to 9, new head on the frozen base: {moved[-1]:.1%}")
    base.trainable = True
    moved += fit(model, few, 3e-4, TUNED, test)
    print(f"digits 5 to 9, all of it with a small rate: {moved[-1]:.1%}")

    scratch = fit(classifier(base_network((*x_train.shape[1:], 1), scale)), few, 1e-3, FROZEN + TUNED, test)
    print(f"digits 5 to 9, the same network from scratch: {scratch[-1]:.1%}")
    plot(moved, scratch)
    print(f"figure: transfer_learning {moved[-1]:.4f}")
    return moved[-1]


def plot(moved: list[float], scratch: list[float]) -> None:
    """Both accuracies by epoch, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    epochs = range(EVERY, FROZEN + TUNED + 1, EVERY)
    axes.plot(epochs, moved, "o-", label="from the digits 0 to 4")
    axes.plot(epochs, scratch, "o-", label="from scratch")
    axes.axvline(FROZEN, color="gray", linestyle=":", label="the base is unfrozen")
    axes.set(xlabel="epoch", ylabel="test accuracy", title=f"{SAMPLES} images of each of the digits 5 to 9")
    axes.legend()
    figure.savefig(PLOT, dpi=150)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

"""Optimizers compared: their paths on a function of two numbers, and what they do for a network on MNIST.

Gradient descent, momentum (Polyak, 1964), Nesterov's method (1983), RMSprop (Hinton, 2012) and Adam (arXiv:1412.6980). On the plane each goes
down a valley that is twenty times as steep across as along. On MNIST the rate of each is the best of a few on samples that are kept back;
then each trains the same network, from the same weights. ``--smoke`` takes the small digits that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers
from dualnet.visualization import plot_loss_surface

PLOT = "optimizers_compared.png"
START, STEPS = (-8.0, 1.5), 60
OPTIMIZERS: dict[str, Any] = {
    "gradient descent": lambda rate: keras.optimizers.SGD(rate),
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "Nesterov": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "RMSprop": lambda rate: keras.optimizers.RMSprop(rate),
    "Adam": lambda rate: keras.optimizers.Adam(rate),
}
RATES_ON_PLANE = {"gradient descent": 0.9, "momentum": 0.2, "Nesterov": 0.2, "RMSprop": 0.2, "Adam": 0.5}
RATES = {name: (0.03, 0.1, 0.3) if name == "gradient descent" else (0.01, 0.03, 0.1) for name in OPTIMIZERS}
RATES |= {"RMSprop": (0.0003, 0.001, 0.003), "Adam": (0.0003, 0.001, 0.003)}


def valley(a: Any, b: Any) -> Any:
    """Its minimum, 0, is at the origin. A rate above 1 makes plain gradient descent jump ever higher across the valley."""
    return a**2 / 20 + b**2


def path(name: str) -> Any:
    """The points that an optimizer visits on the plane.  -> (STEPS + 1, 2)"""
    point = keras.Variable(np.array(START, "float32"))
    optimizer = OPTIMIZERS[name](RATES_ON_PLANE[name])
    gradient = keras.grad(lambda p: valley(p[0], p[1]))
    points = [point.numpy()]
    for _ in range(STEPS):
        optimizer.apply([gradient(point)], [point])
        points.append(point.numpy())
    return np.stack(points)


def train(optimizer: Any, data: Any, validation: Any, epochs: int) -> tuple[Any, Any]:
    """The same network from the same weights, trained. Returns it with its history."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input(data[0].shape[1:]),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, model.fit(*data, batch_size=64, epochs=epochs, validation_data=validation, verbose=0).history


def main(smoke: bool = False) -> float:
    paths = {name: path(name) for name in OPTIMIZERS}
    print(f"on the plane, after {STEPS} steps")
    for name, points in paths.items():
        near = np.flatnonzero(valley(*points.T) < 0.01)
        print(
            f"  {name:17} f = {valley(*points[-1]):.1e}, first below 0.01 "
            + (f"in step {near[0]}" if len(near) else "later")
        )

    data = keras.datasets.digits if smoke else keras.datasets.mnist
    (x, y), (x_test, y_test) = data.load_data()
    x, x_test = (images.astype("float32") / x.max() for images in (x, x_test))
    kept = len(x) // 10
    train_set, validation = (x[:-kept], y[:-kept]), (x[-kept:], y[-kept:])
    epochs = 4 if smoke else 5
    print(f"the network, {epochs} epochs")
    histories, scores, best = {}, {}, ("", None)
    for name, make in OPTIMIZERS.items():
        # One epoch on a part of the data tells good rates from bad ones.
        part = tuple(a[: len(x) // 4] for a in train_set)
        rate = min(RATES[name], key=lambda rate: train(make(rate), part, validation, 1)[1]["val_loss"][-1])
        model, histories[name] = train(make(rate), train_set, validation, epochs)
        scores[name] = histories[name]["val_accuracy"][-1]
        if scores[name] == max(scores.values()):
            best = (name, model)
        print(
            f"  {name:17} rate {rate:<7g} training loss {histories[name]['loss'][-1]:.4f}, validation {scores[name]:.2%}"
        )
    accuracy: float = best[1].evaluate(x_test, y_test, verbose=0)[1]
    print(f"{best[0]}, the best in validation, is right about {accuracy:.2%} of the test set")
    plot(paths, histories)
    print(f"figure: optimizers_compared {accuracy:.4f}")
    return accuracy


def plot(paths: dict[str, Any], histories: dict[str, Any]) -> None:
    """The paths on a map of the function, and the loss of the network by epoch, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    plane, curves = figure.subplots(1, 2)
    plot_loss_surface(valley, path=paths, limits=((-10, 4), (-2.5, 2.5)), labels=("a", "b"), ax=plane)
    for (name, history), style in zip(histories.items(), ("-", "--", ":", "-.", "-")):
        curves.plot(range(1, len(history["loss"]) + 1), history["loss"], style, label=name)
    curves.set(xlabel="epoch", ylabel="training loss", yscale="log", title="the same network")
    plane.set_title(f"{STEPS} steps on the plane")
    curves.legend()
    figure.savefig(PLOT, dpi=80)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

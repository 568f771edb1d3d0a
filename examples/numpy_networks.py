"""Networks written out in NumPy, beside the same networks in dualnet: equal weights at the start, and after every epoch.

The notation is that of most courses: layer l computes z = a W + b from the outputs a of the layer before, and a = f(z). Backwards,
delta is the derivative of the loss by z, and gives dW and db (Rumelhart, Hinton and Williams, 1986). Four networks are trained by
gradient descent, twice each: a line through noisy points, logistic regression on two clouds of points, XOR with a hidden layer, and
the digits that come with dualnet with two hidden layers and a softmax. The figure is in how many decimal digits the weights agree.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

# f(z), and its derivative written with a = f(z).
FUNCTIONS = {
    "linear": (lambda z: z, lambda a: np.ones_like(a)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0) * 1.0),
    "softmax": (lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), None),
}
# The loss of outputs a and targets t, and the delta of the last layer; behind its own function, a cross-entropy gives a - t.
LOSSES = {
    "mse": (lambda a, t: ((a - t) ** 2).mean(1), lambda a, t, slope: 2 * (a - t) / t.shape[1] * slope(a)),
    "binary_crossentropy": (lambda a, t: -np.log(np.where(t, a, 1 - a)).mean(1), lambda a, t, _: (a - t) / t.shape[1]),
    "categorical_crossentropy": (lambda a, t: -(t * np.log(a)).sum(1), lambda a, t, _: a - t),
}


def train_by_hand(x: Any, t: Any, network: Any, loss: str, rate: float, epochs: int, batch: int, weights: Any) -> Any:
    """The loss in every epoch, and the weights after it: W of the first layer, its b, W of the second, ..."""
    losses, trajectory = [], []
    value, last_delta = LOSSES[loss]
    f, slope = zip(*(FUNCTIONS[name] for _, name in network))
    for _ in range(epochs):
        total = 0.0
        for begin in range(0, len(x), batch):
            a, targets = [x[begin : begin + batch]], t[begin : begin + batch]
            for i in range(len(network)):
                z = a[i] @ weights[2 * i] + weights[2 * i + 1]
                a.append(f[i](z))  # layer i has the inputs a[i] and the outputs a[i + 1]
            total += value(a[-1], targets).sum()
            delta = last_delta(a[-1], targets, slope[-1]) / len(targets)  # the loss is the mean of the samples
            for i in reversed(range(len(network))):
                dw, db = a[i].T @ delta, delta.sum(axis=0)
                if i > 0:
                    delta = delta @ weights[2 * i].T * slope[i - 1](a[i])
                weights[2 * i] -= rate * dw
                weights[2 * i + 1] -= rate * db
        losses.append(total / len(x))
        trajectory.append([w.copy() for w in weights])
    return losses, trajectory


def train_in_dualnet(x: Any, t: Any, loss: str, rate: float, epochs: int, batch: int, model: Any) -> Any:
    """The same of a model, whose weights come in the same order."""
    trajectory: list[Any] = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: trajectory.append(model.get_weights()))
    model.compile(keras.optimizers.SGD(rate), loss)
    return model.fit(x, t, batch, epochs, shuffle=False, callbacks=[keep], verbose=0).history["loss"], trajectory


def problems(epochs: int) -> dict[str, Any]:
    """Each with x, targets, (units, function) of each layer, loss, learning rate, epochs and the size of a batch."""
    rng = np.random.default_rng(0)
    x, cloud = rng.uniform(-1, 1, (100, 1)), np.repeat([[0.0], [1.0]], 100, axis=0)
    table = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    (digits, labels), _ = keras.datasets.digits.load_data()
    y, points = 2 * x - 1 + 0.2 * rng.normal(size=x.shape), 2 * cloud - 1 + 0.7 * rng.normal(size=(200, 2))
    xor, pixels, one_hot = table.sum(axis=1, keepdims=True) % 2, digits.reshape(-1, 64) / 16, np.eye(10)[labels]
    deep = [(32, "relu"), (16, "tanh"), (10, "softmax")]
    return {
        "a line": (x, y, [(1, "linear")], "mse", 0.1, 60, 20),
        "two clouds": (points, cloud, [(1, "sigmoid")], "binary_crossentropy", 0.5, 60, 200),
        "XOR": (table, xor, [(4, "tanh"), (1, "sigmoid")], "mse", 1.0, 300, 4),
        "digits": (pixels, one_hot, deep, "categorical_crossentropy", 0.1, epochs, 32),
    }


def main(smoke: bool = False) -> float:
    keras.config.set_floatx("float64")  # as NumPy computes
    keras.utils.set_random_seed(0)
    agreement, curves = [], {}
    for title, (x, t, network, loss, rate, epochs, batch) in problems(3 if smoke else 30).items():
        dense = [layers.Dense(units, activation=name) for units, name in network]
        model = keras.Sequential([keras.Input(x.shape[1:]), *dense])
        by_hand, expected = train_by_hand(x, t, network, loss, rate, epochs, batch, model.get_weights())
        losses, trajectory = train_in_dualnet(x, t, loss, rate, epochs, batch, model)
        curves[title] = by_hand, losses
        pairs = [pair for ours, theirs in zip(expected, trajectory) for pair in zip(ours, theirs)]
        difference = max(float(np.abs(w - v).max()) for w, v in pairs)
        largest = max(float(np.abs(w).max()) for w, _ in pairs)
        agreement.append(-np.log10(max(difference / largest, np.finfo("float64").eps)))
        print(f"{title}: loss {losses[-1]:.6f}, by hand {by_hand[-1]:.6f}; ", end="")
        print(f"largest difference of a weight {difference:.1e}, largest weight {largest:.2f}")
    plot(curves)
    print(f"figure: numpy_networks {min(agreement):.4f}")
    return float(min(agreement))


def plot(curves: dict[str, Any]) -> None:
    """Both losses of every network by epoch, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), layout="constrained")
    for axes, (title, (by_hand, losses)) in zip(figure.subplots(1, len(curves)), curves.items()):
        axes.plot(losses, label="dualnet")
        axes.plot(by_hand, "o", markevery=max(1, len(by_hand) // 12), label="by hand")
        axes.set(title=title, xlabel="epoch", ylabel="loss", yscale="log")
    figure.axes[0].legend()
    figure.savefig("numpy_networks.png", dpi=100)


if __name__ == "__main__":
    main("--smoke" in sys.argv[1:])

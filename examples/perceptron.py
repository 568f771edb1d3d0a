"""From the first model of a neuron to two layers: gates of threshold units, the perceptron, and XOR, which needs a hidden layer.

McCulloch and Pitts, "A Logical Calculus of the Ideas Immanent in Nervous Activity" (1943): units with weights chosen by hand.
Rosenblatt, "The Perceptron" (1958): weights learned from mistakes. Minsky and Papert, "Perceptrons" (1969): what one cannot learn.
Rumelhart, Hinton and Williams, "Learning Representations by Back-Propagating Errors" (1986): what two layers can. The data are the
truth tables of AND, OR and XOR.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
TABLES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]}


def unit(inputs: tuple[int, ...], weights: tuple[int, ...], threshold: int) -> int:
    """McCulloch and Pitts: 1 if the weighted sum of the inputs reaches the threshold, else 0."""
    return int(sum(w * x for w, x in zip(weights, inputs)) >= threshold)


def gates(a: int, b: int) -> dict[str, int]:
    """AND, OR and NOT are one unit each; XOR is "one of them, but not both", which takes three."""
    both, either = unit((a, b), (1, 1), 2), unit((a, b), (1, 1), 1)
    return {"AND": both, "OR": either, "NOT a": unit((a,), (-1,), 0), "XOR": unit((either, both), (1, -1), 1)}


class Perceptron(keras.Model):
    """1 if w x + b > 0, else 0. After a wrong answer the weights move by the error times the input, otherwise they stay."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = layers.Dense(1, kernel_initializer="zeros")
        self.mistakes = keras.metrics.Sum(name="mistakes")

    def call(self, x: Any) -> Any:
        return ops.cast(self.sum(x) > 0, "float32")

    def train_step(self, data: Any) -> dict[str, Any]:
        x, target = data  # one sample
        error = target - self(x)[:, 0]
        self.sum.kernel.assign_add(error * ops.transpose(x))
        self.sum.bias.assign_add(error)
        self.mistakes.update_state(ops.abs(error))
        return {"mistakes": self.mistakes.result()}


def learn(name: str, epochs: int = 20) -> Any:
    """The perceptron after so many rounds through a truth table, one line of it at a time."""
    model = Perceptron()
    model.build((None, 2))
    model.compile()
    history = model.fit(
        INPUTS, np.array(TABLES[name], "float32"), batch_size=1, epochs=epochs, shuffle=False, verbose=0
    )
    mistakes = [f"{count:.0f}" for count in history.history["mistakes"]]
    print(f"perceptron, {name}: mistakes in each round {' '.join(mistakes[:8])} ... {mistakes[-1]}")
    return model


def two_layers(units: int = 4) -> Any:
    """A hidden layer of tanh units, and one output between 0 and 1: learned by following the gradient."""
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(units, activation="tanh"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    loss = model.fit(INPUTS, np.array(TABLES["XOR"]), epochs=200, verbose=0).history["loss"]
    print(f"two layers, XOR: cross-entropy {loss[0]:.3f} after the first step, {loss[-1]:.3f} after {len(loss)}")
    return model


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    for a, b in INPUTS.astype(int).tolist():
        print(f"a={a} b={b}  " + "  ".join(f"{name}: {value}" for name, value in gates(a, b).items()))
    models = [(name, name, learn(name)) for name in TABLES]
    models.append(("XOR", "XOR, two layers", two_layers()))
    accuracy = 0.0
    for name, title, model in models:
        accuracy = float(np.mean((model.predict(INPUTS, verbose=0)[:, 0] > 0.5) == TABLES[name]))
        print(f"{title}: {accuracy:.0%} of the lines are right")
    plot(models)
    print(f"figure: perceptron {accuracy:.4f}")  # of XOR with two layers
    return accuracy


def plot(models: list[tuple[str, str, Any]]) -> None:
    """The plane as each model divides it, as a PNG; dashed are the lines on which a hidden unit is 0."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.7), layout="constrained")
    side = np.linspace(-0.5, 1.5, 201, dtype="float32")
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    for axes, (name, title, model) in zip(figure.subplots(1, len(models), sharey=True), models):
        values = model.predict(grid.reshape(-1, 2), batch_size=10_000, verbose=0).reshape(grid.shape[:2])
        axes.contourf(side, side, values, levels=[-0.1, 0.5, 1.1], colors=["#cfe2f3", "#fbd9c0"])
        if len(model.layers) > 1:
            w, b = model.layers[0].get_weights()
            for j in range(len(b)):
                axes.contour(
                    side, side, grid @ w[:, j] + b[j], levels=[0], colors="gray", linestyles="dashed", linewidths=1
                )
        axes.scatter(*INPUTS.T, c=["#d35400" if target else "#1f4e79" for target in TABLES[name]], s=60, zorder=2)
        axes.set(title=title, xlabel="a", ylabel="b", aspect="equal", xticks=[0, 1], yticks=[0, 1])
    figure.savefig("perceptron.png", dpi=100)


if __name__ == "__main__":
    main("--smoke" in sys.argv[1:])

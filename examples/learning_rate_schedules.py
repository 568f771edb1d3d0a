"""Learning rate schedules: large steps first, small ones at the end.

Far from a minimum a large rate is quick; near it the noise of the batches, times the rate, keeps the weights at a distance. Compared are a
constant rate, steps, exponential decay, cosine decay (arXiv:1608.03983), cosine decay after a warm-up (arXiv:1706.02677), and a rate that is
lowered when the validation loss stops falling. MNIST; ``--smoke`` takes the small digits that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers
from dualnet.optimizers import schedules

PLOT = "learning_rate_schedules.png"
RATE, BATCH = 0.2, 64
COLOURS = ("#999999", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00")


def all_schedules(steps: int) -> dict[str, Any]:
    """name -> what an optimizer takes as its learning rate, for a training of so many steps."""
    warm = steps // 10
    return {
        "constant": RATE,
        "steps": schedules.PiecewiseConstantDecay([steps // 2, 3 * steps // 4], [RATE, RATE / 5, RATE / 25]),
        "exponential": schedules.ExponentialDecay(RATE, steps, 0.01),
        "cosine": schedules.CosineDecay(RATE, steps),
        "warm-up, cosine": schedules.CosineDecay(0.0, steps - warm, warmup_target=RATE, warmup_steps=warm),
        "on a plateau": RATE,  # and a callback
    }


def rate_by_epoch(schedule: Any, history: Any, steps: int) -> tuple[Any, Any]:
    """The epochs at which the rate is known, and the rates."""
    epochs = len(history["loss"])
    if "learning_rate" in history:  # noted by ReduceLROnPlateau after each epoch
        return np.arange(epochs) + 0.5, history["learning_rate"]
    points = np.linspace(0, steps - 1, 200)
    return points * epochs / steps, [float(schedule(step)) if callable(schedule) else schedule for step in points]


def train(schedule: Any, callbacks: list[Any], data: Any, validation: Any, epochs: int) -> tuple[Any, Any]:
    """The same network from the same weights, trained. Returns it with its history."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(data[0].shape[1:]),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, model.fit(*data, BATCH, epochs, validation_data=validation, callbacks=callbacks, verbose=0).history


def main(smoke: bool = False) -> float:
    data = keras.datasets.digits if smoke else keras.datasets.mnist
    (x, y), (x_test, y_test) = data.load_data()
    x, x_test = (images.astype("float32") / x.max() for images in (x, x_test))
    kept = len(x) // 10
    train_set, validation = (x[:-kept], y[:-kept]), (x[-kept:], y[-kept:])
    epochs = 10 if smoke else 6
    steps = epochs * -(-len(train_set[0]) // BATCH)

    results, scores, best = {}, {}, ("", None)
    for name, schedule in all_schedules(steps).items():
        callbacks = [keras.callbacks.ReduceLROnPlateau(factor=0.2, patience=1)] if name == "on a plateau" else []
        model, history = train(schedule, callbacks, train_set, validation, epochs)
        results[name], scores[name] = (history, rate_by_epoch(schedule, history, steps)), history["val_accuracy"][-1]
        if scores[name] == max(scores.values()):
            best = (name, model)
        print(f"{name:16} training loss {history['loss'][-1]:.5f}, validation {scores[name]:.2%}")
    accuracy: float = best[1].evaluate(x_test, y_test, verbose=0)[1]
    print(f"{best[0]}, the best in validation, is right about {accuracy:.2%} of the test set")
    plot(results)
    print(f"figure: learning_rate_schedules {accuracy:.4f}")
    return accuracy


def plot(results: dict[str, tuple[Any, tuple[Any, Any]]]) -> None:
    """The rate of every step, and the losses by epoch, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.7), layout="constrained")
    panels = figure.subplots(1, 3)
    for (name, (history, rates)), colour in zip(results.items(), COLOURS):
        epochs = np.arange(1, len(history["loss"]) + 1)
        panels[0].plot(*rates, color=colour, linewidth=1.4)
        panels[1].plot(epochs, history["loss"], color=colour, label=name, linewidth=1.4)
        panels[2].plot(epochs, history["val_loss"], color=colour, linewidth=1.4)
    for panel, title in zip(panels, ("learning rate", "training loss", "validation loss")):
        panel.set(xlabel="epoch", title=title, yscale="linear" if title == "learning rate" else "log")
    panels[1].legend(fontsize=8)
    figure.savefig(PLOT, dpi=80)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

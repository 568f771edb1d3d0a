"""Initialisation: how large the first weights are decides whether a deep network learns.

A layer multiplies the variance of its input by inputs * Var(w), halved by a ReLU. So it dies out or explodes over the layers unless
Var(w) = 2 / inputs, as in "he_normal" (He et al., arXiv:1502.01852); "glorot_uniform", 2 / (inputs + units), is right for tanh (Glorot and
Bengio, 2010). With zeros all units of a layer stay equal, and ReLUs stay dead. MNIST; ``--smoke`` takes the small digits.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

PLOT = "initialization.png"
DEPTH, UNITS = 12, 100
INITIALIZERS = {
    "zeros": keras.initializers.Zeros(),
    "normal, deviation 0.01": keras.initializers.RandomNormal(stddev=0.01, seed=0),
    "normal, deviation 0.5": keras.initializers.RandomNormal(stddev=0.5, seed=0),
    "glorot_uniform": keras.initializers.GlorotUniform(seed=0),
    "he_normal": keras.initializers.HeNormal(seed=0),
}


def network(initializer: Any, shape: tuple[int, ...]) -> Any:
    """DEPTH hidden layers of ReLUs. Each layer gets a copy of the initializer, with a seed of its own."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), layers.Flatten()])
    for number in range(DEPTH):
        config = initializer.get_config()
        if "seed" in config:
            config["seed"] = number
        own = type(initializer).from_config(config)
        model.add(layers.Dense(UNITS, activation="relu", kernel_initializer=own, name=f"hidden_{number + 1}"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def deviations(model: Any, x: Any) -> list[float]:
    """The standard deviation of the outputs of every hidden layer."""
    hidden = [layer.output for layer in model.layers if layer.name.startswith("hidden")]
    return [float(np.std(a)) for a in keras.Model(model.inputs, hidden).predict(x, verbose=0)]


def main(smoke: bool = False) -> float:
    warnings.simplefilter("ignore", keras.TrainingWarning)  # of these mistakes, which are made on purpose here
    data = keras.datasets.digits if smoke else keras.datasets.mnist
    (x, y), (x_test, y_test) = data.load_data()
    x, x_test = ((images.astype("float32") - x.mean()) / x.std() for images in (x, x_test))
    spreads, accuracies = {}, {}
    epochs = 5 if smoke else 3
    for name, initializer in INITIALIZERS.items():
        model = network(initializer, x.shape[1:])
        spreads[name] = deviations(model, x_test[:1000])
        stop = keras.callbacks.TerminateOnNaN()  # which weights that are too large bring about
        history = model.fit(x, y, batch_size=64, epochs=epochs, callbacks=[stop], verbose=0).history
        if np.isfinite(history["loss"][-1]):
            accuracies[name] = model.evaluate(x_test, y_test, verbose=0)[1]
        reached = f"test accuracy {accuracies[name]:.1%}" if name in accuracies else "diverged"
        first, last = spreads[name][0], spreads[name][-1]
        print(f"{name:24} deviation {first:.1e} in layer 1, {last:.1e} in layer {DEPTH}; {reached}")
    plot(spreads, accuracies)
    print(f"figure: initialization {accuracies['he_normal']:.4f}")
    return float(accuracies["he_normal"])


def plot(spreads: dict[str, list[float]], accuracies: dict[str, float]) -> None:
    """The deviation of the outputs by layer, and the accuracy after training, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = ("#999999", "#0072b2", "#d55e00", "#e69f00", "#009e73")
    for (name, values), colour, marker in zip(spreads.items(), colours, "xso^D"):
        shown = [value if value > 0 else np.nan for value in values]  # a logarithmic scale has no 0
        label = name if any(values) else f"{name} (0 everywhere)"
        left.plot(range(1, DEPTH + 1), shown, marker=marker, markersize=4, color=colour, label=label)
    left.set(xlabel="layer", ylabel="standard deviation of the outputs", yscale="log", title="before training")
    left.legend(fontsize=8)
    bars = right.barh(list(spreads), [100 * accuracies.get(name, 0.0) for name in spreads], color=colours)
    labels = [f"{accuracies[name]:.1%}" if name in accuracies else "diverged" for name in spreads]
    right.bar_label(bars, labels, padding=3, fontsize=9)
    right.set(xlabel="test accuracy in percent", xlim=(0, 115), title="after training")
    right.invert_yaxis()
    figure.savefig(PLOT, dpi=90)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

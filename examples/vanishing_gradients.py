"""Vanishing and exploding gradients: the size of the gradient in each layer of deep networks, and who of them learns.

Backpropagation multiplies the gradient by W^T and by f'(z) in every layer. The derivative of the sigmoid is at most 1/4, so its gradient
shrinks about fourfold per layer or more; tanh with weights of the right size (Glorot and Bengio, 2010) and ReLU (He et al., arXiv:1502.01852)
keep it, and weights that are too large let it grow without bound. MNIST; ``--smoke`` takes the small digits that come with dualnet.
"""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import dualnet as keras
from dualnet import layers
from dualnet.visualization import gradient_norms, plot_gradients

PLOT = "vanishing_gradients.png"
DEPTH, UNITS = 20, 64
# activation, and the standard deviation of the weights as a multiple of 1 / sqrt(inputs)
NETWORKS = {
    "sigmoid": ("sigmoid", 1.0),
    "tanh": ("tanh", 1.0),
    "ReLU, weights of tanh": ("relu", 1.0),
    "ReLU, He": ("relu", math.sqrt(2)),
    "ReLU, twice as large": ("relu", 2 * math.sqrt(2)),
}


def network(activation: str, gain: float, shape: tuple[int, ...], skip: bool = False) -> Any:
    """DEPTH hidden layers. With `skip` a layer adds to its input, x + f(W x + b), as in a residual network (arXiv:1512.03385)."""
    keras.utils.set_random_seed(0)
    initializer = keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")
    inputs = keras.Input(shape)
    x = layers.Dense(UNITS, activation, kernel_initializer=initializer)(layers.Flatten()(inputs))
    for _ in range(DEPTH - 1):
        y = layers.Dense(UNITS, activation, kernel_initializer=initializer)(x)
        x = layers.Add()([x, 0.1 * y]) if skip else y
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(smoke: bool = False) -> float:
    warnings.simplefilter("ignore", keras.TrainingWarning)  # of these mistakes, which are made on purpose here
    data = keras.datasets.digits if smoke else keras.datasets.mnist
    (x, y), (x_test, y_test) = data.load_data()
    x, x_test = (images.astype("float32") / x.max() for images in (x, x_test))
    models = {name: network(*arguments, x.shape[1:]) for name, arguments in NETWORKS.items()}
    models["sigmoid, with skips"] = network("sigmoid", 1.0, x.shape[1:], skip=True)

    batch = x[:256], y[:256]
    norms = {name: list(gradient_norms(model, *batch).values()) for name, model in models.items()}
    plot(models, batch)
    print(f"gradients of {DEPTH} hidden layers of {UNITS} units, at the start")
    for name, values in norms.items():
        print(f"  {name:22} first layer {values[0]:.1e}, last layer {values[-1]:.1e}")
    # The ratio of two hidden layers, as decades per layer: 0 where the gradient keeps its size.
    shrinking = math.log10(norms["sigmoid"][DEPTH - 1] / norms["sigmoid"][1]) / (DEPTH - 2)
    print(f"with the sigmoid it shrinks by a factor of {10**shrinking:.1f} per layer; f' <= 1/4 alone makes 4.0")

    epochs = 2 if smoke else 3
    print(f"test accuracy after {epochs} epochs")
    for name, model in models.items():
        stop = keras.callbacks.TerminateOnNaN()
        history = model.fit(x, y, batch_size=64, epochs=epochs, callbacks=[stop], verbose=0).history
        learned = math.isfinite(history["loss"][-1])
        print(f"  {name:22} " + (f"{model.evaluate(x_test, y_test, verbose=0)[1]:.1%}" if learned else "diverged"))
    print(f"figure: vanishing_gradients {shrinking:.4f}")
    return shrinking


def plot(models: dict[str, Any], batch: Any) -> None:
    """The norm of the gradient by layer, as a PNG."""
    title = f"Gradients by layer, {DEPTH} hidden layers before the first step"
    figure = plot_gradients(models, *batch, title=title)
    figure.savefig(PLOT, dpi=90)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

"""Models of several forms, written for dualnet and for Keras alike, and small data to train them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 4)).astype("float32")
Y = RNG.integers(0, 3, size=16)


def subclass(K: Any) -> Any:
    """A model class of the user: layers as attributes, in lists, in a dictionary, in other layers, and a weight of its own."""

    class Block(K.layers.Layer):  # type: ignore[misc]
        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.zoo = [K.layers.Dense(units), [K.layers.Dense(units), K.layers.Activation("tanh")]]
            self.alpha = {"b": K.layers.Dense(units), "a": K.layers.Dense(units)}

        def build(self, input_shape: Any) -> None:
            self.gate = self.add_weight(shape=(self.units,), initializer="ones", name="gate")
            self.fixed = self.add_weight(shape=(), initializer="ones", trainable=False, name="fixed")

        def call(self, x: Any) -> Any:
            x = self.zoo[1][1](self.zoo[1][0](self.zoo[0](x)))
            return (self.alpha["a"](x) + self.alpha["b"](x)) * self.gate * self.fixed

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    class Net(K.Model):  # type: ignore[misc]
        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.beta = Block(units)
            self.blocks = [Block(units), Block(units)]
            self.top = K.layers.Dense(3, "softmax")

        def call(self, x: Any) -> Any:
            x = self.beta(x)
            for block in self.blocks:
                x = block(x)
            return self.top(x)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return Net(units=4)


def sequential(K: Any) -> Any:
    """Every constructor argument that a file must keep."""
    dense = {
        "kernel_initializer": K.initializers.HeNormal(seed=3),
        "kernel_regularizer": K.regularizers.L1L2(0.001, 0.002),
        "bias_regularizer": "l2",
        "kernel_constraint": K.constraints.MaxNorm(3.0, axis=1),
    }
    return K.Sequential(
        [
            K.Input((4,), name="data"),
            K.layers.Dense(6, "relu", name="first", **dense),
            K.layers.Dropout(0.25, seed=1),
            K.layers.Reshape((2, 3)),
            K.layers.Flatten(),
            K.layers.Activation("tanh"),
            K.layers.Dense(3, use_bias=False),
            K.layers.Activation("softmax"),
        ],
        name="everything",
    )


def nested(K: Any) -> Any:
    """A model inside a model, one part of it frozen."""
    inner = K.Sequential([K.layers.Dense(5, "tanh"), K.layers.Dense(4)], name="inner")
    model = K.Sequential([K.Input((4,)), inner, K.layers.Dense(3, "softmax")])
    inner.layers[0].trainable = False
    return model


def functional(K: Any) -> Any:
    """A shared layer, and an op."""
    x = K.Input((4,), name="x")
    shared = K.layers.Dense(4, "relu", name="shared")
    return K.Model(x, K.layers.Dense(3, "softmax")(shared(shared(x)) + x), name="graph")


MODELS: dict[str, Callable[[Any], Any]] = {
    "sequential": sequential, "nested": nested, "functional": functional, "subclass": subclass,
}  # fmt: skip
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda K: K.optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=2.0),
    "adam": lambda K: K.optimizers.Adam(0.01, amsgrad=True, weight_decay=0.001),
    "rmsprop": lambda K: K.optimizers.RMSprop(0.01, centered=True, momentum=0.4),
}


def classes_of(model: Any) -> dict[str, Any]:
    """The user's classes in a model, as ``custom_objects``."""
    classes = [type(model), *(type(layer) for layer in model.layers)]
    return {c.__name__: c for c in classes if "<locals>" in c.__qualname__}


def trained(K: Any, model: str, optimizer: str = "adam", steps: int = 3) -> Any:
    """A model after a few updates without chance, so that its optimizer has a state."""
    network = MODELS[model](K)
    network(X[:1])
    rng = np.random.default_rng(7)
    network.set_weights([rng.normal(scale=0.5, size=w.shape).astype(w.dtype) for w in network.get_weights()])
    network.compile(OPTIMIZERS[optimizer](K), "sparse_categorical_crossentropy", metrics=["accuracy"])
    go_on(network, steps)
    return network


def go_on(model: Any, steps: int = 3) -> list[Any]:
    """The losses of more updates. Dropout is left out: its masks are not what is compared."""
    for layer in model.layers:
        if type(layer).__name__ == "Dropout":
            layer.rate = 0.0
    return [model.train_on_batch(X, Y)[0] for _ in range(steps)]

"""Everything that is drawn on the host, as Keras draws it with its NumPy backend: the cases of ``test_initializers.py``.

Run as a program, it prints what Keras gives, as JSON; with ``--write`` it puts that beside itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

INITIALIZERS: list[tuple[str, dict[str, Any]]] = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 2.5}),
    ("Identity", {"gain": 0.5}),
    ("RandomNormal", {"mean": 0.3, "stddev": 2.0}),
    ("TruncatedNormal", {"mean": -0.2, "stddev": 0.7}),
    ("RandomUniform", {"minval": -3.0, "maxval": 0.5}),
    ("VarianceScaling", {"scale": 0.7, "mode": "fan_out", "distribution": "uniform"}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_avg", "distribution": "untruncated_normal"}),
    ("VarianceScaling", {"mode": "fan_in", "distribution": "truncated_normal"}),
    ("GlorotUniform", {}),
    ("GlorotNormal", {}),
    ("HeUniform", {}),
    ("HeNormal", {}),
    ("LecunUniform", {}),
    ("LecunNormal", {}),
    ("Orthogonal", {"gain": 1.5}),
]
SHAPES = [(7, 5), (5, 7), (6, 6), (1, 4), (3, 3, 2, 8)]
PLAIN = ("Zeros", "Ones", "Constant", "Identity")


def initializer(K: Any, name: str, options: dict[str, Any]) -> list[Any]:
    """Values of all shapes, from a fixed seed, from the seed of the program, and from one object used twice."""
    make = getattr(K.initializers, name)
    drawn = []
    for seed in (1, 2**31 - 1):
        K.utils.set_random_seed(seed)
        for shape in SHAPES if name != "Identity" else SHAPES[:4]:
            one = make(**options) if name in PLAIN else make(**options, seed=seed)
            drawn += [one(shape), make(**options)(shape)]
            if name != "Orthogonal":  # for which Keras computes in float32 and has no float16
                drawn += [make(**options)(shape, dtype=d) for d in ("float64", "float16")]
                drawn += [one(shape, dtype="float64")]
        if name not in ("Identity", "Orthogonal"):
            drawn += [make(**options)((9,)), make(**options)(())]
    return drawn


def sequential(K: Any) -> list[Any]:
    """Every layer takes seeds as it is made: initializers, and dropout in between."""
    drawn = []
    for seed in (0, 42):
        K.utils.set_random_seed(seed)
        stack = [
            K.layers.Dense(6, kernel_initializer="he_normal", bias_initializer="random_uniform"),
            K.layers.Dropout(0.3),
            K.layers.Dropout(0.0),
            K.layers.Dense(5, "relu", kernel_initializer=K.initializers.Orthogonal(seed=3)),
            K.layers.Dropout(0.3, seed=9),
            K.layers.Dense(4, use_bias=False, kernel_initializer="lecun_normal"),
            K.layers.Dense(3),
        ]
        model = K.Sequential([K.Input((7,)), *stack])
        drawn += [*model.get_weights(), *K.Sequential([K.layers.Dense(2, input_shape=(3,))]).get_weights()]
    return drawn


def subclassed(K: Any) -> list[Any]:
    """Weights that are made later than the layers, and one initializer for two weights."""

    class Net(K.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            shared = K.initializers.GlorotUniform()
            self.first = K.layers.Dense(4, kernel_initializer=shared)
            self.second = K.layers.Dense(4, kernel_initializer=shared)
            self.own = self.add_weight(shape=(4, 4), initializer="random_normal", name="own")

        def call(self, x: Any) -> Any:
            return self.second(self.first(x)) + self.own

    K.utils.set_random_seed(11)
    net = Net()
    net(np.ones((4, 4), "float32"))
    return list(net.get_weights())


def randoms(K: Any) -> list[Any]:
    """``keras.random`` with a seed, with a generator that moves on, and with the seed of the program."""
    drawn = []
    for _ in range(2):
        K.utils.set_random_seed(5)
        generator, later = K.random.SeedGenerator(3), K.random.SeedGenerator()
        for seed in (8, generator, generator, later, None, None, None):
            drawn += [
                K.random.normal((3, 2), 1.0, 0.5, seed=seed),
                K.random.uniform((3, 2), -1.0, 2.0, seed=seed, dtype="float64"),
                K.random.truncated_normal((5,), 0.5, 2.0, seed=seed),
                K.random.randint((7,), -3, 9, seed=seed),
                K.random.randint((4,), 0, 2**40, dtype="int64", seed=seed),
            ]
    return drawn


CASES: dict[str, Callable[[Any], list[Any]]] = {
    **{
        ",".join([name, *(f"{k}={v}" for k, v in options.items())]): partial(initializer, name=name, options=options)
        for name, options in INITIALIZERS
    },
    "Sequential": sequential,
    "subclass": subclassed,
    "random": randoms,
}


def digest(arrays: list[Any]) -> dict[str, Any]:
    """A hash of shapes, dtypes and bytes, for the same machine; and a few numbers that hold on every machine."""
    hashed = hashlib.sha256()
    drawn = [np.ascontiguousarray(a) for a in arrays]
    for a in drawn:
        hashed.update(f"{a.shape}{a.dtype}".encode() + a.tobytes())
    numbers = [[float(a.flat[0]), float(a.flat[-1]), float(np.square(a, dtype="float64").mean())] for a in drawn]
    return {"numbers": numbers, "sha256": hashed.hexdigest()}


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "numpy"
    import keras

    results = {name: digest(case(keras)) for name, case in CASES.items()}
    print(json.dumps(results))
    if "--write" in sys.argv:
        numbers = {name: [[float(f"{v:.7g}") for v in row] for row in r["numbers"]] for name, r in results.items()}
        text = ",\n".join(f"{json.dumps(name)}: {json.dumps(rows)}" for name, rows in numbers.items())
        Path(__file__).with_suffix(".json").write_text("{\n" + text + "\n}\n", encoding="utf-8")

"""What Discretization, CategoryEncoding and Normalization give for awkward inputs, to be compared with Keras.

Frozen with keras 3.15.1 on JAX, beside TensorFlow 2.21: ``python -m tests.parity tests.layers.preprocessing_cases``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

CASES: dict[str, Callable[[Any], Any]] = {}
MODES = ("int", "one_hot", "multi_hot", "count")


def shape_and_values(value: Any) -> Any:
    """Shape and values; what is not finite as text, which JSON has no number for."""
    if isinstance(value, (list, tuple)):
        return [shape_and_values(v) for v in value]
    array = np.asarray(value).astype(float)
    return [list(array.shape), [v if np.isfinite(v) else str(v) for v in array.reshape(-1).tolist()]]


INF, NAN = np.inf, np.nan
INPUTS: dict[str, Any] = {
    "no axes": np.float32(0.5),
    "edges": np.array([-1.0, 0.0, 0.5, 1.0, 2.5, INF, -INF, NAN], "float32"),
    "rows": np.array([[-1.0, 0.3], [2.0, 9.0]], "float32"),
    "column": np.array([[0.1], [1.0]], "float32"),
    "three axes": np.linspace(-1, 2, 12, dtype="float32").reshape(2, 2, 3),
    "whole": np.array([[0, 1, 5]]),
    "empty": np.zeros((0, 3), "float32"),
}
for _mode in MODES:
    for _name, _x in INPUTS.items():
        CASES[f"discretization {_mode} {_name}"] = lambda k, m=_mode, x=_x: shape_and_values(
            k.layers.Discretization(bin_boundaries=[0.0, 0.5, 1.0], output_mode=m)(x)
        )

RNG = np.random.default_rng(7)
DATA: dict[str, Any] = {
    "normal": RNG.normal(size=1000).astype("float32"),
    "all the same": np.ones(50, "float32"),
    "few": np.array([3.0, 1.0, 2.0], "float32"),
    "one": np.array([3.0], "float32"),
    "rows": RNG.normal(size=(40, 3)).astype("float32"),
    "whole": np.arange(100),
    "repeated": np.repeat([1.0, 2.0, 5.0], [50, 30, 20]).astype("float32"),
    "many": RNG.exponential(size=20000).astype("float32"),
}


def learned(k: Any, parts: Any, **options: Any) -> Any:
    layer = k.layers.Discretization(**options)
    if isinstance(parts, list):
        for part in parts:
            layer.update_state(part)
        layer.finalize_state()
    else:
        layer.adapt(parts)
    return [shape_and_values(layer.bin_boundaries), shape_and_values(layer(np.array([0.0, 1.0, 2.0, 3.0], "float32")))]


for _bins in (1, 2, 3, 10):
    for _epsilon in (0.01, 0.1, 0.5):
        for _name, _x in DATA.items():
            CASES[f"adapt {_bins} {_epsilon} {_name}"] = lambda k, b=_bins, e=_epsilon, x=_x: learned(
                k, x, num_bins=b, epsilon=e
            )
CASES["in parts"] = lambda k: learned(k, np.split(np.sort(DATA["normal"]), 4), num_bins=5)

IDS: dict[str, Any] = {
    "no axes": np.array(2),
    "one axis": np.array([0, 2, 2, 1]),
    "rows": np.array([[0, 1, 1], [3, 3, 0]]),
    "column": np.array([[1], [3]]),
    "three axes": np.array([[[0, 1], [2, 2]], [[1, 1], [3, 0]]]),
    "empty": np.zeros((0, 3), int),
}
for _mode in MODES[1:]:
    for _name, _x in IDS.items():
        CASES[f"encoding {_mode} {_name}"] = lambda k, m=_mode, x=_x: shape_and_values(
            k.layers.CategoryEncoding(4, output_mode=m)(x)
        )
for _name, _weights in {
    "one axis": np.array([0.5, 1, 2, 3], "float32"),
    "rows": np.array([[0.1, 0.2, 0.3], [1, 2, 3]], "float32"),
    "column": np.array([[0.1], [0.2]], "float32"),
}.items():
    CASES[f"weighted {_name}"] = lambda k, x=IDS[_name], w=_weights: shape_and_values(
        k.layers.CategoryEncoding(4, output_mode="count")(x, count_weights=w)
    )

SAMPLES = RNG.normal(size=(6, 2, 3)).astype("float32") * 3 + 5


def normalized(k: Any, x: Any, **options: Any) -> Any:
    layer = k.layers.Normalization(**options)
    if "mean" not in options:
        layer.adapt(x)
        return [shape_and_values(layer(x)), shape_and_values(layer.mean), shape_and_values(layer.variance)]
    return shape_and_values(layer(x))


for _options in (
    {},
    {"axis": None},
    {"axis": 0},
    {"axis": (1, 2)},
    {"axis": (-1, 0)},
    {"invert": True},
    {"mean": 2.0, "variance": 4.0},
    {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 0.25]},
    {"axis": (-2, -1), "mean": [1.0, 2.0, 3.0], "variance": [1.0, 2.0, 3.0]},
):
    CASES[f"normalization {_options}"] = lambda k, o=_options: normalized(k, SAMPLES, **o)
for _name, _x in {
    "constant": np.ones((5, 2), "float32"),
    "whole": np.arange(12).reshape(6, 2),
    "one axis": np.arange(5.0).astype("float32"),
    "not a number": np.array([[1.0], [NAN]], "float32"),
    "one sample": np.array([[3.0, 4.0]], "float32"),
}.items():
    for _axis in (-1, None):
        CASES[f"normalization of {_name} {_axis}"] = lambda k, x=_x, a=_axis: normalized(k, x, axis=a)

"""Losses, metrics and weights for models with several outputs, in every structure that they can be given in: the cases of
``test_structures.py`` (see ``tests/parity.py``)."""

from __future__ import annotations

from collections import namedtuple
from functools import partial
from typing import Any

import numpy as np

from .fit_cases import set_weights

Pair = namedtuple("Pair", ["p", "q"])
RNG = np.random.default_rng(21)
N = 10  # with batches of 4 the last one is smaller
X = RNG.random((N, 3)).astype("float32")
A = RNG.random((N, 1)).astype("float32")
B = RNG.random((N, 2)).astype("float32")
W = RNG.random(N).astype("float32")


def arranged(structure: str, a: Any, b: Any) -> Any:
    """What belongs to the outputs "a" and "b", in a structure."""
    return {
        "one": a,
        "one in a list": [a],
        "one in a dict": {"p": a},
        "list": [a, b],
        "tuple": (a, b),
        "dict": {"q": b, "p": a},
        "named": Pair(a, b),
        "nested": {"p": (a, b), "q": a},
    }[structure]


def functional(K: Any, structure: str) -> Any:
    x = K.Input((3,))
    ends = [K.layers.Dense(n, name=name)(x) for n, name in ((1, "a"), (2, "b"))]
    model = K.Model(x, arranged(structure, *ends))
    set_weights(model)
    return model


def subclassed(K: Any, structure: str) -> Any:
    class Mine(K.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = K.layers.Dense(1), K.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return arranged(structure, self.one(x), self.two(x))

    model = Mine()
    model(X)
    set_weights(model)
    return model


def run(
    K: Any, structure: str, make: Any = functional, y: Any = None, sample_weight: Any = None, **arguments: Any
) -> Any:
    """The history of two epochs."""
    model = make(K, structure)
    if "make_loss" in arguments:
        arguments["loss"] = arguments.pop("make_loss")(K)
    model.compile(K.optimizers.SGD(0.1), **arguments)
    y = arranged(structure, A, B) if y is None else y
    history = model.fit(X, y, sample_weight=sample_weight, batch_size=4, epochs=2, shuffle=False, verbose=0)
    return {name: history.history[name] for name in sorted(history.history)}


def distance(K: Any) -> Any:
    """A loss of two outputs at once."""

    def apart(y_true: Any, y_pred: Any) -> Any:
        t, p = ([v[k] for k in sorted(v)] if isinstance(v, dict) else list(v) for v in (y_true, y_pred))
        first = K.ops.mean(K.ops.square(t[0] - p[0]), axis=-1)
        return first + 0.5 * K.ops.mean(K.ops.abs(t[1] - p[1]), axis=-1)

    return apart


CASES: dict[str, Any] = {}
for _structure in ("list", "tuple", "dict", "named"):
    _names = ("p", "q") if _structure == "dict" else ("a", "b")
    _by_name = dict(zip(_names, ("mse", "mae")))
    for _title, _arguments in {
        "one loss": {"loss": "mse"},
        "a list": {"loss": ["mse", "mae"], "loss_weights": [1.0, 2.0], "metrics": ["mae", "mse"]},
        "a tuple": {"loss": ("mse", "mae"), "loss_weights": (1.0, 2.0)},
        "one weight": {"loss": "mse", "loss_weights": 3.0},
        "one of them": {"loss": ["mse", None], "metrics": [["mae"], ["mse", "mae"]]},
        "sample weights": {
            "loss": ["mse", "mae"],
            "sample_weight": W,
            "metrics": [["mae"], []],
            "weighted_metrics": [["mae"], ["mse"]],
        },
        "sample weights of each": {"loss": ["mse", "mae"], "sample_weight": arranged(_structure, W, W[::-1].copy())},
        "a list of labels": {"loss": ["mse", "mae"], "y": [A, B]},
    }.items():
        CASES[f"{_structure}, {_title}"] = partial(run, structure=_structure, **_arguments)
    if _structure != "named":
        _named = {"loss": _by_name, "metrics": {_names[1]: ["mae", "mse"]}, "weighted_metrics": {_names[0]: "mse"}}
        CASES[f"{_structure}, by name"] = partial(
            run, structure=_structure, loss_weights=dict(zip(_names, (0.5, 2.0))), **_named
        )
        CASES[f"{_structure}, labels by name"] = partial(
            run, structure=_structure, loss="mse", y=dict(zip(_names, (A, B)))
        )
    CASES[f"{_structure}, subclassed"] = partial(
        run, structure=_structure, make=subclassed, loss=["mse", "mae"], metrics=[["mae"], ["mse"]]
    )
for _structure in ("one", "one in a list", "one in a dict"):
    _key = "p" if _structure == "one in a dict" else "a"
    CASES[f"{_structure}, a loss"] = partial(run, structure=_structure, y=A, loss="mse", metrics=["mae"])
    CASES[f"{_structure}, in structures"] = partial(
        run, structure=_structure, loss=["mse"], loss_weights=[2.0], metrics=[["mae", "mse"]]
    )
    CASES[f"{_structure}, by name"] = partial(run, structure=_structure, loss={_key: ["mse"]}, metrics={_key: ["mae"]})
CASES["one, weights in a list"] = partial(run, structure="one", y=A, loss="mse", sample_weight=[W])
CASES["a loss of both, and one of each"] = partial(
    run, structure="tuple", make_loss=lambda K: [distance(K), ("mse", "mae")], loss_weights=[1.0, (0.5, 2.0)]
)
CASES["a loss of both, and one of each, in a dict"] = partial(
    run, structure="dict", make_loss=lambda K: [distance(K), {"p": "mse", "q": "mae"}]
)
CASES["nested, some"] = partial(
    run, structure="nested", make_loss=lambda K: {"p": [distance(K), (None, "mae")], "q": "mse"}
)

"""Drawn combinations of the arguments of recurrent layers, with what to call each on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dualnet import layers

KINDS = ("SimpleRNN", "LSTM", "GRU")
ACTIVATIONS = ("tanh", "tanh", "relu", "elu", "softsign", "sigmoid", None)
RECURRENT = ("sigmoid", "sigmoid", "hard_sigmoid", "relu6", "tanh")


class RNNCase(NamedTuple):
    """A layer as (class, arguments), where arguments may again be such pairs, and the arrays it is called on.

    x: (batch, steps, features).  states: of the first step, or None.  mask: (batch, steps), or None.  seed: of the weights.
    """

    layer: tuple[str, dict[str, Any]]
    x: Any
    states: list[Any] | None
    mask: Any
    seed: int

    def make(self, module: Any = layers) -> Any:
        return make(self.layer, module)

    def weights(self, shapes: list[Any]) -> list[Any]:
        """Values for weights of these shapes."""
        random = np.random.default_rng(self.seed)
        return [random.uniform(-0.8, 0.8, shape).astype("float32") for shape in shapes]


def make(description: Any, module: Any = layers) -> Any:
    """The layer, of dualnet or of Keras."""
    name, arguments = description

    def value(v: Any) -> Any:
        if isinstance(v, list):
            return [value(item) for item in v]
        return make(v, module) if isinstance(v, tuple) else v

    return getattr(module, name)(**{key: value(v) for key, v in arguments.items()})


def draw(number: int, kind: str | None = None) -> RNNCase:
    """The case of a number. kind: of the layer; by default any, also wrapped, stacked, or around a cell."""
    random = np.random.default_rng(number)

    def flip(probability: float = 0.5) -> bool:
        return bool(random.random() < probability)

    batch, steps, features = (int(n) for n in random.integers(1, (4, 6, 5)))
    masked = flip(0.45)
    common = {name: flip() for name in ("return_sequences", "return_state", "go_backwards")}
    # Unrolled, Keras does not look at zero_output_for_mask and begins with an output of zeros before the first step.
    common |= {"unroll": True} if not masked and flip(0.3) else {}
    common |= {"zero_output_for_mask": True} if masked and flip() else {}
    form = (
        "plain" if kind else str(random.choice(["plain", "plain", "plain", "both ways", "both ways", "cell", "stack"]))
    )
    names = [kind] if kind else [str(name) for name in random.choice(KINDS, size=3)]
    states: list[int | list[int]]
    if form == "plain":
        arguments = _cell_arguments(names[0], random)
        layer = names[0], {**arguments, **common}
        states = _state_sizes(names[0], arguments)
    elif form == "cell":
        arguments = _cell_arguments(names[0], random)
        layer = "RNN", {"cell": (f"{names[0]}Cell", arguments), **common}
        states = _state_sizes(names[0], arguments)
    elif form == "stack":
        cells = [(f"{name}Cell", _cell_arguments(name, random)) for name in names[: int(random.integers(2, 4))]]
        layer = "RNN", {"cell": cells, **common}
        states = [_state_sizes(name.removesuffix("Cell"), arguments) for name, arguments in cells]
    else:
        layer, states = _bidirectional(names, common, random)
    given = flip(0.4)
    return RNNCase(
        layer,
        _array(random, batch, steps, features),
        _arrays(states, batch, random) if given else None,
        random.random((batch, steps)) < 0.6 if masked else None,
        number,
    )


def _cell_arguments(kind: str, random: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "units": int(random.integers(1, 6)),
        "activation": ACTIVATIONS[random.integers(len(ACTIVATIONS))],
        "use_bias": bool(random.random() < 0.75),
    }
    if kind != "SimpleRNN":
        arguments["recurrent_activation"] = RECURRENT[random.integers(len(RECURRENT))]
        arguments["implementation"] = int(random.integers(1, 3))
    if kind == "GRU":
        arguments["reset_after"] = bool(random.random() < 0.5)
    if random.random() < 0.3:  # which is for training
        arguments |= {"dropout": 0.3, "recurrent_dropout": 0.2}
    return arguments


def _bidirectional(names: list[str], common: dict[str, Any], random: Any) -> tuple[Any, list[Any]]:
    forward = _cell_arguments(names[0], random)
    mode = (None, "concat", "sum", "mul", "ave")[random.integers(5)]
    arguments: dict[str, Any] = {"layer": (names[0], {**forward, **common, "name": "inner"}), "merge_mode": mode}
    states = _state_sizes(names[0], forward)
    if random.random() < 0.5:
        arguments["layer"][1]["go_backwards"] = False
        return ("Bidirectional", arguments), states * 2
    backward = _cell_arguments(names[1], random)
    if mode not in (None, "concat"):
        backward["units"] = forward["units"]
    if len(_state_sizes(names[1], backward)) != len(states):  # half of the initial states are for each
        backward, names[1] = {**forward}, names[0]
    common = {**common, "go_backwards": not common["go_backwards"], "name": "other"}
    arguments["backward_layer"] = names[1], {**backward, **common}
    return ("Bidirectional", arguments), states + _state_sizes(names[1], backward)


def _state_sizes(kind: str, arguments: dict[str, Any]) -> list[Any]:
    return [arguments["units"]] * (2 if kind == "LSTM" else 1)


def _arrays(sizes: list[Any], batch: int, random: Any) -> list[Any]:
    return [_arrays(n, batch, random) if isinstance(n, list) else _array(random, batch, n) for n in sizes]


def _array(random: Any, *shape: int) -> Any:
    return random.uniform(-1, 1, shape).astype("float32")

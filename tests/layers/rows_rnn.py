"""The layer table: recurrent layers and cells.

Drawn combinations of their arguments are compared with Keras in test_rnn_parity.py.
"""

from __future__ import annotations

from typing import Any

from .cases import B, Case, F, case, inside

X = F((3, 5, 4))
STEP = F((3, 4))
H = F((3, 2))
T = B((3, 5))
ALL = {"return_sequences": True, "return_state": True}
INITIAL = {"class_name": "RandomUniform", "config": {"minval": -0.3, "maxval": 0.4, "seed": 3}}
OPTIONS: dict[str, Any] = {
    "kernel_regularizer": "l2", "recurrent_constraint": "max_norm", "bias_initializer": INITIAL, "recurrent_initializer": INITIAL,
}  # fmt: skip
PENALTY = {"class_name": "L1", "config": {"l1": 0.5}}
STACK = [inside("LSTMCell", units=3, name="first"), inside("GRUCell", units=2, name="second")]


def step(cell: str, state: F, **kwargs: Any) -> Case:
    """A cell, called on one step and its state; those of an LSTM are in one tensor, which is taken apart as a list is."""
    return case(cell, STEP, state, units=2, **kwargs).but(separate=True)


def rnn(cell: Any, **kwargs: Any) -> Case:
    return case("RNN", X, cell=cell, **kwargs)


def bidirectional(layer: str, **kwargs: Any) -> Case:
    options = {name: kwargs.pop(name) for name in ("return_sequences", "return_state", "activation") if name in kwargs}
    return case("Bidirectional", X, layer=inside(layer, units=2, name="inner", **options), **kwargs)


ROWS: list[Case] = [
    step("SimpleRNNCell", H),
    step("SimpleRNNCell", H, use_bias=False, activation="relu"),
    step("GRUCell", H),
    step("GRUCell", H, reset_after=False, recurrent_activation="hard_sigmoid", activation=None),
    step("LSTMCell", F((2, 3, 2))),
    step("LSTMCell", F((2, 3, 2)), unit_forget_bias=False, activation="softsign"),
    case("StackedRNNCells", STEP, cells=STACK[1:]).called(states=[F((3, 2))]).but(
        separate=True, keras="Keras 3.15 takes the list of a stack of one cell away"
    ),
    *[
        row
        for layer in ("SimpleRNN", "LSTM", "GRU")
        for row in (
            case(layer, X, units=2),
            case(layer, X, units=2, **ALL, **OPTIONS),
            case(layer, X, units=3, **ALL, go_backwards=True, use_bias=False).masked(T),
            case(layer, X, units=2, activation="relu", unroll=True, **ALL),
            case(layer, X, units=2, return_sequences=True, dropout=0.4, recurrent_dropout=0.2),  # for training
            case(layer, X, units=2, return_sequences=True, zero_output_for_mask=True).masked(T),
            case(layer, F((1, 1, 1)), units=1, return_state=True),
        )
    ],
    case("SimpleRNN", X, units=2, **ALL).called(initial_state=H),
    case("GRU", X, units=2, **ALL).called(initial_state=[H], mask=T),
    case("LSTM", X, units=2, **ALL).called(initial_state=[H, H], mask=T),
    case("GRU", X, units=2, reset_after=False, activity_regularizer=PENALTY, **ALL),
    case("SimpleRNN", X, units=2, activity_regularizer=PENALTY, seed=3).but(keras="its config loses both"),
    case("LSTM", X, units=2, activity_regularizer=PENALTY, seed=3),
    case("LSTM", X, units=2, unit_forget_bias=False, recurrent_activation="hard_sigmoid", activation=None),
    rnn(inside("LSTMCell", units=2, activation="elu", name="own"), **ALL),
    rnn(inside("StackedRNNCells", cells=STACK), **ALL),
    rnn(STACK, return_sequences=True, go_backwards=True).masked(T),
    *[bidirectional("LSTM", merge_mode=mode) for mode in ("concat", "sum", "mul", "ave", None)],
    bidirectional("GRU", **ALL),
    bidirectional("LSTM", merge_mode=None, **ALL),
    bidirectional("SimpleRNN", return_sequences=True, merge_mode="sum").masked(T),
    bidirectional("LSTM", return_state=True).called(initial_state=[H, H, H, H], mask=T),
    bidirectional(
        "SimpleRNN", backward_layer=inside("GRU", units=3, go_backwards=True, name="other"), merge_mode="concat"
    ),
    case("TimeDistributed", F((2, 3, 5, 4)), layer=inside("LSTM", units=2, name="inside")),
]  # fmt: skip

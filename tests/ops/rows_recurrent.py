"""The op table: recurrent networks, sample by sample and step by step as Keras defines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dualnet.ops.nn import recurrent

from .cases import B, F, Sample, call, other

Cell = Callable[[Any, tuple[Any, ...], Any], tuple[Any, ...]]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def unrolled(
    cell: Cell,
    x: Any,
    states: tuple[Any, ...],
    mask: Any,
    recurrent_mask: Any,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_sequences: bool = True,
) -> tuple[Any, ...]:
    """The outputs and the states of ``cell(x, states, recurrent mask) -> states``, for one sample and one step at a time."""
    batch, steps, _ = x.shape
    states = tuple(s.copy() for s in states)
    outputs = np.zeros((batch, steps, states[0].shape[1]))
    for b in range(batch):
        shown = np.zeros(states[0].shape[1])
        for n, t in enumerate(reversed(range(steps)) if go_backwards else range(steps)):
            if mask is None or mask[b, t]:
                new = cell(x[b, t], tuple(s[b] for s in states), 1.0 if recurrent_mask is None else recurrent_mask[b])
                for s, value in zip(states, new):
                    s[b] = value
                shown = new[0]
            elif zero_output_for_mask:
                shown = np.zeros_like(shown)
            outputs[b, n] = shown
    if not return_sequences:
        outputs = outputs[:, -1] if steps else np.zeros_like(states[0])
    return outputs, *states


def lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any = None, mask: Any = None, recurrent_mask: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    def cell(x: Any, states: tuple[Any, ...], dropped: Any) -> tuple[Any, ...]:
        h, c = states
        i, f, g, o = np.split(x @ kernel + (h * dropped) @ recurrent_kernel + (0 if bias is None else bias), 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    return unrolled(cell, x, (h, c), mask, recurrent_mask, **options)


def gru(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any = None, mask: Any = None, recurrent_mask: Any = None,
    reset_after: bool = True, **options: Any,
) -> Any:  # fmt: skip
    columns = kernel.shape[1]
    first, second = np.zeros((2, columns)) if bias is None else np.broadcast_to(bias, (2, columns))
    if bias is None or bias.ndim == 1:
        second = np.zeros(columns)

    def cell(x: Any, states: tuple[Any, ...], dropped: Any) -> tuple[Any, ...]:
        (h,) = states
        kept = h * dropped
        az, ar, ag = np.split(x @ kernel + first, 3)
        sz, sr, sg = np.split(kept @ recurrent_kernel + second, 3)
        z, r = sigmoid(az + sz), sigmoid(ar + sr)
        g = np.tanh(ag + (r * sg if reset_after else (r * kept) @ recurrent_kernel[:, 2 * columns // 3 :]))
        return (z * h + (1 - z) * g,)

    return unrolled(cell, x, (h,), mask, recurrent_mask, **options)


def simple(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any = None, mask: Any = None, recurrent_mask: Any = None,
    activation: str = "tanh", **options: Any,
) -> Any:  # fmt: skip
    functions: dict[str, Any] = {"tanh": np.tanh, "linear": lambda a: a, "relu": lambda a: np.maximum(a, 0)}

    def cell(x: Any, states: tuple[Any, ...], dropped: Any) -> tuple[Any, ...]:
        a = x @ kernel + (states[0] * dropped) @ recurrent_kernel + (0 if bias is None else bias)
        return (functions[activation](a),)

    return unrolled(cell, x, (h,), mask, recurrent_mask, **options)


def samples(gates: int, states: int, *options: dict[str, Any]) -> list[Sample]:
    """With and without a bias, masks and dropout, one step and several, and each of ``options``."""

    def sample(steps: int = 4, features: int = 2, units: int = 5, bias: Any = (), mask: bool = False, dropped: bool = False,
               batch: int = 3, **options: Any) -> Sample:  # fmt: skip
        kernels = F((features, gates * units)), F((units, gates * units), -0.7, 0.7)
        given: list[Any] = [F((batch, steps, features)), *[F((batch, units))] * states, *kernels]
        given.append(None if bias is None else F((*bias, gates * units)))
        given += [B((batch, steps)) if mask else None, F((batch, units), 0.0, 2.0) if dropped else None]
        while given[-1] is None:
            given.pop()
        return call(*given, **options)

    return [
        sample(),
        sample(bias=None),
        sample(steps=1, features=1, units=1),
        sample(steps=6, mask=True),
        sample(steps=6, mask=True, zero_output_for_mask=True, go_backwards=True),
        sample(mask=True, dropped=True, return_sequences=False),
        sample(steps=3, mask=True, zero_output_for_mask=True, return_sequences=False, bias=None),
        sample(dropped=True, go_backwards=True, batch=1),
        sample(go_backwards=True, return_sequences=False, features=7, units=2),
        *(sample(**{"mask": n % 2 == 1, **more}) for n, more in enumerate(options)),
    ]


ROWS = [
    other(recurrent.lstm, lstm, *samples(4, 2)),
    other(
        recurrent.gru,
        gru,
        *samples(3, 1, {"bias": (2,)}, {"bias": (2,)}, {"bias": (2,), "dropped": True}),
        *samples(
            3,
            1,
            {"reset_after": False, "dropped": True},
            {"reset_after": False, "bias": None},
            {"reset_after": False, "return_sequences": False},
        )[-3:],
    ),
    other(
        recurrent.simple_rnn,
        simple,
        *samples(1, 1, {"activation": "relu"}, {"activation": "linear", "dropped": True}),
    ),
]

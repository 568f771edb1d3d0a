"""Recurrent networks. Without a mask they are ONNX's own operators; with one they are a ``Scan`` over the steps, which can keep the
states of a sample wherever its mask says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activation import activated
from .graph import Graph, T, exporter
from .shape import sliced

_NAMES = {"tanh": "Tanh", "relu": "Relu", "linear": "Affine", "elu": "Elu"}


@exporter("lstm")
def lstm(
    g: Graph, x: T, h: T, c: T, kernel: T, recurrent_kernel: T, bias: T | None, mask: T | None, recurrent_mask: T | None,
    go_backwards: bool, zero_output_for_mask: bool, return_sequences: bool,
) -> tuple[T, ...]:  # fmt: skip
    if mask is not None or recurrent_mask is not None:

        def step(b: Graph, x_t: T, states: list[T]) -> list[T]:
            previous, cell = states
            z = b.op("Add", x_t, b.op("MatMul", _masked(b, previous, recurrent_mask), _weight(b, recurrent_kernel)))
            i, f, o, n = (z_ for z_ in _gates(b, z, (0, 1, 3, 2), 4))
            i, f, o = (b.op("Sigmoid", v) for v in (i, f, o))
            cell = b.op("Add", b.op("Mul", f, cell), b.op("Mul", i, b.op("Tanh", n)))
            return [b.op("Mul", o, b.op("Tanh", cell)), cell]

        return _scan(g, x, [h, c], kernel, bias, mask, step, go_backwards, zero_output_for_mask, return_sequences)
    w, r = (_columns(g, v, (0, 3, 1, 2)) for v in (kernel, recurrent_kernel))  # i, f, g, o -> i, o, f, g
    b = None if bias is None else _biases(g, _columns(g, bias, (0, 3, 1, 2)), None)
    return _native(g, "LSTM", x, [h, c], w, r, b, go_backwards, return_sequences)


@exporter("gru")
def gru(
    g: Graph, x: T, h: T, kernel: T, recurrent_kernel: T, bias: T | None, mask: T | None, recurrent_mask: T | None,
    reset_after: bool, go_backwards: bool, zero_output_for_mask: bool, return_sequences: bool,
) -> tuple[T, ...]:  # fmt: skip
    inner = second = None
    if bias is not None:
        two = bias.shape is not None and len(bias.shape) == 2
        inner = _row(g, bias, 0) if two else bias
        second = _row(g, bias, 1) if two else None
    if mask is not None or recurrent_mask is not None:

        def step(b: Graph, x_t: T, states: list[T]) -> list[T]:
            (previous,) = states
            seen, weight = _masked(b, previous, recurrent_mask), _weight(b, recurrent_kernel)
            xz, xr, xh = _gates(b, x_t, (0, 1, 2), 3)
            wz, wr, wh = _gates(b, weight, (0, 1, 2), 3)
            offsets = [None] * 3 if second is None else list(_gates(b, _weight(b, second), (0, 1, 2), 3))

            def product(state: T, part: T, offset: T | None) -> T:
                y = b.op("MatMul", state, part)
                return y if offset is None else b.op("Add", y, offset)

            z = b.op("Sigmoid", b.op("Add", xz, product(seen, wz, offsets[0])))
            r = b.op("Sigmoid", b.op("Add", xr, product(seen, wr, offsets[1])))
            if reset_after:
                new = b.op("Tanh", b.op("Add", xh, b.op("Mul", r, product(seen, wh, offsets[2]))))
            else:
                new = b.op("Tanh", b.op("Add", xh, product(b.op("Mul", r, seen), wh, None)))
            return [b.op("Add", b.op("Mul", z, previous), b.op("Mul", b.binary("Sub", 1, z), new))]

        return _scan(g, x, [h], kernel, inner, mask, step, go_backwards, zero_output_for_mask, return_sequences)
    b = None if inner is None else _biases(g, inner, second)
    attributes = {"linear_before_reset": int(reset_after)}
    return _native(g, "GRU", x, [h], kernel, recurrent_kernel, b, go_backwards, return_sequences, **attributes)


@exporter("simple_rnn")
def simple_rnn(
    g: Graph, x: T, h: T, kernel: T, recurrent_kernel: T, bias: T | None, mask: T | None, recurrent_mask: T | None,
    activation: str, go_backwards: bool, zero_output_for_mask: bool, return_sequences: bool,
) -> tuple[T, ...]:  # fmt: skip
    if mask is not None or recurrent_mask is not None:

        def step(b: Graph, x_t: T, states: list[T]) -> list[T]:
            z = b.op("Add", x_t, b.op("MatMul", _masked(b, states[0], recurrent_mask), _weight(b, recurrent_kernel)))
            return [activated(b, z, activation)]

        return _scan(g, x, [h], kernel, bias, mask, step, go_backwards, zero_output_for_mask, return_sequences)
    b = None if bias is None else _biases(g, bias, None)
    linear = {"activation_alpha": [1.0], "activation_beta": [0.0]} if activation == "linear" else {}
    linear = {"activation_alpha": [1.0]} if activation == "elu" else linear
    attributes: dict[str, Any] = {"activations": [_NAMES[activation]], **linear}
    return _native(g, "RNN", x, [h], kernel, recurrent_kernel, b, go_backwards, return_sequences, **attributes)


# -- ONNX's own operators -----------------------------------------------------------------------------------------------


def _native(
    g: Graph, kind: str, x: T, states: list[T], kernel: T, recurrent: T, bias: T | None, go_backwards: bool,
    return_sequences: bool, **attributes: Any,
) -> tuple[T, ...]:  # fmt: skip
    """An operator with one direction. Its outputs are in the order of the input: backwards they are turned round."""
    units = recurrent.shape[0]
    w, r = (g.unsqueeze(g.cast(g.transpose(v, (1, 0)), "float32"), 0) for v in (kernel, recurrent))
    b = None if bias is None else g.unsqueeze(bias, 0)
    initial = [g.unsqueeze(g.cast(s, "float32"), 0) for s in states]
    x = g.transpose(T(g.cast(x, "float32").name, "float32", x.shape), (1, 0, 2))
    y, *last = g.ops(
        kind, x, w, r, b, None, *initial, dtypes=("float32",) * (1 + len(states)), hidden_size=units,
        direction="reverse" if go_backwards else "forward", **attributes,
    )  # fmt: skip
    finals = tuple(g.squeeze(s, 0) for s in last)
    if not return_sequences:
        return finals[0], *finals
    steps = g.squeeze(y, 1)  # (steps, directions = 1, batch, units)
    if go_backwards:
        steps = sliced(g, steps, {0: slice(None, None, -1)})
    return g.op("Transpose", steps, perm=[1, 0, 2]), *finals


def _columns(g: Graph, v: T, order: tuple[int, ...]) -> T:
    """The columns of the gates in another order."""
    if v.name and v.data is not None:

        def ordered(a: Any) -> Any:
            parts = np.split(a, len(order), axis=-1)
            return np.concatenate([parts[i] for i in order], axis=-1)

        return g.derived(v, ("columns", *order), ordered)
    parts_ = g.ops("Split", v, dtypes=(None,) * len(order), axis=-1, num_outputs=len(order))
    return T(g.op("Concat", *(parts_[i] for i in order), axis=-1).name, v.dtype, v.shape)


def _biases(g: Graph, bias: T, second: T | None) -> T:
    """The bias of the input and that of the recurrence, one after the other."""
    first = g.cast(bias, "float32")
    zeros = g.constant(np.zeros(bias.shape or (), "float32")) if second is None else g.cast(second, "float32")
    return g.op("Concat", first, zeros, axis=0)


def _row(g: Graph, bias: T, i: int) -> T:
    if bias.name and bias.data is not None:
        return g.derived(bias, ("row", i), lambda a: a[i])
    return T(g.op("Gather", bias, g.constant(i, "int64"), axis=0).name, bias.dtype, bias.shape[1:])


# -- a scan over the steps ----------------------------------------------------------------------------------------------


def _weight(b: Graph, v: T) -> T:
    return b.cast(v, "float32")


def _masked(b: Graph, h: T, recurrent_mask: T | None) -> T:
    return h if recurrent_mask is None else b.op("Mul", h, b.cast(recurrent_mask, "float32"))


def _gates(b: Graph, z: T, order: tuple[int, ...], count: int) -> tuple[T, ...]:
    parts = b.ops("Split", z, dtypes=(None,) * count, axis=-1, num_outputs=count)
    return tuple(parts[i] for i in order)


def _scan(
    g: Graph, x: T, states: list[T], kernel: T, bias: T | None, mask: T | None, step: Any, go_backwards: bool,
    zero_output_for_mask: bool, return_sequences: bool,
) -> tuple[T, ...]:  # fmt: skip
    """step(body, x_t, states) -> the states after it; x_t is x W + b of one step."""
    from onnx import TensorProto, helper

    projected = g.op("MatMul", g.cast(x, "float32"), g.cast(kernel, "float32"))
    if bias is not None:
        projected = g.op("Add", projected, g.cast(bias, "float32"))
    if mask is None:
        mask_steps = None
    else:
        mask_steps = g.op("Transpose", g.unsqueeze(g.cast(mask, "bool"), 2), perm=[1, 0, 2])  # (steps, batch, 1)
    steps = g.op("Transpose", projected, perm=[1, 0, 2])
    body = g.body()
    inside = [T(body.unique("state"), "float32") for _ in states]
    last_output = T(body.unique("output"), "float32")
    x_t, m_t = T(body.unique("x_t"), "float32"), T(body.unique("mask_t"), "bool")
    after = step(body, x_t, inside)
    if mask_steps is not None:
        after = [body.op("Where", m_t, new, old, dtype="float32") for new, old in zip(after, inside)]
        shown = body.op("Where", m_t, after[0], last_output, dtype="float32")
        seen = body.binary("Mul", shown, body.cast(m_t, "float32")) if zero_output_for_mask else shown
    else:
        shown = seen = after[0]

    def info(t: T, kind: Any = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(t.name, kind, None)

    body_inputs = [info(s) for s in inside] + [info(last_output), info(x_t)]
    if mask_steps is not None:
        body_inputs.append(info(m_t, TensorProto.BOOL))
    results = [body.op("Identity", y) for y in (*after, shown, seen)]  # each needs a name of its own
    proto = helper.make_graph(body.nodes, body.unique("step"), body_inputs, [info(y) for y in results])
    scanned = [steps] if mask_steps is None else [steps, mask_steps]
    initial = [g.cast(s, "float32") for s in states]
    nothing = g.binary("Mul", initial[0], 0.0)
    *finals, last, all_steps = g.ops(
        "Scan", *initial, nothing, *scanned, dtypes=("float32",) * (len(states) + 2), body=proto,
        num_scan_inputs=len(scanned), scan_input_directions=[int(go_backwards)] * len(scanned),
    )  # fmt: skip
    if return_sequences:
        return g.op("Transpose", all_steps, perm=[1, 0, 2]), *finals
    if zero_output_for_mask and mask_steps is not None:
        last = g.op("Gather", all_steps, g.constant(-1, "int64"), axis=0)
    return last, *finals

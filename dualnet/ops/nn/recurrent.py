"""Recurrent networks over whole sequences, each as one op.  (Layers with other cells run a loop over ops.)

x: (batch, steps, features)  h, c: (batch, units), the states before the first step. What the layer shows comes first: its states
after each step, (batch, steps, units), or with ``return_sequences=False`` what the last of them is, (batch, units). Then come the
states after the last step.

    mask: (batch, steps) or None. A sample whose mask is False at a step keeps its states there, and the output is that of the
        step before, zeros if there was none; always zeros with ``zero_output_for_mask``.
    recurrent_mask: (batch, units) or None, multiplies h before each product with the recurrent kernel: recurrent dropout.
    go_backwards: from the last step to the first; the outputs are in that order.

Half precision is computed in float32, where a sum over many steps keeps its small addends, and returned in half precision.
"""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.dtypes import result_type
from ...core.op import primitive
from .. import shape_rules
from .._common import Array, Forward
from .activation import FROM_OUTPUT


@primitive(in_place_grads=True, shape=shape_rules.lstm)
def lstm(
    backend: Backend,
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    recurrent_mask: Array | None = None,
    /,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_sequences: bool = True,
) -> Forward:
    """Long short-term memory (Hochreiter & Schmidhuber, Neural Computation 9, 1997; with the forget gate of Gers et al., 2000)

    i, f, o = sigmoid(x W + h U + b)    g = tanh(x W + h U + b)    c = f c + i g    h = o tanh(c)

    kernel W: (features, 4 units), the columns in the order i, f, g, o  recurrent_kernel U: (units, 4 units)  bias b: (4 units,)

    Returns:
        (outputs, h, c)
    """
    _check("lstm", 4, x, kernel, recurrent_kernel, mask, h, c)
    tensors = (x, h, c, kernel, recurrent_kernel, bias, recurrent_mask)
    dtype, (x, h, c, kernel, recurrent_kernel, bias, recurrent_mask) = _wide(tensors)
    x, mask = _in_order(x, mask, go_backwards)
    outputs, h, c, gradients = backend.lstm(
        x, h, c, kernel, recurrent_kernel, bias, mask, recurrent_mask, return_sequences, zero_output_for_mask
    )

    def backward(dys: tuple[Array, Array, Array], out: list[Any]) -> tuple[Any, ...]:
        dx, *grads, drecurrent_mask = gradients(*_same(x, dys), _requests(out, tensors, x))
        return dx if dx is None or not go_backwards else dx[:, ::-1], *grads, None, drecurrent_mask

    return tuple(y.astype(dtype, copy=False) for y in (outputs, h, c)), backward


@primitive(in_place_grads=True, shape=shape_rules.gru)
def gru(
    backend: Backend,
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    recurrent_mask: Array | None = None,
    /,
    reset_after: bool = True,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_sequences: bool = True,
) -> Forward:
    """The gated recurrent unit  (arXiv:1406.1078)

    z, r = sigmoid(x W + h U + b)    h = z h + (1 - z) tanh(x W + r (h U + b') + b)

    reset_after: as above, which is what cuDNN computes. Without it, as in the paper, (r h) U takes the place of r (h U + b').

    kernel W: (features, 3 units), the columns in the order z, r, h  recurrent_kernel U: (units, 3 units)
    bias: (3 units,), or (2, 3 units) with b' in the second row

    Returns:
        (outputs, h)
    """
    _check("gru", 3, x, kernel, recurrent_kernel, mask, h)
    if bias is not None and bias.ndim == 2 and not reset_after:
        raise ValueError(f"gru: without reset_after there is one bias of shape ({kernel.shape[1]},), got {bias.shape}")
    tensors = (x, h, kernel, recurrent_kernel, bias, recurrent_mask)
    dtype, (x, h, kernel, recurrent_kernel, bias, recurrent_mask) = _wide(tensors)
    x, mask = _in_order(x, mask, go_backwards)
    outputs, h, gradients = backend.gru(
        x, h, kernel, recurrent_kernel, bias, mask, recurrent_mask, reset_after, return_sequences, zero_output_for_mask
    )

    def backward(dys: tuple[Array, Array], out: list[Any]) -> tuple[Any, ...]:
        dx, *grads, drecurrent_mask = gradients(*_same(x, dys), _requests(out, tensors, x))
        return dx if dx is None or not go_backwards else dx[:, ::-1], *grads, None, drecurrent_mask

    return tuple(y.astype(dtype, copy=False) for y in (outputs, h)), backward


@primitive(in_place_grads=True, shape=shape_rules.simple_rnn)
def simple_rnn(
    backend: Backend,
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    recurrent_mask: Array | None = None,
    /,
    activation: str = "tanh",
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_sequences: bool = True,
) -> Forward:
    """h = activation(x W + h U + b)  (Elman, Cognitive Science 14, 1990)

    kernel W: (features, units)  recurrent_kernel U: (units, units)  bias b: (units,)  activation: a key of
    ``activation.FROM_OUTPUT``.

    Returns:
        (outputs, h)
    """
    _check("simple_rnn", 1, x, kernel, recurrent_kernel, mask, h)
    tensors = (x, h, kernel, recurrent_kernel, bias, recurrent_mask)
    dtype, (x, h, kernel, recurrent_kernel, bias, recurrent_mask) = _wide(tensors)
    x, mask = _in_order(x, mask, go_backwards)
    act = None if activation == "tanh" else FROM_OUTPUT[activation]
    outputs, h, gradients = backend.simple_rnn(
        x, h, kernel, recurrent_kernel, bias, mask, recurrent_mask, act, return_sequences, zero_output_for_mask
    )

    def backward(dys: tuple[Array, Array], out: list[Any]) -> tuple[Any, ...]:
        dx, *grads, drecurrent_mask = gradients(*_same(x, dys), _requests(out, tensors, x))
        return dx if dx is None or not go_backwards else dx[:, ::-1], *grads, None, drecurrent_mask

    return tuple(y.astype(dtype, copy=False) for y in (outputs, h)), backward


def _check(
    name: str, gates: int, x: Array, kernel: Array, recurrent_kernel: Array, mask: Array | None, *states: Array
) -> None:
    """Raise ``ValueError`` unless the shapes belong together."""
    units, columns = recurrent_kernel.shape[0], recurrent_kernel.shape[-1]
    if x.ndim != 3 or kernel.shape != (x.shape[-1], columns) or columns != gates * units:
        n = "units" if gates == 1 else f"{gates} * units"
        raise ValueError(
            f"{name}: expected x of shape (batch, steps, features), a kernel of shape (features, {n}) and a recurrent kernel of "
            f"shape (units, {n}), got {x.shape}, {kernel.shape} and {recurrent_kernel.shape}"
        )
    if any(state.shape != (len(x), units) for state in states):
        raise ValueError(
            f"{name}: expected initial states of shape (batch, units) = {(len(x), units)}, "
            f"got {', '.join(str(state.shape) for state in states)}"
        )
    if mask is not None and mask.shape != x.shape[:2]:
        raise ValueError(f"{name}: expected a mask of shape (batch, steps) = {x.shape[:2]}, got {mask.shape}")


def _wide(tensors: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """The dtype of the result, and the tensors in that of the computation."""
    dtype = tensors[0].dtype
    if not (dtype.kind == "f" and all(v is None or v.dtype == dtype for v in tensors)):
        dtype = result_type(*(v.dtype for v in tensors if v is not None), float)
    work = dtype if dtype in ("float32", "float64") else "float32"
    return dtype, tuple(v if v is None else v.astype(work, copy=False) for v in tensors)


def _in_order(x: Array, mask: Array | None, go_backwards: bool) -> tuple[Array, Array | None]:
    """x and the mask, the steps in the order of processing."""
    mask = None if mask is None else mask.astype("bool", copy=False)
    return (x[:, ::-1], None if mask is None else mask[:, ::-1]) if go_backwards else (x, mask)


def _same(x: Array, dys: tuple[Array, ...]) -> list[Array]:
    """Gradients in the dtype of the computation."""
    return [dy.astype(x.dtype, copy=False) for dy in dys]


def _requests(out: list[Any], tensors: tuple[Any, ...], x: Array) -> list[Any]:
    """What is wanted of each gradient of ``tensors``, which are those of the op without the mask; no buffers of another dtype."""
    n = len(tensors) - 1  # before the mask
    requests = [*out[:n], *([False] * (n - len(out))), out[n + 1] if len(out) > n + 1 else False]
    return [None if r is not False and r is not None and r.dtype != x.dtype else r for r in requests]

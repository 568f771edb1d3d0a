"""The vjp of one op on a tape, computed by ops."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend

from ...core.conversion import to_arrays
from ...core.op import primitive
from ...core.tensor import Array, Tensor
from ...core.tracing import Entry, no_grad, state
from .._common import Forward
from .arrays import DifferentiableArray, DifferentiableModule, ops, unwrap

Geometry = tuple[Any, Any, Any, int]  # strides, padding, dilation, groups


def vjp_on_tensors(entry: Entry, out_grads: Any, requested: Sequence[bool]) -> list[Any]:
    """The gradients of an entry's inputs, as tensors that the tapes recording now know how to differentiate.

    Where the op has no second derivative, they are computed all the same; differentiating them raises ``NotImplementedError``.

    Args:
        out_grads: the gradient of the output, or a tuple with that of each: tensors.
        requested: for each input, whether its gradient is wanted.
    """
    try:
        if callable(entry.call):
            return list(entry.call(out_grads))
        return _run_again(entry, out_grads, requested)
    except (NotImplementedError, TypeError, AttributeError, KeyError, ValueError, IndexError) as error:
        return _first_order(entry, out_grads, requested, error)


def _run_again(entry: Entry, out_grads: Any, requested: Sequence[bool]) -> list[Any]:
    """Run the formula and its closure on differentiable arrays."""
    function, rest, options = entry.call
    inputs = entry.inputs
    arrays = to_arrays(inputs, [x.data if isinstance(x, Tensor) else x for x in inputs])
    backend = backends.of(next(a for a in arrays if hasattr(a, "dtype")))
    arguments = [_differentiable(x, a) for x, a in zip(inputs, arrays)]
    if function.info.mutates:  # the op has written already
        options = {key: None if key in function.info.mutates else value for key, value in options.items()}
        names = list(inspect.signature(function).parameters)[1 + len(inputs) :]
        rest = tuple(None if name in function.info.mutates else value for name, value in zip(names, rest))
    takes_backend = next(iter(inspect.signature(function).parameters)) == "backend"
    context: Any = DifferentiableBackend(backend) if takes_backend else DifferentiableModule(backend.xp)
    _, closure = function(context, *arguments, *rest, **options)
    dy = tuple(map(DifferentiableArray, out_grads)) if type(out_grads) is tuple else DifferentiableArray(out_grads)
    requests = [None if r else False for r in requested]
    results = closure(dy, requests) if entry.in_place_grads else closure(dy)
    results = results if type(results) is tuple else (results,)
    return [_as_tensor(x, dx) if r else None for x, dx, r in zip(inputs, results, requested)]


def _differentiable(x: Any, array: Any) -> Any:
    """An input of an op, for its formula: integers, which have no gradient, and numbers stay what they are."""
    if getattr(getattr(array, "dtype", None), "kind", "i") in "biu":
        return array
    return DifferentiableArray(ops["copy"](x) if isinstance(x, Tensor) and x.tracked else Tensor(array.copy()))


def _as_tensor(x: Tensor, dx: Any) -> Tensor | None:
    """A gradient in the dtype of its tensor."""
    if dx is None:
        return None
    tensor = unwrap(dx) if isinstance(dx, DifferentiableArray) else Tensor(dx)
    return tensor if tensor.dtype == x.data.dtype else ops["cast"](tensor, str(x.data.dtype))


def _first_order(entry: Entry, out_grads: Any, requested: Sequence[bool], error: Exception) -> list[Any]:
    """The gradients by the closure on the tape, which is array code, and an entry that refuses to differentiate them."""
    several = type(out_grads) is tuple
    dys = out_grads if several else (out_grads,)
    arrays = tuple(d.data for d in dys)
    requests = [None if r else False for r in requested]
    args = (arrays if several else arrays[0], *([requests] if entry.in_place_grads else []))
    with no_grad():
        results = entry.backward(*args)
    results = results if type(results) is tuple else (results,)
    grads = [None if g is None or not r else Tensor(g) for g, r in zip(results, requested)]
    outputs = tuple(g for g in grads if g is not None)
    name = _name(entry)
    reason = str(error) or type(error).__name__

    def backward(*_: Any) -> Any:
        raise NotImplementedError(
            f"the gradient of {name} cannot be differentiated once more ({reason}): write this part of the computation with "
            "other ops, or take the inner gradient where no outer tape records"
        )

    for y in outputs:
        y.tracked = True
    record = Entry(outputs, (*dys, *entry.inputs), backward, False, None)
    for tape in state.tapes:
        tape.append(record)
    return grads


def _name(entry: Entry) -> str:
    if callable(entry.call) or entry.call is None:
        return "an op with a custom gradient"
    return f"the op {entry.call[0].__name__.lstrip('_')!r}"


class DifferentiableBackend(Backend):
    """The reference kernels, on differentiable arrays."""

    def __init__(self, real: Backend) -> None:
        self._real = real
        self.name, self.device, self.array_type = real.name, real.device, real.array_type
        self.xp = DifferentiableModule(real.xp)

    def __getattribute__(self, name: str) -> Any:
        if name not in _ARRAY_KERNELS:
            return object.__getattribute__(self, name)
        kernel = getattr(object.__getattribute__(self, "_real"), name)
        if name not in ("random_uniform", "random_normal"):
            return kernel
        return lambda *args, **options: DifferentiableArray(Tensor(kernel(*args, **options)))

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        if isinstance(x, DifferentiableArray):
            return x if dtype is None else x.astype(dtype, copy=False)
        return self._real.asarray(x, dtype)

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        return self.xp.matmul(a, b, out=out)

    def erf(self, x: Any) -> Any:
        return DifferentiableArray(ops["erf"](x.tensor)) if isinstance(x, DifferentiableArray) else self._real.erf(x)

    def total(self, x: Any, divisor: float = 1) -> Any:
        return self.xp.sum(x) / divisor

    def take(self, x: Any, indices: Array) -> Any:
        return self.xp.take(x, indices, axis=0)

    def scatter_add(self, target: Any, indices: Array, values: Any) -> None:
        self.xp.add.at(target, indices, values)

    def write_slice(self, x: Any, index: Any, values: Any, where: Any = None) -> None:
        x[index] = values if where is None else values * where

    def conv(self, x: Any, w: Any, b: Any, *geometry: Any) -> Any:
        y = DifferentiableArray(_conv(unwrap(x), unwrap(w), geometry))
        return y if b is None else y + b

    def conv_input_gradient(self, dy: Any, w: Any, shape: Any, *geometry: Any) -> Any:
        return DifferentiableArray(_conv_input_gradient(unwrap(dy), unwrap(w), tuple(shape), geometry))

    def conv_kernel_gradient(self, x: Any, dy: Any, shape: Any, *geometry: Any, out: Any = None) -> Any:
        return DifferentiableArray(_conv_kernel_gradient(unwrap(x), unwrap(dy), tuple(shape), geometry))


# Kernels of arrays that have no gradient: random numbers, integers.
_ARRAY_KERNELS = {
    "random_uniform",
    "random_normal",
    "dropout_mask",
    "one_hot",
    "random_words",
    "require",
    "synchronize",
    "to_numpy",
    "valid_ids",
}


# A convolution is linear in both of its arguments, and so are its gradients: each is made of the others.


@primitive
def _conv(backend: Backend, x: Array, w: Array, /, geometry: Any = ()) -> Forward:
    def backward(dy: Array) -> tuple[Array, Array]:
        dy = backend.xp.ascontiguousarray(dy)
        return (
            backend.conv_input_gradient(dy, w, x.shape, *geometry),
            backend.conv_kernel_gradient(x, dy, w.shape, *geometry),
        )

    return backend.conv(x, w, None, *geometry), backward


@primitive
def _conv_input_gradient(backend: Backend, dy: Array, w: Array, /, shape: Any = (), geometry: Any = ()) -> Forward:
    def backward(dx: Array) -> tuple[Array, Array]:
        dx = backend.xp.ascontiguousarray(dx)
        return backend.conv(dx, w, None, *geometry), backend.conv_kernel_gradient(dx, dy, w.shape, *geometry)

    return backend.conv_input_gradient(dy, w, shape, *geometry), backward


@primitive
def _conv_kernel_gradient(backend: Backend, x: Array, dy: Array, /, shape: Any = (), geometry: Any = ()) -> Forward:
    def backward(dw: Array) -> tuple[Array, Array]:
        dw = backend.xp.ascontiguousarray(dw)
        return backend.conv_input_gradient(dy, dw, x.shape, *geometry), backend.conv(x, dw, None, *geometry)

    return backend.conv_kernel_gradient(x, dy, shape, *geometry), backward

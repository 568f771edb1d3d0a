"""The kernels of a backend, on differentiable arrays."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Array, Tensor
from .._common import Forward
from .arrays import DifferentiableArray, DifferentiableModule, ops, unwrap


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

    def split(self, n: int, function: Any, size: int | None = None) -> None:
        function(...)  # an index that gives the array itself, so that it can be written to

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        return self.xp.matmul(a, b, out=out)

    def erf(self, x: Any) -> Any:
        return DifferentiableArray(ops["erf"](x.tensor)) if isinstance(x, DifferentiableArray) else self._real.erf(x)

    def total(self, x: Any, divisor: float = 1, weights: Any = None) -> Any:
        return self.xp.sum(x if weights is None else x * weights) / divisor

    def take(self, x: Any, indices: Array) -> Any:
        return self.xp.take(x, indices, axis=0)

    def scatter_add(self, target: Any, indices: Array, values: Any) -> None:
        self.xp.add.at(target, indices, values)

    def add_at(self, target: Any, key: Any, values: Any) -> None:
        self.xp.add.at(target, key, values)

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
    "order",
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

"""Normalization on the GPU: batch normalization in two or three kernels each way, standardization in one forward and two or three back.

Statistics of many elements are computed for chunks of them, whose number is a function of the shape alone, and then joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import cupy as cp

from ..base import Array, Backend
from .modules import NO_ADDRESS, THREADS, contiguous, is_contiguous, kernel, launch
from .reductions import columns_grid

Ints = tuple[int, ...]
ACTIVATIONS = {None: 0, "relu": 1, "relu6": 2}


class CupyNormalization(Backend):
    """Overrides for floats of 16 to 64 bits, of arrays that are not empty."""

    def batch_norm(
        self,
        x: Array,
        gamma: Array | None,
        beta: Array | None,
        axis: int,
        epsilon: float,
        moving_mean: Array | None = None,
        moving_variance: Array | None = None,
        momentum: float = 0.99,
    ) -> tuple[Array, Array, Array]:
        if not _are_known(x, gamma, beta) or not _may_change(x, moving_mean, moving_variance):
            return super().batch_norm(x, gamma, beta, axis, epsilon, moving_mean, moving_variance, momentum)
        x, char, width = contiguous(x), x.dtype.char, _width(x)
        channels, inner, n = _channels(x, axis)
        mean, inv = cp.empty(channels, dtype=x.dtype), cp.empty(channels, dtype=x.dtype)
        blocks, chunks, lanes = columns_grid(channels, inner, n)
        partial = NO_ADDRESS if chunks == 1 else cp.empty((chunks, channels, 3), dtype=width)
        numbers = width(epsilon), width(momentum), width(1.0 - momentum)
        written = mean, inv, _address(moving_mean), _address(moving_variance), *numbers
        sizes = cp.int64(channels), cp.int64(inner), cp.int64(n), cp.int64(lanes)
        _kernel("moments", char)((blocks, chunks), (THREADS,), (x, *written, partial, *sizes))
        if chunks > 1:
            counts = cp.int64(chunks), cp.int64(n), cp.int64(channels)
            launch(_kernel("join_moments", char), channels, partial, *written, *counts)
        y = cp.empty(x.shape, dtype=x.dtype)
        parameters = _address(gamma), _address(beta)
        launch(_kernel("normalize", char), x.size, x, mean, inv, *parameters, y, *sizes[:2], cp.int64(x.size))
        return y, mean, inv

    def batch_norm_inference(
        self,
        x: Array,
        mean: Array,
        inv: Array,
        gamma: Array | None,
        beta: Array | None,
        axis: int,
        activation: str | None = None,
    ) -> Array:
        if not _are_known(x, mean, inv, gamma, beta):
            return super().batch_norm_inference(x, mean, inv, gamma, beta, axis, activation)
        x, (channels, inner, _) = contiguous(x), _channels(x, axis)
        y = cp.empty(x.shape, dtype=x.dtype)
        statistics = map(_address, (mean, inv, gamma, beta))
        sizes = cp.int32(ACTIVATIONS[activation]), cp.int64(channels), cp.int64(inner), cp.int64(x.size)
        launch(_kernel("normalize_inference", x.dtype.char), x.size, x, *statistics, y, *sizes)
        return y

    def scale_and_shift(
        self, x: Array, scale: Array, shift: Array, activation: str | None = None, out: Array | None = None
    ) -> Array:
        spread, other = _spread(x, scale), _spread(x, shift)
        if not _are_known(x, scale, shift) or spread is None or spread != other or not _may_change(x, out):
            return super().scale_and_shift(x, scale, shift, activation, out)
        x = contiguous(x)
        y = cp.empty(x.shape, dtype=x.dtype) if out is None else out
        sizes = cp.int32(ACTIVATIONS[activation]), *map(cp.int64, (*spread, x.size))
        launch(_kernel("scale_and_shift", x.dtype.char), x.size, x, _address(scale), _address(shift), y, *sizes)
        return y

    def batch_norm_gradients(
        self,
        dy: Array,
        x: Array,
        gamma: Array | None,
        axis: int,
        mean: Array,
        inv: Array,
        needs_dx: bool = True,
        dgamma: Array | None = None,
        dbeta: Array | None = None,
    ) -> tuple[Array | None, Array, Array]:
        if not _are_known(x, dy, gamma, mean, inv) or not _may_change(x, dgamma, dbeta):
            return super().batch_norm_gradients(dy, x, gamma, axis, mean, inv, needs_dx, dgamma, dbeta)
        x, dy, mean, inv = (contiguous(a) for a in (x, dy, mean, inv))
        channels, inner, n = _channels(x, axis)
        dgamma = cp.empty(channels, dtype=x.dtype) if dgamma is None else dgamma
        dbeta = cp.empty(channels, dtype=x.dtype) if dbeta is None else dbeta
        _parameter_gradients((dy, x, mean, inv), dgamma, dbeta, channels, inner, n)
        if not needs_dx:
            return None, dgamma, dbeta
        dx = cp.empty(x.shape, dtype=x.dtype)
        numbers = _width(x)(n), cp.int64(channels), cp.int64(inner), cp.int64(x.size)
        function = _kernel("input_gradient", x.dtype.char)
        launch(function, x.size, dy, x, mean, inv, _address(gamma), dgamma, dbeta, dx, *numbers)
        return dx, dgamma, dbeta

    def standardize(
        self, x: Array, gamma: Array | None, beta: Array | None, axes: Ints, epsilon: float, centred: bool = True
    ) -> tuple[Array, Array, Array]:
        groups = _groups(x, axes)
        each: set[Any] = {_spread(x, p) for p in (gamma, beta) if p is not None}
        if not _are_known(x, gamma, beta) or groups is None or len(each) > 1 or None in each:
            return super().standardize(x, gamma, beta, axes, epsilon, centred)
        x = contiguous(x)
        inv = cp.empty([1 if a in axes else n for a, n in enumerate(x.shape)], dtype=x.dtype)
        normal = cp.empty(x.shape, dtype=x.dtype)
        y = cp.empty(x.shape, dtype=x.dtype) if each else normal
        parameters = _address(gamma), _address(beta)
        numbers = (
            _width(x)(epsilon),
            cp.int32(centred),
            *map(cp.int64, next(iter(each), None) or (1, 1)),
            *groups.sizes(),
        )
        function = kernel("standardization", "standardize", x.dtype.char)
        function((groups.number,), (groups.threads(),), (x, *parameters, y, normal, inv, *numbers))
        return y, normal, inv

    def standardize_gradients(
        self,
        dy: Array,
        normal: Array,
        inv: Array,
        gamma: Array | None,
        axes: Ints,
        parameter_axes: Ints,
        centred: bool = True,
        out: Sequence[Any] = (None, None, None),
    ) -> tuple[Array | None, Array | None, Array | None]:
        groups, parameters = _groups(dy, axes), _parameters(dy.shape, parameter_axes)
        fits = _are_known(dy, normal, inv, gamma) and _may_change(dy, *(b for b in out if b is not False))
        if not fits or groups is None or parameters is None:
            return super().standardize_gradients(dy, normal, inv, gamma, axes, parameter_axes, centred, out)
        dy, normal, inv = (contiguous(a) for a in (dy, normal, inv))
        shape = tuple(dy.shape[a] for a in sorted(parameter_axes))
        dx, dgamma, dbeta = (
            None if b is False else cp.empty(s, dtype=dy.dtype) if b is None else b
            for b, s in zip(out, (dy.shape, shape, shape))
        )
        if dgamma is not None or dbeta is not None:
            channels, inner = parameters
            _parameter_gradients((dy, normal, None, None), dgamma, dbeta, channels, inner, dy.size // channels)
        if dx is not None:
            numbers = cp.int32(centred), *map(cp.int64, parameters), *groups.sizes()
            function = kernel("standardization", "standardize_gradient", dy.dtype.char)
            function((groups.number,), (groups.threads(),), (dy, normal, inv, _address(gamma), dx, *numbers))
        return dx, dgamma, dbeta


class _Groups(NamedTuple):
    """What has a mean of its own in a contiguous array (``cuda/standardization.cu``)."""

    number: int
    sides: int
    outer: int
    length: int

    def sizes(self) -> tuple[Any, ...]:
        return tuple(map(cp.int64, self[1:]))

    def threads(self) -> int:
        """Of a block: those of few warps where a group is small."""
        n = self.outer * self.length
        return next((t for t in (64, 128) if n <= 4 * t), THREADS)


def _groups(x: Array, axes: Ints) -> _Groups | None:
    """The groups of a mean over axes that end with the last one and have at most one gap; else None."""
    shape, first = x.shape, x.ndim
    while first and first - 1 in axes:
        first -= 1
    start = gap = first
    if len(axes) > x.ndim - first:
        while gap and gap - 1 not in axes:
            gap -= 1
        start = gap
        while start and start - 1 in axes:
            start -= 1
    if first == x.ndim or len(axes) != x.ndim - first + gap - start:
        return None
    sides = prod(shape[gap:first])
    return _Groups(prod(shape[:start]) * sides, sides, prod(shape[start:gap]), prod(shape[first:]))


def _parameters(shape: Sequence[int], axes: Ints) -> tuple[int, int] | None:
    """(number of parameters, how many neighbouring elements share one) for parameters along neighbouring axes; else None."""
    if not axes or max(axes) - min(axes) >= len(set(axes)):
        return None
    return prod(shape[a] for a in axes), prod(shape[max(axes) + 1 :])


def _spread(x: Array, p: Array) -> tuple[int, int] | None:
    """The same for parameters in a shape that broadcasts against x: with 1 for all axes but their own; else None."""
    before = x.ndim - p.ndim
    own = [before + a for a, n in enumerate(p.shape) if n != 1]
    if before < 0 or (own and p.shape[own[0] - before : own[-1] + 1 - before] != x.shape[own[0] : own[-1] + 1]):
        return None
    return p.size, prod(x.shape[own[-1] + 1 :]) if own else 1


def _channels(x: Array, axis: int) -> tuple[int, int, int]:
    """The number of channels, the elements of one that lie together, and all elements of one."""
    channels = x.shape[axis]
    return channels, prod(x.shape[axis + 1 :]), x.size // channels


def _parameter_gradients(
    arrays: tuple[Any, ...], dgamma: Array | None, dbeta: Array | None, channels: int, inner: int, n: int
) -> None:
    """Write the gradients of gamma and beta. arrays: dy, x, mean, inv; or dy, the normal, None, None."""
    dy = arrays[0]
    blocks, chunks, lanes = columns_grid(channels, inner, n)
    partial = NO_ADDRESS if chunks == 1 else cp.empty((chunks, channels, 2), dtype=_width(dy))
    written = _address(dgamma), _address(dbeta)
    sizes = cp.int64(channels), cp.int64(inner), cp.int64(n), cp.int64(lanes)
    arguments = (*map(_address, arrays), *written, partial, *sizes)
    _kernel("parameter_gradients", dy.dtype.char)((blocks, chunks), (THREADS,), arguments)
    if chunks > 1:
        function = _kernel("join_gradients", dy.dtype.char)
        launch(function, channels, partial, *written, cp.int64(chunks), cp.int64(channels))


def _kernel(name: str, char: str) -> Any:
    return kernel("normalization", name, char)


def _width(x: Array) -> Any:
    """The class of numbers of the dtype that a kernel computes in."""
    return cp.float64 if x.dtype.char == "d" else cp.float32


def _address(x: Array | None) -> Any:
    """An argument where a kernel takes an array or none."""
    return NO_ADDRESS if x is None else contiguous(x)


def _are_known(x: Array, *others: Array | None) -> bool:
    return x.dtype.char in "efd" and x.size > 0 and all(a is None or a.dtype == x.dtype for a in others)


def _may_change(x: Array, *arrays: Array | None) -> bool:
    """Whether a kernel can write into these arrays."""
    return all(a is None or (a.dtype == x.dtype and is_contiguous(a)) for a in arrays)

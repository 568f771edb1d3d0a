"""``NumpyBackend``: the CPU, with overrides for the kernels that measured faster than their reference."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import threads
from ..base import Array, Backend, Scalar
from ..kernels.normal import normal
from ..kernels.random import counter
from ..memory import Memory, host_memory
from . import blas, memory
from .convolution import NumpyConvolution
from .matmul import SMALL as SMALL_PRODUCT
from .matmul import matmul
from .normalization import NumpyNormalization
from .pooling import NumpyPooling
from .recurrent import NumpyRecurrent
from .sparse import NumpySparse
from .standardization import NumpyStandardization

memory.retain_freed_memory()  # for the arrays of training steps

SMALL = 1_024  # elements: a dot product of this length costs no more than the call itself
CHUNK = 16_384  # elements: four float32 streams of this length fit in a 256 KiB L2 cache
LONG = 131_072  # elements of an array whose parts threads may share
UPDATE_CHUNK = 65_536  # elements of an update: five streams fit in most L2 caches, and threads rarely wait for the GIL


# NumPy returns scalars, not 0-d arrays, from full reductions.
SCALAR_TYPES: tuple[type, ...] = (np.bool_, np.float16, np.float32, np.float64)
SCALAR_TYPES += (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)


@functools.cache
def _zero(dtype: Any) -> Array:
    """0 as an array: NumPy would convert a number at every call."""
    return np.zeros((), dtype)


@functools.cache
def _cached_ones(dtype: str, n: int) -> Array:
    return np.ones(n, dtype)


def _ones(dtype: str, n: int) -> Array:
    """n ones, read-only by convention. For large n only powers of two are cached."""
    return _cached_ones(dtype, n) if n <= SMALL else _cached_ones(dtype, 1 << n.bit_length())[:n]


class NumpyBackend(
    NumpyConvolution, NumpyPooling, NumpyNormalization, NumpySparse, NumpyStandardization, NumpyRecurrent, Backend
):
    name = "numpy"
    device = "cpu"
    xp = np
    array_type = np.ndarray
    scores_at_once = 131_072  # half a megabyte of float32: two such blocks fit in most L2 caches

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        if hasattr(x, "get") and hasattr(x, "__cuda_array_interface__"):
            x = x.get()  # CuPy refuses implicit conversion; here it is explicit
        return np.asarray(x, dtype=dtype)

    def to_numpy(self, x: Array) -> Any:
        return np.asarray(x)

    def synchronize(self) -> None:
        pass

    def memory(self) -> Memory | None:
        return host_memory()

    def computing(self) -> blas.one_thread:
        return blas.one_thread()

    def split(self, n: int, function: Callable[[slice], Any], size: int | None = None) -> None:
        size = n if size is None else size
        count = min(threads.num_threads(), size // UPDATE_CHUNK, n)
        if count < 2:
            function(slice(0, n))
        else:
            key = (getattr(function, "__qualname__", ""), n, size)
            threads.parallel_for(count, lambda i: function(slice(n * i // count, n * (i + 1) // count)), key)

    def for_each(self, n: int, function: Callable[[int], Any], size: int) -> None:
        if n < 2 or size < LONG:
            super().for_each(n, function, size)
        else:
            threads.parallel_for(n, function, (getattr(function, "__qualname__", ""), n, size))

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        if a.ndim == 2 == b.ndim and blas.limited and len(a) * b.size < SMALL_PRODUCT:
            # For two matrices dot is the same product with 1 to 2 us less overhead.
            try:
                return a.dot(b) if out is None else a.dot(b, out)
            except ValueError:  # out has gaps or another dtype
                pass
        return matmul(a, b, out)

    def relu(self, x: Array, out: Array | None = None) -> Array:
        # NumPy does not vectorize the comparison with a number; with one sample of zeros it is six times as fast, unless
        # samples are so short that the inner loop restarts all the time.
        if x.dtype.kind != "f":
            return np.maximum(x, 0, out=out)
        if x.size < 4096 or x.ndim < 2 or x.size < 32 * len(x):
            return np.maximum(x, _zero(x.dtype), out=out)
        zeros = np.zeros(x.shape[1:], x.dtype)
        if x.size < LONG:
            return np.maximum(x, zeros, out=out)
        y = np.empty_like(x) if out is None else out
        self.split(len(x), lambda part: np.maximum(x[part], zeros, out=y[part]), x.size)
        return y

    def clip(self, x: Array, low: float, high: float) -> Array:
        if x.size < LONG or not x.flags.c_contiguous or x.dtype.kind != "f":
            return super().clip(x, low, high)
        y = np.empty_like(x)
        flat, out = x.reshape(-1), y.reshape(-1)
        self.split(x.size, lambda part: np.clip(flat[part], low, high, out=out[part]))
        return y

    def relu_gradient(self, y: Array, dy: Array) -> Array:
        # A product of floats and booleans would go through a conversion buffer.
        dx = (y > _zero(y.dtype)).astype(dy.dtype)
        dx *= dy
        return dx

    def sparse_cross_entropy(self, z: Array, labels: Array) -> tuple[Array, Array]:
        n, classes = z.shape
        is_small = classes <= 32
        # With few classes NumPy's inner loop would restart for every sample; along the samples it is long.
        e, axis = (z.T.copy(), 0) if is_small else (z.copy(), 1)
        e -= e.max(axis=axis, keepdims=True)
        ids = _unsigned(labels, classes)
        label_logits = e[(ids, np.arange(n)) if is_small else (np.arange(n), ids)]
        np.exp(e, out=e)
        total = e.sum(axis=axis, keepdims=True)
        e /= total
        return np.log(total.reshape(n)) - label_logits, (e.T.copy() if is_small else e)

    def sparse_cross_entropy_gradient(self, p: Array, labels: Array, dy: Array) -> Array:
        dz = p * dy[:, None]
        dz[np.arange(len(p)), labels] -= dy
        return dz

    def add_to_mean(self, total: Array, count: Array, value: Array, weight: int) -> None:
        # Python's arithmetic is ten times as fast as NumPy's for 0-d arrays.
        total[()] = total.item() + value.item() * weight
        count[()] = count.item() + weight

    def take(self, x: Array, indices: Array) -> Array:
        return x.take(indices, 0)  # half the cost of np.take for short rows

    def lookup(self, table: Array, ids: Array) -> Array:
        return table.take(_unsigned(ids, len(table)), 0)

    def valid_ids(self, ids: Array, n: int, what: str) -> Array:
        if ids.size and not (ids.min() >= 0 and ids.max() < n):
            raise IndexError(what)
        return np.ones(ids.shape, bool)

    def require(self, valid: Array, what: str) -> Array:
        if not valid.all():
            raise IndexError(what)
        return valid

    def sum_rows(self, x: Array, out: Array | None = None) -> Array:
        x = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
        char = x.dtype.char
        if char in "fd":
            # As a product with ones it runs in BLAS: three times as fast on small layers, thirteen times on images.
            ones = _ones(char, len(x))
            try:
                if blas.limited:
                    return ones.dot(x, out)
                with blas.one_thread():
                    return ones.dot(x, out)
            except ValueError:  # out has gaps or another dtype
                pass
        if char == "e":  # a float16 accumulator would lose small addends
            total = np.add.reduce(x, axis=0, dtype=np.float32, out=out)
            return total if out is not None else total.astype(x.dtype)
        return np.add.reduce(x, axis=0, out=out)

    def total(self, x: Array, divisor: float = 1, weights: Array | None = None) -> Array:
        x = x if weights is None else x * weights
        # For few elements a dot product takes a quarter of the time of a sum.
        is_small = x.ndim == 1 and len(x) <= SMALL and x.dtype.char in "fd"
        return np.asarray((_ones(x.dtype.char, len(x)).dot(x) if is_small else x.sum()) / divisor)

    def scatter_add(self, target: Array, indices: Array, values: Array) -> None:
        if target.ndim == 1 or not target.flags.c_contiguous or target.dtype != values.dtype:
            np.add.at(target, indices, values)
            return
        # np.add.at is fast on 1-D targets only: flattened first it is five times as fast, in the same order.
        flat = target.reshape(-1)
        width = flat.size // max(len(target), 1)
        columns = np.arange(width)
        step = max(CHUNK // max(width, 1), 1)
        for i in range(0, len(indices), step):
            flat_indices = indices[i : i + step, None].astype(np.int64) * width + columns
            np.add.at(flat, flat_indices.reshape(-1), values[i : i + step].reshape(-1))

    def add_at(self, target: Array, key: Any, values: Array) -> None:
        np.add.at(target, key, values)

    def random_words(self, n: int, key: tuple[int, int], step: Any) -> Array:
        if not isinstance(step, int):
            return super().random_words(n, key, step)
        bits = np.random.Philox(key=key[0] | key[1] << 64, counter=counter(step))
        return bits.random_raw(n)

    def random_normal(self, shape: tuple[int, ...], key: tuple[int, int], step: Any, dtype: Any = "float32") -> Array:
        z = np.empty(shape, dtype=dtype)
        flat, words = z.reshape(-1), self.random_words((z.size + 1) // 2, key, step)
        for i in range(0, len(words), CHUNK // 4):  # of float64
            part = flat[2 * i : 2 * i + CHUNK // 2]
            part[...] = normal(np, words[i : i + CHUNK // 4])[: part.size]
        return z

    # The updates below compute what the reference does, in the same order, but chunk by chunk: a chunk stays in the
    # cache from the first operation to the last, and one small scratch array replaces every temporary.

    def sgd(self, w: Array, g: Array, lr: Scalar, decay: Scalar | None = None) -> None:
        if w.size <= CHUNK:
            if decay is not None:
                w *= decay
            w -= g * lr
            return
        scratch = np.empty(min(UPDATE_CHUNK, w.size), dtype=w.dtype)
        for i in range(0, w.size, UPDATE_CHUNK):
            wi = w[i : i + UPDATE_CHUNK]
            if decay is not None:
                wi *= decay
            wi -= np.multiply(g[i : i + UPDATE_CHUNK], lr, out=scratch[: wi.size])

    def adam(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        alpha: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        v_hat: Array | None = None,
        decay: Scalar | None = None,
    ) -> None:
        c1, c2 = 1.0 - beta1, 1.0 - beta2
        scratch = np.empty((2, min(UPDATE_CHUNK, w.size)), dtype=w.dtype)
        for i in range(0, w.size, UPDATE_CHUNK):
            part = slice(i, i + UPDATE_CHUNK)
            wi, gi, mi, vi = w[part], g[part], m[part], v[part]
            t, step = scratch[0, : wi.size], scratch[1, : wi.size]
            if decay is not None:
                wi *= decay
            np.subtract(gi, mi, out=t)
            t *= c1
            mi += t
            np.multiply(gi, gi, out=t)
            t -= vi
            t *= c2
            vi += t
            if v_hat is not None:
                np.maximum(v_hat[part], vi, out=v_hat[part])
                vi = v_hat[part]
            np.sqrt(vi, out=t)
            t += epsilon
            np.divide(np.multiply(mi, alpha, out=step), t, out=t)
            wi -= t


def _unsigned(ids: Array, n: int) -> Array:
    """Ids as an index for which NumPy raises ``IndexError`` if one is negative, too: such a one is at least n here."""
    if ids.dtype.itemsize == 4:
        return ids.view(np.uint32)
    return np.minimum(ids.view(np.uint64), np.uint64(n)).view(np.int64)

"""Fourier transforms, as products with cosines and sines, which are the same for every length; frames of signals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ExportError
from ..sizes import Size
from .graph import Graph, T, exporter
from .shape import sliced


def _length(g: Graph, n: Any) -> int:
    if isinstance(n, Size):
        raise ExportError(f"{g.call.where} of a signal of unknown length is not exported to ONNX: give it a fixed one")
    return int(n)


def _turns(rows: int, columns: int, n: int) -> tuple[Any, Any]:
    """The cosine and the sine of 2 pi i k / n.  -> (rows, columns) each"""
    turn = 2 * np.pi * np.outer(np.arange(rows), np.arange(columns)) / n
    return np.cos(turn), np.sin(turn)


def _resized(g: Graph, x: T, n: int) -> T:
    """The last axis cut or zero-padded to n."""
    length = _length(g, x.shape[-1])
    if length > n:
        return sliced(g, x, {x.rank - 1: slice(0, n)})
    return g.op("Pad", x, g.ints([0] * (2 * x.rank - 1) + [n - length])) if length < n else x


@exporter("rfft")
def rfft(g: Graph, x: T, fft_length: int | None) -> tuple[T, ...]:
    n = _length(g, x.shape[-1] if fft_length is None else fft_length)
    signal = _resized(g, T(g.wide(g.floating(x)).name, g.wide(g.floating(x)).dtype, x.shape), n)
    cos, sin = _turns(n, n // 2 + 1, n)
    return tuple(g.op("MatMul", signal, g.constant(m, signal.dtype)) for m in (cos, -sin))


@exporter("_irfft")
def irfft(g: Graph, real: T, imag: T, fft_length: int | None) -> T:
    k = _length(g, real.shape[-1])
    n = 2 * (k - 1) if fft_length is None else fft_length
    needed = n // 2 + 1
    parts = [
        _resized(g, T(g.wide(g.floating(v)).name, g.wide(g.floating(v)).dtype, v.shape), needed) for v in (real, imag)
    ]
    cos, sin = _turns(needed, n, n)
    weight = np.full((needed, 1), 2.0)  # every frequency but 0 and the half stands for its mirror image too
    weight[0] = 1
    if n % 2 == 0:
        weight[-1] = 1
    products = [g.op("MatMul", v, g.constant(m * weight / n, v.dtype)) for v, m in zip(parts, (cos, -sin))]
    return g.op("Add", *products)


def _transformed(g: Graph, real: T, imag: T, axis: int, inverse: bool) -> tuple[T, T]:
    """The transform along one of the last two axes."""
    n = _length(g, real.shape[axis])
    cos, sin = _turns(n, n, n)
    if inverse:
        cos, sin = cos / n, -sin / n
    shape = real.shape

    def product(v: T, matrix: Any) -> T:
        m = g.constant(matrix, v.dtype)
        y = g.op("MatMul", v, m) if axis == -1 else g.op("MatMul", m, v)
        return T(y.name, y.dtype, shape)

    new_real = g.op("Add", product(real, cos), product(imag, sin))
    new_imag = g.op("Sub", product(imag, cos), product(real, sin))
    return T(new_real.name, new_real.dtype, shape), T(new_imag.name, new_imag.dtype, shape)


def _wide(g: Graph, x: T) -> T:
    y = g.wide(g.floating(x))
    return T(y.name, y.dtype, x.shape)


@exporter("_fft")
def fft(g: Graph, real: T, imag: T, rank: int) -> tuple[T, T]:
    real, imag = _wide(g, real), _wide(g, imag)
    for axis in (-1, -2)[:rank]:
        real, imag = _transformed(g, real, imag, axis, inverse=False)
    return real, imag


@exporter("_ifft2")
def ifft2(g: Graph, real: T, imag: T) -> tuple[T, T]:
    real, imag = _wide(g, real), _wide(g, imag)
    for axis in (-1, -2):
        real, imag = _transformed(g, real, imag, axis, inverse=True)
    return real, imag


@exporter("extract_sequences")
def extract_sequences(g: Graph, x: T, sequence_length: int, sequence_stride: int) -> T:
    count = g.outputs[0].shape[-2]
    starts = g.binary("Mul", g.range(count), sequence_stride)
    index = g.op("Add", g.unsqueeze(starts, 1), g.constant(np.arange(sequence_length), "int64"))
    return g.op("Gather", x, index, axis=x.rank - 1)


@exporter("_overlap_add")
def overlap_add(g: Graph, y: T, stride: int) -> T:
    """A product with a matrix that says which frame adds to which element."""
    count, length = (_length(g, n) for n in y.shape[-2:])
    total = _length(g, g.outputs[0].shape[-1])
    places = np.zeros((count * length, total), "float32")
    at = (np.arange(count)[:, None] * stride + np.arange(length)).reshape(-1)
    kept = at < total
    places[np.arange(count * length)[kept], at[kept]] = 1
    flat = g.op("Reshape", _wide(g, y), g.shape([*y.shape[:-2], count * length]))
    return g.op("MatMul", flat, g.constant(places, flat.dtype))

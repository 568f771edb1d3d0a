"""Fourier transforms. Complex numbers are pairs of real tensors, (real, imaginary), so that gradients are real too.

With g = (gradient of the real part) + i (gradient of the imaginary part), the gradient of y = F x is F^H g.
"""

from __future__ import annotations

import math
from typing import Any

from ...core.dtypes import is_float, result_type
from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Xp, floating
from ..core.create import arange, convert_to_tensor
from ..core.indexing import get_item
from ..core.shape import broadcast_to, ndim, pad, shape
from ..math.arithmetic import divide, multiply, subtract
from ..math.comparison import greater, where
from ..math.trigonometry import cos
from ..registry import op

Pair = tuple[Any, Any]


def _pair(name: str, x: Any, rank: int = 1) -> Pair:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"{name}: Input `x` should be a tuple of two tensors, real and imaginary, got {type(x).__name__}"
        )
    first, second = shape(x[0]), shape(x[1])
    if first != second:
        raise ValueError(
            f"{name}: Both the real and imaginary parts should have the same shape, got {first} and {second}"
        )
    _check_rank(name, first, rank)
    return x[0], x[1]


def _check_rank(name: str, shape: tuple[int, ...], rank: int) -> None:
    if len(shape) < rank:
        raise ValueError(f"{name}: Input should have rank >= {rank}, got shape {shape}")


def _join(real: Array, imag: Array) -> Array:
    """Two real arrays as one complex array."""
    real, imag = (floating(v.astype(result_type(real.dtype, imag.dtype), copy=False)) for v in (real, imag))
    if str(real.dtype) in ("float16", "bfloat16"):
        real, imag = real.astype("float32"), imag.astype("float32")
    return real + 1j * imag


def _parts(xp: Xp, z: Array) -> tuple[Array, Array]:
    return xp.real(z), xp.imag(z)


@op("math", class_name="FFT", shape=shape_rules.fourier)
def fft(x: Pair, /) -> Any:
    """The discrete Fourier transform of the last axis.  x: a pair of (..., n) -> a pair of (..., n)"""
    return _fft(*_pair("fft", x))


@op("math", class_name="FFT2", shape=shape_rules.fourier)
def fft2(x: Pair, /) -> Any:
    """The discrete Fourier transform of the last two axes.  x: a pair of (..., m, n) -> a pair of (..., m, n)"""
    return _fft(*_pair("fft2", x, 2), rank=2)


@op("math", class_name="IFFT2", shape=shape_rules.fourier)
def ifft2(x: Pair, /) -> Any:
    """The inverse of ``fft2``.  x: a pair of (..., m, n) -> a pair of (..., m, n)"""
    return _ifft2(*_pair("ifft2", x, 2))


@primitive
def _fft(xp: Xp, real: Array, imag: Array, /, rank: int = 1) -> Forward:
    """The transform of the last axis, or of the last two"""
    transform, inverse = (xp.fft.fft, xp.fft.ifft) if rank == 1 else (xp.fft.fft2, xp.fft.ifft2)
    n = math.prod(real.shape[-rank:])
    return _parts(xp, transform(_join(real, imag))), lambda dys: _parts(xp, n * inverse(_join(*dys)))


@primitive
def _ifft2(xp: Xp, real: Array, imag: Array, /) -> Forward:
    n = math.prod(real.shape[-2:])
    return _parts(xp, xp.fft.ifft2(_join(real, imag))), lambda dys: _parts(xp, xp.fft.fft2(_join(*dys)) / n)


def _resize_last(xp: Xp, x: Array, n: int) -> Array:
    """The last axis cut or zero-padded to n."""
    length = x.shape[-1]
    return x[..., :n] if length >= n else xp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - length)])


@op("math", class_name="RFFT", shape=shape_rules.rfft)
def rfft(xp: Xp, x: Array, /, fft_length: int | None = None) -> Forward:
    """The transform of a real signal, its nonnegative frequencies, as a pair.  x: (..., n) -> a pair of (..., n // 2 + 1)

    Args:
        fft_length: cut or zero-pad the signal to that length first.
    """
    _check_rank("rfft", x.shape, 1)
    x = floating(x)
    x = x.astype("float32") if str(x.dtype) in ("float16", "bfloat16") else x
    n = x.shape[-1] if fft_length is None else fft_length

    def backward(dys: tuple[Array, Array]) -> Array:
        return _resize_last(xp, xp.real(n * xp.fft.ifft(_resize_last(xp, _join(*dys), n))), x.shape[-1])

    return _parts(xp, xp.fft.rfft(x, n)), backward


@op("math", class_name="IRFFT", shape=shape_rules.irfft)
def irfft(x: Pair, /, fft_length: int | None = None) -> Tensor:
    """The inverse of ``rfft``.  x: a pair of (..., k) -> (..., fft_length), by default 2 (k - 1)"""
    return _irfft(*_pair("irfft", x), fft_length=fft_length)


@primitive
def _irfft(xp: Xp, real: Array, imag: Array, /, fft_length: int | None = None) -> Forward:
    z = _join(real, imag)
    k = z.shape[-1]
    n = 2 * (k - 1) if fft_length is None else fft_length

    def backward(dy: Array) -> tuple[Array, Array]:
        # Every frequency but 0 and the half stands for its mirror image too.
        g = xp.fft.rfft(dy) / n
        twice = xp.full((g.shape[-1],), 2.0, dtype=dy.dtype)
        twice[0] = 1
        if n % 2 == 0:
            twice[-1] = 1
        return _parts(xp, _resize_last(xp, g * twice, k))

    return xp.fft.irfft(z, n), backward


def _frames(xp: Xp, x: Array, length: int, stride: int) -> Array:
    """The sequences of ``length``, one every ``stride``.  x: (..., n) -> (..., count, length)"""
    count = 1 + (x.shape[-1] - length) // stride
    starts = xp.arange(count, dtype="int32") * stride
    return x[..., starts[:, None] + xp.arange(length, dtype="int32")]


def _add_frames(xp: Xp, y: Array, stride: int, total: int) -> Array:
    """Overlap-add: sequences ``stride`` apart, summed.  y: (..., count, length) -> (..., total)"""
    *front, count, length = y.shape
    chunks = -(-length // stride)
    y = xp.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, chunks * stride - length)])
    y = y.reshape((*front, count, chunks, stride))
    out = xp.zeros((*front, count + chunks - 1, stride), dtype=y.dtype)
    for i in range(chunks):
        out[..., i : i + count, :] += y[..., i, :]
    return _resize_last(xp, out.reshape((*front, (count + chunks - 1) * stride)), total)


@op("math", shape=shape_rules.sequences)
def extract_sequences(xp: Xp, x: Array, /, sequence_length: int, sequence_stride: int) -> Forward:
    """Frames of a signal, one every ``sequence_stride``.  x: (..., n) -> (..., count, sequence_length)

    count: how many lie within the signal.
    """
    _check_rank("extract_sequences", x.shape, 1)
    if sequence_length < 1 or sequence_stride < 1:
        raise ValueError(
            "extract_sequences: expected sequence_length and sequence_stride from 1 on, "
            f"got {sequence_length} and {sequence_stride}"
        )
    if x.shape[-1] < sequence_length:
        raise ValueError(
            f"extract_sequences: the signal has {x.shape[-1]} elements, fewer than one of {sequence_length}"
        )
    y = _frames(xp, x, sequence_length, sequence_stride)
    return y, lambda dy: _add_frames(xp, dy, sequence_stride, x.shape[-1])


@primitive
def _overlap_add(xp: Xp, y: Array, /, stride: int) -> Forward:
    count, length = y.shape[-2:]
    out = _add_frames(xp, y, stride, (count - 1) * stride + length)
    return out, lambda dx: _frames(xp, dx, length, stride)


def _window(window: Any, sequence_length: int, fft_length: int, dtype: Any) -> Tensor | None:
    """The window centered within ``fft_length``; None for none."""
    if window is None:
        return None
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f'If a string is passed to `window`, it must be one of `"hann"`, `"hamming"`. Received: window={window}'
            )
        a = 0.5 if window == "hann" else 0.54  # periodic: as one of sequence_length + 1 without its last number
        turn = multiply(arange(sequence_length, dtype=dtype), 2 * math.pi / sequence_length)
        tensor = subtract(a, multiply(cos(turn), 1 - a))
    else:
        tensor = convert_to_tensor(window, dtype=dtype)
        if tensor.shape != (sequence_length,):
            raise ValueError(
                "The shape of `window` must be equal to [sequence_length]."
                f"Received: window shape={tensor.shape}, sequence_length={sequence_length}"
            )
    left = (fft_length - sequence_length) // 2
    return pad(tensor, ((left, fft_length - sequence_length - left),))


def _check_lengths(sequence_length: int, sequence_stride: int, fft_length: int) -> None:
    if sequence_length > fft_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )
    if not isinstance(sequence_stride, int) or sequence_stride < 1:
        raise ValueError(f"`sequence_stride` must be a positive integer, got {sequence_stride}")


@op("math", class_name="STFT")
def stft(
    x: Array, /, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> Any:
    """The short-time Fourier transform: of one windowed frame every ``sequence_stride``, as a pair.

    x: (..., n) -> a pair of (..., count, fft_length // 2 + 1). Integers raise ``TypeError``.

    Args:
        window: "hann", "hamming", a tensor of ``sequence_length`` numbers, or None: none, over all of ``fft_length``.
        center: put fft_length // 2 mirrored numbers at both ends, so that frame t is centered at t * sequence_stride.
    """
    _check_lengths(sequence_length, sequence_stride, fft_length)
    x = x if hasattr(x, "dtype") else convert_to_tensor(x)
    if not is_float(x.dtype):
        raise TypeError(f"Invalid input type. stft: expected floating point numbers, got dtype {x.dtype}: cast them")
    if center:
        side = fft_length // 2
        x = pad(x, [(0, 0)] * (ndim(x) - 1) + [(side, side)], mode="reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    weights = _window(window, sequence_length, fft_length, result_type(x.dtype, float))
    return rfft(frames if weights is None else multiply(frames, weights))


@op("math", class_name="ISTFT")
def istft(
    x: Pair,
    /,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Tensor:
    """The signal that ``stft`` with the same options made x of, where its windows were not 0 all over. With
    ``window=None`` the frames are summed, so that each element counts once for each frame that holds it.

    x: a pair of (..., count, fft_length // 2 + 1) -> (..., n).

    Args:
        length: of the signal (default: the extent of the frames, less the padding of ``center``).
    """
    _check_lengths(sequence_length, sequence_stride, fft_length)
    real, imag = _pair("istft", x, 2)
    frames = irfft((real, imag), fft_length)
    count, dtype = shape(frames)[-2], frames.dtype
    weights = _window(window, sequence_length, fft_length, dtype)
    if weights is None:
        signal = _overlap_add(frames, stride=sequence_stride)
    else:
        signal = _overlap_add(multiply(frames, weights), stride=sequence_stride)
        power = _overlap_add(broadcast_to(multiply(weights, weights), (count, fft_length)), stride=sequence_stride)
        signal = divide(signal, where(greater(power, 1e-10), power, 1.0))
    start = fft_length // 2 if center else 0
    total = fft_length + sequence_stride * (count - 1)
    stop = start + length if length is not None else total - (fft_length // 2 if center else 0)
    if stop > total:
        signal = pad(signal, [(0, 0)] * (ndim(signal) - 1) + [(0, stop - total)])
    return get_item(signal, (..., slice(start, stop)))

"""The op table: Fourier transforms, of pairs of real tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.signal import fourier

from .cases import F, Row, Sample, call, other


def pair(z: Any) -> tuple[Any, Any]:
    return np.real(z), np.imag(z)


def of(transform: Any) -> Any:
    return lambda real, imag, **options: pair(transform(real + 1j * imag))


def of_pair(transform: Any) -> Any:
    return lambda x: pair(transform(x[0] + 1j * x[1]))


def sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, sequence_length, -1)
    return windows[..., ::sequence_stride, :]


def added(y: Any, stride: int) -> Any:
    *front, count, length = y.shape
    out = np.zeros((*front, (count - 1) * stride + length))
    for i in range(count):
        out[..., i * stride : i * stride + length] += y[..., i, :]
    return out


def weights_of(name: str | None, length: int, fft_length: int) -> Any:
    if name is None:
        return np.ones(fft_length)
    weights = {"hann": np.hanning, "hamming": np.hamming}[name](length + 1)[:-1]
    left = (fft_length - length) // 2
    return np.pad(weights, (left, fft_length - length - left))


def stft(x: Any, length: int, stride: int, fft_length: int, window: str | None = "hann", center: bool = True) -> Any:
    if center:
        side = fft_length // 2
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(side, side)], mode="reflect")
    weights = weights_of(window, length, fft_length)
    return pair(np.fft.rfft(sequences(x, fft_length, stride) * weights))


def inverse(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: Any = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    weights = weights_of(window, sequence_length, fft_length)
    y = np.fft.irfft(x[0] + 1j * x[1], fft_length) * weights
    power = added(np.tile(weights**2, (y.shape[-2], 1)), sequence_stride)
    signal = added(y, sequence_stride)
    if window is not None:
        signal = signal / np.where(power > 1e-10, power, 1)
    start = fft_length // 2 if center else 0
    if length is None:
        return signal[..., start : signal.shape[-1] - start]
    short = start + length - signal.shape[-1]
    signal = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, max(short, 0))])
    return signal[..., start : start + length]


COMPLEX: list[Sample] = [call(F((3, 4)), F((3, 4))), call(F((2, 3, 5)), F((2, 3, 5)))]
SIGNAL = [
    call(F((3, 8))),
    call(F((7,))),
    call(F((2, 6)), fft_length=9),
    call(F((2, 9)), fft_length=6),
    call(F((2, 9)), fft_length=5),
]
HALF = [
    call(F((3, 5)), F((3, 5))),
    call(F((4,)), F((4,)), fft_length=7),
    call(F((2, 4)), F((2, 4)), fft_length=9),
    call(F((2, 5)), F((2, 5)), fft_length=4),
]
ROWS: list[Row] = [
    other(fourier._fft, lambda *z, rank=1: of(np.fft.fft if rank == 1 else np.fft.fft2)(*z), *COMPLEX,
          *(call(*sample.args, rank=2) for sample in COMPLEX), empty="a transform of nothing"),
    other(fourier._ifft2, of(np.fft.ifft2), *COMPLEX, empty="a transform of nothing"),
    other(fourier.rfft, lambda x, fft_length=None: pair(np.fft.rfft(x, fft_length)), *SIGNAL),
    other(fourier._irfft, lambda real, imag, fft_length=None: np.fft.irfft(real + 1j * imag, fft_length), *HALF),
    *(
        Row(op, of_pair(getattr(np.fft, op.__name__)), COMPLEX, joined=True, empty="a transform of nothing")
        for op in (fourier.fft, fourier.fft2, fourier.ifft2)
    ),
    Row(
        fourier.irfft,
        lambda x, fft_length=None: np.fft.irfft(x[0] + 1j * x[1], fft_length),
        HALF,
        joined=True,
    ),
    other(fourier.extract_sequences, sequences, call(F((3, 9)), 4, 2), call(F((10,)), 3, 5), call(F((2, 1, 8)), 3, 1)),
    other(fourier._overlap_add, added, call(F((3, 4, 5)), stride=2), call(F((3, 4)), stride=4), call(F((2, 3)), stride=5)),
    other(
        fourier.stft,
        stft,
        call(F((3, 20)), 5, 2, 8),
        call(F((20,)), 5, 3, 7, center=False),
        call(F((2, 20)), 6, 2, 6, window="hamming"),
        call(F((20,)), 4, 4, 8, window=None),
    ),
    Row(
        fourier.istft,
        inverse,
        [call(F((3, 11, 5)), F((3, 11, 5)), sequence_length=5, sequence_stride=2, fft_length=8),
         call(F((7, 5)), F((7, 5)), sequence_length=8, sequence_stride=2, fft_length=8, window="hamming", center=False),
         call(F((4, 4)), F((4, 4)), sequence_length=4, sequence_stride=3, fft_length=6, length=11),
         call(F((4, 4)), F((4, 4)), sequence_length=4, sequence_stride=3, fft_length=6, length=16, window=None)],
        joined=True,
    ),
]  # fmt: skip

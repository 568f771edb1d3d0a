"""Shape rules of image and signal ops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core.settings import image_data_format
from ...graph.node import Spec
from .sizes import float_dtype, product, same_shape, same_size, shape_of


def resize(images: Any, size: Sequence[int], *args: Any, data_format: str | None = None, **options: Any) -> Spec:
    if len(args) == 7:
        data_format = args[-1]
    shape = shape_of(images)
    if len(shape) not in (3, 4):
        raise ValueError(f"{shape} is the shape of no images")
    first = len(shape) - (3 if (data_format or image_data_format()) == "channels_last" else 2)
    return Spec((*shape[:first], *(int(n) for n in size), *shape[first + 2 :]), images.dtype)


def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Spec:
    return _blocks(x, block_size, data_format, lambda n, s: _divided(n, s), lambda c, s: product((c, s * s)))


def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Spec:
    return _blocks(x, block_size, data_format, lambda n, s: product((n, s)), lambda c, s: _divided(c, s * s))


def _blocks(x: Any, s: int, data_format: str, length: Any, channels: Any) -> Spec:
    b, *rest = shape_of(x)
    if len(rest) != 3:
        raise ValueError(f"expected four axes, got shape {shape_of(x)}")
    h, w, c = rest if data_format == "channels_last" else (*rest[1:], rest[0])
    h, w, c = length(h, s), length(w, s), channels(c, s)
    return Spec((b, h, w, c) if data_format == "channels_last" else (b, c, h, w), x.dtype)


def _divided(n: int | None, by: int) -> int | None:
    if n is not None and n % by:
        raise ValueError(f"{n} is not a multiple of {by}")
    return None if n is None else n // by


def fold(x: Any, output_size: Any, kernel_size: Any, *args: Any, **options: Any) -> Spec:
    b, c, _ = shape_of(x)
    h, w = (output_size,) * 2 if isinstance(output_size, int) else output_size
    area = kernel_size**2 if isinstance(kernel_size, int) else math.prod(kernel_size)
    return Spec((b, _divided(c, area), h, w), x.dtype)


def map_coordinates(inputs: Any, coordinates: Any, *args: Any, **options: Any) -> Spec:
    n, *shape = shape_of(coordinates)
    same_size(n, len(shape_of(inputs)))
    return Spec(tuple(shape), inputs.dtype)


def fourier(x: Any) -> tuple[Spec, Spec]:
    """A pair (real, imaginary) of the same shape."""
    real, imag = x
    spec = Spec(same_shape(shape_of(real), shape_of(imag)), float_dtype(real))
    return spec, spec


def rfft(x: Any, fft_length: int | None = None) -> tuple[Spec, Spec]:
    *rest, n = shape_of(x)
    n = n if fft_length is None else fft_length
    spec = Spec((*rest, None if n is None else n // 2 + 1), float_dtype(x))
    return spec, spec


def irfft(x: Any, fft_length: int | None = None) -> Spec:
    real, imag = x
    *rest, n = same_shape(shape_of(real), shape_of(imag))
    n = 2 * (n - 1) if fft_length is None and n is not None else fft_length
    return Spec((*rest, n), float_dtype(real))


def sequences(x: Any, sequence_length: int, sequence_stride: int) -> Spec:
    *rest, n = shape_of(x)
    count = None if n is None else (n - sequence_length) // sequence_stride + 1
    return Spec((*rest, count, sequence_length), x.dtype)

"""Arguments of ops with windows (pooling, images): sizes along the spatial axes, padding, and where the channels are."""

from __future__ import annotations

from collections.abc import Sequence

from ...core import settings

Sizes = int | Sequence[int]


def first_spatial_axis(op: str, data_format: str | None) -> int:
    """1 or 2: the axis after the batch, and after the channels if they come first. None: the configured format."""
    data_format = data_format or settings.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f'{op}: expected data_format "channels_last" or "channels_first", got {data_format!r}')
    return 1 if data_format == "channels_last" else 2


def one_per_axis(op: str, name: str, value: Sizes, rank: int) -> tuple[int, ...]:
    """A positive whole number for each spatial axis."""
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) != rank or any(not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError(f"{op}: {name} must be a positive whole number, or {rank} of them, got {value!r}")
    return sizes


def window_count(length: int, size: int, stride: int, padding: str) -> int:
    """How many windows there are along an axis; with "valid" padding less than 1 when none fits."""
    return -(-length // stride) if padding == "same" else (length - size) // stride + 1


def overhang(length: int, size: int, stride: int) -> tuple[int, int]:
    """How far windows hang over both ends of an axis with "same" padding."""
    missing = max((window_count(length, size, stride, "same") - 1) * stride + size - length, 0)
    return missing // 2, missing - missing // 2

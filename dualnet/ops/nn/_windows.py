"""Arguments of ops with windows (convolution, pooling, images): sizes along the spatial axes, padding, the data format.

``who`` begins every message: the name of an op, or of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core import settings
from ...core.conversion import as_integers

Sizes = int | Sequence[int]


def data_format_of(who: str, data_format: str | None) -> str:
    """The data format, by default ``config.image_data_format()``."""
    data_format = data_format or settings.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f'{who}: expected data_format "channels_last" or "channels_first", got {data_format!r}')
    return data_format


def spatial_rank(who: str, shape: tuple[int | None, ...]) -> int:
    """The number of axes between the batch and the channels, at least one."""
    if len(shape) < 3:
        raise ValueError(f"{who}: expected (batch, spatial..., channels), got shape {shape}")
    return len(shape) - 2


def first_spatial_axis(who: str, data_format: str | None) -> int:
    """1 or 2: the axis after the batch, and after the channels if they come first."""
    return 1 if data_format_of(who, data_format) == "channels_last" else 2


def first_image_axis(who: str, images: Any, data_format: str | None) -> int:
    """The axis of the height, of one image or a batch. Raises ``ValueError`` for other numbers of axes."""
    rank = len(images.shape)
    if rank not in (3, 4):
        raise ValueError(
            f"{who}: Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). Received input with "
            f"shape: images.shape={tuple(images.shape)}"
        )
    return first_spatial_axis(who, data_format) - (rank == 3)


def per_axis(who: str, name: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """A whole number for each spatial axis, from one for all or one for each."""
    value = as_integers(value)
    values = (value,) * rank if isinstance(value, int) else tuple(value) if isinstance(value, Sequence) else ()
    if len(values) != rank or any(isinstance(n, bool) or not isinstance(n, int) or n < least for n in values):
        kind = "positive whole number" if least == 1 else f"whole number from {least} on"
        raise ValueError(f"{who}: {name} must be a {kind}, or {rank} of them, got {value!r}")
    return values


def padding_of(who: str, padding: Any, causal: bool = False) -> str:
    """The padding in lower case."""
    known = ("valid", "same", "causal") if causal else ("valid", "same")
    if not isinstance(padding, str) or padding.lower() not in known:
        expected = " or ".join(f'"{name}"' for name in known)
        raise ValueError(f"{who}: expected padding {expected}, got {padding!r}")
    return padding.lower()


def window_count(length: int, size: int, stride: int, padding: str) -> int:
    """The number of windows along an axis; with "valid" padding less than 1 when none fits."""
    return (length - size) // stride + 1 if padding == "valid" else -(-length // stride)


def overhang(length: int, size: int, stride: int, padding: str = "same") -> tuple[int, int]:
    """The padding before and after an axis: how far windows hang over its ends."""
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return size - 1, 0
    missing = max((window_count(length, size, stride, "same") - 1) * stride + size - length, 0)
    return missing // 2, missing - missing // 2

"""The shape of the images that a network takes: its default, and which others fit."""

from __future__ import annotations

from typing import Any

from ..core.warning import warn

Shape = tuple[int | None, ...]


def obtain_input_shape(
    input_shape: Any,
    default_size: int | None,
    min_size: int,
    data_format: str,
    require_flatten: bool,
    weights: Any = None,
) -> Shape:
    """The shape of one image, (height, width, channels) or, channels first, (channels, height, width).

    Args:
        input_shape: what the user asked for; None for the default.
        default_size: height and width by default.
        min_size: the least height and width.
        data_format: "channels_last" or "channels_first".
        require_flatten: the network has its top: height and width must be known.
        weights: with "imagenet" there must be 3 channels, and with the top the default size too.

    Raises:
        ValueError: the network cannot take such images.
    """
    first = data_format == "channels_first"

    def arranged(height: int | None, width: int | None, channels: int | None) -> Shape:
        return (channels, height, width) if first else (height, width, channels)

    trained = weights == "imagenet"
    size = default_size if require_flatten else None
    shape = tuple(input_shape or arranged(size, size, 3))
    if len(shape) != 3:
        raise ValueError(
            f"input_shape is the shape of one image, three numbers such as {arranged(default_size, default_size, 3)}, "
            f"got {input_shape}"
        )
    channels, *sizes = shape if first else (shape[2], *shape[:2])
    if trained and require_flatten and shape != arranged(default_size, default_size, 3):
        raise ValueError(
            f"the network trained on ImageNet takes images of shape {arranged(default_size, default_size, 3)} when it has "
            f"its top, got input_shape={input_shape}: resize the images, or pass include_top=False"
        )
    if trained and channels != 3:
        raise ValueError(
            f"the weights trained on ImageNet are for 3 channels, got input_shape={input_shape} with {channels}: repeat the "
            "channel of gray images, or pass weights=None"
        )
    if any(n is not None and n < min_size for n in sizes):
        raise ValueError(
            f"images must have at least {min_size} x {min_size} pixels for this network, got input_shape={input_shape}: "
            "resize them"
        )
    if require_flatten and None in shape:
        raise ValueError(
            f"with include_top=True the size of the images must be known, got input_shape={input_shape}: give numbers, or "
            "pass include_top=False"
        )
    if channels not in (1, 3):
        warn(f"images have 1 or 3 channels as a rule, and input_shape={input_shape} has {channels} ({data_format})")
    return shape

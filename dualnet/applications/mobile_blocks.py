"""What the networks for phones share: widths in steps of 8, padding before an image is halved, which images they were trained on."""

from __future__ import annotations

from typing import Any

from .. import layers
from ..config import image_data_format


def divisible(width: float, divisor: int = 8) -> int:
    """The multiple of ``divisor`` nearest to a number of channels; the next one where that is less than 90% of it."""
    rounded = nearest(width, divisor)
    return rounded + divisor if rounded < 0.9 * width else rounded


def nearest(width: float, divisor: int = 8) -> int:
    """The multiple of ``divisor`` nearest to a number of channels, at least one of it."""
    return max(divisor, int(width + divisor / 2) // divisor * divisor)


def channels(x: Any) -> int:
    """How many channels symbolic features have."""
    return int(x.shape[-1 if image_data_format() == "channels_last" else 1])


def normalize(x: Any, name: str, momentum: float = 0.999) -> Any:
    """Batch normalization of each channel, as the MobileNets have it."""
    axis = -1 if image_data_format() == "channels_last" else 1
    return layers.BatchNormalization(axis=axis, momentum=momentum, epsilon=1e-3, name=name)(x)


def pad_to_halve(x: Any, kernel: int, name: str) -> Any:
    """The zeros around an image for a convolution of stride 2 without padding, which then makes ceil(size / 2) of a size.

    An even height or width gets one less before it than after it, as with TensorFlow's padding "same". One that is not
    known is taken for even.
    """
    after = kernel // 2
    before = [after - (size is None or size % 2 == 0) for size in _sizes(x.shape[1:])]
    return layers.ZeroPadding2D(tuple((n, after) for n in before), name=name)(x)


def check_input_fits(input_tensor: Any, input_shape: Any) -> None:
    """Raise ``ValueError`` if a tensor to start from has not the shape that was asked for."""
    if input_tensor is not None and input_shape is not None and _sizes(input_tensor.shape[1:]) != _sizes(input_shape):
        raise ValueError(
            f"input_tensor has the shape {tuple(input_tensor.shape)}, which does not fit input_shape={tuple(input_shape)}: "
            "give one of the two"
        )


def trained_side(images: Any, sides: tuple[int, ...]) -> int:
    """Height and width of the images whose weights fit best: those of ``images``, a shape, if they are among ``sides``, or 224."""
    if images is not None and len(images) == 3:
        height, width = _sizes(images)
        if height == width and height in sides:
            return height
    return 224


def height_of(input_shape: Any, otherwise: int | None) -> int | None:
    """The height in the shape of one image, if there is a shape."""
    return otherwise if input_shape is None else _sizes(input_shape)[0]


def _sizes(shape: Any) -> tuple[int | None, int | None]:
    """Height and width in the shape of one image."""
    first, second, third = shape
    return (first, second) if image_data_format() == "channels_last" else (second, third)

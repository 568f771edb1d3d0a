"""Colors.  images: (..., height, width, 3), or (..., 3, height, width) with ``data_format="channels_first"``"""

from __future__ import annotations

from typing import Any

from .. import shape_rules
from .._common import Array, Forward, Spec, Xp
from ..nn._windows import first_image_axis
from ..registry import op

WEIGHTS = (0.2989, 0.5870, 0.1140)  # the weights of red, green and blue, by ITU-R BT.601


def _grayscale_shape(images: Any, data_format: str | None = None) -> Spec:
    shape = list(shape_rules.shape_of(images))
    axis = _channel_axis("rgb_to_grayscale", images, data_format)
    if shape[axis] not in (1, 3, None):
        raise ValueError(f"expected 3 channels (RGB) or 1 (grayscale), got {shape[axis]}")
    shape[axis] = 1
    return Spec(tuple(shape), images.dtype)


@op("image", class_name="RGBToGrayscale", shape=_grayscale_shape)
def rgb_to_grayscale(xp: Xp, images: Array, /, data_format: str | None = None) -> Forward:
    """Brightness: 0.2989 red + 0.587 green + 0.114 blue, in one channel.  Integers stay integers, truncated

    Images of one channel are returned unchanged.
    """
    axis = _channel_axis("rgb_to_grayscale", images, data_format)
    if images.shape[axis] == 1:
        return images, lambda dy: dy
    if images.shape[axis] != 3:
        raise ValueError(
            "rgb_to_grayscale: Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={images.shape}"
        )
    work = images.dtype if images.dtype.kind == "f" else "float32"
    red, green, blue = (c.astype(work, copy=False) for c in xp.split(images, 3, axis=axis))
    y = WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue

    def backward(dy: Array) -> Array:
        return xp.concatenate([dy * w for w in WEIGHTS], axis=axis)

    return y.astype(images.dtype, copy=False), backward


@op("image", class_name="RGBToHSV", shape=shape_rules.unchanged_float)
def rgb_to_hsv(xp: Xp, images: Array, /, data_format: str | None = None) -> Forward:
    """Hue, saturation and value of floating point images, all from 0 to 1 when red, green and blue are

    A gray pixel has hue 0; the gradient of hue and saturation is 0 there.
    """
    axis = _colors_axis("rgb_to_hsv", images, data_format)
    red, green, blue = _colors(xp, images, axis)
    value, least = xp.maximum(xp.maximum(red, green), blue), xp.minimum(xp.minimum(red, green), blue)
    range_ = value - least
    has_hue, is_lit = range_ > 0, value > 0
    by_range = has_hue / xp.where(has_hue, range_, xp.ones_like(range_))
    by_value = is_lit / xp.where(is_lit, value, xp.ones_like(value))
    is_red = red == value
    is_green = xp.logical_and(green == value, xp.logical_not(is_red))
    is_blue = xp.logical_not(xp.logical_or(is_red, is_green))
    # As numbers: a product with them takes a tenth of the time of a choice between colors.
    is_red, is_green, is_blue = (c.astype(images.dtype) for c in (is_red, is_green, is_blue))
    # Where a color is the largest, the other two say how far the hue is from it: sixths of a turn.
    difference = is_red * (green - blue) + is_green * (blue - red) + is_blue * (red - green)
    turn = (difference * by_range + 2 * is_green + 4 * is_blue) / 6
    hue = (turn + (turn < 0)) * has_hue
    y = xp.concatenate([hue, range_ * by_value, value], axis=axis)

    def backward(dy: Array) -> Array:
        dhue, dsaturation, dvalue = xp.split(dy, 3, axis=axis)
        ddifference = dhue * by_range / 6
        drange = dsaturation * by_value - dhue * difference * by_range * by_range / 6
        dvalue = dvalue - dsaturation * range_ * by_value * by_value + drange
        # The least is taken from the one color that is, the first of equal ones.
        low_red = red == least
        low_green = xp.logical_and(green == least, xp.logical_not(low_red))
        low_blue = xp.logical_not(xp.logical_or(low_red, low_green))
        dred = (is_blue - is_green) * ddifference + is_red * dvalue - low_red * drange
        dgreen = (is_red - is_blue) * ddifference + is_green * dvalue - low_green * drange
        dblue = (is_green - is_red) * ddifference + is_blue * dvalue - low_blue * drange
        return xp.concatenate([dred, dgreen, dblue], axis=axis)

    return y, backward


@op("image", class_name="HSVToRGB", shape=shape_rules.unchanged_float)
def hsv_to_rgb(xp: Xp, images: Array, /, data_format: str | None = None) -> Forward:
    """Red, green and blue from hue, saturation and value: the inverse of ``rgb_to_hsv``. Hues a whole number apart are equal"""
    axis = _colors_axis("hsv_to_rgb", images, data_format)
    hue, saturation, value = _colors(xp, images, axis)
    turn = (hue - xp.floor(hue)) * 6
    # How much of each color is there at full saturation: a trapezoid over the turn of the color wheel.
    raw = [xp.abs(turn - 3) - 1, 2 - xp.abs(turn - 2), 2 - xp.abs(turn - 4)]
    amounts = [xp.clip(r, 0, 1) for r in raw]
    y = xp.concatenate([(1 - saturation + saturation * a) * value for a in amounts], axis=axis)

    def backward(dy: Array) -> Array:
        parts = xp.split(dy, 3, axis=axis)
        slopes = [xp.sign(turn - 3), -xp.sign(turn - 2), -xp.sign(turn - 4)]
        dhue = sum(d * s * xp.logical_and(r > 0, r < 1) for d, s, r in zip(parts, slopes, raw)) * 6 * saturation * value
        dsaturation = sum(d * (a - 1) for d, a in zip(parts, amounts)) * value
        dvalue = sum(d * (1 - saturation + saturation * a) for d, a in zip(parts, amounts))
        return xp.concatenate([dhue, dsaturation, dvalue], axis=axis)

    return y.astype(images.dtype, copy=False), backward


def _colors(xp: Xp, images: Array, axis: int) -> list[Array]:
    """The three channels, each in one piece of memory, and not every third number of one."""
    return [xp.ascontiguousarray(c) for c in xp.split(images, 3, axis=axis)]


def _channel_axis(op: str, images: Any, data_format: str | None) -> int:
    """The axis of the channels, counted from the end."""
    rank = len(images.shape)
    return -1 if first_image_axis(op, images, data_format) == rank - 3 else -3


def _colors_axis(op: str, images: Any, data_format: str | None) -> int:
    """The axis of the three colors of floating point images."""
    axis = _channel_axis(op, images, data_format)
    if images.shape[axis] != 3:
        raise ValueError(
            f"{op}: Input images must have 3 channels, but received images with {images.shape[axis]} channels. "
            f"The channels are in axis {axis} of shape {images.shape}"
        )
    if images.dtype.kind not in "fV":
        raise ValueError(f"{op}: Invalid images dtype: expected float dtype. Received: images.dtype={images.dtype}")
    return axis

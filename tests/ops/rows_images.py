"""The op table: images, pixel by pixel: sampling, colors, borders and patches."""

from __future__ import annotations

import colorsys
import itertools
import math
from typing import Any

import numpy as np

from dualnet.ops.image import borders as image_borders
from dualnet.ops.image import color as image_color
from dualnet.ops.image import patches as image_patches
from dualnet.ops.image import sampling as image_sampling
from dualnet.ops.image import transforms as image_transforms

from .cases import F, Row, call, other

# -- sampling ----------------------------------------------------------------------------------------------------------


def element(x: Any, at: tuple[int, ...], mode: str, fill: float) -> Any:
    """An element of an array that goes on outside its bounds; x may have more axes than ``at``."""
    position = []
    for i, n in zip(at, x.shape):
        if mode == "constant" and not 0 <= i < n:
            return fill
        row = {
            "constant": [i], "nearest": [min(max(i, 0), n - 1)], "wrap": [i % n],
            "reflect": [*range(n), *reversed(range(n))], "mirror": [*range(n), *reversed(range(1, n - 1))],
        }[mode]  # fmt: skip
        position.append(row[i % len(row)] if mode in ("reflect", "mirror") else row[0])
    return x[tuple(position)]


def looked_up(x: Any, at: tuple[float, ...], order: int, mode: str, fill: float) -> Any:
    if order == 0:
        return element(x, tuple(int(math.copysign(math.floor(abs(c) + 0.5), c)) for c in at), mode, fill)
    total = 0
    for corner in itertools.product((0, 1), repeat=len(at)):
        weight = math.prod(c - math.floor(c) if b else 1 - c + math.floor(c) for b, c in zip(corner, at))
        total = total + weight * element(x, tuple(math.floor(c) + b for b, c in zip(corner, at)), mode, fill)
    return total


def map_coordinates(x: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0.0) -> Any:
    y = np.zeros(coordinates.shape[1:])
    for at in np.ndindex(*y.shape):
        y[at] = looked_up(x, tuple(float(c) for c in coordinates[(slice(None), *at)]), order, fill_mode, fill_value)
    return y


def transformed(x: Any, position: Any, order: int, mode: str, fill: float, data_format: Any) -> Any:
    """position: (image number, x, y) -> (x, y) in the image."""
    if data_format == "channels_first":
        return np.moveaxis(transformed(np.moveaxis(x, -3, -1), position, order, mode, fill, None), -1, -3)
    if x.ndim == 3:
        return transformed(x[None], position, order, mode, fill, None)[0]
    y = np.zeros(x.shape)
    for b, i, j in np.ndindex(*x.shape[:3]):
        u, v = position(b, j, i)
        y[b, i, j] = looked_up(x[b], (v, u), order, mode, fill)
    return y


def affine(
    x: Any,
    t: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: Any = None,
) -> Any:
    def position(b: int, u: int, v: int) -> Any:
        a = t.reshape(-1, 8)[b if t.ndim == 2 and len(t) > 1 else 0]
        return a[0] * u + a[1] * v + a[2], a[3] * u + a[4] * v + a[5]

    return transformed(x, position, int(interpolation != "nearest"), fill_mode, fill_value, data_format)


def by_matrix(x: Any, t: Any, interpolation: str = "bilinear", fill_value: float = 0.0, data_format: Any = None) -> Any:
    def position(b: int, u: int, v: int) -> Any:
        p = np.append(t[b if len(t) > 1 else 0], 1.0).reshape(3, 3) @ [u, v, 1.0]
        return p[0] / p[2], p[1] / p[2]

    return transformed(x, position, int(interpolation != "nearest"), "constant", fill_value, data_format)


def perspective(
    x: Any, start: Any, end: Any, interpolation: str = "bilinear", fill_value: float = 0.0, data_format: Any = None
) -> Any:
    def matrix(points: Any) -> Any:
        """Takes the corners of the unit frame (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1) to four points."""
        p = np.concatenate([points.T, np.ones((1, 4))])
        return p[:, :3] * np.linalg.solve(p[:, :3], p[:, 3])

    def position(b: int, u: int, v: int) -> Any:
        at = (b,) if start.ndim == 3 else ()
        p = matrix(start[at]) @ np.linalg.solve(matrix(end[at]), [u, v, 1.0])
        return p[0] / p[2], p[1] / p[2]

    return transformed(x, position, int(interpolation != "nearest"), "constant", fill_value, data_format)


T = F((8,), -0.9, 0.9)
CORNERS = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0], [3.0, 4.0]])
MOVED = np.array([[0.3, 0.2], [2.6, 0.4], [0.1, 3.7], [3.3, 4.1]])
ASIDE = CORNERS + 0.17  # nothing falls onto a pixel, where sampling has a kink
SAMPLING = [
    other(
        image_sampling.map_coordinates,
        map_coordinates,
        *(call(F((4, 5)), F((2, 3, 4), -7.0, 9.0), order, mode, 0.7)
          for order in (0, 1) for mode in ("constant", "nearest", "wrap", "mirror", "reflect")),
        call(F((6,)), F((1, 5), -1.0, 7.0), 1),
        call(F((2, 3, 4)), F((3, 7), -1.0, 4.0), 1, "nearest"),
        call(F((1, 4)), F((2, 6), -2.0, 4.0), 1, "mirror"),
    ),
    other(
        image_transforms.affine_transform,
        affine,
        call(F((3, 4, 5, 2)), F((1, 8), -0.9, 0.9)),
        call(F((2, 4, 5, 2)), F((2, 8), -0.9, 0.9), "bilinear", "reflect"),
        call(F((2, 4, 5, 2)), F((2, 8), -0.9, 1.4), "nearest", "wrap"),
        call(F((5, 4, 1)), T, fill_mode="nearest"),
        call(F((2, 2, 5, 4)), T, fill_value=1.5, data_format="channels_first"),
        call(F((2, 4, 3)), T, fill_mode="mirror", data_format="channels_first"),
    ),
    other(
        image_transforms._perspective_transform,
        by_matrix,
        call(F((2, 5, 4, 3)), F((1, 8), -0.4, 0.9)),
        call(F((5, 4, 2)), F((1, 8), 0.1, 0.9), "nearest", 0.5),
        call(F((2, 2, 5, 4)), F((2, 8), 0.1, 0.9), fill_value=1.0, data_format="channels_first"),
    ),
    other(
        image_transforms.perspective_transform,
        perspective,
        call(F((2, 5, 4, 3)), np.stack([ASIDE, MOVED]), np.stack([MOVED, ASIDE])),
        call(F((5, 4, 2)), ASIDE, MOVED, "nearest", 0.5),
        call(F((2, 2, 5, 4)), ASIDE, MOVED, fill_value=1.0, data_format="channels_first"),
    ),
]  # fmt: skip

# -- colors ------------------------------------------------------------------------------------------------------------


def by_pixel(function: Any) -> Any:
    def reference(x: Any, data_format: Any = None) -> Any:
        if data_format == "channels_first":
            return np.moveaxis(reference(np.moveaxis(x, -3, -1)), -1, -3)
        pixels = [function(*pixel) for pixel in x.reshape(-1, 3).tolist()]
        return np.array(pixels).reshape(*x.shape[:-1], len(pixels[0]) if pixels else 3)

    return reference


UNIT = (0.05, 0.95)
COLORED = [
    call(F((3, 4, 2, 3), *UNIT)),
    call(F((5, 4, 3), *UNIT)),
    call(F((2, 3, 4, 5), *UNIT), data_format="channels_first"),
]
COLOR = [
    other(image_color.rgb_to_grayscale, by_pixel(lambda r, g, b: (0.2989 * r + 0.587 * g + 0.114 * b,)), *COLORED,
          empty="its reference cannot tell the channels of no pixel"),
    other(image_color.rgb_to_hsv, by_pixel(colorsys.rgb_to_hsv), *COLORED),
    other(image_color.hsv_to_rgb, by_pixel(colorsys.hsv_to_rgb), *COLORED, call(F((2, 4, 3), 1.05, 1.9))),
]  # fmt: skip

# -- borders and patches -----------------------------------------------------------------------------------------------


def ends(n: int, before: Any, after: Any, target: Any, sign: int) -> tuple[int, int]:
    change = None if target is None else sign * (target - n)
    before = before if before is not None else change - after
    return before, after if after is not None else change - before


def resized_borders(sign: int, word: str) -> Any:
    def reference(
        x: Any, data_format: Any = None, target_height: Any = None, target_width: Any = None, **sizes: Any
    ) -> Any:
        if data_format == "channels_first":
            return np.moveaxis(reference(np.moveaxis(x, -3, -1), None, target_height, target_width, **sizes), -1, -3)
        top, bottom = ends(x.shape[-3], sizes.get(f"top_{word}"), sizes.get(f"bottom_{word}"), target_height, sign)
        left, right = ends(x.shape[-2], sizes.get(f"left_{word}"), sizes.get(f"right_{word}"), target_width, sign)
        if sign < 0:
            return x[..., top : x.shape[-3] - bottom, left : x.shape[-2] - right, :]
        return np.pad(x, [(0, 0)] * (x.ndim - 3) + [(top, bottom), (left, right), (0, 0)])

    return reference


def patches(rank: int) -> Any:
    def reference(
        x: Any, size: Any, strides: Any = None, dilation_rate: int = 1, padding: str = "valid", data_format: Any = None
    ) -> Any:
        if data_format == "channels_first":
            channels_last = reference(np.moveaxis(x, -rank - 1, -1), size, strides, dilation_rate, padding)
            return np.moveaxis(channels_last, -1, -rank - 1)
        if x.ndim == rank + 1:
            return reference(x[None], size, strides, dilation_rate, padding)[0]
        size = (size,) * rank if isinstance(size, int) else size
        strides = size if strides is None else (strides,) * rank if isinstance(strides, int) else strides
        reach = [(k - 1) * dilation_rate + 1 for k in size]
        if padding == "same":
            counts = [-(-n // s) for n, s in zip(x.shape[1:], strides)]
            totals = [max((c - 1) * s + r - n, 0) for c, s, r, n in zip(counts, strides, reach, x.shape[1:])]
            x = np.pad(x, [(0, 0), *((m // 2, m - m // 2) for m in totals), (0, 0)])
        else:
            counts = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:], reach, strides)]
        y = np.zeros((len(x), *counts, math.prod(size) * x.shape[-1]))
        for at in np.ndindex(*counts):
            box = tuple(slice(i * s, i * s + r, dilation_rate) for i, s, r in zip(at, strides, reach))
            y[(slice(None), *at)] = x[(slice(None), *box)].reshape(len(x), y.shape[-1])
        return y

    return reference


PARTS = [
    other(image_borders.crop_images, resized_borders(-1, "cropping"),
          call(F((3, 5, 6, 2)), top_cropping=1, left_cropping=2, target_height=3, target_width=3),
          call(F((5, 6, 2)), top_cropping=0, bottom_cropping=2, right_cropping=1, target_width=2),
          call(F((2, 2, 5, 6)), bottom_cropping=1, left_cropping=0, right_cropping=4, target_height=4, data_format="channels_first")),
    other(image_borders.pad_images, resized_borders(1, "padding"),
          call(F((3, 5, 6, 2)), top_padding=1, left_padding=2, target_height=8, target_width=8),
          call(F((5, 6, 2)), top_padding=0, bottom_padding=2, right_padding=1, target_width=9),
          call(F((2, 5, 6)), bottom_padding=1, left_padding=0, right_padding=4, target_height=7, data_format="channels_first")),
    other(image_patches.extract_patches, patches(2), call(F((3, 5, 6, 2)), 2), call(F((5, 6, 2)), (2, 3), 1),
          call(F((2, 5, 6, 1)), 3, 2, padding="same"), call(F((2, 6, 6, 1)), 2, 1, 2), call(F((2, 6, 6, 1)), 2, 1, 2, "same"),
          call(F((2, 3, 5, 4)), (3, 1), (1, 2), data_format="channels_first")),
    other(image_patches.extract_patches_3d, patches(3), call(F((3, 4, 5, 2, 2)), 2), call(F((4, 3, 5, 1)), (1, 2, 3), 1, 1, "same"),
          call(F((2, 2, 3, 4, 3)), 2, 1, data_format="channels_first")),
]  # fmt: skip

ROWS: list[Row] = SAMPLING + COLOR + PARTS

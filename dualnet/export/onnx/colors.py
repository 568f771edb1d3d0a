"""Colors of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.image.color import WEIGHTS, _channel_axis
from .graph import Graph, T, exporter


@exporter("rgb_to_grayscale")
def rgb_to_grayscale(g: Graph, x: T, data_format: Any) -> T:
    axis = _channel_axis("rgb_to_grayscale", x, data_format)
    if x.shape[axis] == 1:
        return x
    weights = g.constant(np.reshape(np.array(WEIGHTS, "float32"), (3,) + (1,) * (-axis - 1)))
    y = g.op("Mul", g.wide(x), g.cast(weights, g.wide(x).dtype))
    return g.reduce("ReduceSum", y, [axis % x.rank], keepdims=True)


def _channels(g: Graph, x: T, data_format: Any) -> tuple[tuple[T, ...], int]:
    axis = _channel_axis("colors", x, data_format) % x.rank
    return g.ops("Split", g.wide(x), dtypes=(None,) * 3, axis=axis, num_outputs=3), axis


def _limited(g: Graph, x: T) -> T:
    return g.binary("Min", g.binary("Max", x, 0), 1)


@exporter("hsv_to_rgb")
def hsv_to_rgb(g: Graph, x: T, data_format: Any) -> T:
    (hue, saturation, value), axis = _channels(g, x, data_format)
    turn = g.binary("Mul", g.op("Sub", hue, g.op("Floor", hue)), 6)
    distances = [g.op("Abs", g.binary("Sub", turn, n)) for n in (3, 2, 4)]
    raw = [g.binary("Sub", distances[0], 1), g.binary("Sub", 2, distances[1]), g.binary("Sub", 2, distances[2])]
    gray = g.binary("Sub", 1, saturation)
    parts = [g.op("Mul", g.op("Add", gray, g.op("Mul", saturation, _limited(g, r))), value) for r in raw]
    return g.op("Concat", *parts, axis=axis)


@exporter("rgb_to_hsv")
def rgb_to_hsv(g: Graph, x: T, data_format: Any) -> T:
    (red, green, blue), axis = _channels(g, x, data_format)
    value, least = g.op("Max", red, green, blue), g.op("Min", red, green, blue)
    spread = g.op("Sub", value, least)
    gray, dark = (g.op("Not", g.compare("Greater", v, 0)) for v in (spread, value))
    by_spread = g.where(gray, 0.0, g.op("Reciprocal", g.where(gray, 1.0, spread)))
    by_value = g.where(dark, 0.0, g.op("Reciprocal", g.where(dark, 1.0, value)))
    # Where a color is the largest, the other two say how far the hue is from it: sixths of a turn.
    of_blue = g.binary("Add", g.op("Mul", g.op("Sub", red, green), by_spread), 4)
    of_green = g.binary("Add", g.op("Mul", g.op("Sub", blue, red), by_spread), 2)
    of_red = g.op("Mul", g.op("Sub", green, blue), by_spread)
    sixths = g.where(
        g.compare("Equal", red, value), of_red, g.where(g.compare("Equal", green, value), of_green, of_blue)
    )
    turn = g.binary("Div", sixths, 6)
    hue = g.where(gray, 0.0, g.where(g.compare("Less", turn, 0), g.binary("Add", turn, 1), turn))
    return g.op("Concat", hue, g.op("Mul", spread, by_value), value, axis=axis)

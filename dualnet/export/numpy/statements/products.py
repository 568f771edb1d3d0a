"""Products and windows: dense layers, convolutions, pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....ops.nn._windows import data_format_of, overhang, per_axis
from ...program import Call
from ...sizes import Size
from ..constants import RESULT
from .rules import keywords, rule

if TYPE_CHECKING:
    from ..writer import Writer


_ACTIVATIONS = {"relu": "relu({})", "tanh": "np.tanh({})", "elu": "elu({})", "relu6": "relu6({})"}


def _activated(text: str, activation: str | None) -> str:
    return text if activation in (None, "linear") else _ACTIVATIONS[activation].format(text)


@rule("dense")
def _dense(w: Writer, call: Call) -> list[str]:
    return _affine(f"{w.arg(call, 'x')} @ {w.arg(call, 'kernel')}", w, call)


def _affine(product: str, w: Writer, call: Call) -> list[str]:
    """A product, the bias and the activation, in one line if that is short."""
    bias, activation = call.arguments.get("bias"), call.arguments.get("activation")
    if bias is None:
        return [_activated(product, activation)]
    bias = w.source(bias, call)
    if len(product) + len(bias) > 90:
        return [product, _activated(f"{RESULT} + {bias}", activation)]
    return [_activated(f"{product} + {bias}", activation)]


@rule("dense_axes")
def _dense_axes(w: Writer, call: Call) -> list[str]:
    axes = w.source(call.arguments.get("summed", 1), call)
    return _affine(f"np.tensordot({w.arg(call, 'x')}, {w.arg(call, 'kernel')}, axes={axes})", w, call)


def _channels(text: str, channels_first: bool, form: str) -> str:
    """``form`` applied to x, with the channels moved to the end and back where they come first."""
    if not channels_first:
        return form.replace("§", text)
    return f"np.moveaxis({form.replace('§', f'np.moveaxis({text}, 1, -1)')}, -1, 1)"


def _is_same(w: Writer, call: Call, taps: tuple[int, ...], strides: Any, dilation: Any, channels_first: bool) -> bool:
    """Whether the padding of a convolution is that of "same", for every size it was recorded with."""
    lengths = slice(2, None) if channels_first else slice(1, -1)
    pairs = call.arguments["plan"].padding
    for i, shape in enumerate(w.shapes(call.arguments["x"])):
        extents = [(k - 1) * d + 1 for k, d in zip(taps, dilation)]
        expected = [overhang(n, e, s) for n, e, s in zip(shape[lengths], extents, strides)]
        actual = [tuple(v.samples[i] if isinstance(v, Size) else v for v in pair) for pair in pairs]
        if actual != expected:
            return False
    return True


@rule("conv")
def _conv(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    plan, first, depthwise = a["plan"], a["channels_first"], a["depthwise"]
    kernel = w.shapes(a["kernel"])[0]
    taps, rank = kernel[:-2], len(kernel) - 2
    if all(pair == (0, 0) for pair in plan.padding):
        padding = ("", True)
    elif _is_same(w, call, taps, plan.strides, plan.dilation, first):
        padding = ('"same"', False)
    else:
        padding = (w.source(plan.padding, call), False)
    channels, weight = w.shapes(a["x"])[0][1 if first else -1], w.arg(call, "kernel")
    groups = 1 if depthwise else channels // kernel[-2]
    if groups > 1 and kernel[-2] == 1:  # every channel is a group
        depthwise, weight = True, f"{weight}.reshape{(*taps, channels, kernel[-1] // channels)}"
    options = keywords(
        strides=(_one_or_all(plan.strides), plan.strides == (1,) * rank),
        padding=padding,
        dilation=(_one_or_all(plan.dilation), plan.dilation == (1,) * rank),
    )
    name = "depthwise_convolution" if depthwise else "convolution" if groups == 1 else "grouped_convolution"
    options = f", {groups}{options}" if name == "grouped_convolution" else options
    product = f"{name}({'np.moveaxis(§, 1, -1)' if first else '§'}, {weight}{options})"
    return _with_bias(w, call, product.replace("§", w.arg(call, "x")), first)


def _one_or_all(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else str(tuple(values))


def _with_bias(w: Writer, call: Call, product: str, channels_first: bool) -> list[str]:
    """A product, then the bias and the activation, then the channels where they belong."""
    bias, activation = call.arguments.get("bias"), call.arguments["activation"]
    lines = [product]
    if bias is not None or activation not in (None, "linear"):
        lines.append(_activated(RESULT if bias is None else f"{RESULT} + {w.arg(call, 'bias')}", activation))
    if channels_first:
        lines.append(f"np.moveaxis({RESULT}, -1, 1)")
    return lines


@rule("conv_transpose")
def _conv_transpose(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    plan, first = a["plan"], a["channels_first"]
    kernel = w.arg(call, "kernel")
    if set(plan.dilation) != {1}:
        kernel = f"dilate({kernel}, {w.source(plan.dilation, call)})"
    x = f"np.moveaxis({w.arg(call, 'x')}, 1, -1)" if first else w.arg(call, "x")
    strides, crop = w.source(plan.strides, call), w.source(plan.padding, call)
    return _with_bias(w, call, f"transposed_convolution({x}, {kernel}, {strides}, {crop})", first)


@rule("max_pool", "average_pool")
def _pool(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    rank = len(w.shapes(a["inputs"])[0]) - 2
    size = per_axis(call.op, "pool_size", a["pool_size"], rank)
    strides = size if a.get("strides") is None else per_axis(call.op, "strides", a["strides"], rank)
    padding = a.get("padding", "valid").lower()
    options = keywords(strides=(str(strides), False), padding=(f'"{padding}"', padding == "valid"))
    first = data_format_of(call.op, a.get("data_format")) == "channels_first"
    return [_channels(w.arg(call, "inputs"), first, f"{call.op}(§, {size}{options})")]


@rule("adaptive_max_pool", "adaptive_average_pool")
def _adaptive_pool(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    size = per_axis(call.op, "output_size", a["output_size"], len(w.shapes(a["inputs"])[0]) - 2)
    first = data_format_of(call.op, a.get("data_format")) == "channels_first"
    reduce = "np.max" if "max" in call.op else "np.mean"
    return [_channels(w.arg(call, "inputs"), first, f"adaptive_pool({reduce}, §, {size})")]

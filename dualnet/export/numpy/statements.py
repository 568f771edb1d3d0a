"""Ops that are more than one expression, or one that depends on their arguments.

A rule returns the expressions of one call, one after the other; ``RESULT`` in an expression stands for the result of the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dtypes import result_type
from ...ops.nn._windows import data_format_of, overhang, per_axis
from ..program import Call, Reference
from ..sizes import Size
from .constants import RESULT

if TYPE_CHECKING:
    from .writer import Writer

Rule = Callable[["Writer", Call], list[str]]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


_ACTIVATIONS = {"relu": "relu({})", "tanh": "np.tanh({})", "elu": "elu({})", "relu6": "relu6({})"}


def _activated(text: str, activation: str | None) -> str:
    return text if activation in (None, "linear") else _ACTIVATIONS[activation].format(text)


def _keywords(**values: tuple[str, bool]) -> str:
    """Keyword arguments that are not at their defaults.  name=(source, whether it is the default)"""
    return "".join(f", {name}={source}" for name, (source, is_default) in values.items() if not is_default)


# -- products --------------------------------------------------------------------------------------------------------


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


# -- windows ---------------------------------------------------------------------------------------------------------


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
    options = _keywords(
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
    options = _keywords(strides=(str(strides), False), padding=(f'"{padding}"', padding == "valid"))
    first = data_format_of(call.op, a.get("data_format")) == "channels_first"
    return [_channels(w.arg(call, "inputs"), first, f"{call.op}(§, {size}{options})")]


@rule("adaptive_max_pool", "adaptive_average_pool")
def _adaptive_pool(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    size = per_axis(call.op, "output_size", a["output_size"], len(w.shapes(a["inputs"])[0]) - 2)
    first = data_format_of(call.op, a.get("data_format")) == "channels_first"
    reduce = "np.max" if "max" in call.op else "np.mean"
    return [_channels(w.arg(call, "inputs"), first, f"adaptive_pool({reduce}, §, {size})")]


# -- normalization ---------------------------------------------------------------------------------------------------


def _along(w: Writer, ref: Any, rank: int, axis: int, call: Call) -> str:
    """A vector as it broadcasts along an axis of an array."""
    text, behind = w.source(ref, call), rank - 1 - axis % rank
    return text + (f".reshape(-1{', 1' * behind})" if behind else "")


@rule("batch_normalization")
def _batch_normalization(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    rank, axis = len(w.shapes(a["x"])[0]), a.get("axis", -1)
    mean, variance = (_along(w, a[name], rank, axis, call) for name in ("mean", "variance"))
    text = f"({w.arg(call, 'x')} - {mean}) / np.sqrt({variance} + {w.source(a.get('epsilon', 1e-3), call)})"
    return _scaled(w, call, text, lambda ref: _along(w, ref, rank, axis, call))


def _scaled(w: Writer, call: Call, text: str, shaped: Callable[[Any], str]) -> list[str]:
    """What is normalized, times gamma plus beta."""
    gamma, beta = call.arguments.get("gamma"), call.arguments.get("beta")
    if gamma is None and beta is None:
        return [text]
    scale = RESULT if gamma is None else f"{RESULT} * {shaped(gamma)}"
    return [text, scale + ("" if beta is None else f" + {shaped(beta)}")]


@rule("standardize")
def _standardize(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    rank = len(w.shapes(a["x"])[0])
    axes = a.get("axes", -1)
    axes = tuple(sorted(n % rank for n in (axes if isinstance(axes, tuple) else (axes,))))
    parameters = axes if a.get("parameter_axes") is None else tuple(sorted(n % rank for n in a["parameter_axes"]))
    axis = "-1" if axes == (rank - 1,) else str(axes[0]) if len(axes) == 1 else str(axes)
    x, epsilon = w.arg(call, "x"), w.source(a.get("epsilon", 1e-3), call)
    if a.get("centred", True):
        text = f"standardize({x}, axis={axis}, epsilon={epsilon})"
    else:
        text = f"{x} / root_mean_square({x}, axis={axis}, epsilon={epsilon})"
    is_last = parameters == tuple(range(rank - len(parameters), rank))

    def shaped(ref: Any) -> str:
        sizes = w.shapes(a["x"])[0]
        if is_last and len(w.shapes(ref)[0]) == len(parameters):
            return w.source(ref, call)
        shape = tuple(sizes[i] if i in parameters else 1 for i in range(rank))
        return f"{w.source(ref, call)}.reshape{shape}"

    return _scaled(w, call, text, shaped)


@rule("gelu")
def _gelu(w: Writer, call: Call) -> list[str]:
    name = "gelu_by_tanh" if call.arguments.get("approximate", True) else "gelu"
    return [f"{name}({w.arg(call, 'x')})"]


@rule("normalize")
def _normalize(w: Writer, call: Call) -> list[str]:
    from ...core import settings

    a = call.arguments
    epsilon = settings.epsilon() if a.get("epsilon") is None else a["epsilon"]
    options = _keywords(
        order=(str(a.get("order", 2)), a.get("order", 2) == 2), epsilon=(repr(epsilon), epsilon == 1e-7)
    )
    return [f"normalize({w.arg(call, 'x')}, axis={w.source(a.get('axis', -1), call)}{options})"]


# -- sequences -------------------------------------------------------------------------------------------------------


def _loop_options(w: Writer, call: Call) -> str:
    a = call.arguments
    return _keywords(
        mask=(w.source(a.get("mask"), call), a.get("mask") is None),
        go_backwards=("True", not a.get("go_backwards")),
        zero_output=("True", not a.get("zero_output_for_mask")),
    )


@rule("lstm", "gru", "simple_rnn")
def _recurrent(w: Writer, call: Call) -> list[str]:
    a, name = call.arguments, call.op
    if a.get("recurrent_mask") is not None:
        w.refuse(call, "a mask of the recurrent dropout")
    bias = a.get("bias")
    text, extra = "0" if bias is None else w.source(bias, call), ""
    if name == "gru":
        if a.get("reset_after", True) is False:
            name = "gru_of_the_paper"
        elif bias is not None and len(w.shapes(bias)[0]) == 2:
            text, extra = f"{text}[0]", f", recurrent_bias={text}[1]"
    if name == "simple_rnn" and (activation := a.get("activation", "tanh")) != "tanh":
        extra = f", activation={'lambda x: x' if activation == 'linear' else activation}"
    states = [w.source(a[n], call) for n in ("h", "c") if a.get(n) is not None]
    if states:
        extra += f", initial_state={states[0] if len(states) == 1 else '(' + ', '.join(states) + ')'}"
    weights = [w.arg(call, n) for n in ("kernel", "recurrent_kernel")]
    result = f"{name}({', '.join([w.arg(call, 'x'), *weights, *([] if text == '0' else [text])])}{extra}{_loop_options(w, call)})"
    if not a.get("return_sequences", True):
        w.only_last_step(call)
    return [result]


@rule("run_steps")
def _run_steps(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    step = w.function("step", call)
    first = _keywords(first_output=(str(a["first_output"]), a["mask"] is None or a["first_output"] is None))
    states = f"[{', '.join(w.source(s, call) for s in a['states'])}]"
    if not a["return_sequences"]:
        w.only_last_step(call)
    return [f"run_steps({step}, {w.arg(call, 'sequences')}, {states}{first}{_loop_options(w, call)})"]


@rule("attention")
def _attention(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    query, key, value = (w.arg(call, n) for n in ("query", "key", "value"))
    masks = []
    if a.get("mask") is not None:
        masks.append(w.arg(call, "mask"))
    if a.get("query_mask") is not None:
        masks.append(f"{w.arg(call, 'query_mask')}[:, None, :, None]")
    if a.get("key_mask") is not None:
        masks.append(f"{w.arg(call, 'key_mask')}[:, None, None, :]")
    if a.get("is_causal") or a.get("window") is not None:
        options = _keywords(
            is_causal=("True", not a.get("is_causal")),
            window=(w.source(a.get("window"), call), a.get("window") is None),
            offset=(w.source(a.get("offset", 0), call), a.get("offset", 0) == 0),
        )
        masks.append(f"band({query}.shape[1], {key}.shape[1]{options})")
    mask = " & ".join(masks)
    scale = a.get("scale")
    scale = f"1 / np.sqrt({query}.shape[-1])" if scale is None else w.source(scale, call)
    options = _keywords(
        mask=(mask, not masks),
        bias=(w.source(a.get("bias"), call), a.get("bias") is None),
        soft_cap=(w.source(a.get("soft_cap"), call), a.get("soft_cap") is None),
    )
    lines = [f"attention({query}, {key}, {value}, {scale}{options})"]
    if a.get("blind", "mean") == "zero" and masks:
        lines.append(f"np.where(sees_nothing({mask}), 0, {RESULT})")
    return lines


# -- shapes and numbers ----------------------------------------------------------------------------------------------


@rule("get_item")
def _get_item(w: Writer, call: Call) -> list[str]:
    key = call.arguments["key"]
    parts = key if isinstance(key, tuple) else (key,)
    return [f"{w.arg(call, 'x')}[{', '.join(_index(w, part, call) for part in parts)}]"]


def _index(w: Writer, part: Any, call: Call) -> str:
    if part is Ellipsis:
        return "..."
    if isinstance(part, slice):
        start, stop, step = ("" if n is None else w.source(n, call) for n in (part.start, part.stop, part.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return w.source(part, call)


@rule("pad")
def _pad(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    mode, value = a.get("mode", "constant"), a.get("constant_values")
    options = _keywords(
        mode=(f'"{mode}"', mode == "constant"),
        constant_values=(w.source(value, call), value in (None, 0)),
    )
    return [f"np.pad({w.arg(call, 'x')}, {w.source(a['pad_width'], call)}{options})"]


@rule("cast")
def _cast(w: Writer, call: Call) -> list[str]:
    x, dtype = call.arguments["x"], w.source(call.arguments["dtype"], call)
    if isinstance(x, Reference) and w.dtype(x) == str(np.dtype(call.arguments["dtype"])):
        return [w.arg(call, "x")]
    if not isinstance(x, Reference) or w.is_number(x):
        return [f"np.{np.dtype(call.arguments['dtype'])}({w.arg(call, 'x')})"]
    return [f"{w.arg(call, 'x')}.astype({dtype})"]


@rule("concatenate", "stack")
def _join(w: Writer, call: Call) -> list[str]:
    dtype = str(result_type(*(w.dtype(x) for x in call.arguments["xs"])))
    parts = [w.source(x, call) for x in call.arguments["xs"]]
    parts = [p if w.dtype(x) == dtype else f'{p}.astype("{dtype}")' for p, x in zip(parts, call.arguments["xs"])]
    axis = w.source(call.arguments.get("axis", 0 if call.op == "stack" else -1), call)
    return [f"np.{call.op}([{', '.join(parts)}], axis={axis})"]


@rule("split")
def _split(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    name = "np.split" if a.get("even", True) else "np.array_split"
    sections, axis = w.source(a.get("indices_or_sections", 1), call), w.source(a.get("axis", 0), call)
    return [f"{name}({w.arg(call, 'x')}, {sections}, axis={axis})"]


@rule("max", "min")
def _extreme(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    axis = a.get("axis")
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    options = _keywords(
        axis=(w.source(axis, call), axis is None),
        keepdims=("True", not a.get("keepdims")),
        initial=(w.source(a.get("initial"), call), a.get("initial") is None),
    )
    return [f"np.{call.op}({w.arg(call, 'x')}{options})"]


@rule("slice")
def _slice(w: Writer, call: Call) -> list[str]:
    starts, shape = call.arguments["start_indices"], call.arguments["shape"]
    if isinstance(starts, Reference) or any(isinstance(n, Reference) for n in (*starts, *shape)):
        return w.refuse(call, "it begins where a tensor says")
    parts = []
    for start, n in zip(starts, shape):
        begin, count = w.source(start, call), w.source(n, call)
        end = str(start + n or "") if isinstance(start, int) and isinstance(n, int) else f"{begin} + {count}"
        parts.append(f"{begin}:{end}" if n != -1 else f"{begin}:")
    return [f"{w.arg(call, 'x')}[{', '.join(parts)}]"]


@rule("quantile")
def _quantile(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    if a.get("unit", 1) != 1:
        return w.refuse(call, "there is no NumPy formula for percentiles here")
    name = "np.nanquantile" if a.get("skip_nan") else "np.quantile"
    method, axis = a.get("method", "linear"), a.get("axis")
    options = _keywords(
        axis=(w.source(axis, call), axis is None),
        method=(w.source(method, call), method == "linear"),
        keepdims=("True", not a.get("keepdims")),
    )
    return [f"{name}({w.arg(call, 'x')}, {w.arg(call, 'q')}{options})"]

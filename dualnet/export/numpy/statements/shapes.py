"""Shapes, parts and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....core.dtypes import result_type
from ...program import Call, Reference
from .rules import keywords, rule

if TYPE_CHECKING:
    from ..writer import Writer


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
    options = keywords(
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
    options = keywords(
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
    options = keywords(
        axis=(w.source(axis, call), axis is None),
        method=(w.source(method, call), method == "linear"),
        keepdims=("True", not a.get("keepdims")),
    )
    return [f"{name}({w.arg(call, 'x')}, {w.arg(call, 'q')}{options})"]

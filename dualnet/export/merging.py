"""What several passes of a model have in common, as one program."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np

from ..layers.base.layer import Layer
from .errors import ExportError
from .program import Body, Call, Fill, Numbers, Range, Value
from .recorder import RawCall, RawValue, Recorder, Reference, in_layer, references
from .sizes import Size


def common_calls(passes: list[list[RawCall]]) -> list[Call]:
    """The calls of all passes as one list."""
    calls = []
    for several in zip(*passes):
        first: RawCall = several[0]
        if any((c.function, c.inputs, c.outputs) != (first.function, first.inputs, first.outputs) for c in several):
            raise _different(first.layer)
        body = None
        if first.body is not None:
            bodies = [c.body for c in several]
            if any((b.inputs, b.outputs) != (first.body.inputs, first.body.outputs) for b in bodies):
                raise _different(first.layer)
            body = Body(first.body.inputs, first.body.outputs, common_calls([b.calls for b in bodies]))
        is_op = body is None and not isinstance(first.function, Layer)
        name = first.function.info.name if is_op else "" if body is None else "run_steps"
        try:
            args = tuple(_common([c.args[i] for c in several]) for i in range(len(first.args)))
            options = {key: _common([c.options[key] for c in several]) for key in first.options}
        except ExportError:
            raise _different(first.layer) from None
        calls.append(
            Call(first.function, name, first.context, first.inputs, args, options, first.outputs, first.layer, body)
        )
    if len({len(p) for p in passes}) > 1:
        raise _different(max(passes, key=len)[len(calls)].layer)
    return calls


def _different(layer: Any) -> ExportError:
    return ExportError(
        f"{in_layer(layer)}which ops run depends on the sizes of the inputs, as in a loop over an axis of unknown length: give "
        "the inputs fixed sizes (the batch aside), such as Input((steps, features))"
    )


def _common(parts: list[Any]) -> Any:
    """An option of all passes: the same, or with a ``Size`` where numbers differ."""
    first = parts[0]
    if any(type(p) is not type(first) for p in parts):
        raise ExportError("options of different types")
    if type(first) in (int, float):
        same = all(p == first or (p != p and first != first) for p in parts)
        return first if same else Size(tuple(parts))
    if isinstance(first, Reference):
        if any(p != first for p in parts):
            raise ExportError("other tensors")
        return first
    if isinstance(first, (list, tuple)):
        if any(len(p) != len(first) for p in parts):
            raise ExportError("options of different lengths")
        merged = [_common(list(column)) for column in zip(*parts)]
        return type(first)(*merged) if hasattr(first, "_fields") else type(first)(merged)
    if isinstance(first, dict):
        return {key: _common([p[key] for p in parts]) for key in first}
    if isinstance(first, slice):
        return slice(*(_common([getattr(p, name) for p in parts]) for name in ("start", "stop", "step")))
    if any(p is not first and p != first for p in parts):
        raise ExportError("other options")
    return first


def common_values(passes: list[Recorder], calls: list[Call], outputs: list[int]) -> list[Value]:
    """The values that are needed for the outputs; ``calls`` is reduced to what computes them from the inputs."""
    maker = {number: call for call in _all_calls(calls) for number in call.outputs if number not in call.inputs}
    values: list[Any] = [None] * len(passes[0].values)
    needed: set[int] = set()
    kept: set[int] = set()
    stack = [*outputs, *(n for n, v in enumerate(passes[0].values) if v.kind == "input")]
    while stack:
        number = stack.pop()
        if number in needed:
            continue
        needed.add(number)
        call = maker.get(number)
        value = _common_value([p.values[number] for p in passes], call)
        if value.kind == "constant" and not value.name and call is not None:
            value.name = _weight_name([passes[0].values[n] for n in call.inputs])
        values[number] = value
        if value.kind == "result":
            assert call is not None
            kept.add(id(call))
            stack += [*call.inputs, *call.outputs, *references([call.args, call.options])]
            if call.body is not None:
                stack += [*call.body.inputs, *call.body.outputs]
    for call in list(_all_calls(calls)):
        if call.body is not None:
            call.body.calls[:] = [c for c in call.body.calls if id(c) in kept]
    calls[:] = [call for call in calls if id(call) in kept]
    return [Value("number", (), "") if v is None else v for v in values]


def _all_calls(calls: list[Call]) -> Iterator[Call]:
    """The calls, and those inside of loops."""
    for call in calls:
        yield call
        if call.body is not None:
            yield from _all_calls(call.body.calls)


def _common_value(parts: list[RawValue], call: Call | None) -> Value:
    first = parts[0]
    if any(p.kind != first.kind or p.dtype != first.dtype or len(p.shape) != len(first.shape) for p in parts):
        raise (
            _different([] if call is None else [call])
            if call
            else ExportError("a tensor differs with the sizes of the inputs")
        )
    shape = tuple(n[0] if len(set(n)) == 1 else Size(n) for n in zip(*(p.shape for p in parts)))
    if first.kind == "number":
        return Value("number", (), "", _common([p.data for p in parts]))
    if first.kind == "variable":
        return Value("constant", shape, first.dtype, _host(first.data.data), first.data.path)
    if first.kind in ("input", "step") or (first.kind == "result" and not first.is_constant):
        return Value(first.kind, shape, first.dtype)
    if any(isinstance(n, Size) for n in shape):
        if first.kind == "result":
            return Value("result", shape, first.dtype)
        return Value("constant", shape, first.dtype, _pattern([_host(p.data) for p in parts], first.layer))
    arrays = [_host(p.data) for p in parts]
    if not all(_equal(a, arrays[0]) for a in arrays):
        if first.kind == "result":
            return Value("result", shape, first.dtype)  # computed from numbers that depend on sizes
        if arrays[0].size <= 8 and arrays[0].dtype.kind in "iuf":  # such as the height and width of an image
            elements = zip(*(a.reshape(-1).tolist() for a in arrays))
            return Value("constant", shape, first.dtype, Numbers(tuple(_common(list(n)) for n in elements)))
        raise ExportError(
            f"{in_layer(first.layer)}a tensor is computed outside of the ops of dualnet, with NumPy or at random, and is another one for other "
            "inputs: use ops"
        )
    return Value("constant", shape, first.dtype, arrays[0])


def _weight_name(inputs: list[RawValue]) -> str:
    """The name for what is computed from one weight alone, such as the weight in another dtype: its own."""
    names = [v.data.path for v in inputs if v.kind == "variable"]
    return names[0] if len(names) == 1 else ""


def _host(array: Any) -> Any:
    return backends.of(array).to_numpy(array)


def _equal(a: Any, b: Any) -> bool:
    return a is b or bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _pattern(arrays: list[Any], layer: Any) -> Fill | Range:
    """What arrays of different shapes have in common: they are filled with one number, or are a range."""
    fills = {a.flat[0].item() for a in arrays if a.size}
    if len(fills) == 1 and all(bool((a == a.flat[0]).all()) for a in arrays if a.size):
        return Fill(fills.pop())
    if all(a.ndim == 1 and a.size > 1 for a in arrays) and arrays[0].dtype.kind in "iuf":
        start, step = arrays[0][0].item(), (arrays[0][1] - arrays[0][0]).item()
        if all(np.allclose(a, start + step * np.arange(a.size), rtol=1e-6) for a in arrays) and math.isfinite(step):
            return Range(start, step)
    raise ExportError(
        f"{in_layer(layer)}a tensor as large as an input is made outside of the ops of dualnet, with NumPy or at random: make it with ops, "
        "such as ops.arange, or give the inputs fixed sizes"
    )

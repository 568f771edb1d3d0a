"""From a trace to the values of a graph: what depends on no input is a constant, and what no output needs is gone.

Constants are computed while tracing, such as the cast of a weight to float16, or a table of positions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import dualnet_backends as backends
import numpy as np

from ... import tree
from ..errors import ExportError
from ..merging import common
from ..program import Call, in_layer
from ..recorder import Recorder
from ..recorder import Value as RecordedValue
from ..sizes import Size, SizeTable
from ..trace import Trace


class Fill(NamedTuple):
    """A constant whose shape depends on sizes, and whose elements are all equal."""

    value: Any


class Numbers(NamedTuple):
    """The elements of a small constant, some of which are a ``Size``."""

    elements: tuple[Any, ...]


class Range(NamedTuple):
    """A constant of one axis, as long as a size says: start, start + step, ..."""

    start: Any
    step: Any


@dataclass(slots=True)
class Value:
    """A tensor of the graph.

    Attributes:
        kind: "input", "constant" (weights among them), "result", or "step" for what a step of a loop starts from.
        shape: with a ``Size`` where it depends on those of the inputs.
        dtype: its name.
        data: of a constant a NumPy array, a ``Fill``, a ``Range`` or ``Numbers``.
        name: of an input, and of a constant that is a weight.
    """

    kind: str
    shape: tuple[Any, ...]
    dtype: str
    data: Any = None
    name: str = ""


@dataclass
class GraphTrace:
    """What a graph computes.

    Attributes:
        values: all tensors, by their numbers in the trace; None for those that are not needed.
        calls: in the order they ran; only those that the outputs need.
        inputs: the number of each input, by its name.
        outputs: the number of each output, by its name.
        sizes: how a ``Size`` follows from the shapes of values.
    """

    values: list[Any]
    calls: list[Call]
    inputs: dict[str, int]
    outputs: dict[str, int]
    sizes: SizeTable = field(default_factory=SizeTable)


def graph_trace(trace: Trace) -> GraphTrace:
    """What a trace computes, as a graph has it.

    Raises:
        ExportError: a constant is another one for other inputs.
    """
    numbers = tree.flatten(trace.outputs)
    inputs = {name: i for i, name in enumerate(_distinct([spec.name for spec in trace.specs]))}
    outputs = dict(zip(_distinct(_output_names(trace), inputs), numbers))
    calls = list(trace.calls)
    values = _needed_values(trace.passes, calls, [*numbers, *inputs.values()])
    for name, i in inputs.items():
        values[i].name = name
    graph = GraphTrace(values, calls, inputs, outputs)
    for i in sorted({*inputs.values(), *(n for call in calls for n in call.outputs)}):
        if values[i].kind in ("input", "result"):
            graph.sizes.add(i, values[i].shape)
    return graph


def _output_names(trace: Trace) -> list[str]:
    names = trace.model._output_names() if hasattr(trace.model, "_output_names") else None
    if names is not None and len(names) == len(tree.flatten(trace.outputs)):
        return list(names)
    paths = ["_".join(map(str, path)) for path, _ in tree.flatten_with_path(trace.outputs)]
    return ["output"] if paths == [""] else [f"output_{p}" if p.isdigit() else p for p in paths]


def _distinct(names: Sequence[str], taken: Any = ()) -> list[str]:
    """The names, with a number after those that were there before."""
    result: list[str] = []
    for name in names:
        unique, i = name, 0
        while unique in result or unique in taken:
            i += 1
            unique = f"{name}_{i}"
        result.append(unique)
    return result


# -- constants -----------------------------------------------------------------------------------------------------------


def _needed_values(passes: Sequence[Recorder], calls: list[Call], wanted: list[int]) -> list[Any]:
    """The values that are needed for some; ``calls`` is reduced to what computes them from the inputs."""
    maker = {n: call for call in _all_calls(calls) for n in call.outputs if n not in call.inputs}
    values: list[Any] = [None] * len(passes[0].values)
    kept: set[int] = set()
    stack = list(wanted)
    while stack:
        number = stack.pop()
        if values[number] is not None:
            continue
        call = maker.get(number)
        values[number] = value = _common_value([p.values[number] for p in passes], call)
        if value.kind == "constant" and not value.name and call is not None:
            value.name = _weight_name([passes[0].values[n] for n in call.inputs])
        if value.kind == "result":
            assert call is not None
            kept.add(id(call))
            stack += [*call.inputs, *call.outputs]
            if call.body is not None:
                stack += [*call.body.inputs, *call.body.outputs]
    for call in list(_all_calls(calls)):
        if call.body is not None:
            call.body.calls[:] = [c for c in call.body.calls if id(c) in kept]
    calls[:] = [call for call in calls if id(call) in kept]
    return values


def _all_calls(calls: Sequence[Call]) -> Iterator[Call]:
    """The calls, and those inside of loops."""
    for call in calls:
        yield call
        if call.body is not None:
            yield from _all_calls(call.body.calls)


def _common_value(parts: Sequence[RecordedValue], call: Call | None) -> Value:
    """A value of all passes."""
    first = parts[0]
    if any(p.kind != first.kind or p.dtype != first.dtype or len(p.shape) != len(first.shape) for p in parts):
        raise ExportError(
            f"{in_layer(() if call is None else call.layers)}a tensor has another rank or dtype for other sizes of the inputs: give the "
            "inputs fixed sizes (the batch aside)"
        )
    shape = tuple(n[0] if len(set(n)) == 1 else Size(n) for n in zip(*(p.shape for p in parts)))
    if first.kind == "variable":
        return Value("constant", shape, first.dtype, _host(first.array), first.source.path)
    if first.kind in ("input", "step") or (first.kind == "result" and not first.is_constant):
        return Value(first.kind, shape, first.dtype)
    arrays = [_host(p.array) for p in parts]
    if any(isinstance(n, Size) for n in shape):
        if first.kind == "result":
            return Value("result", shape, first.dtype)
        return Value("constant", shape, first.dtype, _pattern(arrays, first.source))
    if all(_equal(a, arrays[0]) for a in arrays):
        return Value("constant", shape, first.dtype, arrays[0])
    if first.kind == "result":
        return Value("result", shape, first.dtype)  # computed from numbers that depend on sizes
    if arrays[0].size <= 8 and arrays[0].dtype.kind in "iuf":  # such as the height and width of an image
        elements = zip(*(a.reshape(-1).tolist() for a in arrays))
        return Value("constant", shape, first.dtype, Numbers(tuple(common(list(n)) for n in elements)))
    raise ExportError(
        f"{in_layer(first.source)}a tensor is computed outside of the ops of dualnet, with NumPy or at random, and is another one for other "
        "inputs: use ops"
    )


def _weight_name(inputs: Sequence[RecordedValue]) -> str:
    """The name for what is computed from one weight alone, such as the weight in another dtype: its own."""
    names = [v.source.path for v in inputs if v.kind == "variable"]
    return names[0] if len(names) == 1 else ""


def _host(array: Any) -> Any:
    return backends.of(array).to_numpy(array)


def _equal(a: Any, b: Any) -> bool:
    return a is b or bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _pattern(arrays: list[Any], layers: Any) -> Fill | Range:
    """What arrays of different shapes have in common: they are filled with one number, or are a range."""
    fills = {a.flat[0].item() for a in arrays if a.size}
    if len(fills) == 1 and all(bool((a == a.flat[0]).all()) for a in arrays if a.size):
        return Fill(fills.pop())
    if all(a.ndim == 1 and a.size > 1 for a in arrays) and arrays[0].dtype.kind in "iuf":
        start, step = arrays[0][0].item(), (arrays[0][1] - arrays[0][0]).item()
        if all(np.allclose(a, start + step * np.arange(a.size), rtol=1e-6) for a in arrays) and math.isfinite(step):
            return Range(start, step)
    raise ExportError(
        f"{in_layer(layers)}a tensor as large as an input is made outside of the ops of dualnet, with NumPy or at random: make it with ops, "
        "such as ops.arange, or give the inputs fixed sizes"
    )

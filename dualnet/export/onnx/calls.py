"""From a call of the trace to the nodes of its exporter."""

from __future__ import annotations

import inspect
from typing import Any

from ..errors import ExportError
from ..program import Call, Reference
from .graph import EXPORTERS, Graph, T


def export_call(g: Graph, call: Call) -> None:
    """Add the nodes of one call."""
    g.call = call
    name = call.name or type(call.function).__name__
    function = EXPORTERS.get(name)
    if function is None:
        raise ExportError(f"{call.where} is not exported to ONNX")
    tensors, options = _arguments(g, call)
    results = function(g, *tensors, **options)
    results = results if isinstance(results, tuple) else (results,)
    for number, result in zip(call.outputs, results):
        value = g.trace.values[number]
        if result is None or number in g.tensors or value.kind != "result":
            continue
        result = g.cast(result, value.dtype)
        g.tensors[number] = T(result.name, result.dtype, value.shape, result.data)


def _arguments(g: Graph, call: Call) -> tuple[list[T | None], dict[str, Any]]:
    """The tensors and the options of a call, the latter with their defaults."""
    inputs = [g.tensor(n) for n in call.inputs]
    if not call.name:
        return inputs, {"layer": call.function}
    if call.body is not None:
        return inputs, {**call.options, "body": call.body}
    bound = inspect.signature(call.function).bind(None, *inputs, *call.args, **call.options)
    bound.apply_defaults()
    tensors: list[T | None] = []
    options: dict[str, Any] = {}
    for i, (name, parameter) in enumerate(bound.signature.parameters.items()):
        if i == 0:
            continue
        value = bound.arguments[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            tensors += value
        elif name in call.function.info.tensors:
            tensors.append(value)
        else:
            options[name] = _resolved(g, value)
    return tensors, options


def _resolved(g: Graph, option: Any) -> Any:
    """An option with the tensors themselves in the place of references."""
    if isinstance(option, Reference):
        return g.tensor(option.number)
    if isinstance(option, (tuple, list)) and not hasattr(option, "_fields"):
        return type(option)(_resolved(g, part) for part in option)
    return option

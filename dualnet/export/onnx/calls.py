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
    function = EXPORTERS.get(call.name)
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
    if call.body is not None:
        return [], {"body": call.body} | _resolved(g, call.arguments)
    if call.function is None:
        return _resolved(g, call.arguments["inputs"]), {"layer": call.arguments["layer"]}
    tensors: list[T | None] = []
    options: dict[str, Any] = {}
    _context, *parameters = inspect.signature(call.function).parameters.values()
    for parameter in parameters:
        name = parameter.name
        is_rest = parameter.kind is parameter.VAR_POSITIONAL
        value = _resolved(g, call.arguments.get(name, () if is_rest else parameter.default))
        if is_rest:
            tensors += map(_tensor, value)
        elif name in call.function.info.tensors:
            tensors.append(_tensor(value))
        else:
            options[name] = value
    return tensors, options


def _tensor(value: Any) -> T | None:
    """What is in the place of a tensor: a number has no dtype but that of the tensors beside it."""
    return value if value is None or isinstance(value, T) else T("", "", (), value)


def _resolved(g: Graph, option: Any) -> Any:
    """An option with the tensors themselves in the place of references."""
    if isinstance(option, Reference):
        return g.tensor(option.number)
    if isinstance(option, (tuple, list)) and not hasattr(option, "_fields"):
        return type(option)(_resolved(g, part) for part in option)
    if isinstance(option, dict):
        return {key: _resolved(g, part) for key, part in option.items()}
    return option

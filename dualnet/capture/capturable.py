"""Which models have steps that may be captured: those in which nothing runs but dualnet's own code.

Code of the user may look at a clock, count, or print; it runs at every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import tree
from ..core.tensor import Tensor
from ..graph.operation import RecordedOp
from ..layers.base.layer import Layer


def is_capturable(model: Any, *steps: str) -> bool:
    """Whether these methods of a model are dualnet's own, and so is all that they call."""
    cls = type(model)
    if model.run_eagerly or not is_builtin(cls) or any(name in vars(model) for name in (*steps, "call", "__call__")):
        return False
    if any(_definer(cls, name) is not _definer(cls, "_run_step") for name in steps):
        return False
    regularizers = [v.regularizer for v in model.variables if v.regularizer is not None]
    if not all(map(_is_builtin_value, [*regularizers, *_arguments_of_ops(model)])):
        return False
    layers = [layer for layer in model._flatten_layers() if layer is not model]
    losses = model._compiled_loss.losses if model._compiled_loss is not None else []
    return all(map(is_builtin_object, [*layers, *losses]))


def _definer(cls: type, name: str) -> type:
    """The class that an attribute is inherited from."""
    return next(base for base in cls.__mro__ if name in vars(base))


def _arguments_of_ops(model: Any) -> Iterator[Any]:
    """The ops in the graphs of a model, and their arguments: a function of the user may be among them."""
    for layer in model._flatten_layers():
        for operation in getattr(getattr(layer, "_graph", None), "operations", ()):
            yield operation.op if isinstance(operation, RecordedOp) else operation
            for node in operation._inbound_nodes:
                yield from tree.flatten([node.args, node.kwargs])


def is_builtin(value: Any) -> bool:
    """Whether a class or function is dualnet's."""
    module = getattr(value, "__module__", None) or ""
    return module.partition(".")[0] in ("dualnet", "dualnet_backends", "dualnet_cli")


def is_builtin_object(value: Any) -> bool:
    """Whether a layer, loss or callback is dualnet's, and has no function of the user as an attribute."""
    if not is_builtin(type(value)) or not is_builtin(getattr(type(value), "call", type(value))):
        return False
    # Initializers run in no step.
    names = (n for n in vars(value) if n != "_auto_args" and not n.endswith("initializer"))
    return all(_is_builtin_value(vars(value)[name]) for name in names)


def _is_builtin_value(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_builtin_value, value))
    if isinstance(value, dict):
        return all(map(_is_builtin_value, value.values()))
    if isinstance(value, Tensor) or not callable(value):
        return True
    if hasattr(value, "__name__"):
        return is_builtin(value)
    # A layer is checked by itself, and may lead back to the object whose attribute it is.
    return (
        is_builtin(type(value))
        and is_builtin(type(value).__call__)
        and (isinstance(value, Layer) or all(map(_is_builtin_value, vars(value).values())))
    )

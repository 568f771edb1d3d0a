"""``Model.to``: a model with all that belongs to it, on another device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends

from .. import tree
from ..core.tensor import Tensor
from ..core.variables import Variable
from ..core.version import invalidate
from ..training.compilation import Compilable


def move(model: Any, device: str) -> None:
    """Move a model. If there is no room for all of it, it stays where it is.

    The weights leave their flat buffers. Every optimizer that was built for them, this model's or that of another model with the same
    layers, makes new ones when it is next used (``Optimizer.follow_weights``), with its state as it was.
    """
    backend = backends.get(device)
    if not model.built:
        raise ValueError(
            f"model {model.name!r} has no weights yet: build it first (give it an Input, or call it on a batch), or choose the "
            f"device where they are made, with dualnet.config.set_device({device!r})"
        )
    with backends.explaining_memory(backend), backends.device(backend.device):
        tensors = {id(t): t for t in _tensors(model) if backends.of(t.data) is not backend}
        arrays = [backends.transfer(t.data, backend) for t in tensors.values()]
        for t, array in zip(tensors.values(), arrays):
            if isinstance(t, Variable):
                t.move_to(array)
            else:
                t.data = array
        for layer in model._flatten_layers():
            if isinstance(layer, Compilable):
                layer._train_state = layer._captured_steps = None
                layer._cache = type(layer._cache)()
        invalidate()  # other models may have captured steps with these weights
        if model.optimizer is not None and model.optimizer.built:
            model.optimizer.ensure_built(model.optimizer.known_variables)


def _tensors(model: Any) -> Iterator[Tensor]:
    """The weights, what else layers, losses and metrics hold, and the weights that only the optimizer knows."""
    yield from model.weights
    yield from model._state_variables()
    layers = model._flatten_layers()
    for layer in layers:
        yield from _held(layer)
        if isinstance(layer, Compilable):
            yield from _held(layer._compile_arguments)
            for part in (*layer.metrics, *_losses(layer)):
                yield from getattr(part, "variables", ())
                yield from _held(part)
    if model.optimizer is not None and model.optimizer.built:
        yield from model.optimizer.known_variables


def _losses(model: Compilable) -> Iterator[Any]:
    yield from tree.flatten(model._compile_arguments.get("loss"))
    if model._compiled_loss is not None:
        yield model._compiled_loss


def _held(owner: Any) -> Iterator[Tensor]:
    """The tensors in the attributes of an object, or in a dictionary."""
    values = owner if isinstance(owner, dict) else getattr(owner, "__dict__", {})
    for value in tree.flatten(list(values.values())):
        if isinstance(value, Tensor):
            yield value

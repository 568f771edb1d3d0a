"""A layer as plain values and back: its arguments, the shape it was built for, its weights in a file."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ... import tree
from .context import name_scope
from .tracking import NOT_CHILDREN

if TYPE_CHECKING:
    from .layer import Layer


def constructor_arguments(layer: Layer) -> dict[str, Any]:
    """What the constructor was called with: the config of a user's layer without a ``get_config``."""
    args, kwargs = layer._auto_args
    bound = inspect.signature(type(layer).__init__).bind(layer, *args, **kwargs)
    arguments = dict(list(bound.arguments.items())[1:])
    for p in bound.signature.parameters.values():
        if p.kind is p.VAR_KEYWORD:
            arguments |= arguments.pop(p.name, {})
    return arguments


def build_from_config(layer: Layer, config: dict[str, Any]) -> None:
    """Build for the shape a config names."""
    shapes = config.get("shapes_dict")
    if shapes and not layer.built:
        with name_scope(layer.name):
            layer.build(**{key: tree.map_shape_structure(tuple, shape) for key, shape in shapes.items()})
        layer.built = True
    shape = config.get("input_shape")
    if shape is not None and not layer.built:
        with name_scope(layer.name):
            layer.build(tree.map_shape_structure(tuple, shape))
        layer.built = True


def load_own_variables(layer: Layer, store: Any) -> None:
    """Set the layer's own weights from what ``save_own_variables`` stored."""
    own = layer._own_variables()
    if len(store) != len(own):
        raise ValueError(
            f"layer {layer.name!r} ({type(layer).__name__}) has {len(own)} weights, the file has {len(store)} "
            f"for it{'' if layer.built else ' (the layer is not built: call it on data first)'}"
        )
    for i, v in enumerate(own):
        v.assign(store[str(i)])


def saved_children(layer: Layer) -> list[tuple[str, Any]]:
    """(name, value) of the attributes that may hold layers or optimizers, in Keras's order of a file: private ones last."""
    children = [(name, value) for name, value in vars(layer).items() if name not in NOT_CHILDREN]
    return sorted(children, key=saved_order)


def saved_order(child: tuple[str, Any]) -> tuple[bool, str]:
    """The key by which ``_saved_children`` are sorted."""
    return child[0].startswith("_"), child[0]

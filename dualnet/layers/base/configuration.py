"""A layer as plain values and back: its arguments, the shape it was built for, its weights in a file."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from typing import Any

from ... import tree
from ...core.variables import Variable
from ...serialization.objects import deserialize_keras_object
from .context import name_scope
from .tracking import UNTRACKED, WeightTracking


class Saving(WeightTracking):
    """The part of ``Layer`` about files, apart from ``get_config``."""

    _build_shape: Any
    _build_shapes: dict[str, Any] | None = None  # by argument, of a build that takes several

    def get_build_config(self) -> dict[str, Any] | None:
        """What ``build`` was called with."""
        if self._build_shapes is not None:
            return {"shapes_dict": self._build_shapes}
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shape a config names."""
        shapes, shape = config.get("shapes_dict"), config.get("input_shape")
        if not (shapes or shape is not None):
            return
        if self._build_shape is None and not shapes:
            self._build_shape = tree.map_shape_structure(tuple, shape)
        if self.built:
            return
        if not shapes and _shapes_of_build(self) > 1:
            return  # tf.keras names one shape also for a layer of several inputs: the first call builds it
        with name_scope(self.name):
            if shapes:
                # None: an argument of ``call`` that was not passed
                known = {k: tree.map_shape_structure(tuple, v) for k, v in shapes.items() if v is not None}
                self._build_shapes = {**shapes, **known}
                self.build(**known)
            else:
                self.build(tree.map_shape_structure(tuple, shape))
        self.built = True

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the values of the layer's own weights into ``store`` under "0", "1", ..."""
        for i, v in enumerate(self._saved_variables()):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Set the layer's own weights from what ``save_own_variables`` stored."""
        own = self._saved_variables()
        if len(store) != len(own):
            raise ValueError(
                f"layer {self.name!r} ({type(self).__name__}) has {len(own)} weights, the file has {len(store)} "
                f"for it{'' if self.built else ' (the layer is not built: call it on data first)'}"
            )
        for i, v in enumerate(own):
            v.assign(store[str(i)])

    def _saved_variables(self) -> list[Variable]:
        return self._own_variables()

    def _saved_children(self) -> list[tuple[str, Any]]:
        """(name, value) of the attributes that may hold layers or optimizers, in Keras's order of a file: private ones last."""
        return sorted(((k, v) for k, v in vars(self).items() if k not in UNTRACKED), key=file_order)


def _shapes_of_build(layer: Any) -> int:
    """How many shapes the layer's ``build`` needs."""
    parameters = inspect.signature(layer.build).parameters.values()
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def part_from_config(config: dict[str, Any], key: str, custom_objects: dict[str, Any] | None) -> Any:
    """The layer, cell, or list of them inside another, which its config has under a key; what is no config stays as it is.

    It may be built at once, and its weights then have the name of the layer around it in their path.
    """
    part, name = config[key], config.get("name")
    if not isinstance(part, (dict, list, tuple)):
        return part
    with name_scope(name) if name else nullcontext():
        return deserialize_keras_object(part, custom_objects)


def file_order(child: tuple[str, Any]) -> tuple[bool, str]:
    """The key by which ``_saved_children`` are sorted."""
    return child[0].startswith("_"), child[0]

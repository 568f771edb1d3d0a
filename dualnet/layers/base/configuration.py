"""A layer as plain values and back: its arguments, the shape it was built for, its weights in a file."""

from __future__ import annotations

import inspect
from typing import Any

from ... import tree
from .context import name_scope
from .tracking import NOT_CHILDREN


class Configuration:
    """The part of ``Layer`` that saves and restores it."""

    built: bool
    name: str
    # Of the other parts of Layer.
    build: Any
    _own_variables: Any
    _auto_args: tuple[tuple[Any, ...], dict[str, Any]]
    _build_shape: Any
    _build_shapes: dict[str, Any] | None

    def _constructor_arguments(self) -> dict[str, Any]:
        args, kwargs = self._auto_args
        bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs)
        given = dict(list(bound.arguments.items())[1:])
        for p in inspect.signature(type(self).__init__).parameters.values():
            if p.kind is p.VAR_KEYWORD:
                given |= given.pop(p.name, {})
        return given

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer a config describes."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any] | None:
        """What ``build`` was called with."""
        if self._build_shapes is not None:
            return {"shapes_dict": self._build_shapes}
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shape a config names."""
        shapes = config.get("shapes_dict")
        if shapes and not self.built:
            with name_scope(self.name):
                self.build(**{key: tree.map_shape_structure(tuple, shape) for key, shape in shapes.items()})
            self.built = True
        shape = config.get("input_shape")
        if shape is not None and not self.built:
            with name_scope(self.name):
                self.build(tree.map_shape_structure(tuple, shape))
            self.built = True

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the values of the layer's own weights into ``store`` under "0", "1", ..."""
        for i, v in enumerate(self._own_variables()):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Set the layer's own weights from what ``save_own_variables`` stored."""
        own = self._own_variables()
        if len(store) != len(own):
            raise ValueError(
                f"layer {self.name!r} ({type(self).__name__}) has {len(own)} weights, the file has {len(store)} "
                f"for it{'' if self.built else ' (the layer is not built: call it on data first)'}"
            )
        for i, v in enumerate(own):
            v.assign(store[str(i)])

    def _saved_children(self) -> list[tuple[str, Any]]:
        """(name, value) of the attributes that may hold layers or optimizers, in Keras's order of a file: private ones last."""
        children = [(name, value) for name, value in vars(self).items() if name not in NOT_CHILDREN]
        return sorted(children, key=saved_order)


def saved_order(child: tuple[str, Any]) -> tuple[bool, str]:
    """The key by which ``_saved_children`` are sorted."""
    return child[0].startswith("_"), child[0]

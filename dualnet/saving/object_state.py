"""What is saved of a model: the arrays of each object in it, under its path, ``layers/dense``. All formats but ``.h5`` share this.

The path is made of the attributes that lead to an object, and of class names inside lists and dictionaries, as in Keras 3. Other
versions walk through a model in another order and have other names: each is a ``Layout``, and the one that fits a file is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from ..core.naming import to_snake_case
from ..core.variables import Variable
from ..core.warning import warn
from ..layers.base.configuration import file_order
from ..layers.base.layer import Layer
from ..optimizers import Optimizer
from ..optimizers.stored_state import restore
from .hdf5 import loses_fractions

_Child = tuple[str, Any]  # the name of an attribute, and its value


class Source(Protocol):
    """A file that holds arrays of objects by their paths."""

    def names(self, path: str) -> set[str] | None:
        """The names of the arrays of an object, or None when the file has no such object."""

    def read(self, path: str) -> dict[str, Any]:
        """The arrays of an object by name."""

    def title(self, path: str) -> str | None:
        """The name that the object had, where the file says so."""


class Layout(NamedTuple):
    """How a version of Keras names the objects in a model."""

    order: Callable[[_Child], Any] = file_order  # sorts the attributes of an object
    reverse: bool = False
    attributes: Mapping[str, str] = MappingProxyType({})  # ours -> those of the version
    functional: str = "functional"  # the name of models made of inputs and outputs
    weighted_count_twice: bool = False  # so that the second Dense of a model is dense_2


KERAS_3 = Layout()
_PRIVATE_DENSE = {f"{name}_dense": f"_{name}_dense" for name in ("query", "key", "value", "output")}
_KERAS_2_13 = Layout(lambda child: child[0], attributes={**_PRIVATE_DENSE, "layers": "_layer_checkpoint_dependencies"})
LAYOUTS = (
    KERAS_3,
    Layout(functional="model"),  # early files of dualnet
    Layout(lambda child: child[0], True, _PRIVATE_DENSE),  # Keras 2.14 and later, tf_keras
    _KERAS_2_13,  # Keras 2.12 and 2.13
    _KERAS_2_13._replace(weighted_count_twice=True),
)


def saved_objects(
    model: Any,
    other_paths: list[tuple[str, str]] | None = None,
    skip: Iterable[Any] = (),
    layout: Layout = KERAS_3,
) -> Iterator[tuple[str, Any]]:
    """(path, object) of everything with state: model, layers and optimizers, each under the first path that reaches it.

    other_paths: gets (path, first path) for every other path that leads to a layer, except from inside of it. skip: objects
    to leave out, with all in them.
    """
    left_out = set(map(id, skip))
    visited: dict[int, str] = {}
    ancestors: set[int] = set()

    def visit(obj: Any, path: str, parent: Any) -> Iterator[tuple[str, Any]]:
        # An optimizer inside another one has a step count and a rate, also where no variable is left for it.
        unused = isinstance(obj, Optimizer) and not obj.built and not isinstance(parent, Optimizer)
        if unused or id(obj) in left_out:
            return
        if id(obj) in visited:
            known = path == visited[id(obj)] or id(obj) in ancestors
            if other_paths is not None and isinstance(obj, Layer) and not known:
                other_paths.append((path, visited[id(obj)]))
            return
        visited[id(obj)] = path
        ancestors.add(id(obj))
        yield path, obj
        children = obj._saved_children()
        if layout is not KERAS_3:
            children = sorted(children, key=layout.order, reverse=layout.reverse)
        for name, child in children:
            attribute = layout.attributes.get(name, name)
            yield from visit_value(child, f"{path}/{attribute}" if path else attribute, obj, name == "layers")
        ancestors.remove(id(obj))

    def visit_value(value: Any, path: str, parent: Any, is_layers: bool = False) -> Iterator[tuple[str, Any]]:
        if isinstance(value, (Layer, Optimizer)):
            yield from visit(value, path, parent)
        elif isinstance(value, (list, tuple, dict)):
            counts: dict[str, int] = {}
            for item in value.values() if isinstance(value, dict) else value:
                if isinstance(item, (Layer, Optimizer)):
                    name = _group_name(item, layout)
                elif isinstance(item, (list, tuple, dict)):
                    name = "container"
                else:
                    continue
                count = counts.get(name, 0)
                counts[name] = count + (2 if is_layers and layout.weighted_count_twice and item.weights else 1)
                yield from visit_value(item, f"{path}/{name}_{count}" if count else f"{path}/{name}", parent)

    return visit(model, "", None)


def _group_name(obj: Any, layout: Layout) -> str:
    """The name of its group, after the class that Keras has for it: models made of inputs and outputs have one of their own."""
    name = type(obj).__name__
    is_functional = name == "Model" and getattr(obj, "_graph", None) is not None
    return layout.functional if is_functional else to_snake_case(name)


def old_path(path: str) -> str:
    """The path of an object in files that called those models "model"."""
    return re.sub(r"(?<![^/])functional(?=(_\d+)?(/|$))", "model", path)


def own_arrays(obj: Any) -> dict[str, Any]:
    """The arrays of an object by the names that it saves them under."""
    store: dict[str, Any] = {}
    obj.save_own_variables(store)
    return store


class _Kind(NamedTuple):
    """What an array is like."""

    shape: tuple[int, ...]
    dtype: Any


def _own_kinds(obj: Any) -> dict[str, _Kind]:
    return {name: _Kind(array.shape, array.dtype) for name, array in own_arrays(obj).items()}


def set_state(model: Any, source: Source, path: Path, skip_mismatch: bool = False, skip: Iterable[Any] = ()) -> None:
    """Set the state of all objects in a model but those in ``skip``: all of it, or nothing.

    An optimizer whose state does not fit starts afresh, with a warning.

    Args:
        path: the file, for messages.
        skip_mismatch: leave objects as they are that have another state in the file, with a warning.

    Raises:
        ValueError: the weights in the file do not fit.
    """
    skip = list(skip)
    kinds = {id(obj): _own_kinds(obj) for _, obj in saved_objects(model, skip=skip)}
    objects = _objects_by_layout(model, source, skip, kinds)
    layers = [(key, obj) for key, obj in objects if not isinstance(obj, Optimizer)]
    if not any(source.names(key) for key, _ in layers):
        _check_unbuilt(model, source, [key for key, obj in layers if kinds[id(obj)]], path)
    stores = {key: None if source.names(key) is None else source.read(key) for key, _ in layers}
    mismatches = {key: text for key, obj in layers if (text := _mismatch(obj, kinds[id(obj)], stores[key]))}
    if mismatches and not skip_mismatch:
        raise ValueError(f"{path} does not fit this model, nothing was loaded: {'; '.join(mismatches.values())}")
    if mismatches:
        warn(f"{path}: left as they are: {'; '.join(mismatches.values())}")
    for key, obj in layers:
        store = stores[key]
        if key not in mismatches and store is not None:
            obj.load_own_variables(store)
    optimizers = [(key, obj) for key, obj in objects if isinstance(obj, Optimizer)]
    lost = [text for key, obj in optimizers if (text := _set_optimizer(obj, key, source, kinds[id(obj)], model))]
    if lost:
        warn(f"{path}: the optimizer state in the file is not loaded as a whole: {'; '.join(lost)}")


def trained_at_first(model: Any) -> list[Variable]:
    """The weights that are trained unless a layer was frozen later, in the order of ``model.weights``."""
    trained = {id(v) for layer in model._flatten_layers() for v in layer._trainable_variables}
    return [v for v in model.weights if id(v) in trained]


def _objects_by_layout(
    model: Any, source: Source, skip: Sequence[Any], kinds: dict[int, dict[str, _Kind]]
) -> list[tuple[str, Any]]:
    """The objects under their paths in the layout that most of them are found in."""
    fewest, best = None, []
    for layout in LAYOUTS:
        objects = list(saved_objects(model, skip=skip, layout=layout))
        missing = sum(
            (source.names(key) or set()) != set(kinds[id(obj)])
            for key, obj in objects
            if kinds[id(obj)] and not isinstance(obj, Optimizer)
        )
        if fewest is None or missing < fewest:
            fewest, best = missing, objects
        if not missing:
            break
    return best


def _check_unbuilt(model: Any, source: Source, keys: Sequence[str], path: Path) -> None:
    """Raise, or for a model without weights warn, if a file without any weights is that of a model saved unbuilt.

    keys: the paths of the objects with weights.
    """
    text = (
        f"{path} holds no weights: the model was saved before it was built. Build it first (call it on data), then save"
    )
    if any(source.names(key) is not None for key in keys):
        raise ValueError(f"{text}; nothing was loaded")
    if not keys and not model.built:
        warn(f"{text}; the weights of this model will be new ones")


def _mismatch(obj: Any, expected: dict[str, _Kind], store: dict[str, Any] | None) -> str | None:
    """Why the stored arrays do not fit an object, or None when they do."""
    title = f"{type(obj).__name__} {obj.name!r}"
    if store is None:
        return f"{title} is not in the file" if expected else None
    common = [(key, kind) for key, kind in expected.items() if key in store]
    if set(store) != set(expected):
        hint = "" if getattr(obj, "built", True) else " (it is not built yet: call the model on data first)"
        if any(store[key].dtype.name in ("int8", "uint8") and kind.dtype.kind == "f" for key, kind in common):
            hint = (
                " (its weights are quantized, which is not supported: save the model in Keras before it is quantized)"
            )
        return f"{title} has {len(expected)} arrays, the file has {len(store)}{hint}"
    for key, kind in expected.items():
        if kind.shape != store[key].shape:
            return f"{title}: array {key} has shape {kind.shape}, the file has {store[key].shape}"
        if loses_fractions(store[key], kind):
            return f"{title}: array {key} has dtype {kind.dtype}, the file has {store[key].dtype}"
    return None


def _set_optimizer(optimizer: Optimizer, key: str, source: Source, shapes: dict[str, Any], model: Any) -> str | None:
    """Set the state of an optimizer as far as the file has it; return what is lost."""
    try:
        if source.names(key) is None:
            return None
        store = source.read(key)
        if type(optimizer).load_own_variables is not Optimizer.load_own_variables:  # a class of the user
            optimizer.load_own_variables(store)
            return None
        count = len(store)
        if set(store) != {str(i) for i in range(count)}:
            return f"its {count} arrays are not called 0 to {count - 1}: {optimizer.name!r} starts afresh"
        arrays = [store[str(i)] for i in range(count)]
        return restore(optimizer, arrays, weights=trained_at_first(model), stored_name=source.title(key))
    except (ValueError, KeyError, TypeError) as error:
        return f"{error}: {optimizer.name!r} starts afresh"

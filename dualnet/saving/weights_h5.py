"""``.weights.h5`` files, as Keras 3 reads and writes them: the arrays of each object under its path, ``layers/dense/vars/0``."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..core.naming import to_snake_case
from ..core.warning import warn
from ..layers.base.layer import Layer
from ..optimizers import Optimizer
from . import legacy_h5
from .atomic import atomic_write
from .hdf5 import existing_file, get_node, loses_fractions, open_file, read_array


def saved_objects(
    model: Any, other_paths: list[tuple[str, str]] | None = None, skip: Iterable[Any] = ()
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
        for name, child in obj._saved_children():
            yield from visit_value(child, f"{path}/{name}" if path else name, obj)
        ancestors.remove(id(obj))

    def visit_value(value: Any, path: str, parent: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, (Layer, Optimizer)):
            yield from visit(value, path, parent)
        elif isinstance(value, (list, tuple, dict)):
            counts: dict[str, int] = {}
            for item in value.values() if isinstance(value, dict) else value:
                if isinstance(item, (Layer, Optimizer)):
                    name = _group_name(item)
                elif isinstance(item, (list, tuple, dict)):
                    name = "container"
                else:
                    continue
                count = counts.get(name, 0)
                counts[name] = count + 1
                yield from visit_value(item, f"{path}/{name}_{count}" if count else f"{path}/{name}", parent)

    return visit(model, "", None)


def _group_name(obj: Any) -> str:
    """The name of its group, after the class that Keras has for it: models made of inputs and outputs have one of their own."""
    name = type(obj).__name__
    return "functional" if name == "Model" and getattr(obj, "_graph", None) is not None else to_snake_case(name)


def old_path(path: str) -> str:
    """The path of an object in files that called those models "model"."""
    return re.sub(r"(?<![^/])functional(?=(_\d+)?(/|$))", "model", path)


def weights_to_bytes(model: Any, skip: Iterable[Any] = ()) -> bytes:
    """The content of a ``.weights.h5`` file.

    A layer that several paths lead to is written once, with a link from the other paths: Keras makes separate layers of it.
    skip: objects to leave out, with all in them.
    """
    import h5py

    buffer = io.BytesIO()
    other_paths: list[tuple[str, str]] = []
    with h5py.File(buffer, "w") as file:
        for path, obj in saved_objects(model, other_paths, skip):
            store: dict[str, Any] = {}
            obj.save_own_variables(store)
            group = file.create_group(f"{path}/vars" if path else "vars")
            group.attrs["name"] = obj.name
            for key, value in store.items():
                group.create_dataset(key, data=value)
        for path, first in dict(other_paths).items():
            file[path] = file[first]
    return buffer.getvalue()


def weights_from_bytes(
    model: Any, content: bytes, path: Path, skip_mismatch: bool = False, skip: Iterable[Any] = ()
) -> None:
    """Set the state of all objects but those in ``skip`` from the content of a ``.weights.h5`` file.

    path: its name in messages. skip_mismatch: leave objects as they are that have another state in the file, with a warning.
    """
    with open_file(io.BytesIO(content), path) as file:
        stores = [(key, obj, _read_vars(file, key, path)) for key, obj in saved_objects(model, skip=skip)]
    mismatches = {key: text for key, obj, store in stores if (text := _mismatch(obj, store))}
    if mismatches and not skip_mismatch:
        raise ValueError(f"{path} does not fit this model, nothing was loaded: {'; '.join(mismatches.values())}")
    if mismatches:
        warn(f"{path}: left as they are: {'; '.join(mismatches.values())}")
    for key, obj, store in stores:
        if key not in mismatches and store is not None:
            obj.load_own_variables(store)


load_model = legacy_h5.load_model  # in files of Keras 2, a whole model may have such a name too


def save_weights(model: Any, path: Path) -> None:
    """Save the weights, and the state of a built optimizer."""
    content = weights_to_bytes(model)
    with atomic_write(path) as stream:
        stream.write(content)


def load_weights(model: Any, path: Path, skip_mismatch: bool, objects_to_skip: Iterable[Any] = ()) -> None:
    """Set the weights of a built model, except those of the objects in ``objects_to_skip``."""
    weights_from_bytes(model, existing_file(path).read_bytes(), path, skip_mismatch, objects_to_skip)


def _read_vars(file: Any, key: str, path: Path) -> dict[str, Any] | None:
    """The arrays of the object under a path."""
    store = read_group(file, f"{key}/vars".lstrip("/"), path)
    return store if store is not None or old_path(key) == key else read_group(file, f"{old_path(key)}/vars", path)


def read_group(file: Any, name: str, path: Path) -> dict[str, Any] | None:
    """The arrays of a group by name, or None when the file does not have the group."""
    group = get_node(file, name, path)
    return None if group is None else {key: read_array(group, key, path) for key in group}


def _mismatch(obj: Any, store: dict[str, Any] | None) -> str | None:
    """Why the stored arrays do not fit an object, or None when they do."""
    expected: dict[str, Any] = {}
    obj.save_own_variables(expected)
    title = f"{type(obj).__name__} {obj.name!r}"
    if store is None:
        return f"{title} is not in the file" if expected and not isinstance(obj, Optimizer) else None
    if set(store) != set(expected):
        hint = "" if getattr(obj, "built", True) else " (it is not built yet: call the model on data first)"
        return f"{title} has {len(expected)} arrays, the file has {len(store)}{hint}"
    for key, value in expected.items():
        if value.shape != store[key].shape:
            return f"{title}: array {key} has shape {value.shape}, the file has {store[key].shape}"
        if loses_fractions(store[key], value) and not isinstance(obj, Optimizer):
            return f"{title}: array {key} has dtype {value.dtype}, the file has {store[key].dtype}"
    return None

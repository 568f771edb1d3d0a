"""Weights in ``.safetensors`` files, which PyTorch, JAX and many tools read.

The name of an array is the path of its layer in the model and its own name, ``layers/dense/kernel``. Like those of ``.weights.h5`` files it
does not depend on the names of layers, which count up in a program; and it is the same in whatever order the file has its arrays. The
state of the optimizer is not in such a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..optimizers import Optimizer
from .atomic import atomic_write
from .hdf5 import existing_file
from .object_state import own_arrays, saved_objects, set_state
from .tensor_file import TensorFile, open_tensors, write_tensors


def save_weights(model: Any, path: Path) -> None:
    """Save the weights of a built model."""
    arrays: dict[str, Any] = {}
    for prefix, obj in _layers(model):
        own = own_arrays(obj)
        arrays |= {_join(prefix, name): own[key] for key, name in _names_of(obj, own).items()}
    # The widest elements come first, so that all are aligned.
    ordered = dict(sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])))
    with atomic_write(path) as stream:
        write_tensors(stream, ordered, {"format": "dualnet"})


def load_weights(model: Any, path: Path, skip_mismatch: bool, objects_to_skip: Iterable[Any] = ()) -> None:
    """Set the weights of a built model, except those of the objects in ``objects_to_skip``."""
    skip = list(objects_to_skip)
    with open_tensors(existing_file(path)) as file:
        names: dict[str, dict[str, str]] = {}
        for prefix, obj in _layers(model, skip):
            own = {key: _join(prefix, name) for key, name in _names_of(obj, own_arrays(obj)).items()}
            stored = {key: name for key, name in own.items() if name in file.entries}
            if stored or not own:
                names[prefix] = stored
        set_state(model, _Names(file, path, names), path, skip_mismatch, skip)


class _Names:
    """An open file as a ``Source``.  names: path of an object -> key of an array -> its name in the file"""

    def __init__(self, file: TensorFile, path: Path, names: dict[str, dict[str, str]]) -> None:
        self._file, self._path, self._names = file, path, names

    def names(self, path: str) -> set[str] | None:
        return set(self._names[path]) if path in self._names else None

    def read(self, path: str) -> dict[str, Any]:
        names = self._names.get(path, {})
        for name in names.values():
            if self._file.entries[name].dtype == "C64":
                raise ValueError(f"{self._path}: {name} holds complex numbers, which is refused")
        return {key: self._file.read(name) for key, name in names.items()}

    def title(self, path: str) -> str | None:
        return None


def _layers(model: Any, skip: Iterable[Any] = ()) -> list[tuple[str, Any]]:
    return [(path, obj) for path, obj in saved_objects(model, skip=skip) if not isinstance(obj, Optimizer)]


def _join(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


def _names_of(layer: Any, arrays: dict[str, Any]) -> dict[str, str]:
    """Key of an array -> the name of the variable; with a number where another variable of the layer has it too."""
    variables = layer._saved_variables()
    names: dict[str, str] = {}
    taken: dict[str, int] = {}
    for key in arrays:
        name = variables[int(key)].name if key.isdecimal() and int(key) < len(variables) else key
        count = taken.get(name, 0)
        taken[name] = count + 1
        names[key] = f"{name}_{count}" if count else name
    return names

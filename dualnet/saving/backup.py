"""Backups of a run of ``fit``: a ``.weights.h5`` file that also holds the state of the run.

As both are in one file, a crash cannot combine parts of two backups, and Keras can read the weights.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

from ..core.tensor import Tensor
from .atomic import atomic_write
from .hdf5 import open_file
from .weights_h5 import read_group, weights_from_bytes, weights_to_bytes

_GROUP = "dualnet_training"  # Keras ignores groups that it does not know


def save_backup(model: Any, filepath: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Save the weights of a model and a state: dictionaries with string keys, lists, numbers, strings and arrays.

    A failed save leaves an earlier file as it was.
    """
    import h5py
    import numpy as np

    arrays: list[Any] = []
    text = json.dumps(_to_json(state, arrays, "state"))
    buffer = io.BytesIO(weights_to_bytes(model))
    with h5py.File(buffer, "r+") as file:
        group = file.create_group(_GROUP)
        group.create_dataset("state", data=np.frombuffer(text.encode(), dtype="uint8"))
        for i, array in enumerate(arrays):
            group.create_dataset(str(i), data=array)
    with atomic_write(filepath) as stream:
        stream.write(buffer.getvalue())


def load_backup(model: Any, filepath: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Set the weights and the optimizer state of a built model, and return the state; None when the file has none.

    Raises ``ValueError``, and changes nothing, for a file that is damaged or does not fit the model.
    """
    path = Path(filepath)
    content = path.read_bytes()
    with open_file(io.BytesIO(content), path) as file:
        store = read_group(file, _GROUP, path)
    state = None if store is None else _from_store(store, path)
    weights_from_bytes(model, content, path)
    return state


def _to_json(value: Any, arrays: list[Any], path: str) -> Any:
    """The value for JSON; arrays are appended to the list, and replaced by their index in it."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Tensor):
        value = value.numpy()
    if hasattr(value, "dtype"):
        arrays.append(value)
        return {"__array__": len(arrays) - 1}
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _to_json(v, arrays, f"{path}.{key}") for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(v, arrays, f"{path}[{i}]") for i, v in enumerate(value)]
    raise TypeError(f"{path} cannot be stored in a backup: expected numbers, strings or arrays, got {value!r}")


def _from_store(store: dict[str, Any], path: Path) -> dict[str, Any]:
    """The state from the arrays of its group."""

    def restore(value: Any) -> Any:
        if isinstance(value, dict):
            return store[str(value["__array__"])] if "__array__" in value else {k: restore(v) for k, v in value.items()}
        return [restore(v) for v in value] if isinstance(value, list) else value

    try:
        state = restore(json.loads(bytes(store["state"])))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: the state of the run in the backup is damaged ({error})") from None
    if not isinstance(state, dict):
        raise ValueError(f"{path}: the state of the run in the backup is damaged (it is not a dictionary)")
    return state

"""Backups of a run of ``fit``: the weights and optimizer state as in a ``.weights.h5`` file, with all else in the same
file, so that no crash can leave a part of one backup with a part of another. Keras reads the weights.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

from ..core.tensor import Tensor
from .atomic import atomic_write
from .model_file import _load_bytes, _read_group, _weights_bytes

_GROUP = "dualnet_training"  # Keras leaves groups alone that it does not know


def save_backup(model: Any, filepath: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write the weights of a model and a state: dictionaries with names for keys, lists, numbers, strings, arrays.

    A failed save leaves an earlier file as it was.
    """
    import h5py
    import numpy as np

    arrays: list[Any] = []
    text = json.dumps(_plain(state, arrays, "state"))
    buffer = io.BytesIO(_weights_bytes(model))
    with h5py.File(buffer, "r+") as file:
        group = file.create_group(_GROUP)
        group.create_dataset("state", data=np.frombuffer(text.encode(), dtype="uint8"))
        for i, array in enumerate(arrays):
            group.create_dataset(str(i), data=array)
    with atomic_write(filepath) as stream:
        stream.write(buffer.getvalue())


def load_backup(model: Any, filepath: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Set the weights and the optimizer state of a built model, and return the state; None when the file has none.

    Raises ``ValueError`` for a file that is damaged or does not fit; nothing is changed then.
    """
    import h5py

    path = Path(filepath)
    content = path.read_bytes()
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            store = _read_group(file, _GROUP, path)
    except OSError as error:
        raise ValueError(f"{path}: the backup is damaged ({error})") from None
    state = None if store is None else _restored(store, path)
    _load_bytes(model, content, path, skip_mismatch=False)
    return state


def _plain(value: Any, arrays: list[Any], where: str) -> Any:
    """The value for JSON, with a number in the place of each array, which goes into the list."""
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
        return {key: _plain(v, arrays, f"{where}.{key}") for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v, arrays, f"{where}[{i}]") for i, v in enumerate(value)]
    raise TypeError(f"{where} cannot be kept in a backup: it is {value!r}, and not numbers, strings or arrays")


def _restored(store: dict[str, Any], path: Path) -> dict[str, Any]:
    def restore(value: Any) -> Any:
        if isinstance(value, dict):
            return store[str(value["__array__"])] if "__array__" in value else {k: restore(v) for k, v in value.items()}
        return [restore(v) for v in value] if isinstance(value, list) else value

    try:
        state = restore(json.loads(bytes(store["state"])))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: the state of the run in the backup is damaged ({error})") from None
    if not isinstance(state, dict):
        raise ValueError(f"{path}: the state of the run in the backup is damaged (it is no dictionary)")
    return state

"""Backups of a run of ``fit``: a ``.weights.h5`` file that also holds the state of the run.

As both are in one file, a crash cannot combine parts of two backups, and Keras can read the weights. Layers that save something else
than their variables, such as a kernel with its low-rank update in it, have these beside the state.
"""

from __future__ import annotations

import io
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from .atomic import atomic_write
from .hdf5 import open_file, write_array
from .state_tree import from_json, to_json
from .variables import unsaved_values, unsaved_values_set_after
from .weights_h5 import read_group, weights_from_bytes, weights_to_bytes

_GROUP = "dualnet_training"  # Keras ignores groups that it does not know
_STATE = "state"
_UNSAVED = "unsaved_variables"


def save_backup(model: Any, filepath: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Save the weights of a model and a state: see ``state_tree``. A failed save leaves an earlier file as it was."""
    import h5py
    import numpy as np

    text, arrays = to_json({**state, _UNSAVED: unsaved_values(model)})
    buffer = io.BytesIO(weights_to_bytes(model))
    with h5py.File(buffer, "r+") as file:
        group = file.create_group(_GROUP)
        group.create_dataset(_STATE, data=np.frombuffer(text.encode(), dtype="uint8"))
        for i, array in enumerate(arrays.values()):
            write_array(group, str(i), array)
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
    if store is None:
        weights_from_bytes(model, content, path)
        return None
    state = _from_store(store, path)
    values = state.pop(_UNSAVED, None)
    with nullcontext() if values is None else unsaved_values_set_after(model, values):  # earlier files have none
        weights_from_bytes(model, content, path)
    return state


def _from_store(store: dict[str, Any], path: Path) -> dict[str, Any]:
    """The state from the arrays of its group."""
    text = store.pop(_STATE, None)
    arrays = [store[name] for name in sorted(store, key=lambda name: (len(name), name))]
    try:
        return from_json(b"" if text is None else bytes(text), arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None

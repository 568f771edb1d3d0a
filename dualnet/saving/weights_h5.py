"""``.weights.h5`` files, as Keras 3 reads and writes them: the arrays of each object under its path, ``layers/dense/vars/0``."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .atomic import atomic_write
from .hdf5 import existing_file, get_node, open_file, read_array, read_attribute, write_array
from .object_state import own_arrays, saved_objects, set_state


class Groups:
    """An open HDF5 file as a ``Source``."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self._path = file, path
        self._known: dict[str, Any] = {}  # the nodes on the way to the arrays, which many paths share

    def _group(self, path: str) -> Any:
        """The group with the arrays of an object, or None."""
        import h5py

        group = get_node(self._file, f"{path}/vars" if path else "vars", self._path, self._known)
        if group is None and path:  # Keras 2.12 on Windows
            name = path.replace("/", "\\")
            group = get_node(self._file, f"{name}/vars", self._path)
        if group is not None and not isinstance(group, h5py.Group):
            raise ValueError(f"{self._path}: {path}/vars is not a group of arrays, which is refused")
        return group

    def names(self, path: str) -> set[str] | None:
        group = self._group(path)
        return None if group is None else set(group)

    def read(self, path: str) -> dict[str, Any]:
        group = self._group(path)
        return {} if group is None else {key: read_array(group, key, self._path) for key in group}

    def title(self, path: str) -> str | None:
        group = self._group(path)
        name = None if group is None else read_attribute(group, "name", self._path)
        return name if isinstance(name, str) else None


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
            group = file.create_group(f"{path}/vars" if path else "vars")
            group.attrs["name"] = obj.name
            for key, value in own_arrays(obj).items():
                write_array(group, key, value)
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
        set_state(model, Groups(file, path), path, skip_mismatch, skip)


def save_weights(model: Any, path: Path) -> None:
    """Save the weights, and the state of a built optimizer."""
    content = weights_to_bytes(model)
    with atomic_write(path) as stream:
        stream.write(content)


def load_weights(model: Any, path: Path, skip_mismatch: bool, objects_to_skip: Iterable[Any] = ()) -> None:
    """Set the weights of a built model, except those of the objects in ``objects_to_skip``."""
    weights_from_bytes(model, existing_file(path).read_bytes(), path, skip_mismatch, objects_to_skip)


def read_group(file: Any, name: str, path: Path) -> dict[str, Any] | None:
    """The arrays of a group by name, or None when the file does not have the group."""
    group = get_node(file, name, path)
    return None if group is None else {key: read_array(group, key, path) for key in group}

"""Weights in several files, as Keras writes them for ``max_shard_size``.

``m.weights.json`` names, for each object, the HDF5 files that hold its arrays: ``{"/layers/dense/vars": "m_00000.weights.h5"}``. They
are files like ``.weights.h5``, each with a part of the arrays.

A save replaces nothing before all is written: new parts have names of their own, made from their content, and the JSON file, which
is replaced last, decides which parts count. Keras opens ``m_00000.weights.h5`` before anything else, so there is one, which is empty.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from .atomic import atomic_write
from .hdf5 import existing_file, open_file, write_array
from .limits import parse_json
from .object_state import own_arrays, saved_objects, set_state
from .weights_h5 import Groups

_GB = 1 << 30


def save_weights(model: Any, path: Path, max_shard_size: float = 5.0) -> None:
    """Save the weights, and the state of a built optimizer, in files of up to ``max_shard_size`` GB.

    Raises ``ValueError`` for an array that is larger than that.
    """
    if isinstance(max_shard_size, bool) or not isinstance(max_shard_size, (int, float)) or not max_shard_size > 0:
        raise ValueError(f"max_shard_size must be a positive number of GB, got {max_shard_size!r}")
    base = path.name.removesuffix(".json").removesuffix(".weights")
    before = _parts(path, base)
    weight_map: dict[str, Any] = {}
    written: set[str] = set()
    total = 0
    try:
        for i, shard in enumerate(_shards(model, max_shard_size * _GB)):
            content = _to_bytes(shard)
            name = f"{base}_{hashlib.sha256(content).hexdigest()[:16]}_{i:05}.weights.h5"
            written.add(name)
            with atomic_write(path.with_name(name)) as stream:
                stream.write(content)
            for group, _, arrays in shard:
                total += sum(array.nbytes for array in arrays.values())
                if arrays:
                    weight_map.setdefault(f"/{group}", []).append(name)
        weight_map = {group: names[0] if len(names) == 1 else names for group, names in weight_map.items()}
        text = json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=4)
        with atomic_write(path, "w", encoding="utf-8") as stream:
            stream.write(text)
    except BaseException:
        _remove(path, written - _parts(path, base))  # the list may have been replaced already
        raise
    first = f"{base}_00000.weights.h5"
    with atomic_write(path.with_name(first)) as stream:
        stream.write(_to_bytes([]))
    _remove(path, before - written - {first})


def load_weights(model: Any, path: Path, skip_mismatch: bool, objects_to_skip: Iterable[Any] = ()) -> None:
    """Set the weights of a built model, except those of the objects in ``objects_to_skip``."""
    weight_map = read_map(existing_file(path))
    with ExitStack() as stack:
        files: dict[str, Groups] = {}
        for name in {name for names in weight_map.values() for name in names}:
            part = path.with_name(name)
            if not part.is_file():
                raise FileNotFoundError(f"{path} names the file {name}, which is not beside it")
            files[name] = Groups(stack.enter_context(open_file(part, part)), part)
        groups = {group.strip("/"): [files[name] for name in names] for group, names in weight_map.items()}
        set_state(model, _Shards(groups), path, skip_mismatch, objects_to_skip)


class _Shards:
    """Several HDF5 files as a ``Source``."""

    def __init__(self, groups: dict[str, list[Groups]]) -> None:
        self._groups = groups

    def _files(self, path: str) -> list[Groups]:
        return self._groups.get(f"{path}/vars".lstrip("/"), [])

    def names(self, path: str) -> set[str] | None:
        parts = [file.names(path) or set() for file in self._files(path)]
        return set().union(*parts) if parts else None

    def read(self, path: str) -> dict[str, Any]:
        return {name: array for file in self._files(path) for name, array in file.read(path).items()}

    def title(self, path: str) -> str | None:
        return next((file.title(path) for file in self._files(path)), None)


_Part = list[tuple[str, str, dict[str, Any]]]  # (path of the group, name of the object, its arrays in this file)


def _shards(model: Any, limit: float) -> Iterator[_Part]:
    """The arrays of a model in parts of up to ``limit`` bytes."""
    part: _Part = []
    size = 0
    for path, obj in saved_objects(model):
        group = f"{path}/vars".lstrip("/")
        part.append((group, obj.name, {}))
        for key, array in own_arrays(obj).items():
            if array.nbytes > limit:
                raise ValueError(
                    f"array {key} of {path or obj.name!r} has {array.nbytes / _GB:.3g} GB, more than max_shard_size="
                    f"{limit / _GB:.3g}: allow larger files"
                )
            if size + array.nbytes > limit:
                yield part
                part, size = [(group, obj.name, {})], 0
            part[-1][2][key] = array
            size += array.nbytes
    yield part


def _to_bytes(part: _Part) -> bytes:
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, name, arrays in part:
            group = file.require_group(path)
            group.attrs["name"] = name
            for key, array in arrays.items():
                write_array(group, key, array)
    return buffer.getvalue()


def read_map(path: Path) -> dict[str, list[str]]:
    """The names of the files that hold each group. Raises ``ValueError`` if there is no such list in the file."""
    try:
        content = parse_json(path.read_bytes(), str(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error})") from None
    weight_map = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weight_map, dict):
        raise ValueError(f"{path} is not a file of sharded weights: it has no weight_map")
    result: dict[str, list[str]] = {}
    for group, names in weight_map.items():
        names = names if isinstance(names, list) else [names]
        for name in names:
            if not isinstance(name, str) or not re.fullmatch(r"[^/\\\0:]+\.h5", name):
                raise ValueError(f"{path} names {name!r}, and a part must be an .h5 file beside it, which is refused")
        result[group] = names
    return result


def _parts(path: Path, base: str) -> set[str]:
    """The names of the parts that an earlier save made."""
    try:
        names = {name for names in read_map(path).values() for name in names}
    except (OSError, ValueError):
        return set()
    return {
        name for name in names if re.fullmatch(rf"{re.escape(base)}_(?:[0-9a-f]{{16}}_)?\d{{5}}\.weights\.h5", name)
    }


def _remove(path: Path, names: set[str]) -> None:
    for name in names:
        with suppress(OSError):
            path.with_name(name).unlink()

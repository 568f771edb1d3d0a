"""What is in a file: its format, layers, arrays, compile arguments and optimizer state, and why it would be refused.

Files are told apart by their content. No model is built, no array is read, nothing is run: only configs and headers are looked at.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.naming import to_snake_case
from ..ops import registry
from ..serialization.objects import deserialize_keras_object, look_up
from .hdf5 import check_array, open_file
from .limits import check_member, parse_json, typed_errors
from .npy import read_header

_MAX_TEXT = 1 << 28
_MAX_NODES = 200_000  # of an HDF5 file
_MAX_PROBLEMS = 20
_KERAS_OPERATIONS = ("keras.src.ops.", "keras.src.activations.")  # modules in which configs name ops
_OPTIMIZER = ("optimizer", "optimizer_weights")


@dataclass(frozen=True)
class StoredArray:
    """An array in a file: its name, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class StoredLayer:
    """A layer of a config. depth: how many models it is inside of.  input_shape: what it was built for, if the file says so."""

    name: str
    class_name: str
    depth: int
    input_shape: Any
    trainable: bool
    arrays: list[StoredArray]

    @property
    def params(self) -> int:
        """How many numbers its arrays have."""
        return sum(array.size for array in self.arrays)


@dataclass
class Report:
    """What is in a file.

    format: in words. versions: of what wrote it. model: class and name. compile: arguments of ``compile`` by name.
    arrays: those of the layers. state: the arrays of optimizers, and of other things that are no weights.
    assets: (name, bytes). problems: why the file, or a part of it, would be refused.
    """

    path: Path
    size: int
    format: str = "unknown"
    versions: dict[str, str] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    layers: list[StoredLayer] = field(default_factory=list)
    compile: dict[str, Any] = field(default_factory=dict)
    arrays: list[StoredArray] = field(default_factory=list)
    state: list[StoredArray] = field(default_factory=list)
    assets: list[tuple[str, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def params(self) -> int:
        """How many numbers the arrays of the layers have."""
        return sum(array.size for array in self.arrays)

    def refuse(self, problem: object) -> None:
        """Note why the file would be refused."""
        text = " ".join(str(problem).split()).removeprefix(f"{self.path}: ")
        if text not in self.problems and len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(text)


def inspect(path: Path) -> Report:
    """Look at a file. What is wrong with it becomes a part of the report.

    Raises:
        OSError: there is no such file, or it cannot be opened.
    """
    with path.open("rb") as stream:
        start = stream.read(16)
    report = Report(path, path.stat().st_size)
    try:
        with typed_errors(path):
            if start.startswith(b"PK"):
                _zip(report)
            elif start.startswith(b"\x89HDF\r\n\x1a\n"):
                report.format = "HDF5"
                _hdf5(report, path)
            elif start.startswith(b"\x93NUMPY"):
                report.format = "NumPy array (.npy)"
                with path.open("rb") as stream:
                    report.arrays.append(_npy_header(stream, "x"))
            elif start[8:9] == b"{" and int.from_bytes(start[:8], "little") < report.size:
                _safetensors(report)
            elif start.lstrip()[:1] == b"{":
                _json_file(report)
            else:
                report.refuse("is of no kind that dualnet reads: no zip archive, HDF5, NumPy, safetensors or JSON file")
    except (ValueError, TypeError, RuntimeError, UnicodeError) as error:
        report.refuse(error)
    return report


# -- zip archives --------------------------------------------------------------------------------------------------


def _zip(report: Report) -> None:
    with zipfile.ZipFile(report.path) as archive:
        names = archive.namelist()
        if "config.json" not in names and names and all(name.endswith(".npy") for name in names):
            report.format = "NumPy arrays (.npz)"
            for info in archive.infolist():
                check_member(info, report.path)
                with archive.open(info) as stream:
                    report.arrays.append(_npy_header(stream, info.filename.removesuffix(".npy")))
            return
        report.format = "model of Keras 3 (.keras)" if "config.json" in names else "zip archive"
        weights: list[StoredArray] = []
        for info in archive.infolist():
            try:
                check_member(info, report.path)
                if info.filename.endswith(".h5"):
                    weights += _weights_member(report, archive, info)
                elif info.filename.startswith("assets/") and not info.is_dir():
                    report.assets.append((info.filename.removeprefix("assets/"), info.file_size))
            except (ValueError, zipfile.BadZipFile, OSError) as error:
                report.refuse(error)
        if "metadata.json" in names:
            metadata = _parse(archive.read(_checked(archive, "metadata.json", report)), "metadata.json")
            report.versions = {key: str(value) for key, value in metadata.items()}
        for name in ("config.json", "model.weights.h5"):
            if name not in names:
                report.refuse(f"it holds no {name}")
        if "config.json" in names:
            _config(report, _parse(archive.read(_checked(archive, "config.json", report)), "config.json"), weights)


def _checked(archive: zipfile.ZipFile, name: str, report: Report) -> zipfile.ZipInfo:
    info = archive.getinfo(name)
    check_member(info, report.path)
    return info


def _weights_member(report: Report, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> list[StoredArray]:
    with archive.open(info) as stream, open_file(stream, report.path) as file:  # a zip member can be searched in
        return _sort_arrays(report, _stored_arrays(report, file))


# -- HDF5 ----------------------------------------------------------------------------------------------------------


def _hdf5(report: Report, path: Path) -> None:
    with open_file(path, path) as file:
        arrays = _sort_arrays(report, _stored_arrays(report, file))
        report.versions = {key: _text(file.attrs[key]) for key in ("keras_version", "backend") if key in file.attrs}
        if "model_config" in file.attrs:
            report.format = "model of Keras 1 or 2 (.h5)"
            config = _parse(file.attrs["model_config"], "model_config")
            if "training_config" in file.attrs:
                training = _parse(file.attrs["training_config"], "training_config")
                optimizer = training.pop("optimizer_config", None)
                config["compile_config"] = {"optimizer": optimizer, **training}
            _config(report, config, arrays)
        elif "layer_names" in file.attrs:
            report.format = "weights of Keras 2 (.h5)"
        elif "dualnet_training" in file:
            report.format = "backup of a training run (.weights.h5)"
        elif "layers" in file or "vars" in file or "_layer_checkpoint_dependencies" in file:
            report.format = "weights of Keras 3 (.weights.h5)"
        else:
            report.refuse("an HDF5 file without a model or weights of Keras in it")


def _stored_arrays(report: Report, file: Any) -> list[StoredArray]:
    """The arrays below a group; links and what else would be refused are noted."""
    import h5py

    arrays: list[StoredArray] = []
    seen: set[int] = set()
    stack = [(file, "")]
    nodes = 0
    while stack:
        group, path = stack.pop()
        for name in group:
            nodes += 1
            if nodes > _MAX_NODES:
                raise ValueError(f"holds more than {_MAX_NODES} groups and arrays")
            where = f"{path}/{name}" if path else name
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                report.refuse(f"{where} is a link, which is refused")
                continue
            try:
                node = group[name]
                if isinstance(node, h5py.Group):
                    if (address := h5py.h5o.get_info(node.id).addr) not in seen:
                        seen.add(address)
                        stack.append((node, where))
                    continue
                check_array(node, where, report.path)
                arrays.append(StoredArray(where, tuple(map(int, node.shape)), str(node.dtype)))
            except (ValueError, TypeError, KeyError, OSError, RuntimeError) as error:
                report.refuse(error)
    return sorted(
        arrays, key=lambda array: [(len(part), part) if part.isdigit() else (0, part) for part in array.name.split("/")]
    )


def _sort_arrays(report: Report, arrays: list[StoredArray]) -> list[StoredArray]:
    """Note the arrays as weights or as state of an optimizer. Returns the weights."""
    weights: list[StoredArray] = []
    for array in arrays:
        parts = array.name.split("/")
        is_state = parts[0] in (*_OPTIMIZER, "dualnet_training") or "seed_generator" in parts or parts[0] == "metrics"
        (report.state if is_state else weights).append(array)
    report.arrays += weights
    return weights


# -- the others ----------------------------------------------------------------------------------------------------


def _npy_header(stream: Any, name: str) -> StoredArray:
    shape, dtype = read_header(stream, name)
    return StoredArray(name, shape, str(dtype))


def _safetensors(report: Report) -> None:
    report.format = "tensors (.safetensors)"
    with report.path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = _parse(stream.read(min(length, _MAX_TEXT)), "the header")
    metadata = header.pop("__metadata__", None)
    if isinstance(metadata, dict):
        report.versions = {str(key): str(value) for key, value in metadata.items()}
    arrays = []
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        if not 0 <= start <= end <= report.size - 8 - length:
            report.refuse(f"{name} lies outside of the file")
        arrays.append(StoredArray(name, tuple(int(n) for n in entry["shape"]), str(entry["dtype"])))
    _sort_arrays(report, arrays)


def _json_file(report: Report) -> None:
    if report.size > _MAX_TEXT:
        raise ValueError(f"is JSON of {report.size} bytes, which is no config of a model")
    config = _parse(report.path.read_bytes(), "the JSON")
    report.format = "JSON"
    if "class_name" in config:
        report.format = "config of a model (JSON), without weights"
        _config(report, config, [])
    else:
        report.refuse("a JSON file without the config of a model in it")


def _parse(text: Any, name: str) -> dict[str, Any]:
    try:
        value = parse_json(text, name)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{name} is damaged ({error})") from None
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object of JSON")
    return value


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


# -- configs -------------------------------------------------------------------------------------------------------


def _config(report: Report, config: dict[str, Any], weights: list[StoredArray]) -> None:
    """Note the model, its layers with their arrays, and its compile arguments."""
    for problem in _wrong_names(config):
        report.refuse(problem)
    inner = config.get("config")
    report.model = {"class": config.get("class_name"), "name": inner.get("name") if isinstance(inner, dict) else None}
    compiled = config.get("compile_config")
    if isinstance(compiled, dict):
        report.compile = {key: value for key, value in compiled.items() if value is not None}
    legacy = report.format.endswith("(.h5)")
    report.layers = list(_layers(config, "" if legacy else "layers", 0, _ByFolder(weights, legacy)))


def _wrong_names(config: Any) -> list[str]:
    """Why the names in a config would be refused: code, and classes and functions that are neither dualnet's nor registered."""
    problems: dict[str, None] = {}
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack += reversed(value.values())
            if value.get("class_name") is not None and "config" in value:
                try:
                    _check_name(value)
                except ValueError as error:
                    problems[str(error)] = None
        elif isinstance(value, (list, tuple)):
            stack += reversed(value)
    return list(problems)


def _check_name(config: dict[str, Any]) -> None:
    name, module = config["class_name"], str(config.get("module") or "")
    if not isinstance(name, str):
        raise ValueError(f"expected a name in a config, got class_name {name!r}")
    if name == "__lambda__":
        deserialize_keras_object(config)  # which says why code is not run
    elif module.startswith(_KERAS_OPERATIONS):
        if registry.find(name) is None:
            raise ValueError(f"the model uses the operation {name}, which dualnet does not have")
    elif not name.startswith("__") and not module.startswith("dualnet."):
        look_up(config, str(config["config"]) if name in ("function", "type") else name, None)


class _ByFolder:
    """Arrays by the group that they are in."""

    def __init__(self, arrays: list[StoredArray], legacy: bool) -> None:
        self.legacy = legacy
        self._arrays = arrays

    def of(self, folder: str, name: str) -> list[StoredArray]:
        """Those of a layer, with all in it."""
        start = f"model_weights/{name}/" if self.legacy else f"{folder}/"
        return [array for array in self._arrays if array.name.startswith(start)]


def _layers(config: dict[str, Any], folder: str, depth: int, arrays: _ByFolder) -> Iterator[StoredLayer]:
    """The layers of a model, each followed by those inside it. folder: where the arrays of its layers are."""
    inner = config.get("config")
    entries = inner.get("layers") if isinstance(inner, dict) else inner
    counts: dict[str, int] = {}
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        settings = _dictionary(entry.get("config"))
        class_name, name = str(entry.get("class_name")), str(settings.get("name", entry.get("name", "")))
        kind = to_snake_case(class_name)
        own = f"{folder}/{kind}_{counts[kind]}" if counts.get(kind) else f"{folder}/{kind}"
        counts[kind] = counts.get(kind, 0) + 1
        built = entry.get("build_config")
        shape = (
            built.get("input_shape")
            if isinstance(built, dict)
            else settings.get("batch_shape", settings.get("batch_input_shape"))
        )
        is_model = isinstance(settings.get("layers"), list)
        found = [] if is_model and not arrays.legacy else arrays.of(own, name)
        yield StoredLayer(name, class_name, depth, shape, settings.get("trainable", True) is not False, found)
        if is_model:
            yield from _layers(entry, f"{own}/layers", depth + 1, _ByFolder([], True) if arrays.legacy else arrays)


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def describe(value: Any) -> str:
    """A compile argument in words: the class of a config with the arguments that are plain values."""
    if isinstance(value, dict) and "class_name" in value:
        settings = value.get("config")
        if not isinstance(settings, dict):  # a function: its name is the config
            return str(settings)
        numbers = {k: v for k, v in settings.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
        listed = ", ".join(f"{key}={number:g}" for key, number in list(numbers.items())[:6])
        return f"{value['class_name']}({listed})"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {describe(v)}" for key, v in value.items())
    if isinstance(value, list):
        return ", ".join(describe(v) for v in value)
    return str(value)


def size_on_disk(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(os.path.getsize(Path(folder, name)) for folder, _, names in os.walk(path) for name in names)

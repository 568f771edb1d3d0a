"""The model in a config: its layers with their arrays, and names that would be refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.naming import to_snake_case
from ...ops import registry
from ...serialization.objects import deserialize_keras_object, look_up
from .report import Report, StoredArray, StoredLayer

_KERAS_OPERATIONS = ("keras.src.ops.", "keras.src.activations.")  # modules in which configs name ops


def note_config(report: Report, config: dict[str, Any], weights: list[StoredArray]) -> None:
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

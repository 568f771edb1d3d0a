"""Saving and loading models and weights. The end of a file name selects the format to write; a file is read by its content."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from . import keras_archive, legacy_h5, safetensors_weights, sharded_h5, weights_h5
from .check import checked_config
from .file_kind import kind_of, other_format
from .limits import reading, reading_config
from .model_config import StoredConfig, model_from_config

# What reads and writes files, by the end of their names: the first that fits. A format can do what its module defines.
FORMATS = {
    ".weights.h5": weights_h5,
    ".weights.json": sharded_h5,
    ".safetensors": safetensors_weights,
    ".keras": keras_archive,
    ".h5": legacy_h5,
    ".hdf5": legacy_h5,
}
_BY_KIND = {
    "keras": keras_archive,
    "h5": legacy_h5,
    "weights_h5": weights_h5,
    "sharded": sharded_h5,
    "safetensors": safetensors_weights,
}


def find_function(path: str | os.PathLike[str], name: str, what: str) -> Callable[..., Any]:
    """The function ``name`` ("save_model", "load_weights", ...) for a file.

    Raises ``ValueError`` if its format does not have it. what: the file or argument, for the message.
    """
    function = getattr(_format_of(path), name, None)
    if function is None:
        raise ValueError(f"{what} must end in {_suffixes(name)}, got {os.fspath(path)!r}")
    return function


def _suffixes(name: str, option: str | None = None) -> str:
    """The ends of the names of files whose format has a function (with an option), in words."""
    functions = {suffix: getattr(module, name, None) for suffix, module in FORMATS.items()}
    *others, last = [
        suffix for suffix, f in functions.items() if f and (option is None or option in inspect.signature(f).parameters)
    ]
    return f"{', '.join(others)} or {last}" if others else last


def _format_of(path: str | os.PathLike[str]) -> ModuleType | None:
    return next((module for suffix, module in FORMATS.items() if os.fspath(path).endswith(suffix)), None)


def _find_reader(path: Path, name: str, what: str) -> Callable[..., Any]:
    """The function ``name`` ("load_model", "load_weights") for a file: by its content, or by its name where that says nothing."""
    refusal = other_format(path)
    if refusal is not None:
        raise ValueError(refusal)
    kind = kind_of(path)
    if kind is None:
        return find_function(path, name, what)
    function: Callable[..., Any] | None = getattr(_BY_KIND[kind], name, None)
    if function is None:
        raise ValueError(f"{path} holds weights only: make the model, then model.load_weights({str(path)!r})")
    return function


def save_model(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
    save_format: str | None = None,
) -> None:
    """Save a built model to a ``.keras`` file, or to an ``.h5`` file in the format of Keras 1 and 2.

    A failed save leaves an earlier file as it was.

    Args:
        model: the model.
        filepath: the file; the end of its name selects the format.
        overwrite: replace an existing file.
        zipped: None or True; a folder instead of a file is not supported.
        include_optimizer: save the arguments of ``compile`` and the state of the optimizer too.
        save_format: an argument of Keras 2; it must agree with the file name.

    Raises:
        FileExistsError: the file exists, and is not to be replaced.
        ValueError: the model is not built, or the arguments name another format than the file.
    """
    if zipped is not None and not zipped:
        raise ValueError("zipped=False, a folder instead of a file, is not supported: save to a .keras file")
    if save_format and FORMATS.get(f".{save_format}") is not _format_of(filepath):
        raise ValueError(
            f"save_format={save_format!r} does not agree with the file name {os.fspath(filepath)!r}, whose end selects the "
            f"format ({_suffixes('save_model')}): leave save_format out"
        )
    path = Path(filepath)
    save = find_function(path, "save_model", "the file name of a saved model")
    _check_target(path, overwrite)
    if not model.built:
        raise ValueError(f"model {model.name!r} is not built: call it on data, or give its input shape, first")
    stored = getattr(_format_of(path), "CONFIG", StoredConfig())
    save(model, path, checked_config(model, stored, include_optimizer), include_optimizer)


def save_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
) -> None:
    """Save the weights of a built model.

    Args:
        model: the model.
        filepath: the file. The end of its name selects the format: ``.weights.h5`` is Keras's and has the state of the optimizer
            too; ``.safetensors`` is read by other libraries; ``.weights.json`` with ``max_shard_size`` makes several files;
            another ``.h5`` has the layout of Keras 2.
        overwrite: replace an existing file.
        max_shard_size: the most GB of arrays in one file, for ``.weights.json``.

    Raises:
        FileExistsError: the file exists, and is not to be replaced.
        ValueError: the model is not built, or the arguments do not fit the format.
    """
    path = Path(filepath)
    if max_shard_size is not None and str(path).endswith(".weights.h5"):  # as in Keras
        path = path.with_name(f"{path.name.removesuffix('.h5')}.json")
    save = find_function(path, "save_weights", "the file name of saved weights")
    options = {} if max_shard_size is None else {"max_shard_size": max_shard_size}
    if options and "max_shard_size" not in inspect.signature(save).parameters:
        raise ValueError(f"max_shard_size is for files ending in .weights.json, got {str(path)!r}")
    if not getattr(model, "built", True):
        raise ValueError(f"{model.name!r} has not yet been built, so it has no weights to save: call it on data first")
    _check_target(path, overwrite)
    save(model, path, **options)


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a model from a ``.keras`` or ``.h5`` file, with its weights and, if it was compiled, its optimizer state.

    State of the optimizer that does not fit is left out, with a warning.

    Args:
        filepath: the file. Its content decides what it is, whatever its name.
        custom_objects: your own classes and functions by name.
        compile: whether to compile the model as it was when it was saved.
        safe_mode: accepted and ignored: code in a file is never run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, holds no model, or one that is not supported.
    """
    path = Path(filepath)
    with reading(path):
        return _find_reader(path, "load_model", "the file name of a model")(path, custom_objects, compile)


def load_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    *,
    by_name: bool = False,
    objects_to_skip: Iterable[Any] | None = None,
) -> None:
    """Set the weights of a built model from a file with weights, or with a model.

    In an ``.h5`` file of a model, and in one of weights in the layout of Keras 2, layers are found in their order; in all others by
    the path that leads to them in the model.

    Args:
        model: the model.
        filepath: the file. Its content decides what it is, whatever its name.
        skip_mismatch: leave layers whose weights do not match as they are, with a warning. Otherwise any mismatch is an
            error, and nothing is changed.
        by_name: for ``.h5`` files: set the weights of those layers whose name is in the file.
        objects_to_skip: for all files but ``.h5``: layers to leave as they are, with all in them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, does not fit the model, or its format does not have what the arguments ask for.
    """
    path = Path(filepath)
    load = _find_reader(path, "load_weights", "the name of a file with weights")
    options: dict[str, Any] = {}
    for option, value in {"by_name": by_name, "objects_to_skip": objects_to_skip}.items():
        if value and option not in inspect.signature(load).parameters:
            raise ValueError(f"{option} is for files ending in {_suffixes('load_weights', option)}, got {str(path)!r}")
        if value:
            options[option] = value
    with reading(path):
        load(model, path, skip_mismatch, **options)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that ``Model.to_json`` described, with fresh weights.

    Raises:
        ValueError: the JSON is damaged or describes no model, or one of more than 400 million weights; ``from_config`` of the class of the
            model makes one of any size.
    """
    with reading_config(json_string, "the JSON"):
        return model_from_config(json_string, "the JSON", custom_objects)


def _check_target(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {path}: there is no folder {path.parent}")

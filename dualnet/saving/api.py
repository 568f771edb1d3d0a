"""Saving and loading models and weights: the suffix of the file name selects the format."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import keras_archive, legacy_h5, weights_h5
from .model_config import model_from_config

# What reads and writes files, by the end of their names: the first that fits. A format can do what its module defines.
FORMATS = {".weights.h5": weights_h5, ".keras": keras_archive, ".h5": legacy_h5, ".hdf5": legacy_h5}


def find_function(path: str | os.PathLike[str], name: str) -> Callable[..., Any] | None:
    """The function ``name`` ("save_model", "load_weights", ...) for a file, or None if its format does not have it."""
    module = next((module for suffix, module in FORMATS.items() if os.fspath(path).endswith(suffix)), None)
    return getattr(module, name, None)


def save_model(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, **kwargs: Any) -> None:
    """Save a built model to a ``.keras`` file, or to an ``.h5`` file in the format of Keras 1 and 2.

    A failed save leaves an earlier file as it was.
    """
    path = Path(filepath)
    save = find_function(path, "save_model")
    if save is None:
        raise ValueError(f"the file name of a saved model must end in .keras (or .h5), got {str(path)!r}")
    _check_target(path, overwrite)
    if not model.built:
        raise ValueError(f"model {model.name!r} is not built: call it on data, or give its input shape, first")
    save(model, path)


def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Save the weights of a built model to a ``.weights.h5`` file; to another ``.h5`` file in the layout of Keras 2."""
    path = Path(filepath)
    save = find_function(path, "save_weights")
    if save is None:
        raise ValueError(f"the file name of saved weights must end in .weights.h5, got {str(path)!r}")
    if not getattr(model, "built", True):
        raise ValueError(f"{model.name!r} has not yet been built, so it has no weights to save: call it on data first")
    _check_target(path, overwrite)
    save(model, path)


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a model from a ``.keras`` or ``.h5`` file, with its weights and, if it was compiled, its optimizer state.

    Args:
        filepath: the file.
        custom_objects: your own classes and functions by name.
        compile: whether to compile the model as it was when it was saved.
        safe_mode: accepted and ignored: code in a file is never run.
    """
    path = Path(filepath)
    return FORMATS.get(path.suffix, keras_archive).load_model(path, custom_objects, compile)


def load_weights(model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Set the weights of a built model from a ``.weights.h5``, ``.keras`` or ``.h5`` file.

    Args:
        model: the model.
        filepath: the file.
        skip_mismatch: leave layers whose weights do not match as they are. Otherwise any mismatch is an error, and
            nothing is changed.
    """
    path = Path(filepath)
    load = find_function(path, "load_weights")
    if load is None:
        raise ValueError(f"expected a file ending in .weights.h5 or .keras, got {str(path)!r}")
    load(model, path, skip_mismatch)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that ``Model.to_json`` described, with fresh weights."""
    return model_from_config(json_string, "the JSON", custom_objects)


def _check_target(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {path}: there is no folder {path.parent}")

"""``.keras`` files, as Keras 3 reads and writes them.

Such a file is a zip archive of ``config.json`` (the model as ``serialize_keras_object`` gives it), ``model.weights.h5``,
``metadata.json`` and the assets of layers.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from . import assets
from .atomic import atomic_write
from .hdf5 import existing_file
from .limits import check_member, parse_json
from .model_config import KERAS_VERSION, model_from_config
from .object_state import saved_objects
from .upgrade import version_of
from .weights_h5 import weights_from_bytes, weights_to_bytes

_FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # of the zip members, so that equal models give equal bytes


def save_model(model: Any, path: Path, config: dict[str, Any], include_optimizer: bool = True) -> None:
    """Save a built model, with the state of its optimizer unless that is to be left out. config: of the model, as checked."""
    skip = () if include_optimizer or getattr(model, "optimizer", None) is None else (model.optimizer,)
    date = datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    members = {
        "metadata.json": json.dumps({"keras_version": KERAS_VERSION, "date_saved": date}).encode(),
        "config.json": json.dumps(config).encode(),
        "model.weights.h5": weights_to_bytes(model, skip),
        **assets.save(saved_objects(model)),
    }
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED_DATE), content)


def load_model(path: Path, custom_objects: dict[str, Any] | None, compile: bool) -> Any:
    """The model in the file, with its assets, its weights and its optimizer state."""
    with _open(path) as archive:
        config = _read_member(archive, "config.json", path)
        model = model_from_config(config, f"{path}: config.json", custom_objects, compile, _version(archive, path))
        assets.load(archive, saved_objects(model), lambda name: _read_member(archive, name, path))
        weights_from_bytes(model, _read_member(archive, "model.weights.h5", path), path)
    return model


def _version(archive: zipfile.ZipFile, path: Path) -> int | None:
    """The Keras that wrote the file, 2 or 3, if it says so."""
    if "metadata.json" not in archive.namelist():
        return None
    try:
        metadata = parse_json(_read_member(archive, "metadata.json", path), "metadata.json")
    except (ValueError, RecursionError):  # nothing but the version is read from it
        return None
    return version_of(metadata.get("keras_version")) if isinstance(metadata, dict) else None


def load_weights(model: Any, path: Path, skip_mismatch: bool, objects_to_skip: Iterable[Any] = ()) -> None:
    """Set the weights of a built model, except those of the objects in ``objects_to_skip``."""
    with _open(path) as archive:
        content = _read_member(archive, "model.weights.h5", path)
    weights_from_bytes(model, content, path, skip_mismatch, objects_to_skip)


def _open(path: Path) -> zipfile.ZipFile:
    existing_file(path)
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:  # another version of the format among them
        raise ValueError(f"{path} is not a .keras file, or it is damaged ({error})") from None


def _read_member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"{path} is not a .keras file: it holds no {name}") from None
    check_member(info, path)
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path}: {name} is damaged ({error})") from None
    except (NotImplementedError, RuntimeError) as error:  # another compression, or encrypted
        raise ValueError(f"{path}: {name} cannot be read ({error}): its members must be stored or deflated") from None

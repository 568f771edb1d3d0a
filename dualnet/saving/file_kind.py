"""What a file is by its content: names lie. Many HDF5 files are called ``.keras``, and archives ``.h5``."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

from .limits import MOST_TEXT

_HDF5 = b"\x89HDF\r\n\x1a\n"
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt", "keras_metadata.pb")


def kind_of(path: Path) -> str | None:
    """The format of a file: "keras", "h5", "weights_h5", "sharded" or "safetensors"; None when its content is none of these.

    "h5" is a model of Keras 1 or 2, or weights in their layout.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(16)
    if start[:4] == b"PK\x03\x04":
        return "keras" if zipfile.is_zipfile(path) else None
    if start[:8] == _HDF5:
        return _kind_of_hdf5(path)
    if start[:1] == b"{":
        return "sharded" if _is_weight_map(path) else None
    if len(start) > 8 and start[8:9] == b"{" and 2 <= struct.unpack("<Q", start[:8])[0] <= path.stat().st_size - 8:
        return "safetensors"
    return None


def _kind_of_hdf5(path: Path) -> str | None:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            old = any(key in file.attrs for key in ("model_config", "layer_names", "layer_names0"))
            return "h5" if old or "model_weights" in file else "weights_h5"
    except (OSError, RuntimeError, KeyError, UnicodeDecodeError, ValueError):  # damaged: the reader will say so
        return None


def _is_weight_map(path: Path) -> bool:
    if path.stat().st_size > MOST_TEXT:
        return False
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "weight_map" in content


def other_format(path: Path) -> str | None:
    """What to do with a folder, or with a file of TensorFlow, that is not read here; None for anything else."""
    convert = 'load it with TensorFlow, and save it there with model.save("model.keras") or model.save_weights("m.weights.h5")'
    if path.is_dir():
        if any((path / name).exists() for name in _SAVED_MODEL):
            return f"{path} is a SavedModel, which holds a graph of TensorFlow and no layers: {convert}"
        if (path / "config.json").exists():
            return f"{path} is the folder of a .keras file: put its files into one zip archive called model.keras"
        return f"{path} is a folder, and models are in files: name the file"
    if path.name in _SAVED_MODEL:
        return f"{path} is part of a SavedModel, which holds a graph of TensorFlow and no layers: {convert}"
    if not path.exists() and path.with_name(f"{path.name}.index").exists():
        return f"{path} is a checkpoint of TensorFlow: {convert}"
    return None

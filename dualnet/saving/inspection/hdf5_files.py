"""HDF5 files, and weights in several of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..hdf5 import check_array, dtype_of, open_file, read_attribute
from .configs import note_config
from .report import Report, StoredArray, parse_json

_MAX_NODES = 200_000  # of an HDF5 file
_OPTIMIZER = ("optimizer", "optimizer_weights")


def note_hdf5(report: Report, path: Path) -> None:
    """Note what is in an HDF5 file: a model, weights, or a backup of a training run."""
    report.format = "HDF5"
    with open_file(path, path) as file:
        arrays = sort_arrays(report, stored_arrays(report, file))
        versions = {key: read_attribute(file, key, path) for key in ("keras_version", "backend")}
        report.versions = {key: _text(value) for key, value in versions.items() if value is not None}
        model_config = read_attribute(file, "model_config", path)
        if model_config is not None:
            report.format = "model of Keras 1 or 2 (.h5)"
            config = parse_json(model_config, "model_config")
            training_config = read_attribute(file, "training_config", path)
            if training_config is not None:
                training = parse_json(training_config, "training_config")
                optimizer = training.pop("optimizer_config", None)
                config["compile_config"] = {"optimizer": optimizer, **training}
            note_config(report, config, arrays)
        elif "layer_names" in file.attrs:
            report.format = "weights of Keras 2 (.h5)"
        elif "dualnet_training" in file:
            report.format = "backup of a training run (.weights.h5)"
        elif "layers" in file or "vars" in file or "_layer_checkpoint_dependencies" in file:
            report.format = "weights of Keras 3 (.weights.h5)"
        else:
            report.refuse("an HDF5 file without a model or weights of Keras in it")


def stored_arrays(report: Report, file: Any) -> list[StoredArray]:
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
                arrays.append(StoredArray(where, tuple(map(int, node.shape)), dtype_of(node)))
            except (ValueError, TypeError, KeyError, OSError, RuntimeError) as error:
                report.refuse(error)
    return sorted(
        arrays, key=lambda array: [(len(part), part) if part.isdigit() else (0, part) for part in array.name.split("/")]
    )


def sort_arrays(report: Report, arrays: list[StoredArray]) -> list[StoredArray]:
    """Note the arrays as weights or as state of an optimizer. Returns the weights."""
    weights: list[StoredArray] = []
    for array in arrays:
        parts = array.name.split("/")
        is_state = parts[0] in (*_OPTIMIZER, "dualnet_training") or "seed_generator" in parts or parts[0] == "metrics"
        (report.state if is_state else weights).append(array)
    report.arrays += weights
    return weights


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

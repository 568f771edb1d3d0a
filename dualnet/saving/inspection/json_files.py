"""JSON files: the config of a model, or the list of the files that hold its weights."""

from __future__ import annotations

from ..hdf5 import open_file
from ..sharded_h5 import read_map
from .configs import note_config
from .hdf5_files import sort_arrays, stored_arrays
from .report import Report, StoredArray, parse_json

_MAX_TEXT = 1 << 28


def note_json(report: Report) -> None:
    """Note what is in a JSON file: the config of a model, or where sharded weights are."""
    if report.size > _MAX_TEXT:
        raise ValueError(f"is JSON of {report.size} bytes, which is no config of a model")
    config = parse_json(report.path.read_bytes(), "the JSON")
    report.format = "JSON"
    if "class_name" in config:
        report.format = "config of a model (JSON), without weights"
        note_config(report, config, [])
    elif "weight_map" in config:
        _note_shards(report)
    else:
        report.refuse("a JSON file without the config of a model in it")


def _note_shards(report: Report) -> None:
    """Note the files that hold the weights, with the arrays that each is said to have."""
    report.format = "weights of Keras 3 in several files (.weights.json)"
    groups: dict[str, list[str]] = {}  # by the name of the file
    for group, names in read_map(report.path).items():
        for name in names:
            groups.setdefault(name, []).append(group.strip("/"))
    arrays: list[StoredArray] = []
    for name, expected in groups.items():
        part = report.path.with_name(name)
        if not part.is_file():
            report.refuse(f"the file {name}, which it names, is not beside it")
            continue
        report.parts.append((name, part.stat().st_size))
        try:
            with open_file(part, part) as file:
                there = stored_arrays(report, file)
        except (ValueError, OSError) as error:
            report.refuse(error)
            continue
        arrays += there
        for group in expected:
            if not any(array.name.startswith(f"{group}/") for array in there):
                report.refuse(f"{name} has no arrays of {group}, which are said to be in it")
    sort_arrays(report, arrays)

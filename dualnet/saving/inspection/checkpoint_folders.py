"""Checkpoints of runs: a step folder, or the folder with several of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..checkpoints import check_checkpoint, is_committed, is_step_folder, step_folders
from ..tensor_file import open_tensors
from .report import Report, StoredArray, parse_json

_MAX_TEXT = 1 << 28


def is_checkpoint_folder(path: Path) -> bool:
    """Whether a folder is a checkpoint, or has checkpoints in it."""
    return is_step_folder(path) or bool(step_folders(path))


def note_checkpoint_folder(report: Report) -> None:
    """Note what is in a checkpoint, or which checkpoints there are. Their checksums are computed."""
    if is_step_folder(report.path):
        _note_checkpoint(report)
        return
    report.format = "checkpoints of a run"
    report.verdict = "passed over"
    newest = None
    for folder in step_folders(report.path):
        report.parts.append((folder.name, sum(file.stat().st_size for file in folder.iterdir() if file.is_file())))
        try:
            check_checkpoint(folder)
            newest = folder
        except (ValueError, OSError) as error:
            report.refuse(error)
    report.details["goes_on_from"] = "the beginning: no checkpoint is whole" if newest is None else newest.name


def _note_checkpoint(report: Report) -> None:
    report.format = "checkpoint of a run"
    report.verdict = "would be passed over"
    report.parts = [(file.name, file.stat().st_size) for file in sorted(report.path.iterdir()) if file.is_file()]
    if not is_committed(report.path):
        report.refuse("it is not complete: it has no commit.json, which is written last")
        return
    check_checkpoint(report.path)
    text = report.path / "state.json"
    if text.stat().st_size > _MAX_TEXT:
        raise ValueError(f"{text.name} has {text.stat().st_size} bytes")
    state = parse_json(text.read_bytes(), text.name)
    report.details |= _position(state)
    with open_tensors(report.path / "state.safetensors") as file:
        for name, entry in file.entries.items():
            short = name.removeprefix("state.")
            is_weight = short.startswith("weights.") and not short.startswith("weights.optimizer")
            (report.arrays if is_weight else report.state).append(StoredArray(short, entry.shape, entry.dtype_name))


def _position(state: dict[str, Any]) -> dict[str, Any]:
    """Where the run was."""
    position = {
        "epochs_done": state.get("epoch"),
        "batches_of_the_next": state.get("batches"),
        "steps": state.get("steps"),
    }
    facts: dict[str, Any] = {key: value for key, value in position.items() if isinstance(value, int)}
    if isinstance(state.get("best"), (int, float)):
        facts["best"] = f"{state.get('best_name') or 'this one'}, with {state['best']:g}"
    return facts

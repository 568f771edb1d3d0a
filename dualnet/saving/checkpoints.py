"""Checkpoints of a run of ``fit``: a folder of step folders, each of which counts only once it is complete.

    step-00001234/state.safetensors    every array: weights, optimizer, what callbacks keep
    step-00001234/state.json           everything else
    step-00001234/commit.json          the SHA-256 of both, written last

A checkpoint is never changed, and an old one is removed only when a newer one is on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .atomic import atomic_write, sync_folder
from .state_tree import from_json, to_json
from .tensor_file import read_tensors, write_tensors

_TENSORS, _STATE, _COMMIT = "state.safetensors", "state.json", "commit.json"
_FILES = (
    _COMMIT,
    _STATE,
    _TENSORS,
)  # in the order in which they are removed: without the first the others do not count
_FORMAT = 1
_NAME = re.compile(r"step-(\d{8,})(?:-(\d+))?")


def _order(path: Path) -> tuple[int, int] | None:
    """(step, number among the checkpoints of that step) of a step folder; None for any other name."""
    match = _NAME.fullmatch(path.name)
    return None if match is None else (int(match[1]), int(match[2] or 1))


def step_folders(folder: Path) -> list[Path]:
    """The step folders in a folder, complete or not, from the oldest to the newest."""
    if not folder.is_dir():
        return []
    found = [(order, path) for path in folder.iterdir() if (order := _order(path)) is not None]
    return [path for _, path in sorted(found)]


def is_committed(path: Path) -> bool:
    """Whether a step folder is complete."""
    return (path / _COMMIT).is_file()


def is_step_folder(path: Path) -> bool:
    """Whether a folder has the name of a step folder."""
    return path.is_dir() and _order(path) is not None


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints in a folder, from the oldest to the newest."""
    return [path for path in step_folders(folder) if is_committed(path)]


def write_checkpoint(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write a checkpoint, and return its step folder. A write that fails leaves nothing behind.

    folder: is made if it is missing. state: see ``state_tree``; numbers in arrays, of the dtypes of safetensors.
    """
    text, arrays = to_json(state)
    path = _make_step_folder(folder, step)
    try:
        sums = {
            _TENSORS: _write(path / _TENSORS, lambda stream: write_tensors(stream, arrays)),
            _STATE: _write(path / _STATE, lambda stream: stream.write(text.encode())),
        }
        sync_folder(path)
        sync_folder(folder)
        with atomic_write(path / _COMMIT, "w", encoding="utf-8") as file:
            json.dump({"format": _FORMAT, "sha256": sums}, file, indent=1)
    except BaseException:
        with suppress(OSError):
            remove_checkpoint(path)
        raise
    return path


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a step folder. Raises ``ValueError`` if it is damaged or not complete, ``OSError`` if it cannot be read."""
    with _damage(path):
        sums = _read_commit(path)
        contents = {name: (path / name).read_bytes() for name in sums}
        for name, content in contents.items():
            _compare(name, hashlib.sha256(content), sums)
        return from_json(contents[_STATE], list(read_tensors(contents[_TENSORS]).values()))


def check_checkpoint(path: Path) -> None:
    """Raise what ``read_checkpoint`` raises for a step folder whose files do not have their checksums."""
    with _damage(path):
        sums = _read_commit(path)
        for name in sums:
            with (path / name).open("rb") as stream:
                _compare(name, hashlib.file_digest(stream, "sha256"), sums)


def _read_commit(path: Path) -> dict[str, str]:
    """The checksums of the files in a step folder."""
    try:
        commit = json.loads((path / _COMMIT).read_bytes())
        sums, version = {name: commit["sha256"][name] for name in (_TENSORS, _STATE)}, commit["format"]
    except (json.JSONDecodeError, UnicodeDecodeError, LookupError, TypeError):
        raise ValueError(f"{_COMMIT} is damaged") from None
    if version != _FORMAT:
        raise ValueError(f"{_COMMIT} has the format {version!r}, this version of dualnet reads {_FORMAT}")
    return sums


def _compare(name: str, digest: Any, sums: dict[str, str]) -> None:
    if digest.hexdigest() != sums[name]:
        raise ValueError(f"{name} does not have its checksum")


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Whatever is wrong in a step folder is a ``ValueError`` with its name."""
    try:
        yield
    except FileNotFoundError as error:
        raise ValueError(f"{path}: {Path(str(error.filename)).name} is missing") from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None


def read_newest(folder: Path, on_damage: Callable[[str], None]) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that can be read, with its state; None where there is none at all.

    on_damage: is called with what is wrong with each newer one. Raises ``ValueError`` if there are checkpoints, all of them damaged.
    """
    reasons: list[str] = []
    for path in reversed(checkpoints(folder)):
        try:
            state = read_checkpoint(path)
        except (OSError, ValueError) as error:
            reasons.append(str(error))
            continue
        for reason in reasons:
            on_damage(reason)
        return path, state
    if reasons:
        raise ValueError(f"no checkpoint in {folder} can be read: {'; '.join(reasons)}")
    return None


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint: its own files, and the folder if nothing else is in it."""
    for name in _FILES:
        (path / name).unlink(missing_ok=True)
    for part in path.glob(f".{_COMMIT}.*.part"):
        part.unlink(missing_ok=True)
    try:
        path.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # there are files of others in it
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove step folders that a write left incomplete whose process was killed."""
    for path in step_folders(folder):
        if not is_committed(path):
            remove_checkpoint(path)


def _make_step_folder(folder: Path, step: int) -> Path:
    """A new, empty step folder, behind those of the same step: none is ever written over."""
    folder.mkdir(parents=True, exist_ok=True)
    same = [order for path in step_folders(folder) if (order := _order(path)) is not None and order[0] == step]
    number = max((n for _, n in same), default=0) + 1
    path = folder / (f"step-{step:08d}" + (f"-{number}" if number > 1 else ""))
    path.mkdir()
    return path


class _Hashed(io.RawIOBase):
    """A stream that passes everything on to another, and takes its SHA-256."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.hash = stream, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return self.stream.write(data)


def _write(path: Path, write: Callable[[Any], Any]) -> str:
    """Write a file to the disk; returns its SHA-256."""
    with path.open("wb") as stream:
        hashed = _Hashed(stream)
        write(hashed)
        stream.flush()
        os.fsync(stream.fileno())
    return hashed.hash.hexdigest()

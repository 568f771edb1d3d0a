"""Assets: files that a layer keeps beside its weights, such as a vocabulary, in ``assets/<path of the layer>/`` of a ``.keras`` file.

A layer writes them in ``save_assets(folder)`` and reads them in ``load_assets(folder)``. The folder is temporary and empty
at first; all files that the layer leaves there go into the archive.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from .object_state import old_path

_FOLDER = "assets"


def save(objects: Iterable[tuple[str, Any]]) -> dict[str, bytes]:
    """The content of all asset files by their name in the archive.  objects: (path, object)"""
    files: dict[str, bytes] = {}
    for path, obj in objects:
        if not hasattr(obj, "save_assets"):
            continue
        with tempfile.TemporaryDirectory(prefix="dualnet-assets-") as directory:
            obj.save_assets(directory)
            folder = Path(directory)
            for file in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
                files[str(PurePosixPath(_FOLDER, path, *file.relative_to(folder).parts))] = file.read_bytes()
    return files


def load(archive: zipfile.ZipFile, objects: Iterable[tuple[str, Any]], read_member: Callable[[str], bytes]) -> None:
    """Pass every object its files in the archive.

    read_member: the content of a member by its name. Raises ``ValueError`` for a name that leads out of its folder.
    """
    names = [name for name in archive.namelist() if name.startswith(f"{_FOLDER}/") and not name.endswith("/")]
    for path, obj in objects if names else ():
        for known in (path, old_path(path)):
            prefix = f"{PurePosixPath(_FOLDER, known)}/"
            members = [name for name in names if name.startswith(prefix)]
            if members:
                break
        if not members or not hasattr(obj, "load_assets"):
            continue
        with tempfile.TemporaryDirectory(prefix="dualnet-assets-") as directory:
            for name in members:
                target = Path(directory, *_relative_parts(name, prefix))
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(read_member(name))
                except (FileExistsError, IsADirectoryError, NotADirectoryError):
                    raise ValueError(f"the archive holds {name!r}, a file where it has a folder too") from None
            obj.load_assets(directory)


def _relative_parts(name: str, prefix: str) -> tuple[str, ...]:
    """The path of a member relative to the folder of its object."""
    parts = name.removeprefix(prefix).split("/")
    if any(part in ("", ".", "..") or "\\" in part or ":" in part or "\0" in part for part in parts):
        raise ValueError(f"the archive holds {name!r}, a name that leads out of its folder")
    return tuple(parts)

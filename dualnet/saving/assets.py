"""Files that a layer keeps beside its weights, such as a vocabulary: ``assets/<path of the layer>/`` in a ``.keras`` file.

A layer writes them in ``save_assets(folder)`` and reads them in ``load_assets(folder)``. It gets a folder that is made for it and
holds nothing else; what it leaves there goes into the archive.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

FOLDER = "assets"


def written(objects: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """(name in the archive, content) of the files of some objects.  objects: (path, object)"""
    for path, obj in objects:
        if not hasattr(obj, "save_assets"):
            continue
        with tempfile.TemporaryDirectory(prefix="dualnet-assets-") as made:
            obj.save_assets(made)
            folder = Path(made)
            for file in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
                yield str(PurePosixPath(FOLDER, path, *file.relative_to(folder).parts)), file.read_bytes()


def read(archive: zipfile.ZipFile, objects: Iterable[tuple[str, Any]], member: Callable[[str], bytes]) -> None:
    """Give every object the files that the archive has for it.

    member: the content of a member by its name. Raises ``ValueError`` for a name that leads out of its folder.
    """
    names = [name for name in archive.namelist() if name.startswith(f"{FOLDER}/") and not name.endswith("/")]
    if not names:
        return
    for path, obj in objects:
        if not hasattr(obj, "load_assets"):
            continue
        inside = str(PurePosixPath(FOLDER, path)) + "/"
        own = [name for name in names if name.startswith(inside)]
        if not own:
            continue
        with tempfile.TemporaryDirectory(prefix="dualnet-assets-") as made:
            for name in own:
                target = Path(made, *_parts(name, inside))
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(member(name))
                except (FileExistsError, IsADirectoryError, NotADirectoryError):
                    raise ValueError(f"the archive holds {name!r}, a file where it has a folder too") from None
            obj.load_assets(made)


def _parts(name: str, inside: str) -> tuple[str, ...]:
    """The folders and the file of a member below its object."""
    parts = name.removeprefix(inside).split("/")
    if any(part in ("", ".", "..") or "\\" in part or ":" in part or "\0" in part for part in parts):
        raise ValueError(f"the archive holds {name!r}, a name that leads out of its folder")
    return tuple(parts)

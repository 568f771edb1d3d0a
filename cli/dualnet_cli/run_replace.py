"""A run that replaces another one (``--force``): it is trained beside it, in a hidden folder, and put in its place when it is complete.

The name of the hidden folder says how far the replacement is, and it changes by renaming, which happens as a whole or not at all:

``.new-run``       the new run is being trained; the old one is untouched
``.complete-run``  it is complete: files of the old run that it does not have are moved away
``.moving-run``    its files take their places, one after the other
``.replaced-run``  what was moved away, to be deleted

Whoever opens the folder next, under its lock, finishes from there: ``settle``. A new run that never became complete gets a folder of
its own, so that neither run is lost.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dualnet.saving.atomic import sync_file, sync_folder

NEW, COMPLETE, MOVING, REPLACED = ".new-run", ".complete-run", ".moving-run", ".replaced-run"
_DEPTH = 3  # of folders in which leftovers of killed writes are looked for
_LEFTOVER = re.compile(r"\..+\.[a-z0-9_]{8}\.part")  # the names of ``atomic_write``


def settle(folder: Path, own: Iterable[str], set_aside: Callable[[Path], Path | None]) -> Iterator[str]:
    """Finish what a killed process left in a run directory, and say in a line each what was done.

    Args:
        folder: the run directory, whose lock is held.
        own: the names that belong to a run, which are replaced as a whole.
        set_aside: takes a run that is not complete out of the folder; returns where it is now, or None if there was nothing in it.
    """
    removed = remove_leftovers(folder)
    if removed:
        yield f"removed {removed} unfinished file{'s' * (removed > 1)} of a run that was killed"
    if (folder / COMPLETE).exists() or (folder / MOVING).exists():
        put_in_place(folder, own)
        yield "a run that was complete when it was killed has taken the place of the one before"
    if (folder / NEW).exists():
        aside = set_aside(folder / NEW)
        if aside is not None:
            yield f"a run that was to replace the one there was killed before it was complete; what it wrote is in {aside}"
    _delete(folder / REPLACED)


def replace(folder: Path, own: Iterable[str]) -> None:
    """Let the new run take the place of the old one."""
    new = folder / NEW
    for name, _, files in os.walk(new):
        for file in files:
            sync_file(Path(name, file))
        sync_folder(Path(name))
    new.rename(folder / COMPLETE)
    sync_folder(folder)
    put_in_place(folder, own)


def put_in_place(folder: Path, own: Iterable[str]) -> None:
    """Move a complete run into the folder. It may be called again after it was cut off at any point."""
    complete, moving, replaced = folder / COMPLETE, folder / MOVING, folder / REPLACED
    own = list(own)
    if complete.exists():
        for name in own:
            if _is_there(folder / name) and not _is_there(complete / name):
                _move_away(folder / name, replaced)
        sync_folder(folder)
        complete.rename(moving)
        sync_folder(folder)
    _merge(moving, folder, set(own), replaced)
    sync_folder(folder)
    _delete(replaced)


def _merge(source: Path, target: Path, own: set[str], replaced: Path) -> None:
    """Move what is in a folder into another one: files replace files, folders of ``own`` names are replaced as a whole."""
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.is_dir() and not entry.is_symlink() and place.is_dir() and entry.name not in own:
            _merge(entry, place, set(), replaced)
            continue
        if place.is_dir() or (entry.is_dir() and _is_there(place)):
            _move_away(place, replaced)
        os.replace(entry, place)
    sync_folder(target)
    source.rmdir()


def _move_away(path: Path, replaced: Path) -> None:
    """Move a file or folder among those to be deleted, under a name that is free there."""
    replaced.mkdir(exist_ok=True)
    number = 0
    while _is_there(replaced / f"{number}-{path.name}"):
        number += 1
    os.replace(path, replaced / f"{number}-{path.name}")


def _delete(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def remove_leftovers(folder: Path) -> int:
    """Remove the temporary files of writes that were killed, and return how many there were."""
    count = 0
    for name, folders, files in os.walk(folder):
        if len(Path(name).relative_to(folder).parts) >= _DEPTH:
            folders.clear()
        for file in files:
            if _LEFTOVER.fullmatch(file):
                os.unlink(Path(name, file))
                count += 1
    return count


def is_empty(folder: Path, besides: Iterable[str]) -> bool:
    """Whether a folder holds nothing but files of some names."""
    return {entry.name for entry in folder.iterdir()} <= set(besides)


def unfinished(folder: Path) -> bool:
    """Whether a killed process left something in a run directory that ``settle`` would finish."""
    return any((folder / name).exists() for name in (NEW, COMPLETE, MOVING, REPLACED))

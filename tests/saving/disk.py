"""A disk in a folder that fails, or loses power, at any call of the operating system that changes it.

What is followed: opening, writing, syncing, closing, renaming, removing, and making folders, through ``os`` and through files of
``open``. The calls of libraries written in C are not seen; dualnet writes its files itself.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_ERRORS = {"write": errno.ENOSPC, "mkdir": errno.ENOSPC, "open": errno.ENOSPC, "fsync": errno.EIO}


class Node:
    """A file or folder. synced: the content of a file that a loss of power leaves; children: those of a folder on the disk."""

    def __init__(self, is_folder: bool) -> None:
        self.is_folder = is_folder
        self.synced = b""
        self.children: dict[str, Node] = {}
        self.now: dict[str, Node] = {}


Change = list[tuple[Node, str, "Node | None"]]  # folder, name, what has the name then


class Disk:
    """A context in which calls inside a folder are counted, and may fail.

    Args:
        folder: other files are left alone.
        fail_at: the number of the call that fails, counted from 1; 0 for none.
        full: every later call that needs space fails, too.
        after: called after every call that succeeded, to look at ``states``.
    """

    def __init__(
        self, folder: Path, fail_at: int = 0, full: bool = False, after: Callable[[Disk], None] | None = None
    ) -> None:
        self.folder = os.path.realpath(folder)
        self.fail_at, self.full, self.after = fail_at, full, after
        self.count = 0
        self.failed = ""
        self.calls: list[str] = []
        self._handles: dict[int, str] = {}
        self._nodes: dict[int, Node] = {}  # by open handle
        self._pending: list[Change] = []
        self._root = self._read(self.folder)
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Disk:
        self._real = {name: getattr(os, name) for name in ("open", "write", "fsync", "close", "ftruncate", "chmod")}
        self._real |= {name: getattr(os, name) for name in ("replace", "rename", "unlink", "remove", "mkdir", "rmdir")}
        self._real_open = io.open
        for name in self._real:
            self._patch.setattr(os, name, getattr(self, f"_{name}"))
        self._patch.setattr(io, "open", self._open_file)
        self._patch.setattr(builtins, "open", self._open_file)
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    # -- one call --------------------------------------------------------------------------------------------------

    def _call(self, name: str, path: str, perform: Callable[[], Any], done: Callable[[], None] | None = None) -> Any:
        self.count += 1
        call = f"{name} {os.path.relpath(path, self.folder)}"
        is_out_of_space = self.full and self.failed and _ERRORS.get(name) == errno.ENOSPC
        if self.count == self.fail_at or is_out_of_space:
            self.failed = self.failed or call
            if name == "close":
                perform()  # the handle is gone all the same
            number = _ERRORS.get(name, errno.EIO)
            raise OSError(number, os.strerror(number), path)
        self.calls.append(call)
        result = perform()
        if done is not None:
            done()
        if self.after is not None:
            self.after(self)
        return result

    def _path(self, path: Any, handle: int | None = None) -> str | None:
        """The path of a call, if it is inside the folder. handle: of the folder that a relative path begins at."""
        if isinstance(path, int):
            return self._handles.get(path)
        start = os.getcwd() if handle is None else self._handles.get(handle)
        if start is None:
            return None
        full = os.path.join(start, os.fspath(path))
        full = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full)).rstrip("/.")
        return full if full == self.folder or full.startswith(self.folder + os.sep) else None

    # -- os --------------------------------------------------------------------------------------------------------

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        inside = self._path(path, dir_fd)
        if inside is None:
            return self._real["open"](path, flags, mode, dir_fd=dir_fd)
        handle: int = self._call(
            "open",
            inside,
            lambda: self._real["open"](path, flags, mode, dir_fd=dir_fd),
            lambda: self._note_file(inside, flags & os.O_CREAT != 0),
        )
        self._handles[handle] = inside
        self._nodes[handle] = self._find(inside)
        return handle

    def _write(self, handle: int, data: Any) -> int:
        inside = self._handles.get(handle)
        if inside is None:
            return self._real["write"](handle, data)
        return self._call("write", inside, lambda: self._real["write"](handle, data))

    def _ftruncate(self, handle: int, size: int) -> None:
        inside = self._handles.get(handle)
        if inside is None:
            return self._real["ftruncate"](handle, size)
        return self._call("truncate", inside, lambda: self._real["ftruncate"](handle, size))

    def _fsync(self, handle: int) -> None:
        inside = self._handles.get(handle)
        if inside is None:
            return self._real["fsync"](handle)
        return self._call("fsync", inside, lambda: self._sync(handle, inside))

    def _close(self, handle: int) -> None:
        inside = self._handles.pop(handle, None)
        if inside is None:
            return self._real["close"](handle)
        self._nodes.pop(handle)
        return self._call("close", inside, lambda: self._real["close"](handle))

    def _chmod(self, path: Any, mode: int, **options: Any) -> None:
        inside = self._path(path)
        if inside is None:
            return self._real["chmod"](path, mode, **options)
        return self._call("chmod", inside, lambda: self._real["chmod"](path, mode, **options))

    def _replace(self, source: Any, target: Any) -> None:
        self._move("replace", source, target)

    def _rename(self, source: Any, target: Any) -> None:
        self._move("rename", source, target)

    def _move(self, name: str, source: Any, target: Any) -> None:
        first, last = self._path(source), self._path(target)
        if first is None or last is None:
            self._real[name](source, target)
            return
        self._call(name, first, lambda: self._real[name](source, target), lambda: self._note_move(first, last))

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._remove_entry("unlink", path, dir_fd)

    def _remove(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._remove_entry("remove", path, dir_fd)

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._remove_entry("rmdir", path, dir_fd)

    def _remove_entry(self, name: str, path: Any, dir_fd: int | None) -> None:
        inside = self._path(path, dir_fd)
        if inside is None:
            self._real[name](path, dir_fd=dir_fd)
            return
        self._call(name, inside, lambda: self._real[name](path, dir_fd=dir_fd), lambda: self._change((inside, None)))

    def _mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        inside = self._path(path, dir_fd)
        if inside is None or os.path.isdir(inside):  # which is refused by the system itself
            self._real["mkdir"](path, mode, dir_fd=dir_fd)
            return
        self._call(
            "mkdir",
            inside,
            lambda: self._real["mkdir"](path, mode, dir_fd=dir_fd),
            lambda: self._change((inside, Node(is_folder=True))),
        )

    # -- open ------------------------------------------------------------------------------------------------------

    def _open_file(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        inside = self._path(file)
        options = (buffering, encoding, errors, newline, closefd, opener)
        if inside is None:
            return self._real_open(file, mode, *options)
        if not set(mode) & set("wax+"):
            if isinstance(file, int):
                return self._real_open(file, mode, *options)
            return self._call("open", inside, lambda: self._real_open(file, mode, *options))
        raw_mode = mode.replace("b", "").replace("t", "")
        if isinstance(file, int):
            raw = _File(self, inside, file, raw_mode, closefd)
        else:
            raw = self._call(
                "open",
                inside,
                lambda: _File(self, inside, file, raw_mode, closefd),
                lambda: self._note_file(inside, True),
            )
        self._handles[raw.fileno()] = inside
        self._nodes[raw.fileno()] = self._find(inside)
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)
        text.mode = mode
        return text

    # -- what a loss of power leaves -------------------------------------------------------------------------------

    def _read(self, path: str) -> Node:
        """What is there at the beginning, all of it on the disk."""
        node = Node(os.path.isdir(path))
        if node.is_folder:
            node.children = {name: self._read(os.path.join(path, name)) for name in os.listdir(path)}
            node.now = dict(node.children)
        else:
            node.synced = Path(path).read_bytes()
        return node

    def _find(self, path: str) -> Node:
        node = self._root
        for part in os.path.relpath(path, self.folder).split(os.sep) if path != self.folder else ():
            node = node.now[part]
        return node

    def _note_file(self, path: str, may_be_new: bool) -> None:
        folder, name = os.path.split(path)
        if may_be_new and path != self.folder and name not in self._find(folder).now:
            self._change((path, Node(is_folder=False)))

    def _note_move(self, source: str, target: str) -> None:
        self._change((source, None), (target, self._find(source)))

    def _change(self, *entries: tuple[str, Node | None]) -> None:
        change: Change = []
        for path, node in entries:
            folder, name = os.path.split(path)
            parent = self._find(folder)
            change.append((parent, name, node))
            _apply(parent.now, name, node)
        self._pending.append(change)

    def _sync(self, handle: int, path: str) -> None:
        self._real["fsync"](handle)
        node = self._nodes[handle]
        if not node.is_folder:
            with self._real_open(path, "rb") as file:
                node.synced = file.read()
            return
        for change in [c for c in self._pending if any(folder is node for folder, _, _ in c)]:
            for folder, name, child in change:
                _apply(folder.children, name, child)
            self._pending.remove(change)

    def states(self) -> Iterator[dict[str, bytes]]:
        """What may be there after a loss of power now: the files by path.

        Of the changes of folders that are not synced, the first so many have happened. The files have the content of their last
        sync, or the one that they have now.
        """
        for count in range(len(self._pending) + 1):
            changed: dict[int, dict[str, Node]] = {}
            for change in self._pending[:count]:
                for folder, name, child in change:
                    _apply(changed.setdefault(id(folder), dict(folder.children)), name, child)
            contents = dict(self._contents(self._root, self.folder))
            for synced in (True, False):
                yield dict(self._state(self._root, "", changed, contents, synced))

    def _contents(self, node: Node, path: str) -> Iterator[tuple[int, bytes]]:
        """What is now in the files, by the id of their node."""
        for name, child in node.now.items():
            inner = os.path.join(path, name)
            if child.is_folder:
                yield from self._contents(child, inner)
            else:
                with self._real_open(inner, "rb") as file:
                    yield id(child), file.read()

    def _state(
        self, node: Node, path: str, changed: dict[int, dict[str, Node]], contents: dict[int, bytes], synced: bool
    ) -> Iterator[tuple[str, bytes]]:
        for name, child in changed.get(id(node), node.children).items():
            if child.is_folder:
                yield f"{path}{name}/", b""
                yield from self._state(child, f"{path}{name}/", changed, contents, synced)
            else:
                yield f"{path}{name}", child.synced if synced else contents.get(id(child), child.synced)


class _File(io.FileIO):
    """A file that is written to, every call of which the disk sees."""

    def __init__(self, disk: Disk, path: str, file: Any, mode: str, closefd: bool) -> None:
        super().__init__(file, mode, closefd)
        self._disk, self._inside = disk, path

    def write(self, data: Any) -> Any:
        return self._disk._call("write", self._inside, lambda: io.FileIO.write(self, data))

    def close(self) -> None:
        if self.closed:
            return
        self._disk._handles.pop(self.fileno(), None)
        self._disk._nodes.pop(self.fileno(), None)
        self._disk._call("close", self._inside, lambda: io.FileIO.close(self))


def _apply(children: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        children.pop(name, None)
    else:
        children[name] = node


def restore(state: dict[str, bytes], folder: Path) -> None:
    """Write a state of ``Disk.states`` into an empty folder."""
    for name, content in state.items():
        if name.endswith("/"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def failing_in_turn(root: Path, program: Callable[[Path], Any], most: int) -> Iterator[tuple[Path, Disk]]:
    """Run a program in a folder of its own with its first call failing, then its second ..., until it ends without a failure.

    A failure must be an ``OSError`` of the program. Yields the folder and the disk after each.
    """
    for k in range(1, most):
        folder, error = root / str(k), None
        with Disk(root, k) as disk:
            try:
                program(folder)
            except OSError as raised:
                error = raised
        assert (error is not None) == bool(disk.failed), disk.failed
        if not disk.failed:
            return
        yield folder, disk
    raise AssertionError(f"a program of {most} calls or more")

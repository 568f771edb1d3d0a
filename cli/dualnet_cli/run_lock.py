"""The lock of a run directory: one run at a time writes to it.

The operating system holds the lock and releases it when the process ends, however it ends, so that a dead process stands in
nobody's way. The file says who has it, for the message to another run.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType

import click

from .errors import CliError, printable

NAME = ".lock"
_TRIES, _PAUSE = 5, 0.05  # `dualnet runs` holds a lock for an instant, to see whether it is free
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)  # of some network file systems
_LOCKED_BYTE = 1 << 30  # Windows locks bytes; this one is behind the text, which others may read


class Lock:
    """The lock of a directory, held from its creation to ``release``.

    Raises:
        CliError: another process has it.
        OSError: the file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._handle: int | None = None
        for _ in range(_TRIES):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(handle)
            except OSError as error:
                os.close(handle)
                if error.errno in _NO_LOCKS:
                    label = printable(str(folder))
                    click.echo(
                        f"Warning: {label}: the file system has no locks ({error.strerror}); see to it that no other run "
                        "writes there at the same time",
                        err=True,
                    )
                    return
                if not _is_taken(error):
                    raise
                time.sleep(_PAUSE)
                continue
            if _is_same_file(handle, self.path):
                self._handle = handle
                try:
                    self._sign(handle)
                except BaseException:
                    self.release()
                    raise
                return
            os.close(handle)  # the run that had it has ended and removed the file since
        raise CliError(
            f"{printable(str(folder))}: another run writes to it ({holder(folder) or 'which one is not known'}); wait for it, stop "
            "it, or name another directory with --run-dir"
        )

    @staticmethod
    def _sign(handle: int) -> None:
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        os.ftruncate(handle, 0)
        os.write(handle, text.encode())

    def release(self) -> None:
        """Remove the file and give the lock back."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        if os.name == "nt":  # where an open file cannot be removed
            os.close(handle)
            self.path.unlink()
            return
        try:
            self.path.unlink()
        finally:
            os.close(handle)

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_locked(folder: Path) -> bool:
    """Whether a run is writing to a directory. Where there are no locks, or the file cannot be opened, the answer is no."""
    try:
        handle = os.open(folder / NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        _lock(handle)
    except OSError as error:
        return _is_taken(error)
    finally:
        os.close(handle)
    return False


def holder(folder: Path) -> str:
    """Who holds the lock, in words; empty when the file does not say."""
    try:
        with (folder / NAME).open("rb") as file:
            owner = json.loads(file.read(1000))
        return printable(f"process {int(owner['pid'])} on {owner['host']}")
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def _lock(handle: int) -> None:
    """Lock an open file, or raise ``OSError`` at once."""
    if os.name == "nt":
        import msvcrt

        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_taken(error: OSError) -> bool:
    return error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


def _is_same_file(handle: int, path: Path) -> bool:
    """Whether the open file is still the one at ``path``."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(handle)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

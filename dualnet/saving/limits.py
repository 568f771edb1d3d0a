"""Bounds for what is read from files: how much may be unpacked, and which errors come out.

A file says by itself how large the things in it are. What it claims is compared with its size before anything is allocated: weights
hardly shrink when they are compressed, so much more than the bytes of the file is a bomb, not a model.
"""

from __future__ import annotations

import gc
import json
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.allowance import limited

FREE = 64 << 20  # bytes that any file may unpack to, however small it is
RATIO = 32  # the bytes beyond these, for each byte of the file
_STEEPEST = 1000  # an array or a member larger than this many times its bytes in the file is a bomb, however small
_TEXT_FREE, _TEXT_RATIO = 1 << 20, 100  # configs in JSON: they repeat themselves, but none is large

MOST_TEXT = 32 << 20  # bytes of a config: those of the largest networks have 2 MB, a vocabulary of a million words 15
_MOST_WITHOUT_WEIGHTS = (
    400_000_000  # numbers for a config that comes without weights; the largest network of applications has 350 million
)
_OPS = 20_000  # calls by which shapes are inferred that any file may take; the large models of applications take 2,000

# What Python, NumPy and the readers of formats raise for what nobody foresaw; to a user they say nothing.
_UNTYPED = (
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    EOFError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
    zipfile.BadZipFile,
)


class Budget:
    """How many bytes may still be unpacked from a file.

    Args:
        size: of the file, in bytes.
    """

    def __init__(self, size: int) -> None:
        self._left = FREE + RATIO * size

    def take(self, claimed: int, stored: int, name: str, path: Path) -> None:
        """Note that ``claimed`` bytes are to be read from ``stored`` ones.

        Raises:
            ValueError: that is far more than the file can hold.
        """
        self._left -= claimed
        if claimed > _STEEPEST * max(stored, 1) or self._left < 0:
            raise ValueError(f"{path}: {name} claims {claimed} bytes, which is refused")


def check_member(info: zipfile.ZipInfo, path: Path) -> None:
    """Raise ``ValueError`` for a member of a zip archive that claims to unpack to far more than it can hold."""
    free, ratio = (_TEXT_FREE, _TEXT_RATIO) if info.filename.endswith(".json") else (FREE, RATIO)
    most = min(free + ratio * info.compress_size, _STEEPEST * max(info.compress_size, 1))
    if info.file_size > most:
        raise ValueError(f"{path}: {info.filename} claims to unpack to {info.file_size} bytes, which is refused")


def parse_json(text: str | bytes, name: str) -> Any:
    """The value of JSON text.

    Raises:
        ValueError: the text is damaged (``json.JSONDecodeError``), or longer than a config can be: much of it takes long and a lot of memory.
    """
    if len(text) > MOST_TEXT:
        raise ValueError(f"{name} has {len(text)} bytes, and a config at most {MOST_TEXT}: it is refused")
    with gc_paused():
        return json.loads(text)


@contextmanager
def gc_paused() -> Iterator[None]:
    """Read JSON without Python's collector of cycles: JSON has none, and to look through all that was read so far again and again takes
    most of the time of a large text."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read a model or weights: what is made is bounded by the size of the file, and errors have one of three types.

    Whatever goes wrong in the file is a ``ValueError``, ``TypeError`` or ``OSError`` with a message about the file.
    """
    size = path.stat().st_size if path.is_file() else 0
    with typed_errors(path), limited((FREE + RATIO * size) // 4, _OPS + size // 10):
        yield


@contextmanager
def reading_config(text: str, name: str) -> Iterator[None]:
    """Make a model from a config that comes without weights, which says nothing of how large the model should be."""
    with typed_errors(name), limited(_MOST_WITHOUT_WEIGHTS, _OPS + len(text) // 10):
        yield


@contextmanager
def typed_errors(path: Any) -> Iterator[None]:
    """Whatever goes wrong in the block is a ``ValueError``, ``TypeError`` or ``OSError`` with a message about the file."""
    try:
        yield
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply") from None
    except _UNTYPED as error:
        text = " ".join(str(error).split()) or "no reason given"
        raise ValueError(f"{path} is damaged, or is no file of this kind ({type(error).__name__}: {text})") from error

"""What is said when the memory of a device is not enough."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .base import Backend


class Memory(NamedTuple):
    """The memory of a device in bytes.

    Attributes:
        free: what can still be allocated, by any process.
        total: all of it.
        in_use: by arrays of this process; 0 where it is not counted.
        pooled: freed by arrays of this process, and kept for the next ones.
    """

    free: int
    total: int
    in_use: int = 0
    pooled: int = 0


class OutOfMemoryError(MemoryError):
    """There is not enough memory on a device. The message, one line, says how much was wanted and is free, and what to try.

    Attributes:
        device: its name.
        wanted: the bytes that were asked for; None if that is not known.
        memory: the memory of the device then; None if that is not known.
    """

    def __init__(self, device: str, wanted: int | None = None, memory: Memory | None = None) -> None:
        self.device, self.wanted, self.memory = device, wanted, memory
        parts = [f"out of memory on {device}"]
        if wanted is not None:
            parts.append(f"{_size(wanted)} wanted")
        if memory is not None:
            parts.append(f"{_size(memory.free)} of {_size(memory.total)} free")
            if memory.in_use or memory.pooled:
                parts.append(
                    f"{_size(memory.in_use)} in use by arrays and {_size(memory.pooled)} kept for the next ones"
                )
        smaller = 'a smaller batch_size, or dtype="mixed_float16" in the layers'
        other = "the CPU (device cpu)" if device != "cpu" else "a smaller model"
        super().__init__(f"{parts[0]}: {', '.join(parts[1:]) or 'an array does not fit'}. Try {smaller}, or {other}")

    def __reduce__(self) -> tuple[type, tuple[str, int | None, Memory | None]]:
        return type(self), (self.device, self.wanted, self.memory)


def out_of_memory(backend: Backend, error: BaseException) -> OutOfMemoryError | None:
    """An exception as an ``OutOfMemoryError`` of a device, or None if it is about something else, or is one already."""
    if isinstance(error, OutOfMemoryError) or not backend.is_out_of_memory(error):
        return None
    try:
        memory = backend.memory()
    except Exception:  # a device in such a state that it does not answer
        memory = None
    wanted = getattr(error, "_size", None) or getattr(error, "_total_size", None)  # of CuPy, of NumPy
    return OutOfMemoryError(backend.device, None if wanted is None else int(wanted), memory)


@contextmanager
def explaining_memory(backend: Backend) -> Iterator[None]:
    """Raise an ``OutOfMemoryError`` for whatever the array library raises in the block when it finds no memory."""
    try:
        yield
    except Exception as error:
        explained = out_of_memory(backend, error)
        if explained is None:
            raise
        raise explained from error


def host_memory() -> Memory | None:
    """The memory of this machine; None where the system does not say."""
    try:
        page, total = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
        with open("/proc/meminfo", encoding="ascii") as file:  # with what the system would give back from its caches
            available = next((int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable")), None)
    except (AttributeError, ValueError, OSError):
        return None
    return None if available is None else Memory(available, total * page)


def _size(n: int) -> str:
    """1610612736 -> "1.5 GiB" """
    value, unit = float(n), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{n} bytes" if unit == "bytes" else f"{value:.1f} {unit}"

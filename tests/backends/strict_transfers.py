"""Counts what crosses between host and device; inside a ``step()`` block each such crossing is an error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType

from dualnet_backends import Backend

REFERENCES = {Backend.matmul.__code__, Backend._row_products.__code__}


class TransferError(RuntimeError):
    """Something inside a step made the device wait for the host, or the host for the device."""


class ProductError(RuntimeError):
    """Inside a step CuPy was asked for a product, which it refuses while a stream is captured."""


class Counts:
    """to_host: times the host waited for a value. to_device: times host data was sent. Both since ``reset``."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.to_host = 0
        self.to_device = 0
        self.steps = 0

    def __repr__(self) -> str:
        return f"<{self.to_host} to host, {self.to_device} to device, {self.steps} steps>"


class _Step(threading.local):
    depth = 0


counts = Counts()
_step = _Step()


def to_host(what: str) -> None:
    """Note that ``what`` made the host wait for the device."""
    if _step.depth:
        raise TransferError(f"{what} waits for the device, inside a step")
    counts.to_host += 1


def to_device(what: str) -> None:
    """Note that ``what`` sent host data to the device."""
    if _step.depth:
        raise TransferError(f"{what} sends host data to the device, inside a step")
    counts.to_device += 1


def product(what: str, caller: CodeType) -> None:
    """Note that ``caller`` asked CuPy for a product: it may be the reference of a kernel that a GPU overrides."""
    if _step.depth and caller not in REFERENCES:
        raise ProductError(f"{what}() cannot be recorded, inside a step: use backend.matmul")


@contextmanager
def step() -> Iterator[Counts]:
    """A training step, as far as this thread goes: any transfer in it raises ``TransferError``."""
    _step.depth += 1
    counts.steps += 1
    try:
        yield counts
    finally:
        _step.depth -= 1

"""How much may be made while a file is read: a small file must not become a large model, nor keep the processor busy for long.

A config is a few bytes that may ask for any number of weights and steps. Where a file is read, ``limited`` sets how many; elsewhere
nothing is counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class Allowance:
    """What may still be made.

    Args:
        numbers: in variables.
        ops: calls of ops by which shapes are inferred.
    """

    def __init__(self, numbers: int, ops: int) -> None:
        self.numbers = numbers
        self.ops = ops


_MOST_ELEMENTS = 1 << 24
_current: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def limited(numbers: int, ops: int) -> Iterator[Allowance]:
    """Count what is made inside the block: more than this is a ``ValueError``. Of two blocks the inner one counts."""
    allowance = Allowance(numbers, ops)
    before = _current.set(allowance)
    try:
        yield allowance
    finally:
        _current.reset(before)


def is_limited() -> bool:
    """Whether a file is read."""
    return _current.get() is not None


def take_variable(shape: Any, name: str) -> None:
    """Before a variable is made."""
    allowance = _current.get()
    if allowance is None or not all(isinstance(n, int) and n >= 0 for n in shape):
        return
    count = math.prod(shape)
    allowance.numbers -= count
    if allowance.numbers < 0:
        raise ValueError(
            f"variable {name!r} would have {count} numbers, and the model far more than the file, which is refused"
        )


def take_op() -> None:
    """Before an op is run, or asked, to see which shape it has."""
    allowance = _current.get()
    if allowance is None:
        return
    allowance.ops -= 1
    if allowance.ops < 0:
        raise ValueError(
            "the model runs far more ops than its config describes (in loops, or in models in models), which is refused"
        )


def check_elements(count: int, name: str) -> None:
    """Before an op makes a tensor of ``count`` numbers of one number, to see its dtype."""
    if count > _MOST_ELEMENTS and is_limited():
        raise ValueError(f"{name} makes {count} numbers of one, which is refused")

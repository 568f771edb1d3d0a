"""Abstract objects: layers and models that are made to be looked at, such as to see whether a config can be read, and then dropped.

What is made in an ``abstract`` block leaves no trace in the program: names, random streams and default seeds are counted apart, as in a
new process, recorded steps stay valid, and variables have a shape and a dtype but no memory (like tensors on PyTorch's device "meta").
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dualnet_backends as backends

from .tracing import state


class Abstract:
    """The counters of an ``abstract`` block.

    Args:
        values: whether variables have memory, and the values of their initializers.
    """

    def __init__(self, values: bool) -> None:
        self.values = values
        self.names: Counter[str] = Counter()
        self.streams: Counter[str] = Counter()
        self.seeds = random.Random(0)


@contextmanager
def abstract(values: bool = False) -> Iterator[None]:
    """Make abstract objects inside a ``with`` block, on the host.

    Args:
        values: let variables have memory and values, for code that reads or writes them. Then initializers are run.
    """
    before, state.abstract = state.abstract, Abstract(values)
    try:
        with backends.device("cpu"):
            yield
    finally:
        state.abstract = before


def is_without_values() -> bool:
    """Whether a variable that is made now has no values."""
    return state.abstract is not None and not state.abstract.values


def without_memory(shape: Sequence[int], dtype: str) -> Any:
    """An array of zeros that takes the memory of one number; it cannot be written to."""
    xp = backends.get("cpu").xp
    return xp.broadcast_to(xp.zeros((), dtype=dtype), tuple(shape))

"""Names: CamelCase to snake_case, and ``dense``, ``dense_1``, ``dense_2`` for objects without a name."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from .tracing import state

_uses: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """ "BatchNormalization" -> "batch_normalization", "Conv2D" -> "conv2d", "PReLU" -> "p_re_lu" """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """``prefix`` itself at its first use, then ``prefix_1``, ``prefix_2`` ..."""
    prefix = to_snake_case(prefix)
    uses = _uses if state.abstract is None else state.abstract.names
    uses[prefix] += 1
    n = uses[prefix] - 1
    return f"{prefix}_{n}" if n else prefix


def get_uid(prefix: str = "") -> int:
    """A number that is one larger at every call with the same prefix."""
    _uses[prefix] += 1
    return _uses[prefix]


def reset() -> None:
    """Start all counters again (``clear_session``)."""
    _uses.clear()


def numbered(names: Iterable[str]) -> Iterator[str]:
    """The names, all different: one that was there before ends in a number, ``name_1``."""
    used: set[str] = set()
    for name in names:
        free = next(n for n in itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1))) if n not in used)
        used.add(free)
        yield free

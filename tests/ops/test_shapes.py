"""Inferred shapes hold: every row of the op table on symbolic tensors with unknown sizes, then on data of several sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

from dualnet import tree
from dualnet.core.symbolic import KerasTensor
from dualnet.core.tensor import Tensor
from dualnet.graph.infer import trial

from .harness import ROWS, Row

Shape = tuple[int, ...]
# Which axes of a tensor are unknown, by the number of its axes.
PATTERNS: dict[str, Callable[[int], tuple[bool, ...]]] = {
    "all known": lambda n: (False,) * n,
    "batch": lambda n: tuple(i == 0 for i in range(n)),
    "all but the last": lambda n: tuple(i < n - 1 for i in range(n)),
    "last": lambda n: tuple(i == n - 1 for i in range(n)),
    "all unknown": lambda n: (True,) * n,
}
# Ops whose number of outputs, or of their axes, is a size of an input: such a size must be known.
NEEDS_SIZES: set[str] = set()


def arrays(row: Row) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
    for sample, args in row.draws():
        cast = [
            x.astype("float32" if x.dtype.kind == "f" else "int32" if x.dtype.kind == "i" else "bool")
            if isinstance(x, np.ndarray)
            else x
            for x in args
        ]
        yield sample.options, tuple(cast)


def symbolic(args: tuple[Any, ...], pattern: Callable[[int], tuple[bool, ...]]) -> tuple[Any, ...]:
    def symbol(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        return KerasTensor(tuple(None if u else n for u, n in zip(pattern(x.ndim), x.shape)), str(x.dtype))

    return tuple(map(symbol, args))


def resized(args: tuple[Any, ...], pattern: Callable[[int], tuple[bool, ...]], change: Callable[[int], int]) -> Any:
    """The arrays with every unknown size ``n`` replaced by ``change(n)``."""

    def other(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        shape = tuple(change(n) if u else n for u, n in zip(pattern(x.ndim), x.shape))
        return np.resize(x, shape) if x.size else np.zeros(shape, x.dtype)

    return tuple(map(other, args))


CHANGES: list[Callable[[int], int]] = [
    lambda n: n,
    lambda n: n + 3 if n > 1 else n,
    lambda n: 2 * n,
    lambda n: max(n - 1, 1),
]


def check(inferred: Any, actual: Any, what: str) -> None:
    for spec, y in zip(tree.flatten(inferred), tree.flatten(actual), strict=True):
        assert len(spec.shape) == y.ndim, f"{what}: inferred {spec.shape}, is {y.shape}"
        assert all(n in (None, m) for n, m in zip(spec.shape, y.shape)), f"{what}: inferred {spec.shape}, is {y.shape}"
        assert spec.dtype == str(y.dtype), f"{what}: inferred {spec.dtype}, is {y.dtype}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_inferred_shapes_hold(row: Row, pattern: str) -> None:
    backend, unknown = backends.current(), PATTERNS[pattern]
    for options, args in arrays(row):
        symbols = symbolic(args, unknown)
        if not any(isinstance(x, KerasTensor) for x in symbols):
            continue
        results = []
        for change in CHANGES:
            real = tuple(
                Tensor(backend.asarray(x)) if isinstance(x, np.ndarray) else x for x in resized(args, unknown, change)
            )
            try:
                results.append(row(*real, **options))
            except Exception:  # an op may refuse other sizes, but not those of the table
                if change is CHANGES[0]:
                    raise
        try:
            with trial():
                inferred = row(*symbols, **options)
        except Exception as error:
            if pattern != "all known" and row.name in NEEDS_SIZES:
                continue
            raise AssertionError(f"{row.name} {options} on {symbols}: {error}") from error
        if not all(isinstance(x, KerasTensor) for x in tree.flatten(inferred)):
            continue  # a value of the host, such as a shape
        for y in results:
            check(inferred, y, f"{row.name} {options} on {symbols}")
        if pattern == "all known":
            assert [x.shape for x in tree.flatten(inferred)] == [y.shape for y in tree.flatten(results[0])]

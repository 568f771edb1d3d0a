"""Inferred shapes hold: every row of the op table on symbolic tensors with unknown sizes, then on data of several sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

from dualnet import ops, tree
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
# Rows that may refuse unknown sizes, and why.
COUNTS = "the number of outputs, or of their axes, is a size of an input"
KERNEL = "a size of a kernel decides how it is called"
CHANNELS = "a number that must be 3, or that of other arguments"
ENTRY = "a part of an op, for which the op itself has a rule"
REFUSES = {
    name: reason
    for reason, names in {
        COUNTS: "unstack _unstack",
        KERNEL: "conv depthwise_conv separable_conv conv_transpose convolve convolve_transpose",
        CHANNELS: "cross group_normalization",
        ENTRY: "_conv _conv_transpose gamma beta binomial dropout _flat_indices _write_rows _segment_sum _segment_prod _segment_max "
        "_segment_min generalized_cross_entropy ctc_loss",
    }.items()
    for name in names.split()
}
# Needs a value.
HOST = {"convert_to_numpy", "_nonzero", "_unique"}
# Results whose shape depends on values.
VALUES = {"nonzero", "unique", "bincount", "get_item"}


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


@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in HOST], ids=lambda row: row.name)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_inferred_shapes_hold(row: Row, pattern: str) -> None:
    backend, unknown = backends.current(), PATTERNS[pattern]
    for options, args in arrays(row):
        if row.name == "squeeze" and not options and pattern != "all known":
            continue  # an unknown size may be 1: as in Keras, it is taken for another
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
        what = f"{row.name} {options} on {[getattr(x, 'shape', x) for x in symbols]}"
        try:
            with trial():
                inferred = row(*symbols, **options)
        except (ValueError, TypeError) as error:
            if pattern != "all known" and row.name in REFUSES:
                continue
            raise AssertionError(f"{what}: {error}") from error
        if not all(isinstance(x, KerasTensor) for x in tree.flatten(inferred)):
            continue  # a value of the host, such as a shape
        for y in results[:1] if row.name == "unstack" else results:
            check(inferred, y, what)
        if pattern == "all known" and row.name not in VALUES:
            assert [x.shape for x in tree.flatten(inferred)] == [y.shape for y in tree.flatten(results[0])], what


def test_index_lists_and_masks_on_symbolic_tensors() -> None:
    """A list that begins with 0 or 1 is no mask, although ``[1] == [True]``; of a mask the true elements count."""
    x = KerasTensor((None, 5))
    assert x[:, [1, 1, 2]].shape == (None, 3)
    assert x[..., [0, 1]].shape == (None, 2)
    assert x[:, [True, False, True, False, True]].shape == (None, 3)
    assert x[:, np.array([True, False, False, False, False])].shape == (None, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ops.pad(x, 1, constant_value=3),
        lambda x: ops.stop_gradient(x, axis=9),
        lambda x: ops.copy(x, dtype="int32"),
        lambda x: ops.moments(x, -1, axis=9),
    ],
)
def test_an_unknown_argument_is_refused_on_symbolic_tensors(call: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        call(KerasTensor((None, 4, 3)))

"""The calls of cuBLAS that a product takes, carried out by NumPy as cuBLAS does: on memory, by addresses, steps and strides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends.gpu.plans import INT_MAX, Plan, plan
from numpy.lib.stride_tricks import as_strided

from .test_products import OPERANDS, OUTS


def planned(a: Any, b: Any, out: Any = None) -> Plan | None:
    return plan(a.itemsize, a.shape, a.strides, b.shape, b.strides, None if out is None else (out.shape, out.strides))


def memory(x: Any) -> tuple[Any, int]:
    """The whole memory that an array is a part of, flat, and the offset of the array's first element in it, in elements."""
    base = x
    while base.base is not None:
        base = base.base
    flat = base.transpose(np.argsort([-s for s in base.strides], kind="stable")).reshape(-1)
    assert np.may_share_memory(flat, base) or not base.size
    return flat, (x.__array_interface__["data"][0] - flat.__array_interface__["data"][0]) // x.itemsize


def carried_out(a: Any, b: Any, out: Any = None) -> Any:
    """The product, by the calls of its plan. NumPy refuses to read and write outside of the arrays."""
    p = planned(a, b, out)
    assert p is not None
    y = out if out is not None and p.fits else np.full(p.shape, np.nan, a.dtype)
    a = a if p.copy_a is None else np.broadcast_to(a, p.copy_a).copy()
    b = b if p.copy_b is None else np.broadcast_to(b, p.copy_b).copy()
    if p.is_swapped:
        a, b = b, a
    (of_a, first_a), (of_b, first_b), (of_y, first_y) = map(memory, (a, b, y))
    assert not p.y.is_transposed
    for offsets in p.offsets:
        starts = [first + n // a.itemsize for first, n in zip((first_a, first_b, first_y), offsets)]
        for i in range(p.number):
            views = []
            for flat, start, where, rows, columns in (
                (of_a, starts[0], p.a, p.m, p.k),
                (of_b, starts[1], p.b, p.k, p.n),
                (of_y, starts[2], p.y, p.m, p.n),
            ):
                start += i * where.stride
                length, others = (rows, columns) if where.is_transposed else (columns, rows)
                assert where.step >= length  # or cuBLAS refuses the call
                assert 0 <= start <= start + (others - 1) * where.step + length <= flat.size
                view = as_strided(flat[start:], (others, length), (where.step * flat.itemsize, flat.itemsize))
                views.append(view.T if where.is_transposed else view)
            views[2][...] = views[0] @ views[1]
    return y


@pytest.mark.parametrize("operands", OPERANDS)
def test_calls(operands: str) -> None:
    make, calls = OPERANDS[operands]
    a, b = make(np)
    p = planned(a, b)
    if min(a.ndim, b.ndim) < 2 or not calls:
        assert p is None
        return
    assert p is not None
    assert len(p.offsets) == calls
    np.testing.assert_allclose(carried_out(a, b), a @ b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("operands", [name for name, (_, calls) in OPERANDS.items() if calls and "vector" not in name])
def test_out(operands: str, out: str) -> None:
    a, b = (x.astype("float64", order="K") for x in OPERANDS[operands][0](np))
    expected = a @ b
    y = OUTS[out](np, expected.shape)
    np.testing.assert_allclose(carried_out(a, b, y), expected, 1e-13, 1e-13)


def drawn(random: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Numbers of a shape, somewhere in memory: axes in any order, parts of larger ones, repeated, reversed."""
    repeated = [random.random() < 0.15 for _ in shape]
    order = random.permutation(len(shape)) if random.random() < 0.5 else np.arange(len(shape))
    sizes = [(1 if repeated[i] else shape[i]) * random.choice([1, 1, 1, 2]) + random.choice([0, 0, 3]) for i in order]
    x = random.normal(size=sizes).transpose(np.argsort(order))
    for i, n in enumerate(shape):
        n = 1 if repeated[i] else n
        step = random.choice([1, 2]) if x.shape[i] >= 2 * n else 1
        start = random.integers(0, x.shape[i] - step * (n - 1))
        x = x[(slice(None),) * i + (slice(start, start + step * (n - 1) + 1, step),)]
        if random.random() < 0.1:
            x = x[(slice(None),) * i + (slice(None, None, -1),)]
    return np.broadcast_to(x, shape)


@pytest.mark.parametrize("seed", range(300))
def test_any_operands(seed: int) -> None:
    random = np.random.default_rng(seed)
    m, n, k = (int(i) for i in random.choice([1, 1, 2, 3, 5], 3))
    batch = tuple(int(i) for i in random.choice([1, 2, 3, 7], random.integers(0, 4)))
    shapes = []
    for matrix in ((m, k), (k, n)):
        own = tuple(1 if random.random() < 0.2 else i for i in batch)[random.integers(0, len(batch) + 1) :]
        shapes.append((*own, *matrix))
    a, b = (drawn(random, shape) for shape in shapes)
    expected = a @ b
    np.testing.assert_allclose(carried_out(a, b), expected, 1e-13, 1e-13)
    name = str(random.choice(list(OUTS)))
    np.testing.assert_allclose(carried_out(a, b, OUTS[name](np, expected.shape)), expected, 1e-13, 1e-13)


def test_numbers_that_are_too_large() -> None:
    with pytest.raises(
        ValueError, match=r"a product of 1 matrices \(2, 1\) and \(1, 2\): cuBLAS takes no axis or stride over"
    ):
        plan(4, (2, 1), (4 * (INT_MAX + 1), 4), (1, 2), (8, 4), None)

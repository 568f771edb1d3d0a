"""The strict device does refuse what CuPy refuses, and does count what crosses to the host and back."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

from . import strict
from .strict import StrictArray, counts, step, xp


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    counts.reset()


def array(*values: float) -> StrictArray:
    return StrictArray(np.array(values, "float32"))


HOST = np.ones(3, "float32")
REFUSED: dict[str, Callable[[StrictArray], Any]] = {
    "numpy array on the right": lambda a: a + HOST,
    "numpy array on the left": lambda a: HOST * a,
    "0-d numpy array": lambda a: a * np.array(2.0),
    "numpy array in place": lambda a: operator.iadd(a, HOST),
    "into a numpy array": lambda a: np.add(a, a, out=HOST.copy()),
    "list operand": lambda a: xp.add(a, [1, 2, 3]),
    "numpy array to a function": lambda a: xp.sum(HOST),
    "numpy array among arrays": lambda a: xp.concatenate([a, HOST]),
    "number to a function": lambda a: xp.sum(1.0),
    "numpy.asarray": lambda a: np.asarray(a),
    "numpy function": lambda a: np.sum(a),
    "where=": lambda a: xp.add(a, a, where=a > 0),
    "initial=": lambda a: xp.sum(a, initial=0.0),
    "max where=": lambda a: xp.max(a, where=a > 0),
    "clip min=": lambda a: xp.clip(a, min=0, max=1),
    "take mode=": lambda a: xp.take(a, xp.zeros_like(a, dtype="int32"), mode="clip"),
    "argsort stable=": lambda a: xp.argsort(a, stable=True),
    "einsum out=": lambda a: xp.einsum("i,i->", a, a, out=a),
    "an index": lambda a: [1, 2, 3][a[0].astype("int32")],
    "range": lambda a: range(a[0].astype("int32")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(TypeError):
        REFUSED[name](array(1, 2, 3))
    assert counts.to_host == 0


def test_names_cupy_lacks() -> None:
    for name in ("unstack", "vecdot", "matvec", "insert", "frompyfunc", "nonsense"):
        with pytest.raises(AttributeError, match=name):
            getattr(xp, name)
    for name in ("maximum", "logical_and"):
        with pytest.raises(NotImplementedError):
            getattr(xp, name).reduce(array(1, 2))
    with pytest.raises(NotImplementedError):
        xp.multiply.at(array(1, 2), xp.zeros(1, "int32"), 1.0)


TO_HOST: dict[str, Callable[[StrictArray], Any]] = {
    "float": lambda a: float(a[0]),
    "int": lambda a: int(a[0]),
    "bool": lambda a: bool(a[0]),
    "if": lambda a: 1 if a[0] > 0 else 0,
    "item": lambda a: a[0].item(),
    "tolist": lambda a: a.tolist(),
    "get": lambda a: a.get(),
    "asnumpy": lambda a: xp.asnumpy(a),
    "repr": lambda a: repr(a),
    "mask": lambda a: a[xp.array(a > 1)],
    "assignment through a mask": lambda a: operator.setitem(a, a > 1, array(9, 9)),
    "nonzero": lambda a: a.nonzero(),
    "flatnonzero": lambda a: xp.flatnonzero(a),
    "unique": lambda a: xp.unique(a),
    "where with one argument": lambda a: xp.where(a > 1),
    "repeat with counts": lambda a: xp.repeat(a, [1, 2, 0]),
    "a length from the device": lambda a: xp.arange(a[0]),
}
TO_DEVICE: dict[str, Callable[[StrictArray], Any]] = {
    "asarray of an array": lambda a: xp.asarray(HOST),
    "asarray of a list": lambda a: xp.asarray([1.0, 2.0]),
    "asarray of a number": lambda a: xp.asarray(2.0),
    "array of a list": lambda a: xp.array([1, 2]),
    "index list": lambda a: a[[0, 1]],
    "index array": lambda a: a[np.array([0, 1])],
    "take of a list": lambda a: xp.take(a, [0, 1]),
    "number to indexed places": lambda a: operator.setitem(a, xp.zeros(1, "int32"), 3.0),
    "joining many": lambda a: xp.concatenate([a] * 9),
    "backend.asarray": lambda a: strict.register().asarray(HOST),
}
FREE: dict[str, Callable[[StrictArray], Any]] = {
    "number": lambda a: 1 - a * 2 + np.float32(3) / a,
    "sum": lambda a: a.sum() + xp.mean(a) * 2,
    "slice": lambda a: a[1:][::-1],
    "number to a slice": lambda a: operator.setitem(a, slice(1, 2), 3.0),
    "array to a slice": lambda a: operator.setitem(a, slice(1, 2), a[:1]),
    "index on the device": lambda a: a[xp.zeros(2, "int32")],
    "full": lambda a: xp.full((), 2.0, dtype="float32") + a,
    "backend.asarray of a number": lambda a: strict.register().asarray(2.0, "float32"),
    "where with three": lambda a: xp.where(a > 1, a, 0),
    "joining few": lambda a: xp.concatenate([a] * 8),
    "len": lambda a: len(a) + a.size + a.shape[0],
    "shape": lambda a: xp.shape(a) + xp.broadcast_shapes((3,), a.shape),
    "copy": lambda a: (a.copy(), copy.copy(a), copy.deepcopy(a), a.astype("float64")),
    "repeat": lambda a: xp.repeat(a, 2),
}


@pytest.mark.parametrize("name", TO_HOST)
def test_waits_for_the_device(name: str) -> None:
    TO_HOST[name](array(1, 2, 3))
    assert counts.to_host == 1
    with step(), pytest.raises(strict.TransferError, match="inside a step"):
        TO_HOST[name](array(1, 2, 3))


@pytest.mark.parametrize("name", TO_DEVICE)
def test_sends_to_the_device(name: str) -> None:
    TO_DEVICE[name](array(1, 2, 3))
    assert (counts.to_host, counts.to_device) == (0, 1)
    with step(), pytest.raises(strict.TransferError, match="inside a step"):
        TO_DEVICE[name](array(1, 2, 3))


PRODUCTS: dict[str, Callable[[StrictArray], Any]] = {
    "matmul": lambda a: xp.matmul(a, a),
    "@": lambda a: a @ a,
    "dot": lambda a: xp.dot(a, a),
    "the method dot": lambda a: a.dot(a),
    "einsum": lambda a: xp.einsum("i,i->", a, a),
    "tensordot": lambda a: xp.tensordot(a, a, 1),
    "vdot": lambda a: xp.vdot(a, a),
    "inner": lambda a: xp.inner(a, a),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_product_that_cannot_be_recorded(name: str) -> None:
    PRODUCTS[name](array(1, 2, 3))
    with step(), pytest.raises(strict.ProductError, match=r"inside a step: use backend\.matmul"):
        PRODUCTS[name](array(1, 2, 3))


def test_products_of_the_backend_can_be_recorded() -> None:
    with step():
        y = strict.register().matmul(array(1, 2, 3), array(1, 2, 3))
    assert float(y) == 14


@pytest.mark.parametrize("name", FREE)
def test_costs_nothing(name: str) -> None:
    with step():
        FREE[name](array(1, 2, 3))
    assert (counts.to_host, counts.to_device) == (0, 0)


def test_results_stay_on_the_device() -> None:
    a = array(1, 2, 3)
    for value in (a.sum(), a[0], xp.max(a), xp.allclose(a, a), np.exp(a), np.float32(2) * a, xp.count_nonzero(a)):
        assert type(value) is StrictArray
    assert a.sum().shape == ()
    assert (a * 2.0).dtype == "float32"
    assert (a * np.float64(2)).dtype == "float64"


def test_views_and_in_place_writes() -> None:
    a = array(1, 2, 3, 4)
    view, same = a[1:3].reshape(2, 1), a
    view[...] = 7.0
    a += 1
    assert a is same
    np.testing.assert_array_equal(a.get(), [2, 8, 8, 5])
    out = xp.empty((4,), dtype="float32")
    assert xp.multiply(a, 2, out=out) is out
    assert xp.matmul(a.reshape(2, 2), a.reshape(2, 2), out=out.reshape(2, 2)).shape == (2, 2)
    host = np.zeros(3)
    moved = strict.register().asarray(host)
    host += 1
    np.testing.assert_array_equal(moved.get(), [0, 0, 0])


def test_another_thread_is_not_in_the_step() -> None:
    import threading

    results: list[float] = []
    with step():
        thread = threading.Thread(target=lambda: results.append(float(array(4)[0])))
        thread.start()
        thread.join()
    assert results == [4.0]


def test_the_library_knows_the_device() -> None:
    backend = strict.register()
    assert strict.register() is backend
    assert backends.get("strict:0") is backend
    assert backends.of(array(1)) is backend
    with backends.device("strict:0"):
        assert backends.current() is backend
    assert backends.current() is not backend

"""Compiled updates: the bits of NumPy's, and NumPy where Numba cannot be used."""

from __future__ import annotations

import sys
import types
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends.cpu import compiled as compiled_updates
from dualnet_backends.cpu.backend import NumpyBackend
from dualnet_backends.cpu.compiled import NumbaBackend

from dualnet import keras

from .test_contract import KERNELS, LONG, SIZES, contiguous, every_other, run

UPDATES = ["sgd", "momentum", "adam"]
needs_numba = pytest.mark.skipif(
    not compiled_updates.is_enabled(), reason="Numba is not installed: pip install '.[fast]'"
)


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", [contiguous, every_other])
@pytest.mark.parametrize("kernel", UPDATES)
def test_bits_of_numpy(kernel: str, layout: Any, dtype: str) -> None:
    compiled, plain = NumbaBackend(warmup=0), NumpyBackend()
    for size in SIZES + LONG:
        for make in KERNELS[kernel][0]:
            args = make(np.random.default_rng(size), size, dtype)
            for _ in range(2):
                got = run(compiled, getattr(compiled, kernel), args, layout)
                expected = run(plain, getattr(plain, kernel), args, contiguous)
                for x, y in zip(got, expected, strict=True):
                    np.testing.assert_array_equal(x, y)


@needs_numba
@pytest.mark.parametrize("kernel", UPDATES)
def test_the_loop_is_what_ran(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy runs only during the warmup, or where the loop does not apply."""
    numpy_calls: list[str] = []
    plain = getattr(NumpyBackend, kernel)
    monkeypatch.setattr(NumpyBackend, kernel, lambda *a, **k: numpy_calls.append(kernel) or plain(*a, **k))
    backend = NumbaBackend(warmup=100)
    for dtype, calls in (("float32", 1), ("float32", 1), ("float64", 1), ("float16", 2)):
        args = KERNELS[kernel][0][0](np.random.default_rng(0), 100, dtype)
        getattr(backend, kernel)(*args)
        assert len(numpy_calls) == calls


@needs_numba
@pytest.mark.parametrize("shapes", [((40, 25), (40, 25)), ((1000,), (10,)), ((1000,), (1,)), ((), ())])
def test_what_is_not_flat_is_numpy_s(shapes: Any) -> None:
    """The loop looks at no bounds: it would write beyond an array of two axes, and read beyond a shorter one."""
    results = []
    for backend in (NumbaBackend(warmup=0), NumpyBackend()):
        w, g = (np.ones(shape, "float32") for shape in shapes)
        try:
            backend.sgd(w, g, 0.1)
        except ValueError:
            results.append(None)
        else:
            results.append(w.tolist())
    assert results[0] == results[1]


@needs_numba
def test_numbers_of_double_precision() -> None:
    """NumPy calculates otherwise with numpy.float64 than with Python's numbers; momentum and betas may be given so."""
    r = np.random.default_rng(0)
    arrays = [r.random(100).astype("float32") for _ in range(4)]
    for kernel, count, numbers in (
        ("momentum", 3, (0.1, np.float64(0.9), False)),
        ("adam", 4, (0.1, np.float64(0.9), np.float64(0.999), 1e-7)),
    ):
        got, expected = ([a.copy() for a in arrays[:count]] for _ in range(2))
        getattr(NumbaBackend(warmup=0), kernel)(*got, *numbers)
        getattr(NumpyBackend(), kernel)(*expected, *numbers)
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
def test_a_model_trains_to_the_same_bits(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = []
    for backend in (NumpyBackend(), NumbaBackend(warmup=300)):  # which changes over after some steps
        monkeypatch.setitem(backends.by_type, np.ndarray, backend)
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
        model.compile(optimizer, "mse")
        x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
        model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("module", [None, types.ModuleType("numba")])
def test_numpy_where_numba_cannot_be_used(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be imported, or a folder of that name is all there is."""
    monkeypatch.setitem(sys.modules, "numba", module)
    compiled_updates._compile.cache_clear()
    try:
        for kernel in UPDATES:
            args = KERNELS[kernel][0][0](np.random.default_rng(0), 10, "float32")
            got = run(NumbaBackend(warmup=0), getattr(NumbaBackend(warmup=0), kernel), args, contiguous)
            expected = run(NumpyBackend(), getattr(NumpyBackend(), kernel), args, contiguous)
            for x, y in zip(got, expected, strict=True):
                np.testing.assert_array_equal(x, y)
    finally:
        compiled_updates._compile.cache_clear()


def test_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled_updates.ENVIRONMENT, "0")
    assert not compiled_updates.is_enabled()

"""Attention and recurrent networks on the GPU: larger than the rows of the contract, either way of taking steps, in a capture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend
from dualnet_backends.kernels.attention import Attended

from .test_contract import RECURRENT, floats

pytestmark = pytest.mark.skipif(bool(backends.gpu_status()), reason="kernels of the GPU, and there is none")


@pytest.fixture
def gpu() -> Iterator[Backend]:
    with backends.device("gpu:0") as chosen:
        yield chosen


def close(gpu: Backend, got: Any, expected: Any, tolerance: float) -> None:
    got = gpu.to_numpy(got)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(got, expected, tolerance, tolerance * max(1.0, abs(expected).max(initial=0.0)))


# -- attention ---------------------------------------------------------------------------------------------------------------

# batch, queries, keys, heads, group, depth, size; keywords, where arrays stand as their shapes
SHAPES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "several tiles": ((2, 70, 45, 2, 2, 40, 65), {}),
    "whole tiles": ((1, 64, 96, 1, 2, 32, 64), {}),
    "causal": ((1, 70, 70, 2, 1, 33, 3), {"causal": True}),
    "causal, after others": ((1, 33, 70, 1, 2, 5, 40), {"causal": True, "offset": 37}),
    "window": ((1, 100, 90, 2, 1, 8, 8), {"window": 7}),
    "causal window": ((2, 70, 70, 1, 1, 8, 8), {"causal": True, "window": 40}),
    "window behind the keys": ((1, 70, 10, 1, 1, 8, 8), {"window": 4, "causal": True}),
    "masks": ((2, 40, 50, 2, 2, 8, 8), {"masks": ((2, 1, 1, 50, 1), (2, 1, 1, 1, 40), (1, 2, 2, 50, 40))}),
    "a query sees nothing": ((2, 40, 50, 1, 1, 8, 8), {"masks": ((2, 1, 1, 1, 40),)}),
    "bias and cap": ((2, 40, 50, 2, 2, 8, 8), {"bias": (1, 2, 2, 50, 40), "cap": 2.0}),
    "wide": ((1, 40, 33, 1, 1, 200, 150), {"causal": True}),
    "too wide for the kernels": ((1, 40, 33, 1, 1, 1400, 1400), {"causal": True}),
    "more masks than the kernels take": ((1, 40, 50, 2, 1, 8, 8), {"masks": ((1, 2, 1, 50, 40),) * 4}),
}


def attended(row: str, dtype: str) -> tuple[Attended, Any]:
    """The arguments of the kernels, on the host: what attends to what, and the gradient of the result."""
    (batch, t, s, heads, group, depth, size), keywords = SHAPES[row]
    random = np.random.default_rng(0)
    options = dict(keywords)
    options["masks"] = tuple(random.random(shape) < 0.7 for shape in options.get("masks", ()))
    if "bias" in options:
        options["bias"] = floats(random, options["bias"], dtype)
    shapes = (batch, t, heads, group, depth), (batch, s, heads, depth), (batch, s, heads, size)
    a = Attended(*(floats(random, shape, dtype) for shape in shapes), depth**-0.5, **options)
    return a, floats(random, (batch, t, heads, group, size), dtype)


def on(backend: Backend, a: Attended) -> Attended:
    return Attended(*(backend.asarray(x) if isinstance(x, np.ndarray) else x for x in a))._replace(
        masks=tuple(map(backend.asarray, a.masks))
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", SHAPES)
def test_attention(gpu: Backend, row: str, dtype: str) -> None:
    cpu, (a, dy) = backends.get("cpu"), attended(row, dtype)
    expected, here = cpu.attention(a), on(gpu, a)
    got = gpu.attention(here)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for x, y in zip(got[:3], expected[:3]):
        close(gpu, x, y, tolerance)
    for needs_bias in (False, True):
        grads = gpu.attention_gradients(here, got, gpu.asarray(dy), needs_bias)
        for x, y in zip(grads, cpu.attention_gradients(a, expected, dy, needs_bias)):
            assert (x is None) == (y is None)
            if y is not None:
                close(gpu, x, y, tolerance)


def test_a_scale_on_the_device(gpu: Backend) -> None:
    """The host does not read it, and the results are those of the number."""
    a, dy = attended("masks", "float64")
    here, dy = on(gpu, a), gpu.asarray(dy)
    there = here._replace(scale=gpu.asarray(a.scale, dtype="float64"))
    got, expected = gpu.attention(there), gpu.attention(here)
    pairs = [*zip(got[:3], expected[:3])]
    pairs += zip(gpu.attention_gradients(there, got, dy, True), gpu.attention_gradients(here, expected, dy, True))
    for x, y in pairs:
        if y is not None:
            close(gpu, x, gpu.to_numpy(y), 1e-12)


def test_attention_to_what_is_not_finite(gpu: Backend) -> None:
    """A NaN reaches the queries that see it, and no others."""
    a, _ = attended("causal", "float32")
    a.k[:, 50] = np.nan
    y = gpu.to_numpy(gpu.attention(on(gpu, a)).y)
    assert np.isfinite(y[:, :50]).all()
    assert np.isnan(y[:, 50:]).all()


# -- recurrent networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", RECURRENT)
@pytest.mark.parametrize("way", ["all steps in one launch", "step by step"])
def test_recurrent(gpu: Backend, monkeypatch: pytest.MonkeyPatch, way: str, kernel: str, dtype: str) -> None:
    from dualnet_backends.gpu import recurrent

    monkeypatch.setattr(recurrent, "SMALL", 1 << 30 if way == "all steps in one launch" else 0)
    cpu, tolerance = backends.get("cpu"), 1e-4 if dtype == "float32" else 1e-12
    for make in RECURRENT[kernel]:
        random = np.random.default_rng(3)
        arrays = make(random, 5, dtype)
        here = [gpu.asarray(x) if isinstance(x, np.ndarray) else x for x in arrays]
        *expected, plain = getattr(Backend, kernel).__get__(cpu)(*arrays)
        *got, gradients = getattr(gpu, kernel)(*here)
        for x, y in zip(got, expected):
            close(gpu, x, y, tolerance)
        seeds = [floats(random, y.shape, dtype) for y in expected]
        requests = [None] * (len(expected) + 4)
        for x, y in zip(gradients(*map(gpu.asarray, seeds), requests), plain(*seeds, requests)):
            assert (x is None) == (y is None)
            if y is not None:
                close(gpu, x, y, tolerance)


def test_gradients_may_be_computed_twice(gpu: Backend) -> None:
    for kernel, makers in RECURRENT.items():
        arrays = [
            gpu.asarray(x) if isinstance(x, np.ndarray) else x
            for x in makers[0](np.random.default_rng(0), 3, "float32")
        ]
        *outputs, gradients = getattr(gpu, kernel)(*arrays)
        seeds, requests = [gpu.xp.ones_like(y) for y in outputs], [None] * (len(outputs) + 4)
        first, second = gradients(*seeds, requests), gradients(*seeds, requests)
        for x, y in zip(first, second):
            assert (x is None) == (y is None)
            assert x is None or (x == y).all()


# -- in a capture ----------------------------------------------------------------------------------------------------------------


def _attention(gpu: Backend, row: str, needs_bias: bool) -> tuple[list[Any], Callable[[], list[Any]]]:
    a, dy = attended(row, "float32")
    a, dy = on(gpu, a), gpu.asarray(dy)

    def compute() -> list[Any]:
        result = gpu.attention(a)
        return [result.y, *(d for d in gpu.attention_gradients(a, result, dy, needs_bias) if d is not None)]

    return [a.q, a.k, a.v, dy], compute


def _recurrent(gpu: Backend, kernel: str, number: int) -> tuple[list[Any], Callable[[], list[Any]]]:
    random = np.random.default_rng(0)
    arrays = [
        gpu.asarray(x) if isinstance(x, np.ndarray) else x for x in RECURRENT[kernel][number](random, 5, "float32")
    ]

    def compute() -> list[Any]:
        *outputs, gradients = getattr(gpu, kernel)(*arrays)
        grads = gradients(*(gpu.xp.ones_like(y) for y in outputs), [None] * (len(outputs) + 4))
        return [*outputs, *(d for d in grads if d is not None)]

    return arrays[:2], compute


WORK: dict[str, Callable[[Backend], tuple[list[Any], Callable[[], list[Any]]]]] = {
    "attention": lambda gpu: _attention(gpu, "causal window", False),
    "attention, with the gradient of a bias": lambda gpu: _attention(gpu, "bias and cap", True),
    "attention, as the reference": lambda gpu: _attention(gpu, "too wide for the kernels", False),
    **{
        f"{kernel} {number}": lambda gpu, kernel=kernel, number=number: _recurrent(gpu, kernel, number)  # type: ignore[misc]
        for kernel, makers in RECURRENT.items()
        for number in range(len(makers))
    },
}


@pytest.mark.parametrize("work", WORK)
def test_in_a_capture(gpu: Any, work: str) -> None:
    """Nothing waits for the host or asks for it: recorded once, it computes from what is in memory when it is replayed."""
    cp = gpu.xp
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        inputs, compute = WORK[work](gpu)
        compute()
        stream.synchronize()
        stream.begin_capture(cp.cuda.runtime.streamCaptureModeRelaxed)  # in which memory may be allocated
        try:
            results = compute()
        finally:
            graph = stream.end_capture()
        for factor in (1.0, -0.5):
            for x in inputs:
                x *= factor
            graph.launch(stream)
            got = [y.get() for y in results]
            for x, y in zip(got, compute()):
                np.testing.assert_array_equal(x, y.get())

"""Rows and sums by index on the GPU: every way of adding up, every dtype, and what is done with ids out of range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend

pytestmark = pytest.mark.skipif(bool(backends.gpu_status()), reason="kernels of the GPU, and there is none")

# Limits up to which all ids are gone through by each thread: for none, for the order alone, or for everything.
WAYS = {"sorted": (0, 0), "counted": (1 << 30, 0), "few": (1 << 30, 1 << 62)}
IDS = {
    "all different": np.random.default_rng(0).permutation(500),
    "all equal": np.full(300, 3),
    "long runs": np.random.default_rng(1).integers(0, 3, 700) * 250,
    "any": np.random.default_rng(2).integers(0, 500, 1000),
    "whole parts": np.repeat(np.arange(10), 32),
    "some tiles": np.random.default_rng(3).integers(0, 500, 3500),
    "one": np.array([7]),
}


@pytest.fixture
def gpu() -> Iterator[Backend]:
    with backends.device("gpu:0") as chosen:
        chosen.forget_invalid_ids()
        yield chosen
        chosen.forget_invalid_ids()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    from dualnet_backends.gpu import indexing

    monkeypatch.setattr(indexing, "FEW_IDS", WAYS[request.param][0])
    monkeypatch.setattr(indexing, "FEW", WAYS[request.param][1])
    return request.param


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("width", [(), (3,), (2, 40)])
@pytest.mark.parametrize("ids", IDS)
def test_scatter_add(gpu: Backend, way: str, ids: str, width: tuple[int, ...], dtype: str) -> None:
    random = np.random.default_rng(0)
    target = (random.normal(size=(501, *width)) * 50).astype("int64").astype(dtype)
    values = (random.normal(size=(len(IDS[ids]), *width)) * 5).astype("int64").astype(dtype)
    values[::2] += np.asarray(0.5 if dtype.startswith("float") else 0, dtype)  # whole and half numbers add up exactly
    expected = target.astype("float64" if dtype.startswith("float") else dtype)
    np.add.at(expected, IDS[ids], values)
    for id_dtype in ("int32", "int64"):
        got = gpu.asarray(target.copy())
        gpu.scatter_add(got, gpu.asarray(IDS[ids].astype(id_dtype)), gpu.asarray(values))
        np.testing.assert_allclose(gpu.to_numpy(got), expected, rtol=2e-3 if dtype == "float16" else 0)


def test_sums_are_the_same_every_time_and_ids_out_of_range_add_nothing(gpu: Backend, way: str) -> None:
    random = np.random.default_rng(0)
    ids = random.integers(-30, 130, 3000)
    values = random.normal(size=(3000, 5)).astype("float32")
    results = []
    for _ in range(3):
        around = gpu.xp.zeros((300, 5), "float32")
        gpu.scatter_add(around[100:200], gpu.asarray(ids), gpu.asarray(values))
        results.append(gpu.to_numpy(around))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()
    expected = np.zeros((300, 5))
    inside = (ids >= 0) & (ids < 100)
    np.add.at(expected, ids[inside] + 100, values[inside])
    np.testing.assert_allclose(results[0], expected, atol=1e-4)


@pytest.mark.parametrize("wrong", [-1, 7, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_ids_out_of_range_are_noted(gpu: Backend, dtype: str, wrong: int) -> None:
    table = gpu.asarray(np.arange(14, dtype="float32").reshape(7, 2))
    ids = np.array([[0, 6], [wrong, 3]], dtype)
    got = gpu.to_numpy(gpu.lookup(table, gpu.asarray(ids)))
    np.testing.assert_array_equal(got, [[[0, 1], [12, 13]], [[np.nan, np.nan], [6, 7]]])
    with pytest.raises(IndexError, match="^ids$"):
        gpu.raise_for_invalid_ids()
    gpu.raise_for_invalid_ids()  # forgotten
    np.testing.assert_array_equal(gpu.to_numpy(gpu.valid_ids(gpu.asarray(ids), 7, "labels")), [[1, 1], [0, 1]])
    gpu.require(gpu.asarray(np.array([True, False])), "indices")
    with pytest.raises(IndexError, match="^labels and indices$"):
        gpu.raise_for_invalid_ids()
    gpu.lookup(table, gpu.asarray(np.array([0, 6], dtype)))
    gpu.raise_for_invalid_ids()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("ids", ["int8", "int32", "int64", "uint8"])
def test_one_hot_of_any_dtype(gpu: Backend, ids: str, dtype: str) -> None:
    given = np.array([[0, 4, 2], [3, 9, 1]], ids)
    got = gpu.to_numpy(gpu.one_hot(gpu.asarray(given), 5, dtype))
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, given[..., None] == np.arange(5))

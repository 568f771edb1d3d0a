"""When the memory of a device is not enough: one class of error, and what its message says."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends.memory import Memory, out_of_memory

import dualnet
from dualnet import Sequential, layers, ops
from dualnet.config import OutOfMemoryError

needs_gpu = pytest.mark.skipif(bool(backends.gpu_status()), reason=backends.gpu_status())


def small_model() -> Any:
    model = Sequential([dualnet.Input((100,)), layers.Dense(1000), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_the_message_has_what_is_known() -> None:
    error = OutOfMemoryError("gpu:0", 3 << 29, Memory(1 << 30, 4 << 30, 5 << 20, 100))
    assert str(error) == (
        "out of memory on gpu:0: 1.5 GiB wanted, 1.0 GiB of 4.0 GiB free, 5.0 MiB in use by arrays and 100 bytes kept for the "
        'next ones. Try a smaller batch_size, or dtype="mixed_float16" in the layers, or the CPU (device cpu)'
    )
    assert isinstance(error, MemoryError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert "on cpu: an array does not fit. Try" in str(OutOfMemoryError("cpu"))


def test_an_op_on_the_cpu() -> None:
    tall, wide = ops.zeros((10**7, 1)), ops.zeros((1, 10**7))
    with pytest.raises(
        OutOfMemoryError, match=r"out of memory on cpu: 363.8 TiB wanted, .* free. Try a smaller batch_size"
    ) as caught:
        ops.matmul(tall, wide)
    assert caught.value.wanted == 4 * 10**14
    assert caught.value.device == "cpu"
    assert caught.value.memory is not None
    assert 0 < caught.value.memory.free <= caught.value.memory.total


def test_a_layer_that_does_not_fit() -> None:
    with pytest.raises(OutOfMemoryError, match="out of memory on cpu: 363.8 TiB wanted"):
        Sequential([dualnet.Input((10**7,)), layers.Dense(10**7)])


def test_a_step_that_the_library_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """In what is no op, such as an update, too; other errors stay what they are."""
    for raised, expected in ((MemoryError("no room"), OutOfMemoryError), (ValueError("wrong"), ValueError)):
        model = small_model()

        def update(*_: Any, error: Exception = raised) -> None:
            raise error

        monkeypatch.setattr(type(model.optimizer), "apply_in_place", update)
        with pytest.raises(expected):
            model.fit(np.zeros((4, 100)), np.zeros((4, 1)), verbose=0)
        with pytest.raises(expected):
            model.train_on_batch(np.zeros((4, 100)), np.zeros((4, 1)))


@pytest.fixture
def small_gpu() -> Iterator[Any]:
    """A GPU of whose memory only 8 MiB may be used."""
    with backends.device("gpu") as backend:
        pool = backend.xp.get_default_memory_pool()
        pool.free_all_blocks()
        pool.set_limit(size=pool.total_bytes() + (8 << 20))
        yield backend
        pool.set_limit(size=0)
        pool.free_all_blocks()


@needs_gpu
def test_on_a_gpu(small_gpu: Any) -> None:
    model = small_model()
    x, y = np.zeros((20_000, 100), "float32"), np.zeros((20_000, 1), "float32")
    first = model.get_weights()
    for call in (
        lambda: model.fit(x, y, batch_size=20_000, verbose=0),
        lambda: model.evaluate(x, y, batch_size=20_000, verbose=0),
        lambda: model.predict(x, batch_size=20_000, verbose=0),
        lambda: model.train_on_batch(x, y),
        lambda: model(ops.ones((20_000, 100))),
        lambda: Sequential([dualnet.Input((1000,)), layers.Dense(10_000)]),
    ):
        with pytest.raises(OutOfMemoryError, match=r"out of memory on gpu:0: .* wanted, .* free, .* in use by arrays"):
            call()
    # It goes on: nothing is left behind.
    np.testing.assert_array_equal(first[0], model.get_weights()[0])
    model.fit(x[:200], y[:200], verbose=0)


@needs_gpu
def test_the_libraries_of_cuda_say_it_with_codes() -> None:
    backend = backends.get("gpu")
    for text in ("cudaErrorMemoryAllocation: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDA_ERROR_OUT_OF_MEMORY"):
        explained = out_of_memory(backend, RuntimeError(text))
        assert explained is not None
        assert explained.wanted is None
        assert out_of_memory(backend, explained) is None
    assert out_of_memory(backend, RuntimeError("cudaErrorIllegalAddress")) is None

"""Recordings as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends.recording import RecordingError, Rows

from tests.conftest import DEVICES

GPUS = [device for device in DEVICES if device.startswith("gpu")]
X = np.arange(60, dtype="float32").reshape(15, 4)
LABELS = np.arange(15)


@pytest.fixture(params=GPUS or [pytest.param("gpu", marks=pytest.mark.skip(reason="there is no GPU"))])
def gpu(request: pytest.FixtureRequest) -> Iterator[Any]:
    with backends.device(request.param) as backend:
        yield backend


def recorded(gpu: Any, function: Callable[[Any], Any], inputs: Any = (), numbers: Any = (), rows: Any = None) -> Any:
    """(recording of ``function(recording)``, what it returned)"""
    recording = gpu.recording(inputs, numbers)
    recording.run(lambda: function(recording), rows or Rows(()), [0] * len(numbers))
    return recording, recording.record(lambda: function(recording))


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((4,), "float32"),
        ((3,), "uint8"),
        ((3,), "float16"),
        ((), "int64"),
        ((5, 1), "bool"),
        ((0,), "float32"),
        ((3,), "float64"),
    ],
)
def test_replays_fetch_their_rows(gpu: Any, shape: Any, dtype: str, shuffled: bool) -> None:
    table = np.random.default_rng(0).integers(0, 200, (15, *shape)).astype(dtype)
    order = np.random.default_rng(1).permutation(15) if shuffled else np.arange(15)
    on_gpu, order_on_gpu = gpu.asarray(table), gpu.asarray(order) if shuffled else None
    recording, result = recorded(
        gpu, lambda r: r.inputs[0].copy(), [((6, *shape), on_gpu.dtype)], rows=Rows([on_gpu], order_on_gpu)
    )
    for start in (0, 4, 9):
        recording.replay(Rows([on_gpu], order_on_gpu, start), [])
        np.testing.assert_array_equal(gpu.to_numpy(result), table[order[start : start + 6]])
    other = gpu.asarray(table[::-1].copy())  # at another address
    recording.replay(Rows([other]), [])
    np.testing.assert_array_equal(gpu.to_numpy(result), table[::-1][:6])


def test_numbers_are_those_of_each_replay_however_many_there_are(gpu: Any) -> None:
    """More than the ring has places for, without waiting between them."""
    total = gpu.xp.zeros((), dtype="float64")

    def add(r: Any) -> Any:
        a, b, c = r.numbers
        total.__iadd__(a * 1.0 + b * 1.0 + c)
        return total

    recording, _ = recorded(gpu, add, numbers=["u8", "float16", "float32"])
    total.fill(0)
    values = [(i, i / 4, i * 0.1) for i in range(1_000)]
    for numbers in values:
        recording.replay(Rows(()), numbers)
    expected = sum(i + float(np.float16(h)) + float(np.float32(f)) for i, h, f in values)
    assert float(total) == pytest.approx(expected, rel=1e-12)


def test_a_ring_waits_for_the_device(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set of numbers that the device has not read yet is not overwritten."""
    waited = []

    class Event:
        done = False

        def synchronize(self) -> None:
            waited.append(True)

        def record(self, stream: Any) -> None:
            pass

    recording, _ = recorded(gpu, lambda r: None, numbers=["u8"])
    recording._read = [Event(), Event()]
    for _ in range(128):
        recording.replay(Rows(()), [1])
    assert len(waited) == 1


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("float", "D2H"),
        ("asarray", "H2D"),
        ("nonzero", "capturing"),
        ("a list as an index", "H2D"),
        ("memory", "cudaErrorStreamCapture"),
        ("an error of the program", "KeyError: 'no such thing'"),
    ],
)
def test_what_cannot_be_recorded_leaves_no_trace(gpu: Any, what: str, reason: str) -> None:
    xp = gpu.xp
    a = xp.ones((4, 4), dtype="float32")
    spoil = {
        "float": lambda: float(a.sum()),
        "asarray": lambda: xp.asarray(np.ones(3)),
        "nonzero": lambda: xp.nonzero(a),
        "a list as an index": lambda: a[[0, 2]],
        "memory": lambda: xp.empty(1 << 24, dtype="uint8"),
        "an error of the program": lambda: {}["no such thing"],
    }[what]
    is_run = [True]

    def work(r: Any) -> Any:
        a.__iadd__(1)
        if not is_run[0] or what not in ("memory", "an error of the program"):
            spoil()
        return a

    recording = gpu.recording([], [])
    recording.run(lambda: work(recording), Rows(()), [])
    is_run[0] = False
    with pytest.raises(RecordingError, match=reason):
        recording.record(lambda: work(recording))
    assert gpu.to_numpy(a).tolist() == [[2] * 4] * 4  # nothing has run
    # The device is as before, and the next recording works.
    b = xp.asarray(np.arange(3.0)) + 1
    fine, result = recorded(gpu, lambda r: b * 2)
    fine.replay(Rows(()), [])
    assert gpu.to_numpy(result).tolist() == [2, 4, 6]


def test_what_the_recording_allocated_is_its_own(gpu: Any) -> None:
    """Other arrays never get the memory that replays write to."""
    x = gpu.asarray(X)
    recording, result = recorded(gpu, lambda r: ((x * 2) * 3).sum(), rows=Rows(()))
    recording.replay(Rows(()), [])
    others = [gpu.xp.full(60, 7, dtype="float32") for _ in range(50)]
    recording.replay(Rows(()), [])
    assert float(result) == X.sum() * 6
    assert all((gpu.to_numpy(o) == 7).all() for o in others)


def test_an_interruption_ends_the_recording(gpu: Any) -> None:
    def interrupt(r: Any) -> None:
        raise KeyboardInterrupt

    recording = gpu.recording([], [])
    recording.run(lambda: None, Rows(()), [])
    with pytest.raises(KeyboardInterrupt):
        recording.record(lambda: interrupt(recording))
    assert not recording._stream.is_capturing()


def test_two_streams_do_not_replay_at_once(gpu: Any) -> None:
    cupy = gpu.xp
    total = cupy.zeros((), dtype="int64")
    recording, _ = recorded(gpu, lambda r: total.__iadd__(1))
    total.fill(0)
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
    for i in range(10):
        with streams[i % 2]:
            recording.replay(Rows(()), [])
    gpu.synchronize()
    assert int(total) == 10


def test_batches_of_the_host(gpu: Any) -> None:
    """In buffers that the caller fills anew as soon as a replay is under way, between others that are on the device."""
    x, labels = np.empty((3, 4), "float32"), np.empty(3, "uint8")
    recording, result = recorded(
        gpu,
        lambda r: (r.inputs[0] + 1, r.inputs[1].copy()),
        [(x.shape, x.dtype), (labels.shape, labels.dtype)],
        rows=Rows([x, labels]),
    )
    table = gpu.asarray(X)
    for i in range(20):
        x[...], labels[...] = i, i
        if i % 4 == 3:
            recording.replay(Rows([table, gpu.asarray(np.arange(15, dtype="uint8"))], None, 6), [])
            expected_x, expected_labels = X[6:9], [6, 7, 8]
        else:
            recording.replay(Rows([x, labels]), [])
            expected_x, expected_labels = np.full((3, 4), i), [i] * 3
        x[...], labels[...] = -1, 255
        np.testing.assert_array_equal(gpu.to_numpy(result[0]), expected_x + 1)
        assert gpu.to_numpy(result[1]).tolist() == list(expected_labels)

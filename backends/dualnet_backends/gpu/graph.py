"""Work that is recorded as a CUDA graph, and replayed with one launch."""

from __future__ import annotations

import functools
import gc
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import cupy as cp
import numpy as np
from cupy.cuda import runtime

from ..base import Array, Backend
from ..recording import Recording, RecordingError, Rows
from .modules import is_contiguous, kernel, launch

_SLOTS = 256  # sets of numbers in pinned memory: how far the host may run ahead of the device
_HALF = _SLOTS // 2
_UNITS = {8: "q", 4: "i", 2: "h", 1: "b"}  # dtypes that rows are copied as, by their width
_TO_DEVICE = runtime.memcpyHostToDevice


class _Recorder:
    """What the recordings of a device share: the stream that they are recorded on, one at a time, and the stream of the last replay.

    One stream, because cuBLAS has a workspace for each, of 32 MiB: replays take turns, so that they can share it.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.stream = cp.cuda.Stream(non_blocking=True)
        self._stream_of_last: int | None = None

    def take_turns(self, stream: int) -> None:
        """Called before a replay on a stream: two must not run at the same time."""
        if stream != self._stream_of_last:
            if self._stream_of_last is not None:
                runtime.deviceSynchronize()
            self._stream_of_last = stream


class _Staging:
    """Sets of buffers through which batches of the host go to the device, in turn: one is filled while others are read.

    The copies are made on a stream of their own, beside the steps before.

    Args:
        inputs: shape and dtype of each array of a batch.
    """

    SETS = 3

    def __init__(self, inputs: Sequence[tuple[tuple[int, ...], Any]]) -> None:
        self._stream = cp.cuda.Stream(non_blocking=True)
        sizes = [prod(shape) * np.dtype(dtype).itemsize for shape, dtype in inputs]
        starts = list(itertools.accumulate((-(-size // 256) * 256 for size in sizes), initial=0))
        self._bytes = max(starts[-1], 1)
        self._pinned = [cp.cuda.alloc_pinned_memory(self._bytes) for _ in range(self.SETS)]
        memory = [cp.empty(self._bytes, "u1").data for _ in range(self.SETS)]
        self._stream.wait_event(cp.cuda.get_current_stream().record())  # what had this memory before
        layout = list(zip(inputs, starts))
        self._host = [[_view(p, shape, dtype, at) for (shape, dtype), at in layout] for p in self._pinned]
        self.arrays = [[cp.ndarray(shape, dtype, m + at) for (shape, dtype), at in layout] for m in memory]
        self._addresses = [m.ptr for m in memory]
        self._copied = [cp.cuda.Event(disable_timing=True) for _ in range(self.SETS)]
        self._read = [cp.cuda.Event(disable_timing=True) for _ in range(self.SETS)]
        self._turn = 0

    def send(self, batch: Sequence[Any]) -> list[Array]:
        """The batch on the device, where the stream that is current finds it."""
        turn = self._turn = (self._turn + 1) % self.SETS
        if not self._copied[turn].done:
            self._copied[turn].synchronize()  # the host is so many batches ahead
        for target, array in zip(self._host[turn], batch):
            target[...] = array
        self._stream.wait_event(self._read[turn])
        runtime.memcpyAsync(self._addresses[turn], self._pinned[turn].ptr, self._bytes, _TO_DEVICE, self._stream.ptr)
        self._copied[turn].record(self._stream)
        cp.cuda.get_current_stream().wait_event(self._copied[turn])
        return self.arrays[turn]

    def was_read(self) -> None:
        """What reads the last batch is under way on the current stream."""
        self._read[self._turn].record(cp.cuda.get_current_stream())


def _view(memory: Any, shape: tuple[int, ...], dtype: Any, start: int) -> Any:
    """Part of pinned memory as a NumPy array."""
    return np.frombuffer(memory, dtype, prod(shape), start).reshape(shape)


@functools.cache
def _recorder(device: int) -> _Recorder:
    return _Recorder()


class CudaGraph(Recording):
    """A recording as a CUDA graph.

    - It is recorded on a stream for that purpose, since the default stream cannot be recorded, and launched on the stream that is
      current: among other work it has its place, like a kernel.
    - What the function allocates comes from a memory pool that nobody else uses, and that lives as long as the graph, which
      writes to this memory again at each replay. A call before the recording leaves all blocks in the pool that the recording
      asks for; it could not get any, as no memory can be reserved while a stream is recorded.
    - The numbers of a replay, the addresses of its batch among them, are copied from pinned memory in one go. There is a ring of
      ``_SLOTS`` such sets: an event per half says when the device has read them, so the host does not have to wait for it.
    """

    def __init__(self, inputs: Sequence[tuple[tuple[int, ...], Any]], numbers: Sequence[Any]) -> None:
        self._pool = cp.cuda.MemoryPool()
        shared = cp.get_default_memory_pool()
        if shared.free_bytes() > runtime.memGetInfo()[0]:
            shared.free_all_blocks()  # what the steps before have left there is of no use to this pool
        self._recorder = _recorder(cp.cuda.Device().id)
        self._stream = self._recorder.stream
        self._graph: Any = None
        self._result: Any = None  # keeps what replays write to
        self._staging: _Staging | None = None  # for batches of the host
        self._rows: list[Array] = []  # that are to be fetched, some of them copies
        fields = [
            *["u8"] * len(inputs),
            "u8",
            "i8",
            *numbers,
        ]  # the addresses of a batch and of its order, the first row
        layout = np.dtype({
            "names": [f"f{i}" for i in range(len(fields))],
            "formats": fields,
            "offsets": list(range(0, 8 * len(fields), 8)),
            "itemsize": 8 * len(fields),
        })  # fmt: skip
        self._pinned = cp.cuda.alloc_pinned_memory(_SLOTS * layout.itemsize)
        self._ring = np.frombuffer(self._pinned, layout, _SLOTS)
        self._slot, self._read = 0, [None, None]  # the next one; events after the last copy of each half
        with self._in_memory():
            self._buffer = cp.empty(layout.itemsize, "u1")
            self.inputs = [cp.empty(shape, dtype) for shape, dtype in inputs]
        memory, size = self._buffer.data, len(inputs)
        at = [cp.ndarray((), field, memory + 8 * i) for i, field in enumerate(fields)]
        self._tables, self._order, self._start, self.numbers = at[:size], at[size], at[size + 1], at[size + 2 :]
        self._units = [_unit(a) for a in self.inputs]

    def run(self, function: Callable[[], Any], rows: Rows, numbers: Sequence[Any]) -> Any:
        self._write(rows, numbers)
        with self._in_memory():
            self._fetch()
            self._rows = []
            if self._staging is not None:
                self._staging.was_read()
            return function()

    def record(self, function: Callable[[], Any]) -> Any:
        reserved, collecting = self._pool.total_bytes(), gc.isenabled()
        gc.collect()
        gc.disable()  # what it might free may not be freed meanwhile
        try:
            with self._in_memory():
                graph, self._result = self._record(function)
        finally:
            if collecting:
                gc.enable()
        if self._pool.total_bytes() != reserved:
            raise RecordingError("it asked for more memory than the run before it")
        self._graph = graph
        return self._result

    def _record(self, function: Callable[[], Any]) -> tuple[Any, Any]:
        """(graph, what the function returned)"""
        stream = self._stream
        # Of this thread: others may go on working with the device, and what this one may not do is an error, not a surprise.
        stream.begin_capture(runtime.streamCaptureModeThreadLocal)
        try:
            self._fetch()
            result = function()
        except BaseException as error:
            _leave(stream)
            if not isinstance(error, Exception):
                raise
            raise RecordingError(_first_line(error)) from error
        try:
            return stream.end_capture(), result
        except Exception as error:  # something invalidated the recording, and went unnoticed
            raise RecordingError(_first_line(error)) from error

    def replay(self, rows: Rows, numbers: Sequence[Any]) -> None:
        self._write(rows, numbers)
        self._graph.launch()
        self._rows = []
        if self._staging is not None:
            self._staging.was_read()

    @contextmanager
    def _in_memory(self) -> Iterator[None]:
        """Work inside goes to the recording's stream and takes memory from its pool; the stream outside waits for it."""
        outer = cp.cuda.get_current_stream()
        with self._recorder.lock:
            self._stream.wait_event(outer.record())
            with self._stream, cp.cuda.using_allocator(self._pool.malloc):
                try:
                    yield
                finally:
                    done = self._stream.record()
        outer.wait_event(done)

    def _write(self, rows: Rows, numbers: Sequence[Any]) -> None:
        """Send the numbers of a replay to their addresses."""
        slot, stream = self._slot, cp.cuda.get_current_stream()
        self._recorder.take_turns(stream.ptr)
        half = slot // _HALF
        event = self._read[half]
        if slot % _HALF == 0 and event is not None and not event.done:
            event.synchronize()  # the device is half a ring behind
        arrays = rows.arrays
        if arrays and isinstance(arrays[0], np.ndarray):
            self._staging = self._staging or _Staging([(a.shape, a.dtype) for a in self.inputs])
            arrays = self._staging.send(arrays)
        tables = self._rows = [_aligned(a, unit) for a, unit in zip(arrays, self._units)]
        order = 0 if rows.order is None else rows.order.data.ptr
        self._ring[slot] = (*[a.data.ptr for a in tables], order, rows.start, *numbers)
        size = self._ring.itemsize
        runtime.memcpyAsync(self._buffer.data.ptr, self._pinned.ptr + slot * size, size, _TO_DEVICE, stream.ptr)
        self._slot = (slot + 1) % _SLOTS
        if self._slot % _HALF == 0:
            if event is None:
                event = self._read[half] = cp.cuda.Event(disable_timing=True)
            event.record(stream)

    def _fetch(self) -> None:
        """Copy the batch to the inputs."""
        for out, table, unit in zip(self.inputs, self._tables, self._units):
            n = out.nbytes // unit
            width = cp.int64(n // out.shape[0] if n else 1)
            launch(kernel("graph", "fetch", _UNITS[unit]), n, out, table, self._order, self._start, width, cp.int64(n))


class CupyGraphs(Backend):
    """Recordings of ``CupyBackend``."""

    can_record = True

    def recording(self, inputs: Sequence[tuple[tuple[int, ...], Any]], numbers: Sequence[Any]) -> CudaGraph:
        return CudaGraph(inputs, numbers)

    def store(self, target: Array, index: Array, value: Array) -> None:
        if target.dtype != value.dtype or not is_contiguous(target) or target.dtype.itemsize not in _UNITS:
            super().store(target, index, value)
            return
        unit = _UNITS[target.dtype.itemsize]
        kernel("graph", "store", unit)((1,), (1,), (target, index, value))


def _unit(a: Array) -> int:
    """The width of the units in which the rows of an array can be copied."""
    row = prod(a.shape[1:]) * a.dtype.itemsize
    return next((unit for unit in _UNITS if row % unit == 0), 1)


def _aligned(a: Array, unit: int) -> Array:
    """The array itself if a kernel can read it in such units, else a copy."""
    return a if a.flags.c_contiguous and a.data.ptr % unit == 0 else a.copy()


def _leave(stream: Any) -> None:
    """End a recording that failed. What was recorded is dropped; the stream can be used again."""
    try:
        stream.end_capture()
    except Exception:  # the recording was invalid, and has ended all the same
        pass


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__

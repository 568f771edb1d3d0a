"""Background threads: prefetching, and a parallel map that preserves the order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import dualnet_backends as backends

T = TypeVar("T")


class _BoundedQueue:
    """A queue of at most `size` elements between one producer and one consumer."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.items: deque[Any] = deque()
        self.changed = threading.Condition()
        self.closed = False  # the consumer is gone
        self.finished = False  # the producer is done
        self.error: BaseException | None = None

    def put(self, item: Any) -> bool:
        """Wait until there is room; False when the consumer is gone."""
        with self.changed:
            while len(self.items) >= self.size and not self.closed:
                self.changed.wait()
            if not self.closed:
                self.items.append(item)
                self.changed.notify_all()
            return not self.closed

    def finish(self, error: BaseException | None) -> None:
        with self.changed:
            self.finished, self.error = True, error
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.items.clear()
            self.changed.notify_all()

    def take(self) -> Iterator[Any]:
        while True:
            with self.changed:
                while not self.items and not self.finished:
                    self.changed.wait()
                if not self.items:
                    if self.error is not None:
                        raise self.error
                    return
                item = self.items.popleft()
                self.changed.notify_all()
            yield item


def prefetch(start: Callable[[], Iterator[T]], size: int) -> Generator[T, None, None]:
    """The elements of an iterator, which a background thread consumes up to `size` elements ahead.

    An exception is raised at its position in the sequence. When the consumer stops early, the thread stops after the
    current element and closes the iterator.
    """
    queue = _BoundedQueue(size)
    device = backends.current().device

    def run() -> None:
        error: BaseException | None = None
        try:
            with backends.device(device):  # the current device is thread-local
                items = start()
                try:
                    for item in items:
                        if not queue.put(item):
                            break
                finally:
                    close(items)
        except BaseException as caught:
            error = caught
        queue.finish(error)

    thread = threading.Thread(target=run, name="dualnet-prefetch", daemon=True)
    thread.start()
    try:
        yield from queue.take()
    finally:
        queue.close()
        if threading.current_thread() is not thread:
            thread.join(timeout=5.0)  # it may be inside a slow user function, which cannot be interrupted


def parallel_map(
    function: Callable[[Any], T], arguments: Iterable[Any], workers: int, max_pending: int
) -> Generator[T, None, None]:
    """`map(function, arguments)`, in order, computed by `workers` threads.

    At most `waiting` calls (at least one per worker) are started ahead of the consumer. An exception is raised at its
    position in the sequence; calls not yet started are cancelled.
    """
    device = backends.current().device

    def work(argument: Any) -> T:
        with backends.device(device):
            return function(argument)

    pending: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="dualnet-worker")
    source = iter(arguments)
    try:
        for argument in source:
            pending.append(pool.submit(work, argument))
            if len(pending) >= max(max_pending, workers):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        close(source)


def close(iterator: Any) -> None:
    """Close a generator, and with it the threads it may have started."""
    if hasattr(iterator, "close"):
        iterator.close()

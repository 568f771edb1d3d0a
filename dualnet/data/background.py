"""Work in background threads: elements made ahead of time, and several at once, always in their order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import dualnet_backends as backends

T = TypeVar("T")


class _Queue:
    """Up to `size` elements between one thread that makes them and one that takes them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.items: deque[Any] = deque()
        self.changed = threading.Condition()
        self.closed = False  # nobody takes any more
        self.ended = False  # nothing comes any more
        self.error: BaseException | None = None

    def put(self, item: Any) -> bool:
        """Wait for a place; False when nobody takes any more."""
        with self.changed:
            while len(self.items) >= self.size and not self.closed:
                self.changed.wait()
            if not self.closed:
                self.items.append(item)
                self.changed.notify_all()
            return not self.closed

    def end(self, error: BaseException | None) -> None:
        with self.changed:
            self.ended, self.error = True, error
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.items.clear()
            self.changed.notify_all()

    def take(self) -> Iterator[Any]:
        while True:
            with self.changed:
                while not self.items and not self.ended:
                    self.changed.wait()
                if not self.items:
                    if self.error is not None:
                        raise self.error
                    return
                item = self.items.popleft()
                self.changed.notify_all()
            yield item


def ahead(start: Callable[[], Iterator[T]], size: int) -> Generator[T, None, None]:
    """The elements of an iterator, which a thread of its own runs up to `size` elements ahead.

    What it raises is raised here, in its place. When the one who takes stops early, the thread stops after the element
    it is at, and closes the iterator.
    """
    queue = _Queue(size)
    device = backends.current().device

    def run() -> None:
        error: BaseException | None = None
        try:
            with backends.device(device):  # the choice of a device belongs to a thread
                items = start()
                try:
                    for item in items:
                        if not queue.put(item):
                            break
                finally:
                    close(items)
        except BaseException as caught:
            error = caught
        queue.end(error)

    thread = threading.Thread(target=run, name="dualnet-prefetch", daemon=True)
    thread.start()
    try:
        yield from queue.take()
    finally:
        queue.close()
        if threading.current_thread() is not thread:
            thread.join(timeout=5.0)  # it may be inside a slow function of the user's, which cannot be stopped


def in_order(
    function: Callable[[Any], T], arguments: Iterable[Any], workers: int, waiting: int
) -> Generator[T, None, None]:
    """`function` of every argument, in their order, worked out by `workers` threads.

    At most `waiting` results (at least one per worker) are begun and not taken yet. What the function raises is raised
    here, in its place; what was not begun then never is.
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
            if len(pending) >= max(waiting, workers):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        close(source)


def close(iterator: Any) -> None:
    """End a generator that is not at its end, and with it the threads it may have started."""
    if hasattr(iterator, "close"):
        iterator.close()

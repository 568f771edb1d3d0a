"""Threads behind datasets: they run ahead, keep the order, hand on what is raised, and go away."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends
import pytest

from dualnet.data import Dataset, background


def ours() -> list[threading.Thread]:
    return [
        thread for thread in threading.enumerate() if thread.name.startswith(("dualnet-prefetch", "dualnet-worker"))
    ]


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    assert ours() == []
    yield
    gc.collect()
    wait_for(lambda: ours() == [])


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within 5 s")


def test_runs_ahead_but_no_further_than_its_queue() -> None:
    created: list[int] = []

    def source() -> Iterator[int]:
        for i in range(10):
            created.append(i)
            yield i

    items = background.prefetch(source, 3)
    assert created == []  # nothing before the first is asked for
    assert next(items) == 0
    wait_for(lambda: len(created) == 5)  # one taken, three waiting, one in hand
    time.sleep(0.05)
    assert created == [0, 1, 2, 3, 4]
    assert list(items) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_producer_and_consumer_overlap() -> None:
    used = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        assert used.wait(5)  # goes on only while the first element is in use
        yield 1

    items = background.prefetch(source, 1)
    assert next(items) == 0
    used.set()
    assert next(items) == 1


@pytest.mark.parametrize("how", ["close", "forget", "break", "error"])
def test_a_consumer_that_stops_early_stops_the_thread_and_closes_the_source(how: str) -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed.set()

    if how == "break":
        for _ in background.prefetch(source, 2):
            break
    elif how == "error":
        with pytest.raises(ZeroDivisionError):
            [1 / i for i in background.prefetch(source, 2)]
    else:
        items = background.prefetch(source, 2)
        next(items)
        if how == "close":
            items.close()
        del items
    assert closed.wait(5)


def test_an_error_is_raised_after_the_elements_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    items = background.prefetch(source, 5)
    assert next(items) == 1
    with pytest.raises(KeyError, match="broken") as caught:
        next(items)
    assert any(entry.name == "source" for entry in caught.traceback)  # says where
    assert list(items) == []


def test_a_source_that_cannot_start() -> None:
    def source() -> Iterator[int]:
        raise OSError("no file")

    with pytest.raises(OSError, match="no file"):
        list(background.prefetch(source, 1))


def test_threads_are_on_the_device_of_the_consumer() -> None:
    devices: list[str] = []
    with backends.device("strict:0"):
        list(background.prefetch(lambda: (devices.append(backends.current().device) for _ in range(2)), 1))
        list(background.parallel_map(lambda _: devices.append(backends.current().device), range(2), 2, 2))
    assert devices == ["strict:0"] * 4


def test_several_workers_keep_the_order() -> None:
    def slow(i: int) -> int:
        time.sleep(0.02 if i % 5 == 0 else 0)
        return i

    assert list(background.parallel_map(slow, range(40), 4, 8)) == list(range(40))


def test_several_workers_work_at_once() -> None:
    meeting = threading.Barrier(4, timeout=5)
    assert len(list(background.parallel_map(lambda _: meeting.wait(), range(8), 4, 4))) == 8


def test_workers_start_no_more_than_max_pending() -> None:
    begun: list[int] = []
    items = background.parallel_map(begun.append, range(100), 2, 5)
    next(items)
    time.sleep(0.05)
    assert len(begun) == 5
    items.close()
    assert len(begun) == 5


def test_a_failing_worker_ends_the_map() -> None:
    begun: list[int] = []

    def work(i: int) -> int:
        begun.append(i)
        if i == 3:
            raise KeyError("third")
        return i

    items = background.parallel_map(work, range(1000), 2, 4)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="third"):
        next(items)
    assert len(begun) < 10


def test_the_threads_of_a_pipeline_end() -> None:
    dataset = (
        Dataset.range(10**9)
        .prefetch(2)
        .map(lambda x: x + 1, num_parallel_calls=3)
        .shuffle(10)
        .prefetch(2)
        .batch(4)
        .cache()
        .prefetch(2)
        .enumerate()
        .repeat()
    )
    for _ in range(3):
        items = iter(dataset)
        next(items)
        assert len(ours()) >= 4
        del items
        gc.collect()
        wait_for(lambda: ours() == [])
    assert len(list(dataset.take(5))) == 5


def test_nothing_leaks_over_many_passes() -> None:
    dataset = Dataset.range(6).map(lambda x: x, num_parallel_calls=2).prefetch(1)
    for _ in range(50):
        assert [int(x) for x in dataset] == [0, 1, 2, 3, 4, 5]
    assert ours() == []


def test_two_passes_at_once() -> None:
    dataset = Dataset.range(20).prefetch(2)
    pairs: list[Any] = list(zip(dataset, dataset.skip(1)))
    assert all(int(b) - int(a) == 1 for a, b in pairs)

"""The threads that share large computations on the CPU: how many there are, and the pool they wait in.

A computation is cut into tiles by its shapes alone, so that its result has the same bits on any number of threads, one included.
The calling thread works on the tiles itself, and helpers join it: nothing waits for a helper that the operating system has not
scheduled, only for tiles that one has begun. Where helpers do not help, as on a busy machine, they are left out.
"""

from __future__ import annotations

import _thread
import itertools
import os
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

ENVIRONMENT = "DUALNET_NUM_THREADS"
OF_BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # by which users limit NumPy's threads
IDLE_S = 30.0  # after which a helper ends
RETRY = 64  # of so many calls one is done the way that took longer
MAX_KEYS = 1024

_number: int | None = None  # set by the program; until then the environment decides


def num_threads() -> int:
    """How many threads compute: that of ``set_num_threads``, else $DUALNET_NUM_THREADS, else a limit set for NumPy's BLAS (such as
    $OMP_NUM_THREADS), else the number of processors that this process may use."""
    global _number
    if _number is None:
        _number = _from_environment()
    return _number


def set_num_threads(n: int | None) -> None:
    """Let n threads compute, 1 for the calling thread alone; None: as many as the environment says.

    Results do not depend on it. Raises ``ValueError`` for a number below 1.
    """
    global _number
    if n is not None and (isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 1):
        raise ValueError(f"set_num_threads expects a whole number from 1 on, or None, got {n!r}")
    _number = None if n is None else n.__index__()


def _from_environment() -> int:
    text = os.environ.get(ENVIRONMENT, "").strip()
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(f"${ENVIRONMENT} must be a whole number from 1 on, got {text!r}")
        return int(text)
    limits = [int(v) for v in (os.environ.get(name, "") for name in OF_BLAS) if v.isdecimal() and int(v) > 0]
    return min([available(), *limits])


def available() -> int:
    """The number of processors that this process may use."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        count = os.cpu_count() or 1
    return max(1, min(count, _quota() or count))


def _quota() -> int | None:
    """The processors that the control group of a container grants, rounded up; None if it sets no limit."""
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        return None


class _Job:
    """Tiles that several threads work on; each takes the next one that nobody has begun."""

    __slots__ = ("_count", "_error", "_finished", "_function", "_next", "_number", "all_done")

    def __init__(self, function: Callable[[int], Any], count: int) -> None:
        self._function, self._count = function, count
        # ``next`` of these is atomic in CPython, which a lock around a number would not be at this price.
        self._next, self._finished = itertools.count(), itertools.count(1)
        self._error: BaseException | None = None
        self.all_done = _thread.allocate_lock()
        self.all_done.acquire()

    def work(self, helper: _Helper | None = None) -> None:
        """Work on tiles while there are some. A helper is free for the next job before anybody learns that this one is done."""
        function, count = self._function, self._count
        while (i := next(self._next)) < count:
            try:
                if self._error is None:
                    function(i)
            except BaseException as error:
                self._error = error
            if next(self._finished) == count:
                if helper is not None:
                    _idle.append(helper)
                self.all_done.release()
                return
        if helper is not None:
            _idle.append(helper)

    def finish(self) -> None:
        """Work along, and wait for the tiles that others have begun. Raises what a tile raised."""
        self.work()
        self.all_done.acquire()
        if self._error is not None:
            raise self._error


class _Helper:
    """A thread that waits for jobs, asleep, and ends when there are none for a while."""

    __slots__ = ("job", "wake")

    def __init__(self, job: _Job) -> None:
        self.job: _Job | None = job
        self.wake = _thread.allocate_lock()
        threading.Thread(target=self._run, name="dualnet-compute", daemon=True).start()

    def give(self, job: _Job) -> None:
        self.job = job
        self.wake.release()

    def _run(self) -> None:
        while self.wake.acquire(timeout=IDLE_S) or not self._leave():
            job, self.job = self.job, None
            assert job is not None
            job.work(self)
            del job

    def _leave(self) -> bool:
        """Leave the helpers that wait; False if one of the callers has taken this one for a job meanwhile."""
        global _count
        try:
            _idle.remove(self)
        except ValueError:
            self.wake.acquire()
            return False
        with _starting:
            _count -= 1
        return True


_idle: list[_Helper] = []  # that wait for a job; taken from and appended to by single, atomic calls
_count = 0  # of all helpers
_starting = threading.Lock()


class _Timing:
    """What the same work took of late, on the calling thread alone and shared: decides which is tried next."""

    __slots__ = ("alone", "calls", "shared")

    def __init__(self) -> None:
        self.calls = 0
        self.alone = self.shared = 0.0

    def is_shared(self) -> bool:
        """Whether to share the next call. Now and then the slower of the two gets another chance."""
        self.calls += 1
        if self.calls <= 4:
            return self.calls % 2 == 1
        faster_shared = self.shared < 0.95 * self.alone
        return not faster_shared if self.calls % RETRY == 0 else faster_shared

    def note(self, shared: bool, seconds: float) -> None:
        before = self.shared if shared else self.alone
        # One call may be held up by other programs for the time of many; such are counted, but not in full.
        after = before + 0.25 * (min(seconds, 4 * before) - before) if self.calls > 4 else seconds
        if shared:
            self.shared = after
        else:
            self.alone = after


_timings: dict[Any, _Timing] = {}


def parallel_for(count: int, function: Callable[[int], Any], key: Any = None) -> None:
    """Call ``function(i)`` for i in 0 .. count - 1, on several threads if there are some that have nothing to do.

    The calls must not depend on each other, and release the GIL most of the time, as NumPy does in large operations. The first
    exception that one raises is raised here, after the calls that had begun.

    Args:
        key: what the work is, such as a name and shapes. Where sharing the work of a key takes longer than doing it alone, as on a
            machine whose other processors are busy, it is done alone, until another try now and then shows that it is faster again.
    """
    helpers = min(num_threads(), count) - 1
    if helpers < 1:
        _alone(count, function)
        return
    if key is None:
        _shared(count, function, helpers)
        return
    timing = _timings.get(key)
    if timing is None:
        if len(_timings) >= MAX_KEYS:
            _timings.clear()
        timing = _timings[key] = _Timing()
    shared = timing.is_shared()
    start = perf_counter()
    if shared:
        _shared(count, function, helpers)
    else:
        _alone(count, function)
    timing.note(shared, perf_counter() - start)


def _alone(count: int, function: Callable[[int], Any]) -> None:
    for i in range(count):
        function(i)


def _shared(count: int, function: Callable[[int], Any], helpers: int) -> None:
    job = _Job(function, count)
    for _ in range(helpers):
        if not _call_helper(job):
            break
    job.finish()


def _call_helper(job: _Job) -> bool:
    """Give the job to a helper that has nothing to do, which may be a new one; False when all are busy."""
    global _count
    try:
        _idle.pop().give(job)
        return True
    except IndexError:
        pass
    with _starting:
        if _count >= num_threads() - 1:
            return False
        _count += 1
    try:
        _Helper(job)
    except RuntimeError:  # there can be no more threads, for example while the interpreter ends
        _count -= 1
        return False
    return True


def _forget() -> None:
    """A child of ``fork`` has none of its parent's threads."""
    global _starting, _count
    _idle.clear()
    _starting, _count = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

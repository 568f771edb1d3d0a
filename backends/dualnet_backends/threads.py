"""The threads that share large computations on the CPU: how many there are, and the pool in which they wait.

A computation is cut into tiles by its shapes alone, so that its result has the same bits on any number of threads. The calling
thread works on the tiles itself, one after the other, and helpers join it. It waits only for tiles that a helper has already
begun, never for a helper to be scheduled. Where sharing takes longer, as on a busy machine, the caller does all of the work.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

ENVIRONMENT = "DUALNET_NUM_THREADS"
OF_BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # by which users limit NumPy's threads
IDLE_S = 30.0  # after which a helper without work ends
RETRY = 64  # once in so many calls, the slower of sharing and working alone is tried again
MAX_KEYS = 1024

_number: int | None = None  # set by the program; until then the environment decides


def num_threads() -> int:
    """How many threads compute: that of ``set_num_threads``, else $DUALNET_NUM_THREADS, else the number of processors that this process
    may use, or a limit that is set for NumPy's BLAS (such as $OMP_NUM_THREADS) if it is lower."""
    global _number
    number = _number
    if number is None:
        number = _number = _from_environment()
    return number


def set_num_threads(n: int | None) -> None:
    """Let n threads compute, 1 for the calling thread alone; None: as many as the environment says.

    Results do not depend on it. Raises ``ValueError`` for a number below 1.
    """
    global _number
    if n is not None and (isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 1):
        raise ValueError(f"set_num_threads expects a whole number, 1 or more, or None, got {n!r}")
    _number = None if n is None else n.__index__()


def _from_environment() -> int:
    text = os.environ.get(ENVIRONMENT, "").strip()
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(f"${ENVIRONMENT} must be a whole number, 1 or more, got {text!r}")
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


# -- sharing -----------------------------------------------------------------------------------------------------------


def parallel_for(count: int, function: Callable[[int], Any], key: Any = None) -> None:
    """Call ``function(i)`` for i in 0 .. count - 1, on several threads if there are some that have nothing to do.

    The calls must not depend on each other, and release the GIL most of the time, as NumPy does in large operations. An exception that
    one of them raises is raised here, when the calls that had begun have ended.

    Args:
        key: what the work is, such as a name and shapes. For each key, the times of sharing the work and of doing it alone are
            compared, and the faster is done. None: always share.
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
    job = _Job(count, function)
    try:
        for _ in range(helpers):
            if not _call_helper(job):
                break
        job.work()
    finally:
        job.close()
    job.raise_error()


class _Timing:
    """How long the same work took of late, shared and on the calling thread alone."""

    __slots__ = ("alone", "calls", "shared")

    def __init__(self) -> None:
        self.calls = 0
        self.alone = self.shared = 0.0

    def is_shared(self) -> bool:
        """Whether to share the next call."""
        self.calls += 1
        if not self.alone or not self.shared:
            return not self.shared
        is_faster = self.shared < 0.95 * self.alone
        return not is_faster if self.calls % RETRY == 0 else is_faster

    def note(self, shared: bool, seconds: float) -> None:
        before = self.shared if shared else self.alone
        # Other programs may hold up one call for the time of many: it counts as four at most.
        after = before + 0.25 * (min(seconds, 4 * before) - before) if before else seconds
        if shared:
            self.shared = after
        else:
            self.alone = after


_timings: dict[Any, _Timing] = {}


class _Turn:
    """The part of a helper in a job: from before its first tile until after its last one."""

    __slots__ = ("ended", "lock")

    def __init__(self) -> None:
        self.ended = False
        self.lock = threading.Lock()
        self.lock.acquire()

    def end(self) -> None:
        self.ended = True
        self.lock.release()

    def wait(self) -> None:
        while not self.ended:  # asked again after an interrupt, at whatever instruction that came
            self.lock.acquire(timeout=1.0)


class _Job:
    """Tiles that several threads work on; each takes the next one that nobody has begun."""

    def __init__(self, count: int, function: Callable[[int], Any]) -> None:
        self._count, self._function = count, function
        self._next = 0
        self._lock = threading.Lock()
        self._turns: list[_Turn] = []
        self._closed = False
        self._error: BaseException | None = None
        self._context = contextvars.copy_context()  # in which NumPy looks for ``errstate``

    def work(self) -> None:
        while True:
            with self._lock:
                i = self._next
                self._next += 1
            if i >= self._count or self._error is not None:
                return
            self._function(i)

    def help(self) -> None:
        """What a helper does. When the job is closed already, nothing."""
        turn = _Turn()
        with self._lock:
            if self._closed:
                return
            self._turns.append(turn)
            context = self._context.copy()
        try:
            context.run(self.work)
        except BaseException as error:
            if self._error is None:
                self._error = error
        finally:
            turn.end()

    def close(self) -> None:
        """Let no helper begin any more, and wait for those that have. An interrupt is raised afterwards: until then, helpers write to
        arrays of the caller."""
        interrupt: BaseException | None = None
        while True:
            try:
                with self._lock:
                    self._closed, self._next = True, self._count
                for turn in self._turns:
                    turn.wait()
                break
            except KeyboardInterrupt as error:
                interrupt = error
        del self._function  # and the arrays in it; a helper that comes late may keep the job for a while
        if interrupt is not None:
            raise interrupt

    def raise_error(self) -> None:
        """Raise what a tile raised on a helper."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # which refers to this frame


# -- helpers -----------------------------------------------------------------------------------------------------------

limit_thread: Callable[[], None] | None = None  # what each helper calls first; cpu/blas.py sets it


class _Helper:
    """A thread that sleeps until it is given a job, and ends when there was none for a while."""

    __slots__ = ("_job", "_wake")

    def __init__(self, job: _Job) -> None:
        self._job: _Job | None = job
        self._wake = threading.Lock()
        threading.Thread(target=self._run, name="dualnet-compute", daemon=True).start()

    def give(self, job: _Job) -> None:
        self._job = job
        self._wake.release()

    def _run(self) -> None:
        if limit_thread is not None:
            limit_thread()
        while self._wake.acquire(timeout=IDLE_S):
            job, self._job = self._job, None
            if job is not None:
                job.help()
            del job
            _idle.append(self)
        self._end()

    def _end(self) -> None:
        """A caller that has just taken this helper gets no help: it does the work of that job alone."""
        global _count
        try:
            _idle.remove(self)
        except ValueError:
            pass
        with _starting:
            _count -= 1


_idle: list[_Helper] = []  # that wait for a job
_count = 0  # of all helpers
_starting = threading.Lock()


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
    except BaseException as error:
        with _starting:
            _count -= 1
        if isinstance(error, RuntimeError):  # there can be no more threads, for example while the interpreter ends
            return False
        raise
    return True


def _forget() -> None:
    """A child of ``fork`` has none of its parent's threads."""
    global _starting, _count
    _idle.clear()
    _starting, _count = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

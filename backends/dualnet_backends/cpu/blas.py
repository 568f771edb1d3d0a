"""BLAS on one thread while this library computes.

The threads of OpenBLAS wait for each other in loops: on a machine with other work to do, one product can take the time of fifty,
and how many threads it takes changes the last bits of a result. So products are cut into tiles here (``matmul.py``), and BLAS
computes each on the thread that calls it. Outside of this library BLAS has the number of threads that its user set.
"""

from __future__ import annotations

import os
import threading
from _thread import get_ident
from typing import Any

from .. import threads

# Whether BLAS has one thread now, for whichever thread asks: every product does, so it is one name to look up. (It may change while
# a thread that is in no block computes a product. Training and prediction are in one.)
limited = False
# How many blocks of ``one_thread`` each thread is in, by ``get_ident()``; threads that are in none are left out.
inside: dict[int, int] = {}
_lock = threading.Lock()
_count = 0  # of threads that are in such a block
_before: list[int] = []  # the limits of the process outside of the blocks
_before_of_threads: dict[int, list[int]] = {}  # and those of each thread, where it has its own
_libraries: tuple[list[Any], list[Any]] | None = None


def _find() -> tuple[list[Any], list[Any]]:
    """The BLAS libraries whose number of threads holds for the process, and those (of OpenMP) where each thread has its own.

    There are none without ``threadpoolctl``.
    """
    global _libraries
    if _libraries is None:
        try:
            from threadpoolctl import ThreadpoolController

            libraries = [c for c in ThreadpoolController().lib_controllers if c.user_api == "blas"]
        except ImportError:
            libraries = []
        openmp = [getattr(c, "threading_layer", "") == "openmp" for c in libraries]
        _libraries = [c for c, o in zip(libraries, openmp) if not o], [c for c, o in zip(libraries, openmp) if o]
    return _libraries


def _set(library: Any, n: int) -> None:
    # From version 3.8 on, threadpoolctl ignores all threads but the first that set a limit, until it is told to forget that one.
    forget = getattr(library, "clear_controlling_thread", None)
    if forget is None:
        library.set_num_threads(n)
    else:
        forget(force=True)
        library.set_num_threads(n)
        forget(force=True)


def _limit(libraries: list[Any]) -> list[int]:
    """Set them to one thread; returns what they were set to."""
    before = [library.get_num_threads() for library in libraries]
    for library, n in zip(libraries, before):
        if n != 1:
            _set(library, 1)
    return before


def _restore(libraries: list[Any], before: Any) -> None:
    for library, n in zip(libraries, before):
        if n != 1:
            _set(library, n)


class one_thread:
    """Let BLAS compute on the calling thread inside the block: ``with one_thread(): ...``  It may be nested."""

    __slots__ = ()

    def __enter__(self) -> None:
        global _count, limited
        me = get_ident()
        inside[me] = depth = inside.get(me, 0) + 1
        if depth > 1:
            return
        of_process, of_threads = _find()
        if of_threads:
            _before_of_threads[me] = _limit(of_threads)
        with _lock:
            _count += 1
            if _count == 1:
                _before[:] = _limit(of_process)
            limited = not of_threads

    def __exit__(self, *error: object) -> None:
        global _count, limited
        me = get_ident()
        inside[me] -= 1
        if inside[me]:
            return
        del inside[me]
        of_process, of_threads = _find()
        if of_threads:
            _restore(of_threads, _before_of_threads.pop(me))
        with _lock:
            _count -= 1
            if _count == 0:
                limited = False
                _restore(of_process, _before)


def _limit_helper() -> None:
    _limit(_find()[1])


def _after_fork() -> None:
    """Of the threads of the parent there is only the one that forked."""
    global _lock, _count, limited
    _lock = threading.Lock()
    me = get_ident()
    if _count and me not in inside:
        _restore(_find()[0], _before)
    for thread in set(inside) - {me}:
        del inside[thread]
    _count = len(inside)
    limited = limited and _count > 0


threads.limit_thread = _limit_helper
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""BLAS on one thread while this library computes.

The threads of OpenBLAS wait for each other in loops: on a machine with other work to do, one product can take the time of fifty,
and how many threads it takes changes the last bits of a result. So products are cut into tiles here (``matmul.py``), and BLAS
computes each on the thread that calls it. Outside of this library BLAS has the number of threads that its user set.
"""

from __future__ import annotations

import threading
from typing import Any

depth = 0  # how many computations are going on inside ``one_thread``, in all threads
_lock = threading.Lock()
_libraries: list[Any] | None = None
_before: list[int] = []


def _find() -> list[Any]:
    """The BLAS libraries of this process whose threads can be limited; none without ``threadpoolctl``."""
    global _libraries
    if _libraries is None:
        try:
            from threadpoolctl import ThreadpoolController

            _libraries = [c for c in ThreadpoolController().lib_controllers if c.user_api == "blas"]
        except ImportError:
            _libraries = []
    return _libraries


class one_thread:
    """Let BLAS compute on the calling thread inside the block: ``with one_thread(): ...``  It may be nested."""

    __slots__ = ()

    def __enter__(self) -> None:
        global depth
        with _lock:
            if depth == 0:
                libraries = _find()
                _before[:] = [library.get_num_threads() for library in libraries]
                for library, n in zip(libraries, _before):
                    if n != 1:
                        library.set_num_threads(1)
            depth += 1

    def __exit__(self, *error: object) -> None:
        global depth
        with _lock:
            depth -= 1
            if depth == 0:
                for library, n in zip(_find(), _before):
                    if n != 1:
                        library.set_num_threads(n)

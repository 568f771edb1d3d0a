"""Seeds, and the random streams that start from them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import dualnet_backends as backends
import numpy as np

from . import settings
from .conversion import to_array
from .tensor import Tensor
from .tracing import trace_change, trace_draw


def set_random_seed(seed: int) -> None:
    """Fix every random number of the program: Python's ``random``, NumPy's global one, and all streams of dualnet.

    With the same seed the same program gives the same numbers, on either device.

    Args:
        seed: an integer from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed expects an integer from 0 to 2**32 - 1, got {seed!r}")
    random.seed(seed)
    np.random.seed(seed)
    settings.set_global_seed(seed)
    _start_again()


def _start_again() -> None:
    _streams.clear()
    _global_pair.clear()


_streams: Counter[str] = Counter()  # generators without a name since set_random_seed, by prefix
_global_pair: list[int] = []


def global_pair() -> tuple[int, int]:
    """(seed, counter) for a draw of ``dualnet.random`` without a seed: Keras's sequence, in its arithmetic."""
    if not _global_pair:
        _global_pair[:] = [make_default_seed(), 0]
    first, second = _global_pair
    _global_pair[:] = [(v + 1) * 5387 % 2**32 % 933199 for v in _global_pair]
    return first, second


def get_state() -> dict[str, Any]:
    """The state of the global streams, for ``set_state``."""
    return {"seed": settings.global_seed(), "pair": list(_global_pair)}


def set_state(state: dict[str, Any]) -> None:
    """Continue from the result of ``get_state``, in another process too."""
    settings.set_global_seed(int(state["seed"]))
    _global_pair[:] = [int(v) for v in state["pair"]]


def restore_pair(pair: list[int]) -> None:
    """Continue draws without a seed from a ``get_state()["pair"]`` of this program."""
    _global_pair[:] = pair


def make_default_seed() -> int:
    """A seed for an object without one, from Python's ``random`` (as in Keras: the order matters)."""
    return random.randint(1, 10**9)


class SeedGenerator:
    """A seed, and a counter that is incremented at every use.

    Args:
        seed: an integer, or None for one from Python's ``random``.
        name: of the stream; a generator without a seed draws from the stream (global seed, name), independent of what
            other layers draw. The default name is ``prefix``, numbered from the last ``set_random_seed`` on: the same
            program run again draws the same.
    """

    def __init__(
        self, seed: int | None = None, name: str | None = None, *, prefix: str = "seed_generator", **kwargs: Any
    ) -> None:
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to `SeedGenerator`: {', '.join(kwargs)}")
        # Drawn even when unused: initializers created later then have the seeds they have in Keras.
        default = make_default_seed() if seed is None else seed
        if isinstance(default, bool) or not isinstance(default, int):
            raise ValueError(f"Argument `seed` must be an integer or None, got seed={seed!r}")
        if default < 0:
            raise ValueError(f"seed must not be negative, got {seed}")
        self._user_seed = seed
        self.seed = default
        if name is None:
            name = f"{prefix}_{_streams[prefix]}" if _streams[prefix] else prefix
            _streams[prefix] += 1
        self.name = name
        self.counter = 0

    def pair(self) -> tuple[int, int]:
        """(seed, counter), and increment the counter."""
        trace_change(self, "random numbers are drawn on the host")
        self.counter += 1
        return self.seed, self.counter - 1

    def next(self) -> tuple[tuple[int, int], int]:
        """(Philox key, step) for one draw inside a training step, and increment the counter."""
        self.counter += 1
        seed = settings.global_seed() if self._user_seed is None else self._user_seed
        stream = self.name if self._user_seed is None else "seeded"
        key = backends.stream_key(seed, stream)
        trace_draw(self, key, self.counter - 1)
        return key, self.counter - 1

    @property
    def state(self) -> Any:
        """The seed and the counter, as a tensor of two whole numbers."""
        return Tensor(to_array([self.seed % 2**32, self.counter % 2**32], backends.current(), "uint32"))

    def get_state(self) -> dict[str, Any]:
        """The state of the generator, for ``set_state``."""
        return {"seed": self.seed, "name": self.name, "counter": self.counter}

    def set_state(self, state: dict[str, Any]) -> None:
        """Draw on from where the generator was that gave this state."""
        self.seed, self.name, self.counter = int(state["seed"]), str(state["name"]), int(state["counter"])

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._user_seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)

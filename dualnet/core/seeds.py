"""Seeds, and the random streams that start from them."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any
from weakref import WeakSet

import dualnet_backends as backends
import numpy as np

from . import settings
from .conversion import to_array
from .tensor import Tensor
from .tracing import state, trace_change, trace_draw


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
    global _restarts
    _made.clear()
    _global_pair.clear()
    _restarts += 1


_LARGEST_SEED = 10**9  # of those drawn from Python's ``random``
_made: Counter[str] = Counter()  # streams without a seed since the last set_random_seed, by kind
_restarts = 0  # calls of set_random_seed
_live: WeakSet[Stream] = WeakSet()
_moved: WeakSet[Stream] = WeakSet()  # whose number is not from the count
_global_pair: list[int] = []
_counting = threading.Lock()  # generators are shared by the threads of a parallel ``Dataset.map``


class Stream:
    """A stream of random numbers for something without a seed of its own, which shares it with nothing else in the program.

    It is a function of the global seed, the kind, and how many of that kind were made since the last ``set_random_seed``: the same
    program run again draws the same, under whatever names. One made before the last ``set_random_seed`` follows the new seed too,
    but not the stream of the one that has its number now: its age (the calls since it was made) is part of the key.

    Args:
        kind: such as "dropout".
    """

    name: str

    def __init__(self, kind: str) -> None:
        self._restarts = _restarts
        taken = {stream.name for stream in list(_moved) if stream.age == 0}
        made = _made if state.abstract is None else state.abstract.streams
        while True:
            self.name = f"{kind}_{made[kind]}" if made[kind] else kind
            made[kind] += 1
            if self.name not in taken:
                break
        if state.abstract is None:
            _live.add(self)

    @property
    def age(self) -> int:
        """How often ``set_random_seed`` was called since the stream was made."""
        return _restarts - self._restarts

    def key(self, part: str = "") -> tuple[int, int]:
        """The Philox key, under the global seed. part: begins with "/", where a stream has several."""
        age = self.age
        return backends.stream_key(settings.global_seed(), f"{self.name}{part}/{age}" if age else self.name + part)

    def move_to(self, name: str, age: int) -> None:
        """Become the stream of a name and an age. The one that is it already, in a program that made others before, swaps."""
        for other in list(_live):
            if other is not self and (other.name, other.age) == (name, age):
                other.name, other._restarts = self.name, self._restarts
                _moved.add(other)
        _moved.add(self)
        self.name, self._restarts = name, _restarts - age


def global_pair() -> tuple[int, int]:
    """(seed, counter) for a draw of ``dualnet.random`` without a seed: Keras's sequence, in its arithmetic."""
    if not _global_pair:
        _global_pair[:] = [_random_seed(), 0]
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


def get_host_state() -> dict[str, Any]:
    """The state of Python's ``random`` and of NumPy's global generator, which programs draw from beside dualnet."""
    version, words, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state()
    return {"python": [version, list(words), gauss], "numpy": [kind, keys, *rest]}


def set_host_state(state: dict[str, Any]) -> None:
    """Continue from the result of ``get_host_state``."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    np.random.set_state(tuple(state["numpy"]))


def restore_pair(pair: list[int]) -> None:
    """Continue draws without a seed from a ``get_state()["pair"]`` of this program."""
    _global_pair[:] = pair


def make_default_seed() -> int:
    """A seed for an object without one, from Python's ``random`` (as in Keras: the order matters)."""
    global _seeds_made
    if state.abstract is not None:
        return state.abstract.seeds.randint(1, _LARGEST_SEED)
    _seeds_made += 1
    return _random_seed()


_seeds_made = 0


def seeds_made() -> int:
    """How many seeds ``make_default_seed`` has given."""
    return _seeds_made


def _random_seed() -> int:
    return random.randint(1, _LARGEST_SEED)


class SeedGenerator:
    """A seed, and a counter that is incremented at every use.

    Two generators of one kind with the same seed give the same numbers. One without a seed shares its stream with no other of the
    program, and neither does a copy of it; the same program run again after ``set_random_seed`` draws the same.

    Args:
        seed: an integer, or None for one from Python's ``random``.
        name: a label.
        kind: of what draws. Different kinds have different streams, with the same seed too, so that the angle of a
            ``RandomRotation`` does not follow from whether a ``RandomFlip`` flips.
    """

    def __init__(
        self, seed: int | None = None, name: str | None = None, *, kind: str = "seed_generator", **kwargs: Any
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
        self._kind = kind
        self._stream = Stream(kind) if seed is None else None
        self._seeded_stream = f"seeded/{kind}"
        self.seed = default
        self.name = name or (kind if self._stream is None else self._stream.name)
        self.counter = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        """For a copy, and for what was pickled: a seed goes on from where it was, without one the stream is a new one."""
        self.__init__(state["_user_seed"], state["name"], kind=state.get("_kind", "seed_generator"))  # type: ignore[misc]
        if self._user_seed is not None:
            self.counter = state["counter"]

    def sibling(self, kind: str) -> SeedGenerator:
        """A generator for another kind of draws of the same owner: with the same seed, or without one as this one.

        It draws no default seed, so that initializers made later have the seeds they have in Keras, where both draw from one.
        """
        other = SeedGenerator(self.seed, kind=kind)
        if self._stream is not None:
            other._user_seed, other._stream = None, Stream(kind)
            other.name = other._stream.name
        return other

    def pair(self) -> tuple[int, int]:
        """(seed, counter), and increment the counter."""
        trace_change(self, "random numbers are drawn on the host")
        return self.seed, self._count()

    def next(self) -> tuple[tuple[int, int], int]:
        """(Philox key, step) for one draw inside a training step, and increment the counter."""
        stream, step = self._stream, self._count()
        key = backends.stream_key(self.seed, self._seeded_stream) if stream is None else stream.key()
        trace_draw(self, key, step)
        return key, step

    def _count(self) -> int:
        with _counting:
            step = self.counter
            self.counter = step + 1
        return step

    @property
    def state(self) -> Any:
        """The seed and the counter, as a tensor of two whole numbers."""
        return Tensor(to_array([self.seed % 2**32, self.counter % 2**32], backends.current(), "uint32"))

    def get_state(self) -> dict[str, Any]:
        """The state of the generator, for ``set_state``."""
        name, age = (self.name, 0) if self._stream is None else (self._stream.name, self._stream.age)
        return {"seed": self.seed, "name": name, "age": age, "counter": self.counter}

    def set_state(self, state: dict[str, Any]) -> None:
        """Draw on from where the generator was that gave this state."""
        self.seed, self.counter = int(state["seed"]), int(state["counter"])
        if self._stream is not None:
            self._stream.move_to(str(state["name"]), int(state.get("age", 0)))
        elif "age" not in state:  # a backup by dualnet 0.1
            self._seeded_stream = "seeded"

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._user_seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)

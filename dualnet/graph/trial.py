"""Trials: layers and ops are run to see shapes alone, and leave nothing behind.

What is put back: the values of variables, the counters of random generators, the random numbers of Python, NumPy and
``dualnet.random``, the attributes that code of the user sets on a layer, and what is in the lists, dictionaries and arrays of a
layer of the user. What a layer makes when it is built stays (``outside_trial``), and so does all that a ``call`` does to its layer
in which it makes layers or weights: that was a build.
"""

from __future__ import annotations

import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..core import allowance, seeds, tracing
from ..core.tensor import Tensor

MAX_ARRAY = 1 << 26  # bytes of an array whose content is saved: larger ones are tables to look things up in

_MISSING = object()
_NOT_OF_THE_USER = ("dualnet", "dualnet_backends")


class Trial:
    """What a trial changes, with the values before: it follows the ops in the place of a tracer."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[Any, Any]] = {}
        self._host_random: HostRandom | None = None
        self._pair = seeds.get_state()["pair"]
        self._attributes: dict[tuple[int, str], tuple[Any, Any]] = {}
        self._watched: dict[int, tuple[Any, dict[int, Any], list[Callable[[], Any]]]] = {}
        self.covered: dict[int, Any] = {}  # layers that were watched together with what is in them, by their id
        self.specs: dict[Any, Any] = {}  # what models inside gave for symbolic inputs: each is traced once

    # -- called by the engine --------------------------------------------------------------------------------------

    def op(self, *call: Any) -> None:
        allowance.take_op()

    def abort(self, reason: str) -> None:
        pass

    def effect(self, function: Any, tensors: Any) -> None:
        """Nothing is done with the values of a trial."""

    def constant(self, tensor: Any) -> None:
        pass

    def draw(self, generator: Any, key: Any, step: int) -> None:
        self._before.setdefault(id(generator), (generator, step))

    def change(self, subject: Any, reason: str) -> None:
        """Before the value of a variable or a random generator is changed."""
        if id(subject) in self._before or getattr(subject, "_is_abstract", False):
            return
        value = subject.data.copy() if isinstance(subject, Tensor) else subject.counter
        self._before[id(subject)] = subject, value

    def attribute(self, layer: Any, name: str) -> None:
        """Before an attribute of a layer is set or deleted: what code of the user sets is put back, what dualnet notes stays."""
        frame: Any = sys._getframe(2)
        while frame.f_code.co_name in ("__setattr__", "__delattr__"):  # that of a subclass of Layer
            frame = frame.f_back
        caller = frame.f_globals.get("__name__", "")
        if caller.partition(".")[0] in _NOT_OF_THE_USER or (id(layer), name) in self._attributes:
            return
        self._watched.setdefault(id(layer), (layer, _parts_with_state(layer), []))
        own = isinstance(getattr(type(layer), name, None), property)  # such as ``trainable``
        before = getattr(layer, name, _MISSING) if own else layer.__dict__.get(name, _MISSING)
        self._attributes[id(layer), name] = layer, before

    # -- layers of the user ----------------------------------------------------------------------------------------

    def watch(self, layers: Iterable[Any], skip: Iterable[str] = ()) -> None:
        """Before code of the user runs in these layers: save what is in their containers, and the random numbers of the host.

        Args:
            skip: the attributes that are dualnet's own.
        """
        if self._host_random is None:
            self._host_random = HostRandom()
        for layer in layers:
            if id(layer) not in self._watched:
                self._watched[id(layer)] = layer, _parts_with_state(layer), _contents_of(layer, skip)

    def built(self, layers: Iterable[Any]) -> None:
        """After these layers were built: what they are now stays."""
        for layer in layers:
            self._watched.pop(id(layer), None)
            self.covered.pop(id(layer), None)
            for key in [key for key in self._attributes if key[0] == id(layer)]:
                del self._attributes[key]

    # -- the end ---------------------------------------------------------------------------------------------------

    def suspend(self) -> None:
        """Before something that stays: it draws the random numbers that it would have drawn without the trial."""
        seeds.restore_pair(self._pair)
        if self._host_random is not None:
            self._host_random.restore()

    def resume(self) -> None:
        self._pair = seeds.get_state()["pair"]
        if self._host_random is not None:
            self._host_random = HostRandom()

    def restore(self) -> None:
        for subject, value in self._before.values():
            if isinstance(subject, Tensor):
                subject.data[...] = value
            else:
                subject.counter = value
        self.suspend()
        built = {
            layer_id
            for layer_id, (layer, parts, _) in self._watched.items()
            if _parts_with_state(layer).keys() - parts.keys()
        }
        for layer_id, (_, _, contents) in self._watched.items():
            for put_back in contents if layer_id not in built else ():
                put_back()
        for (layer_id, name), (layer, before) in self._attributes.items():
            if layer_id in built:
                continue
            if isinstance(getattr(type(layer), name, None), property):
                if before is not _MISSING:
                    setattr(layer, name, before)
            elif before is _MISSING:
                layer.__dict__.pop(name, None)
            else:
                layer.__dict__[name] = before


class HostRandom:
    """The random numbers of Python and of NumPy's global generator, from now on."""

    def __init__(self) -> None:
        self._python, self._numpy, self._made = random.getstate(), np.random.get_state(), seeds.seeds_made()

    def restore(self) -> None:
        np.random.set_state(self._numpy)
        # A layer made since then has its seed from Python's: nothing made later may get the same.
        if self._made == seeds.seeds_made():
            random.setstate(self._python)


def _parts_with_state(layer: Any) -> dict[int, Any]:
    """The layers, variables, metrics and generators in the attributes of a layer, by their ids."""
    parts: dict[int, Any] = {}
    for value in list(vars(layer).values()):
        _add_parts(value, parts)
    return parts


def _add_parts(value: Any, parts: dict[int, Any], depth: int = 0) -> None:
    if isinstance(value, (list, tuple, dict)) and depth < 5:
        for item in value.values() if isinstance(value, dict) else value:
            _add_parts(item, parts, depth + 1)
    elif isinstance(value, seeds.SeedGenerator) or hasattr(type(value), "assign") or hasattr(type(value), "variables"):
        parts[id(value)] = value


def _contents_of(layer: Any, skip: Iterable[str]) -> list[Callable[[], Any]]:
    """Functions that put back what is now in the containers, arrays and generators that the attributes of a layer hold."""
    package = type(layer).__module__.partition(".")[0]
    restorers: list[Callable[[], Any]] = []
    stack = [value for name, value in vars(layer).items() if name not in skip]
    seen = {}
    while stack:
        value = stack.pop()
        if id(value) in seen or value is None or isinstance(value, (int, float, str, type, types.FunctionType)):
            continue
        seen[id(value)] = value
        if isinstance(value, (list, deque, bytearray)):
            stack += value
            restorers.append(partial(_refill, value, value.extend, list(value)))
        elif isinstance(value, (dict, set)):
            stack += value.values() if isinstance(value, dict) else ()
            restorers.append(partial(_refill, value, value.update, value.copy()))
        elif isinstance(value, tuple):
            stack += value
        elif isinstance(value, np.ndarray):
            if value.flags.writeable and value.nbytes <= MAX_ARRAY:
                restorers.append(partial(np.copyto, value, value.copy()))
        elif isinstance(value, np.random.Generator):
            restorers.append(partial(setattr, value.bit_generator, "state", value.bit_generator.state))
        elif isinstance(value, np.random.RandomState):
            restorers.append(partial(value.set_state, value.get_state()))
        elif isinstance(value, random.Random):
            restorers.append(partial(value.setstate, value.getstate()))
        elif _is_of_the_user(value, package):
            stack += vars(value).values()
            restorers.append(partial(_refill, vars(value), vars(value).update, dict(vars(value))))
    return restorers


def _refill(container: Any, add: Callable[[Any], None], items: Any) -> None:
    container.clear()
    add(items)


def _is_of_the_user(value: Any, package: str) -> bool:
    """Whether an object, which is no layer or the like, is of a class beside that of the layer."""
    cls = type(value)
    plain = cls is types.SimpleNamespace or cls.__module__.partition(".")[0] == package
    return plain and hasattr(value, "__dict__") and not hasattr(cls, "variables") and not isinstance(value, Tensor)


def is_trial() -> bool:
    """Whether what runs is a trial, to see which shapes come out: no time to learn a moving average from its data."""
    return isinstance(tracing.state.tracer, Trial)


@contextmanager
def trial() -> Iterator[Trial]:
    """Run layers and ops to see shapes alone: no call is recorded, and what they change is put back."""
    outer = tracing.state.tracer
    if isinstance(outer, Trial):
        yield outer
        return
    own = Trial()
    try:
        with tracing.no_grad(), tracing.tracing(own), np.errstate(all="ignore"):
            yield own
    finally:
        own.restore()


@contextmanager
def outside_trial() -> Iterator[Trial | None]:
    """Suspend a trial: what a layer makes when it is built stays, models of layers and their graphs among it."""
    state = tracing.state
    before = tracer, _ = state.tracer, state.in_traced_call
    if not isinstance(tracer, Trial):
        yield None
        return
    state.tracer, state.in_traced_call = None, False
    tracer.suspend()
    try:
        yield tracer
    finally:
        tracer.resume()
        state.tracer, state.in_traced_call = before

"""What a row of the op table is, and the arrays its samples are made of. The rows are in ``rows_*.py``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

Reference = Callable[..., Any]


class F(NamedTuple):
    """Floating point numbers from ``low`` to ``high``."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0


class I(NamedTuple):  # noqa: E742
    """Integers from ``low`` up to, not including, ``below``."""

    shape: tuple[int, ...]
    below: int
    low: int = 0


class B(NamedTuple):
    """True and false."""

    shape: tuple[int, ...]


class Sample(NamedTuple):
    args: tuple[Any, ...]
    options: dict[str, Any]

    def __str__(self) -> str:
        words = [str(getattr(a, "shape", a)) for a in self.args]
        return ", ".join(words + [f"{k}={v!r}" for k, v in self.options.items()])


def call(*args: Any, **options: Any) -> Sample:
    """One call of an op: its arguments, of which ``F``, ``I`` and ``B`` stand for arrays."""
    return Sample(args, options)


@dataclass
class Row:
    """An op, calls of it, and what they must give.

    reference: a function of NumPy arrays with the same arguments. gradient: "" when the op has one, else why not.
    scalar: the op takes 0-d arrays in place of those of its first sample. empty: "" when the op takes its first sample
    with every leading 3 made 0, else why not. argnums: the arguments with a gradient (None: every floating point one).
    joined: the op takes its arguments as one list. determined: a function of the list of outputs, what of them does not depend on
    the library that computed them (None: all).
    """

    op: Callable[..., Any]
    reference: Reference
    samples: list[Sample]
    gradient: str = ""
    scalar: bool = False
    empty: str = ""
    argnums: tuple[int, ...] | None = None
    joined: bool = False
    determined: Callable[[list[Any]], list[Any]] | None = None
    name: str = field(default="")

    def __post_init__(self) -> None:
        self.name = self.name or self.op.__name__

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.op(list(args), **options) if self.joined else self.op(*args, **options)

    def expect(self, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What the reference gives."""
        return self.reference(list(args), **options) if self.joined else self.reference(*args, **options)

    def draws(self) -> Iterator[tuple[Sample, tuple[Any, ...]]]:
        """Each sample with its arguments as NumPy arrays, the same ones every time."""
        for n, sample in enumerate(self.samples):
            yield sample, draw(sample, f"{self.name}/{n}")


def draw(sample: Sample, key: str) -> tuple[Any, ...]:
    """The arguments of a sample: arrays of float64, int64 and bool, drawn from a stream named ``key``."""
    random = np.random.default_rng(crc32(key.encode()))

    def array(x: Any) -> Any:
        if isinstance(x, F):
            return np.asarray(random.uniform(x.low, x.high, x.shape))
        if isinstance(x, I):
            return np.asarray(random.integers(x.low, x.below, x.shape))
        if isinstance(x, B):
            return np.asarray(random.random(x.shape) < 0.5)
        return x

    return tuple(map(array, sample.args))


def emptied(sample: Sample) -> Sample:
    """The sample with a first axis of 0 wherever it was 3."""

    def shrink(x: Any) -> Any:
        if isinstance(x, (F, I, B)) and x.shape[:1] == (3,):
            return x._replace(shape=(0, *x.shape[1:]))
        return x

    return Sample(tuple(map(shrink, sample.args)), sample.options)


def scalars(sample: Sample) -> Sample:
    """The sample with 0-d arrays in place of all its arrays."""
    return Sample(tuple(x._replace(shape=()) if isinstance(x, (F, I, B)) else x for x in sample.args), sample.options)


# -- makers of rows ----------------------------------------------------------------------------------------------------


def unary(op: Any, reference: Reference, low: float = -2.0, high: float = 2.0, **more: Any) -> Row:
    """A function of one operand, element by element."""
    options = more.pop("calls", [{}])
    shapes = [(3, 4), (5,), (2, 1, 3)]
    samples = [call(F(s, low, high), **o) for s, o in zip(shapes, options * len(shapes))]
    samples += [call(F((3, 4), low, high), **o) for o in options[len(shapes) :]]
    return Row(op, reference, samples, scalar=True, **more)


SHAPES = [
    ((3, 4), (3, 4)), ((3, 4), (4,)), ((4,), (3, 4)), ((3, 1), (1, 4)), ((), (3, 4)), ((3, 4), ()), ((2, 1, 4), (3, 1)),
]  # fmt: skip


def binary(
    op: Any,
    reference: Reference,
    first: tuple[float, float] = (-2.0, 2.0),
    second: tuple[float, float] = (-2.0, 2.0),
    **more: Any,
) -> Row:
    """A function of two operands that broadcast: arrays of several shapes, and a number on either side."""
    samples = [call(F(a, *first), F(b, *second)) for a, b in SHAPES]
    samples += [call(F((3, 4), *first), second[1] * 0.7), call(first[1] * 0.7, F((3, 4), *second))]
    return Row(op, reference, samples, scalar=True, **more)


AXES: list[Any] = [None, 0, 1, -1, (0, 2), (-1, 0), (1,)]


def reduction(op: Any, reference: Reference, several: bool = True, keep: bool = True, **more: Any) -> Row:
    """A reduction over one axis, several, or all."""
    low, high = more.pop("low", -2.0), more.pop("high", 2.0)
    # The first sample also serves with an empty first axis, so it reduces another one.
    axes = [-1] + [a for a in AXES if several or not isinstance(a, tuple)]
    samples = [call(F((3, 2, 4), low, high), axis=a) for a in axes]
    if keep:
        samples += [call(F((3, 2, 4), low, high), axis=a, keepdims=True) for a in axes]
    samples += [call(F((5,), low, high)), call(F((3, 1), low, high), axis=1)]
    return Row(op, reference, samples, **more)


def other(op: Any, reference: Reference, *samples: Sample, **more: Any) -> Row:
    """Any other op, with its calls."""
    return Row(op, reference, list(samples), **more)


def erf(x: Any) -> Any:
    """The error function, by the standard library."""
    return np.vectorize(math.erf, otypes=[float])(x)

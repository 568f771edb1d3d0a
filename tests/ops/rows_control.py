"""The op table: branches, loops, scans, functions made of functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dualnet import ops
from dualnet.ops.core import control, functions

from .cases import F, Row, call, other


def halved(carry: Any, x: Any) -> Any:
    return carry * 0.5 + x, carry * x


def scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    turns = [None] * length if xs is None else list(xs)
    ys = []
    for x in reversed(turns) if reverse else turns:
        init, y = f(init, x)
        ys.append(y)
    return init, np.stack(ys[::-1] if reverse else ys)


def squared(carry: Any, x: Any) -> Any:
    return carry * carry, carry


def mapped(f: Any, xs: Any) -> Any:
    return np.stack([f(x) for x in xs])


def polynomial(x: Any) -> Any:
    return x * x + 2.0 * x


def fori_loop(lower: int, upper: int, body: Any, value: Any) -> Any:
    for i in range(lower, upper):
        value = body(i, value)
    return value


def small(x: Any) -> bool:
    return bool(np.sum(np.square(x if isinstance(x, np.ndarray) else x.numpy())) < 1000)


def while_loop(condition: Any, body: Any, values: Any, maximum_iterations: Any = None) -> Any:
    turns = 0
    while condition(values) and turns != maximum_iterations:
        values, turns = body(values), turns + 1
    return values


def running(f: Any, x: Any, reverse: bool = False, axis: int = 0) -> Any:
    x = np.moveaxis(x, axis, 0)
    x = x[::-1] if reverse else x
    ys = [x[0]]
    for v in x[1:]:
        ys.append(f(ys[-1], v))
    return np.moveaxis(np.stack(ys[::-1] if reverse else ys), 0, axis)


def product(a: Any, b: Any) -> Any:
    return a * b + 0.0


def branch(index: int, branches: Any, *operands: Any) -> Any:
    return branches[min(max(index, 0), len(branches) - 1)](*operands)


@dataclass
class FunctionRow(Row):
    """A row of an op that makes a function: what is made of ``made_of`` is called."""

    make: Any = None

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.op(self.make)(*args, **options)


def function_row(op: Any, make: Any, reference: Any, *samples: Any, **more: Any) -> Row:
    return FunctionRow(op, reference, list(samples), make=make, **more)


def cube(x: Any) -> Any:
    return x * x * x, lambda dy: 3.0 * x * x * dy


NOTHING = "there must be a turn"
ROWS: list[Row] = [
    other(
        control.cond,
        lambda pred, a, b: np.asarray(a() if pred else b()),
        call(True, lambda: ops.ones((3,)), lambda: ops.zeros((3,))),
        call(np.array(False), lambda: ops.ones((3,)), lambda: ops.zeros((3,))),
        gradient="that of what its functions return",
    ),
    other(control.switch, branch, *(call(i, [polynomial, lambda x: -x], F((3, 4))) for i in (0, 1, 5, -2))),
    other(
        control.scan,
        scan,
        call(halved, F((4,)), F((3, 4))),
        call(halved, F(()), F((5,)), reverse=True),
        call(squared, F((2,)), length=3),
        empty=NOTHING,
    ),
    other(control.map, mapped, call(polynomial, F((3, 4))), call(polynomial, F((2,))), empty=NOTHING),
    other(control.vectorized_map, mapped, call(polynomial, F((3, 4))), call(polynomial, F((2,))), empty=NOTHING),
    other(
        control.fori_loop,
        fori_loop,
        call(1, 4, lambda i, x: x * i + 1.0, F((3, 4))),
        call(0, 1, lambda i, x: x * 2.0, F((2,))),
    ),
    other(
        control.while_loop,
        while_loop,
        call(small, lambda x: x * 3.0, F((3, 4))),
        call(lambda x: True, lambda x: x * 0.5, F((2,)), maximum_iterations=2),
        empty="the sum of nothing never grows",
    ),
    other(
        control.associative_scan,
        running,
        *(
            call(product, F(shape), reverse=reverse, axis=axis)
            for shape, axis in (((3, 4), 0), ((3, 5), 1), ((7,), -1))
            for reverse in (False, True)
        ),
        empty="NumPy has no first of nothing",
    ),
    function_row(functions.custom_gradient, cube, lambda x: x**3, call(F((3, 4))), call(F(()))),
    function_row(
        functions.vectorize,
        lambda a, b: a * b + a,
        lambda a, b: a * b + a,
        call(F((3, 1)), F((4,))),
        call(F((2,)), F((2,))),
        empty="there must be an element",
    ),
]

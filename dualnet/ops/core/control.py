"""Branches, loops and scans: functions of functions.

They are plain Python around ops, so gradients flow through them and each step of a loop costs what its ops cost. A choice
that depends on a value on the device is made there, with ``where``; ops that read a value back to the host say so.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ... import tree
from ...core.placement import beside
from ...core.symbolic import KerasTensor
from ...core.tensor import Tensor
from ...core.variables import present_values
from .._common import Spec
from ..math.comparison import equal, where
from ..math.elementwise import cast
from ..registry import export, op
from .create import convert_to_tensor
from .indexing import _slice_axis
from .shape import concatenate, flip, ndim, reshape, shape, stack, unstack

Function = Callable[..., Any]


@export("core")
def cond(pred: Any, true_fn: Function, false_fn: Function) -> Any:
    """``true_fn()`` where ``pred`` holds, else ``false_fn()``: functions without arguments, of the same structure of tensors.

    Args:
        pred: a Python boolean, which chooses the function that is called, or a tensor without axes. A tensor is not
            read back: both functions are called and the result is selected on the device, so neither should have side
            effects. NaN and infinity in the other branch do not reach the value, but its infinite or NaN derivative
            makes the gradient NaN (0 times infinity): guard its argument, as in ``log(where(x > 0, x, 1))``. ``switch``
            is the same.

    Raises:
        ValueError: the results differ in structure or shape.
    """
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError("cond: `true_fn` and `false_fn` should be callable, functions without arguments")
    if not isinstance(pred, (Tensor, KerasTensor)) and not hasattr(pred, "device"):
        return present_values(true_fn() if pred else false_fn())
    with beside((pred,)):
        return _choose([(pred, true_fn())], false_fn(), "cond")


def _choose(cases: list[tuple[Any, Any]], otherwise: Any, name: str) -> Any:
    """The value of the first case whose predicate holds, else ``otherwise``; chosen leaf by leaf."""
    for pred, value in reversed(cases):
        shapes = [[_shape(v) for v in tree.flatten(x)] for x in (value, otherwise)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{name}: all functions should return tensors of the same shapes, got {shapes[0]} and {shapes[1]}"
            )
        with beside((pred, value, otherwise)):
            condition = cast(reshape(pred, ()), "bool") if ndim(pred) else cast(pred, "bool")

        def pick(a: Any, b: Any, condition: Any = condition) -> Any:
            return None if a is None else where(condition, a, b)

        otherwise = tree.map_structure(pick, value, otherwise)
    return otherwise


def _shape(x: Any) -> Any:
    return None if x is None else shape(x)


@export("core")
def switch(index: Any, branches: list[Function], *operands: Any) -> Any:
    """``branches[index](*operands)``; an index outside takes the first or last.

    Args:
        index: a Python integer, or a tensor without axes: then all branches are called and the result is selected on
            the device, without reading back; all must have the same structure and shapes.
    """
    if not branches:
        raise ValueError("switch: expected at least one branch, got none")
    last = len(branches) - 1
    if not isinstance(index, (Tensor, KerasTensor)) and not hasattr(index, "device"):
        return present_values(branches[min(max(int(index), 0), last)](*operands))
    with beside((index, operands)):
        results = [branch(*operands) for branch in branches]
        if not last:
            return present_values(results[0])
        cases = [(equal(index, i) if i else index <= 0, results[i]) for i in range(last)]
        return _choose(cases, results[-1], "switch")


def _leaves(elements: Any) -> list[Any]:
    leaves = tree.flatten(elements)
    if not leaves:
        raise ValueError("expected at least one tensor, got an empty structure")
    return leaves


def _slices(elements: Any) -> list[Any]:
    """The parts of a structure of tensors along their first axis, as structures of the same form."""
    parts = [unstack(x) for x in _leaves(elements)]
    lengths = {len(p) for p in parts}
    if len(lengths) > 1:
        raise ValueError(f"expected tensors with the same first dimension, got {sorted(lengths)}")
    return [tree.pack_sequence_as(elements, [p[i] for p in parts]) for i in range(lengths.pop())]


def _stacked(results: list[Any]) -> Any:
    """A list of structures as one structure of stacked tensors."""
    return tree.map_structure(lambda *leaves: None if leaves[0] is None else _stack(list(leaves)), *results)


def _stack(parts: list[Any]) -> Tensor:
    """Any number of tensors stacked: 8 at a time, for which a GPU needs no table of pointers from the host."""
    joined = [stack(parts[i : i + 8]) for i in range(0, len(parts), 8)]
    while len(joined) > 1:
        joined = [concatenate(joined[i : i + 8], axis=0) for i in range(0, len(joined), 8)]
    return joined[0]


@op("core")
def scan(
    f: Function, init: Any, xs: Any = None, /, length: int | None = None, reverse: bool = False, unroll: int | bool = 1
) -> tuple[Any, Any]:
    """A loop that carries a value along: ``carry, y = f(carry, x)`` for every slice x of ``xs`` along its first axis.

    Args:
        init: the first carry, a structure of tensors.
        xs: a structure of tensors, or None with ``length`` steps.
        reverse: from the last slice to the first.
        unroll: of no effect here.

    Returns:
        (the last carry, all y stacked, in the order of xs).
    """
    if not callable(f):
        raise TypeError(f"scan: `f` should be a callable, got {type(f).__name__}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"scan: `unroll` must be an positive integer or boolean, got {unroll}")
    if xs is None:
        if length is None:
            raise ValueError("scan: expected `xs` to scan over and/or `length`, got neither")
        steps: list[Any] = [None] * int(length)
    else:
        steps = _slices(xs)
        if length is not None and length != len(steps):
            raise ValueError(f"scan: length is {length}, but xs has {len(steps)} slices")
    if not steps:
        raise ValueError("scan: expected at least one step, got none")
    carry, ys = tree.map_structure(convert_to_tensor, init), []
    for x in reversed(steps) if reverse else steps:
        carry, y = f(carry, x)
        ys.append(y)
    return present_values(carry), _stacked(ys[::-1] if reverse else ys)


@op("core")
def map(f: Function, xs: Any, /) -> Any:
    """``f`` of every slice of ``xs`` along its first axis, the results stacked.  xs: a structure of tensors (n, ...)"""
    if not callable(f):
        raise TypeError(f"map: `f` should be a callable, got {type(f).__name__}")
    return _mapped(f, xs)


@op("core", call=("elements",))
def vectorized_map(function: Function, elements: Any) -> Any:
    """Same as ``map``: a loop, not vectorized here."""
    return _mapped(function, elements)


def _mapped(f: Function, xs: Any) -> Any:
    slices = _slices(xs)
    if not slices:
        raise ValueError("map: expected at least one slice, got none")
    return _stacked([f(x) for x in slices])


@op("core", call=("init_val",))
def fori_loop(lower: int, upper: int, body_fun: Function, init_val: Any) -> Any:
    """``val = body_fun(i, val)`` for i in [lower, upper).  Bounds that are tensors are read back."""
    value = init_val
    for i in range(operator.index(lower), operator.index(upper)):
        value = body_fun(i, value)
    return present_values(value)


def _while_loop_shape(cond: Function, body: Function, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    return tree.map_structure(lambda x: Spec(shape(x), str(x.dtype)), loop_vars)


@op("core", call=("loop_vars",), shape=_while_loop_shape)
def while_loop(cond: Function, body: Function, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """``loop_vars = body(*loop_vars)`` as long as ``cond(*loop_vars)`` holds, ``maximum_iterations`` times at most.

    The result of ``cond`` is read back at every iteration: on a GPU the host waits, which no training step should do;
    ``fori_loop`` and ``scan`` do not wait.

    Args:
        loop_vars: a tuple or list of tensors, or one.
    """
    several = isinstance(loop_vars, (tuple, list))
    values = tuple(tree.map_structure(convert_to_tensor, v) for v in (loop_vars if several else (loop_vars,)))
    steps = 0
    while (maximum_iterations is None or steps < maximum_iterations) and bool(cond(*values)):
        results = body(*values)
        values = tuple(results) if isinstance(results, (tuple, list)) else (results,)
        steps += 1
    values = present_values(values)
    return (type(loop_vars)(values) if type(loop_vars) in (tuple, list) else values) if several else values[0]


@op("core")
def associative_scan(f: Function, elems: Any, /, reverse: bool = False, axis: int = 0) -> Any:
    """All running results of an associative ``f`` along ``axis``: x_0, f(x_0, x_1), f(f(x_0, x_1), x_2) ...

    Takes log2(n) calls of f.

    Args:
        f: a function of two structures of tensors, of any length along ``axis``, that combines them element by element.
        elems: a structure of tensors (the same length along ``axis``).
        reverse: from the last to the first.
    """
    if not callable(f):
        raise TypeError(f"associative_scan: `f` should be a callable, got {type(f).__name__}")
    leaves = [convert_to_tensor(x) for x in _leaves(elems)]
    lengths = [shape(x)[axis] for x in leaves]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"associative_scan: tensors must have the same first dimension (that of axis {axis}), got {lengths}"
        )
    if reverse:
        leaves = [flip(x, axis) for x in leaves]

    def packed(xs: list[Any]) -> Any:
        return tree.pack_sequence_as(elems, xs)

    distance = 1
    while distance < lengths[0]:
        before = [_slice_axis(x, axis, None, -distance) for x in leaves]
        after = [_slice_axis(x, axis, distance, None) for x in leaves]
        results = tree.flatten(f(packed(before), packed(after)))
        unchanged = [_slice_axis(x, axis, None, distance) for x in leaves]
        leaves = [concatenate(pair, axis=axis) for pair in zip(unchanged, results)]
        distance *= 2
    return packed([flip(x, axis) for x in leaves] if reverse else leaves)

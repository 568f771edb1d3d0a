"""Axes, shapes, sizes and permutations as lists, as NumPy's integers and as arrays of them: the same as tuples and ints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import ops, tree
from dualnet.core.tensor import Tensor

from .harness import ROWS, Row, host, tensors


def _number(x: Any) -> Any:
    return np.int64(x) if type(x) is int and abs(x) < 2**31 else x


def as_lists(x: Any) -> Any:
    return list(map(as_lists, x)) if type(x) is tuple else x


def as_numbers(x: Any) -> Any:
    return tuple(map(as_numbers, x)) if type(x) is tuple else _number(x)


def as_arrays(x: Any) -> Any:
    return np.array(x) if type(x) is tuple and x and all(type(n) is int for n in x) else as_numbers(x)


def _has_integers(sample: Any) -> bool:
    return any(type(x) is int for x in tree.flatten(list(sample.options.values())))


CHANGES = {"lists": as_lists, "numbers": as_numbers, "arrays": as_arrays}
WITH_INTEGERS = [row for row in ROWS if any(map(_has_integers, row.samples))]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("row", WITH_INTEGERS, ids=lambda row: row.name)
def test_options_of_the_op_table(backend: Backend, row: Row, change: Callable[[Any], Any]) -> None:
    for sample, args in row.draws():
        if _has_integers(sample):
            changed = {name: x if name == "key" else change(x) for name, x in sample.options.items()}
            results = [host(backend, row(*tensors(backend, args), **o)) for o in (sample.options, changed)]
            for expected, y in zip(*results, strict=True):
                np.testing.assert_array_equal(y, expected, str(sample))


CALLS: dict[str, Callable[[Tensor, Callable[[Any], Any]], Any]] = {
    "reshape": lambda x, c: ops.reshape(x, c((4, 3))),
    "transpose": lambda x, c: ops.transpose(x, c((1, 0))),
    "expand_dims": lambda x, c: ops.expand_dims(x, c((0, 2))),
    "expand_dims of one": lambda x, c: ops.expand_dims(x, c(1)),
    "squeeze": lambda x, c: ops.squeeze(x[None], c((0,))),
    "flip": lambda x, c: ops.flip(x, c((0, 1))),
    "roll": lambda x, c: ops.roll(x, c((1, 2)), c((0, 1))),
    "moveaxis": lambda x, c: ops.moveaxis(x, c((0, 1)), c((1, 0))),
    "swapaxes": lambda x, c: ops.swapaxes(x, c(0), c(1)),
    "broadcast_to": lambda x, c: ops.broadcast_to(x, c((2, 3, 4))),
    "tile": lambda x, c: ops.tile(x, c((2, 1))),
    "repeat": lambda x, c: ops.repeat(x, c(2), c(0)),
    "pad": lambda x, c: ops.pad(x, c(((1, 2), (0, 1)))),
    "split": lambda x, c: ops.split(x, c((1, 3)), c(1)),
    "sum": lambda x, c: ops.sum(x, c((0, 1))),
    "max": lambda x, c: ops.max(x, axis=c((1,))),
    "var": lambda x, c: ops.var(x, axis=c((0, 1)), keepdims=True),
    "median": lambda x, c: ops.median(x, axis=c((0, 1))),
    "argmax": lambda x, c: ops.argmax(x, c(1)),
    "cumsum": lambda x, c: ops.cumsum(x, c(1)),
    "sort": lambda x, c: ops.sort(x, c(0)),
    "take": lambda x, c: ops.take(x, [0, 1], c(1)),
    "stack": lambda x, c: ops.stack([x, x], c(1)),
    "concatenate": lambda x, c: ops.concatenate([x, x], c(1)),
    "norm": lambda x, c: ops.norm(x, axis=c((0, 1))),
    "tensordot": lambda x, c: ops.tensordot(x, x, axes=c(((0, 1), (0, 1)))),
    "softmax": lambda x, c: ops.softmax(x, c((0, 1))),
    "moments": lambda x, c: ops.moments(x, axes=c((0, 1))),
    "full": lambda x, c: ops.full(c((2, 3)), 1.0),
    "zeros": lambda x, c: ops.zeros(c((2, 3))),
    "pooling": lambda x, c: ops.max_pool(x[None, :, :, None], c((2, 2)), c((1, 2))),
    "convolution": lambda x, c: ops.conv(x[None, :, :, None], ops.ones((2, 2, 1, 1)), strides=c((1, 2))),
    "resize": lambda x, c: ops.image.resize(x[:, :, None], c((2, 2))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_options_by_position(backend: Backend, call: Any, change: Callable[[Any], Any]) -> None:
    x = Tensor(backend.asarray(np.random.default_rng(0).random((3, 4)).astype("float32")))
    for expected, y in zip(host(backend, call(x, lambda c: c)), host(backend, call(x, change)), strict=True):
        np.testing.assert_array_equal(y, expected)


def test_a_key_keeps_its_meaning(backend: Backend) -> None:
    """A list as an index chooses rows, a tuple goes along the axes."""
    x = ops.reshape(ops.arange(6), (2, 3))
    assert x[[0, 1]].shape == (2, 3)
    assert x[0, 1].shape == ()

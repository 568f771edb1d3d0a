"""The backend contract: same methods, same signatures, and every override computes what its reference does.

A kernel without a row in ``KERNELS`` fails ``test_every_kernel_has_a_row``; a new backend is picked up by the fixture.
"""

from __future__ import annotations

import importlib.util
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend
from dualnet_backends.cpu.backend import CHUNK, UPDATE_CHUNK, NumpyBackend
from dualnet_backends.cpu.compiled import NumbaBackend
from dualnet_backends.kernels.activation import IN_PLACE
from dualnet_backends.kernels.attention import Attended, Weighted
from dualnet_backends.kernels.convolution import After
from dualnet_backends.kernels.pooling import Axis
from dualnet_backends.kernels.sparse import Pattern

import dualnet
from dualnet import tree
from dualnet.ops.nn import regression_loss
from dualnet.ops.nn.activation import FROM_OUTPUT

from .strict import StrictBackend

CLASSES: list[type[Backend]] = [NumpyBackend, NumbaBackend, StrictBackend]
if importlib.util.find_spec("cupy"):
    from dualnet_backends.gpu.backend import CupyBackend

    CLASSES.append(CupyBackend)

ABSTRACT = {"asarray", "to_numpy", "synchronize"}
# What a backend may have beyond the contract.
EXTRA = {"activate": "makes a GPU current for the thread", "index": "the number of the GPU"}
NO_KERNELS = {"raise_for_invalid_ids", "forget_invalid_ids", "computing", "split", "for_each"}
NO_KERNELS |= {"recording", "memory", "is_out_of_memory"}
KEY = (0x0123456789ABCDEF, 0xFEDCBA9876543210)


def public(cls: type) -> dict[str, Any]:
    """The methods of ``Backend``, or what a backend defines itself; in both cases with the mix-ins it is made of."""
    inherited = {object} if cls is Backend else set(Backend.__mro__)
    members = {n: m for c in reversed(cls.__mro__) if c not in inherited for n, m in vars(c).items()}
    return {n: m for n, m in members.items() if not n.startswith("_") and inspect.isfunction(m)}


@pytest.mark.parametrize("cls", CLASSES)
def test_methods_and_signatures(cls: type[Backend]) -> None:
    contract = public(Backend)
    for name, method in public(cls).items():
        if name in EXTRA:
            continue
        assert name in contract, (
            f"{cls.__name__}.{name} is not in the contract: add it to Backend, with a reference implementation"
        )
        ours, theirs = (inspect.signature(m).parameters.values() for m in (method, contract[name]))
        assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]
    for name in ("name", "xp", "array_type"):
        assert hasattr(cls, name)


def test_what_a_third_backend_must_define() -> None:
    """One new file: four attributes and three methods; the strict device is such a backend."""
    raising = set()
    for name, method in public(Backend).items():
        if "raise NotImplementedError" in inspect.getsource(method):
            raising.add(name)
    assert raising == ABSTRACT
    own = {name for name in vars(StrictBackend) if not name.startswith("_")}
    assert own == ABSTRACT | {"name", "device", "xp", "array_type"}


# -- the kernels: name -> (arguments as NumPy arrays for a size and a dtype, relative tolerance; 0 is bit for bit) --------

Arguments = Callable[[np.random.Generator, int, str], tuple[Any, ...]]


def floats(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    return random.normal(size=shape).astype(dtype)


def optimizer(random: np.random.Generator, n: int, dtype: str, slots: int) -> list[Any]:
    """w, g, and slots that are never negative"""
    return [floats(random, (n,), dtype) for _ in range(2)] + [np.abs(floats(random, (n,), dtype)) for _ in range(slots)]


def numbers(dtype: str, *values: float) -> list[Any]:
    """As a captured step passes them."""
    return [np.asarray(x, dtype) for x in values]


def factored(shape: tuple[int, ...], on_device: bool) -> Arguments:
    """The arguments of ``adafactor`` for a weight of n + 1 rows: there is no mean of none."""

    def make(r: np.random.Generator, n: int, d: str) -> tuple[Any, ...]:
        full = (*shape[:-1], n + 1, *shape[-1:])
        w, g, v = (floats(r, full, d) for _ in range(3))
        rows, columns = (np.abs(floats(r, s, d)) for s in ((full[:-1], (*full[:-2], full[-1])) if shape else ((), ())))
        scalars = numbers(d, 0.01, 0.3, 0.7) if on_device else [0.01, 0.3, 0.7]
        return w, g, rows, columns, np.abs(v), *scalars, 1e-30, 1e-3, 0.9, 0.99 if on_device else None

    return make


# x, kernel, strides, padding, dilation and groups of convolutions; 0 stands for the number of samples
CONVOLUTIONS: list[tuple[Any, ...]] = [
    ((0, 8, 9, 3), (3, 2, 3, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((0, 7, 6, 1), (3, 3, 1, 5), (2, 1), ((1, 1), (0, 2)), (1, 1), 1),
    ((0, 9, 2), (4, 2, 3), (1,), ((3, 0),), (1,), 1),
    ((0, 6, 5, 4), (2, 3, 4, 2), (1, 1), ((0, 0), (1, 1)), (2, 1), 1),
    ((0, 5, 6, 4), (2, 2, 2, 6), (1, 2), ((0, 1), (0, 0)), (1, 1), 2),
    ((0, 6, 6, 3), (3, 3, 1, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
    ((0, 7, 6, 3), (3, 2, 1, 3), (2, 2), ((1, 0), (0, 0)), (1, 1), 3),
    ((0, 3, 4, 3, 2), (2, 2, 1, 2, 3), (1, 1, 1), ((0, 0), (1, 0), (0, 0)), (1, 1, 1), 1),
    ((0, 7, 6, 8), (1, 1, 8, 12), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((0, 40, 3), (1, 3, 70), (1,), ((0, 0),), (1,), 1),
]


def convolution(number: int, part: str) -> Arguments:
    """The arguments of a kernel in the ``number``-th convolution: "" forward, "input" or "kernel" for the gradients."""
    x, w, *geometry = CONVOLUTIONS[number]
    strides, padding, dilation, _ = geometry
    axes = zip(x[1:], w[:-2], strides, padding, dilation)
    inner = [(n + sum(pad) - (k - 1) * d - 1) // s + 1 for n, k, s, pad, d in axes]

    def make(r: np.random.Generator, n: int, d: str) -> tuple[Any, ...]:
        images, kernel = (n, *x[1:]), floats(r, w, d)
        if part == "":
            bias = floats(r, w[-1:], d) if number % 2 else None
            after = After(floats(r, w[-1:], d), floats(r, w[-1:], d), (None, "relu", "relu6")[number % 3])
            return (floats(r, images, d), kernel, bias, *geometry, *([after] if number % 4 > 1 else []))
        dy = floats(r, (n, *inner, w[-1]), d) / 100  # a sum over many pixels, of ordinary size
        return (dy, kernel, images, *geometry) if part == "input" else (floats(r, images, d), dy, w, *geometry)

    return make


def activated_convolution(number: int, activation: str) -> Arguments:
    def make(r: np.random.Generator, n: int, d: str) -> tuple[Any, ...]:
        x, w, b, *geometry = convolution(number, "")(r, n, d)
        return x, w, b, activation, *geometry[:4]

    return make


def recurrent(gates: int, states: int, *options: Any, steps: int = 4, units: int = 6, bias: tuple[int, ...] | None = (),
              mask: bool = False, dropped: bool = False) -> Arguments:  # fmt: skip
    """The arguments of a recurrent kernel for a batch of n."""

    def make(r: np.random.Generator, n: int, d: str) -> tuple[Any, ...]:
        columns = gates * units
        return (
            floats(r, (n, steps, 3), d),
            *(floats(r, (n, units), d) for _ in range(states)),
            floats(r, (3, columns), d),
            floats(r, (units, columns), d) / units**0.5,
            None if bias is None else floats(r, (*bias, columns), d),
            r.random((n, steps)) < 0.6 if mask else None,
            r.random((n, units)).astype(d) * 2 if dropped else None,
            *options,
        )

    return make


# keywords of ``Attended``, and the shapes of the arrays: heads, queries to each, queries, keys; 0 stands for the number of samples
ATTENTIONS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({}, (0, 3, 2, 5, 7)),
    ({"causal": True, "masks": ((1, 1, 1, 5, 5),)}, (0, 2, 1, 5, 5)),
    ({"window": 2, "causal": True, "cap": 1.5}, (2, 1, 2, 0, 9)),
    ({"window": 3, "offset": 1, "masks": ((2, 1, 1, 1, 4), (1, 2, 2, 0, 1))}, (2, 2, 2, 4, 0)),
    ({"bias": (1, 3, 1, 7, 1)}, (0, 3, 2, 6, 7)),
]


def attention(number: int, gradients: bool) -> Arguments:
    """The arguments of a kernel of attention."""
    keywords, sizes = ATTENTIONS[number]

    def make(r: np.random.Generator, n: int, d: str) -> tuple[Any, ...]:
        batch, heads, group, t, s = (min(n, 70) if size == 0 else size for size in sizes)
        shapes = (batch, t, heads, group, 3), (batch, s, heads, 3), (batch, s, heads, 2)
        options = dict(keywords)
        if "bias" in options:
            options["bias"] = floats(r, options["bias"], d)
        masks = [tuple(s if size == 0 else size for size in shape) for shape in options.get("masks", ())]
        options["masks"] = tuple(r.random(shape) < 0.8 for shape in masks)
        attended = Attended(*(floats(r, shape, d) for shape in shapes), 0.7, **options)
        if not gradients:
            return (attended,)
        return (attended, NumpyBackend().attention(attended), floats(r, (batch, t, heads, group, 2), d), True)

    return make


# shapes, and the axes from the last one on: (at, length, size, stride, windows, before, after); 0 stands for the number of samples
POOLS: list[tuple[tuple[int, ...], list[Axis]]] = [
    ((0, 6, 4, 3), [Axis(2, 4, 2, 2, 2, 0, 0), Axis(1, 6, 3, 3, 2, 0, 0)]),
    ((0, 7, 5, 2), [Axis(2, 5, 3, 1, 5, 1, 1), Axis(1, 7, 3, 2, 4, 1, 1)]),
    ((0, 2, 7, 6), [Axis(3, 6, 3, 2, 2, 0, 0), Axis(2, 7, 2, 3, 2, 0, 0)]),
    ((0, 9, 3), [Axis(1, 9, 4, 3, 3, 0, 1)]),
    ((0, 4, 3, 5, 2), [Axis(3, 5, 2, 1, 4, 0, 0), Axis(2, 3, 1, 1, 3, 0, 0), Axis(1, 4, 2, 2, 2, 0, 0)]),
]


def pool(number: int, steps: int) -> Arguments:
    """The arguments of pooling. steps: 4 for values of which many are equal, 0 for any."""
    shape, axes = POOLS[number]
    return lambda r, n, d: (
        r.integers(0, steps, (n, *shape[1:])).astype(d) if steps else floats(r, (n, *shape[1:]), d),
        axes,
    )


# shapes, and the axes of adaptive pooling from the last one on: (axis, outputs)
ADAPTIVE: list[tuple[tuple[int, ...], list[tuple[int, int]]]] = [
    ((0, 6, 4, 3), [(2, 2), (1, 3)]),
    ((0, 2, 7, 5), [(3, 4), (2, 3)]),
    ((0, 5, 2), [(1, 9)]),
    ((0, 3, 5, 4, 2), [(3, 1), (2, 2), (1, 3)]),
]


def adaptive_pool(number: int, steps: int) -> Arguments:
    shape, axes = ADAPTIVE[number]
    return lambda r, n, d: (
        r.integers(0, steps, (n, *shape[1:])).astype(d) if steps else floats(r, (n, *shape[1:]), d),
        axes,
    )


def sparse(n: int, m: int, width: int) -> Arguments:
    """The arguments of a product with a sparse matrix (n, m), whose number of entries is the size. Some rows have none."""

    def make(r: np.random.Generator, entries: int, d: str) -> tuple[Any, ...]:
        rows = np.sort(r.integers(0, n, entries) // 2 * 2)
        pattern = Pattern(rows, r.integers(0, m, entries), np.searchsorted(rows, np.arange(n + 1)))
        return pattern, floats(r, (entries,), d), floats(r, (m, width), d)

    return make


RECURRENT: dict[str, list[Arguments]] = {
    "lstm": [recurrent(4, 2), recurrent(4, 2, False, mask=True), recurrent(4, 2, True, True, mask=True, dropped=True),
             recurrent(4, 2, bias=None, dropped=True), recurrent(4, 2, False, steps=1, units=1), recurrent(4, 2, steps=20, mask=True),
             recurrent(4, 2, steps=2, units=128)],
    "gru": [recurrent(3, 1), recurrent(3, 1, bias=(2,)), recurrent(3, 1, True, False, bias=(2,), mask=True),
            recurrent(3, 1, True, True, True, bias=None, mask=True, dropped=True), recurrent(3, 1, False), recurrent(3, 1, False, bias=None),
            recurrent(3, 1, False, False, mask=True), recurrent(3, 1, False, True, True, mask=True, dropped=True),
            recurrent(3, 1, bias=(2,), steps=1, units=1), recurrent(3, 1, steps=20, bias=(2,), dropped=True),
            recurrent(3, 1, bias=(2,), steps=2, units=160), recurrent(3, 1, False, steps=2, units=160)],
    "simple_rnn": [recurrent(1, 1), recurrent(1, 1, FROM_OUTPUT["relu"], False, mask=True),
                   recurrent(1, 1, None, True, True, mask=True, dropped=True), recurrent(1, 1, FROM_OUTPUT["linear"], bias=None, dropped=True),
                   recurrent(1, 1, None, False, steps=1, units=1)],
}  # fmt: skip


KERNELS: dict[str, tuple[list[Arguments], float]] = {
    "matmul": ([lambda r, n, d: (floats(r, (n, 5), d), floats(r, (5, 3), d)),
                lambda r, n, d: (floats(r, (2, 3, n), d), floats(r, (n, 4), d))], 1e-5),
    "affine": ([lambda r, n, d: (floats(r, (n, 5), d), floats(r, (5, 3), d), floats(r, (3,), d)),
                lambda r, n, d: (floats(r, (2, n, 5), d), floats(r, (5, 3), d), None),
                lambda r, n, d: (floats(r, (n, 5), d), floats(r, (5, 300), d), floats(r, (300,), d), "relu"),
                lambda r, n, d: (floats(r, (n, 5), d), floats(r, (5, 3), d), None, "tanh")], 1e-5),
    "add_bias": ([lambda r, n, d: (floats(r, (n, 5), d), floats(r, (5,), d)),
                  *(lambda r, n, d, name=name: (floats(r, (2, n, 3), d), floats(r, (3,), d), name) for name in IN_PLACE),
                  lambda r, n, d: (floats(r, (3, n), d), floats(r, (n,), d), "relu"),
                  lambda r, n, d: (floats(r, (n, 300), d), None, "elu")], 1e-6),
    "relu": ([lambda r, n, d: (floats(r, (n, 5), d),), lambda r, n, d: (floats(r, (3, n, 2), d),)], 0),
    "clip": ([lambda r, n, d: (floats(r, (n,), d), -0.5, 1), lambda r, n, d: (floats(r, (n, 200), d), 0, 0.5)], 0),
    "total": ([lambda r, n, d: (floats(r, (n,), d),), lambda r, n, d: (floats(r, (n, 3), d), max(n, 1)),
               lambda r, n, d: (floats(r, (n, 3), d), 2.0, floats(r, (n, 1), d)),
               lambda r, n, d: (floats(r, (11, n), d), 7, floats(r, (11, n), d)),
               lambda r, n, d: (floats(r, (n, 3), d), 2.0, floats(r, (1, 3), d))], 1e-4),
    "total_gradient": ([lambda r, n, d: (floats(r, (), d), 3.0, floats(r, (n, 5), d)),
                        lambda r, n, d: (floats(r, (), d), 3.0, floats(r, (n, 5), d), floats(r, (n, 1), d))], 1e-6),
    "activation_gradients": ([
        lambda r, n, d: (FROM_OUTPUT["relu"], floats(r, (n, 5), d).clip(0), floats(r, (n, 5), d) / 30),
        lambda r, n, d: (FROM_OUTPUT["tanh"], floats(r, (2, n, 40), d).clip(-1, 1), floats(r, (2, n, 40), d) / 30, "sum_rows",
                         floats(r, (40,), d)),
        lambda r, n, d: (FROM_OUTPUT["elu"], floats(r, (n, 3), d).clip(-1), floats(r, (n, 3), d) / 30, "conv_bias_gradient"),
        lambda r, n, d: (FROM_OUTPUT["linear"], floats(r, (n, 3), d), floats(r, (n, 3), d) / 30, "conv_bias_gradient"),
        lambda r, n, d: (FROM_OUTPUT["relu"], floats(r, (n, 3), d), floats(r, (n, 3), d), None)], 2e-5),
    "relu_gradient": ([lambda r, n, d: (floats(r, (n, 5), d).clip(0), floats(r, (n, 5), d))], 0),
    "elementwise": ([lambda r, n, d: (inspect.unwrap(dualnet.ops.silu.primitive), floats(r, (n, 5), d)),
                     lambda r, n, d: (inspect.unwrap(dualnet.ops.leaky_relu.primitive), floats(r, (n,), d), 0.3)], 1e-6),
    "pairwise": ([lambda r, n, d: (inspect.unwrap(regression_loss.huber.primitive), 1e-7, floats(r, (n, 5), d), floats(r, (n, 5), d), 0.5),
                  lambda r, n, d: (inspect.unwrap(regression_loss.log_cosh.primitive), 1e-7, r.integers(0, 3, (n, 1)), floats(r, (n, 1), d))],
                 1e-6),
    "sum_rows": ([lambda r, n, d: (floats(r, (n, 3), d),), lambda r, n, d: (floats(r, (2, n, 3), d),)], 1e-4),  # of 2046 rows
    "conv": ([convolution(i, "") for i in range(len(CONVOLUTIONS))], 1e-5),
    "scale_and_shift": ([
        lambda r, n, d: (floats(r, (n, 5), d), floats(r, (5,), d), floats(r, (5,), d)),
        lambda r, n, d: (floats(r, (n, 200), d), floats(r, (200,), d), floats(r, (200,), d), "relu"),
        lambda r, n, d: (floats(r, (2, 3, n), d), floats(r, (3, 1), d) * 9, floats(r, (3, 1), d), "relu6")], 1e-6),
    "activated_conv": ([activated_convolution(i, act) for i, act in enumerate(("relu", "tanh", "elu", "linear", "relu", "tanh", "elu"))], 1e-5),
    "conv_input_gradient": ([convolution(i, "input") for i in range(len(CONVOLUTIONS))], 1e-5),
    "conv_kernel_gradient": ([convolution(i, "kernel") for i in range(len(CONVOLUTIONS))], 5e-5),  # of 42,966 pixels
    "conv_bias_gradient": ([lambda r, n, d: (floats(r, (n, 5, 4, 3), d) / 10,), lambda r, n, d: (floats(r, (n, 7, 2), d) / 10,)], 1e-4),
    "max_pool": ([pool(i, i % 2 * 4) for i in range(len(POOLS))], 0),
    "average_pool": ([pool(i, 0) for i in range(len(POOLS))], 1e-6),
    "adaptive_max_pool": ([adaptive_pool(i, i % 2 * 4) for i in range(len(ADAPTIVE))], 0),
    "adaptive_average_pool": ([adaptive_pool(i, 0) for i in range(len(ADAPTIVE))], 1e-6),
    "read_slice": ([lambda r, n, d: (floats(r, (n, 5, 3), d), (slice(None), slice(0, 5, 2))),
                    lambda r, n, d: (floats(r, (2, n, 40), d), (slice(None), slice(1, None, 3)))], 0),
    "write_slice": ([lambda r, n, d: (floats(r, (n, 5, 3), d), (slice(None), slice(0, 5, 2)), floats(r, (n, 3, 3), d)),
             lambda r, n, d: (floats(r, (n, 5, 3), d), (slice(None), slice(1, 5, 2)), floats(r, (n, 2, 3), d), r.random((n, 2, 3)) < 0.5),
             lambda r, n, d: (floats(r, (4, 40), d), (slice(0, 3, 2),), floats(r, (2, 40), d), r.random((2, 40)) < 0.5)], 0),
    "attention": ([attention(i, False) for i in range(len(ATTENTIONS))], 2e-5),
    "attention_gradients": ([attention(i, True) for i in range(len(ATTENTIONS))], 1e-4),
    "batch_norm": ([
        lambda r, n, d: (floats(r, (n, 5), d) + 2, floats(r, (5,), d), floats(r, (5,), d), 1, 1e-3, floats(r, (5,), d), floats(r, (5,), d)),
        lambda r, n, d: (floats(r, (2, n, 3), d), None, None, 2, 1e-3),
        lambda r, n, d: (floats(r, (4, 3, n), d), floats(r, (3,), d), None, 1, 0.1, floats(r, (3,), d), floats(r, (3,), d), 0.5),
        lambda r, n, d: (floats(r, (n, 70), d), floats(r, (70,), d), floats(r, (70,), d), 1, 1e-3),
        lambda r, n, d: (floats(r, (n, 9, 11, 3), d), floats(r, (3,), d), None, 3, 1e-3, floats(r, (3,), d), floats(r, (3,), d)),
        lambda r, n, d: (floats(r, (2, 3, 11 * n), d), None, floats(r, (3,), d), 1, 1e-3, floats(r, (3,), d), floats(r, (3,), d))], 1e-5),
    "batch_norm_inference": ([
        lambda r, n, d: (floats(r, (n, 5), d), *(floats(r, (5,), d) for _ in range(4)), 1),
        lambda r, n, d: (floats(r, (n, 200), d), *(floats(r, (200,), d) for _ in range(4)), 1),
        lambda r, n, d: (floats(r, (n, 200), d), *(floats(r, (200,), d) for _ in range(4)), 1, "relu"),
        lambda r, n, d: (floats(r, (n, 5), d), *(floats(r, (5,), d) * 9 for _ in range(4)), 1, "relu6"),
        lambda r, n, d: (floats(r, (2, 3, n), d), floats(r, (3,), d), floats(r, (3,), d), None, None, 1, "relu6"),
        lambda r, n, d: (floats(r, (2, 3, n), d), floats(r, (3,), d), floats(r, (3,), d), None, None, 1)], 1e-5),
    "batch_norm_gradients": ([
        lambda r, n, d: (floats(r, (n, 5), d) / 30, floats(r, (n, 5), d), floats(r, (5,), d), 1, floats(r, (5,), d), floats(r, (5,), d)),
        lambda r, n, d: (floats(r, (n, 5), d) / 30, floats(r, (n, 5), d), None, 1, floats(r, (5,), d), floats(r, (5,), d), False),
        lambda r, n, d: (floats(r, (2, 3, n), d) / 30, floats(r, (2, 3, n), d), floats(r, (3,), d), 1, floats(r, (3,), d), floats(r, (3,), d)),
        lambda r, n, d: (floats(r, (n, 5), d) / 30, floats(r, (n, 5), d), floats(r, (5,), d), 1, floats(r, (5,), d), floats(r, (5,), d), True,
                         floats(r, (5,), d), floats(r, (5,), d))], 1e-5),
    "standardize": ([
        lambda r, n, d: (floats(r, (n, 5), d) + 2, floats(r, (1, 5), d), floats(r, (1, 5), d), (1,), 1e-3),
        lambda r, n, d: (floats(r, (n, 33), d) + 2, floats(r, (1, 33), d), floats(r, (1, 33), d), (1,), 1e-3),
        lambda r, n, d: (floats(r, (n, 70), d), floats(r, (1, 70), d), None, (1,), 1e-3, False),
        lambda r, n, d: (floats(r, (2, n, 16), d), None, None, (2,), 1e-3),
        lambda r, n, d: (floats(r, (n, 17, 2, 3), d), floats(r, (1, 1, 2, 3), d), floats(r, (1, 1, 2, 3), d), (1, 3), 1e-3),
        lambda r, n, d: (floats(r, (n, 17), d), None, floats(r, (1, 17), d), (1,), 1e-3),
        lambda r, n, d: (floats(r, (n, 2, 3, 4), d), floats(r, (1, 2, 3, 1), d), floats(r, (1, 2, 3, 1), d), (2, 3), 1e-3),
        lambda r, n, d: (floats(r, (3, 4, n), d), floats(r, (1, 4, 1), d), None, (0, 1), 1e-3),
        lambda r, n, d: (floats(r, (n, 3, 5), d), floats(r, (1, 3, 1), d), floats(r, (1, 1, 5), d), (1, 2), 1e-3)], 1e-5),
    "standardize_gradients": ([
        lambda r, n, d: (floats(r, (n, 5), d), floats(r, (n, 5), d), floats(r, (n, 1), d), floats(r, (1, 5), d), (1,), (1,)),
        lambda r, n, d: (floats(r, (n, 33), d) / 30, floats(r, (n, 33), d), floats(r, (n, 1), d), floats(r, (1, 33), d), (1,), (1,)),
        lambda r, n, d: (floats(r, (n, 70), d) / 30, floats(r, (n, 70), d), floats(r, (n, 1), d), floats(r, (1, 70), d), (1,), (1,), False,
                         (None, None, False)),
        lambda r, n, d: (floats(r, (2, n, 16), d), floats(r, (2, n, 16), d), floats(r, (2, n, 1), d), None, (2,), (2,), True,
                         (None, False, False)),
        lambda r, n, d: (floats(r, (2, n, 16), d) / 30, floats(r, (2, n, 16), d), floats(r, (2, n, 1), d), None, (2,), (2,), True,
                         (False, False, None)),
        lambda r, n, d: (floats(r, (n, 17, 2, 3), d) / 30, floats(r, (n, 17, 2, 3), d), floats(r, (n, 1, 2, 1), d), floats(r, (1, 1, 2, 3), d),
                         (1, 3), (2, 3)),
        lambda r, n, d: (floats(r, (n, 2, 3, 4), d) / 30, floats(r, (n, 2, 3, 4), d), floats(r, (n, 2, 1, 1), d), floats(r, (1, 2, 3, 1), d),
                         (2, 3), (1, 2), True, (None, floats(r, (2, 3), d), None))], 5e-5),
    "store": ([lambda r, n, d: (floats(r, (n + 1,), d), np.array(n // 2), np.array(r.normal(), d))], 0),
    "take": ([lambda r, n, d: (floats(r, (7, 2), d), r.integers(0, 7, n))], 0),
    "lookup": ([lambda r, n, d: (floats(r, (7, 2), d), r.integers(0, 7, n)),
                lambda r, n, d: (floats(r, (7,), d), r.integers(0, 7, (n, 2)).astype("int32"))], 0),
    "valid_ids": ([lambda r, n, d: (r.integers(0, 7, n), 7, "ids"), lambda r, n, d: (r.integers(0, 7, (n, 2)).astype("int32"), 7, "ids")], 0),
    "require": ([lambda r, n, d: (np.ones(n, bool), "ids"), lambda r, n, d: (np.ones((n, 2), bool), "labels")], 0),
    "scatter_add": ([lambda r, n, d: (floats(r, (7, 2), d), r.integers(0, 7, n), floats(r, (n, 2), d)),
                     lambda r, n, d: (floats(r, (7,), d), r.integers(0, 7, n), floats(r, (n,), d))], 1e-5),
    "sparse_matmul": ([sparse(50, 7, 3), sparse(7, 60, 1), sparse(1, 5, 600), sparse(9, 4, 0), sparse(2, 3, 300)], 1e-4),
    "order": ([lambda r, n, d: (r.integers(-5, 6, n),), lambda r, n, d: (r.integers(0, 999, 3 * n).astype("int32"),)], 0),
    "add_at": ([lambda r, n, d: (floats(r, (7, 2), d), r.integers(-7, 7, n), floats(r, (n, 2), d)),
                lambda r, n, d: (floats(r, (3, 5, 2), d), (slice(None), r.integers(0, 5, (n, 2)), slice(1)), floats(r, (3, n, 2, 1), d)),
                lambda r, n, d: (floats(r, (3, 5), d), (r.integers(0, 3, n), 1), floats(r, (n,), d)),
                lambda r, n, d: (floats(r, (7, 2), d), r.integers(0, 7, n), floats(r, (n, 2), d)),
                lambda r, n, d: (floats(r, (3, 7, 2), d), (slice(1, None), r.integers(-7, 7, (n, 1)), slice(None)), floats(r, (1, 2), d)),
                lambda r, n, d: (floats(r, (7, n), d), (r.integers(0, 7, 4), r.integers(0, n, 4)) if n else np.zeros(0, int),
                                 floats(r, (), d))], 1e-5),
    "concatenate": ([lambda r, n, d: ([floats(r, (n, 2), d) for _ in range(9)], 0),
                     lambda r, n, d: ([floats(r, (2, k % 3, n), d) for k in range(12)], -2),
                     lambda r, n, d: ([floats(r, (3, 2), d) for _ in range(n + 1)], 1)], 0),
    "stack": ([lambda r, n, d: ([floats(r, (n, 2), d) for _ in range(2)], 1), lambda r, n, d: ([floats(r, (2, 3), d) for _ in range(n + 1)], -1),
               lambda r, n, d: ([floats(r, (2, n), d) for _ in range(20)], 1)], 0),
    "one_hot": ([lambda r, n, d: (r.integers(-1, 6, n), 5, d), lambda r, n, d: (r.integers(0, 3, (n, 2)), 3, d)], 0),
    "softmax": ([lambda r, n, d: (floats(r, (n, 5), d) * 30,), lambda r, n, d: (floats(r, (3, n, 2), d), 0)], 1e-6),
    "log_softmax": ([lambda r, n, d: (floats(r, (n, 5), d) * 30,), lambda r, n, d: (floats(r, (3, n, 2), d), 0)], 1e-6),
    "softmax_gradient": ([lambda r, n, d: (floats(r, (n, 5), d), floats(r, (n, 5), d)),
                          lambda r, n, d: (floats(r, (3, 70, n), d), floats(r, (3, 70, n), d) / 30, 1)], 1e-6),
    "log_softmax_gradient": ([lambda r, n, d: (floats(r, (n, 5), d), floats(r, (n, 5), d)),
                              lambda r, n, d: (floats(r, (3, 70, n), d), floats(r, (3, 70, n), d) / 30, 1)], 1e-5),
    "cross_entropy": ([lambda r, n, d: (r.random((n, 5)).astype(d), floats(r, (n, 5), d) * 30),
                       lambda r, n, d: (r.random((n % 5, 3000)).astype(d) / 3000, floats(r, (n % 5, 3000), d)),
                       lambda r, n, d: (r.random((2, 7, n)).astype(d), floats(r, (2, 7, n), d), 1)], 1e-5),
    "cross_entropy_gradient": ([lambda r, n, d: (r.random((n, 5)).astype(d), -r.random((n, 5)).astype(d), floats(r, (n,), d)),
                                lambda r, n, d: (r.random((2, 7, n)).astype(d), -r.random((2, 7, n)).astype(d), floats(r, (2, n), d), 1)], 1e-5),
    "sparse_cross_entropy": ([lambda r, n, d: (floats(r, (n, 5), d) * 30, r.integers(0, 5, n)),
                              lambda r, n, d: (floats(r, (n, 70), d), r.integers(0, 70, n)),
                              lambda r, n, d: (floats(r, (n % 5, 3000), d), r.integers(0, 3000, n % 5).astype("int32"))], 1e-6),
    "sparse_cross_entropy_gradient": ([lambda r, n, d: (floats(r, (n, 5), d), r.integers(0, 5, n), floats(r, (n,), d)),
                                       lambda r, n, d: (floats(r, (n, 70), d), r.integers(0, 70, n), floats(r, (n,), d))], 1e-6),
    "is_largest": ([lambda r, n, d: (floats(r, (n, 5), d), r.integers(-1, 6, n), d),
                    lambda r, n, d: (r.integers(0, 3, (2, n, 70)).astype(d), r.integers(0, 4, (2, n)).astype("uint8"), "float32"),
                    lambda r, n, d: (floats(r, (n % 5, 3000), d), r.integers(0, 2, n % 5).astype("int32"), "float64")], 0),
    "has_same_largest": ([lambda r, n, d: (floats(r, (n, 3), d), floats(r, (n, 3), d), d),
                          lambda r, n, d: (floats(r, (2, n, 9), d), r.integers(0, 2, (2, n, 9)), "float32")], 0),
    "add_largest": ([
        lambda r, n, d: (floats(r, (), d), floats(r, (), d), floats(r, (n + 1, 5), d), r.integers(-1, 6, n + 1)),
        lambda r, n, d: (floats(r, (), d), floats(r, (), d), floats(r, (n + 1, 2, 40), d), r.integers(0, 4, (n + 1, 2)).astype("uint8")),
        lambda r, n, d: (floats(r, (), d), floats(r, (), d), floats(r, (n + 1, 3), d), floats(r, (n + 1, 3), d)),
        lambda r, n, d: (floats(r, (), d), floats(r, (), d), floats(r, (9, 3000), d), r.integers(0, 4, (9, 3000)))], 1e-6),
    "is_right_side": ([lambda r, n, d: (floats(r, (n, 2), d), r.integers(0, 2, (n, 2)), 0.25, d),
                       lambda r, n, d: (floats(r, (n,), d), r.integers(0, 3, n).astype(d), 0.5, "float32")], 0),
    "add_values_to_mean": ([
        lambda r, n, d: (floats(r, (), d), floats(r, (), d), floats(r, (n + 1,), d)),
        lambda r, n, d: (floats(r, (), d), floats(r, (), d), floats(r, (), d)),
        lambda r, n, d: (floats(r, (), d), floats(r, (), d), floats(r, (n + 1, 13), d)),
        lambda r, n, d: (floats(r, (), d), floats(r, (), d), floats(r, (n + 1, 13), d), floats(r, (n + 1, 1), d)),
        lambda r, n, d: (floats(r, (), d), floats(r, (), d), floats(r, (n + 1, 2), d), floats(r, (1, 2), d))], 1e-4),
    "add_to_mean": ([lambda r, n, d: (*(floats(r, (), d) for _ in range(3)), n)], 1e-6),
    "erf": ([lambda r, n, d: (floats(r, (n,), d) * 3,), lambda r, n, d: (floats(r, (n, 2), d),)], 1e-6),
    **{name: (makers, 2e-5) for name, makers in RECURRENT.items()},
    "random_words": ([lambda r, n, d: (n, KEY, np.asarray(2**63 + 1, "uint64")), lambda r, n, d: (n, KEY, (np.asarray(1, "uint64"), 3)),
                      lambda r, n, d: (n, KEY, 0), lambda r, n, d: (n, KEY, 2**64 + 3)], 0),
    "random_uniform": ([lambda r, n, d: ((n,), KEY, 5, d), lambda r, n, d: ((n,), KEY, np.asarray(5, "uint64"), d, -0.3, 0.7),
                        lambda r, n, d: ((n, 3), KEY, 0, d)], 0),
    "random_normal": ([lambda r, n, d: ((n,), KEY, 5, d), lambda r, n, d: ((n, 3), KEY, 0, d)], 0),
    "dropout_mask": ([lambda r, n, d: ((n,), 0.5, KEY, 9, d), lambda r, n, d: ((n, 3), 0.1, KEY, 0, d)], 0),
    "dropout": ([lambda r, n, d: (floats(r, (n,), d), 0.5, KEY, 9), lambda r, n, d: (floats(r, (n, 3), d), 0.1, KEY, 0, (n, 3)),
                 lambda r, n, d: (floats(r, (n, 3), d), 0.3, KEY, np.asarray(7, "uint64"), (n, 1))], 0),
    "gaussian_noise": ([lambda r, n, d: (floats(r, (n,), d), 0.3, KEY, 9),
                              lambda r, n, d: (floats(r, (n, 3), d), 2, KEY, np.asarray(7, "uint64"))], 0),
    "gaussian_dropout": ([lambda r, n, d: (floats(r, (n,), d), 0.3, KEY, 9),
                                lambda r, n, d: (floats(r, (n, 3), d), 2, KEY, np.asarray(7, "uint64"))], 0),
    "alpha_dropout": ([lambda r, n, d: (floats(r, (n,), d), 0.5, KEY, 9), lambda r, n, d: (floats(r, (n, 3), d), 0.1, KEY, 0, (n, 3)),
                       lambda r, n, d: (floats(r, (n, 3), d), 0.3, KEY, np.asarray(7, "uint64"), (n, 1))], 0),
    "sgd": ([lambda r, n, d: (*optimizer(r, n, d, 0), 0.1), lambda r, n, d: (*optimizer(r, n, d, 0), 0.1, 0.99)], 0),
    "momentum": ([lambda r, n, d: (*optimizer(r, n, d, 1), 0.1, 0.9, False), lambda r, n, d: (*optimizer(r, n, d, 1), 0.1, 0.9, True, 0.99)], 0),
    "adam": ([lambda r, n, d: (*optimizer(r, n, d, 2), 0.01, 0.9, 0.999, 1e-7),
              lambda r, n, d: (*optimizer(r, n, d, 2), np.asarray(0.01, d), 0.9, 0.999, 1e-7, None, np.asarray(0.99, d)),
              lambda r, n, d: (*optimizer(r, n, d, 2), 0.01, 0.9, 0.999, 1e-7, np.abs(floats(r, (n,), d)), 0.99)], 0),
    "adamax": ([lambda r, n, d: (*optimizer(r, n, d, 2), 0.01, 0.3, 0.9, 0.999, 1e-7),
                lambda r, n, d: (*optimizer(r, n, d, 2), *numbers(d, 0.01, 0.3), 0.9, 0.999, 1e-7, 0.99)], 0),
    "nadam": ([lambda r, n, d: (*optimizer(r, n, d, 2), 0.01, 0.3, 0.4, 0.5, 0.9, 0.999, 1e-7),
               lambda r, n, d: (*optimizer(r, n, d, 2), *numbers(d, 0.01, 0.3, 0.4, 0.5), 0.9, 0.999, 1e-7, 0.99)], 0),
    "rmsprop": ([lambda r, n, d: (*optimizer(r, n, d, 1), 0.01, 0.9, 1e-7),
                 lambda r, n, d: (*optimizer(r, n, d, 1), *numbers(d, 0.01), 0.9, 1e-7, 0.5, floats(r, (n,), d), None, 0.99),
                 lambda r, n, d: (*optimizer(r, n, d, 1), 0.01, 0.9, 2.0, 0.5, floats(r, (n,), d), floats(r, (n,), d) / 9, 0.99)], 0),
    "adagrad": ([lambda r, n, d: (*optimizer(r, n, d, 1), 0.01, 1e-7),
                 lambda r, n, d: (*optimizer(r, n, d, 1), *numbers(d, 0.01), 1e-7, 0.99)], 0),
    "adadelta": ([lambda r, n, d: (*optimizer(r, n, d, 2), 0.1, 0.95, 1e-7),
                  lambda r, n, d: (*optimizer(r, n, d, 2), *numbers(d, 0.1), 0.95, 1e-7, 0.99)], 0),
    "ftrl": ([lambda r, n, d: (*optimizer(r, n, d, 2), 0.1, 0.2, 0.5, 0.3, 0.1),
              lambda r, n, d: (*optimizer(r, n, d, 2), *numbers(d, 0.1, 0.2), 0.7, 0.0, 0.0, 0.99)], 2e-5),
    "lion": ([lambda r, n, d: (*optimizer(r, n, d, 1), 0.01, 0.9, 0.99),
              lambda r, n, d: (*optimizer(r, n, d, 1), *numbers(d, 0.01), 0.9, 0.99, 0.99)], 0),
    "schedule_free": ([lambda r, n, d: (*optimizer(r, n, d, 2), 0.01, 0.3, 4.0, 0.9, 0.999, 1e-7),
                       lambda r, n, d: (*optimizer(r, n, d, 2), *numbers(d, 0.01, 0.3, 4.0), 0.9, 0.999, 1e-7, 0.99)], 0),
    "lamb": ([lambda r, n, d: (*optimizer(r, n, d, 2), 0.01, 0.3, 0.4, 0.9, 0.999, 1e-7),
              lambda r, n, d: (*(a.reshape(-1, 1) for a in optimizer(r, n, d, 2)), *numbers(d, 0.01, 0.3, 0.4), 0.9, 0.999, 1e-7, 0.99),
              lambda r, n, d: (np.zeros(n, d), *optimizer(r, n, d, 2)[1:], 0.01, 0.3, 0.4, 0.9, 0.999, 1e-7)], 1e-5),
    "adafactor": ([factored((), False), factored((5,), False), factored((5,), True), factored((2, 3, 70), True)], 1e-5),
    "moving_average": ([lambda r, n, d: (floats(r, (n,), d), floats(r, (n,), d), 0.9, 0.1),
                        lambda r, n, d: (floats(r, (n,), d), floats(r, (n,), d), *numbers(d, 0.9, 0.1))], 0),
    "clip_norms": ([lambda r, n, d: ([floats(r, (n,), d), floats(r, (3, n), d) / 99, floats(r, (5,), d)], 0.5),
                    lambda r, n, d: ([floats(r, (n,), d) * 9 for _ in range(70)], 0.7)], 1e-5),
    "clip_global_norm": ([lambda r, n, d: ([floats(r, (n,), d), floats(r, (3, n), d) / 99], 0.5),
                          lambda r, n, d: ([floats(r, (n,), d) / 99999], 9.0),
                          lambda r, n, d: ([np.full(n + 1, np.nan, d), np.ones(4, d)], 0.5)], 1e-5),
    "all_finite": ([lambda r, n, d: ([floats(r, (n,), d), floats(r, (3, n), d)],),
                    lambda r, n, d: ([floats(r, (n,), d), np.full(n, np.nan, d)],),
                    lambda r, n, d: ([floats(r, (n, 2), d), np.append(np.ones(n, d), -np.inf).astype(d)],)], 0),
}  # fmt: skip
SIZES = [0, 1, 3, 64, 1023]
LONG = [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5, UPDATE_CHUNK + 1]
UPDATES = set("sgd momentum adam adamax nadam rmsprop adagrad adadelta ftrl lion schedule_free moving_average".split())
RANDOM = set(
    "random_words random_uniform random_normal dropout_mask dropout gaussian_noise gaussian_dropout alpha_dropout".split()
)
FLAT = UPDATES | RANDOM | {"clip_norms", "clip_global_norm", "all_finite", "lamb"}


def test_every_kernel_has_a_row() -> None:
    assert set(public(Backend)) - ABSTRACT - NO_KERNELS == set(KERNELS)


def contiguous(backend: Backend, x: Any) -> Any:
    return backend.asarray(x.copy())  # NumPy's asarray is the array itself, which a kernel may write to


def every_other(backend: Backend, x: Any) -> Any:
    """The same values as every other element of a larger array, so that a kernel which ignores strides is found out."""
    if x.ndim == 0:
        return contiguous(backend, x)
    larger = backend.xp.zeros((*x.shape[:-1], 2 * x.shape[-1]), dtype=x.dtype)
    view = larger[..., ::2]
    view[...] = backend.asarray(x)
    return view


def run(backend: Backend, method: Any, args: tuple[Any, ...], layout: Any) -> list[Any]:
    """The result and every array argument after the call, on the host: what a kernel wrote in place is among them."""
    args = tree.map_structure(lambda x: layout(backend, x) if isinstance(x, np.ndarray) else x, args)
    result = method(*args)
    if isinstance(result, Weighted):
        result = result._replace(weights=None)  # a backend keeps them, or not
    return [backend.to_numpy(x).copy() for x in tree.flatten([result, args]) if isinstance(x, backend.array_type)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", [contiguous, every_other])
@pytest.mark.parametrize("kernel", KERNELS)
def test_override_equals_the_reference(backend: Backend, kernel: str, layout: Any, dtype: str) -> None:
    makers, tolerance = KERNELS[kernel]
    cpu = backends.get("cpu")
    tolerance = tolerance and (tolerance if dtype == "float32" else 1e-13)
    for size in SIZES + (LONG if kernel in FLAT else []):
        for n, make in enumerate(makers):
            args = make(np.random.default_rng(size), size, dtype)
            got = run(backend, getattr(backend, kernel), args, layout)
            plain = getattr(Backend, kernel).__get__(backend)
            here = run(backend, plain, args, contiguous)
            there = run(cpu, getattr(Backend, kernel).__get__(cpu), args, contiguous)
            assert len(got) == len(here) == len(there)
            for x, y, z in zip(got, here, there):
                assert x.dtype == y.dtype == z.dtype, f"size {size}, call {n}"
                np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=f"size {size}, call {n}")
                np.testing.assert_allclose(x, z, rtol=tolerance, atol=tolerance, err_msg=f"size {size}, call {n}, CPU")


@pytest.mark.parametrize("kernel", ["matmul", "sum_rows", "conv_kernel_gradient"])
def test_out_is_where_the_result_goes(backend: Backend, kernel: str) -> None:
    args = KERNELS[kernel][0][0](np.random.default_rng(1), 4, "float64")
    arrays = [backend.asarray(x) if isinstance(x, np.ndarray) else x for x in args]
    expected = backend.to_numpy(getattr(backend, kernel)(*arrays))
    buffer = backend.xp.full((2, *expected.shape), 7.0)
    out = buffer[1]
    assert getattr(backend, kernel)(*arrays, out=out) is out
    np.testing.assert_array_equal(backend.to_numpy(buffer), [np.full(expected.shape, 7.0), expected])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", RECURRENT)
@pytest.mark.parametrize("choice", ["all", "in buffers", "even", "odd"])
def test_gradients_of_recurrent_kernels(backend: Backend, kernel: str, choice: str, dtype: str) -> None:
    """They are those of the reference, whichever are wanted; results that were returned before stay what they are."""
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    for n, make in enumerate(RECURRENT[kernel]):
        for size in (0, 1, 3, 64):
            random = np.random.default_rng(size)
            arrays = [backend.asarray(a) if isinstance(a, np.ndarray) else a for a in make(random, size, dtype)]
            *outputs, gradients = getattr(backend, kernel)(*arrays)
            reference = getattr(Backend, kernel).__get__(backend)(*arrays)[-1]
            before = [backend.to_numpy(y).copy() for y in outputs]
            seeds = [backend.asarray(floats(random, y.shape, dtype)) for y in outputs]
            count = len(outputs)
            tensors = [*arrays[: count + 3], arrays[count + 4]]  # all but the mask
            out: list[Any] = [None] * len(tensors)
            for k, x in enumerate(tensors):
                if choice == "in buffers" and x is not None:
                    out[k] = backend.xp.full(x.shape, 7.0, x.dtype)
                elif choice in ("even", "odd") and k % 2 == (choice == "odd"):
                    out[k] = False
            expected = reference(*seeds, [request if request is False else None for request in out])
            got = gradients(*seeds, out)
            assert len(got) == len(tensors)
            for k, (x, y, request) in enumerate(zip(got, expected, out)):
                if request is False or tensors[k] is None:
                    continue
                x, y = backend.to_numpy(x), backend.to_numpy(y)
                assert x.dtype == y.dtype
                atol = tolerance * max(1.0, abs(y).max(initial=0.0))
                np.testing.assert_allclose(x, y, tolerance, atol, err_msg=f"size {size}, call {n}, gradient {k}")
            assert all((backend.to_numpy(y) == old).all() for y, old in zip(outputs, before))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", [contiguous, every_other])
@pytest.mark.parametrize("kernel", ["max_pool", "average_pool", "adaptive_max_pool", "adaptive_average_pool"])
def test_gradients_of_pooling(backend: Backend, kernel: str, layout: Any, dtype: str) -> None:
    """They are those of the reference on the CPU; of equal maxima the first one has the gradient."""
    cpu, tolerance = backends.get("cpu"), 1e-6 if dtype == "float32" else 1e-14
    makers = (
        [adaptive_pool(i, 4) for i in range(len(ADAPTIVE))]
        if "adaptive" in kernel
        else [pool(i, 4) for i in range(len(POOLS))]
    )
    for n, (number, make) in itertools.product((0, 1, 3, 64), enumerate(makers)):
        random = np.random.default_rng(n)
        x, axes = make(random, n, dtype)
        y, reference = getattr(Backend, kernel)(cpu, x, axes)
        dy = floats(random, y.shape, dtype)
        _, gradient = getattr(backend, kernel)(layout(backend, x), axes)
        got = backend.to_numpy(gradient(layout(backend, dy)))
        assert (got.dtype, got.shape) == (x.dtype, x.shape)
        np.testing.assert_allclose(got, reference(dy), tolerance, tolerance, err_msg=f"size {n}, call {number}")


def test_affine_is_fresh_memory(backend: Backend) -> None:
    """The dense op applies its activation in place on what affine returns."""
    x, w = backend.asarray(np.ones((2, 2))), backend.asarray(np.eye(2))
    for b in (None, backend.asarray(np.zeros(2))):
        y = backend.affine(x, w, b)
        y *= 0
        assert backend.to_numpy(x).sum() == 4
        assert backend.to_numpy(w).sum() == 2


def test_scatter_add_adds_what_repeats(backend: Backend) -> None:
    target = backend.asarray(np.zeros((3, 2)))
    backend.scatter_add(target, backend.asarray(np.array([2, 0, 2, 2])), backend.asarray(np.arange(8.0).reshape(4, 2)))
    np.testing.assert_array_equal(backend.to_numpy(target), [[2, 3], [0, 0], [10, 13]])


def test_scatter_add_keeps_what_is_not_finite_in_its_row(backend: Backend) -> None:
    target = backend.asarray(np.zeros(4))
    values = np.array([1.0, np.nan, np.inf, 2.0])
    backend.scatter_add(target, backend.asarray(np.array([0, 1, 2, 3])), backend.asarray(values))
    np.testing.assert_array_equal(backend.to_numpy(target), values)


def test_scatter_add_keeps_small_values_beside_large_ones(backend: Backend) -> None:
    target = backend.asarray(np.zeros(3))
    backend.scatter_add(target, backend.asarray(np.array([0, 1, 2])), backend.asarray(np.array([1e20, 1.0, -3.0])))
    np.testing.assert_array_equal(backend.to_numpy(target), [1e20, 1.0, -3.0])


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "float16", "float32"])
@pytest.mark.parametrize("shape", [(), (5000,), (0, 3), (100, 100), (5000, 1), (3000, 2), (1, 5000)])
def test_relu_of_any_dtype(dtype: str, shape: tuple[int, ...]) -> None:
    """For any number of elements, as the reference."""
    x = (np.random.default_rng(0).normal(size=shape) * 3).astype(dtype)
    got, expected = NumpyBackend().relu(x), np.maximum(x, 0)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_gradients_of_batch_norm_in_16_bits(backend: Backend) -> None:
    """Of values in the hundreds, many of them: the sum of their products with dy is beyond the largest float16."""
    r = np.random.default_rng(0)
    x = r.normal(size=(4096, 5)) * 300
    dy = np.sign(x)
    mean, inv = x.mean(0), 1 / x.std(0)
    arrays = [backend.asarray(a.astype("float16")) for a in (dy, x, mean, inv)]
    dx, dgamma, dbeta = (
        backend.to_numpy(g) for g in backend.batch_norm_gradients(arrays[0], arrays[1], None, 1, arrays[2], arrays[3])
    )
    normal = (x - mean) * inv
    expected = (dy * normal).sum(0)
    np.testing.assert_allclose(dgamma, expected, rtol=0.1)  # the stand-in adds up in 16 bits
    np.testing.assert_allclose(dbeta, dy.sum(0), rtol=0.05, atol=1)
    np.testing.assert_allclose(dx, inv * (dy - dy.mean(0) - normal * expected / len(x)), atol=1.5e-3)

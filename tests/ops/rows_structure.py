"""The op table: reductions, shapes, matrix products, losses, dropout, creation."""

from __future__ import annotations

from typing import Any

import numpy as np
from dualnet_backends.kernels.random import counter

from dualnet import config, ops
from dualnet.ops.core import create, state
from dualnet.ops.core.shape import _concatenate, _stack
from dualnet.ops.linalg import linear
from dualnet.ops.math import reduce as re
from dualnet.ops.nn import crossentropy_loss as loss
from dualnet.ops.nn import noise
from dualnet.ops.nn import regression_loss as errors

from .cases import B, F, I, Row, call, other, reduction
from .rows_activation import sigmoid, softmax
from .rows_elementwise import TRUTH

INDEX = "an index"
CREATED = "made from nothing that is tracked"
HOST = "a value of the host"


def tupled(function: Any) -> Any:
    """A NumPy reduction whose ``axis`` may be a list."""
    return lambda x, axis=None, **o: function(x, axis=tuple(axis) if isinstance(axis, list) else axis, **o)


def with_initial(op: Any, reference: Any) -> Row:
    """A maximum or minimum, with a number that counts as one more element too."""
    row = reduction(op, tupled(reference))
    row.samples += [
        call(F((3, 4)), axis=1, initial=0.5),
        call(F((3, 4)), initial=-9.0),
        call(F((0, 4)), axis=0, keepdims=True, initial=1.5),
        call(F((2, 0)), axis=(0, 1), initial=1.5),
    ]
    return row


REDUCE = [
    reduction(re.sum, tupled(np.sum)),
    reduction(re.mean, tupled(np.mean)),
    reduction(re.prod, tupled(np.prod)),
    reduction(re.var, tupled(np.var)),
    reduction(re.std, tupled(np.std)),
    with_initial(re.max, np.max),
    with_initial(re.min, np.min),
    reduction(re.logsumexp, lambda x, **o: np.log(np.sum(np.exp(x), **o))),
    reduction(ops.cumsum, np.cumsum, several=False, keep=False),
    reduction(re.argmax, np.argmax, several=False, gradient=INDEX),
    reduction(re.argmin, np.argmin, several=False, gradient=INDEX),
    other(
        re.any, np.any, call(B((3, 4)), axis=1), call(B((3, 4))), call(B((3, 4)), axis=0, keepdims=True), gradient=TRUTH
    ),
    other(
        re.all, np.all, call(B((3, 4)), axis=1), call(B((3, 4))), call(B((3, 4)), axis=0, keepdims=True), gradient=TRUTH
    ),
    other(
        re.count_nonzero,
        np.count_nonzero,
        call(I((3, 4), 2), axis=1),
        call(I((3, 4), 2)),
        call(I((3, 2, 4), 2), axis=(0, 2)),
        gradient="a count",
    ),
]


def unstack(x: Any, num: Any = None, axis: int = 0) -> Any:
    return tuple(np.moveaxis(x, axis, 0))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    return np.pad(x, pad_width, mode, **({"constant_values": constant_values or 0} if mode == "constant" else {}))


def get_item(x: Any, key: Any) -> Any:
    return x[key]


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    hot = x[..., None] == np.arange(num_classes)
    return hot if axis == -1 else np.moveaxis(hot, -1, axis)


FIXED = "its shapes are given as numbers"
SHAPE = [
    other(ops.reshape, np.reshape, call(F((3, 4)), (-1, 2)), call(F((3, 4)), (2, 6)), call(F((3, 4)), (12,)), call(F(()), (1, 1)),
          empty=FIXED),
    other(ops.ravel, np.ravel, call(F((3, 4))), call(F((2, 3, 2))), call(F(()))),
    other(ops.transpose, np.transpose, call(F((3, 4))), call(F((2, 3, 4)), axes=(2, 0, 1)), call(F((2, 3, 4)), axes=(-1, 0, 1)),
          call(F((5,)))),
    other(ops.swapaxes, np.swapaxes, call(F((3, 4)), 0, 1), call(F((2, 3, 4)), 0, -1)),
    other(ops.moveaxis, np.moveaxis, call(F((3, 4)), 0, 1), call(F((2, 3, 4)), -1, 0), call(F((2, 3, 4)), (0, 1), (2, 0))),
    other(ops.expand_dims, np.expand_dims, call(F((3, 4)), 0), call(F((3, 4)), -1), call(F((3, 4)), (0, 3)), call(F(()), 0)),
    other(ops.squeeze, np.squeeze, call(F((3, 1, 4))), call(F((1, 3, 1)), axis=0), call(F((1, 3, 1)), axis=(0, -1))),
    other(ops.broadcast_to, np.broadcast_to, call(F((4,)), (3, 4)), call(F((2, 1, 4)), (2, 3, 4)), call(F(()), (2, 2)),
          call(F((3, 4)), (3, 4)), empty=FIXED),
    other(ops.flip, np.flip, call(F((3, 4))), call(F((3, 4)), axis=1), call(F((2, 3, 4)), axis=(0, -1))),
    other(ops.roll, np.roll, call(F((3, 4)), 2), call(F((3, 4)), -1, axis=0), call(F((3, 4)), (1, 2), axis=(0, 1))),
    other(ops.repeat, np.repeat, call(F((3, 4)), 2), call(F((3, 4)), 3, axis=0), call(F((2, 3, 4)), 2, axis=-2)),
    other(ops.tile, np.tile, call(F((3, 4)), 2), call(F((3, 4)), (2, 3)), call(F((4,)), (2, 3)), call(F((2, 3, 4)), (3, 1))),
    other(_concatenate, lambda *xs, axis=-1: np.concatenate(xs, axis), call(F((3, 4)), F((3, 2))),
          call(F((3, 4)), F((1, 4)), F((2, 4)), axis=0), call(F((3, 4)), axis=0)),
    other(_stack, lambda *xs, axis=0: np.stack(xs, axis), call(F((3, 4)), F((3, 4)), axis=1), call(F((3,)), F((3,)), axis=-1),
          call(F((2, 2)), F((2, 2)), F((2, 2)))),
    other(ops.concatenate, lambda xs, axis=0: np.concatenate(xs, axis), call(F((3, 4)), F((3, 2)), axis=-1), call(F((3, 4)), F((2, 4))),
          joined=True),
    other(ops.stack, lambda xs, axis=0: np.stack(xs, axis), call(F((3, 4)), F((3, 4)), axis=1), call(F((5,)), F((5,))),
          joined=True),
    other(ops.split, np.split, call(F((3, 4)), 2, axis=1), call(F((4, 3)), 2), call(F((3, 5)), [1, 3], axis=-1)),
    other(ops.unstack, unstack, call(F((3, 4)), axis=1), call(F((3, 4))), call(F((2, 3, 2)), axis=-1), call(F((3, 2)), 2, 1)),
    other(ops.pad, pad, call(F((3, 4)), 1), call(F((3, 4)), (1, 2)), call(F((3, 4)), ((0, 2), (3, 0))), call(F((5,)), ((2, 1),)),
          call(F((3, 4)), ((1, 0), (2, 2)), constant_values=0.5), call(F((3, 4)), ((2, 1), (0, 3)), mode="reflect"),
          call(F((3, 4)), ((3, 1), (0, 4)), mode="symmetric")),
    other(ops.get_item, get_item, call(F((3, 4)), (slice(None), 2)), call(F((3, 4)), 1), call(F((3, 4)), -1),
          call(F((3, 4)), slice(0, 2)), call(F((3, 4)), (Ellipsis, None, slice(None, None, -2))),
          call(F((2, 3, 4)), (0, slice(1), -1)), call(F((5, 2)), [0, 3, 3, -1]),
          call(F((3, 4)), (slice(None), [1, 1, 2]))),
    other(ops.take, np.take, call(F((3, 4)), I((2,), 4), axis=1), call(F((5,)), I((3, 2), 5)), call(F((3, 4)), I((6,), 3, -3), axis=0),
          call(F((2, 3, 4)), I((2, 2), 4, -4), axis=-1), call(F((3, 4)), I((5,), 12, -12)), call(F((3, 4)), I((), 3), axis=0),
          call(F((2, 3, 4)), I((2, 2), 3), axis=1)),
    other(ops.take_along_axis, np.take_along_axis, call(F((3, 4)), I((3, 2), 4, -4), axis=1), call(F((3, 4)), I((5, 4), 3), axis=0),
          call(F((2, 3, 4)), I((2, 1, 4), 3), axis=-2), call(F((1, 4)), I((3, 2), 4), axis=1)),
    other(ops.one_hot, one_hot, call(I((3, 4), 5), 5), call(I((3,), 6, -1), 4, axis=0), call(I((2, 3), 3), 3, axis=1), gradient=INDEX),
]  # fmt: skip


def dense(x: Any, kernel: Any, bias: Any = None, activation: str = "linear") -> Any:
    y = x @ kernel + (0 if bias is None else bias)
    below = np.expm1(np.minimum(y, 0))
    return {"linear": y, "relu": np.maximum(y, 0), "tanh": np.tanh(y), "elu": np.where(y > 0, y, below)}[activation]


def dense_axes(x: Any, kernel: Any, bias: Any = None, summed: int = 1, activation: str = "linear") -> Any:
    return dense(np.tensordot(x, kernel, summed), np.eye(kernel.shape[-1]), bias, activation)


PRODUCTS = [
    call(F((3, 4)), F((4, 2))),
    call(F((2, 3, 4)), F((4, 5))),
    call(F((2, 3, 4)), F((2, 4, 5))),
    call(F((2, 1, 3, 4)), F((5, 4, 2))),
    call(F((4,)), F((4, 2))),
    call(F((3, 4)), F((4,))),
    call(F((4,)), F((4,))),
    call(F((2, 3, 4)), F((4,))),
    call(F((4,)), F((2, 4, 3))),
]
LINEAR = [
    other(linear.matmul, np.matmul, *PRODUCTS),
    other(
        linear.dot,
        np.dot,
        *(s for s in PRODUCTS if len(s.args[1].shape) < 3),
        call(F((3, 4)), F(())),
        call(2.0, F((3,))),
    ),
    other(
        linear.dense,
        dense,
        call(F((3, 4)), F((4, 2)), F((2,))),
        call(F((3, 4)), F((4, 2))),
        call(F((2, 3, 4)), F((4, 2)), F((2,)), activation="relu"),
        call(F((3, 4)), F((4, 2)), F((2,)), activation="tanh"),
        call(F((3, 4)), F((4, 2)), None, activation="elu"),
        call(F((4,)), F((4, 2)), F((2,)), activation="relu"),
    ),
    other(
        linear.dense_axes,
        dense_axes,
        call(F((3, 4)), F((4, 2, 5)), F((2, 5))),
        call(F((3, 2, 4)), F((4, 5)), None, activation="tanh"),
        call(F((3, 2, 4, 5)), F((4, 5, 3, 1, 2)), F((3, 1, 2)), 2, "relu"),
        call(F((4, 2)), F((4, 2, 3)), F((3,)), summed=2),
    ),
]


def softmax_ce(t: Any, z: Any, axis: int = -1) -> Any:
    return -np.sum(t * np.log(softmax(z, axis)), axis=axis)


def probability_ce(t: Any, p: Any, axis: int = -1) -> Any:
    p = np.clip(p / p.sum(axis=axis, keepdims=True), config.epsilon(), 1 - config.epsilon())
    return -np.sum(t * np.log(p), axis=axis)


def sparse(reference: Any) -> Any:
    def with_labels(ids: Any, z: Any, axis: int = -1) -> Any:
        hot = ids[..., None] == np.arange(z.shape[axis])
        return reference(np.moveaxis(hot, -1, axis), z, axis)

    return with_labels


def binary_ce(t: Any, p: Any) -> Any:
    p = np.clip(p, config.epsilon(), 1 - config.epsilon())
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def logits_or(from_logits_true: Any, probabilities: Any) -> Any:
    """The reference of a loss that takes either."""
    return lambda t, y, from_logits=False, **o: (from_logits_true if from_logits else probabilities)(t, y, **o)


P = (0.05, 0.95)
LOGITS = {"from_logits": True}
LOSS = [
    other(loss._softmax_cross_entropy, softmax_ce, call(F((3, 4), *P), F((3, 4))), call(F((2, 3, 4), *P), F((2, 3, 4)), axis=1)),
    other(loss._sparse_softmax_cross_entropy, sparse(softmax_ce), call(I((3,), 4), F((3, 4))), call(I((2, 3), 4), F((2, 4, 3)), axis=1),
          call(I((2, 3), 4), F((2, 3, 4)))),
    other(loss._one_if_valid, lambda t, y, classes: np.ones(t.shape), call(I((3,), 4), F((3, 4)), 4), call(I((2, 3), 5), F((2, 3, 5)), 5),
          gradient=INDEX),
    other(loss._cross_entropy, probability_ce, call(F((3, 4), *P), F((3, 4), *P)), call(F((2, 3, 4), *P), F((2, 3, 4), *P), axis=1)),
    other(loss._sigmoid_cross_entropy, lambda t, z: binary_ce(t, sigmoid(z)), call(F((3, 4), *P), F((3, 4))), call(F((5,), *P), F((5,)))),
    other(loss._binary_cross_entropy, binary_ce, call(F((3, 4), *P), F((3, 4), *P)), call(F((5,), *P), F((5,), *P))),
    other(loss.categorical_crossentropy, logits_or(softmax_ce, probability_ce), call(F((3, 4), *P), F((3, 4), *P)),
          call(F((3, 4), *P), F((3, 4)), **LOGITS), call(F((2, 3, 4), *P), F((2, 3, 4)), axis=1, **LOGITS)),
    other(loss.sparse_categorical_crossentropy, logits_or(sparse(softmax_ce), sparse(probability_ce)), call(I((3,), 4), F((3, 4), *P)),
          call(I((3,), 4), F((3, 4)), **LOGITS), call(I((2, 3), 4), F((2, 4, 3), *P), axis=1)),
    other(loss.binary_crossentropy, logits_or(lambda t, z: binary_ce(t, sigmoid(z)), binary_ce), call(F((3, 4), *P), F((3, 4), *P)),
          call(F((3, 4), *P), F((3, 4)), **LOGITS)),
    other(errors.mean_squared_error, lambda t, y: np.mean((t - y) ** 2, axis=-1), call(F((3, 4)), F((3, 4))), call(F((3, 1)), F((3, 1))),
          call(F((2, 3, 4)), F((2, 3, 4))), call(F((3, 1)), F((3, 4))), call(F((3, 4)), F((1, 4)))),
    other(errors.mean_absolute_error, lambda t, y: np.mean(np.abs(t - y), axis=-1), call(F((3, 4)), F((3, 4))), call(F((3, 1)), F((3, 1))),
          call(F((3, 4)), F((1, 4))), call(F((3, 1)), F((3, 4)))),
    other(loss.weighted_sum, lambda v, w=None, divisor=1.0: np.sum(v if w is None else v * w) / divisor, call(F((3, 4)), F((3, 4))),
          call(F((3, 4))), call(F((3, 4)), F((3, 1)), divisor=7.0), call(F((5,)), F((5,)), divisor=2.0)),
]  # fmt: skip

KEY = (7, 2**63 + 5)


def dropped(x: Any, rate: float, key: tuple[int, int] = KEY, step: int = 0, noise_shape: Any = None) -> Any:
    """Dropout by its definition, with NumPy's own generator."""
    shape = tuple(n if d is None else d for d, n in zip(noise_shape or x.shape, x.shape))
    n = int(np.prod(shape))
    words = np.random.Philox(key=key[0] | key[1] << 64, counter=counter(step)).random_raw((n + 3) // 4)
    keep = words.view(np.uint16)[:n].reshape(shape) >= round(rate * 65536)
    return x * keep / (1 - rate) if rate < 1 else x * 0


DROPOUT = [
    other(noise._dropout, dropped, call(F((3, 4)), 0.5, KEY, 3), call(F((3, 4)), 0.25, KEY, 2**70, (3, 1)), call(F((65,)), 0.9, KEY, 0)),
    other(noise.dropout_mask, lambda x, rate, key, step, shape: dropped(np.ones(shape), rate, key, step) if rate < 1 else np.zeros(shape),
          call(F((3, 4)), 0.5, KEY, 3, (3, 4)), call(F((5,)), 0.25, KEY, 0, (2, 7)), call(F((3,)), 1.0, KEY, 1, (6,)),
          gradient="it depends on the dtype of x alone", empty="its shape is given"),
    other(state.zeros_for_batch, lambda x, shape, dtype: np.zeros((len(x), *shape), dtype), call(F((3, 4)), (2, 5), "float32"),
          call(F((2, 4)), (), "float64"), gradient=CREATED),
    other(noise.dropout, dropped, call(F((3, 4)), 0.5, KEY, 3), call(F((2, 3, 4)), 0.3, KEY, 1, noise_shape=(None, 1, None)),
          call(F((3,)), 0.0, KEY, 0), call(F((3,)), 1.0, KEY, 0), call(F((5,)), 0.1, KEY, 4)),
]  # fmt: skip

CREATE = [
    other(create.convert_to_tensor, lambda x, dtype=None: x, call(F((3, 4))), call(F((3, 4)), dtype="float64")),
    other(create.array, lambda x, dtype=None: x, call(F((3, 4)))),
    other(create.convert_to_numpy, lambda x: x, call(F((3, 4))), gradient=HOST),
    other(create.is_tensor, lambda x: True, call(F((3,))), gradient=HOST),
    other(ops.shape, np.shape, call(F((3, 4))), call(F(())), gradient=HOST),
    other(ops.size, np.size, call(F((3, 4))), call(F(())), gradient=HOST),
    other(ops.ndim, np.ndim, call(F((3, 4))), call(F(())), gradient=HOST),
    other(create.zeros, np.zeros, call((3, 4)), call(3), call((2,), dtype="int32"), gradient=CREATED),
    other(create.ones, np.ones, call((3, 4)), call(0), call((2,), dtype="int32"), gradient=CREATED),
    other(create.full, np.full, call((3, 4), 0.25), call((2,), 7, dtype="int32"), gradient=CREATED),
    other(create.zeros_like, np.zeros_like, call(F((3, 4))), call(I((3,), 9)), gradient=CREATED, name="zeros_like"),
    other(create.ones_like, np.ones_like, call(F((3, 4))), call(I((3,), 9)), gradient=CREATED, name="ones_like"),
    other(create.full_like, np.full_like, call(F((3, 4)), 2.5), call(I((3,), 9), 4), gradient=CREATED),
    other(create.arange, np.arange, call(5), call(2, 9, 3), call(0.0, 1.0, 0.25), gradient=CREATED),
    other(ops.linspace, np.linspace, call(0, 1, 5), call(1.0, 2.0, 4, endpoint=False), gradient=CREATED),
    other(create.eye, np.eye, call(3), call(3, 4, 1), gradient=CREATED),
]  # fmt: skip

ROWS: list[Row] = REDUCE + SHAPE + LINEAR + LOSS + DROPOUT + CREATE

"""Random tensors with a seed: the interface of ``keras.random``.

``uniform``, ``normal``, ``truncated_normal``, ``randint`` and ``shuffle`` are drawn on the host from
``numpy.random.default_rng([seed, counter])``, as Keras's NumPy backend does, and moved to the device in use. Their means, standard
deviations and bounds have gradients. The others, whose parameters may be tensors, are drawn on the device from a Philox stream,
and do not wait for it.

seed: an integer (the same values at every call), a ``SeedGenerator`` (new ones), or None for the global stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from dualnet_backends import stream_key

from . import ops
from .core.dtypes import is_float, standardize_dtype
from .core.op import is_differentiable
from .core.seeds import SeedGenerator, global_pair
from .core.tensor import Tensor
from .initializers.random import draw_blocks
from .initializers.random import truncated_normal as _truncated_normal
from .ops.nn import distributions
from .ops.nn import noise as _noise

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

Seed = int | SeedGenerator | None


def _rng(seed: Seed) -> np.random.Generator:
    if isinstance(seed, SeedGenerator):
        pair = seed.pair()
    else:
        pair = global_pair() if seed is None else (seed, 0)
    return np.random.default_rng([int(v) % 2**32 for v in pair])


def _stream(seed: Seed, stream: str) -> tuple[tuple[int, int], int]:
    """(Philox key, step) for a draw on the device."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    first, second = global_pair() if seed is None else (seed, 0)
    return stream_key(first, f"random/{stream}"), second


def _float_dtype(name: str, dtype: Any) -> str:
    dtype = standardize_dtype(dtype)
    if not is_float(dtype):
        raise ValueError(f"`keras.random.{name}` requires a floating point `dtype`. Received: dtype={dtype}")
    return dtype


def uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Uniform numbers in [minval, maxval). As in TensorFlow, they may be whole numbers, with bounds that are."""
    if dtype is not None and "int" in standardize_dtype(dtype) and hasattr(maxval, "__index__"):
        return randint(shape, int(minval), int(maxval), dtype, seed)
    dtype = _float_dtype("uniform", dtype)
    if is_differentiable([minval, maxval]):
        return minval + (maxval - minval) * uniform(shape, dtype=dtype, seed=seed)
    return ops.convert_to_tensor(_rng(seed).uniform(minval, maxval, size=tuple(shape)).astype(dtype))


def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normal numbers"""
    dtype = _float_dtype("normal", dtype)
    if is_differentiable([mean, stddev]):
        return mean + stddev * normal(shape, dtype=dtype, seed=seed)
    return ops.convert_to_tensor(_rng(seed).normal(mean, stddev, size=tuple(shape)).astype(dtype))


def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Normal numbers within two standard deviations of the mean"""
    dtype = _float_dtype("truncated_normal", dtype)
    if is_differentiable([mean, stddev]):
        return mean + stddev * truncated_normal(shape, dtype=dtype, seed=seed)
    return ops.convert_to_tensor(draw_blocks(_truncated_normal(_rng(seed), mean, stddev), tuple(shape), dtype))


def randint(shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Whole numbers from minval up to, not including, maxval"""
    dtype = standardize_dtype(dtype)
    if "int" not in dtype:
        raise ValueError(f"`keras.random.randint` requires an integer `dtype`. Received: dtype={dtype}")
    return ops.convert_to_tensor(_rng(seed).integers(minval, maxval, size=tuple(shape), dtype=dtype))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """The slices along an axis in another order"""
    order = _rng(seed).permutation(ops.shape(x)[axis])
    return ops.take(x, order.astype("int32"), axis=axis)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> Tensor:
    """Classes drawn by their logits (any numbers; the softmax is taken).  logits: (batch, classes) -> (batch, num_samples)"""
    return distributions.categorical(logits, num_samples, *_stream(seed, "categorical"), dtype)


def dropout(inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None) -> Tensor:
    """Elements set to 0 with probability ``rate``, the others scaled by 1 / (1 - rate)

    Args:
        noise_shape: the shape in which it is decided what is dropped, which broadcasts; None entries are taken from the
            inputs.
    """
    return _noise.dropout(ops.convert_to_tensor(inputs), rate, *_stream(seed, "dropout"), noise_shape)


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Seed = None) -> Tensor:
    """Gamma numbers of shape parameter ``alpha`` and scale 1.  alpha: above 0, broadcasts to ``shape``"""
    return distributions.gamma(alpha, tuple(shape), *_stream(seed, "gamma"), _float_dtype("gamma", dtype))


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None) -> Tensor:
    """Beta numbers in [0, 1], of mean alpha / (alpha + beta).  alpha, beta: above 0, broadcast to ``shape``"""
    return distributions.beta(alpha, beta, tuple(shape), *_stream(seed, "beta"), _float_dtype("beta", dtype))


def binomial(shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Seed = None) -> Tensor:
    """How many of ``counts`` trials succeed with their probabilities.  counts, probabilities: broadcast to ``shape``"""
    dtype = _float_dtype("binomial", dtype)
    return distributions.binomial(counts, probabilities, tuple(shape), *_stream(seed, "binomial"), dtype)


def __getattr__(name: str) -> Any:
    from .legacy.tf_names import find

    return find(name, "random")

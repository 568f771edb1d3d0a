"""Random tensors with a seed: the interface of ``keras.random``.

Drawn on the host from ``numpy.random.default_rng([seed, counter])``, as Keras's NumPy backend does, and moved to the
device in use. seed: an integer (the same values at every call), a ``SeedGenerator`` (new ones), or None for the
global stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .dtypes import standardize_dtype
from .initializers import _truncated_normal
from .ops import convert_to_tensor
from .seeds import SeedGenerator, global_pair
from .tensor import Tensor

__all__ = ["SeedGenerator", "normal", "randint", "shuffle", "truncated_normal", "uniform"]


def _rng(seed: int | SeedGenerator | None) -> np.random.Generator:
    if isinstance(seed, SeedGenerator):
        pair = seed.pair()
    else:
        pair = global_pair() if seed is None else (seed, 0)
    return np.random.default_rng([int(v) % 2**32 for v in pair])


def uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Uniform numbers in [minval, maxval)"""
    values = _rng(seed).uniform(minval, maxval, size=tuple(shape))
    return convert_to_tensor(values.astype(standardize_dtype(dtype)))


def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normal numbers"""
    values = _rng(seed).normal(mean, stddev, size=tuple(shape))
    return convert_to_tensor(values.astype(standardize_dtype(dtype)))


def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Normal numbers within two standard deviations of the mean"""
    values = _truncated_normal(_rng(seed), shape, mean, stddev)
    return convert_to_tensor(values.astype(standardize_dtype(dtype)))


def randint(shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Whole numbers from minval up to, not including, maxval"""
    return convert_to_tensor(_rng(seed).integers(minval, maxval, size=tuple(shape), dtype=standardize_dtype(dtype)))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """The slices along an axis in another order"""
    from .ops import shape, take

    order = _rng(seed).permutation(shape(x)[axis])
    return take(x, order.astype("int32"), axis=axis)

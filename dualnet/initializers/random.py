"""Random initial values, drawn on the host as by Keras's NumPy backend: same seed, same bits.

An initializer draws from ``numpy.random.default_rng([seed, 0])``, so that it returns the same values in every call. Without
a seed it draws one from Python's ``random`` when it is made, which ``dualnet.utils.set_random_seed`` fixes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core.dtypes import standardize_dtype
from ..core.seeds import SeedGenerator, make_default_seed
from ..serialization.configurable import attributes
from .constant import Initializer, Shape, makes_new_array

Draw = Callable[[int], Any]  # the next n values of a weight, or fewer, as float64


class RandomInitializer(Initializer):
    """Base of random initializers. seed: an integer, a ``SeedGenerator``, or None for one from Python's ``random``."""

    _config_attributes = attributes(seed="_fixed_seed")

    def __init__(self, seed: int | SeedGenerator | None = None) -> None:
        self._fixed_seed = seed if isinstance(seed, int) else None
        if seed is None:
            seed = make_default_seed()
        elif not isinstance(seed, (int, SeedGenerator)):
            raise ValueError(f"seed must be an integer, a SeedGenerator or None, got {seed!r}")
        self.seed = seed

    def _rng(self) -> np.random.Generator:
        """A new generator, with the same seed in every call unless that comes from a ``SeedGenerator``."""
        pair = self.seed.pair() if isinstance(self.seed, SeedGenerator) else (self.seed, 0)
        return np.random.default_rng([int(v) % 2**32 for v in pair])

    @makes_new_array
    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        return draw_blocks(self._draws(tuple(shape)), tuple(shape), standardize_dtype(dtype))

    def _draws(self, shape: tuple[int, ...]) -> Draw:
        """What draws the values of a weight."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype)")


class _Normal(RandomInitializer):
    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | SeedGenerator | None = None) -> None:
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)


class RandomNormal(_Normal):
    """Normal numbers."""

    def _draws(self, shape: tuple[int, ...]) -> Draw:
        return partial(self._rng().normal, self.mean, self.stddev)


class TruncatedNormal(_Normal):
    """Normal numbers, drawn again when they are more than two standard deviations from the mean."""

    def _draws(self, shape: tuple[int, ...]) -> Draw:
        return truncated_normal(self._rng(), self.mean, self.stddev)


class RandomUniform(RandomInitializer):
    """Uniform numbers in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | SeedGenerator | None = None) -> None:
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def _draws(self, shape: tuple[int, ...]) -> Draw:
        return partial(self._rng().uniform, self.minval, self.maxval)


class VarianceScaling(RandomInitializer):
    """Numbers whose variance is ``scale / n``, n the fan in, the fan out or their average.

    Args:
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        input_axes, output_axes: the axes of the weight that are contracted and the new ones, both or neither; by default
            the last is new, the one before is contracted, and the others are the receptive field.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | SeedGenerator | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if scale <= 0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"Invalid `mode` argument: {mode!r}. Please use one of 'fan_in', 'fan_out', 'fan_avg'")
        distribution = {"normal": "truncated_normal"}.get(distribution.lower(), distribution.lower())
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                f"Invalid `distribution` argument: {distribution!r}. Please use one of 'uniform', 'truncated_normal', "
                "'untruncated_normal'"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes = None if input_axes is None else list(input_axes)
        self.output_axes = None if output_axes is None else list(output_axes)
        super().__init__(seed)

    def _draws(self, shape: tuple[int, ...]) -> Draw:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        scale = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * scale)
            return partial(self._rng().uniform, -limit, limit)
        if self.distribution == "untruncated_normal":
            return partial(self._rng().normal, 0.0, math.sqrt(scale))
        # The standard deviation of a normal distribution cut off at two of them is 0.8796.
        return truncated_normal(self._rng(), 0.0, math.sqrt(scale) / 0.87962566103423978)


class _Named(VarianceScaling):
    """A ``VarianceScaling`` with fixed scale, mode and distribution."""

    rule: tuple[float, str, str]

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self.rule, seed=seed, input_axes=input_axes, output_axes=output_axes)


class GlorotUniform(_Named):
    """Uniform with variance 2 / (fan_in + fan_out), also called Xavier  (Glorot and Bengio, AISTATS 2010)."""

    rule = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    """Truncated normal with variance 2 / (fan_in + fan_out)  (Glorot and Bengio, AISTATS 2010)."""

    rule = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Named):
    """Uniform with variance 2 / fan_in, for ReLU  (arXiv:1502.01852)."""

    rule = (2.0, "fan_in", "uniform")


class HeNormal(_Named):
    """Truncated normal with variance 2 / fan_in, for ReLU  (arXiv:1502.01852)."""

    rule = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Named):
    """Uniform with variance 1 / fan_in  (LeCun et al., Efficient BackProp, 1998)."""

    rule = (1.0, "fan_in", "uniform")


class LecunNormal(_Named):
    """Truncated normal with variance 1 / fan_in, for SELU  (LeCun et al., Efficient BackProp, 1998)."""

    rule = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """A matrix with orthonormal rows or columns, times ``gain``; all axes but the last are rows  (arXiv:1312.6120)."""

    def __init__(self, gain: float = 1.0, seed: int | SeedGenerator | None = None) -> None:
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        if len(shape) < 2:
            raise ValueError(f"the Orthogonal initializer needs at least two axes, got shape {tuple(shape)}")
        dtype = standardize_dtype(dtype)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        qr_dtype = dtype if dtype in ("float32", "float64") else "float32"
        flat = self._rng().normal(size=(max(rows, columns), min(rows, columns))).astype(qr_dtype)
        q, r = np.linalg.qr(flat)
        q *= np.sign(np.diag(r))  # makes the decomposition unique, and the draw uniform
        return (self.gain * (q.T if rows < columns else q)).reshape(shape).astype(dtype)


def truncated_normal(rng: np.random.Generator, mean: float, stddev: float) -> Draw:
    """Draws normal values, and leaves out those more than two standard deviations from the mean."""

    def draw(n: int) -> Any:
        values = rng.normal(mean, stddev, size=n)
        return values[(values >= mean - 2 * stddev) & (values <= mean + 2 * stddev)]

    return draw


def draw_blocks(draw: Draw, shape: Shape, dtype: str, size: int = 1 << 14) -> Any:
    """An array of drawn values.

    It is filled a block of ``size`` values at a time: a large weight needs no copy in float64, and blocks stay in the cache.
    """
    array = np.empty(shape, dtype)
    values = array.reshape(-1)
    n = 0
    while n < values.size:
        block = draw(min(size, values.size - n))
        values[n : n + block.size] = block
        n += block.size
    return array


def compute_fans(
    shape: Shape, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """(fan in, fan out) of a weight: the length of a vector for both; all but the last two axes are the receptive field.

    With both ``input_axes`` and ``output_axes``: the products of the lengths of these axes.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(int(shape[i]) for i in input_axes), math.prod(int(shape[i]) for i in output_axes)
    if len(shape) < 2:
        return math.prod(map(int, shape)), math.prod(map(int, shape))
    field = math.prod(shape[:-2])
    return int(shape[-2] * field), int(shape[-1] * field)


def with_axes(initializer: Any, input_axes: Sequence[int], output_axes: Sequence[int]) -> Any:
    """A copy with these axes for the fans, if the initializer is a ``VarianceScaling`` without axes."""
    if not isinstance(initializer, VarianceScaling) or initializer.input_axes is not None:
        return initializer
    changed = copy.copy(initializer)
    changed.input_axes, changed.output_axes = list(input_axes), list(output_axes)
    return changed

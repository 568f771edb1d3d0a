"""Initial values of weights, drawn on the host by the recipe of Keras's NumPy backend: same seed, same bits.

An initializer draws from ``numpy.random.default_rng([seed, 0])``. One that is given no seed takes one from Python's
``random`` when it is made, so ``dualnet.utils.set_random_seed`` fixes them all, and one that is used twice gives the
same values twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .dtypes import standardize_dtype
from .naming import to_snake_case
from .seeds import SeedGenerator, make_default_seed

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

Shape = Sequence[int]


class Initializer:
    """Base of all initializers: a callable ``(shape, dtype=None) -> host array``."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype)")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)

    def clone(self) -> Initializer:
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        return np.zeros(shape, dtype=standardize_dtype(dtype))


class Ones(Initializer):
    """All 1."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        return np.ones(shape, dtype=standardize_dtype(dtype))


class Constant(Initializer):
    """All ``value`` (a number, or an array that broadcasts to the shape)."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        return np.broadcast_to(np.asarray(self.value, dtype=standardize_dtype(dtype)), tuple(shape)).copy()

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Identity(Initializer):
    """``gain`` on the diagonal of a matrix, 0 elsewhere."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        if len(shape) != 2:
            raise ValueError(f"the Identity initializer makes matrices, got shape {tuple(shape)}")
        return self.gain * np.eye(shape[0], shape[1], dtype=standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """Base of those that draw. seed: an integer, a ``SeedGenerator``, or None for one from Python's ``random``."""

    def __init__(self, seed: int | SeedGenerator | None = None) -> None:
        self._given_seed = seed
        if seed is None:
            seed = make_default_seed()
        elif not isinstance(seed, (int, SeedGenerator)):
            raise ValueError(f"seed must be an integer, a SeedGenerator or None, got {seed!r}")
        self.seed = seed

    def _rng(self) -> np.random.Generator:
        """A fresh generator; its seed is fixed unless it comes from a ``SeedGenerator``, which moves on."""
        pair = self.seed.pair() if isinstance(self.seed, SeedGenerator) else (self.seed, 0)
        return np.random.default_rng([int(v) % 2**32 for v in pair])

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._given_seed if isinstance(self._given_seed, int) else None}


class RandomNormal(RandomInitializer):
    """Normal numbers."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | SeedGenerator | None = None) -> None:
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        values = self._rng().normal(self.mean, self.stddev, size=tuple(shape))
        return values.astype(standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomInitializer):
    """Normal numbers, drawn again when they are more than two standard deviations from the mean."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | SeedGenerator | None = None) -> None:
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        return _truncated_normal(self._rng(), shape, self.mean, self.stddev).astype(standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class RandomUniform(RandomInitializer):
    """Uniform numbers in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | SeedGenerator | None = None) -> None:
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        values = self._rng().uniform(self.minval, self.maxval, size=tuple(shape))
        return values.astype(standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class VarianceScaling(RandomInitializer):
    """Numbers whose variance is ``scale / n``, n the fan in, the fan out or their average.

    mode: "fan_in", "fan_out" or "fan_avg". distribution: "truncated_normal", "untruncated_normal" or "uniform".
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | SeedGenerator | None = None,
    ) -> None:
        if scale <= 0:
            raise ValueError(f"scale must be positive, got {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f'mode must be "fan_in", "fan_out" or "fan_avg", got {mode!r}')
        distribution = {"normal": "truncated_normal"}.get(distribution.lower(), distribution.lower())
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                f'distribution must be "uniform", "truncated_normal" or "untruncated_normal", got {distribution!r}'
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        fan_in, fan_out = compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        scale = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * scale)
            values = self._rng().uniform(-limit, limit, size=tuple(shape))
        elif self.distribution == "untruncated_normal":
            values = self._rng().normal(0.0, math.sqrt(scale), size=tuple(shape))
        else:
            # The standard deviation of a normal distribution cut off at two of them is 0.8796.
            values = _truncated_normal(self._rng(), shape, 0.0, math.sqrt(scale) / 0.87962566103423978)
        return values.astype(standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **super().get_config(),
        }


class _Named(VarianceScaling):
    """A ``VarianceScaling`` with a name of its own and only a seed to choose."""

    rule: tuple[float, str, str]

    def __init__(self, seed: int | SeedGenerator | None = None) -> None:
        super().__init__(*self.rule, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return RandomInitializer.get_config(self)


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
        exact = dtype if dtype in ("float32", "float64") else "float32"  # what there is a decomposition for
        flat = self._rng().normal(size=(max(rows, columns), min(rows, columns))).astype(exact)
        q, r = np.linalg.qr(flat)
        q *= np.sign(np.diag(r))  # makes the decomposition unique, and the draw uniform
        return (self.gain * (q.T if rows < columns else q)).reshape(shape).astype(dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}


def _truncated_normal(rng: np.random.Generator, shape: Shape, mean: float, stddev: float) -> Any:
    """Draw batches of the full size until enough values lie within two standard deviations."""
    n = math.prod(shape)
    kept = np.empty(0)
    while kept.size < n:
        batch = rng.normal(mean, stddev, size=n)
        inside = (batch >= mean - 2 * stddev) & (batch <= mean + 2 * stddev)
        kept = np.append(kept, batch[inside])
    return kept[:n].reshape(tuple(shape))


def compute_fans(shape: Shape) -> tuple[int, int]:
    """(fan in, fan out) of a weight. A vector has its length for both; all but the last two axes are a field."""
    if len(shape) < 1:
        return 1, 1
    if len(shape) == 1:
        return int(shape[0]), int(shape[0])
    field = math.prod(shape[:-2])
    return int(shape[-2] * field), int(shape[-1] * field)


_CLASSES = [
    Zeros, Ones, Constant, Identity, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling, GlorotUniform,
    GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal,
]  # fmt: skip
_BY_NAME: dict[str, type[Initializer]] = {c.__name__: c for c in _CLASSES}
_BY_NAME |= {to_snake_case(c.__name__): c for c in _CLASSES}
_BY_NAME |= {"IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal}
_BY_NAME |= {"normal": RandomNormal, "uniform": RandomUniform, "zero": Zeros, "one": Ones}

# Keras's lower-case names are the classes themselves.
zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal, lecun_uniform, lecun_normal = HeUniform, HeNormal, LecunUniform, LecunNormal
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal


def get(identifier: Any) -> Any:
    """An initializer from its name, config, class, instance or any callable ``(shape, dtype)``; None stays None."""
    from .saving.objects import by_identifier

    return by_identifier(identifier, _BY_NAME, "initializer", instance_of=Initializer, make=True)


def serialize(initializer: Any) -> Any:
    """The config of an initializer, as ``deserialize`` takes it."""
    from .saving.objects import serialize_keras_object

    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer a config describes."""
    from .saving.objects import deserialize_keras_object

    return deserialize_keras_object(config, custom_objects)

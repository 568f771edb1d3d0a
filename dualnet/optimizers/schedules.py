"""Learning rates that change with the number of updates.

A schedule is a function of the step, the number of updates so far: ``schedule(100)`` is a tensor, and so is a schedule
of a tensor of steps. Given to an optimizer as ``learning_rate``, it is worked out on the host, from a step count that
is there anyway.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from .. import config
from ..core.conversion import to_array
from ..core.hints import module_getattr
from ..core.tensor import Array, Tensor, Xp
from ..core.variables import Variable, fixed_number
from ..serialization.configurable import Configurable
from ..serialization.objects import deserialize_keras_object, serialize_keras_object

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule:
    """Base of the schedules. One of your own defines ``__call__(step)`` and ``get_config``.

    ``step`` is a tensor on the host, the number of updates before the present one: 0 at the first.
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} must define get_config() to be saved")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The schedule a config describes."""
        return cls(**config)


class Formula(Configurable, LearningRateSchedule):
    """A schedule that is one formula of the step, ``rate``, on the host and on a device."""

    _initial: Any

    @property
    def initial_learning_rate(self) -> Any:
        """The rate that it begins with, as a number; that of a ``Variable`` is read every time."""
        return float(self._initial) if isinstance(self._initial, Variable) else self._initial

    @initial_learning_rate.setter
    def initial_learning_rate(self, value: Any) -> None:
        self._initial = value if isinstance(value, Variable) else _number(value)

    def rate(self, xp: Xp, step: Array) -> Array:
        """step: floating point, any shape -> the learning rates, of that shape"""
        raise NotImplementedError

    def at(self, step: int) -> float:
        """The learning rate at one step, worked out on the host in double precision."""
        xp = backends.get("cpu").xp
        return float(self.rate(xp, xp.float64(step)))

    def __call__(self, step: Any) -> Tensor:
        """step: a number, tensor or array of them -> a tensor of that shape, of dtype ``floatx()``"""
        if isinstance(step, (int, float)):
            return Tensor(backends.current().asarray(self.at(step), dtype=config.floatx()))  # type: ignore[arg-type]
        array = to_array(step)
        backend = backends.of(array)
        return Tensor(backend.asarray(self.rate(backend.xp, array.astype("float64"))).astype(config.floatx()))


class ExponentialDecay(Formula):
    """initial_learning_rate * decay_rate ^ (step / decay_steps)

    decay_steps must be positive.

    Args:
        staircase: count whole multiples of ``decay_steps`` only.
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def rate(self, xp: Xp, step: Array) -> Array:
        p = step / self.decay_steps
        if self.staircase:
            p = xp.floor(p)
        return self.initial_learning_rate * xp.power(self.decay_rate, p)


class InverseTimeDecay(Formula):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps)

    decay_steps must be positive.

    Args:
        staircase: count whole multiples of ``decay_steps`` only.
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def rate(self, xp: Xp, step: Array) -> Array:
        p = step / self.decay_steps
        if self.staircase:
            p = xp.floor(p)
        return self.initial_learning_rate / (1 + self.decay_rate * p)


class PiecewiseConstantDecay(Formula):
    """values[0] up to and with step boundaries[0], then values[1] up to and with boundaries[1], and so on.

    Args:
        boundaries: increasing steps.
        values: one more than there are boundaries.
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"The length of boundaries should be 1 less than the length of values: got {len(boundaries)} boundaries "
                f"({list(boundaries)}) and {len(values)} values ({list(values)})"
            )
        self.boundaries = [_number(b) for b in boundaries]
        self.values = [_number(v) for v in values]
        if self.boundaries != sorted(self.boundaries):
            raise ValueError(f"the boundaries must increase, got {self.boundaries}")
        self.name = name

    def rate(self, xp: Xp, step: Array) -> Array:
        value = xp.full_like(step, self.values[0])
        for boundary, following in zip(self.boundaries, self.values[1:]):
            value = xp.where(step > boundary, xp.full_like(step, following), value)
        return value


class PolynomialDecay(Formula):
    """(initial_learning_rate - end_learning_rate) * (1 - step / decay_steps) ^ power + end_learning_rate

    After ``decay_steps`` it stays at the end, or with ``cycle`` starts again over the next multiple of
    ``decay_steps``. power 1 is a straight line.
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def rate(self, xp: Xp, step: Array) -> Array:
        total: Any = self.decay_steps
        if self.cycle:
            total = total * xp.maximum(xp.ceil(step / total), 1.0)
        else:
            step = xp.minimum(step, float(total))
        span = self.initial_learning_rate - self.end_learning_rate
        return span * xp.power(1 - step / total, self.power) + self.end_learning_rate


class CosineDecay(Formula):
    """Half a cosine wave from the initial rate down to ``alpha`` times it, over ``decay_steps``  (arXiv:1608.03983).

    Args:
        warmup_target: first a straight line from ``initial_learning_rate`` up to this, over ``warmup_steps`` steps; the
            cosine then starts from there.
        alpha: a fraction of the rate that the cosine starts from.
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.alpha, self.name, self.warmup_steps = alpha, name, warmup_steps
        self.warmup_target = None if warmup_target is None else _number(warmup_target)
        if warmup_steps < 0:
            raise ValueError(f"warmup_steps must not be negative, got {warmup_steps}")

    def rate(self, xp: Xp, step: Array) -> Array:
        first, top, warmup = self.initial_learning_rate, self.warmup_target, self.warmup_steps
        if top is None:
            return first * self._cosine(xp, step)
        falling = top * self._cosine(xp, step - warmup)
        if not warmup:
            return falling
        return xp.where(step < warmup, first + (top - first) * (step / warmup), falling)

    def _cosine(self, xp: Xp, step: Array) -> Array:
        done = xp.minimum(step, float(self.decay_steps)) / self.decay_steps
        return (1 - self.alpha) * (0.5 * (1 + xp.cos(math.pi * done))) + self.alpha


class CosineDecayRestarts(Formula):
    """A cosine that starts again whenever it has come down  (arXiv:1608.03983).

    Args:
        first_decay_steps: length of the first period.
        t_mul: how much longer each is than the one before.
        m_mul: how much higher it starts.
        alpha: a fraction of the initial rate that it never falls below.
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive("first_decay_steps", first_decay_steps)
        self.t_mul, self.m_mul, self.alpha, self.name = _positive("t_mul", t_mul), m_mul, alpha, name

    def rate(self, xp: Xp, step: Array) -> Array:
        done = step / self.first_decay_steps
        if self.t_mul == 1:
            restarts = xp.floor(done)
            done = done - restarts
        else:
            # After n restarts, 1 + t + ... + t^(n-1) first periods are over. What is added keeps a step on which one
            # begins from falling, by a rounding error, to the end of the one before.
            t = self.t_mul
            restarts = xp.floor(xp.log(1 - done * (1 - t)) / math.log(t) + 1e-9)
            done = (done - (1 - xp.power(t, restarts)) / (1 - t)) / xp.power(t, restarts)
        height = xp.power(float(self.m_mul), restarts)
        wave = 0.5 * height * (1 + xp.cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """The config of a schedule, as ``deserialize`` takes it."""
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The schedule a config describes."""
    return deserialize_keras_object(config, custom_objects)


def _number(value: Any) -> Any:
    """A plain number of what may be a tensor or a NumPy scalar."""
    value = fixed_number(value, "a number of a learning rate schedule")
    return float(value) if hasattr(value, "dtype") else value


def _positive(name: str, value: Any) -> Any:
    value = _number(value)
    if not value > 0:
        raise ValueError(f"Argument `{name}` must be > 0, got {value!r}")
    return value


__getattr__ = module_getattr(__name__, __all__)

"""The numbers of an update that the host computes: the learning rate, and all that depends on it or on the count of updates."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from dualnet_backends import Scalar

from .build import BuildMixin


class UpdateScalars(NamedTuple):
    """The numbers of one update, each a number or, in a captured step, a 0-d array of the dtype of the weights."""

    decay: tuple[Scalar, ...]  # with weight_decay: the factors of the weights that decay
    average: tuple[Scalar, ...]  # with use_ema: the factors of the running averages and of the weights
    rule: tuple[Scalar, ...]  # see ``Optimizer.scalars``


class ScalarMethods(BuildMixin):
    """What an update takes from the host.

    The learning rate and the number of the update are known to the host alone. Whatever depends on them is computed there, once
    and in double precision: the kernels of an update take it as arguments. So a step can be captured once, with arguments that it
    reads from memory, and repeated with other numbers.
    """

    weight_decay: float | None
    use_ema: bool
    ema_momentum: float
    # Whether a class defines ``update`` or ``update_step``, and none below it an ``update_rule``.
    _overrides_update = False
    _overrides_begin = False  # whether a class defines ``begin_update``
    # Whether ``update_rule`` takes the factor of weight decay, and so saves a pass over the weights.
    _folds_decay = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._overrides_begin = cls.begin_update is not ScalarMethods.begin_update
        if "update_rule" in vars(cls):
            cls._overrides_update = False
            cls._folds_decay = "decay" in inspect.signature(vars(cls)["update_rule"]).parameters
        elif "update" in vars(cls) or "update_step" in vars(cls):
            cls._overrides_update = True

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        """The numbers that ``update_rule`` takes for the ``t``-th update, counted from 1, at the learning rate ``lr``.

        It changes nothing: the numbers of an update may be asked for twice.
        """
        return lr, t

    def begin_update(self, t: int) -> None:
        """Called on the host once before the ``t``-th update. For a subclass, whose updates are then not captured."""

    def read_scalars(self) -> Any:
        """The numbers of the next update, for ``apply_in_place``."""
        t = self._update_count() + 1
        lr = self._rate_now()
        if self._overrides_begin:
            self.begin_update(t)
        rule = (lr, t) if self._overrides_update or "update" in self.__dict__ else self.scalars(lr, t)
        return UpdateScalars(self._decay_factors(lr), self._average_scalars() if self.use_ema else (), rule)

    def _decay_factors(self, lr: float) -> tuple[float, ...]:
        return (1 - lr * self.weight_decay,) if self.weight_decay else ()

    def _average_scalars(self) -> tuple[float, float]:
        momentum = self.ema_momentum if self._update_count() else 0.0  # the first update copies
        return momentum, 1 - momentum

    def _has_own_update(self) -> bool:
        """Whether the updates are those of a user's ``update`` or ``update_step``, and not those of ``update_rule``."""
        return self._overrides_update or "update" in self.__dict__

    @property
    def settings_version(self) -> int:
        """A number that changes whenever an argument other than the learning rate is set anew, or the state is made: a captured
        update has the values of before."""
        return self._settings_version

    @property
    def scalar_dtype(self) -> Any:
        """The dtype of 0-d arrays for the numbers of an update: that of the weights, to which a number is rounded. None if they
        have several."""
        dtypes = {v.dtype for v in self._trainable_variables}
        return dtypes.pop() if len(dtypes) == 1 else None

    @property
    def updates_alike(self) -> bool:
        """Whether all updates are the same work on the device but for ``read_scalars``, so that one of them can be captured."""
        return self.why_updates_differ is None

    @property
    def why_updates_differ(self) -> str | None:
        """Why updates are not all the same work on the device; None if they are."""
        name = type(self).__name__
        if self.gradient_accumulation_steps:
            return f"{name} accumulates gradients: only some steps change weights"
        if self.use_ema and self.ema_overwrite_frequency:
            return f"{name} overwrites the weights with their averages only in some steps"
        if self._has_own_update() or self._overrides_begin:
            return f"{name} has an update, update_step or begin_update of its own: define scalars and update_rule"
        if self.built and self.scalar_dtype is None:
            return f"{name} updates weights of several dtypes"
        return None

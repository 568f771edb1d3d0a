"""The constructor of optimizers, and the state that they build for the variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import dualnet_backends as backends

from ..core.hints import did_you_mean
from ..core.naming import auto_name
from ..core.tensor import Array, Tensor
from ..core.variables import BufferSlice, Variable, buffer_slices, fixed_number, pack
from ..legacy.arguments import OPTIMIZER_ARGUMENTS, OPTIMIZER_IGNORED
from ..serialization.configurable import (
    Configurable,
    attributes,
    builtin_class,
    config_attributes,
    constructor_parameters,
)
from ..serialization.objects import deserialize_keras_object
from .custom import CustomOptimizerMethods
from .learning_rate import LearningRate
from .optimizer_state import Averages, FlatState, PerVariableState, Slots, zeros

_LIMITS = ("clipnorm", "clipvalue", "global_clipnorm")  # of gradients, of which one may be set


class BuildMixin(CustomOptimizerMethods, Configurable):
    """The constructor, ``build`` and the config of ``Optimizer``, which says what the arguments mean."""

    # For the class of an optimizer: the names of its slots; whether the state is ordered by variable or by slot, as in Keras,
    # whose files depend on it; and whether ``update`` treats every element alike.
    _config_attributes = attributes(learning_rate=None)
    slot_names: tuple[str, ...] = ()
    slots_by_variable = True
    elementwise = True
    # The arguments that are read only while the state is made.
    build_arguments: tuple[str, ...] = ("use_ema", "gradient_accumulation_steps")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        arguments = {OPTIMIZER_ARGUMENTS.get(key, key): value for key, value in kwargs.items()}
        learning_rate = arguments.pop("learning_rate", learning_rate)
        self.decay = float(fixed_number(arguments.pop("decay", None), f"{owner}: decay") or 0.0)
        for key in arguments:
            if key not in OPTIMIZER_IGNORED:
                known = constructor_parameters(type(self))
                raise ValueError(f"{owner} does not know the argument {key!r}{did_you_mean(key, known)}")
        _check_limits(dict(zip(_LIMITS, (clipnorm, clipvalue, global_clipnorm))))
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"`ema_momentum` must be in the range [0, 1], got {ema_momentum!r}")
        if use_ema:
            _check_count("ema_overwrite_frequency", ema_overwrite_frequency, 1)
        _check_count("gradient_accumulation_steps", gradient_accumulation_steps, 2)
        if not self.decay >= 0:
            raise ValueError(f"{owner}: decay must not be negative, got {self.decay}")
        self.name = name or auto_name(owner)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum, self.ema_overwrite_frequency = use_ema, ema_momentum, ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        # The step count and the rate stay on the host: they are arguments of an update, not data.
        host = backends.get("cpu")
        self._iterations = Variable(0, dtype="int64", trainable=False, name="iteration", backend=host)
        self._learning_rate = LearningRate(learning_rate, owner)
        for variable in (self._iterations, self._learning_rate.variable):
            if variable is not None:
                variable.path = f"{self.name}/{variable.name}"
        self._excluded: set[int] = set()  # from weight decay, by id
        self._excluded_names: list[str] = []
        self.built = False
        self._forget()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; an argument changes what the next update does, and adds or drops slots if it needs to.

        Raises:
            TypeError: the value is a variable, and the argument is not ``learning_rate``.
            ValueError: the argument decides about state that exists already.
        """
        is_argument = name in config_attributes(builtin_class(type(self)))
        if is_argument and isinstance(value, Variable) and name != "learning_rate":
            raise TypeError(
                f"{type(self).__name__}: {name} is a Variable, and updates take numbers: give a number, and set optimizer.{name} "
                "to another one at any time. learning_rate may be a Variable"
            )
        if not is_argument or not self.__dict__.get("built"):
            super().__setattr__(name, value)
            return
        before = getattr(self, name, None)
        if name in self.build_arguments and value != before:
            raise ValueError(
                f"{type(self).__name__}: {name} was {before!r} when the state of the optimizer was made, and cannot be "
                f"changed to {value!r} any more: make a new optimizer"
            )
        if name in _LIMITS and value is not None:
            _check_limits({**{key: getattr(self, key) for key in _LIMITS}, name: value})
        super().__setattr__(name, value)
        if name != "learning_rate" and value != before:
            self._settings_version += 1
        if isinstance(self._state, FlatState) and self._state.names != tuple(self.slot_names):
            self._state.choose(self.slot_names, self._trainable_variables, self.initial_slot)
            self._plans.clear()

    def _forget(self) -> None:
        self._settings_version: int = getattr(self, "_settings_version", 0) + 1
        self._trainable_variables: list[Variable] = []
        self._trainable_variables_indices: dict[int, int] = {}
        self._slices: list[BufferSlice] = []
        self._state: FlatState | PerVariableState | None = None
        self._averages: Averages | None = None
        self.averages_are_in_weights = False  # and the weights in the averages
        self._accumulators: Slots | None = None
        self._added: list[Variable] = []  # by add_variable
        self._plans: dict[tuple[int, ...], Any] = {}

    def initial_slot(self, name: str, values: Array) -> Array:
        """The initial value of a slot: a new array of the shape of ``values``, the weights."""
        return zeros(name, values)

    def make_slots(self, variable: Variable) -> dict[str, Array]:
        """For an optimizer that is not elementwise: the slots of one variable, new arrays by name."""
        return {name: self.initial_slot(name, variable.data) for name in self.slot_names}

    def build(self, variables: Iterable[Variable]) -> None:
        """Create the state for these variables, which are packed into a flat buffer if they are in none yet.

        Nothing happens for the variables it was built for before; for others, the old state is dropped.
        """
        variables = list(variables)
        if self.built and [id(v) for v in variables] == [id(v) for v in self._trainable_variables]:
            if self.has_moved():
                self.follow_weights()
            return
        if self.built:
            self._forget()
        self._trainable_variables = variables
        self._trainable_variables_indices = {id(v): i for i, v in enumerate(variables)}
        pack(variables)
        # A variable that its gradient overwrites needs no state.
        self._slices = buffer_slices([v for v in variables if not v.overwrite_with_gradient])
        if self.use_ema:
            self._averages = Averages("average", self._slices, variables, zeros)
        if self.gradient_accumulation_steps:
            self._accumulators = Slots("gradient_accumulator", buffer_slices(variables), variables, zeros)
        if self.elementwise:
            self._state = FlatState(self.slot_names, self._slices, variables, self.initial_slot)
        else:
            self._state = PerVariableState([v for v in variables if not v.overwrite_with_gradient], self.make_slots)
        self.built = True

    def follow_weights(self) -> None:
        """Make the state anew beside weights that have moved to another device, with the values that it has."""
        values = [v.numpy() for v in self.variables]
        weights, averages_are_in_weights = self._trainable_variables, self.averages_are_in_weights
        self._forget()
        self.built = False
        self.build(weights)
        self.averages_are_in_weights = averages_are_in_weights
        for v, value in zip(self.variables, values, strict=True):
            v.assign(value)

    def has_moved(self) -> bool:
        """Whether weights have left the buffers that the state was made for."""
        return any(v.grad is None for v in self._trainable_variables) or not all(s.is_current() for s in self._slices)

    def _slot_variables(self) -> list[Variable]:
        """All slots, in the order of Keras."""
        return [] if self._state is None else self._state.variables(self.slots_by_variable)

    @property
    def variables(self) -> list[Variable]:
        """The whole state in Keras's order: iterations, learning rate (unless it is a function), then the rest."""
        rate = [] if self._learning_rate.variable is None else [self._learning_rate.variable]
        views = [v for s in (self._averages, self._accumulators) if s is not None for v in s.views]
        return [self._iterations, *rate, *views, *self._slot_variables(), *self._added]

    @property
    def known_variables(self) -> list[Variable]:
        """The variables this optimizer was built for."""
        return self._trainable_variables

    @property
    def _model_variables_moving_average(self) -> list[Variable | None]:
        if self._averages is None:
            raise AttributeError(f"{self.name} keeps no averages of the weights: it was made with use_ema=False")
        return self._averages.variables

    @property
    def _accumulated_gradients(self) -> list[Variable | None]:
        return [] if self._accumulators is None else self._accumulators.variables

    @property
    def iterations(self) -> Any:
        """How many updates there were, a variable; with gradient accumulation, a tensor."""
        if self.gradient_accumulation_steps:
            return Tensor(backends.get("cpu").asarray(self._update_count()))
        return self._iterations

    def step_count(self) -> int:
        """How many times gradients were applied or accumulated, as a number on the host."""
        return int(self._iterations.data)

    def _update_count(self) -> int:
        return int(self._iterations.data) // (self.gradient_accumulation_steps or 1)

    def _is_due(self) -> bool:
        """Whether this step changes the weights, and does not only accumulate gradients."""
        return (self.step_count() + 1) % (self.gradient_accumulation_steps or 1) == 0

    @property
    def learning_rate(self) -> Any:
        """The rate: a variable (``assign`` changes it), or what the schedule or function gives now."""
        if self._learning_rate.variable is not None:
            return self._learning_rate.variable
        return Tensor(backends.get("cpu").asarray(self._learning_rate.at(self._iterations), dtype="float32"))

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._learning_rate.set(value)

    def _rate_now(self) -> float:
        rate = self._learning_rate.at(self._iterations)
        return rate / (1 + self.decay * self.step_count()) if self.decay else rate

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Leave variables out of weight decay: those listed, and those whose name matches one of ``var_names``.

        To be called before the first update.

        Args:
            var_names: regular expressions.
        """
        if self.built:
            raise ValueError("exclude_from_weight_decay comes before the first update: the optimizer is in use already")
        self._excluded |= {id(v) for v in var_list or ()}
        self._excluded_names = [*self._excluded_names, *(var_names or ())]

    def _is_excluded(self, variable: Variable) -> bool:
        return id(variable) in self._excluded or any(re.search(n, variable.name) for n in self._excluded_names)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        config = {**super().get_config(), "learning_rate": self._learning_rate.config()}
        # Keras 3 has no decay: it says so when it reads one. Without it the files are Keras's own.
        return {**config, "decay": self.decay} if self.decay else config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The optimizer a config describes."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = deserialize_keras_object(config["learning_rate"], custom_objects)
        return super().from_config(config)


def _check_limits(arguments: dict[str, float | None]) -> None:
    limits = {key: value for key, value in arguments.items() if value is not None}
    if len(limits) > 1:
        raise ValueError(f"Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set, got {limits}")
    for key, value in limits.items():
        if not value > 0:
            raise ValueError(f"{key} must be positive, got {value}")


def _check_count(name: str, value: Any, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ValueError(f"`{name}` must be None or an integer >= {least}, got {value!r}")

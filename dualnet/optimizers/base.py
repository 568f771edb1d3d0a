"""Optimizer: gradients in, weights changed in place, one pass over one flat buffer."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import dualnet_backends as backends

from ..autodiff import no_grad, to_array
from ..compat import OPTIMIZER_ARGUMENTS, OldOptimizerMethods
from ..naming import auto_name
from ..tensor import Array, Tensor
from ..variables import Run, Variable, pack, runs
from . import clipping
from .custom import CustomOptimizerMethods
from .learning_rate import LearningRate
from .state import Averages, FlatState, OwnState, Segment, Slots, stretches, zeros
from .stateful import OptimizerState

# Arguments that tf.keras put into its configs and that change nothing.
_IGNORED = ("jit_compile", "is_legacy_optimizer")


class Plan(NamedTuple):
    """What an update goes over when certain variables have no gradient."""

    variables: list[Variable]  # that have one
    segments: list[Segment]
    decayed: list[Array]  # the weights that weight decay applies to
    accumulated: list[tuple[Array, Array]]  # gradients, and where they add up
    overwritten: list[Variable]


class Optimizer(OptimizerState, CustomOptimizerMethods, OldOptimizerMethods):
    """Base of all optimizers. One of your own defines ``slot_names`` and ``update``, or ``build`` and ``update_step``
    as in Keras.

    learning_rate: a number, a ``LearningRateSchedule``, or a function that is called before every update.
    weight_decay: every update also takes ``learning_rate * weight_decay`` of each weight away (decoupled,
    arXiv:1711.05101). Of the three ways to limit gradients at most one may be given: clipnorm (the norm of each
    gradient), global_clipnorm (the norm of all together), clipvalue (each element). use_ema: keep a running average
    of the weights, of momentum ema_momentum, which replaces them every ema_overwrite_frequency updates (None: never)
    and at the end of ``fit``. loss_scale_factor: the loss is multiplied by it before the gradients are taken, and
    they are divided by it, so that small ones survive in half precision. gradient_accumulation_steps: the weights are
    changed every so many steps only, by the mean gradient of those steps.
    """

    # For the class of an optimizer: the names of what it keeps beside each weight; whether the state is ordered by
    # variable or by slot, as in Keras, whose files depend on it; and whether ``update`` treats every element alike.
    slot_names: tuple[str, ...] = ()
    slots_by_variable = True
    elementwise = True

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
        self.decay = float(arguments.pop("decay", None) or 0.0)
        for key in arguments:
            if key not in _IGNORED:
                raise ValueError(f"{owner} does not know the argument {key!r}")
        _check_limits({"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm})
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
        # The step count and the rate stay on the host on every device: they are arguments of an update, not data.
        host = backends.get("cpu")
        self._iterations = Variable(0, dtype="int64", trainable=False, name="iteration", backend=host)
        self._learning_rate = LearningRate(learning_rate, owner)
        self._excluded: set[int] = set()  # from weight decay, by id
        self._excluded_names: list[str] = []
        self.built = False
        self._forget()

    def _forget(self) -> None:
        self._trainable_variables: list[Variable] = []
        self._trainable_variables_indices: dict[int, int] = {}
        self._runs: list[Run] = []
        self._state: FlatState | OwnState | None = None
        self._averages: Averages | None = None
        self.averages_are_in_weights = False  # and the weights where the averages were
        self._accumulators: Slots | None = None
        self._added: list[Variable] = []  # by add_variable
        self._plans: dict[tuple[int, ...], Plan] = {}

    # -- what a subclass defines -----------------------------------------------------------------------------------

    def update(self, backend: backends.Backend, w: Array, g: Array, slots: Any, lr: float, t: int) -> None:
        """Change ``w`` and the slots in place; ``t`` counts updates from 1.

        All are flat and of one length, the weights of several variables one after the other; unless the class says
        ``elementwise = False``: then they are those of one variable, in its shape.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update, or update_step")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: float) -> None:
        """The update of one variable. Override it, as in Keras, where ``update`` does not fit."""
        self._get_variable_index(variable)  # which raises for one that is not known
        assert self._state is not None
        slots = self._state.of(variable)
        g = to_array(gradient, backends.of(variable.data)).astype(variable.dtype)
        arrays = [variable.data, g, *slots]
        if self.elementwise:
            arrays = [a.reshape(-1) for a in arrays]
        w, g, *rest = arrays
        self.update(backends.of(w), w, g, tuple(rest), float(learning_rate), self._updates_made() + 1)

    def begin_update(self, t: int) -> None:
        """Called on the host once before the ``t``-th update, for what depends on ``t`` alone."""

    def initial_slot(self, name: str, values: Array) -> Array:
        """A new array of the shape of ``values``, those of the weights: what a slot starts with."""
        return zeros(name, values)

    def make_slots(self, variable: Variable) -> dict[str, Array]:
        """For an optimizer that is not elementwise: what it keeps for one variable, new arrays by name."""
        return {name: self.initial_slot(name, variable.data) for name in self.slot_names}

    # -- state -----------------------------------------------------------------------------------------------------

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the state for these variables; they are moved into flat buffers if they are in none yet.

        For the variables that it was built for before, nothing happens; for others, the old state is forgotten.
        """
        variables = list(variables)
        if self.built and [id(v) for v in variables] == [id(v) for v in self._trainable_variables]:
            return
        if self.built:
            self._forget()
        self._trainable_variables = variables
        self._trainable_variables_indices = {id(v): i for i, v in enumerate(variables)}
        pack(variables)
        # What its gradient replaces needs no state.
        self._runs = runs([v for v in variables if not v.overwrite_with_gradient])
        if self.use_ema:
            self._averages = Averages("average", self._runs, variables, zeros)
        if self.gradient_accumulation_steps:
            self._accumulators = Slots("gradient_accumulator", runs(variables), variables, zeros)
        if self.elementwise:
            self._state = FlatState(self.slot_names, self._runs, variables, self.initial_slot)
        else:
            self._state = OwnState([v for v in variables if not v.overwrite_with_gradient], self.make_slots)
        self.built = True

    def _slot_variables(self) -> list[Variable]:
        """All slots, in the order of Keras."""
        return [] if self._state is None else self._state.variables(self.slots_by_variable)

    @property
    def variables(self) -> list[Variable]:
        """The whole state in Keras's order: iterations, learning rate (unless it is a function), then the rest."""
        rate = [] if self._learning_rate.variable is None else [self._learning_rate.variable]
        kept = [v for s in (self._averages, self._accumulators) if s is not None for v in s.found]
        return [self._iterations, *rate, *kept, *self._slot_variables(), *self._added]

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
            return Tensor(backends.get("cpu").asarray(self._updates_made()))
        return self._iterations

    def step_count(self) -> int:
        """How many times gradients were applied or accumulated, as a number on the host."""
        return int(self._iterations.data)

    def _updates_made(self) -> int:
        return int(self._iterations.data) // (self.gradient_accumulation_steps or 1)

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
        """Leave variables out of weight decay: those listed, and those in whose name one of the names is found.

        var_names: regular expressions. To be called before the first update.
        """
        if self.built:
            raise ValueError("exclude_from_weight_decay comes before the first update: the optimizer is in use already")
        self._excluded |= {id(v) for v in var_list or ()}
        self._excluded_names = [*self._excluded_names, *(var_names or ())]

    def _is_excluded(self, variable: Variable) -> bool:
        return id(variable) in self._excluded or any(re.search(n, variable.name) for n in self._excluded_names)

    # -- updating --------------------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]], **kwargs: Any) -> Variable:
        """One update from (gradient, variable) pairs; a gradient of None leaves its variable alone."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One update from gradients, in the order of the variables (by default those of the last ``build``)."""
        grads = list(grads)
        if not grads:
            return
        if trainable_variables is None and not self.built:
            raise ValueError("gradients without variables: pass them too, or call build(variables) first")
        variables = self.known_variables if trainable_variables is None else list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(f"got {len(grads)} gradients for {len(variables)} variables: one is needed for each")
        self.ensure_built(variables)
        missing = []
        for g, v in zip(grads, variables):
            if g is None:
                missing.append(v)
                continue
            g = g.data if isinstance(g, Tensor) else to_array(g, backends.of(v.data))
            if g.shape != v.shape:
                raise ValueError(f"the gradient of {v.path!r} has shape {g.shape}, the variable {v.shape}")
            assert v.grad is not None  # ensure_built has packed it
            if g is not v.grad:
                v.grad[...] = g
        if missing and len(missing) < len(variables):
            names = ", ".join(v.path for v in missing)
            warnings.warn(f"Gradients do not exist for variables {names}: they stay as they are", stacklevel=3)
        given = {id(v) for v in variables}
        missing += [v for v in self.known_variables if id(v) not in given]
        self.apply_in_place(missing)

    def ensure_built(self, variables: Sequence[Variable]) -> None:
        """Build on first use; afterwards only variables that are known from then may come."""
        if not self.built:
            self.build(list(variables))
            self.built = True
            if self._pending is not None:
                self.set_weights(self._pending)
                self._pending = None
            return
        for v in variables:
            if id(v) not in self._trainable_variables_indices:
                raise ValueError(
                    f"Unknown variable: {v.path!r}. This optimizer was made for others: use a new optimizer, or call "
                    "optimizer.build(model.trainable_variables) first, which forgets its state"
                )

    def apply_in_place(self, missing: Sequence[Variable] = ()) -> None:
        """One update from the gradients that stand in ``variable.grad``. missing: those without, left alone."""
        if len(missing) >= len(self._trainable_variables):
            raise ValueError("No gradients provided for any variable. Does the loss depend on the model's output?")
        key = tuple(id(v) for v in missing)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(set(key))
        with no_grad():
            due = self._gather(plan)
            if due:
                self._update_all(plan)
            if self._averages is not None:
                updates = self._updates_made()
                # The first step copies.
                self._averages.take(self._runs, self.ema_momentum if updates else 0.0)
                if self.ema_overwrite_frequency and (updates + 1) % self.ema_overwrite_frequency == 0:
                    self._averages.put(self._runs)
            for v in plan.variables:
                if v.constraint is not None:
                    v.assign(v.constraint(v))
        self._iterations.data += 1

    def _plan(self, missing: set[int]) -> Plan:
        present = [v for v in self._trainable_variables if id(v) not in missing]
        normal = [v for v in present if not v.overwrite_with_gradient]
        overwritten = [v for v in present if v.overwrite_with_gradient]
        assert self._state is not None
        found = self._state.segments(normal, missing)
        adding: list[tuple[Array, Array]] = []
        if self._accumulators is not None:
            for run, sums in zip(runs(self._trainable_variables), self._accumulators.arrays):
                adding += [
                    (run.grads[part], sums[part]) for part in stretches(run, missing | {id(v) for v in overwritten})
                ]
        included = [v for v in normal if not self._is_excluded(v)]
        decayed = [s.values for s in found] if len(included) == len(normal) else [v.data for v in included]
        return Plan(normal, found, decayed, adding, overwritten)

    def _gather(self, plan: Plan) -> bool:
        """Unscale and accumulate; whether the weights are to be changed now, by what then stands in the gradients."""
        steps = self.gradient_accumulation_steps or 1
        due = (self.step_count() + 1) % steps == 0
        grads = [s.grads for s in plan.segments]
        if self.loss_scale_factor is not None:
            for g in grads:
                g /= self.loss_scale_factor
        if self._accumulators is not None:
            for g, total in plan.accumulated:
                if due:
                    g += total
                    total.fill(0)
                else:
                    total += g
            for v in plan.overwritten:  # what replaces its variable is not added up: the largest counts
                total = self._accumulated_gradients[self._get_variable_index(v)].data  # type: ignore[union-attr]
                backends.of(total).xp.maximum(v.grad, total, out=total)
                v.grad[...] = total  # type: ignore[index]
                if due:
                    total.fill(0)
            for g in grads if due else ():
                g /= steps
        if due:
            for v in plan.overwritten:
                v.assign(v.grad)
        return due

    def _update_all(self, plan: Plan) -> None:
        self._clip([s.grads for s in plan.segments], [v.grad for v in plan.variables])
        lr = self._rate_now()
        self._decay(plan, lr)
        t = self._updates_made() + 1
        self.begin_update(t)
        if type(self).update_step is not Optimizer.update_step:
            for v in plan.variables:
                assert v.grad is not None
                self.update_step(Tensor(v.grad), v, lr)
        else:
            for s in plan.segments:
                self.update(s.backend, s.values, s.grads, s.slots, lr, t)

    def _clip(self, flat: list[Array], shaped: list[Any]) -> None:
        """Limit gradients in place, given flat and by variable."""
        if self.clipvalue is not None:
            clipping.by_value(flat, self.clipvalue)
        elif self.clipnorm is not None:
            clipping.by_norm(shaped, self.clipnorm)
        elif self.global_clipnorm is not None:
            clipping.by_global_norm(flat, self.global_clipnorm)

    def _clip_gradients(self, grads: Sequence[Any]) -> list[Tensor]:
        """The gradients limited, in tensors of their own."""
        made = [Tensor(to_array(g).copy()) for g in grads if g is not None]
        arrays = [t.data for t in made]
        self._clip(arrays, arrays)
        return made

    def _decay(self, plan: Plan, lr: float) -> None:
        if self.weight_decay:
            for w in plan.decayed:
                w *= 1 - lr * self.weight_decay

    def swap_averages(self) -> None:
        """Exchange the weights and their running averages, both ways. For an optimizer with ``use_ema``."""
        if self._averages is None:
            raise ValueError(f"{self.name} keeps no averages: make it with use_ema=True, and train")
        self._averages.swap(self._runs)
        self.averages_are_in_weights = not self.averages_are_in_weights

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Put the running averages into the weights, where they are kept (``use_ema``); ``fit`` does it at its end."""
        if self._averages is None or not self.step_count():
            return
        if self.averages_are_in_weights:
            self._averages.take(self._runs, 0.0)
            self.averages_are_in_weights = False
            return
        for v in var_list:
            average = self._averages.variables[self._get_variable_index(v)]
            if average is not None:
                v.assign(average)

    def scale_loss(self, loss: Any) -> Any:
        """The loss to take gradients of: times ``loss_scale_factor``."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # -- config ----------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        config = {
            "name": self.name,
            "learning_rate": self._learning_rate.config(),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }
        # Keras 3 has no decay: it says so when it reads one. Without it the files are Keras's own.
        return {**config, "decay": self.decay} if self.decay else config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The optimizer a config describes."""
        from ..saving.objects import deserialize_keras_object

        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = deserialize_keras_object(config["learning_rate"], custom_objects)
        return cls(**config)


def _check_limits(given: dict[str, float | None]) -> None:
    limits = {key: value for key, value in given.items() if value is not None}
    if len(limits) > 1:
        raise ValueError(f"Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set, got {limits}")
    for key, value in limits.items():
        if not value > 0:
            raise ValueError(f"{key} must be positive, got {value}")


def _check_count(name: str, value: Any, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ValueError(f"`{name}` must be None or an integer >= {least}, got {value!r}")

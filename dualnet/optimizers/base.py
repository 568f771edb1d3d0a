"""Optimizer: gradients in, weights changed in place, one pass over one flat buffer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import dualnet_backends as backends

from ..autodiff import no_grad, to_array
from ..naming import auto_name
from ..tensor import Array, Tensor
from ..variables import Run, Variable, pack, runs

# Keras writes these into every file; only their neutral values are known here so far.
_NEUTRAL = {
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "jit_compile": None,
    "is_legacy_optimizer": None,
}


class Segment(NamedTuple):
    """A stretch of a flat buffer that one update goes over: values, gradients and slots, all of one length."""

    backend: backends.Backend
    values: Array
    grads: Array
    slots: tuple[Array, ...]


class Optimizer:
    """Base of all optimizers. One of your own defines ``slot_names`` and ``update``.

    learning_rate: a number, or a function of the number of updates so far. weight_decay: every update also takes
    ``learning_rate * weight_decay`` of each weight away (decoupled, arXiv:1711.05101). Of the three ways to limit
    gradients at most one may be given: clipnorm (the norm of each gradient), global_clipnorm (the norm of all
    together), clipvalue (each element).
    """

    slot_names: tuple[str, ...] = ()
    # Keras orders the state of some optimizers by variable and of others by slot; files depend on it.
    slots_by_variable = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        for key, value in kwargs.items():
            if key not in _NEUTRAL:
                raise ValueError(f"{type(self).__name__} does not know the argument {key!r}")
            if value not in (_NEUTRAL[key], None) and not (key == "ema_momentum"):
                raise ValueError(f"{type(self).__name__}: {key}={value!r} is not supported; only {_NEUTRAL[key]!r} is")
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        limits = {key: value for key, value in given.items() if value is not None}
        if len(limits) > 1:
            raise ValueError(f"only one of clipnorm, clipvalue and global_clipnorm may be given, got {limits}")
        for key, value in limits.items():
            if not value > 0:
                raise ValueError(f"{key} must be positive, got {value}")
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        # The step count and the rate stay on the host on every device: they are arguments of an update, not data.
        host = backends.get("cpu")
        self.iterations = Variable(0, dtype="int64", trainable=False, name="iteration", backend=host)
        self._rate: Variable | Callable[[Any], Any]
        if callable(learning_rate):
            self._rate = learning_rate
        else:
            rate = float(learning_rate)
            if not rate >= 0:
                raise ValueError(f"{type(self).__name__}: learning_rate must not be negative, got {learning_rate!r}")
            self._rate = Variable(rate, dtype="float32", trainable=False, name="learning_rate", backend=host)
        self.built = False
        self._variables: list[Variable] = []
        self._runs: list[Run] = []
        self._slots: list[list[Array]] = []  # [run][slot]: flat arrays
        self._slot_variables: list[list[Variable]] = []  # [slot][variable]: views of them
        self._excluded: set[int] = set()  # from weight decay, by id
        self._excluded_names: list[str] = []
        self._segments: dict[tuple[int, ...], list[Segment]] = {}

    # -- what a subclass defines -----------------------------------------------------------------------------------

    def update(self, backend: backends.Backend, w: Array, g: Array, slots: Any, lr: float, t: int) -> None:
        """Change ``w`` and the slots in place. All are flat and of one length; ``t`` counts updates from 1."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    # -- state -----------------------------------------------------------------------------------------------------

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the state for these variables; they are moved into flat buffers if they are in none yet."""
        self._variables = list(variables)
        self._excluded |= {id(v) for v in self._variables if any(re.search(n, v.name) for n in self._excluded_names)}
        pack(self._variables)
        self._runs = runs(self._variables)
        self._slots = []
        self._slot_variables = [[] for _ in self.slot_names]
        for run in self._runs:
            xp = backends.of(run.values).xp
            arrays = [xp.full_like(run.values, self.initial_slot_value(name)) for name in self.slot_names]
            self._slots.append(arrays)
            for array, name, made in zip(arrays, self.slot_names, self._slot_variables):
                start = 0
                for v in run.variables:
                    made.append(_view(array[start : start + v.size].reshape(v.shape), v, name))
                    start += v.size
        self._segments = {}
        self.built = True

    def initial_slot_value(self, name: str) -> float:
        """What a slot is filled with at the start."""
        return 0.0

    @property
    def variables(self) -> list[Variable]:
        """The whole state in Keras's order: iterations, learning rate (unless it is a function), then the slots."""
        rate = [self._rate] if isinstance(self._rate, Variable) else []
        if self.slots_by_variable:
            slots = [v for group in zip(*self._slot_variables) for v in group]
        else:
            slots = [v for group in self._slot_variables for v in group]
        return [self.iterations, *rate, *slots]

    @property
    def known_variables(self) -> list[Variable]:
        """The variables this optimizer was built for."""
        return self._variables

    @property
    def learning_rate(self) -> Any:
        """The rate: a variable (``assign`` changes it), or what the function gives for the present step."""
        return self._rate if isinstance(self._rate, Variable) else self._rate_now()

    def _rate_now(self) -> float:
        rate = self._rate
        if isinstance(rate, Variable):
            return float(rate.data)
        # A schedule is asked for a step; Keras calls any other function without an argument.
        return float(rate(int(self.iterations.data)) if _takes_step(rate) else rate())

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value) and not isinstance(value, Tensor):
            self._rate = value
        elif isinstance(self._rate, Variable):
            self._rate.assign(float(value))
        else:
            raise TypeError("the learning rate is a function of the step here: it cannot be set to a number")

    def exclude_from_weight_decay(self, var_list: Sequence[Variable] = (), var_names: Sequence[str] = ()) -> None:
        """Leave variables out of weight decay: those listed, and those in whose name one of the names is found.

        var_names: regular expressions. To be called before the first update.
        """
        if self.built:
            raise ValueError("exclude_from_weight_decay comes before the first update: the optimizer is in use already")
        self._excluded |= {id(v) for v in var_list or ()}
        self._excluded_names = [*self._excluded_names, *(var_names or ())]

    # -- updating --------------------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]], **kwargs: Any) -> Variable:
        """One update from (gradient, variable) pairs; a gradient of None leaves its variable alone."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One update from gradients, in the order of the variables (by default those of the last ``build``)."""
        variables = list(trainable_variables) if trainable_variables is not None else self._variables
        if len(grads) != len(variables):
            raise ValueError(f"got {len(grads)} gradients for {len(variables)} variables: one is needed for each")
        self.ensure_built(variables)
        missing = []
        for g, v in zip(grads, variables):
            if g is None:
                missing.append(v)
            else:
                g = g.data if isinstance(g, Tensor) else to_array(g, backends.of(v.data))
                if g.shape != v.shape:
                    raise ValueError(f"the gradient of {v.path!r} has shape {g.shape}, the variable {v.shape}")
                assert v.grad is not None  # ensure_built has packed it
                if g is not v.grad:
                    v.grad[...] = g
        given = {id(v) for v in variables}
        missing += [v for v in self._variables if id(v) not in given]
        self.apply_in_place(missing)

    def ensure_built(self, variables: Sequence[Variable]) -> None:
        """Build on first use; afterwards only variables that are known from then may come."""
        if not self.built:
            self.build(variables)
            return
        known = {id(v) for v in self._variables}
        for v in variables:
            if id(v) not in known:
                raise ValueError(
                    f"this optimizer was made for other variables than {v.path!r}: use a new optimizer, or call "
                    "optimizer.build(model.trainable_variables) first, which forgets its state"
                )

    def apply_in_place(self, missing: Sequence[Variable] = ()) -> None:
        """One update from the gradients that stand in ``variable.grad``. missing: those without, left alone."""
        if len(missing) == len(self._variables):
            raise ValueError("no variable got a gradient: does the loss depend on the model's output?")
        key = tuple(id(v) for v in missing)
        segments = self._segments.get(key)
        if segments is None:
            segments = self._segments[key] = self._make_segments(set(key))
        self._clip(segments, key)
        lr = self._rate_now()
        if self.weight_decay:
            self._decay(segments, key, lr * self.weight_decay)
        t = int(self.iterations.data) + 1
        for s in segments:
            self.update(s.backend, s.values, s.grads, s.slots, lr, t)
        self.iterations.data += 1
        for v in self._variables:
            if v.constraint is not None and id(v) not in key:
                with no_grad():
                    v.assign(v.constraint(v))

    def _make_segments(self, missing: set[int]) -> list[Segment]:
        """The stretches between the missing variables; with none missing, one per flat buffer."""
        found = []
        for run, slots in zip(self._runs, self._slots):
            start = stop = 0
            for v in [*run.variables, None]:
                if v is not None and id(v) not in missing:
                    stop += v.size
                    continue
                if stop > start:
                    part = slice(start, stop)
                    backend = backends.of(run.values)
                    found.append(Segment(backend, run.values[part], run.grads[part], tuple(s[part] for s in slots)))
                start = stop = stop + (0 if v is None else v.size)
        return found

    def _clip(self, segments: list[Segment], missing: tuple[int, ...]) -> None:
        if self.clipvalue is not None:
            for s in segments:
                s.backend.xp.clip(s.grads, -self.clipvalue, self.clipvalue, out=s.grads)
        elif self.clipnorm is not None:
            for v in self._variables:
                if id(v) not in missing:
                    g: Any = v.grad
                    xp = backends.of(g).xp
                    g *= self.clipnorm / xp.maximum(xp.sqrt(xp.sum(g * g)), self.clipnorm)
        elif self.global_clipnorm is not None:
            total: Any = 0.0
            for s in segments:
                total = total + s.backend.xp.sum(s.grads * s.grads)
            xp = segments[0].backend.xp
            # A NaN or infinite norm makes every gradient NaN, so that it is seen and not hidden.
            norm = xp.sqrt(total)
            scale = self.global_clipnorm / xp.maximum(norm, self.global_clipnorm) + (norm - norm)
            for s in segments:
                g = s.grads
                g *= scale

    def _decay(self, segments: list[Segment], missing: tuple[int, ...], rate: float) -> None:
        if self._excluded:
            for v in self._variables:
                if id(v) not in self._excluded and id(v) not in missing:
                    v.data *= 1 - rate
        else:
            for s in segments:
                w = s.values
                w *= 1 - rate

    # -- config ----------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        from ..saving.objects import serialize_keras_object

        rate = float(self._rate.data) if isinstance(self._rate, Variable) else serialize_keras_object(self._rate)
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The optimizer a config describes."""
        from ..saving.objects import deserialize_keras_object

        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = deserialize_keras_object(config["learning_rate"], custom_objects)
        return cls(**config)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the state into ``store`` under "0", "1", ..."""
        for i, v in enumerate(self.variables):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Set the state from what ``save_own_variables`` stored."""
        if len(store) != len(self.variables):
            raise ValueError(f"optimizer {self.name!r} has {len(self.variables)} variables, the file has {len(store)}")
        for i, v in enumerate(self.variables):
            v.assign(store[str(i)])


def _takes_step(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return True
    return False


def _view(array: Array, variable: Variable, slot: str) -> Variable:
    """A variable that is a view of a stretch of a flat slot."""
    made = Variable(0.0, dtype=variable.dtype, trainable=False, name=slot, backend=backends.of(array))
    made.data = array
    made.path = f"{variable.path.replace('/', '_')}_{slot}"
    return made

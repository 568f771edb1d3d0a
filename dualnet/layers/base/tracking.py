"""The weights of a layer: making them, finding them in attributes and in the layers inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ... import constraints, initializers, regularizers, tree
from ...core.conversion import to_array
from ...core.dtypes import is_float, standardize_dtype
from ...core.seeds import SeedGenerator
from ...core.variables import Variable
from ...core.version import invalidate
from ...legacy.arguments import name_first
from .context import context, name_scope, nothing

# Attributes that hold layers without owning them, or hold no layers and are long.
NOT_CHILDREN = frozenset(
    {
        "_auto_args",
        "_trainable_variables",
        "_non_trainable_variables",
        "_losses",
        "_build_shape",
        "_inbound_nodes",
    }
)

# Attributes that are set by every fit, and that no step looks at.
NOT_IN_STEPS = frozenset({"history", "stop_training", "stop_evaluating", "stop_predicting"})

# Types of what is no layer, weight or metric, and holds none: most attributes are of these.
_PLAIN = frozenset({type(None), bool, int, float, str, type(len), type(lambda: None)})


class Tracker:
    """Whether a layer that is built may be given weights."""

    unlocked = False

    def unlock(self) -> None:
        self.unlocked = True

    def lock(self) -> None:
        self.unlocked = False


class _Sublayers:
    """``_layers`` as Keras has it: the layers directly inside one, unless the instance keeps a list of its own."""

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self if layer is None else layer._sublayers()


class Tracking:
    """The part of ``Layer`` that keeps weights."""

    built: bool
    name: str
    _dtype: str
    _trainable: bool
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]

    @name_first
    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a weight of this layer.

        shape: () by default. initializer: a name, object or function; "glorot_uniform" by default for floating point,
        zeros for integers. regularizer: a penalty on the weight, added to the loss. constraint: applied after every
        update.
        """
        if self.built and not self._tracker.unlocked:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} is built already, you cannot add new elements of state to it: its "
                f"weights are made in __init__ or build, once (this is about {name or 'a weight without a name'!r})"
            )
        shape = tuple(shape) if isinstance(shape, (list, tuple)) else () if shape is None else (shape,)
        dtype = standardize_dtype(dtype or self._dtype)
        if any(n is None for n in shape):
            raise ValueError(f"{self.name}: weight {name!r} has the open shape {shape}; every entry must be a number")
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        with name_scope(self.name) if context.scope[-1:] != (self.name,) else nothing():
            variable = Variable(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
            variable.path = "/".join((*context.scope, variable.name))
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._track(variable)
        return variable

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, trainable: bool = True, **kwargs: Any
    ) -> Variable:
        """Make a weight of this layer (see ``add_weight``)."""
        return self.add_weight(shape, initializer, dtype, trainable, **kwargs)

    @property
    def _tracker(self) -> Tracker:
        """What lets weights be added after the build, as in Keras: ``unlock()``, then ``lock()``."""
        return self.__dict__.setdefault("_its_tracker", Tracker())

    def _untrack_variable(self, variable: Variable) -> None:
        """Give a weight up."""
        for group in (self._trainable_variables, self._non_trainable_variables):
            group[:] = [v for v in group if v is not variable]
        invalidate()

    def _track(self, variable: Variable) -> None:
        known = self._trainable_variables + self._non_trainable_variables
        if all(v is not variable for v in known):
            (self._trainable_variables if variable.trainable else self._non_trainable_variables).append(variable)
            invalidate()
            if not self._trainable:
                variable.trainable = False

    def __getattr__(self, name: str) -> Any:
        cls = type(self).__name__
        if "_trainable_variables" not in self.__dict__:
            raise AttributeError(f"{cls} has no {name!r} yet: {cls}.__init__ must call super().__init__() first")
        return object.__getattribute__(self, name)  # which raises, with the words of a property that did

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Variable) and "_trainable_variables" in self.__dict__:
            self._track(value)
        if self.built and name[:1] != "_" and self.__dict__.get(name) is not value and name not in NOT_IN_STEPS:
            invalidate()  # steps that were recorded do not know of it
        object.__setattr__(self, name, value)

    def _parts(self) -> list[Any]:
        """The attributes that may be, or hold, layers, weights and the like."""
        return [v for name, v in self.__dict__.items() if type(v) not in _PLAIN and name not in NOT_CHILDREN]

    def _sublayers(self) -> list[Any]:
        """The layers directly inside this one: attributes in the order they were set, with those in containers."""
        found: dict[int, Any] = {}
        for value in self._parts():
            if isinstance(value, (Tracking, list, tuple, dict)):
                for x in _layers_in(value):
                    found.setdefault(id(x), x)
        return list(found.values())

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Any]:
        """This layer, the layers in it, those in them and so on, each once, a layer before those in it."""
        found: dict[int, Any] = {id(self): self}
        waiting = list(reversed(self._sublayers()))
        while waiting:
            layer = waiting.pop()
            if id(layer) not in found:
                found[id(layer)] = layer
                if recursive:
                    waiting += reversed(layer._sublayers())
        return list(found.values())[0 if include_self else 1 :]

    @property
    def _seed_generators(self) -> list[SeedGenerator]:
        """The seed generators that are attributes of this layer."""
        return [v for v in tree.flatten(self._parts()) if isinstance(v, SeedGenerator)]

    _layers = _Sublayers()

    @property
    def metrics(self) -> list[Any]:
        """The metrics that are attributes of this layer and of those inside it."""
        from ...metrics import Metric

        found = {id(v): v for v in tree.flatten(self._parts()) if isinstance(v, Metric)}
        for layer in self._sublayers():
            found |= {id(m): m for m in layer.metrics}
        return list(found.values())

    @property
    def metrics_variables(self) -> list[Any]:
        """What these metrics have taken in so far."""
        return [v for metric in self.metrics for v in metric.variables]

    def _own_variables(self) -> list[Variable]:
        extra = []
        for value in self._parts():
            if isinstance(value, (list, tuple, dict)):
                extra += [v for v in tree.flatten(value) if isinstance(v, Variable)]
        for v in extra:
            self._track(v)
        return self._trainable_variables + self._non_trainable_variables

    @property
    def weights(self) -> list[Variable]:
        """All weights: those of the layer itself, trainable ones first, then those of the layers inside it."""
        found = {id(v): v for v in self._own_variables()}
        for layer in self._sublayers():
            found |= {id(v): v for v in layer.weights if id(v) not in found}
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """The same as ``weights``."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights an optimizer may change."""
        return [v for v in self.weights if v.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights an optimizer leaves alone."""
        return [v for v in self.weights if not v.trainable] if self._trainable else self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as ``trainable_weights``."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as ``non_trainable_weights``."""
        return self.non_trainable_weights

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        invalidate()
        self._own_variables()
        for v in self._trainable_variables:
            v.trainable = bool(value)
        for layer in self._sublayers():
            layer.trainable = value

    def get_weights(self) -> list[Any]:
        """The values of all weights, as NumPy arrays in the order of ``weights``."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights, in the order of ``weights``; none, and ``ValueError``, when number or shapes differ."""
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(f"{self.name}: expected {len(own)} weights, got {len(weights)}")
        for v, w in zip(own, weights):
            if tuple(getattr(w, "shape", ())) != v.shape and to_array(w).shape != v.shape:
                raise ValueError(f"{self.name}: weight {v.path!r} has shape {v.shape}, got {to_array(w).shape}")
        for v, w in zip(own, weights):
            v.assign(w)

    def count_params(self) -> int:
        """How many numbers all weights hold."""
        if not self.built:
            raise ValueError(f"{self.name} has no weights yet: build it, or call it on data, before counting them")
        return sum(v.size for v in self.weights)


def _layers_in(value: Any) -> Iterator[Any]:
    if isinstance(value, Tracking):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _layers_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _layers_in(part)

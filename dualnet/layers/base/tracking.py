"""The weights of a layer: making them, and tracking them in attributes and in the layers inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ... import constraints, initializers, regularizers, tree
from ...core.conversion import to_array
from ...core.dtypes import is_float, standardize_dtype
from ...core.tracing import state
from ...core.variables import Variable
from ...core.version import invalidate
from ...legacy.arguments import name_first
from .context import context, layer_scope
from .metaclass import LayerType

if TYPE_CHECKING:
    from .layer import Layer

# Attributes whose layers are not children, or long ones without layers.
UNTRACKED = frozenset(
    {
        "_auto_args",
        "_build_shape",
        "_compile_arguments",  # loss weights may be variables
        "_inbound_nodes",
        "_losses",
        "_non_trainable_variables",
        "_recurrent_states",  # of recurrent layers: variables, but no weights
        "_trainable_variables",
    }
)

# Attributes that every fit sets and no recorded step reads.
_IGNORED_BY_STEPS = frozenset({"history", "stop_training", "stop_evaluating", "stop_predicting"})

# Types of attributes that neither are nor contain a layer, weight or metric; most attributes are of these.
_PLAIN = frozenset({type(None), bool, int, float, str, type(len), type(lambda: None)})


class Tracker:
    """Whether a layer that is built may be given weights."""

    unlocked = False

    def unlock(self) -> None:
        self.unlocked = True

    def lock(self) -> None:
        self.unlocked = False


class SublayersDescriptor:
    """``_layers`` as Keras has it: the layers directly inside one, unless the instance keeps a list of its own."""

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self if layer is None else layer._sublayers()


class WeightTracking:
    """The part of ``Layer`` about weights: they, and the layers inside, are tracked as soon as they are attributes."""

    name: str
    built: bool
    _dtype: str
    _trainable: bool
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]
    _layers = SublayersDescriptor()
    _recurrent_states: Any = None  # of a stateful recurrent layer, variables in a structure

    # -- making weights ------------------------------------------------------------------------------------------

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

        Args:
            shape: () by default.
            initializer: a name, object or function; "glorot_uniform" by default for floating point, zeros for integers.
            regularizer: a penalty on the weight, added to the loss.
            constraint: applied after every update.
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
        with layer_scope(self.name):
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
        self._track_variable(variable)
        return variable

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, trainable: bool = True, **kwargs: Any
    ) -> Variable:
        """Make a weight of this layer (see ``add_weight``)."""
        return self.add_weight(shape, initializer, dtype, trainable, **kwargs)

    # -- tracking ------------------------------------------------------------------------------------------------

    @property
    def _tracker(self) -> Tracker:
        """What lets weights be added after the build, as in Keras: ``unlock()``, then ``lock()``."""
        return self.__dict__.setdefault("_weight_tracker", Tracker())

    def _track_variable(self, variable: Variable) -> None:
        """Make a variable a weight of this layer, unless it is one."""
        tracked = self._trainable_variables + self._non_trainable_variables
        if all(v is not variable for v in tracked):
            (self._trainable_variables if variable.trainable else self._non_trainable_variables).append(variable)
            invalidate()
            if not self._trainable:
                variable.trainable = False

    def _untrack_variable(self, variable: Variable) -> None:
        """Stop tracking a weight."""
        for group in (self._trainable_variables, self._non_trainable_variables):
            group[:] = [v for v in group if v is not variable]
        invalidate()

    def __getattr__(self, name: str) -> Any:
        cls = type(self).__name__
        if "_trainable_variables" not in self.__dict__:
            raise AttributeError(f"{cls} has no {name!r} yet: {cls}.__init__ must call super().__init__() first")
        return object.__getattribute__(self, name)  # which raises, with the words of a property that did

    def __setattr__(self, name: str, value: Any) -> None:
        if state.tracer is not None:
            state.tracer.attribute(self, name)
        if isinstance(value, Variable) and "_trainable_variables" in self.__dict__:
            self._track_variable(value)
        if self.built and name[:1] != "_" and self.__dict__.get(name) is not value and name not in _IGNORED_BY_STEPS:
            invalidate()  # recorded steps have read the old value
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if state.tracer is not None:
            state.tracer.attribute(self, name)
        object.__delattr__(self, name)

    def _own_variables(self) -> list[Variable]:
        """The weights of the layer itself, trainable ones first. Those in containers are tracked only now."""
        for value in tracked_attributes(self):
            if isinstance(value, (list, tuple, dict)):
                for v in tree.flatten(value):
                    if isinstance(v, Variable):
                        self._track_variable(v)
        return self._trainable_variables + self._non_trainable_variables

    def _state_variables(self) -> list[Variable]:
        """The states of the stateful recurrent layers in this one: variables that a call changes in place and that are no weights."""
        layers = self._flatten_layers()
        return [
            v for layer in layers if layer._recurrent_states is not None for v in tree.flatten(layer._recurrent_states)
        ]

    def _sublayers(self) -> list[Layer]:
        """The layers directly inside this one: attributes in the order they were set, with those in containers."""
        inner: dict[int, Layer] = {}
        for value in tracked_attributes(self):
            for x in _layers_in(value):
                inner.setdefault(id(x), x)
        return list(inner.values())

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Layer]:
        """This layer, the layers in it, those in them and so on, each once, a layer before those in it."""
        visited: dict[int, Any] = {id(self): self}
        stack = list(reversed(self._sublayers()))
        while stack:
            inner = stack.pop()
            if id(inner) not in visited:
                visited[id(inner)] = inner
                if recursive:
                    stack += reversed(inner._sublayers())
        return list(visited.values())[0 if include_self else 1 :]

    @property
    def metrics(self) -> list[Any]:
        """The metrics that are attributes of this layer and of those inside it."""
        from ...metrics import Metric

        result = {id(m): m for m in tree.flatten(tracked_attributes(self)) if isinstance(m, Metric)}
        for inner in self._sublayers():
            result |= {id(m): m for m in inner.metrics}
        return list(result.values())

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables that hold the state of these metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    # -- reading and setting weights -----------------------------------------------------------------------------

    @property
    def weights(self) -> list[Variable]:
        """All weights: those of the layer itself, trainable ones first, then those of the layers inside it."""
        variables = {id(v): v for v in self._own_variables()}
        for inner in self._sublayers():
            variables |= {id(v): v for v in inner.weights if id(v) not in variables}
        return list(variables.values())

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
        for inner in self._sublayers():
            inner.trainable = value

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


def tracked_attributes(layer: Any) -> list[Any]:
    """The attributes that may be, or contain, layers, weights and the like."""
    return [v for name, v in vars(layer).items() if type(v) not in _PLAIN and name not in UNTRACKED]


def _layers_in(value: Any) -> Iterator[Layer]:
    if isinstance(type(value), LayerType):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _layers_in(item)

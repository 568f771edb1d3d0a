"""The weights of a layer: making them, and tracking them in attributes and in the layers inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ... import constraints, initializers, regularizers, tree
from ...core.conversion import to_array
from ...core.dtypes import is_float, standardize_dtype
from ...core.variables import Variable
from ...core.version import invalidate
from .context import context, name_scope, nothing
from .metaclass import LayerType

if TYPE_CHECKING:
    from .layer import Layer

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


class SublayersDescriptor:
    """``_layers`` as Keras has it: the layers directly inside one, unless the instance keeps a list of its own."""

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self if layer is None else layer._sublayers()


def add_weight(
    layer: Layer,
    shape: Any,
    initializer: Any,
    dtype: Any,
    trainable: bool,
    autocast: bool,
    regularizer: Any,
    constraint: Any,
    aggregation: str,
    overwrite_with_gradient: bool,
    name: str | None,
) -> Variable:
    """See ``Layer.add_weight``."""
    if layer.built and not layer._tracker.unlocked:
        raise ValueError(
            f"{type(layer).__name__} layer {layer.name!r} is built already, you cannot add new elements of state to it: its "
            f"weights are made in __init__ or build, once (this is about {name or 'a weight without a name'!r})"
        )
    shape = tuple(shape) if isinstance(shape, (list, tuple)) else () if shape is None else (shape,)
    dtype = standardize_dtype(dtype or layer._dtype)
    if any(n is None for n in shape):
        raise ValueError(f"{layer.name}: weight {name!r} has the open shape {shape}; every entry must be a number")
    if initializer is None:
        initializer = "glorot_uniform" if is_float(dtype) else "zeros"
    with name_scope(layer.name) if context.scope[-1:] != (layer.name,) else nothing():
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
    track(layer, variable)
    return variable


def track(layer: Layer, variable: Variable) -> None:
    """Make a variable a weight of a layer, unless it is one."""
    tracked = layer._trainable_variables + layer._non_trainable_variables
    if all(v is not variable for v in tracked):
        (layer._trainable_variables if variable.trainable else layer._non_trainable_variables).append(variable)
        invalidate()
        if not layer._trainable:
            variable.trainable = False


def untrack(layer: Layer, variable: Variable) -> None:
    """Stop tracking a weight."""
    for group in (layer._trainable_variables, layer._non_trainable_variables):
        group[:] = [v for v in group if v is not variable]
    invalidate()


def parts(layer: Layer) -> list[Any]:
    """The attributes that may be, or hold, layers, weights and the like."""
    return [v for name, v in vars(layer).items() if type(v) not in _PLAIN and name not in NOT_CHILDREN]


def own_variables(layer: Layer) -> list[Variable]:
    """The weights of a layer itself, trainable ones first. Those in containers are tracked only now."""
    for value in parts(layer):
        if isinstance(value, (list, tuple, dict)):
            for v in tree.flatten(value):
                if isinstance(v, Variable):
                    track(layer, v)
    return layer._trainable_variables + layer._non_trainable_variables


def sublayers(layer: Layer) -> list[Layer]:
    """The layers directly inside a layer: attributes in the order they were set, with those in containers."""
    inner: dict[int, Layer] = {}
    for value in parts(layer):
        for x in _layers_in(value):
            inner.setdefault(id(x), x)
    return list(inner.values())


def _layers_in(value: Any) -> Iterator[Layer]:
    if isinstance(type(value), LayerType):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _layers_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _layers_in(item)


def flatten_layers(layer: Layer, include_self: bool = True, recursive: bool = True) -> list[Layer]:
    """A layer, the layers in it, those in them and so on, each once, a layer before those in it."""
    visited: dict[int, Layer] = {id(layer): layer}
    stack = list(reversed(layer._sublayers()))
    while stack:
        inner = stack.pop()
        if id(inner) not in visited:
            visited[id(inner)] = inner
            if recursive:
                stack += reversed(inner._sublayers())
    return list(visited.values())[0 if include_self else 1 :]


def weights(layer: Layer) -> list[Variable]:
    """The weights of a layer itself, trainable ones first, then those of the layers inside it."""
    variables = {id(v): v for v in layer._own_variables()}
    for inner in layer._sublayers():
        variables |= {id(v): v for v in inner.weights if id(v) not in variables}
    return list(variables.values())


def metrics(layer: Layer) -> list[Any]:
    """The metrics that are attributes of a layer and of those inside it."""
    from ...metrics import Metric

    result = {id(m): m for m in tree.flatten(parts(layer)) if isinstance(m, Metric)}
    for inner in layer._sublayers():
        result |= {id(m): m for m in inner.metrics}
    return list(result.values())


def set_trainable(layer: Layer, value: bool) -> None:
    """Set whether optimizers may change the weights of a layer and of those inside it."""
    layer._trainable = bool(value)
    invalidate()
    layer._own_variables()
    for v in layer._trainable_variables:
        v.trainable = bool(value)
    for inner in layer._sublayers():
        inner.trainable = value


def set_weights(layer: Layer, values: Sequence[Any]) -> None:
    """Set all weights of a layer; none, and ``ValueError``, when number or shapes differ."""
    own = layer.weights
    if len(own) != len(values):
        raise ValueError(f"{layer.name}: expected {len(own)} weights, got {len(values)}")
    for v, w in zip(own, values):
        if tuple(getattr(w, "shape", ())) != v.shape and to_array(w).shape != v.shape:
            raise ValueError(f"{layer.name}: weight {v.path!r} has shape {v.shape}, got {to_array(w).shape}")
    for v, w in zip(own, values):
        v.assign(w)

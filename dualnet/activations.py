"""Activation functions by name, with the defaults of ``keras.activations`` (some differ from ``keras.ops``)."""

from __future__ import annotations

from typing import Any

from . import ops
from .core.hints import module_getattr
from .core.tensor import Tensor
from .ops import (
    celu,
    elu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    swish,
    tanh,
)
from .ops.nn.activation import linear
from .ops.nn.shrinkage import (
    glu,
    hard_shrink,
    soft_shrink,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    threshold,
)
from .ops.registry import op
from .serialization.objects import by_identifier, custom_object_scope, serialize_keras_object


@op("activations", class_name="ReLU")
def relu(x: Any, /, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """x above ``threshold``, ``negative_slope * (x - threshold)`` below, at most ``max_value``."""
    if not negative_slope and max_value is None and not threshold:
        return ops.relu(x)
    if not negative_slope and not threshold:
        return ops.relu6(x) if max_value == 6 else ops.clip(x, 0, max_value)
    above = ops.greater(x, threshold) if threshold else ops.greater_equal(x, 0)
    y = ops.where(above, x, negative_slope * (x - threshold))
    return y if max_value is None else ops.minimum(y, max_value)


def gelu(x: Any, approximate: bool = False) -> Tensor:
    """x times the normal distribution function of x  (arXiv:1606.08415)"""
    return ops.gelu(x, approximate=approximate)


def exponential(x: Any) -> Tensor:
    """e ** x"""
    return ops.exp(x)


__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]
_BY_NAME: dict[str, Any] = {
    name: globals()[name] for name in __all__ if name not in ("deserialize", "get", "serialize")
}


def get(identifier: Any) -> Any:
    """An activation from its name, config or any callable; None is ``linear``."""
    if identifier is None:
        return linear
    return by_identifier(identifier, _BY_NAME, "activation", instantiate=False)


def serialize(activation: Any) -> Any:
    """The name of a built-in activation, or the config of another callable."""
    for name, function in _BY_NAME.items():
        if function is activation:
            return name
    return serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation a name or config describes."""
    with custom_object_scope(custom_objects or {}):
        return get(config)


__getattr__ = module_getattr(__name__, __all__)

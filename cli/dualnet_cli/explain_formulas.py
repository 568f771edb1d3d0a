"""The formulas of ``dualnet explain``: activations, losses and updates, with the text that says them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import dualnet

Function = Callable[..., Any]


class Activation(NamedTuple):
    """value(z) and derivative(z, a); text: the derivative, with {n} for the number of the layer."""

    value: Function
    derivative: Function
    text: str


class Loss(NamedTuple):
    """value(y, a), and its derivative with respect to a."""

    value: Function
    text: str
    derivative: Function
    derivative_text: str


class ShortCut(NamedTuple):
    """delta of a loss after an activation, where the two simplify each other."""

    delta: Function
    text: str


class Rule(NamedTuple):
    """The update of an optimizer. change: of a weight, from its gradient."""

    change: Function
    text: str


def _sigmoid(z: Any) -> Any:
    return 0.5 * (1 + np.tanh(0.5 * z))


def _softmax(z: Any) -> Any:
    e = np.exp(z - z.max())
    return e / e.sum()


ACTIVATIONS = {
    "linear": Activation(lambda z: z, lambda z, a: np.ones_like(z), ""),
    "sigmoid": Activation(_sigmoid, lambda z, a: a * (1 - a), "a{n} (1 - a{n})"),
    "tanh": Activation(np.tanh, lambda z, a: 1 - a**2, "(1 - a{n}^2)"),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(float), "[z{n} > 0]"),
    "softplus": Activation(lambda z: np.logaddexp(0, z), lambda z, a: _sigmoid(z), "sigmoid(z{n})"),
}

_EPSILON = 1e-7  # by which probabilities stay away from 0 and 1


def _log(p: Any) -> Any:
    return np.log(np.clip(p, _EPSILON, 1 - _EPSILON))


LOSSES = {
    "mean_squared_error": Loss(
        lambda y, a: np.mean((a - y) ** 2),
        "mean of (a - y)^2",
        lambda y, a: 2 * (a - y) / a.size,
        "2 (a{n} - y) / outputs",
    ),
    "mean_absolute_error": Loss(
        lambda y, a: np.mean(np.abs(a - y)),
        "mean of |a - y|",
        lambda y, a: np.sign(a - y) / a.size,
        "sign(a{n} - y) / outputs",
    ),
    "binary_crossentropy": Loss(
        lambda y, a: -np.mean(y * _log(a) + (1 - y) * _log(1 - a)),
        "-(y log a + (1 - y) log(1 - a))",
        lambda y, a: (a - y) / (a * (1 - a)) / a.size,
        "(a{n} - y) / (a{n} (1 - a{n}))",
    ),
    "categorical_crossentropy": Loss(
        lambda y, a: -np.sum(y * _log(a / a.sum())), "-sum of y log a", lambda y, a: -y / a, "(-y / a{n})"
    ),
}
LOSSES["sparse_categorical_crossentropy"] = LOSSES["categorical_crossentropy"]._replace(
    text="-log a[y]", derivative_text="(-one_hot(y) / a{n})"
)

SHORT_CUTS = {
    ("binary_crossentropy", "sigmoid"): ShortCut(lambda y, a: (a - y) / a.size, "(a{n} - y) / outputs"),
    ("categorical_crossentropy", "softmax"): ShortCut(lambda y, a: a * y.sum() - y, "a{n} - y"),
    ("sparse_categorical_crossentropy", "softmax"): ShortCut(lambda y, a: a - y, "a{n} - one_hot(y)"),
}


# -- activations ---------------------------------------------------------------------------------------------------


def name_of(activation: Any) -> str:
    return str(getattr(activation, "__name__", type(activation).__name__))


def apply(activation: Any, z: Any) -> Any:
    name = name_of(activation)
    if activation is dualnet.activations.softmax:
        return _softmax(z)
    if _is_known(activation):
        return ACTIVATIONS[name].value(z)
    return _on_host(activation(dualnet.ops.convert_to_tensor(z[None].astype("float32"))))[0]


def times_derivative(activation: Any, z: Any, a: Any, da: Any) -> Any:
    """The derivative with respect to z, from that with respect to a."""
    if activation is dualnet.activations.softmax:
        return a * (da - np.dot(da, a))
    if _is_known(activation):
        return da * ACTIVATIONS[name_of(activation)].derivative(z, a)
    point = dualnet.ops.convert_to_tensor(z[None].astype("float32"))
    with dualnet.GradientTape() as tape:
        tape.watch(point)
        total = dualnet.ops.sum(activation(point) * dualnet.ops.convert_to_tensor(da[None].astype("float32")))
    return _on_host(tape.gradient(total, point))[0]


def derivative_text(name: str, number: int) -> str:
    known = ACTIVATIONS.get(name)
    return known.text.format(n=number) if known is not None else f"{name}'(z{number})"


def of_layer(text: str, number: int, outputs: int) -> str:
    """The text of a formula for a layer. outputs: how many it has; of a single one there is no mean to take."""
    text = text.format(n=number)
    if outputs == 1:
        text = text.replace(" / outputs", "")
        text = text[1:-1] if text == f"(a{number} - y)" else text
    return text


def product(left: str, right: str) -> str:
    return f"{left} * {right}" if right else left


def _is_known(activation: Any) -> bool:
    name = name_of(activation)
    return name in ACTIVATIONS and activation is dualnet.activations.get(name)


def _on_host(tensor: Any) -> Any:
    return np.asarray(tensor.numpy(), np.float64)


# -- losses --------------------------------------------------------------------------------------------------------


def name_of_loss(model: Any) -> str:
    """The name of the one loss of a model; "" for several, and for one that is not as the formulas here have it."""
    loss = model.loss
    if loss is None or isinstance(loss, (list, tuple, dict)):
        return ""
    loss = dualnet.losses.get(loss)
    if isinstance(loss, dualnet.losses.Loss):
        function = getattr(loss, "fn", None)
        if type(loss).__module__.partition(".")[0] != "dualnet" or function is None:
            return name_of(loss)
        if not _is_default(loss):
            return f"{name_of(function)}, with arguments"
        return name_of(function)
    return name_of(loss)


def _is_default(value: Any) -> bool:
    """Whether a loss has no other arguments than its class gives it."""
    ours, default = value.get_config(), type(value)().get_config()
    return all(ours[key] == default[key] for key in default if key not in ("name", "dtype"))


def target(loss: str, y: Any, a: Any) -> Any:
    """The target of one sample as a vector like the output."""
    y = np.asarray(y).reshape(-1)
    if loss == "sparse_categorical_crossentropy":
        return np.eye(a.size)[int(y[0])]
    return y.astype(np.float64).reshape(a.shape)


# -- updates -------------------------------------------------------------------------------------------------------


def update_rule(optimizer: Any, rate: float, number: int) -> Rule | None:
    """The rule of an optimizer without further arguments: SGD, and Adam in its first step, when its averages begin at 0."""
    kind = type(optimizer)
    plain = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "gradient_accumulation_steps")
    if any(getattr(optimizer, name, None) for name in plain) or getattr(optimizer, "use_ema", False):
        return None
    if kind is dualnet.optimizers.SGD:
        if optimizer.momentum and number > 1:
            return None
        factor = 1 + optimizer.momentum if optimizer.nesterov and optimizer.momentum else 1.0
        return Rule(lambda g: -rate * factor * g, f"W := W - {rate * factor:g} dW")
    if kind is dualnet.optimizers.Adam and number == 1 and not optimizer.amsgrad:
        b1, b2, epsilon = optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
        alpha = rate * math.sqrt(1 - b2) / (1 - b1)

        def change(g: Any) -> Any:
            return -alpha * (1 - b1) * g / (np.sqrt((1 - b2) * g**2) + epsilon)

        text = f"W := W - {alpha:.4g} m / (sqrt(v) + {epsilon:g}),  m = {1 - b1:.4g} dW,  v = {1 - b2:.4g} dW^2"
        return Rule(change, text)
    return None

"""Optimizers, losses, metrics and what else ``compile`` takes, in the configs of earlier versions of Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import metrics
from ...initializers import Initializer
from ...losses import Loss
from ...metrics import Metric
from ...optimizers import Optimizer
from ...serialization.objects import get_registered_object, public_class


def upgraded(entry: dict[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    """An optimizer, a loss, a metric or an initializer as one of Keras 3; any other object as it is.

    note: takes what a user should know, for a warning.
    """
    name = entry["class_name"]
    if name.startswith("Custom>") and public_class(name.removeprefix("Custom>")) is not None:
        # tf.keras 2.11 had registered its optimizers as if they were the user's.
        name = name.removeprefix("Custom>")
        entry = {**entry, "class_name": name, "registered_name": None}
    cls = public_class(name)
    if cls is None and name[-2:] in ("V1", "V2"):  # initializers of TensorFlow 1
        cls = public_class(name[:-2])
        name = name[:-2] if cls is not None and issubclass(cls, Initializer) else name
    rule = next((rule for base, rule in _RULES.items() if cls is not None and issubclass(cls, base)), None)
    return entry if rule is None else {**entry, "class_name": name, "config": rule(name, dict(entry["config"]), note)}


def _initializer(name: str, config: dict[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    config.pop("dtype", None)  # weights have the dtype of their layer
    distribution = config.get("distribution")
    if distribution == "normal":
        config["distribution"] = "truncated_normal"  # its other name
    return config


def _optimizer(name: str, config: dict[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    if name == "LossScaleOptimizer" and config.get("dynamic") is not None:
        if config.pop("dynamic") is False:
            raise ValueError(
                "LossScaleOptimizer with dynamic=False is not translated: Keras 3 has none with a fixed scale"
            )
    return config


def _loss(name: str, config: dict[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    if config.get("reduction") == "auto":
        config["reduction"] = "sum_over_batch_size"
    if name != "LossFunctionWrapper":
        config.pop("fn", None)  # the function of the loss, which its class says as well
    return config


def _metric(name: str, config: dict[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    if name != "MeanMetricWrapper":
        config.pop("fn", None)
    return config


_RULES: dict[type, Callable[[str, dict[str, Any], Callable[[str], None]], dict[str, Any]]] = {
    Initializer: _initializer,
    Loss: _loss,
    Metric: _metric,
    Optimizer: _optimizer,
}


def function_name(value: dict[str, Any], custom_objects: dict[str, Any]) -> str | None:
    """The name of a loss or a metric that tf.keras wrote as a function of nowhere, or None if it is no such function."""
    name = value.get("config")
    if (
        value.get("class_name") != "function"
        or value.get("module") not in (None, "builtins")
        or not isinstance(name, str)
    ):
        return None
    is_own = get_registered_object(name, custom_objects) is not None
    return name if not is_own and name in metrics.FUNCTIONS else None  # those of losses among them


# Which module a class is from that a config names without one: losses and metrics have some names in common.
_MODULES = {
    "loss": "keras.losses",
    "metrics": "keras.metrics",
    "optimizer_config": "keras.optimizers",
    "weighted_metrics": "keras.metrics",
}


def with_modules(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``compile`` in a file of Keras 1 or 2, with the modules of the classes in them."""
    return {key: _with_module(value, _MODULES[key]) if key in _MODULES else value for key, value in config.items()}


def _with_module(value: Any, module: str) -> Any:
    if isinstance(value, (list, tuple)):
        return [_with_module(v, module) for v in value]
    if not isinstance(value, dict):
        return value
    if not isinstance(value.get("class_name"), str):
        return {key: _with_module(v, module) for key, v in value.items()}
    known = public_class(value["class_name"], module) is not None
    return {"module": module, **value} if known and value.get("module") is None else value

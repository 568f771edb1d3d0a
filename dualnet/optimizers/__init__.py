"""Optimizers, one per file, and schedules of their learning rates."""

from __future__ import annotations

from typing import Any

from ..core.hints import module_getattr
from ..serialization.objects import by_identifier, deserialize_keras_object, serialize_keras_object
from . import legacy, schedules
from .adadelta import Adadelta
from .adafactor import Adafactor
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .base import Optimizer
from .ftrl import Ftrl
from .lamb import Lamb
from .lion import Lion
from .loss_scale_optimizer import LossScaleOptimizer
from .multi_optimizer import MultiOptimizer, OptimizerMap
from .muon import Muon
from .nadam import Nadam
from .rmsprop import RMSprop
from .schedule_free_adamw import ScheduleFreeAdamW
from .sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]

_PUBLIC = [globals()[name] for name in __all__ if name not in ("deserialize", "get", "serialize")]
_CLASSES: dict[str, type[Optimizer]] = {
    c.__name__.lower(): c for c in _PUBLIC if isinstance(c, type) and issubclass(c, Optimizer) and c is not Optimizer
}


def get(identifier: Any) -> Any:
    """An optimizer from its name (in any case), config, class or instance; None for None."""
    if isinstance(identifier, str) and identifier.lower() in _CLASSES:
        identifier = identifier.lower()
    if isinstance(identifier, dict):
        identifier = deserialize({"config": {}, **identifier})
    optimizer = by_identifier(identifier, _CLASSES, "optimizer", instance_of=Optimizer)
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise ValueError(f"expected the name, the config, the class or an instance of an optimizer, got {identifier!r}")
    return optimizer


def serialize(optimizer: Optimizer) -> Any:
    """The config of an optimizer, as ``deserialize`` takes it."""
    return serialize_keras_object(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer a config describes; the name of its class may be in any case."""
    if str(config.get("class_name", "")).lower() in _CLASSES and not config.get("registered_name"):
        cls = _CLASSES[config["class_name"].lower()]
        return cls.from_config(config["config"], custom_objects)
    return deserialize_keras_object(config, custom_objects)


__getattr__ = module_getattr(__name__, __all__)

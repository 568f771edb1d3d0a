"""dualnet: the Keras API, trained on nothing but NumPy, and on the GPU (CuPy) by changing one word.

The parts are imported when they are first used: ``import dualnet`` costs little more than ``import numpy``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import config
from .config import device

if TYPE_CHECKING:
    from . import (
        activations,
        applications,
        backend,
        callbacks,
        constraints,
        data,
        datasets,
        dtype_policies,
        initializers,
        layers,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        saving,
        testing,
        tree,
        utils,
        visualization,
        wrappers,
    )
    from .core.gradients import GradientTape, grad, value_and_grad
    from .core.op import primitive
    from .core.stateless import StatelessScope
    from .core.symbolic import KerasTensor
    from .core.tensor import Tensor
    from .core.tracing import no_grad
    from .core.training_warning import TrainingWarning
    from .core.variables import Variable
    from .dtype_policies import DTypePolicy, FloatDTypePolicy
    from .graph.function import Function
    from .graph.operation import Operation
    from .initializers import Initializer
    from .layers import Input, InputSpec, Layer
    from .layers.base.layer import name_scope
    from .losses import Loss
    from .metrics import Metric
    from .models import Model, Sequential
    from .optimizers import Optimizer
    from .regularizers import Regularizer

__version__ = "0.1.0"

__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "GradientTape",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "StatelessScope",
    "Tensor",
    "TrainingWarning",
    "Variable",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "device",
    "dtype_policies",
    "grad",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "no_grad",
    "ops",
    "optimizers",
    "preprocessing",
    "primitive",
    "random",
    "regularizers",
    "saving",
    "testing",
    "tree",
    "utils",
    "value_and_grad",
    "version",
    "visualization",
    "wrappers",
]

# Where the names that are no submodules come from.
_HOME = {
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Function": "graph.function",
    "GradientTape": "core.gradients",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "core.symbolic",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Operation": "graph.operation",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "StatelessScope": "core.stateless",
    "Tensor": "core.tensor",
    "TrainingWarning": "core.training_warning",
    "Variable": "core.variables",
    "grad": "core.gradients",
    "name_scope": "layers.base.context",
    "no_grad": "core.tracing",
    "primitive": "core.op",
    "value_and_grad": "core.gradients",
}


def version() -> str:
    """The version of dualnet."""
    return __version__


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    if name in ("keras", "legacy"):
        return importlib.import_module(f".{name}", __name__)
    if name not in __all__:
        return importlib.import_module(".legacy.tf_names", __name__).find(name)
    importlib.import_module(".ops", __name__)  # gives tensors their operators, whatever is asked for first
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    else:
        value = importlib.import_module(f".{name}", __name__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

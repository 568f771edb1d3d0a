"""dualnet: the Keras API, trained on nothing but NumPy, and on the GPU (CuPy) by changing one word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import (
    activations,
    callbacks,
    config,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
    tree,
    utils,
)
from .autodiff import no_grad, primitive
from .config import device
from .gradients import GradientTape, grad, value_and_grad
from .initializers import Initializer
from .layers import Input, Layer
from .losses import Loss
from .metrics import Metric
from .models import Model, Sequential
from .optimizers import Optimizer
from .regularizers import Regularizer
from .tensor import KerasTensor, Tensor
from .variables import Variable

if TYPE_CHECKING:
    from . import datasets, testing

__version__ = "0.1.0"

__all__ = [
    "GradientTape",
    "Initializer",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Tensor",
    "Variable",
    "activations",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "device",
    "grad",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "ops",
    "optimizers",
    "primitive",
    "random",
    "regularizers",
    "saving",
    "testing",
    "tree",
    "utils",
    "value_and_grad",
    "version",
]


def version() -> str:
    """The version of dualnet."""
    return __version__


def __getattr__(name: str) -> Any:
    # Not needed to train: imported when they are used.
    if name in ("datasets", "testing"):
        import importlib

        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

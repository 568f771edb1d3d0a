"""Names of arguments, losses, metrics and modules in tf.keras 2 and Keras 1, which course material still uses.

Each table maps an old name to the one of Keras 3. Old names are accepted without a warning; ``docs/old-spellings.md`` lists them.
A name is translated only where the old one has no meaning of its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Container, Mapping
from typing import Any

from ..core.hints import refuse_unknown_keywords

# Removed modules of Keras 1 and 2: dualnet.keras.X is dualnet.Y.
_IN_LAYERS = """engine engine.topology layers.advanced_activations layers.convolutional layers.core layers.embeddings
    layers.experimental layers.experimental.preprocessing layers.merge layers.noise layers.normalization layers.pooling
    layers.recurrent layers.wrappers"""
_IN_UTILS = "utils.data_utils utils.generic_utils utils.io_utils utils.np_utils utils.vis_utils"
MODULES = dict.fromkeys(_IN_LAYERS.split(), "layers") | dict.fromkeys(_IN_UTILS.split(), "utils")

# Arguments of layers (Keras 1 and 2). For input_shape=, input_dim= and batch_input_shape= see pop_input_shape.
LAYER_ARGUMENTS = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "output_dim": "units",
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "bias": "use_bias",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "p": "rate",
    "alpha": "negative_slope",
}

# Arguments of InputLayer and Input, which take a number for the shape of a vector.
INPUT_ARGUMENTS = {"batch_input_shape": "batch_shape", "input_dim": "shape", "input_shape": "shape"}

# Arguments that had a default in tf.keras 2 and have none in Keras 3.
LAYER_DEFAULTS: dict[str, dict[str, Any]] = {
    "AveragePooling1D": {"pool_size": 2},
    "AveragePooling2D": {"pool_size": (2, 2)},
    "AveragePooling3D": {"pool_size": (2, 2, 2)},
}

# Arguments of variables, in TensorFlow.
VARIABLE_ARGUMENTS = {"initial_value": "initializer"}

# Arguments of fit.
FIT_ARGUMENTS = {"nb_epoch": "epochs"}

# Arguments of optimizers. decay= is an argument of Optimizer: the rate is lr / (1 + decay * iterations).
OPTIMIZER_ARGUMENTS = {"lr": "learning_rate"}

# Arguments of optimizers in configs of tf.keras, without effect here.
OPTIMIZER_IGNORED = ("jit_compile", "is_legacy_optimizer")

# Names of losses, for losses.get and compile.
LOSSES = {
    "cosine_proximity": "cosine_similarity",
    "huber_loss": "huber",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
}

# Names of metrics, for metrics.get and compile; with arguments where the old name meant one number.
METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "cosine_proximity": ("CosineSimilarity", {}),
    "f1": ("F1Score", {"average": "macro"}),
    "kappa": ("CohenKappa", {}),
    "kullback_leibler_divergence": ("KLDivergence", {}),
    "log_cosh": ("LogCoshError", {}),
    "logcosh": ("LogCoshError", {}),
    "r2": ("R2Score", {}),
    "rmse": ("RootMeanSquaredError", {}),
    "roc_auc": ("AUC", {}),
    "sensitivity": ("Recall", {}),
}


class Reduction:
    """The reductions of losses, as tf.keras 2 wrote them; ``AUTO`` is the default one."""

    AUTO = "auto"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"


def rename_arguments(arguments: dict[str, Any], table: Mapping[str, str], parameters: Container[str]) -> dict[str, Any]:
    """Keyword arguments with old names replaced, where ``parameters`` contains the new name and not the old one."""
    if not any(name in table for name in arguments):
        return arguments
    result = {}
    for name, value in arguments.items():
        new = table.get(name, name)
        result[name if name in parameters or new not in parameters or new in arguments else new] = value
    return result


def accept_old_names(table: Mapping[str, str]) -> Callable[[Any], Any]:
    """A decorator for methods: accept the old argument names of a table; for an unknown one, the error has a hint."""

    def decorate(method: Any) -> Any:
        parameters = inspect.signature(method).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())

        @functools.wraps(method)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            kwargs = rename_arguments(kwargs, table, parameters)
            if not takes_any:
                refuse_unknown_keywords(method, kwargs, parameters)
            return method(*args, **kwargs)

        return wrapped

    return decorate


def pop_input_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """The input shape with the batch, from ``input_shape=``, ``input_dim=`` and the like, which are removed from ``kwargs``."""
    batch = kwargs.pop("batch_size", None) if "input_shape" in kwargs or "input_dim" in kwargs else None
    for key in ("batch_input_shape", "batch_shape"):
        if key in kwargs:
            return tuple(kwargs.pop(key))
    if "input_shape" in kwargs:
        shape = kwargs.pop("input_shape")
        return (batch, *((shape,) if isinstance(shape, int) else tuple(shape)))
    if "input_dim" in kwargs:
        dim = kwargs.pop("input_dim")
        length = kwargs.pop("input_length", None)
        return (batch, dim) if length is None else (batch, length, dim)
    return None


def positional_metrics(loss_weights: Any, metrics: Any) -> tuple[Any, Any]:
    """(loss weights, metrics) of ``compile("adam", "mse", ["accuracy"])``: in tf.keras 2 the metrics came third."""
    is_list = isinstance(loss_weights, (list, tuple)) and len(loss_weights) > 0
    if metrics is None and is_list and all(isinstance(m, str) or callable(m) for m in loss_weights):
        return None, loss_weights
    return loss_weights, metrics


def name_first(add_weight: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator for ``add_weight``: accept the name as the first argument, as in tf.keras 2."""

    @functools.wraps(add_weight)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args and (isinstance(args[0], str) or (args[0] is None and "shape" in kwargs)):
            kwargs["name"] = args[0]
            args = args[1:]
            if args and "shape" not in kwargs:  # add_weight("kernel", (3, 4), "float32", "zeros")
                kwargs.update(zip(("shape", "dtype", "initializer", "regularizer", "trainable"), args))
                args = ()
        return add_weight(self, *args, **kwargs)

    return wrapped

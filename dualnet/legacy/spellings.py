"""Spellings of tf.keras 2 and older that course material still uses, in one place.

Each table maps an old spelling to the one of Keras 3. They are accepted without a warning; ``docs/old-spellings.md`` lists them.
A name is only translated where the old one has no meaning of its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..core import settings

# Modules of Keras 1 and 2 that have gone: dualnet.keras.X is dualnet.Y.
MODULES = {
    "engine": "layers",
    "engine.topology": "layers",
    "layers.advanced_activations": "layers",
    "layers.convolutional": "layers",
    "layers.core": "layers",
    "layers.embeddings": "layers",
    "layers.experimental": "layers",
    "layers.experimental.preprocessing": "layers",
    "layers.merge": "layers",
    "layers.noise": "layers",
    "layers.normalization": "layers",
    "layers.pooling": "layers",
    "layers.recurrent": "layers",
    "layers.wrappers": "layers",
    "utils.data_utils": "utils",
    "utils.generic_utils": "utils",
    "utils.io_utils": "utils",
    "utils.np_utils": "utils",
    "utils.vis_utils": "utils",
}

# Arguments of layers (Keras 1 and 2). input_shape=, input_dim= and batch_input_shape= are understood by Layer itself.
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
    "p": "rate",
    "alpha": "negative_slope",
}

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

# Arguments of optimizers. tf.keras's decay= is kept: the rate is lr / (1 + decay * iterations).
OPTIMIZER_ARGUMENTS = {"lr": "learning_rate"}

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


def renamed(arguments: dict[str, Any], table: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments with old names replaced, where ``known`` (parameters by name) has the new name and not the old."""
    if not any(name in table for name in arguments):
        return arguments
    made = {}
    for name, value in arguments.items():
        new = table.get(name, name)
        made[name if name in known or new not in known or new in arguments else new] = value
    return made


def renaming(table: Mapping[str, str]) -> Callable[[Any], Any]:
    """Let a method take the old names of a table."""

    def decorated(method: Any) -> Any:
        known = inspect.signature(method).parameters

        @functools.wraps(method)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **renamed(kwargs, table, known))

        return wrapped

    return decorated


def positional_metrics(loss_weights: Any, metrics: Any) -> tuple[Any, Any]:
    """(loss weights, metrics) of ``compile("adam", "mse", ["accuracy"])``: in tf.keras 2 the metrics came third."""
    listed = isinstance(loss_weights, (list, tuple)) and len(loss_weights) > 0
    if metrics is None and listed and all(isinstance(m, str) or callable(m) for m in loss_weights):
        return None, loss_weights
    return loss_weights, metrics


def name_first(add_weight: Callable[..., Any]) -> Callable[..., Any]:
    """Let ``add_weight("kernel", shape=...)`` give the name first, as tf.keras 2 had it."""

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


class OldModelMethods:
    """Methods that models had in tf.keras 2."""

    fit: Any
    evaluate: Any
    predict: Any

    def predict_classes(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
        """The class of each sample: the largest of several outputs, or whether a single one is above one half."""
        y = self.predict(x, batch_size=batch_size, verbose=verbose)
        return y.argmax(axis=-1) if y.shape[-1] > 1 else (y > 0.5).astype("int32")

    def predict_proba(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
        """The same as ``predict``."""
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: Any = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: Any = 1,
        class_weight: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> Any:
        """``fit`` of a generator or ``Sequence``; max_queue_size, workers and use_multiprocessing change nothing."""
        return self.fit(
            generator, steps_per_epoch=steps_per_epoch, epochs=epochs, verbose=verbose, callbacks=callbacks,
            validation_data=validation_data, validation_steps=validation_steps, validation_freq=validation_freq,
            class_weight=class_weight, shuffle=shuffle, initial_epoch=initial_epoch,
        )  # fmt: skip

    def evaluate_generator(
        self, generator: Any, steps: int | None = None, callbacks: Any = None, verbose: Any = 0, **queue: Any
    ) -> Any:
        """``evaluate`` of a generator or ``Sequence``; what concerns its queue changes nothing."""
        return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose)

    def predict_generator(
        self, generator: Any, steps: int | None = None, callbacks: Any = None, verbose: Any = 0, **queue: Any
    ) -> Any:
        """``predict`` of a generator or ``Sequence``; what concerns its queue changes nothing."""
        return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose)

    def reset_states(self) -> None:
        """Forget the states of stateful layers (``reset_state`` of each)."""
        for layer in getattr(self, "layers", ()):
            reset = getattr(layer, "reset_state", None) or getattr(layer, "reset_states", None)
            if reset is not None:
                reset()


def or_epsilon(epsilon: float | None) -> float:
    """Keras 2 wrote ``epsilon=None`` for the default, ``epsilon()`` of the config."""
    if epsilon is None:
        return settings.epsilon()
    return epsilon


class OldOptimizerMethods:
    """Attributes and methods that optimizers had in tf.keras 2."""

    learning_rate: Any
    variables: Any
    apply_gradients: Callable[..., Any]

    @property
    def lr(self) -> Any:
        """The same as ``learning_rate``."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    @property
    def weights(self) -> list[Any]:
        """The same as ``variables``."""
        return list(self.variables)

    def get_weights(self) -> list[Any]:
        """The whole state as NumPy arrays, in the order of ``variables``."""
        return [v.numpy() for v in self.variables]

    def minimize(self, loss: Any, var_list: Any, tape: Any = None) -> Any:
        """One update of the variables that makes a loss smaller.

        loss: a function without arguments that returns it, or the loss itself, with the ``GradientTape`` that
        recorded it.
        """
        from ..core.gradients import GradientTape

        variables = list(var_list() if callable(var_list) else var_list)
        if tape is None:
            if not callable(loss):
                raise ValueError("minimize needs a function that returns the loss, or the tape that recorded the loss")
            with GradientTape() as tape:
                loss = loss()
        return self.apply_gradients(zip(tape.gradient(loss, variables), variables))

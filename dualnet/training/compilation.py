"""What ``compile`` sets: the optimizer, the loss and the metrics of a model, and their config."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dualnet_backends as backends

from .. import metrics as metrics_module
from .. import optimizers, tree
from ..core.naming import numbered
from ..core.version import invalidate, version
from ..core.warning import warn
from ..core.weak import Remembered
from ..layers.base.tracking import tracked_attributes
from ..legacy.arguments import accept_old_names, positional_metrics
from ..serialization.objects import deserialize_keras_object, serialize_arguments
from .compiled_loss import CompiledLoss
from .compiled_metrics import CompiledMetrics

if TYPE_CHECKING:
    from ..layers.base.layer import Layer as Base  # that this is mixed into
else:
    Base = object


class VersionedCache:
    """Facts derived from a model's layers, cached until one of them changes."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, Any]] = {}

    def get(self, key: str, compute: Callable[[], Any]) -> Any:
        """The cached value, or that of ``compute`` where there is none for the present version."""
        entry = self._entries.get(key)
        if entry is None or entry[0] != version():
            entry = self._entries[key] = (version(), compute())
        return entry[1]

    def __reduce__(self) -> Any:
        return VersionedCache, ()  # a copy of the model has layers of its own


class Compilable(Base):
    """The base of the classes that make a layer trainable: what steps, evaluation and training share."""

    def __init__(self) -> None:
        self.compiled = False
        self.stop_training = False  # callbacks set these
        self.stop_evaluating = False
        self.stop_predicting = False
        self.run_eagerly = False
        self._last_history: Any = None
        self.optimizer: Any = None
        self.loss: Any = None
        self._compile_arguments: dict[str, Any] = {}
        self._compiled_loss: CompiledLoss | None = None
        self._compiled_metrics = CompiledMetrics(None, None)
        self._loss_tracker = metrics_module.Mean(name="loss")
        self._initial_epoch = 0
        self._train_state: Any = None  # what all training steps share (``TrainState``)
        self._cache = VersionedCache()
        self._trainable_at_compile: list[int] | None = None

    _graph: Any = None  # of a model made of inputs and outputs
    _has_loss = False  # whether the loss of a batch has been computed
    _was_observed = False  # whether the first step since ``compile`` was looked at for mistakes (diagnostics/)
    _dead_relu_checked = False
    _step_losses: list[Any] | None = None  # those of the last steps of ``fit``, as arrays (diagnostics/loss_watch.py)
    _captured_steps: Any = None  # kept from one run to the next (capture/replay.py)
    _source: Any = None  # a weak reference to the EpochIterator of the running fit
    _resume: Any = None  # where fit continues another run (resume.py); set by a callback
    _stopped_in_epoch = False  # whether fit stopped between two steps of the epoch, so that it is not complete

    def _output_names(self) -> list[str] | None:
        """The names of the outputs, if they are known before the first batch."""
        return None

    def _backend(self) -> backends.Backend:
        """The backend of the weights; before there are any, the current one."""
        weights = self._cache.get("weights", lambda: self.weights)
        return backends.of(weights[0].data) if weights else backends.current()

    def _takes_text(self) -> bool:
        """Whether the model reads strings, or a layer inside it does."""
        return self._cache.get("takes_text", lambda: any(layer.takes_text for layer in self._flatten_layers()))

    @property
    def history(self) -> Any:
        """The ``History`` of the last ``fit``, or None."""
        return self._last_history.get(self) if isinstance(self._last_history, Remembered) else self._last_history

    @history.setter
    def history(self, value: Any) -> None:
        knows_model = getattr(value, "model", None) is self
        self._last_history = Remembered(value, "model") if knows_model else value

    # -- compile ---------------------------------------------------------------------------------------------------

    @accept_old_names({})
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configure training.

        steps_per_execution and jit_compile are accepted and change nothing.

        Args:
            optimizer: a name or object.
            loss: a name, object or function ``(y_true, y_pred)``; optional when the layers add losses.
            loss_weights: a number for each loss, in a list or by the names of the outputs; a ``Variable`` is read in every step, so
                that a callback may change it.
            metrics: a list of names, objects or functions, which ignore sample weights.
            weighted_metrics: the same, using them.
            run_eagerly: run every step as written; otherwise the steps of a model that consists of dualnet's own parts
                are captured and replayed, with the same results.
            auto_scale_loss: wrap the optimizer in a ``LossScaleOptimizer`` if the model computes in float16.
        """
        loss_weights, metrics = positional_metrics(loss_weights, metrics)
        _ = self._losses  # raises if __init__ did not call super().__init__()
        names = self._output_names()
        compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights, names)
        compiled_metrics = CompiledMetrics(metrics, weighted_metrics, names)
        chosen = optimizers.get(optimizer)
        scaled = isinstance(chosen, optimizers.LossScaleOptimizer)
        policy = getattr(self, "dtype_policy", None)
        in_float16 = policy is not None and policy.name == "mixed_float16"
        if auto_scale_loss and in_float16 and chosen is not None and not scaled:
            chosen = optimizers.LossScaleOptimizer(chosen, name="loss_scale_optimizer")
        # From here on nothing fails: a model is compiled as a whole, or as it was before.
        self.run_eagerly = bool(run_eagerly)
        self._compile_arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self.optimizer, self.loss = chosen, loss
        self._compiled_loss, self._compiled_metrics = compiled_loss, compiled_metrics
        self.compiled = True
        self.stop_training = False
        self._train_state = None
        self._was_observed = self._dead_relu_checked = False
        invalidate()
        self._trainable_at_compile = [id(v) for v in self.trainable_variables] if self.built else None

    def _check_compiled(self, what: str) -> None:
        if not self.compiled:
            raise ValueError(f"call compile(optimizer=..., loss=...) before {what}()")

    @property
    def metrics(self) -> list[Any]:
        """The loss, the metrics of ``compile``, then those that are attributes of the model or of its layers."""
        compiled: list[Any] = [self._loss_tracker] if self.compiled else []
        compiled += self._compiled_loss.metrics if self._compiled_loss is not None else []
        compiled += self._compiled_metrics.metrics if self._compiled_metrics.built else [self._compiled_metrics]
        known = {id(self._loss_tracker), *map(id, compiled)}
        return compiled + [m for m in _metrics_of(self) if id(m) not in known]

    @property
    def metrics_names(self) -> list[str]:
        """The names of ``metrics``."""
        return [m.name for m in self.metrics]

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables that hold the state of the metrics."""
        return [v for m in self.metrics for v in getattr(m, "variables", ())]

    def reset_metrics(self) -> None:
        """Reset all metrics."""
        for m in self.metrics:
            m.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of all metrics so far, by name. Of two with one name the second is called ``<name>_1``."""
        results: list[tuple[str, Any]] = []
        for m in self._reported_metrics():
            value = m.result()
            results += value.items() if isinstance(value, dict) else [(m.name, value)]
        return dict(zip(numbered(name for name, _ in results), (value for _, value in results)))

    def _reported_metrics(self) -> list[Any]:
        """The metrics, without that of the loss where none was computed."""
        return [m for m in self.metrics if m is not self._loss_tracker or self._has_loss]

    # -- saving ----------------------------------------------------------------------------------------------------

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of ``compile``, or None."""
        if not self.compiled:
            return None
        return serialize_arguments(self, {**self._compile_arguments, "optimizer": self.optimizer})

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the result of ``get_compile_config``."""
        known = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
        arguments = {key: deserialize_keras_object(config[key]) for key in known if key in config}
        try:
            self.compile(**arguments)
        except TypeError as error:
            if type(self).compile is Compilable.compile:
                raise
            warn(
                f"model {self.name!r} is not compiled: its own compile() cannot be called with the arguments of Model.compile "
                f"({error}). Define get_compile_config() and compile_from_config(config) too, or call compile after loading"
            )
            return
        if self.built:
            self.optimizer.build(self.trainable_variables)


def _metrics_of(layer: Any) -> list[Any]:
    """The metrics that are attributes of a layer, also in lists and dictionaries, or of layers inside it.

    Those of a model inside belong to its own training, as in Keras.
    """
    result: dict[int, Any] = {}
    for value in tracked_attributes(layer):
        if isinstance(value, metrics_module.Metric):
            result[id(value)] = value
        elif isinstance(value, (list, tuple, dict)):
            result |= {id(m): m for m in tree.flatten(value) if isinstance(m, metrics_module.Metric)}
    for inner in layer._sublayers():
        if not isinstance(inner, Compilable):
            result |= {id(m): m for m in _metrics_of(inner)}
    return list(result.values())

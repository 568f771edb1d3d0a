"""Training: ``compile``, ``fit``, ``evaluate``, ``predict``, and the same for one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import dualnet_backends as backends

from .. import metrics as metrics_module
from .. import optimizers, tree
from ..capture.replay import CapturedTestStep, CapturedTrainStep, captured_step
from ..core.tensor import Tensor
from ..core.tracing import no_grad
from ..core.variables import Variable
from ..core.version import invalidate, version
from ..layers.base.tracking import tracked_attributes
from ..legacy.arguments import FIT_ARGUMENTS, accept_old_names, positional_metrics
from . import eval_loops, loops
from .compiled_loss import CompiledLoss
from .compiled_metrics import CompiledMetrics
from .logs import to_numbers
from .steps import StepMixin, TrainState


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


class Trainer(StepMixin):
    """What makes a layer trainable by itself: ``Model`` is a ``Layer`` and a ``Trainer``."""

    built: bool
    _losses: list[Tensor]

    if TYPE_CHECKING:  # of the layer that this is mixed into

        @property
        def weights(self) -> list[Variable]: ...

    def __init__(self) -> None:
        self.compiled = False
        self.stop_training = False  # callbacks set these
        self.stop_evaluating = False
        self.stop_predicting = False
        self.run_eagerly = False
        self.history: Any = None
        self.optimizer: Any = None
        self.loss: Any = None
        self._compile_arguments: dict[str, Any] = {}
        self._compiled_loss: CompiledLoss | None = None
        self._compiled_metrics = CompiledMetrics(None, None)
        self._loss_tracker = metrics_module.Mean(name="loss")
        self._initial_epoch = 0
        self._train_state: TrainState | None = None
        self._cache = VersionedCache()
        self._trainable_at_compile: list[int] | None = None

    _graph: Any = None  # of a model made of inputs and outputs
    _has_loss = False
    _captured_steps: Any = None  # kept from one run to the next (capture/replay.py)
    _source: Any = None  # a weak reference to the EpochIterator of the running fit
    _resume: Any = None  # where fit continues another run (resume.py); set by a callback

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

    # -- compile ---------------------------------------------------------------------------------------------------

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
            metrics: a list of names, objects or functions, which ignore sample weights.
            weighted_metrics: the same, using them.
            run_eagerly: run every step as written; otherwise the steps of a model that consists of dualnet's own parts
                are captured and replayed, with the same results.
            auto_scale_loss: wrap the optimizer in a ``LossScaleOptimizer`` if the model computes in float16.
        """
        loss_weights, metrics = positional_metrics(loss_weights, metrics)
        _ = self._losses  # raises if __init__ did not call super().__init__()
        self.run_eagerly = bool(run_eagerly)
        self._compile_arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self.optimizer = optimizers.get(optimizer)
        scaled = isinstance(self.optimizer, optimizers.LossScaleOptimizer)
        if auto_scale_loss and self.optimizer is not None and not scaled and self._computes_in_float16():
            self.optimizer = optimizers.LossScaleOptimizer(self.optimizer, name="loss_scale_optimizer")
        self.loss = loss
        names = self._output_names()
        self._compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights, names)
        self._compiled_metrics = CompiledMetrics(metrics, weighted_metrics, names)
        self.compiled = True
        self.stop_training = False
        self._train_state = None
        invalidate()
        self._trainable_at_compile = [id(v) for v in self.trainable_variables] if self.built else None

    def _computes_in_float16(self) -> bool:
        policy = getattr(self, "dtype_policy", None)
        return policy is not None and policy.name == "mixed_float16"

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
        """The results of all metrics so far, by name."""
        results: dict[str, Any] = {}
        for m in self.metrics:
            if m is self._loss_tracker and not self._has_loss:
                continue
            value = m.result()
            results |= value if isinstance(value, dict) else {m.name: value}
        return results

    # -- the loops -------------------------------------------------------------------------------------------------

    @accept_old_names(FIT_ARGUMENTS)
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> Any:
        """Train, and return the history of losses and metrics.

        Args:
            x, y: arrays with the samples along the first axis, or x an iterable of batches (x, y[, sample_weight]).
            batch_size: 32 by default.
            verbose: 0 silent, 1 a bar, 2 one line per epoch.
            validation_split: the fraction at the end of the arrays to validate on, taken before shuffling.
            validation_data: (x, y[, sample_weight]) or an iterable.
            shuffle: a new order for every epoch; "batch" only inside consecutive batches.
            class_weight: label -> weight.
            sample_weight: one number per sample.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: batches per epoch, for data without an end.
            validation_freq: every how many epochs to validate, or after which (counted from 1).
        """
        return loops.fit(
            self, x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle,
            class_weight, sample_weight, initial_epoch, steps_per_epoch, validation_steps, validation_batch_size,
            validation_freq,
        )  # fmt: skip

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics: a number, a list in the order of ``metrics``, or a dictionary with ``return_dict``."""
        return eval_loops.evaluate(self, x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The output for all samples, as NumPy arrays."""
        return eval_loops.predict(self, x, batch_size, verbose, steps, callbacks)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One update on one batch, and its loss and metrics."""
        self._check_compiled("train_on_batch")
        data = loops.one_batch(self, x, y, sample_weight, class_weight)
        return self._on_batch(captured_step(self, CapturedTrainStep), data, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch."""
        self._check_compiled("test_on_batch")
        with no_grad():
            return self._on_batch(
                captured_step(self, CapturedTestStep), loops.one_batch(self, x, y, sample_weight), return_dict
            )

    def predict_on_batch(self, x: Any) -> Any:
        """The output for one batch, as NumPy arrays."""
        with no_grad():
            return tree.map_structure(lambda t: t.numpy(), self.predict_step(loops.one_batch(self, x, None, None)))

    def _on_batch(self, step: Callable[[Any], Any], data: Any, return_dict: bool) -> Any:
        self.reset_metrics()
        results = to_numbers(step(data))
        return results if return_dict else eval_loops.flat(self, results)

    # -- saving ----------------------------------------------------------------------------------------------------

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of ``compile``, or None."""
        if not self.compiled:
            return None
        from ..serialization.objects import serialize_keras_object

        config = {key: serialize_keras_object(value) for key, value in self._compile_arguments.items()}
        config["optimizer"] = serialize_keras_object(self.optimizer)
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the result of ``get_compile_config``."""
        from ..serialization.objects import deserialize_keras_object

        known = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
        arguments = {key: deserialize_keras_object(config[key]) for key in known if key in config}
        self.compile(**arguments)
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
        if not isinstance(inner, Trainer):
            result |= {id(m): m for m in _metrics_of(inner)}
    return list(result.values())

"""Model: a layer that can be trained, judged, used and saved."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends

from .. import metrics as metrics_module
from .. import optimizers, tree
from ..autodiff import Tape, backward, no_grad, recording
from ..compat import OldModelMethods
from ..graph import Graph
from ..layers.base import Layer, _context, _zeros_of
from ..tensor import KerasTensor, Tensor
from ..training import loop
from ..training.compiled import CompiledLoss, CompiledMetrics
from ..training.data import unpack_x_y_sample_weight
from ..training.logs import Logs, to_numbers
from ..variables import structure
from .functional import layers_of, output_names, run_graph


class Model(OldModelMethods, Layer):
    """A layer with ``compile``, ``fit``, ``evaluate`` and ``predict``.

    ``Model(inputs=..., outputs=...)`` is what leads from one to the other: symbolic tensors made by ``Input`` and calls
    of layers and ops on it, or lists and dictionaries of them.

    A model of your own makes its layers in ``__init__`` and uses them in ``call(inputs)``. A step of its own goes into
    ``train_step(data)``, which gets (x, y, sample_weight) and returns results by name.
    """

    def __init__(
        self, *args: Any, trainable: bool = True, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        ends = dict(zip(("inputs", "outputs"), args))
        ends |= {key: kwargs.pop(key) for key in ("inputs", "outputs") if key in kwargs}
        if len(args) > 2 or len(ends) == 1:
            raise TypeError(
                f"Model takes inputs and outputs, got {', '.join(ends)} and {len(args)} positional arguments"
            )
        super().__init__(trainable=trainable, name=name, dtype=dtype, **kwargs)
        self._graph: Graph | None = None
        self.compiled = False
        self.stop_training = False
        self.history: Any = None
        self.optimizer: Any = None
        self.loss: Any = None
        self._compile_arguments: dict[str, Any] = {}
        self._compiled_loss: CompiledLoss | None = None
        self._compiled_metrics = CompiledMetrics(None, None)
        self._loss_tracker = metrics_module.Mean(name="loss")
        self._initial_epoch = 0
        self._trained: Any = None  # what the training step needs, gathered once
        if ends:
            self._graph = Graph(ends["inputs"], ends["outputs"])
            self.built = True
            self._build_shape = tree.map_structure(lambda x: x.shape, ends["inputs"])
            self._summary_output_shape = tree.map_structure(lambda y: y.shape, ends["outputs"])

    # -- structure -------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside the model."""
        return self._flatten_layers()

    def _flatten_layers(self) -> list[Layer]:
        own = super()._flatten_layers()
        if self._graph is None:
            return own
        inside = layers_of(self._graph)
        known = {id(layer) for layer in inside}
        return inside + [layer for layer in own if id(layer) not in known]

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs."""
        return tree.flatten(self._require_graph().inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs."""
        return tree.flatten(self._require_graph().outputs)

    @property
    def input(self) -> Any:
        """The symbolic input, in the structure it was given in."""
        return self._require_graph().inputs

    @property
    def output(self) -> Any:
        """The symbolic output, in the structure it was given in."""
        return self._require_graph().outputs

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [x._keras_history.operation.name for x in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers they come from, or their keys."""
        return output_names(self._require_graph())

    def _require_graph(self) -> Graph:
        if self._graph is None:
            raise AttributeError(
                f"model {self.name!r} has no symbolic input and output: it is not built, or has its own call()"
            )
        return self._graph

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if self._graph is None:
            raise NotImplementedError(
                f"{type(self).__name__} must define call(inputs), or be made with inputs and outputs"
            )
        return run_graph(self, self._graph, inputs, training)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer with a name, or at an index. Raises ``ValueError`` when there is none."""
        if (name is None) == (index is None):
            raise ValueError("get_layer needs either a name or an index")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"the model has {len(self.layers)} layers, index {index} is out of range")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"no layer is called {name!r}; there are {', '.join(layer.name for layer in self.layers)}")

    def build(self, input_shape: Any) -> None:
        """Make the weights of all layers, by running the model on zeros of this shape (None entries become 1)."""
        if input_shape is None:
            raise ValueError(f"model {self.name!r}: build needs the shape of the input, such as (None, 784)")
        self.built = True  # or calling it would come back here
        try:
            with no_grad():
                self(_zeros_of(input_shape, 1, self._dtype))
        except Exception:
            self.built = False
            raise
        self._clear_losses()

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # A subclassed model has no weights of its own: its layers are built as they are called.
        if type(self).build is not Model.build:
            super()._build_for(args, kwargs)
        else:
            self._build_shape = tree.map_structure(lambda x: (None, *x.shape[1:]), args[0]) if args else None
            self.built = True

    def _backend(self) -> backends.Backend:
        """The backend the weights are on; before there are any, the one in use."""
        own = self.weights
        return backends.of(own[0].data) if own else backends.current()

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
        """Choose how to train.

        optimizer: a name or object. loss: a name, object or function ``(y_true, y_pred)``; optional when the layers
        add losses. metrics: a list of names, objects or functions, which ignore sample weights; weighted_metrics: the
        same, using them. run_eagerly, steps_per_execution, jit_compile and auto_scale_loss are accepted and change
        nothing: every step is run as written.
        """
        self._compile_arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        names = output_names(self._graph) if self._graph is not None else None
        self._compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights, names)
        self._compiled_metrics = CompiledMetrics(metrics, weighted_metrics, names)
        self.compiled = True
        self.stop_training = False
        self._trained = None
        self._trainable_at_compile = [id(v) for v in self.trainable_variables] if self.built else None

    def _check_compiled(self, what: str) -> None:
        if not self.compiled:
            raise ValueError(f"call compile(optimizer=..., loss=...) before {what}()")

    @property
    def metrics(self) -> list[Any]:
        """The loss, the metrics of ``compile``, then those that are attributes of the model or of its layers."""
        found: list[Any] = [self._loss_tracker] if self.compiled else []
        found += self._compiled_loss.metrics if self._compiled_loss is not None else []
        found += self._compiled_metrics.metrics if self._compiled_metrics.built else [self._compiled_metrics]
        known = {id(self._loss_tracker), *map(id, found)}
        return found + [m for m in _metrics_of(self) if id(m) not in known]

    @property
    def metrics_names(self) -> list[str]:
        """The names of ``metrics``."""
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Start all metrics again."""
        for m in self.metrics:
            m.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of all metrics so far, by name."""
        results: dict[str, Any] = {}
        for m in self.metrics:
            if m is self._loss_tracker and self._steps_made == 0:
                continue
            value = m.result()
            results |= value if isinstance(value, dict) else {m.name: value}
        return results

    # -- a step ----------------------------------------------------------------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The scalar to minimise: the compiled loss, plus what layers and regularizers add."""
        added = self.losses if self._may_add_losses() else []
        if self._compiled_loss is not None:
            if y is None:
                raise ValueError("the model was compiled with a loss, but there are no labels: pass y")
            total = self._compiled_loss(y, y_pred, sample_weight)
        elif added:
            total, added = added[0], added[1:]
        else:
            raise ValueError("there is nothing to minimise: compile with a loss, or use add_loss in a layer")
        for loss in added:
            total = total + loss
        return total

    def _loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """``compute_loss``, by keywords and without ``training`` where a subclass wrote it without."""
        known = type(self).compute_loss
        named = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        if known is Model.compute_loss or _takes(known, "training"):
            named["training"] = training
        return self.compute_loss(**named)

    def _may_add_losses(self) -> bool:
        """Whether ``losses`` can be anything but empty: no layer is asked at every step for what it does not do."""
        state = self._trained
        return state is None or not state.current() or bool(state.regularized) or bool(_context.holding)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take a batch into the compiled metrics, and return the results so far."""
        if y is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def train_step(self, data: Any) -> Any:
        """One update: forward, loss, gradients, weights, metrics. Returns results by name, read when looked at."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        tape: Tape = []
        with recording(tape):
            y_pred = self(x, training=True)
            loss = self._loss(x, y, y_pred, sample_weight, True)
            scaled = self.optimizer.scale_loss(loss)
        self._update(tape, scaled)
        return self._account(x, y, y_pred, sample_weight, loss)

    def _update(self, tape: Tape, loss: Tensor) -> None:
        """Gradients of the loss, written into the flat buffer, and one update from them."""
        state = self._trained
        if state is None or state.optimizer is not self.optimizer or not state.current():
            state = self._trained = _Trained(self)
        if not state.variables:
            return  # what is left of a step is to measure
        found = backward(tape, loss, destinations=state.destinations)
        missing = [v for v in state.variables if id(v) not in found]
        if missing:
            state.warn_once(missing)
        self.optimizer.apply_in_place([*state.frozen, *missing])

    def _account(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, loss: Any) -> Logs:
        """Take a batch into loss and metrics."""
        with no_grad():
            self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
            self._steps_made += 1
            if type(self).compute_metrics is not Model.compute_metrics:
                results = self.compute_metrics(x, y, y_pred, sample_weight)
                return Logs(lambda: results)
            if y is not None:
                self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return Logs(self.get_metrics_result)

    def test_step(self, data: Any) -> Any:
        """Loss and metrics of one batch, without an update."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self._loss(x, y, y_pred, sample_weight, False)
        return self._account(x, y, y_pred, sample_weight, loss)

    def predict_step(self, data: Any) -> Any:
        """The output for one batch."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def _prepare_training(self, data: Any) -> None:
        """Before the first step: warn when ``trainable`` was changed after ``compile``."""
        if self._trained is not None and not self._trained.current(thorough=True):
            self._trained = None
        before = getattr(self, "_trainable_at_compile", None)
        if before is not None and before != [id(v) for v in self.trainable_variables]:
            warnings.warn(
                "the trainable weights have changed since compile(): the new choice holds from now on, but "
                "call compile() again so that the optimizer forgets the old one",
                stacklevel=4,
            )

    # -- the loops -------------------------------------------------------------------------------------------------

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

        x, y: arrays with the samples along the first axis, or x an iterable of batches (x, y[, sample_weight]).
        batch_size: 32 by default. verbose: 0 silent, 1 a bar, 2 one line per epoch. validation_split: the last part
        of the arrays, taken before shuffling. validation_data: (x, y[, sample_weight]) or an iterable. shuffle: a new
        order for every epoch; "batch" only inside consecutive batches. class_weight: label -> weight. sample_weight:
        one number per sample. initial_epoch: where to go on counting. steps_per_epoch: batches that make an epoch,
        for data without an end. validation_freq: every how many epochs to validate, or after which (counted from 1).
        """
        return loop.fit(
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
        return loop.evaluate(self, x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The output for all samples, as NumPy arrays."""
        return loop.predict(self, x, batch_size, verbose, steps, callbacks)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One update on one batch, and its loss and metrics."""
        self._check_compiled("train_on_batch")
        data = loop.one_batch(self, x, y, sample_weight, class_weight)
        return self._on_batch(self.train_step, data, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch."""
        self._check_compiled("test_on_batch")
        with no_grad():
            return self._on_batch(self.test_step, loop.one_batch(self, x, y, sample_weight), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The output for one batch, as NumPy arrays."""
        with no_grad():
            return tree.map_structure(lambda t: t.numpy(), self.predict_step(loop.one_batch(self, x, None, None)))

    def _on_batch(self, step: Callable[[Any], Any], data: Any, return_dict: bool) -> Any:
        self.reset_metrics()
        results = to_numbers(step(data))
        return results if return_dict else loop._flat(self, results)

    # -- looking at it ---------------------------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of layers, output shapes and numbers of parameters. print_fn: gets the text instead."""
        from ..utils.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # -- saving ----------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # What was gathered for training is found by identity, which a copy does not have.
        return {**self.__dict__, "_trained": None, "_trainable_at_compile": None, "_source": None}

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` needs: the graph of a model made of inputs and outputs, else the constructor's arguments."""
        if self._graph is None or type(self).__init__ is not Model.__init__:
            return super().get_config()
        from .graph_config import graph_config

        return {"name": self.name, "trainable": self.trainable, **graph_config(self._graph)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The model a config describes, with fresh weights."""
        if "input_layers" not in config:
            return cls(**config)
        from .graph_config import graph_from_config

        inputs, outputs = graph_from_config(config, custom_objects)
        return cls(inputs, outputs, name=config.get("name"), trainable=config.get("trainable", True))

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool = True, **kwargs: Any) -> None:
        """Save the whole model to a ``.keras`` file, which Keras opens too. If it fails, an earlier file stays."""
        from ..saving.model_file import save_model

        save_model(self, filepath, overwrite=overwrite, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Save the weights to a ``.weights.h5`` file."""
        from ..saving.model_file import save_weights

        save_weights(self, filepath, overwrite=overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Set the weights from a ``.weights.h5`` or ``.keras`` file."""
        from ..saving.model_file import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The structure of the model, without weights, as JSON."""
        import json

        from ..saving.objects import serialize_keras_object

        return json.dumps(serialize_keras_object(self), **kwargs)

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of ``compile``, or None."""
        if not self.compiled:
            return None
        from ..saving.objects import serialize_keras_object

        config = {key: serialize_keras_object(value) for key, value in self._compile_arguments.items()}
        config["optimizer"] = serialize_keras_object(self.optimizer)
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with what ``get_compile_config`` gave."""
        from ..saving.objects import deserialize_keras_object

        known = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
        arguments = {key: deserialize_keras_object(config[key]) for key in known if key in config}
        self.compile(**arguments)
        if self.built:
            self.optimizer.build(self.trainable_variables)

    _steps_made = 0
    _source: Any = None  # a weak reference to where the batches of the present fit come from
    _resume: Any = None  # where fit is to go on with another run; a callback sets it


class _Trained:
    """What every training step needs and only changes with the set of trainable weights."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.optimizer = model.optimizer
        self.variables = model.trainable_variables
        if not self.variables:
            warnings.warn("the model has no trainable weights: there is nothing to train", stacklevel=5)
        model.optimizer.ensure_built(self.variables)
        self.structure = structure()
        mine = {id(v) for v in self.variables}
        self.frozen = [v for v in model.optimizer.known_variables if id(v) not in mine]
        self.destinations = {id(v): v.grad for v in self.variables}
        self.regularized = [v for v in self.variables if v.regularizer is not None]
        self.warned = False

    def current(self, thorough: bool = False) -> bool:
        """Whether the same weights are trainable as when this was made. thorough: look, whatever ``structure`` says."""
        if self.structure != structure() or thorough:
            if [id(v) for v in self.model.trainable_variables] != [id(v) for v in self.variables]:
                return False
            self.structure = structure()
        return True

    def warn_once(self, missing: list[Any]) -> None:
        if not self.warned:
            self.warned = True
            names = ", ".join(v.path for v in missing)
            warnings.warn(
                f"the loss does not depend on {names}: without a gradient they stay as they are", stacklevel=5
            )


@functools.lru_cache(maxsize=256)
def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of that name, or takes any keyword."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _metrics_of(layer: Layer) -> list[Any]:
    """The metrics that are attributes of a layer, also in lists and dictionaries, or of layers inside it.

    A model inside has its metrics for its own training, as in Keras.
    """
    values = [v for v in vars(layer).values() if isinstance(v, (metrics_module.Metric, list, tuple, dict))]
    found = {id(m): m for v in values for m in tree.flatten(v) if isinstance(m, metrics_module.Metric)}
    for inner in layer._flatten_layers():
        if not isinstance(inner, Model):
            found |= {id(m): m for m in _metrics_of(inner)}
    return list(found.values())


def _batch_size(x: Any) -> int:
    return tree.flatten(x)[0].shape[0]

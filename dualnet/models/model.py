"""Model: a layer that can be trained, evaluated and saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .. import tree
from ..core.naming import auto_name
from ..core.symbolic import KerasTensor
from ..core.tracing import state
from ..graph.graph import Graph, with_own_inputs
from ..graph.trial import is_trial, trial
from ..layers.base.configuration import file_order
from ..layers.base.context import context
from ..layers.base.layer import Layer
from ..legacy.methods import LegacyModelMethods
from ..serialization.configurable import builtin_class
from ..serialization.objects import serialize_keras_object
from ..training.trainer import Trainer
from .functional import input_like, layers_of, output_names, run_graph
from .graph_config import graph_config, graph_from_config
from .moving import move
from .state_tree import get_state_tree, set_state_tree


class Model(LegacyModelMethods, Trainer, Layer):
    """A layer with ``compile``, ``fit``, ``evaluate`` and ``predict``.

    ``Model(inputs=..., outputs=...)`` is the graph between the two: symbolic tensors from ``Input`` and from calls of
    layers and ops on it, or lists and dictionaries of them.

    A subclass creates its layers in ``__init__`` and calls them in ``call(inputs)``. A training step of its own goes into
    ``train_step(data)``, which gets (x, y, sample_weight) and returns results by name.
    """

    _is_chain = False  # whether the layers are called one after the other, as in Sequential
    _independent_samples = False  # it may hold any op

    def __init__(
        self, *args: Any, trainable: bool = True, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        endpoints = dict(zip(("inputs", "outputs"), args))
        endpoints |= {key: kwargs.pop(key) for key in ("inputs", "outputs") if key in kwargs}
        if len(args) > 2 or len(endpoints) == 1:
            raise TypeError(
                f"Model takes inputs and outputs, got {', '.join(endpoints)} and {len(args)} positional arguments"
            )
        # As in Keras, where a model of inputs and outputs is of the class Functional.
        auto = auto_name("functional") if endpoints and not name and type(self) is Model else None
        Layer.__init__(self, trainable=trainable, name=name or auto, dtype=dtype, **kwargs)
        Trainer.__init__(self)
        self._graph: Graph | None = None
        self._warned_of_structure = False
        if endpoints:
            inputs, outputs = with_own_inputs(endpoints["inputs"], endpoints["outputs"], input_like)
            self._graph = Graph(inputs, outputs)
            self.built = True
            self._build_shape = tree.map_structure(lambda x: x.shape, inputs)
            self._summary_output_shape = tree.map_structure(lambda y: y.shape, outputs)

    # -- structure -------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside the model."""
        return self._sublayers()

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            "`Model.layers` attribute is reserved: it lists the layers of the model, and cannot be set. "
            "Give the attribute another name"
        )

    @property
    def operations(self) -> list[Any]:
        """The layers and ops of a model made of inputs and outputs, the inputs first."""
        return list(self._require_graph().operations)

    def _sublayers(self) -> list[Layer]:
        own = super()._sublayers()
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
        """The names of the layers that the outputs come from."""
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

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic tensors with the shape and dtype of the output for symbolic inputs.

        Inside of other models a graph is followed once for all calls alike, or models in models would take twice as long with every
        level that calls the one below twice.
        """
        key = self._spec_key(args, kwargs)
        if key is None:
            return super().compute_output_spec(*args, **kwargs)
        specs = state.tracer.specs
        if key not in specs:
            specs[key] = super().compute_output_spec(*args, **kwargs)
        return specs[key]

    def _spec_key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the outputs for symbolic inputs depend on; None where they are not to be kept."""
        if not is_trial() or self._graph is None or builtin_class(type(self)) is not type(self):
            return None
        leaves = tree.flatten([args, kwargs])
        if not all(isinstance(x, (KerasTensor, bool, type(None))) for x in leaves):
            return None
        structure = tree.map_structure(lambda x: 0, [args, kwargs])
        described = [(tuple(x.shape), x.dtype) if isinstance(x, KerasTensor) else x for x in leaves]
        return id(self), str(structure), str(described), context.training, state.compute_dtype

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
        """Make the weights of all layers, by tracing the model on symbolic tensors of this shape."""
        if input_shape is None:
            raise ValueError(f"model {self.name!r}: build needs the shape of the input, such as (None, 784)")
        self.built = True  # or calling it would come back here
        try:
            self.compute_output_shape(input_shape)
        except Exception:
            self.built = False
            raise

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # A subclassed model has no weights of its own: its layers are built as they are called.
        if type(self).build is not Model.build:
            super()._build_for(args, kwargs)
        else:
            arguments = {**dict(zip(self._signature.names, args)), **kwargs}
            shapes = {
                f"{name}_shape": tree.map_structure(lambda x: (None, *x.shape[1:]), value)
                for name, value in arguments.items()
                if not name.endswith("mask") and all(getattr(x, "shape", ()) for x in tree.flatten(value))
            }
            self._build_shape = next(iter(shapes.values()), None)
            self._build_shapes = shapes if len(shapes) > 1 else None
            self.built = True

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shapes a config names, those of all tensors that the model was called with."""
        shapes = config.get("shapes_dict")
        if not shapes or self.built or type(self).build is not Model.build:
            super().build_from_config(config)
            return
        inputs = {
            name.removesuffix("_shape"): tree.map_shape_structure(lambda n: KerasTensor(n, self._compute_dtype), shape)
            for name, shape in shapes.items()
        }
        self.built = True
        try:
            with trial():
                self(**inputs)
        except Exception:
            self.built = False
            raise
        self._build_shapes = {name: tree.map_shape_structure(tuple, shape) for name, shape in shapes.items()}
        self._build_shape = next(iter(self._build_shapes.values()))

    def _output_names(self) -> list[str] | None:
        return None if self._graph is None else output_names(self._graph)

    # -- summary --------------------------------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of layers, output shapes and numbers of parameters. print_fn: called with the text instead."""
        from ..utils.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # -- device ----------------------------------------------------------------------------------------------------

    def to(self, device: str) -> Any:
        """Move the model to a device, with the state of its optimizer and of its metrics. Returns the model.

        Training goes on there as it would have here: the same masks and order of the samples, which no device decides about.

        Args:
            device: a name as in ``dualnet.config.set_device``: "cpu", "gpu", "gpu:1", "auto".

        Raises:
            OutOfMemoryError: there is no room; the model is where it was.
            ValueError: the model has no weights yet.
        """
        move(self, device)
        return self

    # -- saving ----------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # Cached facts for training refer to variables by identity, which a copy does not share.
        cached = dict.fromkeys(("_train_state", "_trainable_at_compile", "_source", "_captured_steps"))
        return {**self.__dict__, **cached}

    def get_config(self) -> dict[str, Any]:
        """The graph of a model made of inputs and outputs, otherwise the constructor's arguments."""
        if self._graph is None or type(self).__init__ is not Model.__init__:
            return super().get_config()
        return {"name": self.name, "trainable": self.trainable, **graph_config(self._graph)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The model a config describes, with fresh weights."""
        if "input_layers" not in config:
            return super().from_config(config)
        inputs, outputs = graph_from_config(config, custom_objects)
        return cls(inputs, outputs, name=config.get("name"), trainable=config.get("trainable", True))

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Save the whole model to a ``.keras`` file, which Keras opens too. A failed save leaves an earlier file as it was.

        The arguments are those of ``dualnet.saving.save_model``.
        """
        from ..saving.api import save_model

        save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Save the weights to a ``.weights.h5``, ``.safetensors``, ``.weights.json`` or ``.h5`` file.

        The arguments are those of ``dualnet.saving.save_weights``.
        """
        from ..saving.api import save_weights

        save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Set the weights from a file of weights, or of a model: ``.weights.h5``, ``.safetensors``, ``.weights.json``, ``.keras``, ``.h5``.

        The arguments are those of ``dualnet.saving.load_weights``.
        """
        from ..saving.api import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def export(
        self,
        filepath: Any,
        format: str | None = None,
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write the model as it predicts to a file for other programs, such as ``.onnx``. A failed export leaves an earlier file as it was.

        The arguments are those of ``dualnet.export.export_model``.
        """
        from ..export import export_model

        export_model(self, filepath, format=format, verbose=verbose, input_signature=input_signature, **kwargs)

    def _saved_children(self) -> list[tuple[str, Any]]:
        return sorted([*super()._saved_children(), ("layers", self.layers)], key=file_order)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """All variables in nested dictionaries, keyed by the parts of their paths, under "trainable_variables",
        "non_trainable_variables", "optimizer_variables" and "metrics_variables".

        Args:
            value_format: "backend_tensor" for tensors, "numpy_array" for NumPy arrays; both are copies.

        Raises:
            ValueError: two variables have the same path.
        """
        return get_state_tree(self, value_format)

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Set variables to the values in a tree like that of ``get_state_tree``; variables that it lacks are unchanged.

        Raises ``ValueError``, and sets nothing, for a path the model does not have.
        """
        set_state_tree(self, state_tree)

    def to_json(self, **kwargs: Any) -> str:
        """The structure of the model, without weights, as JSON."""
        return json.dumps(serialize_keras_object(self), **kwargs)

"""Bidirectional: a recurrent layer from the first step to the last, and another from the last to the first."""

from __future__ import annotations

from typing import Any

from ... import ops, tree
from ...serialization.configurable import attributes, builtin_class
from ...serialization.objects import custom_object_scope
from ..base.configuration import part_from_config
from ..base.layer import Layer, Shape

MERGE_MODES = ("sum", "mul", "ave", "concat", None)
_IN_COMMON = ("stateful", "return_sequences", "return_state")


class Bidirectional(Layer):
    """A recurrent layer and one that goes the other way, their outputs merged (Schuster and Paliwal 1997).
    x: (batch, steps, ...) -> (batch, 2 units), or (batch, steps, 2 units)

    Both are new layers, made from the config of ``layer``, which keeps its own weights. Where a mask leaves steps out, a returned
    sequence is zero, whatever ``zero_output_for_mask`` of the layer says.

    Args:
        layer: an ``RNN``, or another layer with ``go_backwards``, ``return_sequences``, ``return_state`` and ``stateful``.
        merge_mode: "concat", "sum", "mul", "ave" (the mean), or None for both outputs.
        weights: the weights to begin with, those of the forward layer first.
        backward_layer: the layer that goes backwards, by default one like ``layer``. It must differ from it in
            ``go_backwards`` and agree in the rest.

    Call arguments:
        initial_state: a list of the states of the forward layer, then those of the backward layer.
        mask, training: passed to both.
    """

    supports_masking = True
    _config_attributes = attributes(layer="forward_layer", weights="_no_weights")
    _no_weights = None  # they are in the file of weights

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `Bidirectional` layer with a `Layer` instance (of dualnet.layers). "
                f"Received: {layer}"
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(f"`backward_layer` need to be a `Layer` instance. Received: {backward_layer}")
        if merge_mode not in MERGE_MODES:
            raise ValueError(f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of {MERGE_MODES}")
        for name in ("go_backwards", *_IN_COMMON):
            if not hasattr(layer, name):
                raise ValueError(
                    f"`Bidirectional` takes a recurrent layer, with an attribute `{name}`. Received: {layer}"
                )
        super().__init__(**kwargs)
        self.forward_layer = _copy(layer, "forward_")
        self.backward_layer = _copy(layer, "backward_", go_backwards=True) if backward_layer is None else backward_layer
        self._check_layers()
        for own in (self.forward_layer, self.backward_layer):
            if getattr(own, "zero_output_for_mask", None) is not None:
                own.zero_output_for_mask = own.return_sequences
        self.merge_mode = merge_mode
        self._initial_weights = weights
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.input_spec = layer.input_spec

    def _check_layers(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards {forward.go_backwards}, backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in _IN_COMMON:
            values = getattr(forward, name), getattr(backward, name)
            if values[0] != values[1]:
                raise ValueError(
                    f'Forward layer and backward layer are expected to have the same value for attribute "{name}", got '
                    f'"{values[0]}" for forward layer and "{values[1]}" for backward layer'
                )

    # -- shapes and masks ----------------------------------------------------------------------------------------

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        shapes = [layer.compute_output_shape(sequences_shape) for layer in (self.forward_layer, self.backward_layer)]
        states: list[Any] = []
        if self.return_state:
            states = [state for shape in shapes for state in shape[1:]]
            shapes = [shape[0] for shape in shapes]
        forward, backward = shapes
        outputs: list[Shape] = [forward]
        if self.merge_mode is None:
            outputs = [forward, backward]
        elif self.merge_mode == "concat":
            outputs = [(*forward[:-1], forward[-1] + backward[-1])]
        return (*outputs, *states) if len(outputs) + len(states) > 1 else outputs[0]

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return self._infer_call(args, kwargs)  # what the two layers say

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        mask = tree.flatten(previous_mask)[0] if self.return_sequences else None
        masks = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            layers = (self.forward_layer, self.backward_layer)
            masks += [None for layer in layers for _ in getattr(layer, "state_size", ())]
        return masks if len(masks) > 1 else mask

    # -- states --------------------------------------------------------------------------------------------------

    @property
    def states(self) -> Any:
        """The variables with the states of the forward layer and then of the backward layer; None before they are built."""
        if self.forward_layer.states and self.backward_layer.states:
            return (*self.forward_layer.states, *self.backward_layer.states)
        return None

    def reset_state(self) -> None:
        """Set the states of both layers to zero."""
        if not self.stateful:
            raise AttributeError(
                f"Layer must be stateful: {self.name!r} has no states, its layer needs `stateful=True`."
            )
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """The same as ``reset_state``."""
        self.reset_state()

    # -- calling -------------------------------------------------------------------------------------------------

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None) -> Any:
        forward_state, backward_state = self._halves(initial_state)
        forward = self._call_layer(self.forward_layer, sequences, forward_state, mask)
        backward = self._call_layer(self.backward_layer, sequences, backward_state, mask)
        states: list[Any] = []
        if self.return_state:
            (forward, *own), (backward, *others) = forward, backward
            states = [*own, *others]
        if str(forward.dtype) != self.compute_dtype or str(backward.dtype) != self.compute_dtype:
            forward, backward = ops.cast(forward, self.compute_dtype), ops.cast(backward, self.compute_dtype)
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        outputs = self._merged(forward, backward)
        return (*outputs, *states) if len(outputs) + len(states) > 1 else outputs[0]

    def _halves(self, initial_state: Any) -> tuple[Any, Any]:
        if initial_state is None:
            return None, None
        if not tree.is_nested(initial_state) or len(initial_state) % 2:
            raise ValueError(
                f"{self.name}: `initial_state` should be a list of the states of the forward layer and then of the backward "
                f"layer, got {len(initial_state) if tree.is_nested(initial_state) else 'one tensor'}"
            )
        half = len(initial_state) // 2
        return list(initial_state[:half]), list(initial_state[half:])

    def _call_layer(self, layer: Any, sequences: Any, initial_state: Any, mask: Any) -> Any:
        kwargs = {"mask": mask} if layer._signature.mask and mask is not None else {}
        if initial_state is not None:
            kwargs["initial_state"] = initial_state
        return layer(sequences, **kwargs)  # which takes ``training`` from this call

    def _merged(self, forward: Any, backward: Any) -> list[Any]:
        if self.merge_mode is None:
            return [forward, backward]
        if self.merge_mode == "concat":
            return [ops.concatenate([forward, backward], axis=-1)]
        if self.merge_mode == "mul":
            return [forward * backward]
        total = forward + backward
        return [total / 2 if self.merge_mode == "ave" else total]

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The layer a config describes, with new layers inside."""
        arguments = dict(config)
        for key in ("layer", "backward_layer"):
            if key in config:
                arguments[key] = part_from_config(config, key, custom_objects)
        return cls(**arguments)


def _copy(layer: Any, prefix: str, **changes: Any) -> Any:
    """A new layer like another, with weights of its own."""
    config = {**layer.get_config(), **changes, "name": prefix + layer.name.removeprefix(prefix)}
    with custom_object_scope(_objects_of_the_user(layer)):
        return type(layer).from_config(config)


def _objects_of_the_user(layer: Any) -> dict[str, Any]:
    """Classes and functions in a layer that are not dualnet's: they need not be registered to be copied."""
    parts = [*layer._flatten_layers(), *(x for x in [getattr(layer, "cell", None)] if not isinstance(x, Layer))]
    found: dict[str, Any] = {}
    for part in parts:
        if builtin_class(type(part)) is not type(part):
            found[type(part).__name__] = type(part)
        for value in getattr(part, "__dict__", {}).values():
            kind = value if hasattr(value, "__name__") else type(value)
            if callable(value) and not (kind.__module__ or "").startswith("dualnet."):
                found[kind.__name__] = kind
    return found

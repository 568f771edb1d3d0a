"""Lambda: a function as a layer."""

from __future__ import annotations

import inspect
from typing import Any

from ... import activations, tree
from ...serialization.configurable import attributes
from ...serialization.objects import deserialize_keras_object
from ..base.layer import Layer


class Lambda(Layer):
    """``function(inputs, **arguments)`` as a layer without weights.

    A model is saved with the name of the function; to load it, pass ``custom_objects={name: function}`` or register the
    function. What has no name, a ``lambda``, cannot be saved.

    Args:
        function: it gets ``training`` and ``mask`` too if it takes arguments of those names.
        output_shape: the shape of what it returns, without the batch, or a function from shapes to shapes; inferred
            when left out.
        mask: of the output: a tensor, or a function ``(inputs, mask)``.
    """

    _independent_samples = False
    # Functions, which may be without a name, are in the config as they are.
    _config_attributes = attributes(function=None, output_shape=None, mask=None)

    def __init__(
        self,
        function: Any,
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: expected a function, got {function!r}")
        self.function = function
        self.arguments = arguments or {}
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape
        parameters = inspect.signature(function).parameters
        self._has_training, self._has_mask = "training" in parameters, "mask" in parameters
        self._build_at_init()

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        options = dict(self.arguments)
        if self._has_mask:
            options["mask"] = mask
        if self._has_training:
            options["training"] = training
        return self.function(inputs, **options)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return (
            self._infer_call(args, kwargs)
            if self._output_shape is None
            else super().compute_output_spec(*args, **kwargs)
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        declared = self._output_shape
        if declared is None:
            return super().compute_output_shape(input_shape)
        if callable(declared):
            return declared(input_shape)
        first = input_shape
        while isinstance(first, (list, tuple)) and first and not isinstance(first[0], (int, type(None))):
            first = first[0]
        return tree.map_shape_structure(lambda shape: (first[0], *shape), declared)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "function": self.function,
            "output_shape": self._output_shape,
            "mask": self.mask,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None, safe_mode: bool | None = None
    ) -> Any:
        """The layer a config describes. A function is looked up by its name among those of dualnet, the registered ones and
        ``custom_objects``; one that was saved as byte code is refused, whatever ``safe_mode`` says.
        """
        config = dict(config)
        for key in ("function", "output_shape", "mask", "arguments"):
            if isinstance(config.get(key), (dict, str)):
                config[key] = _function_named(config[key], custom_objects)
        return cls(**config)


def _function_named(value: Any, custom_objects: dict[str, Any] | None) -> Any:
    if isinstance(value, str):
        return (custom_objects or {}).get(value) or activations.get(value)
    return deserialize_keras_object(value, custom_objects)

"""Loss: what is minimised, one number per batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

from .. import ops, tree
from ..core.naming import auto_name
from ..core.placement import elsewhere
from ..core.tensor import Tensor
from ..core.version import Invalidating
from ..serialization.configurable import Configurable, attributes
from ..serialization.objects import by_identifier, deserialize_keras_object, serialize_keras_object
from .reduction import (
    as_tensor,
    compute_dtype,
    reduce_weighted_values,
    squeeze_or_expand_to_same_rank,
    standardize_reduction,
)

FUNCTIONS: dict[str, Any] = {}  # the loss functions by name, which ``dualnet.losses`` adds


class Loss(Configurable, Invalidating):
    """Base of all losses. A loss of your own defines ``call(y_true, y_pred)``, which returns one value per sample.

    Args:
        name: by default the class in snake_case.
        reduction: from one value per sample to one number: "sum_over_batch_size" or "mean" (the sum of weighted values
            over their number), "mean_with_sample_weight" (over the sum of the weights), "sum", or None or "none" (no
            reduction).
        dtype: to compute in, by default ``floatx()``.
    """

    _config_attributes = attributes(dtype=None)
    _keeps_labels = False  # whether integer targets stay integers, instead of becoming ``dtype``

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        self._has_dtype = dtype is not None
        self._dtype = compute_dtype(dtype)

    @property
    def dtype(self) -> str:
        return self._dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The reduced loss.

        What the mask of ``y_pred`` leaves out does not count.

        Args:
            y_true, y_pred: tensors, arrays or lists.
            sample_weight: a number, one weight per sample, or one per element of the loss.
        """
        device = elsewhere((y_pred, y_true, sample_weight))
        if device is not None:
            with device:
                return self(y_true, y_pred, sample_weight)
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = self._convert(y_pred, self._dtype)
        like = y_pred if isinstance(y_pred, Tensor) else None
        y_true = self._convert(y_true, None if self._keeps_labels else self._dtype, like)
        values = self.call(y_true, y_pred)
        ignored = getattr(values, "_keras_mask", None)
        if ignored is not None:
            mask = ignored if mask is None else ops.logical_and(mask, ignored)
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, self._dtype)

    def _convert(self, x: Any, dtype: str | None, like: Tensor | None = None) -> Any:
        if isinstance(x, Tensor):
            return as_tensor(x, dtype)
        first = x
        while isinstance(first, (list, tuple)) and first:
            first = first[0]
        if isinstance(first, dict) or (first is not x and getattr(first, "ndim", 0) > 0):
            # Several tensors, for a loss that compares them all.
            return tree.map_structure(lambda v: as_tensor(v, dtype, like), x)
        return as_tensor(x, dtype, like)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value per sample.  y_true, y_pred: tensors"""
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred)")

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        # Only when it was given: a subclass need not have the argument.
        return {**config, "dtype": self._dtype} if self._has_dtype else config

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class FunctionWrapper(Configurable):
    """What losses and metrics that wrap a function share: the arguments of the function are theirs, too."""

    _config_attributes = attributes(fn=None)
    _functions: ClassVar[dict[str, Any]] = FUNCTIONS  # in which a config finds its function by name

    def _wrap(self, fn: Callable[..., Any], kwargs: dict[str, Any]) -> None:
        self.fn, self._fn_kwargs = fn, kwargs
        for name, value in kwargs.items():
            if not hasattr(type(self), name):  # a method of that name stays
                setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        arguments = self.__dict__.get("_fn_kwargs", {})
        if arguments.get(name, value) is not value:
            arguments[name] = value  # an argument of the function is set anew
        super().__setattr__(name, value)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **serialize_keras_object(self._fn_kwargs)}
        if "fn" in inspect.signature(type(self).__init__).parameters:
            config["fn"] = serialize_keras_object(self.fn)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        arguments = deserialize_keras_object(config)
        if isinstance(arguments.get("fn"), str):
            arguments["fn"] = by_identifier(arguments["fn"], cls._functions, "function", instantiate=False)
        return super().from_config(arguments)


class LossFunctionWrapper(FunctionWrapper, Loss):
    """A loss computed by a function ``(y_true, y_pred, **kwargs) -> one value per sample``.

    Args:
        fn: the function.
        kwargs: further arguments for it.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self._wrap(fn, kwargs)
        self._keeps_labels = getattr(fn, "_keeps_labels", False)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if not self._keeps_labels and isinstance(y_pred, Tensor) and y_true.ndim != y_pred.ndim:
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)


def keeps_labels(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator for loss functions whose targets are integer labels: a ``Loss`` that wraps one does not convert them."""
    fn._keeps_labels = True  # type: ignore[attr-defined]
    return fn

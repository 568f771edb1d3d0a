"""Layers that make one tensor of several, and the same as functions: ``Add()([a, b])`` and ``add([a, b])``

x: a list of tensors of one shape (or of shapes that broadcast) -> that shape
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, ClassVar

from ... import ops
from ..base.layer import Layer, Shape


class Merge(Layer):
    """Base of the merge layers. A subclass defines ``_merge(inputs, masks)``, or the whole of ``call``.

    Inputs of different ranks get axes of length 1 after the batch, as many as they lack. The mask of the result is true
    where any mask of an input is, and there is none when an input has none.
    """

    supports_masking = True

    def __init__(self, **kwargs: Any) -> None:  # as the signature in Keras
        super().__init__(**kwargs)

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)  # raises for shapes that do not fit

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(self._not_a_list(inputs))
        if len({x.shape[:1] for x in inputs}) > 1:
            self.compute_output_shape([x.shape for x in inputs])  # raises: a batch of one would broadcast silently
        masks = [x._keras_mask for x in inputs]
        rank = max(x.ndim for x in inputs)
        same = [x if x.ndim == rank else ops.expand_dims(x, tuple(range(1, rank - x.ndim + 1))) for x in inputs]
        y = self._merge(same, masks)
        if any(m is not None for m in masks):
            y._keras_mask = self.compute_mask(inputs, masks)
        return y

    def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define _merge(inputs, masks)")

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        batches = {s[0] for s in shapes if s} - {None}
        if len(batches) > 1:
            raise ValueError(f"Cannot merge tensors with different batch sizes: got the shapes {shapes}")
        out: tuple[Any, ...] = ()
        for shape in shapes:
            out = self._broadcast(out, shape[1:], shapes)
        return (batches.pop() if batches else None, *out)

    def _shapes(self, input_shape: Any) -> list[tuple[Any, ...]]:
        if not isinstance(input_shape, (list, tuple)) or not all(isinstance(s, (list, tuple)) for s in input_shape):
            raise ValueError(self._not_a_list(input_shape))
        if not input_shape:
            raise ValueError(
                f"A `{type(self).__name__}` layer should be called on a list of at least 1 input, got none"
            )
        return [tuple(s) for s in input_shape]

    def _not_a_list(self, got: Any) -> str:
        got = f"a tensor of shape {got.shape}" if hasattr(got, "shape") else got
        return f"A `{type(self).__name__}` layer should be called on a list of inputs, got {got}: write layer([a, b])"

    def _broadcast(self, a: tuple[Any, ...], b: tuple[Any, ...], shapes: Any) -> tuple[Any, ...]:
        """The shape that two shapes (without the batch) broadcast to; an open size stays open."""
        a, b = (1,) * (len(b) - len(a)) + a, (1,) * (len(a) - len(b)) + b
        if any(m != n and 1 not in (m, n) and None not in (m, n) for m, n in zip(a, b)):
            raise ValueError(f"{type(self).__name__}: Inputs have incompatible shapes: {shapes} do not broadcast")
        return tuple(None if None in (m, n) else max(m, n) for m, n in zip(a, b))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        if any(m is None for m in mask):
            return None
        return reduce(ops.logical_or, mask)

    def _check_masks(self, inputs: Any, mask: Any) -> None:
        for name, value in (("mask", mask), ("inputs", inputs)):
            if not isinstance(value, (list, tuple)):
                raise ValueError(
                    f"{type(self).__name__}.compute_mask: `{name}` should be a list, one entry for each input, got "
                    f"{type(value).__name__}"
                )
        if len(mask) != len(inputs):
            raise ValueError(
                f"{type(self).__name__}.compute_mask: `inputs` and `mask` should have the same length, got {len(inputs)} and "
                f"{len(mask)}"
            )


def _over(mask: Any, x: Any) -> Any:
    """A mask of the steps of x as one that broadcasts over its features."""
    return ops.expand_dims(mask, tuple(range(mask.ndim, x.ndim))) if mask.ndim < x.ndim else mask


class Add(Merge):
    """The sum of the inputs."""

    def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
        return reduce(ops.add, inputs)


class Subtract(Merge):
    """The first input minus the second; it takes two."""

    def _shapes(self, input_shape: Any) -> list[tuple[Any, ...]]:
        shapes = super()._shapes(input_shape)
        if len(shapes) != 2:
            raise ValueError(f"A `Subtract` layer should be called on exactly 2 inputs, got {len(shapes)}: {shapes}")
        return shapes

    def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
        if len(inputs) != 2:
            raise ValueError(f"A `Subtract` layer should be called on exactly 2 inputs, got {len(inputs)}")
        return ops.subtract(*inputs)


class Multiply(Merge):
    """The product of the inputs. Where an input is masked it counts as 1; where all are, the result is 0."""

    def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
        y: Any = None
        for x, mask in zip(inputs, masks):
            x = x if mask is None else ops.where(_over(mask, x), x, 1)
            y = x if y is None else ops.multiply(y, x)
        if any(m is None for m in masks):
            return y
        return ops.where(_over(self.compute_mask(inputs, masks), y), y, 0)


class Average(Merge):
    """The mean of the inputs."""

    def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
        return reduce(ops.add, inputs) / len(inputs)


class _Extreme(Merge):
    """The larger or smaller of the inputs; where an input is masked the others decide."""

    op: ClassVar[Callable[..., Any]]

    def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
        y, known = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:]):
            if mask is not None:
                x = ops.where(_over(mask, x), x, y)
            if known is not None:
                y = ops.where(_over(known, y), y, x)
            known = None if known is None or mask is None else ops.logical_or(known, mask)
            y = type(self).op(y, x)
        return y


class Maximum(_Extreme):
    """The largest of the inputs, element by element. Where an input is masked the others decide."""

    op = ops.maximum


class Minimum(_Extreme):
    """The smallest of the inputs, element by element. Where an input is masked the others decide."""

    op = ops.minimum


class Concatenate(Merge):
    """The inputs joined along an axis (the last by default); their other sizes must agree.

    The mask of the result: along the joined axis, that of each input (true for one without a mask); joined along the
    features, true where any is.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(self._not_a_list(inputs))
        y = ops.concatenate(inputs, axis=self.axis)
        masks = [x._keras_mask for x in inputs]
        if any(m is not None for m in masks):
            y._keras_mask = self.compute_mask(inputs, masks)
        return y

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        rank = len(shapes[0])
        joined = self.axis % rank if -rank <= self.axis < rank else None
        if joined is None:
            raise ValueError(f"Concatenate: axis {self.axis} is out of range for the shapes {shapes}")
        out = list(shapes[0])
        for shape in shapes[1:]:
            compatible = len(shape) == rank and all(
                a == joined or None in (m, n) or m == n for a, (m, n) in enumerate(zip(out, shape))
            )
            if not compatible:
                raise ValueError(
                    f"A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis "
                    f"({self.axis}), got {shapes}"
                )
            for a, n in enumerate(shape):
                if a == joined:
                    out[a] = None if None in (out[a], n) else out[a] + n
                else:
                    out[a] = n if out[a] is None else out[a]
        return tuple(out)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        if all(m is None for m in mask):
            return None
        full = [
            ops.ones_like(x, dtype="bool")
            if m is None
            else ops.broadcast_to(_over(m, x), (*m.shape, *x.shape[m.ndim :]))
            for x, m in zip(inputs, mask)
        ]
        return ops.any(ops.concatenate(full, axis=self.axis), axis=-1)


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of the inputs (see ``Add``)."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first input minus the second (see ``Subtract``)."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of the inputs (see ``Multiply``)."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of the inputs (see ``Average``)."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The largest of the inputs (see ``Maximum``)."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of the inputs (see ``Minimum``)."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """The inputs joined along an axis (see ``Concatenate``)."""
    return Concatenate(axis=axis, **kwargs)(inputs)

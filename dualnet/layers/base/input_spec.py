"""InputSpec: what a layer expects of its inputs, checked before every call."""

from __future__ import annotations

from typing import Any

from ... import tree
from ...core.dtypes import standardize_dtype
from ...serialization.configurable import Configurable, attributes


class InputSpec(Configurable):
    """What the input of a layer has to be, for its attribute ``input_spec``.

    Args:
        dtype: its dtype.
        shape: its shape, with None for what is open.
        ndim, max_ndim, min_ndim: its number of axes.
        axes: lengths of single axes, {-1: 64}.
        allow_last_axis_squeeze: with ``shape``, whether a last axis of 1 may be there or missing.
        name: by which a dictionary of inputs has it.
        optional: whether None may come instead.

    Raises:
        ValueError: for an axis beyond ``ndim``.
    """

    _config_attributes = attributes(allow_last_axis_squeeze=None, name=None)  # as in Keras

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else standardize_dtype(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): length for axis, length in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional
        most = self.max_ndim if self.ndim is None else self.ndim
        if most is not None and self.axes and max(self.axes) >= most:
            raise ValueError(f"Axis {max(self.axes)} is greater than the maximum allowed value: {most - 1}")

    def __repr__(self) -> str:
        shown = {key: value for key, value in self.get_config().items() if value not in (None, {}, False)}
        return f"InputSpec({', '.join(f'{key}={value}' for key, value in shown.items())})"


def assert_input_compatibility(input_spec: Any, inputs: Any, layer_name: str) -> None:
    """Raise ``ValueError`` when ``inputs`` are not what ``input_spec`` (one spec, or a list or dictionary of them) says."""
    if not input_spec:
        return
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and all(spec.name is not None for spec in specs):
        missing = [spec.name for spec in specs if spec.name not in inputs]
        if missing:
            raise ValueError(
                f'Missing data for input "{missing[0]}" of layer {layer_name!r}. You passed a data dictionary with keys '
                f"{list(inputs)}. Expected the following keys: {[spec.name for spec in specs]}"
            )
        tensors = [inputs[spec.name] for spec in specs]
    else:
        tensors = tree.flatten(inputs)
    if len(tensors) != len(specs):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(tensors)} input tensors. '
            f"Inputs received: {tensors}"
        )
    for i, (x, spec) in enumerate(zip(tensors, specs)):
        if spec is None or (x is None and spec.optional):
            continue
        problem = _problem(x, spec)
        if problem:
            raise ValueError(f"Input {i} of layer '{layer_name}' is incompatible with the layer: {problem}")


def _problem(x: Any, spec: InputSpec) -> str | None:
    """What is wrong with one input, or None."""
    if x is None:
        return "expected a tensor, got None"
    shape = tuple(x.shape)
    if spec.shape is not None and spec.allow_last_axis_squeeze:
        if len(shape) == len(spec.shape) + 1 and shape[-1] == 1:
            shape = shape[:-1]
        elif len(shape) == len(spec.shape) - 1 and spec.shape[-1] == 1:
            shape = (*shape, 1)
    received = f". Full shape received: {tuple(x.shape)}"
    if spec.ndim is not None and len(shape) != spec.ndim:
        return f"expected ndim={spec.ndim}, found ndim={len(shape)}{received}"
    if spec.max_ndim is not None and len(shape) > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={len(shape)}{received}"
    if spec.min_ndim is not None and len(shape) < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={len(shape)}{received}"
    if spec.dtype is not None and str(x.dtype) != spec.dtype:
        return f"expected dtype={spec.dtype}, found dtype={x.dtype}"
    for axis, length in spec.axes.items():
        if not -len(shape) <= axis < len(shape) or (length is not None and shape[axis] not in (length, None)):
            return f"expected axis {axis} of input shape to have value {length}, but received input with shape {shape}"
    if spec.shape is not None and any(n not in (m, None) for n, m in zip(shape, spec.shape) if m is not None):
        return f"expected shape={spec.shape}, found shape={shape}"
    return None

"""The elements of a `Dataset`: NumPy arrays and numbers, nested in tuples and dictionaries.

As in tf.data, tuples and dictionaries are structure, while a list is an array. An element belongs to the pipeline: what a
user's function or generator returns is copied, so it may fill one buffer again and again (`own_element`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import config
from ..core.tensor import Tensor
from ..core.variables import Variable


class Element(np.ndarray):
    """A NumPy array with a `.numpy()` method, like the tensors of a tf.data pipeline."""

    def numpy(self) -> Any:
        """The array as a plain NumPy array, or as a scalar if it is 0-d."""
        return self.view(np.ndarray)[()]


class LazyRange:
    """A Python `range` that is indexed like an array, without being stored as one."""

    def __init__(self, numbers: range, dtype: Any) -> None:
        self.start, self.step, self.dtype = numbers.start, numbers.step, np.dtype(dtype)
        self.type, self.shape = self.dtype.type, (len(numbers),)

    def __getitem__(self, i: Any) -> Any:
        return self.type(self.start + self.step * i)


def map_leaves(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """Apply `function` to the leaves of one or more structures alike; the result has the same structure."""
    if isinstance(first, dict):
        for other in others:
            if not isinstance(other, dict) or other.keys() != first.keys():
                raise ValueError(f"expected a dictionary with {list(first)} again, got {describe(other)}")
        return type(first)((key, map_leaves(function, first[key], *(o[key] for o in others))) for key in first)
    if isinstance(first, tuple):
        for other in others:
            if not isinstance(other, tuple) or len(other) != len(first):
                raise ValueError(f"expected a tuple of {len(first)} again, got {describe(other)}")
        parts = [map_leaves(function, *part) for part in zip(first, *others)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    return function(first, *others)


def leaves(structure: Any) -> list[Any]:
    """The leaves from left to right."""
    if isinstance(structure, dict):
        return [leaf for part in structure.values() for leaf in leaves(part)]
    if isinstance(structure, tuple):
        return [leaf for part in structure for leaf in leaves(part)]
    return [structure]


def common_length(arrays: Any) -> int:
    """The length of the first axes of `Dataset.from_tensor_slices`."""
    lengths = []
    for leaf in leaves(arrays):
        if np.ndim(leaf) == 0:
            raise ValueError(f"from_tensor_slices slices along the first axis, and {leaf!r:.60} has none")
        lengths.append(len(leaf))
    if len(set(lengths)) != 1:
        raise ValueError(f"from_tensor_slices: the arrays must be of one length, got {lengths}")
    return lengths[0]


def as_element(structure: Any) -> Any:
    """The result of a user's function or generator, converted to NumPy arrays and scalars.

    Raises TypeError for anything but numbers and text.
    """
    return map_leaves(_as_leaf, structure)


def own_element(structure: Any) -> Any:
    """`as_element` in arrays of its own: whoever returned them may go on writing into theirs."""
    return map_leaves(_own_leaf, structure)


def _own_leaf(value: Any) -> Any:
    leaf = _as_leaf(value)
    return leaf.copy() if isinstance(leaf, np.ndarray) and not isinstance(leaf, np.memmap) else leaf


def returned_element(value: Any) -> Any:
    """What a user's function returned, as an element: a list of parts is a tuple, as in tf.data."""
    return own_element(tuple(value) if isinstance(value, list) else value)


def generated_element(value: Any) -> Any:
    """What a user's generator yielded, as an element.

    Raises TypeError for a list of arrays, which may be meant as a tuple or as one array.
    """
    if isinstance(value, list) and any(hasattr(part, "shape") for part in value):
        raise TypeError(
            f"the generator yielded a list of {len(value)}, and it is not clear whether it is one array or a tuple: yield "
            f"(x, y) for several parts, numpy.stack(...) for one array, or give from_generator an output_signature"
        )
    return own_element(value)


def _as_leaf(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        array = value.view(np.ndarray) if type(value) is Element else value
    elif isinstance(value, (np.generic, str, bytes)) or value is None:
        return value
    elif isinstance(value, (Tensor, Variable)):
        return value.numpy()
    elif hasattr(value, "get") and hasattr(value, "__cuda_array_interface__"):
        return value.get()
    elif hasattr(value, "to_numpy"):
        array = value.to_numpy()
    else:
        array = _from_python(value)
    if array.dtype.kind == "U":
        return array.astype(object)  # texts of any length, without padding
    if array.dtype.kind == "O" and not all(isinstance(item, (str, bytes)) for item in array.flat):
        raise TypeError(
            f"expected numbers or text, got a {type(value).__name__} of objects or of rows of different lengths: "
            "make the rows equal first, for example with dualnet.utils.pad_sequences"
        )
    return array[()] if array.ndim == 0 else array


def _from_python(value: Any) -> Any:
    """Numbers and lists of them, with the dtypes of tf.data: int32 (int64 where needed) and `floatx()`."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(f"expected numbers of one shape, got a list that is ragged ({error})") from None
    if _has_dtype(value):
        return array
    if array.dtype == np.float64:
        return array.astype(config.floatx())
    if array.dtype == np.int64 and (array.size == 0 or (array.min() >= -(2**31) and array.max() < 2**31)):
        return array.astype(np.int32)
    return array


def _has_dtype(value: Any) -> bool:
    """Whether a nested list contains values that have a dtype."""
    if isinstance(value, (list, tuple)):
        return bool(value) and _has_dtype(value[0])
    return hasattr(value, "dtype") or hasattr(value, "__array_interface__")


def as_output(structure: Any) -> Any:
    """An element as iteration yields it: arrays with a `.numpy()` method."""

    def wrap(leaf: Any) -> Any:
        if leaf is None or hasattr(leaf, "as_numpy_iterator"):  # a window is a dataset
            return leaf
        return np.asarray(leaf, object if isinstance(leaf, (str, bytes)) else None).view(Element)

    return map_leaves(wrap, structure)


def read_only(structure: Any) -> Any:
    """Read-only views, for elements that are yielded repeatedly."""

    def protect(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            leaf = leaf.view()
            leaf.flags.writeable = False
        return leaf

    return map_leaves(protect, structure)


def stack(elements: list[Any]) -> Any:
    """Stack elements of the same structure along a new first axis."""
    return map_leaves(_stack_leaves, *elements)


def _stack_leaves(*values: Any) -> Any:
    first = values[0]
    if first is None:
        return None
    if isinstance(first, (str, bytes)):
        return np.array(values, object)
    shapes = {np.shape(value) for value in values}
    if len(shapes) > 1:
        raise ValueError(
            f"batch: the elements have different shapes, {' and '.join(map(str, sorted(shapes)[:2]))}: make them equal "
            "first with map, for example by padding or resizing"
        )
    return np.stack(values)


def positive(name: str, value: Any) -> None:
    """Raise ValueError unless an argument is a positive whole number."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"{name} must be a positive whole number, got {value!r}")


def describe(structure: Any) -> str:
    """The structure of an element, for error messages."""
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{key!r}: {describe(part)}" for key, part in structure.items()) + "}"
    if isinstance(structure, tuple):
        return "(" + ", ".join(map(describe, structure)) + ")"
    if isinstance(structure, (np.ndarray, np.generic)):
        return f"{structure.dtype}{list(structure.shape)}"
    return type(structure).__name__

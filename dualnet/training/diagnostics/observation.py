"""Seeing what layers are called with and what they return, in one step."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dualnet_backends as backends

from ... import tree
from ...core.tensor import Array, Tensor
from ...graph.trial import is_trial
from ...layers.base.layer import Layer
from ...layers.core.dense import InputLayer

Found = tuple[str, str] | None  # (problem, remedy), of a check
Finding = tuple[str, str, str]  # (check, problem, remedy)
Watch = Callable[[Layer, list[Tensor], Any], None]  # (layer, the tensors it was called with, what it returned)
SAMPLES = 256  # of a batch that are looked at


@contextmanager
def observed(model: Any, watch: Watch) -> Iterator[None]:
    """Inside the block, call ``watch`` after each call of the model and of the layers in it, innermost first."""

    def spy(layer: Layer) -> Callable[..., Any]:
        original = layer.call

        @functools.wraps(original)  # some wrappers of layers look at its signature
        def call(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if not is_trial():
                watch(layer, tensors([args, kwargs]), result)
            return result

        return call

    layers = [x for x in model._flatten_layers() if "call" not in vars(x) and not isinstance(x, InputLayer)]
    for layer in layers:
        object.__setattr__(layer, "call", spy(layer))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def tensors(structure: Any) -> list[Tensor]:
    """The tensors in a structure."""
    return [x for x in tree.flatten(structure) if isinstance(x, Tensor)]


def sample(x: Tensor) -> Array:
    """The first samples of a batch, on the host."""
    return backends.of(x.data).to_numpy(x.data[:SAMPLES] if x.ndim else x.data)


def is_finite(array: Array) -> bool:
    """Whether all numbers are finite. It waits for the device."""
    return array.dtype.kind not in "fc" or bool(backends.of(array).xp.isfinite(array).all())


def largest(array: Array) -> float:
    """The largest absolute value. It waits for the device."""
    return float(abs(array).max()) if array.size and array.dtype.kind in "fiu" else 0.0

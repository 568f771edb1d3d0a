"""Random data that fits a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import losses, tree
from ..core.dtypes import is_float
from ..layers.core.embedding import Embedding

_LENGTH = 8  # of an axis that may have any length


def random_data(model: Any, n: int, seed: int = 0) -> tuple[Any, Any]:
    """n samples and their labels, as NumPy arrays in the structure of the inputs and outputs of a model; labels of the kind that its
    loss takes.

    Raises ``ValueError`` for a model whose inputs are not known, or are text.
    """
    if model._graph is None:
        raise ValueError(
            f"the inputs of model {model.name!r} are not known before it is called: give it an Input, or give data"
        )
    if model._takes_text():
        raise ValueError(f"model {model.name!r} takes text: give data")
    rng = np.random.default_rng(seed)
    sizes = [layer.input_dim for layer in model._flatten_layers() if isinstance(layer, Embedding)]

    def sample(spec: Any) -> Any:
        shape = (n, *(_LENGTH if d is None else d for d in spec.shape[1:]))
        if not sizes and is_float(spec.dtype):
            return rng.standard_normal(shape).astype(spec.dtype)
        ids = rng.integers(0, min(sizes, default=2), shape)  # an embedding takes ids, also as floats
        return ids.astype(spec.dtype)

    x = tree.map_structure(sample, model._graph.inputs)
    specs = model._compile_arguments.get("loss")
    outputs = tree.flatten(model._graph.outputs)
    kinds = list(specs.values()) if isinstance(specs, dict) else specs
    kinds = kinds if isinstance(kinds, (list, tuple)) else [kinds] * len(outputs)
    labels = iter([_labels(rng, output, kind, n) for output, kind in zip(outputs, kinds)])
    return x, tree.map_structure(lambda _: next(labels), model._graph.outputs)


def _labels(rng: Any, output: Any, kind: Any, n: int) -> Any:
    """Labels for one output: classes, one-hot classes, 0 or 1, or numbers."""
    shape = (n, *(_LENGTH if d is None else d for d in output.shape[1:]))
    loss = losses.get(kind) if kind is not None else None
    function = getattr(loss, "fn", loss)
    if function is losses.sparse_categorical_crossentropy:
        return rng.integers(0, shape[-1], shape[:-1])
    ids = rng.integers(0, shape[-1] if shape[-1] > 1 else 2, shape[:-1])
    if function is losses.categorical_crossentropy:
        return np.eye(shape[-1], dtype="float32")[ids]
    if function is losses.binary_crossentropy:
        return rng.integers(0, 2, shape).astype("float32")
    return rng.random(shape).astype("float32")

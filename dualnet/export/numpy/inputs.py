"""What a model takes: its inputs, and samples of them to record it on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import dualnet_backends as backends
import numpy as np

from ... import tree
from ...core.symbolic import KerasTensor
from ...core.tensor import Tensor
from ...layers.preprocessing.text.lookup import StringLookup
from ...layers.preprocessing.text.text_vectorization import TextVectorization
from ..errors import ExportError

BATCHES = (3, 5, 4)  # sizes of the batch in the recordings
LENGTHS = ((7, 11, 9), (32, 48, 40), (96, 160, 128))  # of other axes of no fixed size: the first that the model takes
WORDS = ("the cat", "a dog!", "unseen", "", "x1 y2", "The End", "b")


def signature(model: Any, given: Any = None) -> Any:
    """The symbolic inputs of a model, in their structure.

    given: a shape and a dtype for each input, where the model does not know them.
    """
    if given is not None:
        return tree.map_structure(lambda s: KerasTensor(tuple(s.shape), str(s.dtype or "float32")), given)
    if getattr(model, "_graph", None) is not None:
        return model._graph.inputs
    shape = getattr(model, "_build_shape", None)
    if not getattr(model, "built", False) or shape is None:
        raise ExportError(
            f"the model {model.name!r} has no known input: call it on data once, or pass input_signature= with the shape and dtype of "
            "each input"
        )
    return tree.map_shape_structure(lambda s: KerasTensor((None, *tuple(s)[1:]), "float32"), shape)


def names_of(inputs: Any) -> list[tuple[str, tuple[Any, ...], KerasTensor]]:
    """(name, path in the structure, symbolic tensor) of each input."""
    if isinstance(inputs, dict):
        return [(str(k), (k, *path), x) for k, v in inputs.items() for _, path, x in names_of(v)]
    if isinstance(inputs, (list, tuple)):
        return [(name, (i, *path), x) for i, v in enumerate(inputs) for name, path, x in names_of(v)]
    return [(inputs.name, (), inputs)]


def open_axes(inputs: Sequence[KerasTensor]) -> dict[tuple[int, int], str]:
    """(input, axis) -> the name of its size, for the axes of no fixed size.  The first axis of all inputs is one, the batch."""
    names: dict[tuple[int, int], str] = {}
    for i, x in enumerate(inputs):
        for axis, size in enumerate(x.shape):
            if size is None:
                names[i, axis] = "batch" if axis == 0 else _free(_axis_name(len(x.shape), axis), names)
    return names


def _axis_name(rank: int, axis: int) -> str:
    if rank == 4 and axis in (1, 2):
        return ("height", "width")[axis - 1]
    return "steps" if axis == 1 else "size"


def _free(name: str, names: dict[tuple[int, int], str]) -> str:
    taken, count, unique = set(names.values()), 1, name
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    return unique


def samples(model: Any, inputs: Sequence[KerasTensor], run: int, lengths: Sequence[int]) -> Iterator[list[Tensor]]:
    """Inputs to record a model on, of several kinds: ids where it wants ids."""
    axes = open_axes(inputs)
    for kind in ("normal", "whole", "zeros"):
        random, words = np.random.default_rng(run), _words(model)
        result = []
        for i, x in enumerate(inputs):
            order = list(dict.fromkeys(axes.values()))
            shape = []
            for axis, n in enumerate(x.shape):
                name = axes.get((i, axis))
                position = order.index(name) if name else 0
                size = BATCHES[run] if name == "batch" else lengths[run] + position if name else n
                shape.append(size)
            result.append(_sample(random, tuple(shape), str(x.dtype), kind, words))
        yield result


def _sample(random: Any, shape: tuple[int, ...], dtype: str, kind: str, words: Sequence[str]) -> Tensor:
    if dtype in ("string", "object"):
        return Tensor(random.choice(np.array(words, dtype=object), shape).astype(object))
    if dtype == "bool":
        array = random.random(shape) < 0.5
    elif kind == "zeros":
        array = np.zeros(shape)
    elif kind == "whole" or not dtype.startswith(("float", "bfloat")):
        array = random.integers(0, 2, shape)
    else:
        array = random.normal(size=shape)
    return Tensor(backends.current().asarray(array.astype(dtype)))


def _words(model: Any) -> list[str]:
    """Strings that the layers of a model know, and some that they do not."""
    words = list(WORDS)
    for layer in model._flatten_layers():
        lookup = getattr(layer, "_lookup_layer", layer)
        if isinstance(layer, (StringLookup, TextVectorization)) and lookup._vocabulary.terms:
            terms = [str(t) for t in lookup._vocabulary.terms[:20]]
            if not lookup.num_oov_indices:
                return terms
            words += terms
    return words

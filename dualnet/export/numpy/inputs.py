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

RUNS = 4  # recordings of a model, the last of them only to check the program on
BATCHES = (2, 5, 3, 4)  # sizes of the batch in the recordings
# Sizes of the other axes of no fixed size, as no formula of one makes the other: short ones, those of images, and very short ones.
LENGTHS = (
    ((7, 12, 20, 9), (9, 17, 13, 11), (11, 10, 23, 16), (14, 8, 15, 19)),
    ((32, 48, 96, 64), (40, 96, 56, 72), (64, 56, 128, 80), (96, 80, 72, 64)),
    ((3, 4, 7, 5), (4, 7, 5, 6), (5, 4, 8, 3), (6, 3, 4, 7)),
)
WORDS = ("the cat", "a dog!", "unseen", "", "x1 y2", "The End", "b")


def signature(model: Any, given: Any = None) -> Any:
    """The symbolic inputs of a model, in their structure.

    given: a shape and a dtype for each input, where the model does not know them.
    """
    graph = getattr(model, "_graph", None)
    if given is not None:
        symbols = [KerasTensor(tuple(s.shape), str(s.dtype or "float32")) for s in tree.flatten(given)]
        if graph is not None:
            expected = len(tree.flatten(graph.inputs))
            if len(symbols) != expected:
                raise ValueError(
                    f"input_signature has {len(symbols)} inputs, the model {model.name!r} takes {expected}"
                )
            return tree.pack_sequence_as(graph.inputs, symbols)
        if isinstance(given, (list, tuple)) and len(given) == 1:  # as in Keras, the arguments of the call
            return symbols[0]
        return tree.pack_sequence_as(given, symbols)
    if graph is not None:
        return graph.inputs
    shape = getattr(model, "_build_shape", None)
    if not getattr(model, "built", False) or shape is None:
        raise ExportError(
            f"the model {model.name!r} has no known input: call it on data once, or pass input_signature= with the shape and dtype of "
            "each input"
        )
    return tree.map_shape_structure(lambda s: KerasTensor((None, *tuple(s)[1:]), "float32"), shape)


def names_of(inputs: Any) -> list[tuple[str, tuple[Any, ...], KerasTensor]]:
    """(name, path in the structure, symbolic tensor) of each input, in the order of ``tree.flatten``."""
    return [
        (str(path[-1]) if path and isinstance(path[-1], str) else x.name, tuple(path), x)
        for path, x in tree.flatten_with_path(inputs)
    ]


Axes = dict[tuple[int, int], str]  # (input, axis) -> the name of its size, for the axes of no fixed size


def open_axes(inputs: Sequence[KerasTensor]) -> Iterator[Axes]:
    """The names of the sizes that are not fixed, where axes have a size in common that have one name.

    The first axes of all inputs are the batch. The other sizes are all different, or else alike where their axes have the same number.
    """
    for by_axis in (False, True):
        names: Axes = {}
        for i, x in enumerate(inputs):
            for axis, size in enumerate(x.shape):
                if size is None:
                    name = "batch" if axis == 0 else _axis_name(len(x.shape), axis)
                    names[i, axis] = name if axis == 0 or by_axis else _free(name, names)
        yield names


def _axis_name(rank: int, axis: int) -> str:
    if rank == 4 and axis in (1, 2):
        return ("height", "width")[axis - 1]
    return "steps" if axis == 1 else "size"


def _free(name: str, names: Axes) -> str:
    taken, count, unique = set(names.values()), 1, name
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    return unique


def samples(model: Any, inputs: Sequence[KerasTensor], axes: Axes, run: int, lengths: Any) -> Iterator[list[Tensor]]:
    """Inputs to record a model on, of several kinds: ids where it wants ids."""
    sizes = {
        name: lengths[i % len(lengths)][run]
        for i, name in enumerate(n for n in dict.fromkeys(axes.values()) if n != "batch")
    }
    sizes["batch"] = BATCHES[run]
    for kind in ("normal", "whole", "zeros"):
        random, words = np.random.default_rng(run), _words(model)
        shapes = [
            tuple(sizes[axes[i, a]] if n is None else n for a, n in enumerate(x.shape)) for i, x in enumerate(inputs)
        ]
        yield [_sample(random, shape, str(x.dtype), kind, words) for shape, x in zip(shapes, inputs)]


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

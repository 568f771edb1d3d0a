"""The inputs of a model, and invented data for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import tree
from ..core.dtypes import is_float
from ..core.tensor import Tensor
from ..core.text import DTYPE as TEXT
from ..layers.preprocessing.text.lookup import StringLookup
from ..layers.preprocessing.text.text_vectorization import TextVectorization
from .errors import ExportError

# What stands for unknown sizes in the three passes, and in a fourth batch, which shows whether what was found holds: the batch, then other
# axes, for which several are tried. Those of images can be halved five times, and at each time some of them are even and some odd, which
# tells half of a size from the size of what was halved; then come multiples of 32, for networks that take no others. Later axes get
# larger ones, so that no two are alike.
_BATCH = (2, 3, 5, 1)
_SEQUENCES = (
    ((6, 11, 13, 9), 5),
    ((3, 4, 6, 5), 1),
    ((64, 96, 160, 128), 32),
)  # (sizes, by how much those of the next axis are larger)
_IMAGES = (((64, 101, 163, 87), 8), ((64, 96, 160, 128), 32), ((224, 256, 352, 288), 32), ((6, 11, 13, 9), 5))

# The data that is tried. It differs from pass to pass, so that what is computed from it outside of the ops shows. Whole numbers are
# no larger than 1, as they may be indices, and so may be floating point ones.
DATA = ("any", "whole", "zeros")
_WORDS = ("the cat", "a dog!", "unseen", "", "x1 y2", "The End", "b")
_LENGTHS = (4, 6, 7, 5)  # of the longest text of a batch, in words


@dataclass(frozen=True)
class InputSpec:
    """What an input is like. shape: None for a size that is not known."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def signature_of(model: Any, given: Any, dtype: str) -> Any:
    """The inputs as ``InputSpec``s in the structure that the model is called with. dtype: of inputs whose dtype is not known."""
    graph = getattr(model, "_graph", None)
    known = graph.inputs if graph is not None else None
    if given is None and known is None:
        shape = getattr(model, "_build_shape", None)
        if shape is None:
            raise ExportError(
                f"export: the inputs of model {model.name!r} are not known before it is called: call it on data, or pass "
                "input_signature="
            )
        guess = dtype or getattr(model, "compute_dtype", "float32")
        given = tree.map_shape_structure(lambda s: InputSpec("", tuple(s), guess), shape)
    elif given is None:
        given = known
    elif isinstance(given, (list, tuple)) and len(given) == 1 and known is None and hasattr(given[0], "shape"):
        given = given[0]
    names = [] if known is None else [x._keras_history.operation.name for x in tree.flatten(known)]
    flat = tree.flatten(given)
    if known is not None and len(flat) != len(names):
        raise ValueError(f"export: input_signature is of {len(flat)} inputs, the model {model.name!r} has {len(names)}")
    if known is not None:
        given = tree.pack_sequence_as(known, flat)
    paths = ["_".join(map(str, path)) for path, _ in tree.flatten_with_path(given)]
    if not names:
        names = (
            ["inputs"] if len(flat) == 1 and paths[0] == "" else [f"inputs_{p}" if p.isdigit() else p for p in paths]
        )
    specs = []
    for name, x in zip(names, flat):
        if getattr(x, "shape", None) is None:
            raise ValueError(
                f"export: input_signature needs a shape for {name!r}, such as keras.InputSpec(shape=(None, 8))"
            )
        specs.append(InputSpec(name, tuple(x.shape), str(getattr(x, "dtype", None) or dtype or "float32")))
    return tree.pack_sequence_as(given, specs) if tree.is_nested(given) and not hasattr(given, "shape") else specs[0]


def size_assignments(specs: list[InputSpec]) -> Iterator[dict[tuple[int, int], tuple[int, ...]]]:
    """Sizes for the unknown axes, (input, axis) -> one for each pass: first all different, then alike at the same axis, then alike."""
    unknown = [(i, axis) for i, s in enumerate(specs) for axis, n in enumerate(s.shape) if n is None]
    batch = [key for key in unknown if key[1] == 0]
    others = [key for key in unknown if key[1] != 0]
    fixed: dict[tuple[int, int], tuple[int, ...]] = dict.fromkeys(batch, _BATCH)
    if not others:
        yield fixed
        return
    images = any(len(specs[i].shape) >= 4 for i, _ in others)
    seen: list[dict[tuple[int, int], tuple[int, ...]]] = []
    groupings: tuple[Callable[[tuple[int, int]], Any], ...] = (lambda key: key, lambda key: key[1], lambda key: 0)
    for base, step in _IMAGES if images else _SEQUENCES:
        for group in groupings:
            groups = list(dict.fromkeys(map(group, others)))
            larger = {key: step * groups.index(group(key)) for key in others}
            sizes = {key: tuple(n + larger[key] * k for n, k in zip(base, (1, 2, 3, 2))) for key in others}
            if sizes not in seen:
                seen.append(sizes)
                yield fixed | sizes


def words_of(model: Any) -> list[str]:
    """Strings that the layers of a model know, and some that they do not."""
    words = list(_WORDS)
    for layer in model._flatten_layers():
        lookup = getattr(layer, "_lookup_layer", layer)
        if isinstance(layer, (StringLookup, TextVectorization)) and lookup._vocabulary.terms:
            terms = [str(t) for t in lookup._vocabulary.terms[:20]]
            if not lookup.num_oov_indices:
                return terms
            words += terms
    return words


def invented(
    spec: InputSpec, shape: tuple[int, ...], sample: int, random: Any, data: str, words: list[str], backend: Any
) -> Tensor:
    """Data for an input of one of the passes.

    Args:
        sample: which pass.
        random: the generator of the pass.
        data: one of ``DATA``.
        words: what texts are drawn from.
    """
    if spec.dtype in (TEXT, "object"):
        texts = random.choice(np.array(words, dtype=object), shape).astype(object)
        if texts.size and set(_WORDS) <= set(words):
            texts.flat[0] = " ".join(["a"] * _LENGTHS[sample])
        return Tensor(texts)
    if spec.dtype == "bool":
        array = random.random(shape) < 0.5
    elif data == "zeros":
        array = np.zeros(shape)
    elif data == "whole" or not is_float(spec.dtype):
        array = random.integers(0, 2, shape)
    else:
        array = random.normal(size=shape)
    return Tensor(backend.asarray(array).astype(spec.dtype))

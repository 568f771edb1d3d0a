"""The rows of the layer table as models: their inputs, masks and the arrays of the call are all inputs of the model."""

from __future__ import annotations

from typing import Any

from dualnet import tree
from dualnet.core.tensor import Tensor
from tests.layers.cases import Case
from tests.layers.harness import make, random_weights, tensors

from .running import Calling


def model_of(row: Case) -> tuple[Calling, list[Any]]:
    """A model that calls the layer of a row, with random weights, and arrays for its inputs."""
    inputs, call = tensors(row)
    call = {name: value for name, value in call.items() if name != "training"}
    masks = [x._keras_mask for x in inputs]
    leaves = tree.flatten(call)
    positions = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
    layer = make(row)

    def function(tensors: list[Any]) -> Any:
        rest = iter(tensors[len(inputs) :])
        xs = tensors[: len(inputs)]
        for x, mask in zip(xs, masks):
            x._keras_mask = None if mask is None else next(rest)
        values = list(leaves)
        for i in positions:
            values[i] = next(rest)
        return layer(*row.arguments(xs), **tree.pack_sequence_as(call, values))

    arrays = [x.numpy() for x in (*inputs, *(m for m in masks if m is not None), *(leaves[i] for i in positions))]
    function([Tensor(a) for a in arrays])
    layer.set_weights(random_weights(row, layer.get_weights()))
    return Calling(function, [layer]), arrays


def has_batch(row: Case, arrays: list[Any]) -> bool:
    """Whether the first axis is that of the batch, and not an image or a signal alone, or a cell's list of states."""
    alone = arrays[0].ndim == {True: 3, False: 1}[row.layer in IMAGES]
    return len({len(a) for a in arrays if a.ndim}) == 1 and not alone


IMAGES = (
    "CenterCrop", "RandomCrop", "Resizing", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomShear",
)  # fmt: skip

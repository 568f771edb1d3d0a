"""The forward pass of a model as data, for any size of the batch: ``trace``.

The model runs in inference on three batches of invented data, which differ in every size that is not known (the batch, the number of
steps, ...), and each pass is recorded (``recorder.py``). What is the same in all three is part of the program; a number that is not is
a ``Size``, which follows from the shape of a tensor (``sizes.py``). So nothing is baked in that held for one batch only: where the
passes differ in more than that, say in the number of ops because a loop runs once for each step, the model is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dualnet_backends as backends
import numpy as np

from .. import tree
from ..core.tensor import Tensor
from ..core.tracing import no_grad
from .errors import ExportError
from .inputs import DATA, InputSpec, invented, signature_of, size_assignments, words_of
from .merging import common_calls
from .program import Call, described
from .recorder import ON_THE_HOST, Recorder

PASSES = 3


@dataclass
class Trace:
    """What a model computes.

    Attributes:
        model: the model.
        signature: an ``InputSpec`` for each input, in the structure that the model is called with.
        sizes: of the axes that are not known, (input, axis) -> the size in each pass, and in one batch more.
        data: the kind of data that the passes ran on, one of ``DATA``.
        passes: the recorded passes. The values of all have the same numbers.
        calls: what they have in common, in the order they ran.
        outputs: what the model returned, with the numbers of values in the place of tensors.
    """

    model: Any
    signature: Any
    sizes: dict[tuple[int, int], tuple[int, ...]]
    data: str
    passes: list[Recorder]
    calls: list[Call]
    outputs: Any

    @property
    def specs(self) -> list[InputSpec]:
        return list(tree.flatten(self.signature))

    def inputs(self, sample: int) -> list[Tensor]:
        """The inputs of a pass, by its number; after the last pass those of a batch of yet other sizes."""
        return _inputs(self.model, self.specs, self.sizes, sample, self.data)

    def packed(self, inputs: list[Any]) -> Any:
        """A list of all inputs in the structure that the model is called with."""
        return inputs[0] if isinstance(self.signature, InputSpec) else tree.pack_sequence_as(self.signature, inputs)


def trace(model: Any, input_signature: Any = None, keep: bool = False) -> Trace:
    """Trace a model's prediction. Nothing is changed in the model.

    Args:
        model: a model, or a layer that was called before.
        input_signature: the shape and dtype of each input, in the structure of the inputs; by default those of the model.
        keep: whether to keep the arrays of all values of the first pass.

    Raises:
        ExportError: what it computes is not made of ops alone, or depends on sizes in a way that no trace can say, or the inputs are not
            known.
    """
    signatures = [signature_of(model, input_signature, dtype) for dtype in ("", "int32")]
    first_error: Exception | None = None
    for signature in signatures if signatures[0] != signatures[1] else signatures[:1]:
        for sizes in size_assignments(tree.flatten(signature)):
            for data in DATA:
                try:
                    return _traced(model, signature, sizes, data, keep)
                except Exception as error:  # other data may fit: the first error is the one to tell
                    first_error = first_error or error
                    if isinstance(error, ExportError):
                        break
    assert first_error is not None
    if isinstance(first_error, ExportError):
        raise first_error
    raise ExportError(
        f"the model {model.name!r} does not run on invented data of its inputs: {first_error}"
    ) from first_error


def _traced(model: Any, signature: Any, sizes: dict[tuple[int, int], tuple[int, ...]], data: str, keep: bool) -> Trace:
    found = Trace(model, signature, sizes, data, [], [], None)
    host_layers = [layer for layer in model._flatten_layers() if isinstance(layer, ON_THE_HOST)]
    outputs = []
    with backends.device(_backend(model).device), no_grad(), np.errstate(all="ignore"):
        for sample in range(PASSES if sizes else PASSES - 1):
            tensors = found.inputs(sample)
            recorder = Recorder(tensors, keep and sample == 0)
            y = recorder.run(_predict, model, found.packed(tensors), host_layers=host_layers)
            for part in tree.flatten(y):
                if not isinstance(part, Tensor):
                    raise ExportError(
                        f"{described([model])} returns something that is no tensor ({type(part).__name__})"
                    )
            outputs.append(tree.map_structure(recorder.number, y))
            found.passes.append(recorder)
    found.calls = common_calls([p.calls for p in found.passes])
    if any(numbers != outputs[0] for numbers in outputs):
        raise ExportError(
            f"model {model.name!r}: the outputs do not come from the same ops for every size of the inputs"
        )
    found.outputs = outputs[0]
    return found


def _predict(model: Any, inputs: Any) -> Any:
    return model(inputs, training=False)


def _backend(model: Any) -> Any:
    return model._backend() if hasattr(model, "_backend") else backends.current()


def _inputs(
    model: Any, specs: list[InputSpec], sizes: dict[tuple[int, int], tuple[int, ...]], sample: int, data: str
) -> list[Tensor]:
    words, random = words_of(model), np.random.default_rng(sample)
    tensors = []
    for i, spec in enumerate(specs):
        shape = tuple(sizes[i, axis][sample] if n is None else n for axis, n in enumerate(spec.shape))
        tensors.append(invented(spec, shape, sample, random, data, words, _backend(model)))
    return tensors

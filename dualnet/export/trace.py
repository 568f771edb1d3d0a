"""The forward pass of a model as data, for any size of the batch: ``trace_forward``.

The model runs in inference on three batches of invented data, which differ in every size that is not known (the batch, the number of
steps, ...), and each pass is recorded (``recorder.py``). What is the same in all three is part of the program; a number that is not is
a ``Size``, which follows from the shape of a tensor (``sizes.py``). So nothing is baked in that held for one batch only: where the
passes differ in more than that, say in the number of ops because a loop runs once for each step, the model is refused.

What depends on no input is computed here, once: the cast of a weight to float16, a table of positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends
import numpy as np

from .. import tree
from ..core.tracing import no_grad
from .errors import ExportError
from .inputs import DATA, InputSpec, invented, signature_of, size_assignments
from .merging import common_calls, common_values
from .program import ForwardTrace
from .recorder import Recorder


def trace_forward(model: Any, input_signature: Any = None) -> ForwardTrace:
    """Trace a model's prediction. Nothing is changed in the model.

    Args:
        model: a model, or a layer that was called before.
        input_signature: the shape and dtype of each input, in the structure of the inputs; by default those of the model.

    Raises:
        ExportError: what it computes is not made of ops alone, or depends on sizes in a way that no trace can say.
        ValueError: the inputs are not known.
    """
    signatures = [signature_of(model, input_signature, dtype) for dtype in ("", "int32")]
    first_error: Exception | None = None
    for signature in signatures if signatures[0] != signatures[1] else signatures[:1]:
        specs = tree.flatten(signature)
        for sizes in size_assignments(specs):
            for data in DATA:
                try:
                    return _traced(model, signature, specs, sizes, data)
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


def _traced(
    model: Any, signature: Any, specs: list[InputSpec], sizes: dict[tuple[int, int], tuple[int, ...]], data: str
) -> ForwardTrace:
    backend = model._backend() if hasattr(model, "_backend") else backends.current()
    host_layers = [layer for layer in model._flatten_layers() if _computes_on_the_host(layer)]
    count = 3 if sizes else 2  # with other data
    passes, outputs = [], []
    with backends.device(backend.device), no_grad(), np.errstate(all="ignore"):
        for sample in range(count):
            tensors = []
            for i, spec in enumerate(specs):
                shape = tuple(sizes[i, axis][sample] if n is None else n for axis, n in enumerate(spec.shape))
                tensors.append(invented(spec, shape, sample, data, backend))
            recorder = Recorder(tensors)
            packed = tree.pack_sequence_as(signature, tensors) if not isinstance(signature, InputSpec) else tensors[0]
            y = recorder.run(_predict, model, packed, host_layers=host_layers)
            outputs.append([recorder.number(t) for t in tree.flatten(y)])
            passes.append(recorder)
    calls = common_calls([p.calls for p in passes])
    if any(numbers != outputs[0] for numbers in outputs):
        raise ExportError(
            f"model {model.name!r}: the outputs do not come from the same ops for every size of the inputs"
        )
    values = common_values(passes, calls, outputs[0])
    inputs = {}
    for i, name in enumerate(_distinct([spec.name for spec in specs])):
        values[i].name, inputs[name] = name, i
    named = dict(zip(_distinct(_output_names(model, y), inputs), outputs[0]))
    trace = ForwardTrace(values, calls, inputs, named)
    outside = {*inputs.values(), *(number for call in calls for number in call.outputs)}
    for i in sorted(outside):
        if values[i].kind in ("input", "result"):
            trace.sizes.add(i, values[i].shape)
    return trace


def _predict(model: Any, inputs: Any) -> Any:
    return model(inputs, training=False)


def _computes_on_the_host(layer: Any) -> bool:
    """Whether a layer reads or writes text."""
    kind = type(layer).__name__
    return kind in ("TextVectorization", "StringLookup", "Hashing", "HashedCrossing")


def _output_names(model: Any, outputs: Any) -> list[str]:
    names = model._output_names() if hasattr(model, "_output_names") else None
    flat = tree.flatten(outputs)
    if names is not None and len(names) == len(flat):
        return names
    paths = ["_".join(map(str, path)) for path, _ in tree.flatten_with_path(outputs)]
    return ["output"] if paths == [""] else [f"output_{p}" if p.isdigit() else p for p in paths]


def _distinct(names: Sequence[str], taken: Any = ()) -> list[str]:
    """The names, with a number after those that were there before."""
    result: list[str] = []
    for name in names:
        unique, i = name, 0
        while unique in result or unique in taken:
            i += 1
            unique = f"{name}_{i}"
        result.append(unique)
    return result

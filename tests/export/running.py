"""Run what was exported, and compare with the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet import tree
from dualnet.core.tensor import Tensor
from dualnet.export.onnx.writer import DEFAULT_OPSET, to_onnx
from dualnet.layers import InputSpec
from dualnet.models import Model


class Calling(Model):
    """A model that calls a function of a list of tensors, such as a layer with its arguments."""

    def __init__(self, function: Any, layers: Any = ()) -> None:
        super().__init__()
        self.function = function
        self.inside = list(layers)

    def call(self, inputs: Any) -> Any:
        return self.function(list(inputs) if isinstance(inputs, (list, tuple)) else [inputs])


def run_onnx(proto: Any, inputs: list[Any]) -> list[Any]:
    """The outputs of ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs)))


def signature(inputs: list[Any], batch: bool = True) -> list[InputSpec]:
    """What the inputs are like; with ``batch`` the first axis is open."""
    return [
        InputSpec(
            shape=(None, *x.shape[1:]) if batch and x.ndim else x.shape,
            dtype="string" if x.dtype.kind in "OU" else str(x.dtype),
        )
        for x in inputs
    ]


def more(x: Any) -> Any:
    """A batch with a sample more."""
    return np.concatenate([x, x[:1]]) if x.ndim else x


def outputs_of(model: Any, inputs: list[Any]) -> list[Any]:
    """What the model gives in inference."""
    tensors = [Tensor(x) for x in inputs]
    y = model(tensors if len(tensors) > 1 else tensors[0], training=False)
    return [v.numpy() for v in tree.flatten(y)]


def compare(
    model: Any,
    inputs: list[Any],
    batch: bool = True,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    opset: int = DEFAULT_OPSET,
) -> float:
    """Export a model of a list of inputs, run it on two batches, and compare. Returns the largest difference."""
    expected = outputs_of(model, inputs)  # which also builds it
    proto = to_onnx(model, signature(inputs, batch), opset)
    largest = 0.0
    for arrays in (inputs, [more(x) for x in inputs]) if batch else (inputs,):
        if arrays is not inputs:
            expected = outputs_of(model, arrays)
        for actual, wanted in zip(run_onnx(proto, arrays), expected, strict=True):
            if wanted.dtype.kind in "OU":
                assert actual.tolist() == wanted.tolist()
                continue
            wanted = wanted.astype("float32") if str(wanted.dtype) == "bfloat16" else wanted
            assert actual.dtype == wanted.dtype
            np.testing.assert_allclose(actual, wanted, rtol=rtol, atol=atol)
            if wanted.size:
                largest = max(largest, float(np.max(np.abs(np.nan_to_num(actual.astype("float64") - wanted)))))
    return largest

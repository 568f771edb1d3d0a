"""Write a traced forward pass as an ONNX file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from ...saving.atomic import atomic_write
from ..errors import ExportError
from ..sizes import Size
from ..trace import trace
from .calls import export_call
from .graph import Graph, T, computed
from .values import GraphTrace, graph_trace

DEFAULT_OPSET = 18
OPSETS = {18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}  # version of the operators: of the file format

LARGEST = 1_900_000_000  # bytes of weights in the file itself: protobuf ends at 2 GiB


def write_onnx(model: Any, path: str, input_signature: Any = None, opset_version: int = DEFAULT_OPSET) -> None:
    """Write a model as an ONNX file. Weights beyond 1.9 GB are in a file beside it, whose name begins like that of the file.

    Args:
        opset_version: of the operators, 18 to 23. Runtimes take those up to their own: 18 since ONNX Runtime 1.14.

    Raises:
        ExportError: the model computes what ONNX has no operators for.
        ImportError: the package onnx is not installed.
    """
    if opset_version not in OPSETS:
        raise ValueError(f"export: opset_version is one of {min(OPSETS)} to {max(OPSETS)}, got {opset_version!r}")
    _require_onnx()
    proto = to_onnx(model, input_signature, opset_version)
    size = sum(len(t.raw_data) for t in proto.graph.initializer)
    if size > LARGEST:
        _write_with_external_data(proto, path)
        return
    with atomic_write(path) as stream:
        stream.write(proto.SerializeToString())
    _remove_data_files(path, keep=None)


def to_onnx(model: Any, input_signature: Any = None, opset_version: int = DEFAULT_OPSET) -> Any:
    """The ``onnx.ModelProto`` of a model. Arguments: see ``write_onnx``"""
    return proto_of(graph_trace(trace(model, input_signature)), getattr(model, "name", "model"), opset_version)


def proto_of(trace: GraphTrace, name: str, opset_version: int) -> Any:
    """The ``onnx.ModelProto`` of a trace."""
    import onnx
    from onnx import helper, numpy_helper

    from ... import __version__
    from . import exporters  # noqa: F401  (registers them)

    g = Graph(trace, opset_version)
    g.names.update(trace.inputs, trace.outputs)
    inputs = []
    for label, number in trace.inputs.items():
        value = trace.values[number]
        inputs.append(helper.make_tensor_value_info(label, _onnx_dtype(value.dtype), _named(value.shape, trace, label)))
        g.tensors[number] = T(label, computed(value.dtype), value.shape)
    for call in trace.calls:
        export_call(g, call)
    outputs = []
    for label, number in trace.outputs.items():
        value = trace.values[number]
        tensor = g.tensor(number)
        g.nodes.append(
            helper.make_node("Identity", [g.cast(tensor, value.dtype).name], [label], g.unique("node_output"))
        )
        outputs.append(
            helper.make_tensor_value_info(label, _onnx_dtype(value.dtype), _named(value.shape, trace, label))
        )
    used = {n for node in g.nodes for n in _all_inputs(node)}
    initializers = [numpy_helper.from_array(_plain(a), n) for n, a in g.initializers.items() if n in used]
    graph = helper.make_graph(g.nodes, _identifier(name), inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", opset_version), *(helper.make_opsetid(d, 3) for d in sorted(g.domains))]
    proto = helper.make_model(graph, opset_imports=opsets, producer_name="dualnet", producer_version=__version__)
    proto.ir_version = OPSETS[opset_version]
    if proto.ByteSize() < LARGEST:
        onnx.checker.check_model(proto, full_check=False)
    return proto


def _onnx_dtype(dtype: str) -> int:
    from onnx import TensorProto, helper

    if dtype == "string":
        return TensorProto.STRING
    try:
        return helper.np_dtype_to_tensor_dtype(np.dtype(computed(dtype)))
    except (TypeError, KeyError):
        raise ExportError(f"ONNX has no tensors of dtype {dtype}") from None


def _named(shape: tuple[Any, ...], trace: GraphTrace, label: str) -> list[Any]:
    """A shape with names for the sizes that are not known, the same name for the same size."""
    names: dict[Any, str] = {}
    for name, number in trace.inputs.items():
        for axis, n in enumerate(trace.values[number].shape):
            if isinstance(n, Size):
                names.setdefault(n.samples, "batch" if axis == 0 else f"{name}_{axis}")
    return [names.get(n.samples, f"{label}_{axis}") if isinstance(n, Size) else n for axis, n in enumerate(shape)]


def _all_inputs(node: Any) -> list[str]:
    names = list(node.input)
    for attribute in node.attribute:
        for inner in attribute.g.node:
            names += _all_inputs(inner)
        names += [y.name for y in attribute.g.output]
    return names


def _plain(array: Any) -> Any:
    return array.astype(object) if array.dtype.kind in "OU" else array


def _identifier(name: str) -> str:
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name) or "model"


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError('export to ONNX needs the package onnx: pip install "dualnet[onnx]"') from error


# -- weights in a file of their own -----------------------------------------------------------------------------------


def _write_with_external_data(proto: Any, path: str) -> None:
    """Write the weights to a file beside, then the model, which names it: until then the old pair is as it was."""
    from onnx import TensorProto
    from onnx.external_data_helper import set_external_data

    digest = hashlib.sha256()
    for t in proto.graph.initializer:
        digest.update(t.raw_data)
    data = Path(path).with_name(f"{Path(path).name}.{digest.hexdigest()[:16]}.data")
    with atomic_write(data) as stream:
        for t in proto.graph.initializer:
            if len(t.raw_data) < 1024:
                continue
            offset = -(-stream.tell() // 4096) * 4096  # where a runtime may map it into memory
            stream.write(b"\0" * (offset - stream.tell()))
            stream.write(t.raw_data)
            set_external_data(t, location=data.name, offset=offset, length=len(t.raw_data))
            t.ClearField("raw_data")
            t.data_location = TensorProto.EXTERNAL
    with atomic_write(path) as stream:
        stream.write(proto.SerializeToString())
    _remove_data_files(path, keep=data.name)


def _remove_data_files(path: str, keep: str | None) -> None:
    """Remove the weights of the model that was there before."""
    name = Path(path).name
    for old in Path(path).parent.glob(f"{_escaped(name)}.*.data"):
        middle = old.name[len(name) + 1 : -len(".data")]
        if old.name != keep and len(middle) == 16 and all(c in "0123456789abcdef" for c in middle):
            os.unlink(old)


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


__all__ = ["DEFAULT_OPSET", "OPSETS", "proto_of", "to_onnx", "write_onnx"]

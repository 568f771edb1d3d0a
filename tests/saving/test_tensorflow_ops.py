"""Ops of TensorFlow in graphs of tf.keras: TFOpLambda, SlicingOpLambda and TensorFlowOpLayer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet

from .old_files import entry, functional, normal, source

X = normal(3, 4)
INPUT = ["x", 0, 0]
Expected = Callable[[Any], Any]


def model_of(*nodes: tuple[dict[str, Any], list[Any]], shape: tuple[int, ...] = (4,)) -> Any:
    last = nodes[-1][0]["config"]["name"]
    config = functional(source("x", *shape), *nodes, outputs=[[last, 0, 0]])
    return dualnet.models.model_from_json(json.dumps({**config, "keras_version": "2.15.0"}))


def tf_function(name: str, *nodes: Any, label: str = "op") -> tuple[dict[str, Any], list[Any]]:
    cls = "SlicingOpLambda" if name.endswith("getitem") else "TFOpLambda"
    return entry(cls, label, dtype="float32", function=name), list(nodes)


def call(**arguments: Any) -> list[Any]:
    """A call on the input."""
    return [*INPUT, arguments]


def cut(start: Any = None, stop: Any = None, step: Any = None) -> dict[str, Any]:
    return {"start": start, "stop": stop, "step": step}


def constant(value: Any, **arguments: Any) -> list[Any]:
    """A call whose first argument is no tensor."""
    return ["_CONSTANT_VALUE", -1, value, arguments]


FUNCTIONS: dict[str, tuple[str, list[Any], Expected]] = {
    "x + 2": ("__operators__.add", call(y=2, name=None), lambda x: x + 2),
    "x + x": ("__operators__.add", call(y=INPUT, name=None), lambda x: x + x),
    "-x": ("math.negative", call(name=None), lambda x: -x),
    "x - 3": ("math.subtract", call(y=3, name=None), lambda x: x - 3),
    "1 - x": ("math.subtract", constant(1.0, y=INPUT, name=None), lambda x: 1 - x),
    "2 / x": ("math.truediv", constant(2.0, y=INPUT, name=None), lambda x: 2 / x),
    "x ** 2": ("math.pow", call(y=2, name=None), lambda x: x**2),
    "x > 0": ("math.greater", call(y=0, name=None), lambda x: x > 0),
    "relu": ("nn.relu", call(name=None), lambda x: np.maximum(x, 0)),
    "leaky_relu": ("nn.leaky_relu", call(alpha=0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
    "softmax": ("nn.softmax", call(), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    "clip": ("clip_by_value", call(clip_value_min=-0.5, clip_value_max=0.5), lambda x: np.clip(x, -0.5, 0.5)),
    "reshape": ("reshape", call(shape=[-1, 2, 2]), lambda x: x.reshape(-1, 2, 2)),
    "concat": ("concat", [[*INPUT, {"axis": -1}], [*INPUT, {"axis": -1}]], lambda x: np.concatenate([x, x], -1)),
    "stack": ("stack", [[*INPUT, {"axis": 1}], [*INPUT, {"axis": 1}]], lambda x: np.stack([x, x], 1)),
    "add_n": ("math.add_n", [[*INPUT, {}], [*INPUT, {}], [*INPUT, {}]], lambda x: 3 * x),
    "cast": ("cast", call(dtype="int32"), lambda x: x.astype("int32")),
    "mean": ("math.reduce_mean", call(axis=1, keepdims=True), lambda x: x.mean(1, keepdims=True)),
    "max": ("math.reduce_max", call(axis=[1]), lambda x: x.max(1)),
    "expand_dims": ("expand_dims", call(axis=1), lambda x: x[:, None]),
    "transpose": ("compat.v1.transpose", call(perm=[1, 0], name="transpose", conjugate=False), lambda x: x.T),
    "tile": ("tile", call(multiples=[1, 2], name=None), lambda x: np.tile(x, (1, 2))),
    "gather": ("compat.v1.gather", call(indices=[0, 2], validate_indices=None, name=None, axis=1, batch_dims=0), lambda x: x[:, [0, 2]]),
    "where": ("where", call(x=INPUT, y=INPUT), lambda x: x),
    "pad": ("compat.v1.pad", call(paddings=[[0, 0], [1, 2]], mode="CONSTANT", name=None, constant_values=0),
            lambda x: np.pad(x, ((0, 0), (1, 2)))),
    "norm": ("compat.v1.norm", call(ord="euclidean", axis=1, keepdims=None, name=None), lambda x: np.linalg.norm(x, axis=1)),
    "matmul": ("linalg.matmul", call(b=INPUT, transpose_b=True), lambda x: x @ x.T),
    "matmul by a constant": ("linalg.matmul", call(b=[[1.0, 2.0]] * 4), lambda x: x @ np.array([[1.0, 2.0]] * 4)),
    "bias_add": ("nn.bias_add", call(bias=[1.0, 2.0, 3.0, 4.0]), lambda x: x + np.arange(1, 5)),
    "x // 0.3": ("compat.v1.floor_div", call(y=0.3, name=None), lambda x: x // np.float32(0.3)),
    "x[None]": ("__operators__.getitem", call(slice_spec=None), lambda x: x[None]),
    "x[:, 1:3]": ("__operators__.getitem", call(slice_spec=[cut(), cut(1, 3)]), lambda x: x[:, 1:3]),
    "x[:, 1]": ("__operators__.getitem", call(slice_spec=[cut(), 1]), lambda x: x[:, 1]),
    "x[:, None, ::2]": ("__operators__.getitem", call(slice_spec=[cut(), None, cut(step=2)]), lambda x: x[:, None, ::2]),
    "x[..., 0]": ("__operators__.getitem", call(slice_spec=[{"class_name": "__ellipsis__"}, 0]), lambda x: x[..., 0]),
    "x[:-1]": ("__operators__.getitem", call(slice_spec=cut(stop=-1)), lambda x: x[:-1]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    function, node, expected = FUNCTIONS[name]
    model = model_of(tf_function(function, node))
    np.testing.assert_allclose(np.asarray(model(X)), expected(X), atol=1e-6)
    again = dualnet.models.model_from_json(model.to_json())  # they are ops of dualnet now
    np.testing.assert_array_equal(np.asarray(again(X)), np.asarray(model(X)))


def test_several_outputs() -> None:
    parts = tf_function("split", call(num_or_size_splits=2, axis=1), label="split")
    total = tf_function("math.subtract", ["split", 0, 1, {"y": ["split", 0, 0], "name": None}])
    np.testing.assert_allclose(model_of(parts, total)(X), X[:, 2:] - X[:, :2])


def test_the_size_of_the_batch() -> None:
    shape = tf_function("compat.v1.shape", call(name=None, out_type="int32"), label="shape")
    first = tf_function("__operators__.getitem", ["shape", 0, 0, {"slice_spec": 0}], label="first")
    reshaped = tf_function("reshape", call(shape=[["first", 0, 0], 2, 2]))
    np.testing.assert_array_equal(model_of(shape, first, reshaped)(X), X.reshape(3, 2, 2))
    with pytest.raises(
        ValueError, match="math.multiply with the arguments y is not translated"
    ):  # a number that nobody knows yet
        model_of(shape, first, tf_function("math.multiply", ["first", 0, 0, {"y": INPUT, "name": None}]))


def op_layer(
    op: str, inputs: int, constants: dict[str, Any] | None = None, **attributes: Any
) -> tuple[dict[str, Any], list[Any]]:
    total = inputs + len(constants or {})
    node_def = {"name": "op", "op": op, "input": [f"in{i}" for i in range(total)], "attr": attributes}
    config = entry("TensorFlowOpLayer", "op", dtype="float32", node_def=json.dumps(node_def), constants=constants or {})
    return config, [[[*INPUT, {}] for _ in range(inputs)]]


NODES: dict[str, tuple[tuple[dict[str, Any], list[Any]], Expected]] = {
    "AddV2": (op_layer("AddV2", 2, T={"type": "DT_FLOAT"}), lambda x: x + x),
    "Mul by a number": (op_layer("Mul", 1, {"0": 3.0}), lambda x: 3 * x),
    "Sub from a number": (op_layer("Sub", 1, {"0": 1.0}), lambda x: 1 - x),
    "RealDiv": (op_layer("RealDiv", 1, {"1": 4.0}), lambda x: x / 4),
    "Relu": (op_layer("Relu", 1), lambda x: np.maximum(x, 0)),
    "Mean": (op_layer("Mean", 1, {"1": [1]}, keep_dims={"b": True}), lambda x: x.mean(1, keepdims=True)),
    "Sum": (op_layer("Sum", 1, {"1": -1}), lambda x: x.sum(-1)),
    "Reshape": (op_layer("Reshape", 1, {"1": [-1, 2, 2]}), lambda x: x.reshape(-1, 2, 2)),
    "ConcatV2": (op_layer("ConcatV2", 2, {"2": 1}), lambda x: np.concatenate([x, x], 1)),
    "Cast": (op_layer("Cast", 1, DstT={"type": "DT_INT32"}), lambda x: x.astype("int32")),
    "MatMul": (op_layer("MatMul", 2, transpose_b={"b": True}), lambda x: x @ x.T),
    "Transpose": (op_layer("Transpose", 1, {"1": [1, 0]}), lambda x: x.T),
    "x[:, 1:3]": (
        op_layer("StridedSlice", 1, {"1": [0, 1], "2": [0, 3], "3": [1, 1]}, begin_mask={"i": "1"}, end_mask={"i": "1"}),
        lambda x: x[:, 1:3],
    ),
    "x[:, -1]": (
        op_layer("StridedSlice", 1, {"1": [0, -1], "2": [0, 0], "3": [1, 1]}, begin_mask={"i": "1"}, end_mask={"i": "1"},
                 shrink_axis_mask={"i": "2"}),
        lambda x: x[:, -1],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NODES)
def test_op_layers(name: str) -> None:
    node, expected = NODES[name]
    np.testing.assert_allclose(np.asarray(model_of(node)(X)), expected(X), atol=1e-6)


REFUSED: dict[str, tuple[tuple[dict[str, Any], list[Any]], str]] = {
    "another function": (
        tf_function("signal.stft", call()),
        "'op' is the function tf.signal.stft of TensorFlow, which is not translated",
    ),
    "a file": (tf_function("io.read_file", call()), "tf.io.read_file"),
    "Python code": (tf_function("py_function", call(func="os.system")), "tf.py_function"),
    "an attribute of a module": (tf_function("math.__dict__", call()), "tf.math.__dict__"),
    "another operator": (tf_function("__operators__.__class__", call()), "__operators__.__class__"),
    "another op": (op_layer("FFT", 1), "'op' is the op FFT of TensorFlow, which is not translated"),
    "a constant that was lost": (
        tf_function("__operators__.ne", call()),
        "the second argument of tf.__operators__.ne is not in the file",
    ),
    "bicubic": (tf_function("image.resize", call(size=[2, 2], method="bicubic")), "bilinear or nearest"),
    "arguments of another version": (
        tf_function("math.cumsum", call(axis=1, speed=3)),
        "math.cumsum with the arguments axis, speed",
    ),
    "an argument": (
        tf_function("compat.v1.transpose", call(perm=[1, 0], conjugate=True)),
        "conjugate=True is not translated",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_translated_is_refused(name: str) -> None:
    node, match = REFUSED[name]
    with pytest.raises(ValueError, match=match):
        model_of(node)

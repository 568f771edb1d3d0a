"""Ops of TensorFlow in the graphs of tf.keras: ``TFOpLambda``, ``SlicingOpLambda`` and ``TensorFlowOpLayer``.

tf.keras 2.4 and later name a function of TensorFlow, with the arguments of the call; those in ``FUNCTIONS`` are understood, by the
functions that ``dualnet`` has under the names of TensorFlow. tf.keras 2.0 to 2.3 describe the op itself (``NODES``). Nothing else
is looked up.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ... import ops
from ...legacy import tf_names

CLASSES = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")

# The functions of TensorFlow that are translated, without "tf." and "compat.v1.".
_NAMES = {
    "": """abs acos add argmax argmin argsort asin atan broadcast_to cast clip_by_value concat cos cosh cumsum divide equal
        exp expand_dims eye fill floor gather floor_div gather_nd greater greater_equal identity less less_equal logical_and logical_not
        logical_or matmul maximum minimum multiply negative norm not_equal one_hot ones ones_like pad pow range rank reduce_all
        reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum repeat reshape reverse roll round
        shape sigmoid sign sin sinh size sort split sqrt square squeeze stack stop_gradient subtract tan tanh tensordot tile
        transpose truediv unstack where zeros zeros_like""",
    "math": """abs acos add add_n argmax argmin asin atan ceil cos cosh cumsum divide divide_no_nan equal erf exp expm1 floor
        floordiv floormod greater greater_equal is_finite is_inf is_nan l2_normalize less less_equal log log1p log_sigmoid
        logical_and logical_not logical_or logical_xor maximum minimum mod multiply negative not_equal pow reciprocal reduce_all
        reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std reduce_sum reduce_variance round
        rsqrt sigmoid sign sin sinh softmax softplus softsign sqrt square squared_difference subtract tan tanh top_k truediv""",
    "nn": """avg_pool avg_pool2d bias_add elu gelu l2_normalize leaky_relu log_softmax max_pool max_pool2d relu relu6 selu
        sigmoid silu softmax softplus softsign swish tanh top_k""",
    "linalg": "einsum l2_normalize matmul matvec norm",
    "image": "flip_left_right flip_up_down grayscale_to_rgb resize rgb_to_grayscale",
}
FUNCTIONS = {f"{module}.{name}".lstrip(".") for module, names in _NAMES.items() for name in names.split()}
_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv, "pow": operator.pow,
    "floordiv": operator.floordiv, "mod": operator.mod, "neg": operator.neg, "abs": operator.abs, "matmul": operator.matmul,
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip
# Names that moved, and arguments of TensorFlow that the function here has under another name.
_SAME_FUNCTION = {"floor_div": "math.floordiv", "linalg.norm": "norm", "math.norm": "norm", "math.truediv": "truediv"}
_RENAMED = {
    "bias_add": {"bias": "x2", "value": "x1"}, "norm": {"tensor": "x"}, "tensordot": {"b": "x2"}, "tile": {"multiples": "repeats"},
}  # fmt: skip
_METHODS = ("bilinear", "nearest")  # of resizing; the other ones of TensorFlow give other numbers
_OF_SHAPES = ("broadcast_to", "ones", "reshape", "zeros")  # functions that take a shape
# Arguments that change nothing, or not for these values.
_WITHOUT_EFFECT = {
    "name": (), "out_type": ("int32", "int64"), "validate_indices": (), "conjugate": (False,), "output_type": ("int64", "int32"),
    "adjoint_a": (False,), "adjoint_b": (False,), "a_is_sparse": (False,), "b_is_sparse": (False,), "antialias": (False,),
    "bad_indices_policy": ("", "DEFAULT"), "preserve_aspect_ratio": (False,), "data_format": (None, "NHWC"), "fast": (False,),
}  # fmt: skip


def tf_function(entry: dict[str, Any]) -> Callable[..., Any]:
    """The function that a layer of one of ``CLASSES`` computes, which takes the arguments that stand with its calls.

    Raises:
        ValueError: it is none of those that are understood.
    """
    config = entry["config"]
    if entry["class_name"] == "TensorFlowOpLayer":
        return _node_function(config)
    name = str(config.get("function")).removeprefix("compat.v1.")
    if name == "__operators__.getitem":
        return lambda x, slice_spec=None: x[_key(slice_spec)]
    if name.startswith("__operators__.") and (known := _OPERATORS.get(name.removeprefix("__operators__."))):
        return _operator(name, known)
    if name not in FUNCTIONS:
        raise ValueError(
            f"the layer {config.get('name')!r} is the function tf.{name} of TensorFlow, which is not translated: make the model in "
            "your program, with a function of dualnet.ops in its place, and load the weights with model.load_weights(...)"
        )
    return _translated(name)


def _operator(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, y: Any = None, **options: Any) -> Any:
        if y is None and function not in (operator.neg, operator.abs):
            raise ValueError(
                f"the second argument of tf.{name} is not in the file: tf.keras did not write some numbers"
            )
        return function(x) if y is None else function(x, y)

    return call


def _translated(name: str) -> Callable[..., Any]:
    module, _, attribute = _SAME_FUNCTION.get(name, name).rpartition(".")
    if attribute == "shape":
        return lambda x, **options: _Shape(tuple(x.shape))
    function = tf_names.find(attribute, module)
    renamed = _RENAMED.get(attribute, {})

    def call(*args: Any, **kwargs: Any) -> Any:
        options = {}
        for key, value in kwargs.items():
            allowed = _WITHOUT_EFFECT.get(key)
            if allowed is None:
                is_constant = key in ("b", "bias", "x", "y") and isinstance(value, list)
                options[renamed.get(key, key)] = ops.convert_to_tensor(value) if is_constant else value
            elif allowed and value not in allowed:
                raise ValueError(f"tf.{name} with {key}={value!r} is not translated")
        if attribute == "resize" and options.get("method", "bilinear") not in _METHODS:
            raise ValueError(
                f"tf.{name} with method={options['method']!r} is not translated: it can be {' or '.join(_METHODS)}"
            )
        if attribute == "norm" and options.get("ord") == "euclidean":
            del options["ord"]
        if any(isinstance(value, _Shape) for value in (*args, *options.values())):
            if attribute not in _OF_SHAPES:
                raise ValueError(f"tf.{name} of the shape of a tensor is not translated")
            args = tuple(list(value.sizes) if isinstance(value, _Shape) else value for value in args)
            options = {key: list(value.sizes) if isinstance(value, _Shape) else value for key, value in options.items()}
        if attribute == "reshape":  # the size of the batch, which is not known
            options["shape"] = [-1 if n is None else n for n in options["shape"]]
        if attribute != "where" and len(args) == 1 and "y" in options:
            args = (*args, options.pop("y"))
        try:
            return function(*args, **options)
        except TypeError as error:  # an argument that the function has under another name, or not at all
            raise ValueError(f"tf.{name} with the arguments {', '.join(kwargs)} is not translated ({error})") from error

    return call


@dataclass(frozen=True)
class _Shape:
    """The shape of a tensor, among the tensors of a graph; the size of the batch is None."""

    sizes: tuple[int | None, ...]

    def __getitem__(self, key: Any) -> Any:
        return (
            _Shape(self.sizes[key]) if isinstance(key, slice) else self.sizes[key[0] if isinstance(key, tuple) else key]
        )


def _key(spec: Any) -> Any:
    """An index: a number, None, a ``{"start", "stop", "step"}``, an ellipsis, or a list of such."""
    if isinstance(spec, list):
        return tuple(map(_key, spec))
    if isinstance(spec, dict) and set(spec) == {"start", "stop", "step"}:
        return slice(spec["start"], spec["stop"], spec["step"])
    if isinstance(spec, dict) and "llipsis" in str(spec.get("class_name", "")):
        return Ellipsis
    return spec


# -- TensorFlowOpLayer ---------------------------------------------------------------------------------------------


def _node_function(config: dict[str, Any]) -> Callable[..., Any]:
    node = config["node_def"]
    node = json.loads(node) if isinstance(node, str) and node.lstrip().startswith("{") else node
    if not isinstance(node, dict) or node.get("op") not in NODES:
        op = node.get("op") if isinstance(node, dict) else "in binary form"
        raise ValueError(
            f"the layer {config.get('name')!r} is the op {op} of TensorFlow, which is not translated: make the model in your program, "
            "with a function of dualnet.ops in its place, and load the weights with model.load_weights(...)"
        )
    constants = {int(i): value for i, value in (config.get("constants") or {}).items()}
    attributes = {key: _attribute(value) for key, value in (node.get("attr") or {}).items()}
    function = NODES[node["op"]]

    def call(inputs: Any) -> Any:
        tensors = iter(inputs if isinstance(inputs, (list, tuple)) else [inputs])
        n = len(node.get("input") or ()) or len(constants) + (len(inputs) if isinstance(inputs, (list, tuple)) else 1)
        arguments = [constants[i] if i in constants else next(tensors) for i in range(n)]
        return function(attributes, *arguments)

    return call


def _attribute(value: Any) -> Any:
    """The value of an attribute, from ``{"b": True}``, ``{"type": "DT_FLOAT"}`` or ``{"i": "1"}``."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, content),) = value.items()
    if kind == "type":
        return str(content).removeprefix("DT_").lower()
    return int(content) if kind == "i" else content


def _same(name: str) -> Callable[..., Any]:
    """The op of dualnet that takes the same tensors."""
    function = getattr(ops, name)
    return lambda attributes, *tensors: function(*tensors)


def _reduction(name: str) -> Callable[..., Any]:
    function = getattr(ops, name)
    return lambda attributes, x, axis: function(x, axis=axis, keepdims=bool(attributes.get("keep_dims")))


def _strided_slice(attributes: dict[str, Any], x: Any, begin: Any, end: Any, strides: Any) -> Any:
    masks = {
        key: int(attributes.get(f"{key}_mask") or 0) for key in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    key: list[Any] = []
    for i, (start, stop, step) in enumerate(zip(begin, end, strides)):
        bits = {name: mask >> i & 1 for name, mask in masks.items()}
        if bits["ellipsis"]:
            key.append(Ellipsis)
        elif bits["new_axis"]:
            key.append(None)
        elif bits["shrink_axis"]:
            key.append(start)
        else:
            key.append(slice(None if bits["begin"] else start, None if bits["end"] else stop, step))
    return x[tuple(key)]


def _matmul(attributes: dict[str, Any], a: Any, b: Any) -> Any:
    if attributes.get("transpose_a") or attributes.get("adj_x"):
        a = ops.swapaxes(a, -1, -2)
    return ops.matmul(a, ops.swapaxes(b, -1, -2) if attributes.get("transpose_b") or attributes.get("adj_y") else b)


NODES: dict[str, Callable[..., Any]] = {
    **{op: _same(name) for op, name in {
        "Abs": "abs", "Add": "add", "AddV2": "add", "BiasAdd": "add", "Cos": "cos", "Div": "divide", "Elu": "elu", "Equal": "equal",
        "Exp": "exp", "Floor": "floor", "Greater": "greater", "GreaterEqual": "greater_equal", "Identity": "copy", "Less": "less",
        "LessEqual": "less_equal", "Log": "log", "Log1p": "log1p", "LogicalAnd": "logical_and", "LogicalNot": "logical_not",
        "LogicalOr": "logical_or", "Maximum": "maximum", "Minimum": "minimum", "Mul": "multiply", "Neg": "negative",
        "NotEqual": "not_equal", "Pow": "power", "RealDiv": "divide", "Reciprocal": "reciprocal", "Relu": "relu", "Relu6": "relu6",
        "Round": "round", "Rsqrt": "rsqrt", "Selu": "selu", "Sigmoid": "sigmoid", "Sign": "sign", "Sin": "sin",
        "Softmax": "softmax", "Softplus": "softplus", "Sqrt": "sqrt", "Square": "square", "StopGradient": "stop_gradient",
        "Sub": "subtract", "Tanh": "tanh",
    }.items()},
    **{op: _reduction(name) for op, name in {
        "All": "all", "Any": "any", "Max": "max", "Mean": "mean", "Min": "min", "Prod": "prod", "Sum": "sum",
    }.items()},
    "BatchMatMulV2": _matmul,
    "Cast": lambda attributes, x: ops.cast(x, {"float": "float32", "double": "float64"}.get(attributes["DstT"], attributes["DstT"])),
    "ConcatV2": lambda attributes, *tensors: ops.concatenate(list(tensors[:-1]), axis=tensors[-1]),
    "ExpandDims": lambda attributes, x, axis: ops.expand_dims(x, axis),
    "LeakyRelu": lambda attributes, x: ops.leaky_relu(x, attributes.get("alpha", 0.2)),
    "MatMul": _matmul,
    "Pack": lambda attributes, *tensors: ops.stack(list(tensors), axis=attributes.get("axis", 0)),
    "Reshape": lambda attributes, x, shape: ops.reshape(x, shape),
    "SquaredDifference": lambda attributes, x, y: ops.square(x - y),
    "StridedSlice": _strided_slice,
    "Tile": lambda attributes, x, repeats: ops.tile(x, repeats),
    "Transpose": lambda attributes, x, axes: ops.transpose(x, axes),
}  # fmt: skip

"""Operations on tensors, under Keras's names. Every one that has a gradient carries it beside its formula."""

from __future__ import annotations

from typing import Any

from ..tensor import KerasTensor, Tensor
from . import image as image  # ops.image.resize
from .activation import (
    celu,
    elu,
    gelu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    swish,
    tanh,
)
from .adaptive_pool import adaptive_average_pool, adaptive_max_pool
from .arithmetic import (
    add,
    divide,
    divide_no_nan,
    equal,
    floor_divide,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    mod,
    multiply,
    not_equal,
    power,
    subtract,
    true_divide,
    where,
)
from .attention import dot_product_attention
from .conv import conv, conv_transpose, depthwise_conv, separable_conv
from .create import (
    arange,
    array,
    convert_to_numpy,
    convert_to_tensor,
    eye,
    full,
    full_like,
    is_tensor,
    linspace,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from .ctc import ctc_loss
from .einstein import einsum
from .elementwise import (
    abs,
    absolute,
    arccos,
    arcsin,
    arctan,
    cast,
    ceil,
    clip,
    copy,
    cos,
    cosh,
    erf,
    exp,
    expm1,
    floor,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    logical_not,
    negative,
    reciprocal,
    round,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    stop_gradient,
    tan,
)
from .equations import cholesky_inverse, det, inv, logdet, lstsq, matrix_rank, pinv, slogdet, solve, solve_triangular
from .factor import cholesky, eig, eigh, qr, svd
from .image_quality import psnr
from .linear import dot, matmul
from .loss import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from .normalization import batch_normalization, layer_normalization, moments, normalize, rms_normalization
from .norms import norm
from .pool import average_pool, max_pool
from .reduce import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    count_nonzero,
    cumsum,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from .shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    get_item,
    moveaxis,
    ndim,
    one_hot,
    pad,
    ravel,
    repeat,
    reshape,
    roll,
    shape,
    size,
    split,
    squeeze,
    stack,
    swapaxes,
    take,
    take_along_axis,
    tile,
    transpose,
    unstack,
)
from .shrinkage import (
    glu,
    hard_shrink,
    soft_shrink,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    threshold,
)

__all__ = [
    "abs",
    "absolute",
    "adaptive_average_pool",
    "adaptive_max_pool",
    "add",
    "all",
    "amax",
    "amin",
    "any",
    "arange",
    "arccos",
    "arcsin",
    "arctan",
    "argmax",
    "argmin",
    "array",
    "average_pool",
    "batch_normalization",
    "binary_crossentropy",
    "broadcast_to",
    "cast",
    "categorical_crossentropy",
    "ceil",
    "celu",
    "cholesky",
    "cholesky_inverse",
    "clip",
    "concatenate",
    "conv",
    "conv_transpose",
    "convert_to_numpy",
    "convert_to_tensor",
    "copy",
    "cos",
    "cosh",
    "count_nonzero",
    "ctc_loss",
    "cumsum",
    "depthwise_conv",
    "det",
    "divide",
    "divide_no_nan",
    "dot",
    "dot_product_attention",
    "eig",
    "eigh",
    "einsum",
    "elu",
    "equal",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "eye",
    "flip",
    "floor",
    "floor_divide",
    "full",
    "full_like",
    "gelu",
    "get_item",
    "glu",
    "greater",
    "greater_equal",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "inv",
    "is_tensor",
    "isfinite",
    "isinf",
    "isnan",
    "layer_normalization",
    "leaky_relu",
    "less",
    "less_equal",
    "linspace",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_sigmoid",
    "log_softmax",
    "logdet",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "lstsq",
    "matmul",
    "matrix_rank",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mish",
    "mod",
    "moments",
    "moveaxis",
    "multiply",
    "ndim",
    "negative",
    "norm",
    "normalize",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "pinv",
    "power",
    "prod",
    "psnr",
    "qr",
    "ravel",
    "reciprocal",
    "relu",
    "relu6",
    "repeat",
    "reshape",
    "rms_normalization",
    "roll",
    "round",
    "rsqrt",
    "selu",
    "separable_conv",
    "shape",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "size",
    "slogdet",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "solve",
    "solve_triangular",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "split",
    "sqrt",
    "square",
    "squareplus",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "svd",
    "swapaxes",
    "swish",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tanh_shrink",
    "threshold",
    "tile",
    "transpose",
    "true_divide",
    "unstack",
    "var",
    "where",
    "zeros",
    "zeros_like",
]

_OPERATORS = {
    "add": add, "sub": subtract, "mul": multiply, "truediv": divide, "floordiv": floor_divide, "mod": mod,
    "pow": power, "matmul": matmul, "and": logical_and, "or": logical_or, "xor": logical_xor,
}  # fmt: skip
_COMPARISONS = {
    "eq": equal, "ne": not_equal, "lt": less, "le": less_equal, "gt": greater, "ge": greater_equal,
}  # fmt: skip


def _operator(op: Any) -> Any:
    return lambda x, y: op(x, y)


def _reflected(op: Any) -> Any:
    return lambda x, y: op(y, x)


for _class in (Tensor, KerasTensor):
    for _name, _op in _OPERATORS.items():
        setattr(_class, f"__{_name}__", _operator(_op))
        setattr(_class, f"__r{_name}__", _reflected(_op))
    for _name, _op in _COMPARISONS.items():
        setattr(_class, f"__{_name}__", _operator(_op))
    for _name, _op in {"neg": negative, "abs": absolute, "invert": logical_not, "getitem": get_item}.items():
        setattr(_class, f"__{_name}__", _op)
# Defining __eq__ after the class was made does not touch its __hash__, which stays that of the object.


def _reshape(self: Tensor | KerasTensor, *shape: Any) -> Tensor:
    return reshape(self, shape[0] if len(shape) == 1 else shape)


for _class in (Tensor, KerasTensor):
    setattr(_class, "T", property(transpose))
    setattr(_class, "reshape", _reshape)
    setattr(_class, "astype", cast)

# The ufuncs whose op has another name here.
_UFUNCS = {"logical_not": logical_not, "power": power, "float_power": power, "remainder": mod}


def _array_ufunc(self: Tensor | KerasTensor, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """``numpy.exp(tensor)`` is ``ops.exp(tensor)``: it stays on the device and has a gradient."""
    op = _UFUNCS.get(ufunc.__name__) or globals().get(ufunc.__name__)
    if method != "__call__" or op is None or options:
        return NotImplemented
    return op(*inputs)


for _class in (Tensor, KerasTensor):
    setattr(_class, "__array_ufunc__", _array_ufunc)

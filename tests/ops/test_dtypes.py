"""Dtype promotion: the lattice, and what each op makes of each dtype. The tables were read off Keras 3.15.

Keras then turns 64-bit types into 32-bit ones on every backend but TensorFlow's; here they are kept, as in its lattice.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import config, ops
from dualnet.core import dtypes

NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64"
LETTERS = dict(zip("?bhilBHILeEfd", NAMES.split()))
ORDER: list[Any] = [*LETTERS.values(), int, float]
# Row by row the result with each of ORDER.
LATTICE = """
?bhilBHILeEfdif bbhilhilfeEfdbf hhhilhilfeEfdhf iiiiliilfeEfdif llllllllfeEfdlf BhhilBHILeEfdBf HiiilHHILeEfdHf
IllllIIILeEfdIf LffffLLLLeEfdLf eeeeeeeeeeffdee EEEEEEEEEfEfdEE ffffffffffffdff ddddddddddddddd ibhilBHILeEfdif
fffffffffeEfdff
"""


HAS_BFLOAT16 = find_spec("ml_dtypes") is not None  # which NumPy has bfloat16 from


def test_the_lattice_is_that_of_keras() -> None:
    rows = LATTICE.split()
    assert len(rows) == len(ORDER)
    wrong = {
        (str(a), str(b)): dtypes.result_type(a, b)
        for a, row in zip(ORDER, rows)
        for b, letter in zip(ORDER, row)
        if HAS_BFLOAT16 or "bfloat16" not in (a, b)
        if dtypes.result_type(a, b) != LETTERS[letter]
    }
    assert wrong == {}


def test_several_dtypes_and_one() -> None:
    assert dtypes.result_type(int) == "int32"
    assert dtypes.result_type(float) == "float32"
    assert dtypes.result_type(bool) == "bool"
    assert dtypes.result_type("int32", "uint8", "float16") == "float16"
    assert dtypes.result_type(int, float) == "float32"
    assert dtypes.result_type(np.zeros(2, "int8"), 1, 2.5) == "float32"
    assert dtypes.result_type(np.dtype("float16"), 2.5) == "float16"


def test_python_floats_follow_floatx() -> None:
    try:
        config.set_floatx("float64")
        assert dtypes.result_type("int32", float) == "float64"
        assert dtypes.result_type("float32", float) == "float32"
        assert str(ops.convert_to_tensor([1.0]).dtype) == "float64"
        assert str(ops.exp(1).dtype) == "float64"
    finally:
        config.set_floatx("float32")


def test_names_of_dtypes() -> None:
    for given in ("float32", np.float32, np.dtype("float32"), None, float):
        assert dtypes.standardize_dtype(given) == "float32"
    assert dtypes.standardize_dtype("bool") == dtypes.standardize_dtype(bool) == "bool"
    for wrong in ("float31", "text", object()):
        with pytest.raises(ValueError, match="expected one of"):
            dtypes.standardize_dtype(wrong)


# -- what the ops do, for inputs of these dtypes; a dot stands where Keras's own backends disagree or refuse ---------------

INPUTS = ["bool", "uint8", "int8", "int16", "int32", "float16", "float32"]
UNARY = """
negative:.Bbhief absolute:?Bbhief sign:.Bbhief square:iBbhief sqrt:fffffef rsqrt:.....ef
reciprocal:.....ef exp:fffffef expm1:fffffef log:fffffef log1p:fffffef log2:fffffef log10:fffffef
sin:fffffef cos:fffffef tan:fffffef arcsin:fffffef arccos:fffffef arctan:fffffef sinh:fffffef
cosh:fffffef erf:.....ef floor:fffffef ceil:fffffef round:.Bbhief isnan:??????? isinf:???????
isfinite:??????? logical_not:??????? relu:.Bbhief sigmoid:.....ef tanh:fffffef elu:...f.ef
relu6:.....ef leaky_relu:.....ef selu:...f.ef celu:.....ef gelu:...f.ef silu:.....ef
hard_sigmoid:.....ef hard_silu:.....ef hard_tanh:..bhief softplus:...f.ef log_sigmoid:...f.ef
softsign:.....ef softmax:...f.ef log_softmax:...f.ef sum:iIiiief mean:fffffef prod:iIiiief
var:fffffef std:fffffef max:?Bbhief min:?Bbhief logsumexp:.....ef cumsum:iBbhief argmax:iiiiiii
argmin:iiiiiii any:??????? all:??????? count_nonzero:iiiiiii norm:fffffef
"""
PLAIN = "Bbhief BBhhief bhbhief hhhhief iiiiief eeeeeef fffffff"
FLOATING = "fffffef " * 5 + "eeeeeef fffffff"
TRUTH = "??????? " * 7
BINARY = {
    "add": "?" + PLAIN,
    "subtract": "." + PLAIN,
    "multiply": "?" + PLAIN,
    "divide": FLOATING,
    "divide_no_nan": FLOATING,
    "power": "." + PLAIN,
    "floor_divide": "." + PLAIN,
    "mod": "i" + PLAIN,
    "maximum": "?" + PLAIN,
    "minimum": "?" + PLAIN,
    "equal": TRUTH,
    "less": TRUTH,
    "logical_and": TRUTH,
    "matmul": "?" + PLAIN.replace("bhbhief", "bhihief"),
    "where": "?" + PLAIN,
}


def tensor(backend: Backend, dtype: str, *values: int) -> Any:
    return ops.convert_to_tensor(backend.asarray(np.array(values, dtype)))


def letter(x: Any) -> str:
    return next(k for k, v in LETTERS.items() if v == str(x.dtype))


def same(got: str, expected: str) -> bool:
    return all(b in (".", a) for a, b in zip(got, expected)) and len(got) == len(expected)


@pytest.mark.filterwarnings("ignore:divide by zero encountered:RuntimeWarning")
@pytest.mark.parametrize("line", UNARY.split())
def test_one_operand(backend: Backend, line: str) -> None:
    name, expected = line.split(":")
    got = "".join(
        "." if e == "." else letter(getattr(ops, name)(tensor(backend, dtype, 1, 0)))
        for dtype, e in zip(INPUTS, expected)
    )
    assert same(got, expected), f"{name}: {got}, expected {expected}"


@pytest.mark.parametrize("name", BINARY)
def test_two_operands(backend: Backend, name: str) -> None:
    op = getattr(ops, name)
    for first, expected in zip(INPUTS, BINARY[name].split()):
        got = ""
        for second, e in zip(INPUTS, expected):
            operands = tensor(backend, first, 1, 1), tensor(backend, second, 1, 1)
            if name == "where":
                operands = (tensor(backend, "bool", 1, 0), *operands)
            got += "." if e == "." else letter(op(*operands))
        assert same(got, expected), f"{name}({first}, ...): {got}, expected {expected}"


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float16", "float32", "float64"])
def test_numbers_are_weak(backend: Backend, dtype: str) -> None:
    x = tensor(backend, dtype, 1, 2)
    for y in (
        x + 1,
        1 + x,
        x * True,
        3 - x,
        x**2,
        ops.maximum(x, 1),
        ops.maximum(1, x),
        ops.where(x > 1, x, 0),
        x % 2,
        x // 1,
    ):
        assert str(y.dtype) == dtype
    expected = dtype if "float" in dtype else "float32"
    for y in (
        x + 1.5,
        1.5 + x,
        x * np.float64(2),
        np.float64(2) * x,
        x / 2,
        1 / x,
        ops.where(x > 1, 0.5, x),
        ops.divide_no_nan(x, 2),
    ):
        assert str(y.dtype) == expected


def test_values_without_axes_keep_their_dtype(backend: Backend) -> None:
    """NumPy's reductions give scalars, of which numpy.float64 passes for a Python float."""
    for dtype in ("float32", "float64"):
        total = ops.sum(tensor(backend, dtype, 1, 2))
        assert type(total.data) is backend.array_type
        for y in (
            total + 1,
            total + 1.5,
            2.0 * total,
            total**2,
            ops.maximum(0.5, total),
            ops.sqrt(total),
            total * total,
        ):
            assert str(y.dtype) == dtype
            assert type(y.data) is backend.array_type
            assert y.device == backend.device


def test_sums_of_small_integers_do_not_overflow(backend: Backend) -> None:
    x = tensor(backend, "int8", *[100] * 5)
    assert int(ops.sum(x)) == 500
    assert int(ops.matmul(x, x)) == 50000
    assert int(ops.sum(tensor(backend, "uint8", *[200] * 5))) == 1000


def test_lists_get_the_dtype_keras_gives_them(backend: Backend) -> None:
    for given, dtype in (
        ([1.0, 2], "float32"), ([1, 2], "int32"), ([True], "bool"), ([], "float32"), ([2**40], "int64"), (2, "int32"), (2.5, "float32"),
        (True, "bool"), (np.ones(2), "float64"), (np.ones(2, "int64"), "int64"), ([np.float32(1)], "float32"), ([[1], [2.5]], "float32"),
    ):  # fmt: skip
        x = ops.convert_to_tensor(given)
        assert str(x.dtype) == dtype, given
        assert x.device == backend.device
        assert str(ops.convert_to_tensor(given, dtype="float64").dtype) == "float64"


def test_casting(backend: Backend) -> None:
    x = tensor(backend, "float32", 1, 0)
    for dtype in ("float16", "int64", "bool", np.float64, "float64"):
        assert str(ops.cast(x, dtype).dtype) == dtypes.standardize_dtype(dtype)
    assert ops.cast(x, "float32").data is x.data
    assert ops.convert_to_tensor(x, "float32") is x

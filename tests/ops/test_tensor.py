"""Tensors: operators, reflected operands, NumPy's ufuncs, indexing, reading the value, and what is refused."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import GradientTape, KerasTensor, Tensor, Variable, layers, ops

X, Y = np.array([[1.5, -2.0], [0.5, 4.0]], "float32"), np.array([[2.0, 3.0], [-0.5, 1.0]], "float32")


@pytest.fixture
def x(backend: Backend) -> Tensor:
    return ops.convert_to_tensor(X)


@pytest.fixture
def y(backend: Backend) -> Tensor:
    return ops.convert_to_tensor(Y)


ARITHMETIC = ["add", "sub", "mul", "truediv", "floordiv", "mod", "matmul"]
COMPARISON = ["eq", "ne", "lt", "le", "gt", "ge"]


@pytest.mark.parametrize("name", ARITHMETIC + COMPARISON)
def test_operators_with_every_kind_of_operand(x: Tensor, y: Tensor, name: str) -> None:
    f = getattr(operator, name)
    expected = f(X, Y)
    for a, b in ((x, y), (x, Y), (X, y), (x, Y.tolist()), (X.tolist(), y), (Variable(x), y), (x, Variable(y))):
        z = f(a, b)
        assert type(z) is Tensor
        assert z.device == x.device
        np.testing.assert_allclose(z.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in ARITHMETIC + COMPARISON if n != "matmul"])
def test_operators_with_numbers(x: Tensor, name: str) -> None:
    f = getattr(operator, name)
    for number in (2, 1.5, True, np.float64(2.5), np.float32(2.5), np.int64(3)):
        np.testing.assert_allclose(f(x, number).numpy(), f(X, float(number)), rtol=1e-6)
        np.testing.assert_allclose(f(number, x).numpy(), f(float(number), X), rtol=1e-6)


def test_powers_and_single_operands(x: Tensor) -> None:
    np.testing.assert_allclose((x**2).numpy(), X**2)
    np.testing.assert_allclose((2**x).numpy(), 2**X, rtol=1e-6)
    np.testing.assert_allclose((abs(x) ** x).numpy(), np.abs(X) ** X, rtol=1e-6)
    np.testing.assert_array_equal((-x).numpy(), -X)
    np.testing.assert_array_equal(abs(x).numpy(), np.abs(X))
    positive, large = x > 0, x > 1
    np.testing.assert_array_equal((~positive).numpy(), X <= 0)
    np.testing.assert_array_equal((positive & large).numpy(), X > 1)
    np.testing.assert_array_equal((positive | large).numpy(), X > 0)
    np.testing.assert_array_equal((positive ^ large).numpy(), (X > 0) & (X <= 1))
    np.testing.assert_array_equal((True & positive).numpy(), X > 0)


def test_numpys_ufuncs_are_ops(x: Tensor, y: Tensor) -> None:
    for name in ("exp", "tanh", "square", "negative", "abs", "floor", "isnan", "sign"):
        z = getattr(np, name)(x)
        assert type(z) is Tensor
        np.testing.assert_allclose(z.numpy(), getattr(np, name)(X), rtol=1e-6)
    for z, expected in (
        (np.add(x, y), X + Y),
        (np.multiply(Y, x), X * Y),
        (np.maximum(x, 1), np.maximum(X, 1)),
        (np.float32(2) * x, 2 * X),
        (np.power(abs(x), 2.0), X**2),
        (np.remainder(x, 2), X % 2),
    ):
        assert type(z) is Tensor
        assert z.device == x.device
        np.testing.assert_allclose(z.numpy(), expected, rtol=1e-6)
    for name in ("sum", "prod", "max", "min", "all", "any"):
        for options in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"axis": (0, 1)}):
            z = getattr(np, name)(x, **options)
            assert type(z) is Tensor
            np.testing.assert_allclose(z.numpy(), getattr(np, name)(X, **options), rtol=1e-6)
    np.testing.assert_allclose(np.add.reduce(x).numpy(), np.add.reduce(X), rtol=1e-6)


def test_numpys_other_functions_give_arrays(x: Tensor, y: Tensor) -> None:
    """Those that are no op are computed on a copy on the host, where no gradient can be lost."""
    for got, want in (
        (np.mean(x, axis=0), np.mean(X, axis=0)),
        (np.std(x), np.std(X)),
        (np.spacing(x), np.spacing(X)),
        (np.add.accumulate(x, axis=1), np.add.accumulate(X, axis=1)),
        (np.subtract.outer(x, Y), np.subtract.outer(X, Y)),
        (np.sum(x, dtype="float64"), np.sum(X, dtype="float64")),
    ):
        np.testing.assert_allclose(got, want, rtol=1e-6)
    with GradientTape() as tape:
        tape.watch(x)
        for refused in (lambda: np.spacing(x), lambda: np.add(X, x, dtype="float64"), lambda: np.add.accumulate(x)):
            with pytest.raises(TypeError, match="the gradient of the tensor would be lost"):
                refused()
    symbolic = KerasTensor((None, 3))
    with pytest.raises(TypeError):
        np.spacing(symbolic)


def test_indexing(x: Tensor) -> None:
    for key in (0, -1, slice(None, 1), (slice(None), 1), (0, 1), None, Ellipsis, (..., None, 0), slice(None, None, -1)):
        np.testing.assert_array_equal(x[key].numpy(), X[key])
    mask, ids = ops.convert_to_tensor(X > 0), ops.convert_to_tensor([1, 0, 1])
    np.testing.assert_array_equal(x[mask].numpy(), X[X > 0])
    np.testing.assert_array_equal(x[ids].numpy(), X[[1, 0, 1]])
    np.testing.assert_array_equal(x[:, ids].numpy(), X[:, [1, 0, 1]])
    np.testing.assert_array_equal(x[[0, 0]].numpy(), X[[0, 0]])
    assert x[0, 1].shape == ()
    with pytest.raises(IndexError):
        x[5]


def test_reading_the_value(backend: Backend, x: Tensor) -> None:
    number = ops.convert_to_tensor(2.5)
    assert float(number) == number.item() == number.tolist() == 2.5
    assert int(number) == 2
    assert bool(number) is True
    assert f"{number:.2f}" == "2.50"
    assert range(9)[ops.convert_to_tensor(3)] == 3
    assert [9, 8, 7][ops.convert_to_tensor(1)] == 8
    assert math.sqrt(ops.convert_to_tensor(4.0)) == 2
    assert len(x) == 2
    assert [row.tolist() for row in x] == X.tolist()
    assert (x.shape, x.ndim, x.size, str(x.dtype)) == ((2, 2), 2, 4, "float32")
    assert np.asarray(x).dtype == "float32"
    assert np.asarray(x, dtype="float64").dtype == "float64"
    np.testing.assert_array_equal(np.asarray(x), X)
    np.testing.assert_array_equal(ops.convert_to_numpy(x), X)
    assert "shape=(2, 2), dtype=float32" in repr(x)
    assert backend.device in repr(x)


def test_small_methods(x: Tensor) -> None:
    np.testing.assert_array_equal(x.T.numpy(), X.T)
    for shape in ((4,), ((1, 4),), (2, -1)):
        np.testing.assert_array_equal(x.reshape(*shape).numpy(), X.reshape(*shape))
    assert str(x.astype("int32").dtype) == "int32"
    assert len({x, x}) == 1


Refused = tuple[Callable[[Tensor], Any], type[Exception], str]
REFUSED: dict[str, Refused] = {
    "strings": (lambda x: ops.convert_to_tensor(["a"]), TypeError, "expected numbers"),
    "none": (lambda x: ops.convert_to_tensor(None), TypeError, "expected numbers"),
    "ragged": (lambda x: ops.convert_to_tensor([[1], [1, 2]]), ValueError, "cannot make an array"),
    "string operand": (lambda x: x + "a", TypeError, "unsupported operand"),
    "an object": (lambda x: ops.add(x, object()), TypeError, "expected numbers"),
    "an index of floats": (lambda x: range(3)[ops.convert_to_tensor(1.0)], TypeError, "only an integer tensor"),
    "truth of several": (lambda x: bool(x), ValueError, "ambiguous"),
    "item of several": (lambda x: x.item(), ValueError, "size 1"),
    "iterating a number": (lambda x: list(ops.sum(x)), TypeError, "without axes"),
    "wrong axis": (lambda x: ops.sum(x, axis=2), ValueError, "axis 2 is out of range"),
    "inner sizes": (lambda x: x @ ops.ones((3, 2)), ValueError, r"inner sizes differ: \(2, 2\) @ \(3, 2\)"),
    "matmul with a number": (lambda x: ops.matmul(x, 2.0), ValueError, "use multiply"),
    "shapes": (lambda x: x + ops.ones((3,)), ValueError, "broadcast"),
    "joining nothing": (lambda x: ops.concatenate([]), ValueError, "at least one tensor"),
    "stacking nothing": (lambda x: ops.stack([]), ValueError, "at least one tensor"),
    "padding": (lambda x: ops.pad(x, 1, mode="wrap"), ValueError, "mode 'wrap'"),
    "norm": (lambda x: ops.norm(x, ord=3), ValueError, "ord=3 is not known for matrices"),
    "losses": (lambda x: ops.categorical_crossentropy(x, x[0]), ValueError, "same shape"),
    "labels": (lambda x: ops.sparse_categorical_crossentropy(x, x), ValueError, "one-hot"),
    "dtype": (lambda x: ops.cast(x, "float31"), ValueError, "float31"),
    "value of a symbol": (lambda x: np.asarray(KerasTensor((2,))), ValueError, "symbolic"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(x: Tensor, name: str) -> None:
    f, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        f(x)


@pytest.mark.parametrize("other", [None, "a", {}, object(), float, layers.Dense(1)], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("kind", ["tensor", "variable", "symbolic"])
def test_beside_what_is_no_number_python_decides(x: Tensor, kind: str, other: Any) -> None:
    """``mask != None`` is true, ``None in [tensor]`` is false, and arithmetic is refused in Python's own words."""
    t: Any = {"tensor": x, "variable": Variable(x), "symbolic": KerasTensor((2, 2))}[kind]
    assert (t == other) is False
    assert (t != other) is True
    assert (other == t) is False
    assert (other != t) is True
    assert other not in [t]
    for name in [*ARITHMETIC, "pow", "and_", "or_", "xor", "lt", "le", "gt", "ge"]:
        if name == "mod" and isinstance(other, str):
            continue  # the format of a string
        for a, b in ((t, other), (other, t)):
            with pytest.raises(TypeError):
                getattr(operator, name)(a, b)


def test_an_operand_may_know_what_to_do_with_a_tensor(x: Tensor) -> None:
    class Other:
        def __radd__(self, tensor: Any) -> str:
            return "added"

    assert x + Other() == "added"  # type: ignore[operator]


OPERANDS = [(1, None), (None, 1), (KerasTensor((2,)), None), (None, KerasTensor((2,)))]


@pytest.mark.parametrize(
    "name", "add multiply logical_and logical_or logical_xor equal less maximum power arctan2".split()
)
def test_none_is_no_operand(backend: Backend, name: str) -> None:
    for a, b in OPERANDS:
        with pytest.raises(TypeError, match="expected numbers for the argument .*, got None"):
            getattr(ops, name)(a, b)


def test_objects_with_a_dtype_are_no_arrays(x: Tensor) -> None:
    for thing in (layers.Dense(1), np.float32, np.dtype("float32")):
        with pytest.raises(TypeError, match="expected numbers"):
            ops.logical_and(x, thing)


def test_an_integer_variable_is_an_index(backend: Backend) -> None:
    assert "abc"[Variable(1, dtype="int32")] == "b"


def test_certain_probabilities_have_no_slope(backend: Backend) -> None:
    """A probability that was moved to epsilon or 1 - epsilon does not move with its input: 0, and neither inf nor NaN."""
    from dualnet import grad

    certain = ops.convert_to_tensor([[1.0, 0.0], [0.0, 1.0]])
    for target in ([[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]):
        for loss in (ops.binary_crossentropy, ops.categorical_crossentropy):
            slope = grad(lambda p, t=target, f=loss: ops.sum(f(ops.convert_to_tensor(t), p)))(certain)
            np.testing.assert_array_equal(slope.numpy(), np.zeros((2, 2)))


def test_special_points_have_the_stated_gradient(backend: Backend) -> None:
    """Ties are shared, kinks have slope 0, and 0 / 0 never appears."""
    from dualnet import grad

    def slope(f: Any, *values: float) -> list[float]:
        return grad(lambda x: ops.sum(f(x)))(ops.convert_to_tensor(np.array(values))).tolist()

    assert slope(lambda x: ops.maximum(x, 0.0), 0.0) == [0.5]
    assert slope(lambda x: ops.minimum(x, x), 3.0) == [1.0]
    assert slope(ops.max, 2.0, 2.0, 1.0) == [0.5, 0.5, 0.0]
    assert slope(ops.abs, 0.0) == [0.0]
    assert slope(ops.relu, 0.0) == [0.0]
    assert slope(ops.prod, 0.0, 3.0, 4.0) == [12.0, 0.0, 0.0]
    assert slope(ops.prod, 0.0, 0.0, 4.0) == [0.0, 0.0, 0.0]
    assert slope(ops.norm, 0.0, 0.0) == [0.0, 0.0]
    assert slope(ops.std, 2.0, 2.0) == [0.0, 0.0]
    assert slope(lambda x: x**2, 0.0) == [0.0]
    assert slope(lambda x: ops.divide_no_nan(1.0, x), 0.0) == [0.0]
    assert slope(lambda x: ops.clip(x, 0, 1), -1.0, 0.0, 0.5, 1.0, 2.0) == [0, 1, 1, 1, 0]
    for op in (ops.sigmoid, ops.softplus, ops.log_sigmoid, ops.silu, ops.gelu, ops.elu, ops.selu, ops.mish, ops.tanh):
        assert np.isfinite(slope(op, -1e3, 1e3)).all(), op.__name__
        assert np.isfinite(op(ops.convert_to_tensor([-1e3, 1e3])).numpy()).all(), op.__name__
    assert np.isfinite(slope(lambda x: ops.log_softmax(x)[0], 1e4, -1e4)).all()
    assert ops.logsumexp(ops.convert_to_tensor([1e4, 1e4])).tolist() == pytest.approx(1e4 + math.log(2))
    with np.errstate(divide="ignore"):  # NumPy speaks of log(0) = -inf
        assert ops.logsumexp(ops.convert_to_tensor([-np.inf, -np.inf])).tolist() == -np.inf


IN_PLACE = [
    "iadd",
    "isub",
    "imul",
    "itruediv",
    "ifloordiv",
    "imod",
    "ipow",
    "imatmul",
    "iand",
    "ior",
    "ixor",
    "ilshift",
]


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_an_array_in_place_with_a_tensor_becomes_a_tensor(backend: Backend, name: str, dtype: str) -> None:
    """As with the tensors of TensorFlow, JAX and PyTorch: ``array += tensor`` is ``array = array + tensor``."""
    if dtype == "float32" and name in IN_PLACE[-4:]:
        pytest.skip("NumPy has it for integers only")
    a, b = np.array([[5, 6], [7, 8]], dtype), np.array([[1, 2], [3, 4]], dtype)
    plain = {"iand": operator.and_, "ior": operator.or_}
    expected = plain.get(name, getattr(operator, name[1:], None))(a, b)
    array = a.copy()
    for other in (ops.convert_to_tensor(b), Variable(b)):
        result = getattr(operator, name)(array, other)
        assert isinstance(result, Tensor)
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)
        np.testing.assert_array_equal(array, a)  # who else holds the array sees no change


def test_an_array_in_place_passes_the_gradient_on(x: Tensor) -> None:
    with GradientTape() as tape:
        tape.watch(x)
        total = np.ones((2, 2), "float32")
        total += x * x
        total *= 3.0
        loss = ops.sum(total)
    np.testing.assert_allclose(tape.gradient(loss, x).numpy(), 6 * X, rtol=1e-6)
    rows = np.zeros((3, 2, 2), "float32")
    rows[1] += ops.stop_gradient(x)  # part of an array: the value is assigned
    np.testing.assert_array_equal(rows, [0 * X, X, 0 * X])


def test_out_is_written_on_the_host(x: Tensor) -> None:
    out = np.zeros((2, 2), "float32")
    assert np.add(Y, x, out=out) is out
    np.testing.assert_array_equal(out, X + Y)
    np.testing.assert_array_equal(np.exp(x, out=out), np.exp(X))
    np.add(Y, x, where=X > 0, out=out)
    np.testing.assert_array_equal(out, np.where(X > 0, X + Y, np.exp(X)))
    with pytest.raises(TypeError, match=r"numpy\.add: nothing can be written into a tensor"):
        np.add(X, Y, out=x)
    with GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(TypeError, match=r"numpy\.add: .* the gradient of the tensor would be lost"):
            np.add(Y, x, out=out)
    with pytest.raises(TypeError, match=r"numpy\.exp: a symbolic tensor has no value"):
        np.exp(KerasTensor((2, 2)), out=out)


def test_operators_of_integers_work_on_bits(backend: Backend) -> None:
    """As in NumPy, TensorFlow, and Keras on JAX; symbolic tensors have logical ones, as in Keras."""
    a, b = np.array([1, 2, 3, 12], "int32"), np.array([3, 6, 1, 10], "int32")
    x, y = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    for f in (operator.and_, operator.or_, operator.xor):
        for result in (f(x, y), f(a, y), f(x, b), f(x, Variable(b))):
            np.testing.assert_array_equal(result.numpy(), f(a, b))
            assert result.dtype == "int32"
        np.testing.assert_array_equal(f(x, 3).numpy(), f(a, 3))
        np.testing.assert_array_equal(f(3, x).numpy(), f(3, a))
        np.testing.assert_array_equal(f(x > 2, y > 2).numpy(), f(a > 2, b > 2))
    np.testing.assert_array_equal((~x).numpy(), ~a)
    np.testing.assert_array_equal((~(x > 2)).numpy(), ~(a > 2))
    assert (KerasTensor((2,), "int32") & KerasTensor((2,), "int32")).dtype == "bool"

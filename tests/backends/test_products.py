"""Matrix products of operands anywhere in memory, on every backend; on a GPU within a capture, and in how many calls."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend

Make = Callable[[Any], tuple[Any, Any]]


def random(xp: Any, *shape: int, dtype: str = "float32") -> Any:
    """The same numbers on every device, none of which is 0."""
    n = int(np.prod(shape))
    return (((xp.arange(n) * 37 % 23).astype(dtype) + 1) / 8 - 1.6).reshape(shape)


def t(x: Any) -> Any:
    return x.swapaxes(-1, -2)


# what it is: (makes a and b, in how many calls of cuBLAS the product is computed)
OPERANDS: dict[str, tuple[Make, int]] = {
    "rows": (lambda xp: (random(xp, 4, 5), random(xp, 5, 3)), 1),
    "a by columns": (lambda xp: (t(random(xp, 5, 4)), random(xp, 5, 3)), 1),
    "b by columns": (lambda xp: (random(xp, 4, 5), t(random(xp, 3, 5))), 1),
    "both by columns": (lambda xp: (t(random(xp, 5, 4)), t(random(xp, 3, 5))), 1),
    "part of the columns": (lambda xp: (random(xp, 4, 9)[:, 2:7], random(xp, 5, 8)[:, 3:6]), 1),
    "part of the rows": (lambda xp: (random(xp, 9, 5)[1:8:2], t(random(xp, 7, 5)[::3])), 1),
    "every other column": (lambda xp: (random(xp, 4, 10)[:, ::2], random(xp, 5, 3)), 1),
    "reversed": (lambda xp: (random(xp, 4, 5)[::-1], random(xp, 5, 3)[:, ::-1]), 1),
    "repeated rows": (lambda xp: (xp.broadcast_to(random(xp, 1, 5), (4, 5)), random(xp, 5, 3)), 1),
    "repeated columns": (lambda xp: (xp.broadcast_to(random(xp, 4, 1), (4, 5)), xp.broadcast_to(random(xp, 5, 1), (5, 3))), 1),
    "one row": (lambda xp: (random(xp, 1, 5), random(xp, 5, 3)), 1),
    "one column": (lambda xp: (random(xp, 4, 5), random(xp, 5, 1)), 1),
    "one row of a column": (lambda xp: (t(random(xp, 5, 7)[:, 3:4]), random(xp, 5, 3)), 1),
    "an outer product": (lambda xp: (random(xp, 4, 1), random(xp, 1, 3)), 1),
    "an outer product of parts": (lambda xp: (random(xp, 4, 6)[:, 2:3], random(xp, 9, 3)[4:5]), 1),
    "a number": (lambda xp: (random(xp, 1, 1), random(xp, 1, 1)), 1),
    "many rows": (lambda xp: (random(xp, 2, 3, 4, 5), random(xp, 5, 3)), 1),
    "many columns": (lambda xp: (random(xp, 4, 5), random(xp, 2, 5, 3)), 1),
    "matrices": (lambda xp: (random(xp, 2, 4, 5), random(xp, 2, 5, 3)), 1),
    "matrices by columns": (lambda xp: (t(random(xp, 2, 3, 5, 4)), t(random(xp, 2, 3, 3, 5))), 1),
    "transposed rows, one matrix": (lambda xp: (t(random(xp, 6, 5, 4)), random(xp, 5, 3)), 1),
    "heads": (lambda xp: (random(xp, 2, 6, 7, 5).transpose(0, 2, 1, 3), random(xp, 2, 7, 5, 3)), 2),
    "many heads": (lambda xp: (random(xp, 9, 6, 7, 5).transpose(0, 2, 1, 3), random(xp, 9, 8, 7, 5).transpose(0, 2, 3, 1)), 1),
    "groups of heads": (lambda xp: (random(xp, 9, 7, 1, 4, 5), random(xp, 9, 7, 2, 5, 3)), 2),
    "large groups of heads": (lambda xp: (random(xp, 9, 7, 1, 4, 5), random(xp, 9, 7, 6, 5, 3)), 1),
    "broadcast both ways": (lambda xp: (random(xp, 6, 1, 4, 5), random(xp, 7, 5, 3)), 1),
    "an axis of 1": (lambda xp: (random(xp, 1, 4, 5), random(xp, 1, 1, 5, 3)), 1),
    "an axis of 1 on the right": (lambda xp: (random(xp, 3, 4, 5), random(xp, 1, 5, 3)), 1),
    "a batch from the end": (lambda xp: (random(xp, 4, 5, 3).transpose(2, 0, 1), random(xp, 5, 2, 3).transpose(2, 0, 1)), 1),
    "vectors": (lambda xp: (random(xp, 5), random(xp, 5)), 1),
    "a vector and matrices": (lambda xp: (random(xp, 5), random(xp, 2, 5, 3)), 1),
    "matrices and a vector": (lambda xp: (random(xp, 2, 4, 5), random(xp, 10)[::2]), 1),
    "no rows": (lambda xp: (random(xp, 0, 5), random(xp, 5, 3)), 0),
    "nothing between": (lambda xp: (random(xp, 4, 0), random(xp, 0, 3)), 0),
    "no matrices": (lambda xp: (random(xp, 0, 4, 5), random(xp, 5, 3)), 0),
    "no matrices on one side": (lambda xp: (random(xp, 0, 4, 5), random(xp, 1, 5, 3)), 0),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("operands", OPERANDS)
def test_product(backend: Backend, operands: str, dtype: str) -> None:
    a, b = (x.astype(dtype, order="K") for x in OPERANDS[operands][0](backend.xp))
    expected = np.matmul(*(backend.to_numpy(x).astype("float64") for x in (a, b)))
    y = backend.matmul(a, b)
    assert y.dtype == dtype
    assert y.shape == expected.shape
    tolerance = {"float32": 1e-5, "float64": 1e-13, "float16": 1e-2}[dtype]
    np.testing.assert_allclose(backend.to_numpy(y), expected, tolerance, tolerance)


# of which memory the result is a part
OUTS: dict[str, Callable[[Any, tuple[int, ...]], Any]] = {
    "rows": lambda xp, shape: xp.full(shape, 7.0),
    "columns": lambda xp, shape: t(xp.full((*shape[:-2], shape[-1], shape[-2]), 7.0)),
    "part of the columns": lambda xp, shape: xp.full((*shape[:-1], shape[-1] + 4), 7.0)[..., 1:-3],
    "every other column": lambda xp, shape: xp.full((*shape[:-1], 2 * shape[-1]), 7.0)[..., ::2],
    "every other matrix": lambda xp, shape: xp.full((*shape[:-2], 2, *shape[-2:]), 7.0)[..., 1, :, :],
    "reversed": lambda xp, shape: xp.full(shape, 7.0)[::-1],
}


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize(
    "operands", ["rows", "both by columns", "many rows", "many heads", "nothing between", "no rows"]
)
def test_out(backend: Backend, operands: str, out: str) -> None:
    a, b = (x.astype("float64", order="K") for x in OPERANDS[operands][0](backend.xp))
    expected = np.matmul(backend.to_numpy(a), backend.to_numpy(b))
    y = OUTS[out](backend.xp, expected.shape)
    assert backend.matmul(a, b, out=y) is y
    np.testing.assert_allclose(backend.to_numpy(y), expected, 1e-13, 1e-13)


def test_out_of_another_dtype_or_that_is_an_operand(backend: Backend) -> None:
    xp = backend.xp
    with pytest.raises(TypeError):
        backend.matmul(xp.ones((2, 2)), xp.ones((2, 2)), out=xp.zeros((2, 2), dtype="int32"))
    a, b = random(xp, 4, 4, dtype="float64"), random(xp, 4, 4, dtype="float64")
    expected = backend.to_numpy(a) @ backend.to_numpy(b)
    y = xp.zeros((4, 4), dtype="float32")
    assert backend.matmul(a, b, out=y) is y
    np.testing.assert_allclose(backend.to_numpy(y), expected, rtol=1e-5)
    larger = xp.zeros((5, 4))
    larger[:4] = a
    assert backend.matmul(larger[:4], b, out=larger[1:]) is not None
    np.testing.assert_allclose(backend.to_numpy(larger[1:]), expected, 1e-13, 1e-13)
    backend.matmul(a, b, out=b)
    np.testing.assert_allclose(backend.to_numpy(b), expected, 1e-13, 1e-13)


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [("float32", "float64", "float64"), ("float16", "float32", "float32"), ("int32", "float32", "float64"),
     ("int32", "int32", "int32"), ("bool", "bool", "bool"), ("uint8", "uint8", "uint8"), ("complex64", "complex64", "complex64")],
)  # fmt: skip
def test_other_dtypes(backend: Backend, left: str, right: str, result: str) -> None:
    a, b = (random(backend.xp, *shape).astype(dtype) for shape, dtype in (((2, 4, 5), left), ((5, 3), right)))
    y = backend.matmul(a, b)
    assert y.dtype == result
    np.testing.assert_allclose(backend.to_numpy(y), backend.to_numpy(a) @ backend.to_numpy(b), rtol=1e-5)


@pytest.mark.parametrize("shapes", [((4, 5), (4, 3)), ((2, 4, 5), (3, 5, 3)), ((5,), (4,)), ((), (4, 5))])
def test_shapes_that_do_not_fit(backend: Backend, shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError):
        backend.matmul(*(backend.xp.zeros(shape, dtype="float32") for shape in shapes))
    with pytest.raises(ValueError):
        backend.matmul(backend.xp.zeros((2, 3)), backend.xp.zeros((3, 4)), out=backend.xp.zeros((4, 2)))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "elu"])
def test_values_that_are_not_finite_go_through_an_activation(backend: Backend, activation: str, dtype: str) -> None:
    values = np.array([[np.nan, -np.inf, np.inf, -2.0, 2.0, 0.0]] * 3, dtype)
    y = backend.add_bias(backend.asarray(values.copy()), backend.asarray(np.zeros(6, dtype)), activation)
    formula = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}
    formula["elu"] = lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    assert y.dtype == dtype
    np.testing.assert_allclose(
        backend.to_numpy(y), formula[activation](values), rtol=2e-3 if dtype == "float16" else 1e-6
    )


# -- on a GPU --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def gpu() -> Iterator[Any]:
    if backends.gpu_status():
        pytest.skip(backends.gpu_status())
    with backends.device("gpu") as backend:
        yield backend


class Counting:
    """The library, with the calls of products noted: in which precision each computes."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.calls: list[int] = []

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.library, name)
        if not name.startswith("cublasGemm"):
            return function

        def call(*arguments: Any) -> Any:
            self.calls.append(arguments[-2])
            return function(*arguments)

        return call


@pytest.fixture
def counting(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> Counting:
    library = Counting(gpu._blas._library)
    monkeypatch.setattr(gpu._blas, "_library", library)
    return library


@pytest.mark.parametrize("operands", OPERANDS)
def test_number_of_calls(gpu: Any, counting: Counting, operands: str) -> None:
    make, calls = OPERANDS[operands]
    gpu.matmul(*make(gpu.xp))
    assert len(counting.calls) == calls


def test_precision(gpu: Any, counting: Counting) -> None:
    """float32 is multiplied in float32, unless another precision is chosen; all else is what it is."""
    cp, (single, double, fast) = gpu.xp, (68, 70, 77)  # cublasComputeType_t
    try:
        for dtype, exact, on_request in (
            ("float32", single, fast),
            ("float64", double, double),
            ("float16", single, single),
        ):
            x = cp.ones((2, 3, 3), dtype)
            for precision, expected in (("float32", exact), ("tensorfloat32", on_request)):
                backends.set_matmul_precision(precision)
                gpu.matmul(x, x)
                gpu.matmul(x[0], x[1])
                assert counting.calls[-2:] == [expected, expected], (dtype, precision)
    finally:
        backends.set_matmul_precision(None)


@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_bfloat16(gpu: Any, monkeypatch: pytest.MonkeyPatch, has_bfloat16: bool) -> None:
    """Multiplied as such, or, on a GPU that is too old, in float32."""
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    monkeypatch.setattr(gpu._blas, "has_bfloat16", has_bfloat16)
    a, b = random(gpu.xp, 2, 4, 5).astype(bfloat16), random(gpu.xp, 5, 3).astype(bfloat16)
    expected = a.get().astype("float32") @ b.get().astype("float32")
    out = gpu.xp.empty((2, 4, 3), bfloat16)
    for y in (gpu.matmul(a, b), gpu.matmul(a, b, out=out)):
        assert y.dtype == bfloat16
        np.testing.assert_allclose(y.get().astype("float32"), expected, rtol=1e-2)
    y = gpu.affine(a, b, gpu.xp.ones(3, bfloat16), "relu")
    assert y.dtype == bfloat16
    np.testing.assert_allclose(y.get().astype("float32"), np.maximum(expected + 1, 0), rtol=2e-2, atol=2e-2)


def test_products_are_recorded_and_replayed(gpu: Any) -> None:
    """In a graph they compute from what is in memory when it is launched."""
    cp = gpu.xp
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        x, heads = random(cp, 4, 5), random(cp, 9, 6, 7, 5)
        w, b = random(cp, 5, 3), random(cp, 3)
        gradient = cp.zeros((5, 3), "float32")

        def compute() -> tuple[Any, ...]:
            y = gpu.affine(x, w, b, "relu")
            scores = gpu.matmul(heads.transpose(0, 2, 1, 3), heads.transpose(0, 2, 3, 1))
            return y, gpu.matmul(x.T, y, out=gradient), scores

        compute()
        stream.synchronize()
        gradient.fill(0)
        stream.begin_capture(cp.cuda.runtime.streamCaptureModeThreadLocal)
        results = compute()
        graph = stream.end_capture()
        assert not gradient.get().any()  # recorded, not computed
        for factor in (1, -2):
            x *= factor
            heads *= factor
            graph.launch(stream)
            got = [y.get() for y in results]
            for y, expected in zip(got, compute()):
                np.testing.assert_array_equal(y, expected.get())
            np.testing.assert_allclose(got[0], np.maximum(x.get() @ w.get() + b.get(), 0), rtol=1e-5, atol=1e-6)


def test_every_stream_has_its_workspace(gpu: Any) -> None:
    """A graph uses the one of the stream that it was recorded from, which a product on another stream must not touch."""
    cp, blas = gpu.xp, gpu._blas
    streams = [cp.cuda.Stream(non_blocking=True) for _ in range(2)]
    memories = []
    for stream in (*streams, *streams):
        with stream:
            gpu.matmul(cp.ones((2, 2)), cp.ones((2, 2)))
        assert blas._stream == stream.ptr
        memories.append(blas._workspaces[stream.ptr])
    assert memories[0] is memories[2]
    assert memories[1] is memories[3]
    assert memories[0].ptr != memories[1].ptr
    address = streams[0].ptr
    del streams, stream
    assert address not in blas._workspaces
    gpu.matmul(cp.ones((2, 2)), cp.ones((2, 2)))


def test_error_of_cublas(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet_backends.gpu.blas import CublasError

    class Failing:
        def __init__(self, status: int) -> None:
            self.status = status

        def cublasGemmEx(self, *arguments: Any) -> int:
            return self.status

    x = gpu.xp.ones((3, 4), "float32")
    gpu.matmul(x, x.T)
    for status, message in (
        (13, r"EXECUTION_FAILED \(13\)$"),
        (3, r"ALLOC_FAILED \(3\); the GPU has too little free memory"),
    ):
        monkeypatch.setattr(gpu._blas, "_library", Failing(status))
        with pytest.raises(
            CublasError, match=r"a product of 1 float32 matrices, \(3, 4\) @ \(4, 3\): CUBLAS_STATUS_" + message
        ):
            gpu.matmul(x, x.T)


def test_sizes_that_cublas_does_not_take(gpu: Any) -> None:
    x = gpu.xp.ones(1, "float32")
    huge = gpu.xp.ndarray((2, 1), "float32", x.data, (4 << 31, 4))
    with pytest.raises(ValueError, match="cuBLAS takes no axis or stride over 2147483647; multiply parts"):
        gpu.matmul(huge, gpu.xp.ones((1, 2), "float32"))


def test_cublas_that_cannot_be_loaded(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import cupy_backends.cuda.libs as libraries
    from dualnet_backends.gpu import blas

    gpu.matmul(gpu.xp.ones((2, 2)), gpu.xp.ones((2, 2)))  # loads it
    monkeypatch.setitem(sys.modules, "cupy_backends.cuda.libs.cublas", None)
    monkeypatch.delattr(libraries, "cublas", raising=False)
    with pytest.raises(blas.CublasError, match=r"a product on a GPU needs cuBLAS, .*: pip install 'dualnet\[cuda12\]'"):
        blas.library.__wrapped__()


def test_products_of_several_threads(gpu: Any) -> None:
    """Each goes to the stream of its thread."""
    cp, wrong = gpu.xp, []

    def work(value: float) -> None:
        with backends.device("gpu"), cp.cuda.Stream(non_blocking=True):
            for n in range(1, 40):
                a = cp.full((n, 5), value, dtype="float32")
                y = gpu.matmul(a, cp.ones((5, 3), dtype="float32")).get()
                if not (y == 5 * value).all():
                    wrong.append(n)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong

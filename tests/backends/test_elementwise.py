"""What a backend computes in the place of a formula: the value and the gradient are those of the formula, for every op."""

from __future__ import annotations

import importlib.util
import inspect
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet.ops.nn import activation, crossentropy_loss, regression_loss, shrinkage

NUMBERS: dict[str, tuple[Any, ...]] = {
    "elu": (0.7,),
    "leaky_relu": (0.1,),
    "celu": (1.5,),
    "gelu": (False,),
    "hard_shrink": (0.3,),
    "soft_shrink": (0.3,),
    "squareplus": (2,),
    "huber": (0.4,),
    "pseudo_huber": (0.4,),
}
# Of what is not a number of any size, the range from which it is drawn; percentages so that float16 can hold their sum.
RANGES = dict.fromkeys(
    ("kl_divergence", "_binary_cross_entropy", "mean_squared_logarithmic_error", "poisson"), (0.05, 0.95)
)
RANGES["mean_absolute_percentage_error"] = (0.5, 0.95)
TOLERANCES = {"float16": 4e-3, "float32": 3e-6, "float64": 1e-13}


def formulas(*modules: Any, parameter: str) -> dict[str, Any]:
    """The formulas of modules that a backend may compute, by name: what the decorators of ``ops/_elementwise.py`` wrap."""
    found = {}
    for module in modules:
        for function in vars(module).values():
            array_code = getattr(function, "primitive", None)
            wrapped = getattr(array_code, "__wrapped__", None)
            if wrapped is not None and parameter in inspect.signature(wrapped).parameters:
                found[wrapped.__name__] = wrapped
    return found


SINGLE = formulas(activation, shrinkage, parameter="x")
PAIRS = formulas(crossentropy_loss, regression_loss, parameter="target")


def cases(table: dict[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    return [(name, numbers) for name in table for numbers in {(), NUMBERS.get(name, ())}]


@pytest.mark.skipif(not importlib.util.find_spec("cupy"), reason="needs CuPy")
def test_a_gpu_has_a_kernel_of_each() -> None:
    from dualnet_backends.gpu import elementwise

    assert set(SINGLE) == set(elementwise._FUNCTIONS)
    assert set(PAIRS) == set(elementwise._PAIRS)


def compare(backend: Backend, got: Any, expected: Any, dtype: str) -> None:
    assert got.dtype == expected.dtype == dtype
    got, expected = backend.to_numpy(got), backend.to_numpy(expected)
    np.testing.assert_allclose(got, expected, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("name", "numbers"), cases(SINGLE))
def test_of_one_element(backend: Backend, name: str, numbers: tuple[Any, ...], dtype: str) -> None:
    r = np.random.default_rng(0)
    x = np.concatenate([r.normal(size=300) * 3, [0.0, -0.0, np.nan, 30.0, -30.0, 1.0, -1.0]]).astype(dtype)
    x, dy = backend.asarray(x), backend.asarray(r.normal(size=x.shape).astype(dtype))
    y, gradient = backend.elementwise(SINGLE[name], x, *numbers)
    reference, expected = Backend.elementwise(backend, SINGLE[name], x, *numbers)
    compare(backend, y, reference, dtype)
    compare(backend, gradient(dy), expected(dy).astype(dtype), dtype)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shape", [(40,), (40, 1), (6, 7), (2, 3, 300)])
@pytest.mark.parametrize(("name", "numbers"), cases(PAIRS))
def test_of_a_pair(backend: Backend, name: str, numbers: tuple[Any, ...], shape: tuple[int, ...], dtype: str) -> None:
    r = np.random.default_rng(0)
    limits, epsilon = RANGES.get(name), dualnet.config.epsilon()
    target, output = (
        backend.asarray((r.normal(size=shape) if limits is None else r.uniform(*limits, shape)).astype(dtype))
        for _ in range(2)
    )
    for t in (target, backend.asarray(r.integers(1, 3, shape))):
        y, gradients = backend.pairwise(PAIRS[name], epsilon, t, output, *numbers)
        reference, expected = Backend.pairwise(backend, PAIRS[name], epsilon, t, output, *numbers)
        compare(backend, y, reference, dtype)
        dy = backend.asarray(r.normal(size=reference.shape).astype(dtype))
        for wanted in ([None, None], [False, None], [None, False]):
            for i, (got, right) in enumerate(zip(gradients(dy, wanted), expected(dy, wanted))):
                if wanted[i] is None and (i or t.dtype.kind == "f"):
                    compare(backend, got, right.astype(dtype), dtype)

"""The kernels of a GPU are those that run, whatever the floating point dtype, and in 16 bits they compute in more."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import tree

from .test_contract import KERNELS, contiguous, public, run

cupy = pytest.importorskip("cupy")

from dualnet_backends.gpu.elementwise import CupyElementwise  # noqa: E402
from dualnet_backends.gpu.normalization import CupyNormalization  # noqa: E402
from dualnet_backends.gpu.reductions import CupyReductions  # noqa: E402
from dualnet_backends.gpu.softmax import CupySoftmax  # noqa: E402

MIXINS: tuple[type, ...] = (CupyElementwise, CupyNormalization, CupyReductions, CupySoftmax)
NAMES = [name for mixin in MIXINS for name in vars(mixin) if not name.startswith("_")]
# Rows of the contract test that are there for what the kernels leave to the reference.
LEFT = {
    "total": {4},  # weights along the last axis
    "add_values_to_mean": {4},
    "standardize": {7, 8},  # means over the first axes; gamma and beta along different ones
    "activation_gradients": {3, 4},  # nothing to compute; no bias
}


@pytest.fixture
def gpu() -> Any:
    try:
        return backends.get("gpu")
    except RuntimeError as error:
        pytest.skip(str(error))


def rows(name: str, dtype: str) -> list[tuple[Any, ...]]:
    """The arguments of the rows that a kernel computes, of 22 samples, or of so many that several blocks share a sum."""
    makers = [make for i, make in enumerate(KERNELS[name][0]) if i not in LEFT.get(name, ())]
    sizes = (22,) if dtype == "float16" or name == "add_largest" else (22, 5003)
    return [make(np.random.default_rng(n), n, dtype) for n in sizes for make in makers]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_takes_the_place_of_the_reference(
    gpu: Backend, monkeypatch: pytest.MonkeyPatch, name: str, dtype: str
) -> None:
    """Row by row of the contract test: no call falls back, and results are those of float64, as far as the dtype goes."""
    wide = backends.get("cpu")
    tolerance = {"float16": 2e-2, "float32": 2e-4, "float64": 1e-11}[dtype]
    for args in rows(name, dtype):
        exact = tree.map_structure(lambda x: x.astype("float64") if _is_float(x) else x, args)
        exact = [("float64" if x == "float16" else x) if isinstance(x, str) else x for x in exact]
        expected = run(wide, getattr(Backend, name).__get__(wide), tuple(exact), contiguous)
        with monkeypatch.context() as patch:
            for owner in Backend.__mro__:
                if name in vars(owner):
                    patch.setattr(owner, name, _refuse)
            got = run(gpu, getattr(gpu, name), args, contiguous)
        assert len(got) == len(expected)
        for x, y in zip(got, expected):
            if x.dtype.kind == "f":
                np.testing.assert_allclose(x.astype("float64"), y, rtol=tolerance, atol=tolerance)


def test_there_are_kernels_for_all_that_is_named() -> None:
    assert set(NAMES) <= set(public(Backend))


def _is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def _refuse(*args: Any, **options: Any) -> Any:
    raise AssertionError("the reference was called")

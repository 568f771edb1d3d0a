"""The names of dualnet.mixed_precision."""

from __future__ import annotations

import dualnet_backends as backends
import numpy as np
import pytest

from dualnet import config, dtype_policies, layers, mixed_precision, ops, optimizers


def test_names_are_those_of_other_modules() -> None:
    assert mixed_precision.Policy is mixed_precision.DTypePolicy is dtype_policies.DTypePolicy
    assert mixed_precision.LossScaleOptimizer is optimizers.LossScaleOptimizer
    assert mixed_precision.set_global_policy is config.set_dtype_policy


def test_the_global_policy() -> None:
    mixed_precision.set_global_policy("float64")
    try:
        assert mixed_precision.global_policy().name == "float64"
        assert layers.Dense(1).dtype == "float64"
    finally:
        mixed_precision.set_global_policy(None)
    assert mixed_precision.global_policy().name == "float32"
    with pytest.raises(ValueError, match="mixed_float8"):
        mixed_precision.Policy("mixed_float8")


@pytest.mark.parametrize("shape", [(2, 4), (2, 5, 4), (2, 3, 5, 4)])
def test_dense_in_bfloat16(backend: backends.Backend, shape: tuple[int, ...]) -> None:
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes: pip install 'dualnet[bfloat16]'")
    x = ops.cast(np.ones(shape), "bfloat16")
    layer = layers.Dense(3, activation="tanh", dtype="bfloat16")
    assert layer(x).dtype == "bfloat16"
    assert ops.matmul(x, ops.cast(np.ones((4, 2)), "bfloat16")).dtype == "bfloat16"

"""Ten steps of every optimizer and variant end where Keras's end, with the same state in the same order."""

from __future__ import annotations

from typing import Any

import pytest

import dualnet
from dualnet import Optimizer, optimizers
from tests import parity

from . import trajectory_cases

FROZEN = parity.frozen(trajectory_cases.__file__)
# JAX compiles these anew at every step. Two are left in.
SLOW = {
    name for name in trajectory_cases.CASES if "accumulation" in name or name in ("a schedule", "LossScaleOptimizer")
}
SLOW -= {"SGD, ema, accumulation", "Adam, accumulation, clipped"}
every_case = pytest.mark.parametrize("name", trajectory_cases.CASES)


def compare(got: Any, expected: Any) -> None:
    # Keras computes powers such as 1 - 0.999^t in float32, where the first is off by 5e-5.
    parity.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@every_case
def test_as_keras_did(name: str) -> None:
    compare(parity.run(trajectory_cases.CASES[name], dualnet), FROZEN[name])


@pytest.mark.parametrize("name", [name for name in trajectory_cases.CASES if name not in SLOW])
def test_keras_still_does(name: str, keras: Any) -> None:
    compare(parity.run(trajectory_cases.CASES[name], keras), FROZEN[name])


def test_every_optimizer_has_a_row() -> None:
    classes = {
        n for n in optimizers.__all__ if isinstance(c := getattr(optimizers, n), type) and issubclass(c, Optimizer)
    }
    assert {*trajectory_cases.VARIANTS, "MultiOptimizer", "LossScaleOptimizer", "Optimizer"} == classes

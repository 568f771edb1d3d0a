"""The update of every optimizer, and all noise, in a recorded step: the same bits as kernel by kernel, and nothing left out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import Input, Sequential, layers, optimizers
from dualnet.ops.nn import distributions, noise
from tests.optimizers.trajectory_cases import VARIANTS

from .test_graphs import LABELS, Phases, X, assert_recorded

pytestmark = pytest.mark.usefixtures("device")
KEY = (0x0123456789ABCDEF, 0xFEDCBA9876543210)
COMMON: dict[str, dict[str, Any]] = {
    "clipnorm": {"clipnorm": 0.1},
    "clipvalue": {"clipvalue": 0.01, "loss_scale_factor": 8.0},
    "global_clipnorm": {"global_clipnorm": 0.1},
    "a schedule": {"learning_rate": optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)},
}
ALL = {name: options[-1] for name, options in VARIANTS.items()}


def noisy() -> Sequential:
    return Sequential([
        Input((6,)),
        layers.GaussianNoise(0.2),
        layers.Dense(8, activation="relu"),
        layers.AlphaDropout(0.1),
        layers.Dropout(0.2),
        layers.GaussianDropout(0.1),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


def fitted(make: Callable[[], Any], recorded: bool) -> Any:
    (dualnet.config.enable_graphs if recorded else dualnet.config.disable_graphs)()
    dualnet.utils.set_random_seed(7)
    model = noisy()
    model.compile(make(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, LABELS, batch_size=8, epochs=2, verbose=0).history
    return model, [v.numpy().tobytes() for v in (*model.variables, *model.optimizer.variables)], history


def assert_alike(make: Callable[[], Any], phases: Phases = Phases.METRICS) -> None:
    _, *expected = fitted(make, recorded=False)
    model, *got = fitted(make, recorded=True)
    assert got == expected
    assert_recorded(model, phases)


@pytest.mark.parametrize("name", ALL)
def test_every_rule(name: str) -> None:
    options = {"weight_decay": 0.01, "use_ema": True, "ema_momentum": 0.8, **ALL[name]}
    assert_alike(lambda: getattr(optimizers, name)(0.01, **options))


@pytest.mark.parametrize("what", COMMON)
def test_limits_and_schedules(what: str) -> None:
    assert_alike(lambda: optimizers.Adam(**{"learning_rate": 0.01, **COMMON[what]}))


def test_several_optimizers() -> None:
    def make() -> Any:
        sgd, nadam = optimizers.SGD(0.1, momentum=0.9), optimizers.Nadam(0.01, weight_decay=0.1)
        return optimizers.MultiOptimizer(lambda variable: sgd if variable.ndim == 1 else nadam)

    assert_alike(make)


class OfTheUser(optimizers.SGD):
    def update(self, backend: Any, w: Any, g: Any, slots: Any, lr: float, t: int) -> None:
        super().update(backend, w, g, slots, lr / t, t)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: optimizers.Adam(gradient_accumulation_steps=2), "Adam accumulates gradients"),
        (lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=2), "Adam overwrites the weights"),
        (lambda: optimizers.LossScaleOptimizer(optimizers.Adam()), "LossScaleOptimizer skips the steps"),
        (OfTheUser, "OfTheUser has an update"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_updates_that_run_as_written(make: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "dualnet.capture"):
        assert_alike(make, Phases.COMPUTE)
    assert reason in caplog.text


@pytest.mark.parametrize(
    ("op", "arrays", "args"),
    [
        (noise.gaussian_noise, [X], (0.3,)),
        (noise.gaussian_dropout, [X], (0.3,)),
        (noise.alpha_dropout, [X], (0.3,)),
        (noise._dropout, [X], (0.3,)),
        (distributions.uniform, [X], ((5, 3), -1.0, 2.0)),
        (distributions.gamma, [X[:, :1] ** 2 + 0.1], ((44, 3),)),
        (distributions.beta, [X[:, :1] ** 2 + 0.1, X[:, 1:2] ** 2 + 0.1], ((44, 3),)),
        (distributions.binomial, [abs(X[:, :1]) * 40 // 1, X[:, 1:2] * 0 + 0.3], ((44, 3),)),
        (distributions.categorical, [X], (9,)),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_a_step_that_is_a_number_on_the_device(op: Any, arrays: list[Any], args: tuple[Any, ...]) -> None:
    """As the program of a recorded step passes it. The numbers are those of the same step on the host."""
    backend = backends.current()
    values = [backend.asarray(np.asarray(a, "float32")) for a in arrays]
    function = op.__wrapped__
    context = backend if "backend" in function.__code__.co_varnames[:1] else backend.xp
    for step in (3, 2**40 + 1):
        expected, _ = function(context, *values, *args, KEY, step)
        got, _ = function(context, *values, *args, KEY, backend.asarray(np.asarray(step, "uint64")))
        other, _ = function(context, *values, *args, KEY, backend.asarray(np.asarray(step + 1, "uint64")))
        np.testing.assert_array_equal(backend.to_numpy(got), backend.to_numpy(expected))
        assert (backend.to_numpy(other) != backend.to_numpy(expected)).any()

"""Learning rate schedules: Keras's numbers, on numbers and tensors, on the host and on a device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet.optimizers import SGD, Adam, Optimizer, schedules
from tests import parity
from tests.backends import strict

from . import schedule_cases
from .schedule_cases import SCHEDULES, STEPS

FROZEN = parity.frozen(schedule_cases.__file__)
every_case = pytest.mark.parametrize("name", schedule_cases.CASES)


def all_schedules() -> Iterator[Any]:
    for name, variants in SCHEDULES.items():
        for what, arguments in variants:
            yield pytest.param(getattr(schedules, name), arguments, id=f"{name} {what}".strip())


every_schedule = pytest.mark.parametrize(("cls", "arguments"), list(all_schedules()))


@every_case
def test_as_keras_did(name: str) -> None:
    got = parity.run(schedule_cases.CASES[name], dualnet)
    # Keras's are float32: 1e-8 is a rounding error of 0.1.
    np.testing.assert_allclose(got, FROZEN[name], rtol=1e-5, atol=1e-8)


@every_case
def test_keras_still_does(name: str, keras: Any) -> None:
    np.testing.assert_allclose(parity.run(schedule_cases.CASES[name], keras), FROZEN[name], rtol=1e-6, atol=1e-9)


def test_every_schedule_has_a_row() -> None:
    assert {*SCHEDULES, "LearningRateSchedule", "serialize", "deserialize"} == set(schedules.__all__)


@every_schedule
def test_numbers_tensors_and_arrays_give_the_same(backend: Backend, cls: Any, arguments: dict[str, Any]) -> None:
    schedule = cls(**arguments)
    one_by_one = [schedule(step).numpy() for step in STEPS]
    assert {(v.dtype, v.shape) for v in one_by_one} == {(np.dtype("float32"), ())}
    for dtype in ("int64", "float32"):
        steps = dualnet.Tensor(backend.asarray(STEPS, dtype))
        rates = schedule(steps)
        assert (rates.device, rates.shape, str(rates.dtype)) == (backend.device, (len(STEPS),), "float32")
        np.testing.assert_allclose(rates.numpy(), one_by_one, rtol=1e-6, atol=1e-9)
    assert float(schedule(dualnet.Variable(3))) == pytest.approx(float(schedule(3)))


@every_schedule
def test_config(cls: Any, arguments: dict[str, Any]) -> None:
    schedule = cls(**arguments, name="mine")
    config = schedule.get_config()
    assert {**config, **arguments, "name": "mine"} == config
    again = schedules.deserialize(schedules.serialize(schedule))
    assert (type(again), again.get_config()) == (cls, config)
    optimizer = Adam.from_config(Adam(schedule).get_config())
    assert optimizer.get_config()["learning_rate"]["config"] == config


@every_schedule
def test_no_transfer_in_a_step(cls: Any, arguments: dict[str, Any]) -> None:
    with backends.device("strict:0"):
        weight = dualnet.Variable(np.ones(3, "float32"))
        optimizer = SGD(cls(**arguments))
        optimizer.build([weight])
        weight.grad.fill(1.0)  # type: ignore[union-attr]
        with strict.step():
            for _ in range(3):
                optimizer.apply_in_place()
        taken = sum(float(cls(**arguments)(step)) for step in range(3))
        np.testing.assert_allclose(weight.numpy(), 1 - taken, rtol=1e-5)


class OfTheUser(schedules.LearningRateSchedule):
    """With ops of tensors, and a formula that a plain 0 would end."""

    def __init__(self, d_model: int = 16) -> None:
        self.d_model = d_model

    def __call__(self, step: Any) -> Any:
        step = dualnet.ops.cast(step, "float32")
        return dualnet.ops.minimum(dualnet.ops.rsqrt(step), step * 0.01) * self.d_model**-0.5

    def get_config(self) -> dict[str, Any]:
        return {"d_model": self.d_model}


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_schedule_of_the_user(backend: Backend) -> None:
    optimizer: Optimizer = SGD(OfTheUser())
    weight = dualnet.Variable(np.zeros(2, "float32"))
    rates = []
    for _ in range(4):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([dualnet.ops.ones(2)], [weight])
    assert rates == pytest.approx([min(1 / math.sqrt(t) if t else math.inf, t / 100) / 4 for t in range(4)])
    np.testing.assert_allclose(weight.numpy(), -sum(rates), rtol=1e-6)
    with dualnet.saving.custom_object_scope({"OfTheUser": OfTheUser}):
        assert SGD.from_config(optimizer.get_config()).get_config() == optimizer.get_config()


WRONG: dict[str, tuple[Any, str]] = {
    "decay_steps": (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "`decay_steps` must be > 0"),
    "decay_steps of a cosine": (lambda: schedules.CosineDecay(0.1, -1), "`decay_steps` must be > 0"),
    "first_decay_steps": (lambda: schedules.CosineDecayRestarts(0.1, 0), "`first_decay_steps` must be > 0"),
    "t_mul": (lambda: schedules.CosineDecayRestarts(0.1, 5, t_mul=0), "`t_mul` must be > 0"),
    "values": (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "2 boundaries .* and 2 values"),
    "order": (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 2, 3]), "must increase"),
    "warmup": (lambda: schedules.CosineDecay(0.1, 5, warmup_steps=-1), "warmup_steps must not be negative"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_not_defined() -> None:
    with pytest.raises(NotImplementedError, match="LearningRateSchedule must define __call__"):
        schedules.LearningRateSchedule()(1)
    with pytest.raises(NotImplementedError, match="to be saved"):
        schedules.LearningRateSchedule().get_config()


def test_a_rate_may_come_from_a_tensor_or_a_variable() -> None:
    optimizer = Adam(0.5)
    schedule = schedules.PolynomialDecay(optimizer.learning_rate, 4)
    assert schedule.get_config()["initial_learning_rate"] == 0.5
    optimizer.learning_rate = schedule
    assert [v.name for v in optimizer.variables] == ["iteration"]


def test_restarts_begin_on_their_step() -> None:
    """Where a period begins is exact: a rounding error there would be the difference between full and none."""
    schedule = schedules.CosineDecayRestarts(1.0, 5, t_mul=3.0)
    begins = [5 * (3**n - 1) // 2 for n in range(12)]
    assert [float(schedule(step)) for step in begins] == pytest.approx([1.0] * 12, abs=1e-6)

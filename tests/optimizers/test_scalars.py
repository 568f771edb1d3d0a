"""The numbers of an update that the host computes, as numbers and on the device; and updates that users write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet import Optimizer, Variable, optimizers, tree
from dualnet.optimizers import SGD, Adam
from tests.backends import strict

from .trajectory_cases import VALUES, VARIANTS

RANDOM = np.random.default_rng(4)
GRADIENTS = [[RANDOM.normal(size=v.shape) * 3.0**-step for v in VALUES.values()] for step in range(4)]
COMMON: list[dict[str, Any]] = [{}, {"weight_decay": 0.1, "use_ema": True, "ema_momentum": 0.7, "global_clipnorm": 2.0}]
rules = pytest.mark.parametrize(
    ("name", "options"), [(n, o) for n, rows in VARIANTS.items() for o in rows], ids=lambda v: str(v)
)
# Their powers, norms or products are those of the device, within rounding.
ROUNDED = ("Ftrl", "Lamb", "Adafactor", "Muon")


def trained(optimizer: Optimizer, dtype: str, on_device: bool = False) -> list[Any]:
    """Weights and state after some updates. on_device: with the numbers in 0-d arrays, as in a captured step."""
    weights = [Variable(value.astype(dtype), dtype=dtype, name=name) for name, value in VALUES.items()]
    optimizer.build(weights)
    for gradients in GRADIENTS:
        if not on_device:
            optimizer.apply([g.astype(dtype) for g in gradients], weights)
            continue
        for v, g in zip(weights, gradients):
            v.grad[...] = dualnet.ops.convert_to_tensor(g.astype(dtype)).data  # type: ignore[index]
        numbers = [np.asarray(x, optimizer.scalar_dtype) for x in tree.flatten(optimizer.read_scalars())]
        arrays = [dualnet.ops.convert_to_tensor(x).data for x in numbers]
        scalars = tree.pack_sequence_as(optimizer.read_scalars(), arrays)
        with strict.step():
            optimizer.apply_in_place(scalars=scalars)
        optimizer.advance()
    return [v.numpy() for v in (*weights, *optimizer.variables)]


def assert_same(got: list[Any], expected: list[Any], rounded: bool = False) -> None:
    assert len(got) == len(expected)
    for a, b in zip(got, expected):
        assert a.dtype == b.dtype
        if rounded:
            tolerance = 50 * np.finfo(a.dtype).eps if a.dtype.kind == "f" else 0
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(a, b)


@rules
@pytest.mark.parametrize("common", COMMON, ids=str)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_numbers_on_the_device_give_the_same_bits(
    backend: Backend, name: str, options: dict[str, Any], common: dict[str, Any], dtype: str
) -> None:
    def make() -> Any:
        return getattr(optimizers, name)(0.01, **{**common, **options})

    with np.errstate(all="ignore"):
        expected = trained(make(), dtype)
        assert_same(trained(make(), dtype, on_device=True), expected)
        with dualnet.device("cpu"):
            on_cpu = trained(make(), dtype)
    if backend.name == "cupy" and "global_clipnorm" in common:
        return  # a sum in another order
    if backend.name == "cupy" and name in ROUNDED:
        assert_same(expected, on_cpu, rounded=True)
    else:
        assert_same(expected, on_cpu)


@rules
def test_reading_the_numbers_changes_nothing(name: str, options: dict[str, Any]) -> None:
    optimizer = getattr(optimizers, name)(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), **options)
    trained(optimizer, "float32")
    first = optimizer.read_scalars()
    assert optimizer.read_scalars() == first
    assert all(type(x) is float for x in tree.flatten(first))
    optimizer.advance()
    assert optimizer.read_scalars() != first


def test_the_numbers_of_several_optimizers() -> None:
    sgd, adam = SGD(0.1, weight_decay=0.5), Adam(0.2)
    both = optimizers.MultiOptimizer(lambda variable: sgd if variable.ndim == 1 else adam)
    trained(both, "float32")
    assert both.read_scalars() == (adam.read_scalars(), sgd.read_scalars())
    lr = float(np.float32(0.1))
    assert sgd.read_scalars() == ((1 - lr * 0.5,), (), (lr,))


# -- updates that users write ------------------------------------------------------------------------------------------


class Rule(Optimizer):
    """The protocol of the built-in optimizers."""

    slot_names = ("m",)

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        return (lr / t**0.5,)

    def update_rule(self, backend: Any, w: Any, g: Any, slots: Any, scalars: Any) -> None:
        (m,), (rate,) = slots, scalars
        m *= 0.5
        m += g
        w -= rate * m


class WithUpdate(Optimizer):
    slot_names = ("m",)

    def update(self, backend: Any, w: Any, g: Any, slots: Any, lr: float, t: int) -> None:
        assert type(lr) is float
        assert type(t) is int
        (m,) = slots
        m *= 0.5
        m += g
        w -= lr / t**0.5 * m


class WithStep(Optimizer):
    def build(self, variables: Any) -> None:
        super().build(variables)
        self.m = self.add_optimizer_variables(variables, "m")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        m = self.m[self._get_variable_index(variable)]
        t = int(self.iterations) + 1
        self.assign(m, 0.5 * m + gradient)
        self.assign_sub(variable, learning_rate / t**0.5 * m)


class OnUpdate(Rule):
    """An ``update`` over a rule."""

    def update(self, backend: Any, w: Any, g: Any, slots: Any, lr: float, t: int) -> None:
        super().update(backend, w, g, slots, lr, t)


class OnRule(WithUpdate):
    """A rule over an ``update``."""

    scalars = Rule.scalars
    update_rule = Rule.update_rule  # type: ignore[assignment]


@pytest.mark.parametrize("common", [*COMMON, {"gradient_accumulation_steps": 2, "loss_scale_factor": 4.0}], ids=str)
@pytest.mark.parametrize("cls", [WithUpdate, WithStep, OnUpdate, OnRule])
def test_the_ways_to_write_an_optimizer(backend: Backend, cls: Any, common: dict[str, Any]) -> None:
    expected = trained(Rule(0.1, **common), "float32")
    got = trained(cls(0.1, **common), "float32")
    for a, b in zip(got[: len(VALUES)], expected):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-7)
    assert (cls(0.1).why_updates_differ is None) == (cls is OnRule)


@pytest.mark.parametrize("cls", [Adam, SGD, optimizers.Nadam, optimizers.Lamb, optimizers.Muon])
def test_an_update_over_a_built_in_one(cls: Any) -> None:
    class Halved(cls):  # type: ignore[misc]
        def update(self, backend: Any, w: Any, g: Any, slots: Any, lr: float, t: int) -> None:
            super().update(backend, w, g, slots, lr / 2, t)

    assert not Halved(0.1).updates_alike
    options = {"weight_decay": None, **({"adam_weight_decay": None} if cls is optimizers.Muon else {})}
    got, expected = (trained(c(lr, **options), "float32") for c, lr in ((Halved, 0.1), (cls, 0.05)))
    assert_same(got[: len(VALUES)], expected[: len(VALUES)])


def test_an_update_of_one_optimizer_alone() -> None:
    optimizer, calls = SGD(0.1), []
    optimizer.update = lambda backend, w, g, slots, lr, t: calls.append((w.size, lr, t))  # type: ignore[method-assign]
    weights = trained(optimizer, "float64")
    np.testing.assert_array_equal(weights[0], VALUES["kernel"].astype("float64"))
    size = sum(v.size for v in VALUES.values())
    assert calls == [(size, float(np.float32(0.1)), t) for t in range(1, 5)]


def test_a_rule_that_takes_decay_and_one_that_does_not() -> None:
    class Plain(SGD):
        def update_rule(self, backend: Any, w: Any, g: Any, slots: Any, scalars: Any) -> None:  # type: ignore[override]
            w -= scalars[0] * g

    options = {"weight_decay": 0.3, "use_ema": True}
    assert_same(trained(Plain(0.1, **options), "float32"), trained(SGD(0.1, **options), "float32"))


def test_weights_of_which_some_do_not_decay(backend: Backend) -> None:
    results = []
    for excluded in ([], ["bias"], [".*"]):
        optimizer = Adam(0.1, weight_decay=0.5)
        if excluded:
            optimizer.exclude_from_weight_decay(var_names=excluded)
        results.append(trained(optimizer, "float32"))
    every, some, none = results
    assert_same([some[0], none[1], none[2]], [every[0], some[1], trained(Adam(0.1), "float32")[2]])
    assert (every[1] != some[1]).all()


# -- what an executor asks ---------------------------------------------------------------------------------------------


def test_why_updates_are_not_alike() -> None:
    class Begins(Adam):
        def begin_update(self, t: int) -> None:
            pass

    several = Adam()
    several.build([Variable(np.ones(2, d), dtype=d, name=d) for d in ("float32", "float64")])
    assert several.scalar_dtype is None
    reasons = {
        "accumulates gradients": Adam(gradient_accumulation_steps=2),
        "only in some steps": Adam(use_ema=True, ema_overwrite_frequency=2),
        "begin_update of its own": Begins(),
        "several dtypes": several,
        "not finite": optimizers.LossScaleOptimizer(SGD()),
        "Adam accumulates": optimizers.MultiOptimizer(optimizers.OptimizerMap(Adam(gradient_accumulation_steps=2))),
    }
    for reason, optimizer in reasons.items():
        assert reason in str(optimizer.why_updates_differ)
        assert not optimizer.updates_alike


def test_a_setting_that_a_captured_update_has_in_it(backend: Backend) -> None:
    optimizer = Adam(0.1)
    trained(optimizer, "float32")
    before = optimizer.settings_version
    optimizer.learning_rate = 0.2
    optimizer.beta_1 = optimizer.beta_1
    assert optimizer.settings_version == before
    for name, value in {"beta_1": 0.5, "epsilon": 1e-3, "weight_decay": 0.1, "clipnorm": 1.0, "amsgrad": True}.items():
        setattr(optimizer, name, value)
        assert optimizer.settings_version > before, name
        before = optimizer.settings_version
    optimizer.build([Variable(np.ones(2, "float32"), name="other")])
    assert optimizer.settings_version > before
    several = optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizer))
    before = several.settings_version
    optimizer.beta_2 = 0.9
    assert several.settings_version > before

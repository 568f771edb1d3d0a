"""LossScaleOptimizer and MultiOptimizer: optimizers around others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Variable, layers
from dualnet.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer, OptimizerMap, RMSprop

ONE = np.ones(2, "float32")
X = np.random.default_rng(1).normal(size=(12, 3)).astype("float32")
Y = X @ np.ones((3, 2), "float32")


def weight(name: str = "weight") -> Variable:
    return Variable(np.zeros(2, "float32"), name=name)


def model(optimizer: Any) -> Any:
    dualnet.utils.set_random_seed(7)
    result = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(4, name="first"), layers.Dense(2, name="second")])
    result.compile(optimizer, "mse")
    return result


# -- loss scale --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_step_with_a_gradient_that_is_not_finite_is_left_out(bad: float) -> None:
    v = weight()
    optimizer = LossScaleOptimizer(SGD(1.0), initial_scale=8.0, dynamic_growth_steps=3)
    assert optimizer.scale_loss(1.0) == 8.0
    for gradient, scale, value in ((8, 8, -1), (np.array([8, bad]), 4, -1), (4, 4, -2), (4, 4, -3), (4, 8, -4)):
        optimizer.apply([ONE * np.float32(gradient)], [v])
        assert (optimizer.scale_loss(1.0), v.numpy().tolist()) == (scale, [value, value])
    assert (int(optimizer.iterations), optimizer.step_count()) == (4, 4)


def test_training_with_a_loss_scale_is_training_without() -> None:
    one, two = model(SGD(0.1, momentum=0.9)), model(LossScaleOptimizer(SGD(0.1, momentum=0.9), dynamic_growth_steps=2))
    three = model(SGD(0.1, momentum=0.9, loss_scale_factor=1024.0))
    histories = [m.fit(X, Y, batch_size=4, epochs=2, verbose=0).history for m in (one, two, three)]
    for other, history in zip((two, three), histories[1:]):
        for a, b in zip(one.get_weights(), other.get_weights()):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        assert history["loss"] == pytest.approx(histories[0]["loss"])  # the loss itself, without a scale
    assert float(two.optimizer.dynamic_scale) == 2.0**15 * 8  # 6 steps


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_scale_that_changes_in_steps_that_are_repeated() -> None:
    results = []
    for run_eagerly in (True, False):
        optimizer = LossScaleOptimizer(SGD(0.1), initial_scale=2.0**127, dynamic_growth_steps=2)
        trained = model(optimizer)
        trained.compile(optimizer, "mse", run_eagerly=run_eagerly)
        trained.fit(X * 100, Y, batch_size=2, epochs=4, verbose=0)
        results.append((float(optimizer.dynamic_scale), int(optimizer.iterations), trained.get_weights()))
    eager, repeated = results
    assert eager[:2] == repeated[:2]
    assert eager[0] < 2.0**127
    assert 0 < eager[1] < 24  # some steps were left out, not all
    for a, b in zip(eager[2], repeated[2]):
        np.testing.assert_array_equal(a, b)


def test_the_gradients_of_a_model_are_looked_at_in_one_piece() -> None:
    optimizer = LossScaleOptimizer(SGD(1.0))
    trained = model(optimizer)
    trained.fit(X, Y, batch_size=4, verbose=0)
    assert [g.shape for g in optimizer._gradients([])] == [(trained.count_params(),)]
    kernel, *others = trained.trainable_variables
    around = optimizer._gradients([others[0]])
    assert [g.shape for g in around] == [(kernel.size,), (trained.count_params() - kernel.size - others[0].size,)]


def test_gradients_that_half_precision_has_no_numbers_for() -> None:
    tiny = 1e-9
    for factor, representable in ((None, False), (2.0**14, True)):
        v = Variable(np.zeros(2, "float16"))
        with dualnet.GradientTape() as tape:
            optimizer = SGD(1.0, loss_scale_factor=factor)
            loss = optimizer.scale_loss(dualnet.ops.sum(dualnet.ops.cast(v, "float32") * tiny))
        (gradient,) = tape.gradient(loss, [v])
        assert bool((gradient.numpy() != 0).all()) is representable


def test_the_inner_optimizer_is_the_one_that_counts() -> None:
    inner = Adam(0.5, use_ema=True, loss_scale_factor=100.0)
    optimizer = LossScaleOptimizer(inner)
    assert inner.loss_scale_factor is None
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == float(inner.learning_rate) == 0.25
    v = weight()
    optimizer.apply([ONE * 2**15], [v])
    optimizer.apply([ONE * 2**15], [v])
    optimizer.finalize_variable_values([v])
    np.testing.assert_array_equal(v.numpy(), inner.variables[2].numpy())


WRONG: dict[str, tuple[Any, str]] = {
    "not dynamic": (lambda: LossScaleOptimizer(SGD(), dynamic=False), "set `loss_scale_factor` on the other"),
    "belongs inside": (lambda: LossScaleOptimizer(SGD(), clipnorm=1.0), "on the `inner_optimizer`"),
    "unknown": (lambda: LossScaleOptimizer(SGD(), foo=1, bar=2), "arguments: `foo`, `bar`"),
    "nested": (lambda: OptimizerMap(SGD(), {"a": MultiOptimizer(OptimizerMap(SGD()))}), "cannot be MultiOptimizer"),
    "scaled": (lambda: OptimizerMap(SGD(), {"a": LossScaleOptimizer(SGD())}), "cannot be LossScaleOptimizer"),
    "no optimizer": (lambda: OptimizerMap(SGD(), {"a": 3}), "expected an optimizer for 'a'"),
    "no default": (lambda: OptimizerMap(None), "default_optimizer must be an optimizer"),
    "a list": (lambda: OptimizerMap(SGD(), [SGD()]), "must be a dictionary"),
    "a key twice": (lambda: OptimizerMap(SGD(), {"a": Adam()}).__setitem__("a", SGD()), "already has an optimizer"),
    "a key that is no text": (lambda: OptimizerMap(SGD(), {1: Adam()}), "a path or a regular expression"),
    "no map": (lambda: MultiOptimizer(SGD(), {"a": Adam()}), "give OptimizerMap"),
    "a function of anything": (lambda: MultiOptimizer(lambda v: 3).build([weight()]), "expected an optimizer for the"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        make()


# -- several -----------------------------------------------------------------------------------------------------------


def test_which_optimizer_a_variable_gets() -> None:
    adam, sgd, default = Adam(), SGD(), RMSprop()
    choice = OptimizerMap(default, {"dense/.*": adam})
    choice[".*/bias"] = sgd
    assert [choice[path] for path in ("dense/kernel", "conv/bias", "conv/kernel", "dense")] == [
        adam,
        sgd,
        default,
        default,
    ]
    assert (len(choice), list(choice)) == (2, ["dense/.*", ".*/bias"])
    with pytest.raises(ValueError, match=r"several optimizers match the variable 'dense/bias'"):
        choice["dense/bias"]
    del choice["dense/.*"]
    assert choice["dense/bias"] is sgd
    with dualnet.name_scope("conv"):
        assert choice(weight("bias")) is sgd


def test_each_variable_is_changed_by_its_own() -> None:
    several = MultiOptimizer(OptimizerMap(SGD(1.0), {".*first/.*": SGD(0.1)}))
    one, whole = model(several), model(SGD(0.1))
    other = model(SGD(1.0))
    for m in (one, whole, other):
        m.fit(X, Y, batch_size=12, verbose=0)
    for n, part in enumerate([whole, whole, other, other]):
        np.testing.assert_allclose(one.get_weights()[n], part.get_weights()[n], rtol=1e-6)
    assert [int(o.iterations) for o in (several, *several.optimizers)] == [1, 1, 1]


def test_frozen_layers_and_optimizers_left_with_nothing() -> None:
    net = model(MultiOptimizer(OptimizerMap(SGD(0.5), {".*first/.*": Adam(0.1)})))
    net.layers[0].trainable = False
    net.compile(net.optimizer, "mse")
    before = net.get_weights()
    net.fit(X, Y, verbose=0)
    changed = [bool((a != b).any()) for a, b in zip(before, net.get_weights())]
    assert changed == [False, False, True, True]
    assert [int(o.iterations) for o in net.optimizer.optimizers] == [0, 1]


def test_a_function_chooses() -> None:
    fast, slow = SGD(1.0), SGD(0.5)
    several = MultiOptimizer(lambda v: fast if v.name == "kernel" else slow)
    a, b = weight("kernel"), weight("bias")
    several.apply([ONE, ONE], [a, b])
    assert (several.optimizers, a.numpy()[0], b.numpy()[0]) == ([fast, slow], -1.0, -0.5)


def test_there_is_no_common_rate() -> None:
    several = MultiOptimizer(OptimizerMap(SGD(1.0)), loss_scale_factor=4.0)
    assert several.optimizers[0].loss_scale_factor == 4.0
    for use in (lambda: several.learning_rate, lambda: setattr(several, "learning_rate", 0.5)):
        with pytest.raises(AttributeError, match="has no learning rate of its own"):
            use()


def test_scaled_together() -> None:
    several = MultiOptimizer(OptimizerMap(SGD(0.5), {"a": SGD(1.0)}), loss_scale_factor=5.0)
    optimizer = LossScaleOptimizer(several, initial_scale=10.0)
    a, b = weight("a"), weight("b")
    optimizer.apply([ONE * 10, ONE * 10], [a, b])
    assert (several.optimizers[0].loss_scale_factor, a.numpy()[0], b.numpy()[0]) == (None, -1.0, -0.5)

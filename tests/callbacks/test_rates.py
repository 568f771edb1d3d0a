"""ReduceLROnPlateau, LearningRateScheduler and SwapEMAWeights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import callbacks as cb
from dualnet.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer, OptimizerMap, schedules
from tests import parity

from . import rate_cases
from .rate_cases import ScriptedModel, X, Y, network

FROZEN = parity.frozen(rate_cases.__file__)
every_case = pytest.mark.parametrize("name", rate_cases.CASES)


@every_case
def test_as_keras_did(name: str) -> None:
    parity.assert_close(parity.run(rate_cases.CASES[name], dualnet), FROZEN[name], rtol=2e-5, atol=2e-5)


@every_case
def test_keras_still_does(name: str, keras: Any) -> None:
    parity.assert_close(parity.run(rate_cases.CASES[name], keras), FROZEN[name], rtol=2e-5, atol=2e-5)


def test_averages_at_the_end_of_epochs() -> None:
    """As Keras 3.15 on torch did; on JAX it fails over arrays it has given away."""
    optimizer = Adam(0.1, use_ema=True, ema_momentum=0.7)
    results = rate_cases.fit(dualnet, optimizer, [cb.SwapEMAWeights(swap_on_epoch=True)])
    assert results["history"]["loss"] == pytest.approx([4.5141344, 3.5627289, 2.4579010, 1.2607460], rel=5e-5)
    assert results["history"]["val_loss"] == pytest.approx([4.8344903, 3.8476884, 2.5318551, 1.3260729], rel=5e-5)
    assert results["evaluate"] == pytest.approx(1.0549940, rel=5e-5)


@pytest.mark.parametrize(
    "callback", [cb.LearningRateScheduler(lambda epoch: 0.1), cb.ReduceLROnPlateau("loss", patience=1, min_delta=99)]
)
def test_an_optimizer_with_a_schedule_has_no_rate_to_set(callback: Any) -> None:
    model = network(dualnet, SGD(schedules.CosineDecay(0.1, 10)))
    with pytest.raises(TypeError, match="created with a `LearningRateSchedule`"):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[callback])


def test_what_a_schedule_may_return() -> None:
    optimizer = SGD(0.5)
    for value_returned, expected in (
        (dualnet.ops.exp(-1.0), np.exp(-1)),
        (np.float64(0.25), 0.25),
        (np.array(0.5), 0.5),
        (1, 1.0),
    ):
        scheduler = cb.LearningRateScheduler(partial(lambda value, epoch: value, value_returned))
        scheduler.set_model(ScriptedModel(optimizer))
        scheduler.on_epoch_begin(0)
        assert float(optimizer.learning_rate) == pytest.approx(expected)
    for wrong in (None, "0.1", True, [0.1]):
        scheduler = cb.LearningRateScheduler(partial(lambda value, epoch: value, wrong))
        scheduler.set_model(ScriptedModel(optimizer))
        with pytest.raises(ValueError, match="should be a float"):
            scheduler.on_epoch_begin(0)
    with pytest.raises(TypeError, match="needs a function"):
        cb.LearningRateScheduler(0.1)


def test_a_type_error_inside_a_schedule_is_its_own() -> None:
    """Keras would take it for a schedule of the epoch alone, and call it again."""
    scheduler = cb.LearningRateScheduler(lambda epoch, rate: rate + "x")
    scheduler.set_model(ScriptedModel(SGD(0.5)))
    with pytest.raises(TypeError, match="unsupported operand"):
        scheduler.on_epoch_begin(0)


def test_arguments_of_plateau() -> None:
    with pytest.raises(ValueError, match="factor >= 1.0"):
        cb.ReduceLROnPlateau(factor=1.0)
    with pytest.raises(TypeError, match="does not know the argument 'patienc'"):
        cb.ReduceLROnPlateau(patienc=3)
    assert cb.ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5


def test_plateau_of_a_result_that_is_missing_or_several_numbers() -> None:
    callback = cb.ReduceLROnPlateau("val_x", mode="min")
    callback.set_model(ScriptedModel(SGD(0.5)))
    callback.on_train_begin()
    with pytest.warns(UserWarning, match="`val_x` which is not available. Available metrics are: learning_rate,loss"):
        callback.on_epoch_end(0, {"loss": 1.0})
    callback.on_epoch_end(1, {"loss": 1.0})  # once is enough
    callback.on_epoch_end(2, {"val_x": [0.5]})
    assert callback.best == 0.5
    with pytest.raises(ValueError, match="expected one number"):
        callback.on_epoch_end(3, {"val_x": [0.5, 0.5]})


def test_several_optimizers_have_a_rate_each(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = SGD(0.5, name="first"), SGD(0.25, name="second")
    model = ScriptedModel(LossScaleOptimizer(MultiOptimizer(OptimizerMap(second, {"a": first}))))
    halving = cb.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    reducing = cb.ReduceLROnPlateau("loss", factor=0.1, patience=0, mode="min", verbose=1)
    logs = {"loss": 1.0}
    for callback in (halving, reducing):
        callback.set_model(model)
        callback.on_epoch_begin(0)
        callback.on_epoch_end(0, logs)
    assert logs == {"loss": 1.0, "learning_rate_first": 0.25, "learning_rate_second": 0.125}
    reducing.on_epoch_end(1, logs)
    assert [float(o.learning_rate) for o in (first, second)] == pytest.approx([0.025, 0.0125])
    assert capsys.readouterr().out.splitlines() == [
        "",
        "Epoch 1: LearningRateScheduler setting first learning rate to 0.25.",
        "",
        "Epoch 1: LearningRateScheduler setting second learning rate to 0.125.",
        "",
        "Epoch 2: ReduceLROnPlateau reducing first learning rate to 0.025.",
        "",
        "Epoch 2: ReduceLROnPlateau reducing second learning rate to 0.0125.",
    ]


# -- averages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda o: o, LossScaleOptimizer, lambda o: MultiOptimizer(OptimizerMap(o))])
def test_averages_are_in_the_model_while_it_is_judged_and_used(wrap: Any) -> None:
    inner = Adam(0.1, use_ema=True, ema_momentum=0.5)
    model, swap = network(dualnet, wrap(inner)), cb.SwapEMAWeights()
    model.evaluate(X, Y, verbose=0, callbacks=[swap])  # there are none yet
    model.train_on_batch(X, Y)
    model.train_on_batch(X, Y)
    weights, averages = model.get_weights(), [v.numpy() for v in inner._model_variables_moving_average]  # type: ignore[union-attr]
    results: list[Any] = []
    watch = cb.LambdaCallback(
        on_test_batch_end=lambda batch, logs: results.append(model.get_weights()),
        on_predict_batch_end=lambda batch, logs: results.append(model.get_weights()),
    )
    model.evaluate(X, Y, 20, verbose=0, callbacks=[swap, watch])
    model.predict(X, 20, verbose=0, callbacks=[swap, watch])
    assert len(results) == 2
    for seen in results:
        for a, b in zip(seen, averages):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_of_the_averages_and_training_that_stops_early(tmp_path: Path) -> None:
    """Keras would end this fit with the weights that were not averaged."""
    model = network(dualnet, SGD(0.1, use_ema=True, ema_momentum=0.5))
    stop = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1))
    save = cb.ModelCheckpoint(tmp_path / "{epoch}.keras")
    model.fit(X, Y, epochs=5, verbose=0, callbacks=[cb.SwapEMAWeights(swap_on_epoch=True), save, stop])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.keras", "2.keras"]
    saved = dualnet.models.load_model(tmp_path / "2.keras").get_weights()
    for a, b in zip(saved, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(saved, model.optimizer._model_variables_moving_average):
        np.testing.assert_array_equal(a, b.numpy())


def test_averages_need_an_optimizer_that_keeps_them() -> None:
    for optimizer in (SGD(), LossScaleOptimizer(SGD()), MultiOptimizer(OptimizerMap(SGD(), {"a": Adam()}))):
        model = network(dualnet, optimizer)
        with pytest.raises(ValueError, match="SwapEMAWeights must be used when `use_ema=True` is set"):
            model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[cb.SwapEMAWeights()])

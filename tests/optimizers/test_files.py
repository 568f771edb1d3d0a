"""The state of an optimizer in files: Keras reads ours, we read Keras's, and training goes on from there."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet

from .trajectory_cases import VARIANTS, factory, scaled, several

X = np.random.default_rng(1).normal(size=(12, 3)).astype("float32")
Y = X @ np.ones((3, 2), "float32")
MAKE = {
    **{name: factory(name, 0.1, **VARIANTS[name][-1]) for name in VARIANTS},
    "all of it": factory("SGD", 0.1, momentum=0.5, use_ema=True, gradient_accumulation_steps=2, clipnorm=0.5),
    "amsgrad": factory("Adam", 0.1, amsgrad=True, use_ema=True),
    "a schedule": lambda K: K.optimizers.Adam(K.optimizers.schedules.CosineDecay(0.1, 9, warmup_steps=2)),
    "LossScaleOptimizer": scaled,
    "MultiOptimizer": several,
}
every_optimizer = pytest.mark.parametrize("name", MAKE)


def model(K: Any, name: str) -> Any:
    result = K.Sequential([K.Input((3,)), K.layers.Dense(4, name="first"), K.layers.Dense(2, name="second")])
    result.compile(MAKE[name](K), "mse")
    result.optimizer.build(result.trainable_variables)
    return result


def state(model: Any) -> list[Any]:
    return [np.asarray(v) for v in model.optimizer.variables]


def fill(model: Any) -> None:
    """A state that no fresh optimizer has; one that a step of training may start from."""
    rng = np.random.default_rng(4)
    for v in model.optimizer.variables[2:]:
        value = rng.uniform(0.1, 0.2, size=v.shape) if "float" in str(v.dtype) else np.ones(v.shape)
        v.assign(value.astype(str(v.dtype)))


def assert_same(got: Any, expected: Any) -> None:
    assert [v.shape for v in state(got)] == [v.shape for v in state(expected)]
    for a, b in zip(state(got), state(expected)):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(got.get_weights(), expected.get_weights()):
        np.testing.assert_array_equal(a, b)


@every_optimizer
@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_saved_and_loaded(name: str, suffix: str, tmp_path: Path) -> None:
    dualnet.utils.set_random_seed(2)
    one = model(dualnet, name)
    one.fit(X, Y, batch_size=4, verbose=0, shuffle=False)
    path = tmp_path / f"model{suffix}"
    if suffix == ".keras":
        one.save(path)
        two = dualnet.models.load_model(path)
    else:
        one.save_weights(path)
        two = model(dualnet, name)
        two.load_weights(path)
    assert_same(two, one)
    for part in (one, two):
        part.fit(X, Y, batch_size=4, verbose=0, shuffle=False)
    assert_same(two, one)


@every_optimizer
def test_keras_reads_ours(name: str, keras: Any, tmp_path: Path) -> None:
    ours = model(dualnet, name)
    fill(ours)
    ours.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as when it leaves out a state that does not fit
        theirs = keras.saving.load_model(tmp_path / "model.keras")
    assert_same(ours, theirs)
    assert type(theirs.optimizer).__name__ == type(ours.optimizer).__name__


@every_optimizer
def test_ours_reads_keras(name: str, keras: Any, tmp_path: Path) -> None:
    theirs = model(keras, name)
    fill(theirs)
    theirs.save(tmp_path / "model.keras")
    ours = dualnet.models.load_model(tmp_path / "model.keras")
    assert_same(ours, theirs)
    assert ours.optimizer.get_config().keys() == theirs.optimizer.get_config().keys()

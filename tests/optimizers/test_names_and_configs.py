"""Names, configs, and the spellings of tf.keras."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Variable, ops, optimizers
from dualnet.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer, Optimizer, OptimizerMap, RMSprop

CLASSES = [c for c in vars(optimizers).values() if inspect.isclass(c) and issubclass(c, Optimizer)]
WRAPPERS = (LossScaleOptimizer, MultiOptimizer)
PLAIN = [c for c in CLASSES if c not in WRAPPERS and c is not Optimizer]
ONE = np.ones(2, "float32")

# A value for every argument that is not the default.
OTHER: dict[str, Any] = {
    "learning_rate": 0.5,
    "weight_decay": 0.25,
    "clipnorm": 0.5,
    "clipvalue": 0.5,
    "global_clipnorm": 0.5,
    "use_ema": True,
    "ema_momentum": 0.5,
    "ema_overwrite_frequency": 7,
    "loss_scale_factor": 4.0,
    "gradient_accumulation_steps": 3,
    "name": "mine",
    "exclude_layers": ["a.*"],
    "learning_rate_power": -0.25,
    "beta_2_decay": -0.5,
    "warmup_steps": 3,
    "ns_steps": 2,
}


def arguments(cls: type) -> dict[str, Any]:
    """The arguments of a class and of Optimizer, each with a value that is not its default."""
    defaults: dict[str, Any] = {}
    for owner in cls.__mro__[:-1]:
        if "__init__" in vars(owner):
            for name, parameter in inspect.signature(owner.__init__).parameters.items():  # type: ignore[misc]
                if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                    defaults.setdefault(name, parameter.default)
    return {name: OTHER.get(name, _other(default)) for name, default in defaults.items()}


def _other(default: Any) -> Any:
    return not default if isinstance(default, bool) else default / 2 if default else 0.125


@pytest.mark.parametrize("cls", [*PLAIN, Optimizer])
def test_every_argument_survives_its_config(cls: Any) -> None:
    checked = 0
    for name, value in arguments(cls).items():
        needed = {"use_ema": True} if name.startswith("ema_") else {}
        optimizer = cls(**{name: value, **needed})
        again = cls.from_config(optimizer.get_config())
        for one in (optimizer, again):
            assert one.get_config()[name] == value, name
            attribute = getattr(one, name)
            assert (float(attribute) if name == "learning_rate" else attribute) == value, name
        assert again.get_config() == optimizer.get_config()
        assert optimizer.get_config() != cls(name=optimizer.name).get_config() or name == "name"
        checked += 1
    assert checked >= 11


def test_wrappers_survive_their_configs() -> None:
    scaled = LossScaleOptimizer(Adam(0.5, beta_1=0.25), initial_scale=8.0, dynamic_growth_steps=5, name="mine")
    choice = OptimizerMap(SGD(0.5), {"a/.*": Adam(0.25), "b": RMSprop(0.125, rho=0.5)})
    several = MultiOptimizer(choice, loss_scale_factor=2.0, name="ours")
    for optimizer in (scaled, several):
        for again in (type(optimizer).from_config(optimizer.get_config()), _through_json(optimizer)):
            assert again.get_config() == optimizer.get_config()
    assert several.get_config()["optimizer_map"]["config"]["optimizer_map"]["b"]["config"]["rho"] == 0.5
    assert list(scaled.get_config()) == ["name", "inner_optimizer", "initial_scale", "dynamic_growth_steps"]


def _through_json(optimizer: Optimizer) -> Any:
    import json

    return optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(optimizer))))


@pytest.mark.parametrize("cls", PLAIN)
def test_found_by_name_class_and_config(cls: Any) -> None:
    for name in (cls.__name__, cls.__name__.lower(), cls.__name__.upper()):
        assert type(optimizers.get(name)) is cls
        assert type(optimizers.get({"class_name": name, "config": {"learning_rate": 0.5}})) is cls
    assert type(optimizers.get(cls)) is cls
    optimizer = cls(0.5)
    assert optimizers.get(optimizer) is optimizer
    config = optimizers.serialize(optimizer)
    assert (config["module"], config["class_name"]) == ("keras.optimizers", cls.__name__)
    assert optimizers.deserialize(config).get_config() == optimizer.get_config()


def test_what_is_no_optimizer() -> None:
    assert optimizers.get(None) is None
    with pytest.raises(ValueError, match="no optimizer is called 'adm'; did you mean 'adam'"):
        optimizers.get("adm")
    for wrong in (3, lambda: 0.1, dualnet.losses.MeanSquaredError()):
        with pytest.raises(ValueError, match="optimizer"):
            optimizers.get(wrong)


def test_names() -> None:
    dualnet.core.naming.reset()
    names = [c().name for c in (Adam, Adam, SGD, optimizers.AdamW, RMSprop)]
    assert names == ["adam", "adam_1", "sgd", "adam_w", "rm_sprop"]


# -- tf.keras ----------------------------------------------------------------------------------------------------------


def test_lr() -> None:
    optimizer = SGD(lr=0.5)
    assert float(optimizer.learning_rate) == float(optimizer.lr) == 0.5
    optimizer.lr = 0.25
    assert optimizer.get_config()["learning_rate"] == 0.25


@pytest.mark.parametrize("make", [lambda: SGD(lr=0.5, decay=0.1), lambda: SGD(learning_rate=0.5, decay=0.1)])
def test_decay(make: Any) -> None:
    optimizer, weight = make(), Variable(np.zeros(2, "float32"))
    for _ in range(4):
        optimizer.apply([ONE], [weight])
    assert weight.numpy() == pytest.approx([-sum(0.5 / (1 + 0.1 * n) for n in range(4))] * 2)
    assert float(optimizer.learning_rate) == 0.5  # the rate that it starts from, which a callback may set
    assert SGD.from_config(optimizer.get_config()).decay == 0.1
    assert "decay" not in SGD(lr=0.5, decay=0.0).get_config()


def test_arguments_of_keras_2() -> None:
    adam = Adam(lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=None, decay=0.0, amsgrad=False)
    assert {**adam.get_config(), "name": ""} == {**Adam().get_config(), "name": ""}
    rmsprop = RMSprop(lr=0.001, rho=0.9, epsilon=None, decay=0.0)
    assert {**rmsprop.get_config(), "name": ""} == {**RMSprop().get_config(), "name": ""}
    assert SGD(jit_compile=True, is_legacy_optimizer=False).get_config().get("jit_compile") is None


def test_legacy() -> None:
    assert optimizers.legacy.Adam is Adam
    assert {"Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop", "SGD"} == set(optimizers.legacy.__all__)


def test_minimize() -> None:
    weight, optimizer = Variable(5.0), Adam(0.1)
    for _ in range(200):
        optimizer.minimize(lambda: (weight - 2.0) ** 2, [weight])
    assert float(weight) == pytest.approx(2.0, abs=1e-2)
    sgd = SGD(0.25)
    with dualnet.GradientTape() as tape:
        loss = ops.square(weight)
    before = float(weight)
    sgd.minimize(loss, lambda: [weight], tape)
    assert float(weight) == pytest.approx(before / 2)
    with pytest.raises(ValueError, match="a function that returns the loss, or the tape"):
        sgd.minimize(loss, [weight])


def test_old_names_of_the_state() -> None:
    optimizer, weight = SGD(0.5, momentum=0.5), Variable(np.zeros(2, "float32"))
    optimizer.apply_gradients([(ONE, weight)], experimental_aggregate_gradients=False)
    assert optimizer.weights == optimizer.variables
    assert [np.shape(v) for v in optimizer.get_weights()] == [(), (), (2,)]

"""Old spellings run as they are, and give what the new ones give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, losses, metrics
from dualnet.legacy import arguments as compat
from dualnet.legacy.methods import LegacyModelMethods, LegacyOptimizerMethods

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "old-spellings.md").read_text(encoding="utf-8")


def test_the_page_lists_every_spelling() -> None:
    words = set(re.findall(r"[\w.]+", PAGE))
    arguments = compat.LAYER_ARGUMENTS | compat.FIT_ARGUMENTS | compat.OPTIMIZER_ARGUMENTS | compat.VARIABLE_ARGUMENTS
    for old, new in [*arguments.items(), *compat.LOSSES.items(), *compat.MODULES.items()]:
        assert {old, new} <= words, f"docs/old-spellings.md lacks {old} or {new}"
    for old, (new, _) in compat.METRICS.items():
        assert {old, new} <= words, f"docs/old-spellings.md lacks {old} or {new}"
    methods = {*vars(LegacyModelMethods), *vars(LegacyOptimizerMethods)}
    for name in {m for m in methods if not m.startswith("_")} | set(compat.LAYER_DEFAULTS):
        assert re.search(rf"\b{name}\b", PAGE), f"docs/old-spellings.md lacks {name}"


@pytest.mark.parametrize("name", compat.LOSSES)
def test_names_of_losses(name: str) -> None:
    assert losses.get(name) is losses.get(compat.LOSSES[name])


@pytest.mark.parametrize("name", compat.METRICS)
def test_names_of_metrics(name: str) -> None:
    cls, options = compat.METRICS[name]
    made = metrics.get(name)
    assert type(made).__name__ == cls
    assert options.items() <= made.get_config().items()


@pytest.mark.parametrize("old", compat.MODULES)
def test_modules(old: str) -> None:
    import importlib

    found = importlib.import_module(f"dualnet.keras.{old}")
    assert found.__all__ == importlib.import_module(f"dualnet.{compat.MODULES[old]}").__all__


@pytest.mark.parametrize("name", compat.LAYER_DEFAULTS)
def test_defaults_of_layers(name: str) -> None:
    made, named = getattr(layers, name)(), getattr(layers, name)(2)
    assert made.pool_size == named.pool_size == made.strides
    assert getattr(layers, name)(pool_size=3).pool_size[0] == 3
    assert getattr(layers, name)(3).pool_size[0] == 3


def test_the_old_name_of_epochs() -> None:
    model = dualnet.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    assert len(model.fit(np.ones((4, 2)), np.ones(4), nb_epoch=3, verbose=0).epoch) == 3
    with pytest.raises(TypeError, match="nb_epochs"):
        model.fit(np.ones((4, 2)), np.ones(4), nb_epochs=3)


def test_metrics_in_the_third_place() -> None:
    model = dualnet.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", ["mae", "mse"])
    assert {"loss", "mae", "mse"} == set(model.evaluate(np.ones((4, 2)), np.ones(4), verbose=0, return_dict=True))
    assert compat.positional_metrics([1.0, np.float32(0.5)], None) == ([1.0, np.float32(0.5)], None)
    assert compat.positional_metrics(["a"], ["mae"]) == (["a"], ["mae"])
    assert compat.positional_metrics([], None) == ([], None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"init": "uniform"}, {"kernel_initializer": "uniform"}),
        ({"W_regularizer": "l2"}, {"kernel_regularizer": "l2"}),
        ({"bias": False}, {"use_bias": False}),
    ],
)
def test_arguments_of_dense(old: dict[str, Any], new: dict[str, Any]) -> None:
    configs = []
    for arguments in (old, new):
        dualnet.utils.clear_session()
        configs.append(layers.Dense(3, **arguments).get_config())
    assert configs[0] == configs[1]


def test_output_dim_and_input_dim() -> None:
    model = dualnet.Sequential([layers.Dense(output_dim=3, input_dim=4), layers.Dropout(p=0.5)])
    assert model.input_shape == (None, 4)
    assert model.layers[1].rate == 0.5


def test_an_unknown_argument_is_still_an_error() -> None:
    with pytest.raises((TypeError, ValueError), match="unit"):
        layers.Dense(unit=3)


class Linear(layers.Layer):
    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight("kernel", shape=(input_shape[-1], 2), initializer="ones")
        self.b = self.add_weight("bias", (2,), "float32", "zeros")

    def call(self, x: Any) -> Any:
        return x @ self.w + self.b


def test_add_weight_with_the_name_first() -> None:
    layer = Linear()
    assert layer(np.ones((1, 3))).numpy().tolist() == [[3.0, 3.0]]
    assert [v.name for v in layer.weights] == ["kernel", "bias"]


def test_predict_classes() -> None:
    x = np.random.default_rng(0).normal(size=(9, 4))
    several = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3, activation="softmax")])
    assert np.array_equal(several.predict_classes(x), several.predict(x, verbose=0).argmax(-1))
    single = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(1, activation="sigmoid")])
    assert np.array_equal(single.predict_classes(x), (single.predict(x, verbose=0) > 0.5).astype(int))
    assert np.array_equal(single.predict_proba(x), single.predict(x, verbose=0))


def test_upper_case_optimizers_and_the_short_accuracy() -> None:
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(1, activation="sigmoid")])
    model.compile("ADAM", "binary_crossentropy", metrics=["acc"])
    assert "acc" in model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0).history
    assert isinstance(model.optimizer, dualnet.optimizers.Adam)


def test_any_function_is_an_activation() -> None:
    layer = layers.Dense(2, activation=lambda x: x * 2, kernel_initializer="ones")
    assert layer(np.ones((1, 3))).numpy().tolist() == [[6.0, 6.0]]

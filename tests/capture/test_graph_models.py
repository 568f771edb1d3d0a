"""Recorded steps give the bits of steps that run kernel by kernel: for networks, optimizers and losses drawn at random, and for the
configs that come with dualnet.

A few of them by default; ``DUALNET_GRAPH_MODELS=200`` takes so many random ones, 100 steps each, and every config.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from dualnet_cli.main import cli

import dualnet
from dualnet import Input, Model, layers, optimizers
from dualnet.capture.executors.graph import GraphStep
from dualnet.capture.replay import CapturedTrainStep, captured_step

from .conftest import both

pytestmark = pytest.mark.usefixtures("device")
MODELS = int(os.environ.get("DUALNET_GRAPH_MODELS", "0"))
STEPS = 100 if MODELS else 24
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
QUICK = ("digits_mlp", "xor", "wine_mlp")

ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "silu", "elu", "softplus", "leaky_relu", "hard_sigmoid", "linear")
OPTIMIZERS = (
    lambda r: optimizers.SGD(0.05),
    lambda r: optimizers.SGD(optimizers.schedules.CosineDecay(0.05, 50), momentum=0.9, nesterov=bool(r.integers(2))),
    lambda r: optimizers.Adam(0.01, amsgrad=bool(r.integers(2)), clipnorm=1.0),
    lambda r: optimizers.AdamW(optimizers.schedules.ExponentialDecay(0.01, 10, 0.9), weight_decay=0.01),
    lambda r: optimizers.Nadam(0.01, use_ema=True),
    lambda r: optimizers.RMSprop(0.01, momentum=0.5, centered=bool(r.integers(2))),
    lambda r: optimizers.Adagrad(0.05, global_clipnorm=1.0),
    lambda r: optimizers.Adadelta(1.0),
    lambda r: optimizers.Adamax(0.01, clipvalue=0.1),
    lambda r: optimizers.Ftrl(0.05, l1_regularization_strength=0.001),
    lambda r: optimizers.Lion(0.001, weight_decay=0.01),
    lambda r: optimizers.Lamb(0.01),
    lambda r: optimizers.Adafactor(0.01),
)


def block(r: np.random.Generator, h: Any) -> Any:
    """One more layer, or a few. h: (batch, features)"""
    units, activation = int(r.integers(2, 17)), str(r.choice(ACTIVATIONS))
    kind = r.integers(12)
    if kind < 3:
        regularizer = "l2" if r.random() < 0.3 else None
        constraint = "max_norm" if r.random() < 0.2 else None
        dense = layers.Dense(units, activation, kernel_regularizer=regularizer, kernel_constraint=constraint)
        return dense(h)
    if kind == 3:
        return layers.Dropout(float(r.uniform(0.1, 0.6)))(h)
    if kind == 4:
        return layers.GaussianNoise(0.1)(h)
    if kind == 5:
        return layers.BatchNormalization(momentum=0.9)(h)
    if kind == 6:
        return layers.LayerNormalization()(h)
    if kind == 7:
        return layers.Add()([h, layers.Dense(h.shape[-1], activation)(h)])
    if kind == 8:
        return layers.Concatenate()([h, layers.Activation(activation)(h)])
    if kind == 9:
        return layers.Multiply()([h, layers.Dense(h.shape[-1], "sigmoid")(h)])
    if kind == 10:
        return layers.GaussianDropout(0.2)(h)
    columns = layers.Conv1D(units, 3, padding="same", activation=activation)(layers.Reshape((-1, 1))(h))
    return layers.Flatten()(layers.MaxPooling1D(2)(columns)) if h.shape[-1] > 1 else layers.Flatten()(columns)


def random_run(seed: int) -> Any:
    """A network, its settings and its data, all drawn from a seed, and what comes of training it."""
    r = np.random.default_rng(seed)
    dualnet.utils.set_random_seed(seed)
    features, n, batch = int(r.integers(1, 12)), int(r.integers(20, 60)), int(r.integers(3, 12))
    h = x = Input((features,))
    for _ in range(r.integers(1, 6)):
        h = block(r, h)
    data, kind = r.normal(size=(n, features)).astype("float32"), r.integers(3)
    if kind == 0:
        head, loss, y = layers.Dense(4, "softmax"), "sparse_categorical_crossentropy", r.integers(0, 4, n)
        metrics = ["accuracy", "sparse_top_k_categorical_accuracy"]
    elif kind == 1:
        head, loss, y = layers.Dense(1, "sigmoid"), "binary_crossentropy", r.integers(0, 2, (n, 1)).astype("float32")
        metrics = ["accuracy", "precision"]
    else:
        head, loss, y = layers.Dense(2), str(r.choice(["mse", "mae", "huber"])), r.normal(size=(n, 2)).astype("float32")
        metrics = ["mae", "mape"]
    model = Model(x, head(h))
    metrics = [m for m in metrics if r.random() < 0.6]
    weight = r.uniform(0.5, 2, n).astype("float32") if r.random() < 0.3 else None
    model.compile(OPTIMIZERS[r.integers(len(OPTIMIZERS))](r), loss, metrics=metrics)
    epochs = max(4, -(-STEPS // -(-n // batch)))
    shuffle = bool(r.integers(2))
    history = model.fit(data, y, batch, epochs, verbose=0, sample_weight=weight, shuffle=shuffle).history
    assert is_recorded(model) == dualnet.config.are_graphs_enabled()
    variables = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
    return history, variables, model.predict(data, verbose=0), model.evaluate(data, y, verbose=0)


def is_recorded(model: Any) -> bool:
    """Whether a training step, or its first phases, is recorded."""
    steps = captured_step(model, CapturedTrainStep)._entries.values()
    return any(isinstance(step, GraphStep) and step.is_recorded for step in steps)


@pytest.mark.filterwarnings("ignore")  # what random networks are bad at
@pytest.mark.parametrize("seed", range(MODELS or 8))
def test_a_random_network(seed: int) -> None:
    both(lambda: random_run(seed))


@pytest.mark.parametrize("path", [p for p in CONFIGS if MODELS or p.stem in QUICK], ids=lambda p: p.stem)
def test_a_config(path: Path, tmp_path: Path, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if device == "strict:0":
        pytest.skip("a config names a CPU or a GPU")
    steps = min(STEPS, 100)
    monkeypatch.setattr(dualnet.config, "max_steps_per_epoch", lambda: -(-steps // 4))

    def program() -> Any:
        folder = tmp_path / str(dualnet.config.are_graphs_enabled())
        options = ["--device", "gpu", "--epochs", "4", "--run-dir", str(folder), "-q"]
        result = CliRunner().invoke(cli, ["train", str(path), *options], prog_name="dualnet")
        if "no connection" in result.output:
            pytest.skip("its data set is not there")
        assert not result.exit_code, result.output
        return [v.numpy() for v in dualnet.models.load_model(folder / "model.keras").variables]

    both(program)

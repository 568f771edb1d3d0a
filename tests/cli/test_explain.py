"""``dualnet explain``: its formulas against the tape, wrong formulas, all kinds of models, the code, and what is refused."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dualnet_cli import explain_formulas, explain_step, explain_text
from numpy.testing import assert_allclose

import dualnet
from dualnet import layers, losses, optimizers, regularizers

from .helpers import SMALL, run, start, write

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1, 5)).astype("float32")


def explained(model: Any, x: Any, y: Any) -> tuple[Any, list[str]]:
    result = explain_step.explain(model, x, np.asarray(y))
    lines = list(explain_text.lines(result, "a model"))
    assert max(map(len, lines)) <= 80
    assert all(line.isascii() for line in lines)
    return result, lines


def compiled(parts: list[Any], loss: Any, optimizer: Any = "sgd", shape: tuple[int, ...] = (5,)) -> Any:
    dualnet.utils.clear_session()
    dualnet.utils.set_random_seed(3)
    model = dualnet.Sequential([dualnet.Input(shape), *parts])
    model.compile(optimizer, loss)
    return model


ACTIVATIONS = ["linear", "sigmoid", "tanh", "relu", "softplus", "gelu", "elu", "softmax", "leaky_relu"]
LAST = [
    (1, "sigmoid", "binary_crossentropy", [[1.0]]),
    (3, "sigmoid", "binary_crossentropy", [[1.0, 0.0, 1.0]]),
    (3, "softmax", "categorical_crossentropy", [[0.0, 1.0, 0.0]]),
    (3, "softmax", "sparse_categorical_crossentropy", [2]),
    (3, "softmax", losses.CategoricalCrossentropy(label_smoothing=0.1), [[0.0, 1.0, 0.0]]),
    (3, None, losses.SparseCategoricalCrossentropy(from_logits=True), [2]),
    (2, None, "mse", [[0.5, -1.0]]),
    (2, "tanh", losses.MeanSquaredError(), [[0.5, -1.0]]),
    (2, "softmax", "mse", [[0.5, -1.0]]),
    (1, None, "mae", [[0.5]]),
    (1, "relu", "mae", [[0.5]]),
    (2, None, "huber", [[0.5, -3.0]]),
    (1, "tanh", "hinge", [[1.0]]),
]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation: str) -> None:
    model = compiled([layers.Dense(6, activation), layers.Dense(4, activation), layers.Dense(2)], "mse")
    result, lines = explained(model, X, [[0.5, -1.0]])
    # The outputs, loss, gradients of kernels and biases, those of both hidden outputs, and six updates.
    assert [c.name for c in result.checks[:4]] == ["a1", "a2", "a3", "loss"]
    assert len(result.checks) == 18
    assert all(check.ok for check in result.checks), result.checks
    assert "CHECK   18 results of these formulas agree with the model and its tape;" in lines


@pytest.mark.parametrize(("units", "activation", "loss", "y"), LAST)
def test_last_layers_and_losses(units: int, activation: Any, loss: Any, y: Any) -> None:
    model = compiled([layers.Dense(4, "tanh"), layers.Dense(units, activation)], loss)
    result, _ = explained(model, X, y)
    assert all(check.ok for check in result.checks), result.checks
    assert {"a1", "a2", "dW1", "db1", "dW2", "db2", "da1"} <= {check.name for check in result.checks}


def test_the_numbers_are_those_of_hand_calculation() -> None:
    model = compiled([layers.Dense(1, "sigmoid")], "binary_crossentropy", optimizers.SGD(0.5), shape=(2,))
    model.set_weights([np.array([[0.3], [-0.2]], "float32"), np.array([0.1], "float32")])
    result, lines = explained(model, np.array([[1.0, 2.0]], "float32"), [[1.0]])
    (step,) = result.layers
    assert step.z == pytest.approx([0.0], abs=1e-7)
    assert step.delta == pytest.approx([-0.5])
    assert_allclose(step.dW, [[-0.5, -1.0]], rtol=1e-6)
    assert_allclose(step.updates[0].after, [[0.55, 0.3]], rtol=1e-6)
    assert result.loss == pytest.approx(np.log(2))
    assert "  delta1 = a1 - y" in lines
    assert "  W := W - 0.5 dW" in lines


OPTIMIZERS: list[tuple[Any, bool]] = [
    (optimizers.SGD(0.1), True),
    (optimizers.SGD(0.1, momentum=0.9), True),
    (optimizers.SGD(0.1, momentum=0.9, nesterov=True), True),
    (optimizers.Adam(0.01), True),
    (optimizers.Adam(0.01, clipnorm=0.1), False),
    (optimizers.Adam(0.01, amsgrad=True), False),
    (optimizers.RMSprop(), False),
    (optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)), True),
]


@pytest.mark.parametrize(("optimizer", "has_rule"), OPTIMIZERS)
def test_updates(optimizer: Any, has_rule: bool) -> None:
    model = compiled([layers.Dense(3, "tanh"), layers.Dense(1)], "mse", optimizer)
    result, _ = explained(model, X, [[1.0]])
    assert bool(result.rule) == has_rule
    assert sum(c.name.startswith("update") for c in result.checks) == 4 * has_rule
    assert all(check.ok for check in result.checks), result.checks
    again, _ = explained(model, X, [[1.0]])  # the averages of the optimizer are no longer 0
    assert all(check.ok for check in again.checks), again.checks
    assert again.loss < result.loss
    assert "step 2" in again.optimizer


def test_regularizers_frozen_layers_and_layers_without_a_bias() -> None:
    frozen = layers.Dense(4, "tanh")
    frozen.trainable = False
    parts = [
        frozen,
        layers.Dense(3, "tanh", kernel_regularizer=regularizers.L2(0.1), bias_regularizer="l1"),
        layers.Dense(2, use_bias=False),
    ]
    result, lines = explained(compiled(parts, "mse"), X, [[1.0, 0.0]])
    assert all(check.ok for check in result.checks), result.checks
    assert {c.name for c in result.checks if c.name.startswith("d")} == {"dW3", "da2", "dW2", "db2"}
    assert "  W1 is frozen" in lines
    assert any("of regularizers" in line for line in lines)


def mixed() -> Any:
    return [
        layers.Reshape((4, 4, 1)),
        layers.Conv2D(3, 2, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(4),
        layers.LeakyReLU(),
        layers.Dense(3, "softmax"),
    ]


@pytest.mark.parametrize(
    ("parts", "shape"),
    [
        (mixed(), (16,)),
        ([layers.Reshape((4, 4)), layers.LSTM(3), layers.Dense(3, "softmax")], (16,)),
        ([layers.Reshape((4, 4)), layers.Dense(3, "relu"), layers.Flatten(), layers.Dense(3), layers.Softmax()], (16,)),
    ],
)
def test_other_layers(parts: list[Any], shape: tuple[int, ...]) -> None:
    model = compiled(parts, "sparse_categorical_crossentropy", shape=shape)
    result, lines = explained(model, RNG.normal(size=(1, *shape)).astype("float32"), [1])
    assert all(check.ok for check in result.checks), result.checks
    assert len(result.layers) == len(parts)
    for part in parts:
        assert sum(f": {part.name} (" in line for line in lines) == 2
    assert any("from the tape" in line for line in lines)


def test_branches() -> None:
    a = dualnet.Input((5,))
    b = layers.Dense(4, "tanh")(a)
    model = dualnet.Model(a, layers.Dense(2)(layers.Add()([layers.Dense(4)(b), b])))
    model.compile("sgd", "mse")
    result, _ = explained(model, X, [[1.0, 2.0]])
    assert all(check.ok for check in result.checks), result.checks


def test_nothing_else_of_the_model_changes() -> None:
    model = compiled([layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)], "mse")
    counter = model.layers[1].seed_generator.counter
    moving = [v.numpy() for v in model.layers[0].non_trainable_variables]
    explained(model, X, [[1.0]])
    assert model.layers[1].seed_generator.counter == counter
    assert all((a == b.numpy()).all() for a, b in zip(moving, model.layers[0].non_trainable_variables))


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", ["xor", "digits_mlp", "digits_logistic", "wine_mlp"])
def test_configs_that_come_with_dualnet(config: str) -> None:
    result = run("explain", config, "--sample", "1")
    assert result.exit_code == 0, result.output
    assert "agree with the model and its tape" in result.output
    assert not Path("runs").exists()
    assert max(map(len, result.output.splitlines())) <= 80


def test_a_formula_that_is_wrong_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = explain_formulas.ACTIVATIONS["tanh"]._replace(derivative=lambda z, a: 1 - a)
    monkeypatch.setitem(explain_formulas.ACTIVATIONS, "tanh", wrong)
    result = run("explain", "xor", "--sample", "1")
    assert result.exit_code == 1
    assert "DIFFER from the model and its tape" in result.output
    assert "\n  dW1: relative difference" in result.output


def test_a_run_its_model_and_a_model_elsewhere(tmp_path: Path) -> None:
    assert run("train", write(tmp_path, SMALL), "--quiet").exit_code == 0
    for name in ("runs/small", "runs/small/model.keras"):
        result = run("explain", name)
        assert result.exit_code == 0, result.output
        assert "Adam, learning rate 0.1, step 4" in result.output
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Path("runs/small/model.keras").rename(elsewhere / "m.keras")
    result = run("explain", "elsewhere/m.keras")
    assert result.exit_code == 2
    assert "pass --data" in result.output
    np.savez("d.npz", x=np.ones((3, 2), "float32"), y=np.ones((3, 1), "float32"))
    assert run("explain", "elsewhere/m.keras", "--data", "d.npz", "--sample", "2").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["xor", "--sample", "4"], "there are 4 samples to train on, from 0 to 3"),
        (["xor", "--sample", "-1"], "--sample"),
        (["xro"], 'did you mean "xor"?'),
        (["xor", "--data", "d.npz"], "--data is for the file of a model"),
        (["xor", "--set", "model.layers.0.units=0"], "units"),
        (["m.keras"], "no such file"),
        (["model.keras", "--set", "seed=1"], "--set is for a config"),
        (["model.keras", "--data", "none.npz"], "no such file"),
        (["model.keras", "--data", "one.npz"], "expected arrays x and y, there are x"),
        (["model.keras", "--data", "lengths.npz"], "one row for each sample"),
        (["model.keras", "--data", "wrong.npz"], "cannot run one step on this sample"),
        (["bare.keras"], "saved without its loss and optimizer"),
        (["broken.keras"], "broken.keras"),
        (["empty"], "is not the folder of a run"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    model = compiled([layers.Dense(1)], "mse")
    model.save("model.keras")
    Path("empty").mkdir()
    bare = dualnet.Sequential([dualnet.Input((5,)), layers.Dense(1)])
    bare.save("bare.keras")
    Path("broken.keras").write_bytes(b"PK\3\4 nothing")
    np.savez("one.npz", x=np.ones(2))
    np.savez("lengths.npz", x=np.ones((2, 5)), y=np.ones(3))
    np.savez("wrong.npz", x=np.ones((2, 4)), y=np.ones(2))
    result = run("explain", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output


# -- the code ------------------------------------------------------------------------------------------------------


def test_the_code_is_python_and_its_forward_pass_runs(tmp_path: Path) -> None:
    result = run("explain", write(tmp_path, SMALL), "--code")
    assert result.exit_code == 0, result.output
    functions = {node.name for node in ast.parse(result.output).body if isinstance(node, ast.FunctionDef)}
    assert {"predict", "step"} <= functions
    assert "vjp" in result.output
    dualnet.utils.set_random_seed(0)
    weights = {
        "dense/kernel": RNG.normal(size=(2, 4)), "dense/bias": RNG.normal(size=4),
        "dense_1/kernel": RNG.normal(size=(4, 1)), "dense_1/bias": RNG.normal(size=1),
    }  # fmt: skip
    namespace: dict[str, Any] = {"W": weights}
    exec(result.output, namespace)
    x = np.array([[0.5, -1.0]])
    hidden = np.tanh(x @ weights["dense/kernel"] + weights["dense/bias"])
    expected = 1 / (1 + np.exp(-(hidden @ weights["dense_1/kernel"] + weights["dense_1/bias"])))
    assert_allclose(namespace["predict"](x), expected, rtol=1e-5)


def test_a_pipe_and_a_terminal_without_unicode(tmp_path: Path) -> None:
    done = start("explain", "xor", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "CHECK   12 results" in done.stdout
    assert "?" not in done.stdout

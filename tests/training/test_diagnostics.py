"""Likely mistakes are said once, with what to do; right programs are told nothing."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, TrainingWarning, config, layers, losses, ops, optimizers
from dualnet.capture.replay import step_source
from dualnet.training.diagnostics import loss_watch

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(96, 4)).astype("float32")
Y = RANDOM.integers(0, 3, 96)
ONE_HOT = np.eye(3, dtype="float32")[Y]
PIXELS = RANDOM.integers(0, 256, (96, 8, 8)).astype("float32")
COLORS = RANDOM.uniform(0, 255, (96, 8, 8, 3)).astype("float32")
TABLE = X * np.array([1, 30000, 10, 1], "float32")
IDS = RANDOM.integers(0, 250, (96, 60))
Dense = layers.Dense


@pytest.fixture(autouse=True)
def _enabled() -> Iterator[None]:
    config.enable_training_warnings()
    dualnet.utils.set_random_seed(1)
    yield
    config.enable_training_warnings()


def sparse(**options: Any) -> Any:
    return losses.SparseCategoricalCrossentropy(**options)


def dead(**options: Any) -> Any:
    return Dense(8, activation="relu", bias_initializer=dualnet.initializers.Constant(-1e7), **options)


def told(action: Callable[[], Any]) -> list[TrainingWarning]:
    """The warnings that an action gives; any other than a TrainingWarning is an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    caught = [entry for entry in caught if "ran out of data" not in str(entry.message)]
    for entry in caught:
        assert entry.category is TrainingWarning, entry.message
        assert entry.filename == __file__, "the warning is at the line of the program"
    return [entry.message for entry in caught]  # type: ignore[misc]


def trained(net: list[Any], loss: Any, x: Any = X, y: Any = Y, optimizer: Any = "sgd", **options: Any) -> Any:
    model = Sequential([Input(x.shape[1:], dtype=str(x.dtype)), *net])
    model.compile(optimizer, loss)
    model.fit(x, y, **{"epochs": 2, "verbose": 0, **options})
    return model


# name: (check, part of the message, layers, loss, x, y)
MISTAKES: dict[str, tuple[Any, ...]] = {
    "softmax twice, sparse": (
        "activation_twice",
        "softmax, but SparseCategoricalCrossentropy\\(from_logits=True\\) applies a softmax again",
        lambda: [Dense(3, activation="softmax")],
        sparse(from_logits=True),
        X,
        Y,
    ),
    "softmax twice, one-hot, as a layer": (
        "activation_twice",
        "softmax again",
        lambda: [Dense(3), layers.Softmax()],
        losses.CategoricalCrossentropy(from_logits=True),
        X,
        ONE_HOT,
    ),
    "sigmoid twice": (
        "activation_twice",
        "a sigmoid, but BinaryCrossentropy",
        lambda: [Dense(1), layers.Activation("sigmoid")],
        losses.BinaryCrossentropy(from_logits=True),
        X,
        Y % 2,
    ),
    "focal loss, softmax twice": (
        "activation_twice",
        "CategoricalFocalCrossentropy",
        lambda: [Dense(3, activation="softmax")],
        losses.CategoricalFocalCrossentropy(from_logits=True),
        X,
        ONE_HOT,
    ),
    "logits, sparse": (
        "missing_activation",
        "Give the last layer activation='softmax'",
        lambda: [Dense(3)],
        "sparse_categorical_crossentropy",
        X,
        Y,
    ),
    "logits of zero weights": (
        "missing_activation",
        "logits",
        lambda: [Dense(1, kernel_initializer="zeros")],
        "bce",
        X,
        Y % 2,
    ),
    "logits, binary": ("missing_activation", "activation='sigmoid'", lambda: [Dense(1)], "bce", X, Y % 2),
    "tanh as a probability": (
        "missing_activation",
        "activation='sigmoid'",
        lambda: [Dense(1, activation="tanh")],
        "bce",
        X,
        Y % 2,
    ),
    "logits of a convolution": (
        "missing_activation",
        "softmax",
        lambda: [layers.Rescaling(1 / 255), layers.Conv2D(3, 8), layers.Reshape((3,))],
        "sparse_categorical_crossentropy",
        COLORS,
        Y,
    ),
    "softmax of one unit": (
        "softmax_of_one",
        "1 whatever the input",
        lambda: [Dense(1, activation="softmax")],
        "binary_crossentropy",
        X,
        Y % 2,
    ),
    "softmax of one unit, regression": (
        "softmax_of_one",
        "single unit",
        lambda: [Dense(1, activation="softmax")],
        "mse",
        X,
        Y % 2,
    ),
    "sigmoid for classes, sparse": (
        "sigmoid_for_classes",
        'activation="softmax"',
        lambda: [Dense(3, activation="sigmoid")],
        "sparse_categorical_crossentropy",
        X,
        Y,
    ),
    "sigmoid for classes, one-hot": (
        "sigmoid_for_classes",
        "binary_crossentropy",
        lambda: [Dense(3, activation="sigmoid")],
        "categorical_crossentropy",
        X,
        ONE_HOT,
    ),
    "raw pixels in rows": (
        "raw_pixels",
        r"divide the data by 255, or begin the model with Rescaling\(1 / 255\)",
        lambda: [layers.Flatten(), Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        PIXELS,
        Y,
    ),
    "raw pixels, convolution, no whole numbers": (
        "raw_pixels",
        "go from 0.* to 25",
        lambda: [layers.Conv2D(4, 3), layers.Flatten(), Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        COLORS,
        Y,
    ),
    "different scales": (
        "different_scales",
        r"feature 1 goes up to \S+, feature \d to [1-9]\.",
        lambda: [Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        TABLE,
        Y,
    ),
    "a dead layer": (
        "dead_relu",
        "'dead' is active: all outputs were 0 for the 32 samples of the first batch",
        lambda: [dead(name="dead"), Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        X,
        Y,
    ),
    "a dead layer ReLU": (
        "dead_relu",
        "ReLU layer 'r' is active",
        lambda: [Dense(8, bias_initializer=dualnet.initializers.Constant(-50.0)), layers.ReLU(name="r"), Dense(1)],
        "mse",
        X,
        X[:, :1],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_once(name: str) -> None:
    check, part, net, loss, x, y = MISTAKES[name]
    with pytest.warns(TrainingWarning, match=part):
        trained(net(), loss, x, y)
    assert [w.check for w in told(lambda: trained(net(), loss, x, y))] == [check]


RIGHT: dict[str, tuple[Any, ...]] = {
    "softmax": (lambda: [Dense(3, activation="softmax")], "sparse_categorical_crossentropy", X, Y),
    "logits": (lambda: [Dense(3)], sparse(from_logits=True), X, Y),
    "binary": (lambda: [Dense(1, activation="sigmoid")], "binary_crossentropy", X, Y % 2),
    "binary logits": (lambda: [Dense(1)], losses.BinaryCrossentropy(from_logits=True), X, Y % 2),
    "several labels": (lambda: [Dense(3, activation="sigmoid")], "binary_crossentropy", X, ONE_HOT),
    "two probabilities, binary": (lambda: [Dense(3, activation="softmax")], "binary_crossentropy", X, ONE_HOT),
    "regression": (lambda: [Dense(8, activation="relu"), Dense(1)], "mse", X, X[:, :1]),
    "own probabilities": (
        lambda: (
            [Dense(3, activation="softplus"), layers.UnitNormalization(order=1)] if False else [Dense(3, "softplus")]
        ),
        "categorical_crossentropy",
        X,
        ONE_HOT,
    ),
    "scaled in the model": (
        lambda: [layers.Rescaling(1 / 255), layers.Flatten(), Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        PIXELS,
        Y,
    ),
    "batch normalization first": (
        lambda: [layers.BatchNormalization(), layers.Conv2D(2, 3), layers.Flatten(), Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        COLORS,
        Y,
    ),
    "batch normalization after the convolution": (
        lambda: [
            layers.Conv2D(2, 3, use_bias=False),
            layers.Activation("relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            Dense(3, activation="softmax"),
        ],
        "sparse_categorical_crossentropy",
        COLORS,
        Y,
    ),
    "normalized table": (
        lambda: [layers.Normalization(mean=TABLE.mean(0), variance=TABLE.var(0)), Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        TABLE,
        Y,
    ),
    "ids": (
        lambda: [layers.Embedding(250, 4), layers.GlobalAveragePooling1D(), Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        IDS,
        Y,
    ),
    "small counts": (
        lambda: [Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        RANDOM.poisson(0.3, (96, 60)).astype("float32"),
        Y,
    ),
    "zeros": (
        lambda: [Dense(8, activation="relu"), Dense(3, activation="softmax")],
        "sparse_categorical_crossentropy",
        X * 0,
        Y,
    ),
    "leaky": (
        lambda: [Dense(8, bias_initializer=dualnet.initializers.Constant(-3.0)), layers.LeakyReLU(), Dense(1)],
        "mse",
        X,
        X[:, :1],
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_told_nothing(name: str) -> None:
    net, loss, x, y = RIGHT[name]
    assert told(lambda: trained(net(), loss, x, y)) == []


def test_once_until_the_model_is_compiled_again() -> None:
    model = Sequential([Input((4,)), Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy")

    def fit() -> None:
        model.fit(X, Y, verbose=0)

    assert [len(told(fit)) for _ in range(3)] == [1, 0, 0]
    assert step_source(model), "the steps are captured all the same"
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert len(told(fit)) == 1


def test_train_on_batch_says_it_at_the_first_batch() -> None:
    model = Sequential([Input((4,)), Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert [len(told(lambda: model.train_on_batch(X, Y))) for _ in range(3)] == [1, 0, 0]


class Subclassed(Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.last = dead(name="hidden"), Dense(3)

    def call(self, inputs: Any) -> Any:
        return ops.softmax(self.last(self.hidden(inputs)))


def test_a_model_that_is_written_as_a_class() -> None:
    model = Subclassed()
    model.compile("sgd", sparse(from_logits=True))
    found = told(lambda: model.fit(TABLE, Y, verbose=0))
    assert [w.check for w in found] == ["activation_twice", "different_scales", "dead_relu"]


def test_the_output_is_named_where_there_are_several() -> None:
    x = Input((4,))
    model = Model(x, [Dense(3, name="a", activation="softmax")(x), Dense(3, name="b")(x), Dense(1, name="c")(x)])
    model.compile("sgd", ["sparse_categorical_crossentropy", "sparse_categorical_crossentropy", "mse"])
    (found,) = told(lambda: model.fit(X, [Y, Y, X[:, :1]], verbose=0))
    assert found.problem.startswith("the output 'b' holds logits")


def test_layers_inside_models_inside() -> None:
    inner = Sequential([Input((8, 8)), layers.Flatten(), Dense(3, activation="softmax")])
    found = told(lambda: trained([inner], sparse(from_logits=True), PIXELS, Y))
    assert [w.check for w in found] == ["activation_twice", "raw_pixels"]


def test_a_layer_that_dies_in_the_first_epoch() -> None:
    class Kill(dualnet.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 2:
                self.model.layers[0].bias.assign([-1e3] * 8)

    def train() -> None:
        trained([Dense(8, activation="relu", name="d"), Dense(1)], "mse", X, X[:, :1], epochs=3, callbacks=[Kill()])

    (found,) = told(train)
    assert found.check == "dead_relu"
    assert "'d' is active: all outputs were 0 for the 32 samples that were tried after the first epoch" in str(found)


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    config.disable_training_warnings()
    assert not config.are_training_warnings_enabled()
    assert told(lambda: trained([Dense(3)], "sparse_categorical_crossentropy")) == []
    config.enable_training_warnings()
    assert config.are_training_warnings_enabled()
    monkeypatch.setattr("dualnet.core.settings._training_warnings", None)
    assert config.are_training_warnings_enabled()
    monkeypatch.setenv("DUALNET_TRAINING_WARNINGS", "0")
    assert not config.are_training_warnings_enabled()
    assert told(lambda: trained([Dense(3)], "sparse_categorical_crossentropy")) == []


def test_one_of_them_can_be_filtered() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*pixels", TrainingWarning)
        trained([layers.Flatten(), Dense(3, activation="softmax")], "sparse_categorical_crossentropy", PIXELS)
    warning = TrainingWarning("a", "b", "c")
    copy = pickle.loads(pickle.dumps(warning))
    assert (str(copy), copy.check, copy.problem, copy.remedy) == ("b. c", "a", "b", "c")


# -- a loss that is not finite --------------------------------------------------------------------------------------


def test_divergence_names_the_batch_and_the_layer_and_nothing_else_is_shown() -> None:
    net = [Dense(8, name="first"), Dense(8, name="second"), Dense(1, name="third")]
    (found,) = told(lambda: trained(net, "mse", X, X[:, :1], optimizers.SGD(1e6), epochs=3, shuffle=False))
    assert found.check == "loss_not_finite"
    assert (
        "the loss became inf in epoch 1, batch 2: all layers gave finite values, the last of them up to "
        in found.problem
    )
    assert "smaller learning rate (it is 1e+06)" in found.remedy


def explodes_at(limit: float) -> Any:
    """A layer whose output is infinite when a sample of the batch is as large as the limit."""

    class Explodes(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs / ops.cast(ops.max(inputs) < limit, "float32")

    return Explodes(name="explodes")


@pytest.mark.parametrize("position", [0, 1, 5, 255, 256, 300, 600])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_batch_is_found(position: int, momentum: float) -> None:
    x = RANDOM.uniform(0, 1, (640, 4)).astype("float32")
    x[position] = 9.0
    net = [Dense(4, name="before"), layers.BatchNormalization(), layers.Dropout(0.5), Dense(1, name="after")]
    net.insert(0, explodes_at(9.0))
    optimizer = optimizers.SGD(1e-3, momentum=momentum)
    options = {"batch_size": 1, "shuffle": False, "epochs": 1}
    (found,) = told(lambda: trained(net, "mse", x, x[:, :1], optimizer, **options))
    where = f"in epoch 1, batch {position + 1}: the output of the layer 'explodes' was the first value"
    assert where in found.problem


@pytest.mark.parametrize("steps", [None, 50, 130])
@pytest.mark.parametrize("last", [True, False])
def test_the_same_batches_are_taken_again(steps: int | None, last: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shuffled, in passes that are longer or shorter than an epoch, from a copy in an epoch before or in this one."""
    monkeypatch.setattr(loss_watch, "BETWEEN_COPIES", 7 if last else 1000)
    x = RANDOM.uniform(0, 1, (128, 4)).astype("float32")
    x[17] = 9.0
    seen: list[tuple[int, int]] = []

    class Seen(dualnet.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.epoch = epoch

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if not np.isfinite(logs["loss"]) and not seen:
                seen.append((self.epoch + 1, batch + 1))

    net = [explodes_at(9.0), Dense(4), Dense(1)]
    options = {"batch_size": 1, "epochs": 5, "steps_per_epoch": steps, "callbacks": [Seen()]}
    (found,) = told(lambda: trained(net, "mse", x, x[:, :1], optimizers.Adam(1e-3), **options))
    epoch, batch = seen[0]
    assert f"in epoch {epoch}, batch {batch}: the output of the layer 'explodes' was the first value" in found.problem


def test_the_epoch_is_found_too() -> None:
    class Later(dualnet.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                self.model.optimizer.learning_rate = 1e30

    net = [Dense(4, name="a"), Dense(1, name="b")]
    (found,) = told(lambda: trained(net, "mse", X, X[:, :1], optimizers.SGD(1e-3), epochs=4, callbacks=[Later()]))
    assert "in epoch 3, batch 2" in found.problem


def test_a_gradient_that_is_not_finite() -> None:
    """The root of 0 is finite, its slope is not."""

    class Root(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return ops.sqrt(inputs * inputs)

    net = [Dense(4, kernel_initializer="zeros", name="zero"), Root(), Dense(1, name="last")]
    (found,) = told(lambda: trained(net, "mse", X, X[:, :1]))
    assert "in epoch 1, batch 2: the gradient of " in found.problem
    assert "zero/" in found.problem
    assert "(in epoch 1, batch 1)" in found.problem


def test_a_loss_that_is_not_finite_from_outputs_that_are() -> None:
    def loss(y_true: Any, y_pred: Any) -> Any:
        return ops.log(ops.sum(y_pred * 0.0, axis=-1) - 1.0)

    (found,) = told(lambda: trained([Dense(1)], loss, X, X[:, :1]))
    assert "in epoch 1, batch 1: all layers gave finite values, the last of them up to" in found.problem


def test_a_generator_tells_the_batch() -> None:
    def batches() -> Iterator[Any]:
        for i in range(300):
            yield np.full((2, 4), 9.0 if i == 270 else 0.5, "float32"), np.ones((2, 1), "float32")

    model = Sequential([Input((4,)), explodes_at(9.0), Dense(1)])
    model.compile("sgd", "mse")
    (found,) = told(lambda: model.fit(batches(), verbose=0))
    assert found.problem.startswith("the loss became ")
    assert found.problem.endswith("in epoch 1, batch 271")


@pytest.mark.parametrize("rate", [0.01, 1e5])
def test_looking_changes_no_bit(rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """History, weights, slots and random numbers with the checks are those without, whether the loss diverges or not."""
    monkeypatch.setattr(loss_watch, "BETWEEN_COPIES", 3)
    results = []
    for enable in (config.enable_training_warnings, config.disable_training_warnings):
        enable()
        dualnet.utils.set_random_seed(3)
        model = Sequential([
            Input((4,)), Dense(8), layers.BatchNormalization(), layers.Dropout(0.4), layers.GaussianNoise(0.1), Dense(1),
        ])  # fmt: skip
        model.compile(optimizers.SGD(rate, momentum=0.9), "mse", metrics=["mae"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            history = model.fit(X, X[:, :1], batch_size=8, epochs=6, verbose=0, validation_split=0.2).history
        results.append([history, model.get_weights(), [v.numpy() for v in model.optimizer.variables]])
    assert repr(results[0]) == repr(results[1])


def test_a_step_that_is_captured_waits_for_nothing() -> None:
    """What is kept of a step is the array of its loss, and never more of them than a period."""
    model = Sequential([Input((4,)), Dense(1)])
    model.compile("sgd", "mse")
    lengths = []

    class Count(dualnet.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            lengths.append(len(self.model._step_losses))

    model.fit(X, X[:, :1], batch_size=1, epochs=4, verbose=0, callbacks=[Count()])
    assert max(lengths) <= loss_watch.PERIOD
    assert model._step_losses is None

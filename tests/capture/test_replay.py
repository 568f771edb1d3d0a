"""Steps that are repeated from a record give the numbers of steps that are run as written, bit for bit."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers, ops, optimizers
from dualnet.callbacks import Callback, EarlyStopping, LambdaCallback
from dualnet.capture import replay
from dualnet.capture.executors.python import ForwardProgram, TrainProgram
from dualnet.core.op import primitive
from tests.layers.cases import Case, drawn
from tests.layers.harness import make
from tests.layers.table import ROWS

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(46, 6)).astype("float32")
LABELS = RANDOM.integers(0, 3, 46)
WEIGHTS = RANDOM.uniform(0.5, 2, 46).astype("float32")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the steps that were repeated."""
    count = [0]
    run = TrainProgram.run

    def counted(self: TrainProgram, *args: Any) -> Any:
        count[0] += 1
        return run(self, *args)

    monkeypatch.setattr(TrainProgram, "run", counted)
    return count


def fitted(build: Callable[[], Any], eagerly: bool, data: tuple[Any, ...] = (X, LABELS), **options: Any) -> Any:
    """Every variable of the model and of the optimizer, and the history, after three epochs of twelve steps."""
    compiled = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **options.pop("compile", {})}
    if callable(compiled["optimizer"]):
        compiled["optimizer"] = compiled["optimizer"]()
    dualnet.utils.set_random_seed(7)
    model = build()
    model.compile(**compiled, run_eagerly=eagerly)
    history = model.fit(*data, batch_size=4, epochs=3, verbose=0, **options).history
    states = [*model.variables, *model.optimizer.variables]
    return [v.numpy() for v in states], history


def agree(runs: list[int], expected: int | None, build: Callable[[], Any], **options: Any) -> None:
    """Both ways give the same bits. expected: how many steps are repeated (None: at least one)."""
    weights, history = fitted(build, False, **options)
    got = runs[0]
    runs[0] = 0
    same, same_history = fitted(build, True, **options)
    assert runs[0] == 0, "run_eagerly runs every step as written"
    for a, b in zip(weights, same):
        np.testing.assert_array_equal(a, b)
    assert history == same_history
    assert got == expected if expected is not None else got > 0


def dense() -> Sequential:
    return Sequential([
        Input((6,)),
        layers.Dense(8, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(5, activation="tanh", kernel_regularizer="l2"),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


# 3 epochs of 11 batches of 4 and one of 2. Of each kind the first is run as written, and the second is recorded.
ALL = 3 * 11 - 2 + 3 - 2


def test_a_network(runs: list[int]) -> None:
    agree(runs, ALL, dense)


OPTIONS: dict[str, dict[str, Any]] = {
    "metrics": {"compile": {"metrics": ["accuracy", "sparse_categorical_crossentropy"]}},
    "weights": {"sample_weight": WEIGHTS},
    "class weights": {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    "validation": {"validation_split": 0.3},
    "sgd": {"compile": {"optimizer": lambda: optimizers.SGD(0.1, momentum=0.9, clipnorm=0.5)}},
    "accumulation": {"compile": {"optimizer": lambda: optimizers.Adam(0.1, gradient_accumulation_steps=3)}},
    "averages": {"compile": {"optimizer": lambda: optimizers.Adam(0.1, use_ema=True, loss_scale_factor=8.0)}},
    "own callback": {"callbacks": [EarlyStopping("loss")]},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_with(runs: list[int], name: str) -> None:
    agree(runs, None, dense, **OPTIONS[name])


def test_a_graph_with_two_inputs_and_shared_layers(runs: list[int]) -> None:
    def build() -> Model:
        a, b = Input((3,), name="a"), Input((3,), name="b")
        shared = layers.Dense(4, activation="gelu")
        both = layers.Concatenate()([shared(a), ops.square(shared(b)), a * 2.0])
        return Model([a, b], layers.Dense(3, activation="softmax")(layers.LayerNormalization()(both)))

    agree(runs, ALL, build, data=({"a": X[:, :3], "b": X[:, 3:]}, LABELS))


# What is made of a shape and of numbers is the same in every step.
CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda x: ops.concatenate([x, ops.zeros_like(x), ops.empty_like(x)], axis=-1),
    "ones": lambda x: x + ops.ones_like(x),
    "full": lambda x: x * ops.full_like(x, 2.0) + ops.full_like(x, 1),
    "a triangle": lambda x: ops.matmul(x, ops.tril(ops.ones_like(ops.matmul(ops.transpose(x), x)))),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_made_of_constants(runs: list[int], name: str) -> None:
    def build() -> Model:
        x = Input((6,))
        y = CONSTANTS[name](layers.Dense(4)(x))
        return Model(x, layers.Dense(3, activation="softmax")(y))

    agree(runs, ALL, build)


GEOMETRY: dict[str, Callable[[], Any]] = {
    "flip": lambda: layers.RandomFlip(),
    "rotation": lambda: layers.RandomRotation(0.1),
    "zoom": lambda: layers.RandomZoom(0.2),
    "translation": lambda: layers.RandomTranslation(0.2, 0.2, fill_mode="constant"),
    "shear": lambda: layers.RandomShear(0.2, 0.2),
    "crop": lambda: layers.RandomCrop(6, 6),
}


@pytest.mark.parametrize("name", GEOMETRY)
def test_images_that_are_moved(runs: list[int], name: str) -> None:
    def build() -> Sequential:
        return Sequential([Input((8, 8, 2)), GEOMETRY[name](), layers.Flatten(), layers.Dense(3, activation="softmax")])

    agree(runs, ALL, build, data=(RANDOM.normal(size=(46, 8, 8, 2)).astype("float32"), LABELS))


def test_a_convolution_network(runs: list[int]) -> None:
    def build() -> Sequential:
        return Sequential([
            Input((8, 8, 2)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.SpatialDropout2D(0.2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ])  # fmt: skip

    agree(runs, ALL, build, data=(RANDOM.normal(size=(46, 8, 8, 2)).astype("float32"), LABELS))


def test_a_network_without_labels_and_of_integers(runs: list[int]) -> None:
    def build() -> Sequential:
        return Sequential([
            Input((6,), dtype="int32"),
            layers.Embedding(20, 4),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3),
        ])  # fmt: skip

    ids = RANDOM.integers(0, 20, (46, 6))
    agree(runs, ALL, build, data=(ids, RANDOM.normal(size=(46, 3))), compile={"loss": "mse"})


def row_model(row: Case) -> Callable[[], Model]:
    """A layer of the table between an input and a dense layer, as far as it can be trained so."""

    def build() -> Model:
        shapes = [a.shape[1:] for a in drawn(row, row.inputs, "inputs")]
        kinds = [str(a.dtype) for a in drawn(row, row.inputs, "inputs")]
        inputs = [Input(s, dtype=d) for s, d in zip(shapes, kinds)]
        y = make(row)(*row.arguments(inputs), **{k: v for k, v in row.call.items() if k != "training"})
        y = layers.Dense(2)(layers.Flatten()(dualnet.tree.flatten(y)[0]))
        return Model(inputs, y)

    return build


@pytest.mark.filterwarnings(
    "ignore:the loss became:dualnet.TrainingWarning"
)  # some rows diverge; their NaN are the same
@pytest.mark.filterwarnings("ignore:the loss does not depend on")
@pytest.mark.parametrize(
    "row", [r for r in ROWS if not r.masks and all(type(v) is bool for v in r.call.values())], ids=str
)
def test_every_layer(runs: list[int], row: Case) -> None:
    """Whatever a layer does while it trains is either in the record, or keeps the step from being repeated."""
    try:
        dualnet.utils.set_random_seed(1)
        assert row_model(row)().outputs[0].shape[0] is None, "the row is of one sample, not of a batch"
    except Exception as error:  # not a layer to train behind an input
        pytest.skip(f"no model of it: {error}")
    arrays = [np.concatenate([a, a[::-1], a, a]) for a in drawn(row, row.inputs, "inputs")]
    batch = len(arrays[0]) // 4  # some rows have shapes that hold for their batch alone
    target = RANDOM.normal(size=(4 * batch, 2)).astype("float32")
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(1)
        model = row_model(row)()
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(
            arrays if len(arrays) > 1 else arrays[0], target, batch_size=batch, epochs=2, verbose=0, shuffle=False
        )
        results.append([v.numpy() for v in model.variables])
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)


# -- what is not repeated ------------------------------------------------------------------------------------------


class Counting(layers.Layer):
    """A layer of the user that sees each call."""

    calls = 0

    def call(self, inputs: Any) -> Any:
        Counting.calls += 1
        return inputs


def lambdas() -> Sequential:
    return Sequential([Input((6,)), layers.Lambda(lambda x: x * time.time() * 0 + x), *dense().layers])


class OwnStep(Sequential):
    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


@primitive
def mine(xp: Any, x: Any) -> Any:
    return x * 1.0, lambda dy: dy


def with_own_op() -> Model:
    x = Input((6,))
    return Model(x, layers.Dense(3, activation="softmax")(mine(x)))


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return ops.sparse_categorical_crossentropy(y_true, y_pred)


NOT: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "a layer of the user": (lambda: Sequential([Input((6,)), Counting(), *dense().layers]), {}),
    "a Lambda": (lambdas, {}),
    "a function of the user as activation": (
        lambda: Sequential([Input((6,)), layers.Dense(3, activation=lambda x: ops.softmax(x))]),
        {},
    ),
    "a train_step of the user": (lambda: OwnStep([Input((6,)), *dense().layers]), {}),
    "an op of the user": (with_own_op, {}),
    "a loss of the user": (dense, {"compile": {"loss": own_loss}}),
    "a callback that acts on batches": (
        dense,
        {"callbacks": [LambdaCallback(on_train_batch_end=lambda b, logs: None)]},
    ),
}


@pytest.mark.parametrize("name", NOT)
def test_not_repeated(runs: list[int], name: str) -> None:
    build, options = NOT[name]
    agree(runs, 0, build, **options)


def test_a_class_that_was_patched_is_the_users(runs: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [0]
    original = layers.Dense.call

    def call(self: Any, inputs: Any) -> Any:
        calls[0] += 1
        return original(self, inputs)

    monkeypatch.setattr(layers.Dense, "call", call)
    fitted(dense, False)
    assert runs[0] == 0
    assert calls[0] >= 3 * 3 * 12


def test_code_of_the_user_runs_at_every_step() -> None:
    Counting.calls = 0
    model = Sequential([Input((6,)), Counting(), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = Counting.calls
    model.fit(X, LABELS, batch_size=4, epochs=2, verbose=0)
    assert Counting.calls - before == 24


# -- a record is thrown away when something changes ----------------------------------------------------------------


class Anneal(Callback):
    """Changes a rate of a layer between epochs."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.layers[2].rate = 0.3 / (epoch + 2)


class Freeze(Callback):
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.layers[0].trainable = epoch == 0


@pytest.mark.filterwarnings("ignore:the trainable weights have changed")
@pytest.mark.parametrize("callback", [Anneal, Freeze])
def test_changes_between_epochs(runs: list[int], callback: Any) -> None:
    agree(runs, None, dense, callbacks=[callback()])


def test_an_attribute_of_a_layer_is_set_between_steps() -> None:
    """By another thread, a generator, or between two calls of predict."""
    model = Sequential([Input((6,)), layers.Dense(3), layers.LeakyReLU(negative_slope=0.5)])
    before = [model.predict(-abs(X), verbose=0) for _ in range(3)][-1]
    model.layers[1].negative_slope = 0.25
    for _ in range(3):
        after = model.predict(-abs(X), verbose=0)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, model(-abs(X)).numpy())


def test_evaluate_and_predict(runs: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    count = [0]
    run = ForwardProgram.run

    def counted(self: ForwardProgram, *args: Any) -> Any:
        count[0] += 1
        return run(self, *args)

    monkeypatch.setattr(ForwardProgram, "run", counted)
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(7)
        model = dense()
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=eagerly)
        history = model.fit(X, LABELS, batch_size=4, epochs=3, validation_split=0.5, verbose=0).history
        evaluated = [model.evaluate(X, LABELS, batch_size=4, verbose=0) for _ in range(2)]
        predicted = [model.predict(X, batch_size=4, verbose=0) for _ in range(2)]
        one = [model.predict(X[:1], verbose=0) for _ in range(4)]
        results.append((history, evaluated, [p.tolist() for p in (*predicted, *one)], count[0]))
    assert results[0][:3] == results[1][:3]
    # Validation: 5 batches of 4 and one of 3, three times; evaluate: 11 and one of 2, twice, with the same records; predict
    # the same; then four alone.
    assert results[0][3] == (3 * 5 + 2 * 11 - 2) + (3 - 2) + (2 * 11 - 2) + (4 - 2)
    assert results[1][3] == results[0][3], "run_eagerly runs every step as written"


def test_predict_on_batch_is_captured() -> None:
    model = dense()
    expected = model(X[:3]).numpy()
    outputs = [model.predict_on_batch(X[:3]) for _ in range(4)]
    assert replay.step_source(model, replay.CapturedPredictStep)
    kept = [output.copy() for output in outputs]
    model.predict_on_batch(X[3:6])
    for output, copy_of_it in zip(outputs, kept):
        np.testing.assert_array_equal(output, expected)
        np.testing.assert_array_equal(output, copy_of_it)
    model.layers[0].set_weights([w * 2 for w in model.layers[0].get_weights()])
    np.testing.assert_array_equal(model.predict_on_batch(X[:3]), model(X[:3]).numpy())


def test_a_model_with_records_can_be_copied_and_pickled() -> None:
    model = dense()
    expected = [model.predict(X, verbose=0) for _ in range(3)][-1]
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict(X, verbose=0), expected)


def test_batches_of_many_lengths_are_run_as_written(runs: list[int]) -> None:
    def batches() -> Any:
        for n in range(1, 20):
            yield X[:n], LABELS[:n]

    model = Sequential([Input((6,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(batches(), epochs=1, steps_per_epoch=19, verbose=0)
    assert runs[0] == 0
    stepper = replay.CapturedTrainStep(model, [])
    for n in range(1, 30):
        stepper((dualnet.Tensor(X[:n]), dualnet.Tensor(LABELS[:n])))
    assert len(stepper._entries) <= 8


def test_two_fits(runs: list[int]) -> None:
    """The second one goes on with the optimizer and the streams of the first."""
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(3)
        model = dense()
        model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=eagerly)
        for _ in range(2):
            model.fit(X, LABELS, batch_size=4, epochs=2, verbose=0)
        results.append([v.numpy() for v in model.variables])
    # 11 batches of 4 and one of 2 in each of four epochs: a second fit has the records of the first.
    assert runs[0] == 4 * 11 - 2 + 4 - 2
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)


def test_a_fit_after_many_kinds_of_batches(runs: list[int]) -> None:
    """Records of batches that were there before do not keep a new fit from making its own."""
    model = dense()
    model.compile("adam", "sparse_categorical_crossentropy")
    for size in range(1, 10):
        model.fit(X, LABELS, batch_size=size, steps_per_epoch=1, verbose=0)
    runs[0] = 0
    model.fit(X, LABELS, batch_size=23, epochs=4, verbose=0)
    assert runs[0] == 4 * 2 - 2


# -- what a record must not take for granted -----------------------------------------------------------------------


def scores() -> Sequential:
    return Sequential([Input((6,)), layers.Dense(3, kernel_regularizer="l2")])


class Between(Callback):
    """Calls a function with the model and the epoch before each epoch."""

    def __init__(self, change: Callable[[Any, int], None]) -> None:
        super().__init__()
        self.change = change

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.change(self.model, epoch)


def counted_activation() -> Callable[[Any], Any]:
    calls = [0]

    def activation(x: Any) -> Any:
        calls[0] += 1
        return x * float(calls[0])

    return activation


def use_own_activation(model: Any, epoch: int) -> None:
    if epoch == 1:
        model.layers[0].activation = counted_activation()


def compile_again(model: Any, epoch: int) -> None:
    if epoch == 1:
        model.compile(model.optimizer, model.loss, loss_weights=[3.0], run_eagerly=model.run_eagerly)


def reduce_otherwise(model: Any, epoch: int) -> None:
    for loss in model._compiled_loss.losses:  # there are none before the first batch
        loss.reduction = ("sum", "mean")[epoch % 2]


def regularize_more(model: Any, epoch: int) -> None:
    model.layers[0].kernel_regularizer.l2 = 0.1 * (epoch + 1)


@pytest.mark.parametrize("change", [use_own_activation, compile_again, reduce_otherwise, regularize_more])
def test_a_callback_changes_what_steps_and_validation_do(change: Any) -> None:
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(7)
        model = scores()
        model.compile("sgd", "mse", run_eagerly=eagerly)
        data = {"batch_size": 4, "validation_split": 0.4, "epochs": 4, "verbose": 0}
        results.append(model.fit(X, X[:, :3], callbacks=[Between(change)], **data).history)
    assert results[0] == results[1]


def set_float_dtype(model: Any, epoch: int) -> None:
    dualnet.config.set_floatx("float32" if epoch % 2 else "float64")


def set_epsilon(model: Any, epoch: int) -> None:
    dualnet.config.set_epsilon(10.0 ** -(epoch + 1))


def take_another_optimizer(model: Any, epoch: int) -> None:
    model.optimizer = optimizers.Adam(0.01)


def take_another_step(model: Any, epoch: int) -> None:
    def train_step(data: Any) -> Any:
        raise RuntimeError("this step is the user's")

    if epoch == 2:
        model.train_step = train_step


def seed_again(model: Any, epoch: int) -> None:
    dualnet.utils.set_random_seed(epoch)


def drop_more(model: Any, epoch: int) -> None:
    model.layers[0].rate = 0.1 * (epoch + 1)


def freeze(model: Any, epoch: int) -> None:
    model.layers[1].trainable = epoch % 2 == 0


@pytest.mark.parametrize(
    "change",
    [
        *(use_own_activation, compile_again, reduce_otherwise, regularize_more, set_float_dtype, set_epsilon),
        *(take_another_optimizer, take_another_step, seed_again, drop_more, freeze),
    ],
)
@pytest.mark.filterwarnings("ignore:the trainable weights have changed since compile")
def test_a_change_between_two_fits(change: Any) -> None:
    """A fit has the records of the one before, but not what no longer holds."""
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(7)
        model = Sequential([
            Input((6,)),
            layers.Dropout(0.3),
            layers.Dense(4, kernel_regularizer="l2"),
            layers.Dense(3, activation="softmax"),
        ])  # fmt: skip
        if change in (use_own_activation, regularize_more):  # they look at the first layer
            model = scores()
        model.compile("sgd", "kl_divergence", run_eagerly=eagerly)
        history = []
        try:
            for epoch in range(4):
                change(model, epoch)
                fitted = model.fit(X, np.abs(X[:, :3]), batch_size=4, validation_split=0.4, verbose=0)
                history.append((fitted.history, model.predict(X[:4], verbose=0).tolist()))
        except RuntimeError as error:
            history.append(str(error))
        finally:
            dualnet.config.set_floatx("float32")
            dualnet.config.set_epsilon(1e-7)
        results.append(history)
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["layer", "loss", "regularizer"])
def test_a_class_that_is_patched_between_two_fits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner: Any = {
        "layer": layers.Dense,
        "loss": dualnet.losses.MeanSquaredError,
        "regularizer": dualnet.regularizers.L2,
    }[name]
    method = "__call__" if name == "regularizer" else "call"
    own = getattr(owner, method)
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(7)
        model = scores()
        model.compile("sgd", "mse", run_eagerly=eagerly)
        history = []
        for run in range(3):
            with monkeypatch.context() as patch:
                if run == 1:
                    patch.setattr(owner, method, lambda self, *args: own(self, *args) * 2.0)
                fit = model.fit(X, X[:, :3], batch_size=4, epochs=2, verbose=0)
                history.append((fit.history, model.evaluate(X, X[:, :3], batch_size=4, verbose=0)))
        results.append(history)
    assert results[0] == results[1]


def test_the_array_of_a_state_is_exchanged() -> None:
    """A record reads a variable, not the array that it had: the moving mean that training moves is that of the layer."""
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(7)
        model = Sequential([Input((6,)), layers.BatchNormalization(), layers.Dense(3)])
        model.compile("sgd", "mse", run_eagerly=eagerly)
        for run in range(3):
            model.layers[0].moving_mean.data = np.full(6, run, "float32")
            model.fit(X, X[:, :3], batch_size=4, verbose=0)
        results.append([v.numpy().tolist() for v in model.variables])
    assert results[0] == results[1]


def test_a_callback_changes_the_loss_between_batches_of_a_test() -> None:
    class Flip(Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            loss = self.model.loss
            loss.reduction = "sum" if loss.reduction != "sum" else "mean"

    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(7)
        model = scores()
        model.compile("sgd", dualnet.losses.MeanSquaredError(), run_eagerly=eagerly)
        results.append(model.evaluate(X, X[:, :3], batch_size=4, callbacks=[Flip()], verbose=0))
    assert results[0] == results[1]


def test_predictions_with_a_function_that_came_later() -> None:
    model = scores()
    once = [model.predict(X[:8], verbose=0) for _ in range(3)][-1]
    model.layers[0].activation = counted_activation()
    for calls in range(1, 5):
        np.testing.assert_array_equal(model.predict(X[:8], verbose=0), once * np.float32(calls))


def test_run_eagerly_is_heeded_when_it_is_set_later(monkeypatch: pytest.MonkeyPatch) -> None:
    model = scores()
    for _ in range(3):
        model.predict(X, verbose=0)
    model.run_eagerly = True
    monkeypatch.setattr(ForwardProgram, "run", lambda *args: pytest.fail("a step was repeated"))
    for _ in range(4):
        model.predict(X, verbose=0)


def batches_of(parts: Callable[[int, Any], Any]) -> Any:
    random = np.random.default_rng(1)
    for i in range(12):
        yield parts(i, random)


def same_array(i: int, random: Any) -> Any:
    x = random.normal(size=(4, 6)).astype("float32")
    return (x, x) if i < 4 else (x, 2 * x)


def weights_of_one(i: int, random: Any) -> Any:
    x = random.normal(size=(4, 6)).astype("float32")
    return x, {"a": x, "b": -x}, {"ab"[i % 2]: random.uniform(size=4).astype("float32")}


def two_named() -> Model:
    x = Input((6,))
    return Model(x, {"a": layers.Dense(6, name="a")(x), "b": layers.Dense(6, name="b")(x)})


@pytest.mark.parametrize(
    ("parts", "build"),
    [(same_array, lambda: Sequential([Input((6,)), layers.Dense(6)])), (weights_of_one, two_named)],
    ids=["one array twice", "weights of one output"],
)
def test_batches_that_only_look_alike(parts: Any, build: Any) -> None:
    """Of the same shapes and dtypes, but put together in another way."""
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(7)
        model = build()
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(batches_of(parts), steps_per_epoch=12, verbose=0)
        results.append([v.numpy() for v in model.variables])
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)


def test_a_form_tells_where_there_is_nothing() -> None:
    t = dualnet.Tensor(X)
    forms = [({"a": t, "b": None}, t), ({"a": None, "b": t}, t), ((t, t), t), (t, t, t), (t, (t, t))]
    assert len({replay.tree_structure(f) for f in forms}) == len(forms)


@pytest.mark.filterwarnings("ignore:the loss does not depend on")
def test_a_variable_of_no_layer_does_not_stand_in_for_one_without_a_gradient(runs: list[int]) -> None:
    def build() -> Model:
        free = dualnet.Variable(np.ones(3, "float32"))
        x = Input((6,))
        return Model(x, [layers.Dense(3, use_bias=False)(x) * free, layers.Dense(2, use_bias=False)(x)])

    options = {"optimizer": lambda: optimizers.Adam(0.1, weight_decay=0.1), "loss": ["mse", None]}
    agree(runs, ALL, build, data=(X, [X[:, :3], X[:, :2]]), compile=options)


def test_a_function_of_the_user_in_a_graph_or_at_a_variable_runs_at_every_step(runs: list[int]) -> None:
    def in_graph() -> Model:
        x = Input((6,))
        model = Model(
            x, layers.Dense(3, activation="softmax")(ops.vectorized_map(activation := counted_activation(), x))
        )
        activation.__closure__[0].cell_contents[0] = 0  # it ran for the shapes, too
        return model

    def at_variable() -> Model:
        model, times = dense(), counted_activation()
        model.layers[0].kernel.regularizer = lambda w: times(ops.sum(ops.square(w)) * 1e-6)
        return model

    agree(runs, 0, in_graph)
    agree(runs, 0, at_variable)


def test_a_step_that_reads_a_value_is_not_repeated() -> None:
    from dualnet.capture.tracer import Tracer
    from dualnet.core.tracing import tracing

    for value in (dualnet.Tensor(X), dualnet.Variable(X)):
        tracer = Tracer([value])
        with tracing(tracer):
            value.numpy()
        assert tracer.abort_reason is not None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # infinities are what the scale goes by
def test_the_scale_of_a_loss_in_float16_changes(runs: list[int]) -> None:

    def build() -> Sequential:
        return Sequential([
            Input((6,)),
            layers.Dense(8, activation="relu", dtype="mixed_float16"),
            layers.Dense(3, activation="softmax", dtype="mixed_float16"),
        ])  # fmt: skip

    def optimizer() -> Any:
        return optimizers.LossScaleOptimizer(optimizers.SGD(0.01), initial_scale=2.0**15, dynamic_growth_steps=4)

    agree(runs, ALL, build, compile={"optimizer": optimizer})


def test_train_on_batch_and_test_on_batch(runs: list[int]) -> None:
    """One step at a time, with a frozen stretch in between."""
    results = []
    for eagerly in (False, True):
        runs[0] = 0
        dualnet.utils.set_random_seed(3)
        model = dense()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=eagerly)
        collected = []
        for step in range(12):
            if step in (5, 8):
                model.layers[0].trainable = step == 8
                collected.append(model.test_on_batch(X[:4], LABELS[:4]))
            part = slice(4 * (step % 5), 4 * (step % 5) + 4)
            collected.append(model.train_on_batch(X[part], LABELS[part]))
        results.append((collected, [v.numpy().tolist() for v in model.variables]))
        assert runs[0] == (0 if eagerly else (5 - 2) + (3 - 2) + (4 - 2))
    assert results[0] == results[1]


def test_a_regularizer_is_given_between_two_batches(runs: list[int]) -> None:
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(3)
        model = Sequential([Input((6,)), layers.Dense(3, kernel_regularizer="l2")])
        model.compile("sgd", "mse", run_eagerly=eagerly)
        collected = []
        for step in range(8):
            if step == 4:
                model.layers[0].kernel.regularizer = dualnet.regularizers.L1(0.3)
            collected.append(model.train_on_batch(X[:4], X[:4, :3]))
        results.append((collected, [v.numpy().tolist() for v in model.variables]))
    assert results[0] == results[1]

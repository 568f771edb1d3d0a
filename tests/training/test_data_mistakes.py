"""Mistakes in the data are an error before the first step, from every source, and what is looked at for that is not lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.data import Dataset
from dualnet.preprocessing.image import ImageDataGenerator
from dualnet.utils import PyDataset

N, SIZE = 20, 5
draw = np.random.default_rng(0)
X = draw.normal(size=(N, 4)).astype("float32")
Y = np.arange(N) % 3
NAN = X.copy()
NAN[1, 2] = np.nan


def with_label(label: Any, at: int) -> Any:
    return np.where(np.arange(N) == at, label, Y)


def parts(*data: Any) -> Iterator[Any]:
    for start in range(0, N, SIZE):
        yield tuple(part[start : start + SIZE] for part in data)


class Batches(PyDataset):
    """Counts what is asked for."""

    def __init__(self, *data: Any, **options: Any) -> None:
        super().__init__(**options)
        self.data, self.calls = data, []

    def __len__(self) -> int:
        return N // SIZE

    def __getitem__(self, i: int) -> Any:
        self.calls.append(i)
        return list(parts(*self.data))[i]


def endless(*data: Any) -> Iterator[Any]:
    while True:
        yield from parts(*data)


class Again:
    """An iterable that begins anew with every pass."""

    def __init__(self, *data: Any) -> None:
        self.data = data

    def __iter__(self) -> Iterator[Any]:
        return parts(*self.data)


class Frame:
    """A data frame, of which this much is used."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __dataframe__(self) -> Any:
        raise NotImplementedError

    def to_numpy(self) -> Any:
        return self.values


VALIDATION: dict[str, Callable[..., dict[str, Any]]] = {
    "arrays": lambda *data: {"validation_data": data},
    "a list": lambda *data: {"validation_data": list(data)},
    "data frames": lambda *data: {"validation_data": tuple(map(Frame, data))},
    "a dataset": lambda *data: {"validation_data": Dataset.from_tensor_slices(data).batch(SIZE)},
    "a PyDataset": lambda *data: {"validation_data": Batches(*data)},
    "a PyDataset with workers": lambda *data: {"validation_data": Batches(*data, workers=2)},
    "a generator": lambda *data: {"validation_data": endless(*data), "validation_steps": 4},
    "an iterable": lambda *data: {"validation_data": Again(*data)},
}


def functional() -> Any:
    return dualnet.Sequential([dualnet.Input((4,)), layers.Dense(5, "relu"), layers.Dense(3, "softmax")])


def deferred() -> Any:
    return dualnet.Sequential([layers.Dense(5, "relu"), layers.Dropout(0.5), layers.Dense(3, "softmax")])


class Subclassed(dualnet.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = layers.Dense(5, "relu"), layers.Dense(3, "softmax")
        self.calls = 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        return self.out(self.hidden(x))


MODELS: dict[str, Callable[[], Any]] = {"functional": functional, "deferred": deferred, "subclassed": Subclassed}
MISTAKES: dict[str, tuple[tuple[Any, ...], str]] = {
    "another width": ((X[:, :3], Y), "last axis has 4 entries, got shape"),
    "more axes": ((X[:, None, :2], Y), "validation data: "),
    "NaN": ((NAN, Y), "validation data: x has 1 values that are NaN"),
    "a label outside": ((X, with_label(3, 3)), "the label 3"),
    "one-hot labels": ((X, np.eye(3)[Y]), "one-hot|integer labels"),
    "two targets per sample": ((X, np.stack([Y, Y], 1)), "shape"),
    "no labels": ((X,), "no labels|must be"),
    "NaN among the weights": ((X, Y, NAN[:, 2]), "sample_weight has 1 values that are NaN"),
    "weights of another shape": ((X, Y, np.ones((N, 2))), "validation data: .*shape"),
}


def fit(model: Any, **options: Any) -> Any:
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model.fit(X, Y, batch_size=SIZE, epochs=2, verbose=0, **options)


@pytest.mark.parametrize("source", VALIDATION)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_validation_data(mistake: str, model: str, source: str) -> None:
    data, message = MISTAKES[mistake]
    net = MODELS[model]()
    with dualnet.device("cpu"), pytest.raises(ValueError, match=message):
        fit(net, **VALIDATION[source](*data))
    assert net.optimizer.step_count() == 0


@pytest.mark.parametrize("source", [name for name in VALIDATION if name != "a generator"])
@pytest.mark.parametrize("model", MODELS)
def test_a_label_outside_in_a_later_batch(model: str, source: str) -> None:
    """Of arrays all are known before the first step."""
    with dualnet.device("cpu"), pytest.raises(ValueError, match="the label 3"):  # a GPU says it when results are read
        net = MODELS[model]()
        fit(net, **VALIDATION[source](X, with_label(3, 18)))
    assert (net.optimizer.step_count() == 0) == (source in ("arrays", "a list", "data frames"))


@pytest.mark.parametrize("source", VALIDATION)
@pytest.mark.parametrize("model", MODELS)
def test_the_numbers_stay_the_same(model: str, source: str) -> None:
    """What comes out with validation data is what comes out of training and evaluating in turn."""
    dualnet.utils.set_random_seed(1)
    net = MODELS[model]()
    options = VALIDATION[source](X[::-1].copy(), Y)
    history = fit(net, **options).history
    dualnet.utils.set_random_seed(1)
    other = MODELS[model]()
    assert history["loss"] == fit(other).history["loss"]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(net.get_weights(), other.get_weights()))
    assert history["val_loss"][-1] == pytest.approx(net.evaluate(X[::-1], Y, verbose=0), rel=1e-6)
    if model == "subclassed":
        assert net.calls - other.calls == 2 * 4 + 1  # two validations and the evaluation
    if source == "a PyDataset":
        assert options["validation_data"].calls == [0, 1, 2, 3] * 2


def test_a_generator_loses_no_batch() -> None:
    means = []

    class Noting(dualnet.callbacks.Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            means.append(logs["loss"])

    net = functional()
    net.compile(dualnet.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    options = {"validation_data": endless(X, Y), "validation_steps": 3, "callbacks": [Noting()]}
    net.fit(X, Y, epochs=2, verbose=0, **options)
    losses = [net.test_on_batch(x, y) for x, y in parts(X, Y)]
    expected = [np.mean([losses[i] for i in order]) for order in ([0], [0, 1], [0, 1, 2], [3], [3, 0], [3, 0, 1])]
    assert means == pytest.approx(expected, rel=1e-5)


class Filled(PyDataset):
    """A PyDataset that fills one array anew for every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.x, self.y = np.empty((SIZE, 4), "float32"), np.empty(SIZE, "int64")

    def __len__(self) -> int:
        return N // SIZE

    def __getitem__(self, i: int) -> Any:
        self.x[:], self.y[:] = X[SIZE * i : SIZE * (i + 1)], Y[SIZE * i : SIZE * (i + 1)]
        return self.x, self.y


def test_a_source_that_trains_and_validates() -> None:
    net = functional()
    net.compile("sgd", "sparse_categorical_crossentropy")
    source = Filled()
    history = net.fit(source, validation_data=source, epochs=1, verbose=0).history
    assert history["val_loss"][0] == pytest.approx(net.evaluate(X, Y, verbose=0), rel=1e-6)


@pytest.mark.parametrize("augment", [False, True])
def test_image_data_generator(augment: bool) -> None:
    images = draw.normal(size=(8, 6, 6, 1)).astype("float32")
    labels = np.arange(8) % 3
    made = ImageDataGenerator(horizontal_flip=augment)

    def train(wide: int, count: int = 1) -> tuple[Any, Any]:
        dualnet.utils.set_random_seed(5)
        net = dualnet.Sequential([dualnet.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
        net.compile("sgd", "sparse_categorical_crossentropy")
        validation = made.flow(images[:, :, :wide], labels, batch_size=4, seed=3)
        history = net.fit(
            made.flow(images, labels, batch_size=4, seed=2), epochs=2, verbose=0, validation_data=validation
        )
        return net, history.history

    net, history = train(6)
    again = made.flow(images, labels, batch_size=4, seed=3)
    if not augment:
        assert history["val_loss"][-1] == pytest.approx(net.evaluate(again, verbose=0), rel=1e-5)
    assert history == train(6)[1]
    with pytest.raises(ValueError, match="validation data: "):
        train(5)


def two_outputs() -> Any:
    x = dualnet.Input((4,))
    net = dualnet.Model(x, [layers.Dense(1, name="a")(x), layers.Dense(2, name="b")(x)])
    net.compile("sgd", "mse")
    return net


@pytest.mark.parametrize(
    "y",
    [
        [X[:, :1]],
        [X[:, :1], X[:, :2], X[:, :2]],
        [X[:, :2], X[:, :1]],
        {"a": X[:, :1], "c": X[:, :2]},
        {"a": X[:, :1]},
        X[:, :1],
    ],
)
def test_targets_of_another_number_of_outputs(y: Any) -> None:
    good = [X[:, :1], X[:, :2]]
    for options in ({"y": y}, {"y": good, "validation_data": (X, y)}):
        net = two_outputs()
        with pytest.raises(
            ValueError, match=r"y has|names the outputs|shape|nothing for it|Expected keys|single array"
        ):
            net.fit(X, batch_size=SIZE, verbose=0, **options)
        assert net.optimizer.step_count() == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": np.ones(7)}, "same number of samples"),
        ({"sample_weight": np.ones((N, 2))}, "shape"),
        ({"sample_weight": NAN[:, 2]}, "sample_weight has 1 values that are NaN"),
        ({"validation_split": 1.0}, "between 0 and 1"),
        ({"validation_split": 0.99}, "too few"),
        ({"class_weight": {0: 1.0, 3: 2.0}}, "class_weight has the class 3, but the model has 3 classes"),
        ({"class_weight": {-1: 1.0}}, "class_weight has the class -1"),
        ({"class_weight": [1.0, 1.0, 1.0, 1.0]}, "class_weight has the class 3"),
        ({"class_weight": {"cat": 1.0}}, "keys are classes"),
        ({"class_weight": {0: float("nan")}}, "must be finite"),
    ],
)
def test_arguments(options: dict[str, Any], message: str) -> None:
    net = functional()
    with pytest.raises(ValueError, match=message):
        fit(net, **options)
    assert net.optimizer.step_count() == 0


def test_weights_of_classes_that_are_there() -> None:
    fit(functional(), class_weight={0: 2.0})
    ignoring = dualnet.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    net = functional()
    net.compile("sgd", ignoring)
    net.fit(X, with_label(-1, 2), class_weight={-1: 0.0, 2: 3.0}, verbose=0)
    binary = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(1, "sigmoid")])
    binary.compile("sgd", "binary_crossentropy")
    binary.fit(X, Y % 2, class_weight={0: 1.0, 1: 3.0}, verbose=0)
    with pytest.raises(ValueError, match="numbered from 0 to 1"):
        binary.fit(X, Y % 2, class_weight={1: 1.0, 2: 3.0}, verbose=0)


@pytest.mark.parametrize("model", ["deferred", "subclassed"])
def test_labels_of_arrays_for_models_that_are_not_built(model: str) -> None:
    net = MODELS[model]()
    net.compile("sgd", "sparse_categorical_crossentropy")
    with dualnet.device("cpu"), pytest.raises(ValueError, match="holds the label 3"):
        net.fit(X, with_label(3, 18), batch_size=SIZE, shuffle=False, verbose=0)
    assert net.optimizer.step_count() == 0


def test_what_is_left_to_the_user() -> None:
    """A model with steps of its own, and a loss of the user, are asked for nothing more than before."""
    seen = []

    def loss(y: Any, y_pred: Any) -> Any:
        seen.append(y.shape[0])
        return dualnet.ops.mean((y_pred - y) ** 2, axis=-1)

    class Own(dualnet.Model):
        def __init__(self) -> None:
            super().__init__()
            self.out = layers.Dense(1)

        def test_step(self, data: Any) -> Any:
            return {"rows": data["anything"].shape[0]}

        def call(self, x: Any) -> Any:
            return self.out(x)

    net = Own()
    net.compile("sgd", loss)
    source = Dataset.from_tensor_slices({"anything": X}).batch(SIZE)
    history = net.fit(X, X[:, :1], batch_size=10, verbose=0, validation_data=source).history
    assert history["val_rows"] == [SIZE]
    assert seen == [10, 10]
    plain = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(1)])
    plain.compile("sgd", loss)
    seen.clear()
    plain.fit(X, X[:, :1], batch_size=10, verbose=0, validation_data=(X, X[:, :1]))
    assert seen == [10, 10, 10, 10]


def test_a_model_with_a_fixed_batch() -> None:
    net = dualnet.Sequential([dualnet.Input(batch_shape=(5, 3, 4)), layers.LSTM(2, stateful=True), layers.Dense(1)])
    net.compile("sgd", "mse")
    x = draw.normal(size=(10, 3, 4)).astype("float32")
    history = net.fit(
        x,
        x[:, 0, :1],
        batch_size=5,
        shuffle=False,
        verbose=0,
        validation_data=(x, x[:, 0, :1]),
        validation_batch_size=5,
    )
    assert np.isfinite(history.history["val_loss"]).all()
    with pytest.raises(ValueError, match="validation data: "):
        net.fit(x, x[:, 0, :1], batch_size=5, verbose=0, validation_data=(x[:, :, :3], x[:, 0, :1]))


LATER: dict[str, Any] = {  # what is wrong with the third batch of a stream
    "another width": (np.ones((5, 6)), np.zeros(5, int)),
    "a label outside": (np.ones((5, 4)), np.full(5, 9)),
    "too few labels": (np.ones((5, 4)), np.zeros(3, int)),
    "text": (np.full((5, 4), "a"), np.zeros(5, int)),
    "no labels": np.ones((5, 4)),
}


def stream(wrong: Any) -> Iterator[Any]:
    for i in range(5):
        yield wrong if i == 2 else (np.ones((5, 4)), np.zeros(5, int))


@pytest.mark.parametrize("wrong", LATER)
def test_the_batch_of_a_stream_is_named(wrong: str) -> None:
    """Nobody can look at later batches before they come, but the message says which one it was."""
    right = (np.ones((5, 4)), np.zeros(5, int))
    calls: dict[str, Callable[[Any], Any]] = {
        "^batch 3: ": lambda model: model.fit(stream(LATER[wrong]), steps_per_epoch=5, verbose=0),
        "^validation data, batch 3: ": lambda model: model.fit(*right, validation_data=stream(LATER[wrong]), verbose=0),
        "^batch 3: .": lambda model: model.evaluate(stream(LATER[wrong]), verbose=0),
    }
    # Labels are values: on a GPU nobody waits for them in a step, and the error comes at the end of the epoch.
    late = wrong == "a label outside" and backends.current().device != "cpu"
    for message, call in calls.items():
        model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        with pytest.raises((ValueError, TypeError), match="labels outside the range" if late else message):
            call(model)
    if wrong == "another width":
        with pytest.raises(ValueError, match=r"^batch 3: Dense layer"):
            model.predict(stream(LATER[wrong]), verbose=0)


def test_errors_of_the_program_keep_their_type() -> None:
    class Mine(ValueError):
        pass

    def broken() -> Iterator[Any]:
        yield np.ones((5, 4))
        raise Mine("code", 3)

    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3)])
    with pytest.raises(Mine) as caught:
        model.predict(broken(), verbose=0)
    assert caught.value.args == ("code", 3)

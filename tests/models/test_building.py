"""Building, copying and describing a model runs no code of the user for good: what that code changes is put back."""

from __future__ import annotations

import random
import warnings
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers, models, ops
from dualnet.core import seeds
from dualnet.serialization.objects import deserialize_keras_object, register_keras_serializable, serialize_keras_object

X = np.ones((2, 3), "float32")
STEPS = np.ones((2, 4, 3), "float32")


class Notes:
    """What a user keeps things in."""

    def __init__(self) -> None:
        self.calls = 0
        self.seen: list[int] = []


@register_keras_serializable("building")
class Changing(layers.Layer):
    """A layer whose call changes all that it can reach."""

    def __init__(self, needs_sizes: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.needs_sizes = needs_sizes
        self.calls = 0
        self._private, self._level, self._fading = "as it was", 1, 1
        self.seen: list[Any] = [1]
        self.table: dict[str, Any] = {"a": [1]}
        self.members, self.queue, self.bytes = {1}, deque([1, 2], maxlen=2), bytearray(b"1")
        self.array = np.zeros(3)
        self.numpy_random, self.old_random = np.random.default_rng(0), np.random.RandomState(0)
        self.python_random = random.Random(0)
        self.notes, self.space = Notes(), SimpleNamespace(n=0)
        self.dropout = layers.Dropout(0.5)
        self.mean = dualnet.metrics.Mean()

    def build(self, input_shape: Any) -> None:
        self.count = self.add_weight((), "zeros", trainable=False, name="count")
        self.generator = dualnet.random.SeedGenerator(5)

    def call(self, x: Any) -> Any:
        self.calls += 1
        self._private = "changed"
        self.new = x
        self.seen.append(x)
        self.table["b"] = 2
        self.table["a"] += [2]
        self.members.add(2)
        self.queue.append(3)
        self.bytes.append(2)
        self.array += 1
        self.numpy_random.normal(), self.old_random.normal(), self.python_random.random()
        self.notes.calls += 1
        self.notes.seen.append(1)
        self.space.n += 1
        self.count.assign(self.count + 1)
        self.mean.update_state(3.0)
        self.trainable, self.level = False, 7
        if hasattr(self, "_fading"):
            del self._fading
        self.dropout.note = "set by another layer"
        np.random.random(), random.random()
        noise = dualnet.random.normal((3,), seed=self.generator) + dualnet.random.normal((3,))
        warnings.warn("about the data", stacklevel=2) if self.needs_sizes else None
        x = self.dropout(x, training=True) + noise
        return x[:, : int(x.shape[0]) + 5] if self.needs_sizes else x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "needs_sizes": self.needs_sizes}

    @property
    def level(self) -> int:
        return self._level

    @level.setter
    def level(self, value: int) -> None:
        self._level = value

    def state(self) -> list[Any]:
        built = [float(self.count.numpy()), self.generator.counter] if self.built else [0.0, 0]
        return [
            self.calls, self._private, self.trainable, self.level, hasattr(self, "_fading"), hasattr(self, "new"),
            list(self.seen), repr(self.table), set(self.members), list(self.queue), bytes(self.bytes), self.array.tolist(),
            self.numpy_random.bit_generator.state, repr(self.old_random.get_state()),
            self.python_random.getstate(), self.notes.calls, list(self.notes.seen), self.space.n, self.dropout.seed_generator.counter,
            hasattr(self.dropout, "note"), float(self.mean.result()), *built,
        ]  # fmt: skip


FRESH = Changing().state()


def changing(root: Any) -> list[Changing]:
    return [x for x in root._flatten_layers() if isinstance(x, Changing)]


class Outer(Model):
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.entered = inner, 0

    def call(self, x: Any) -> Any:
        self.entered += 1
        return self.inner(x)


@register_keras_serializable("building")
class Around(layers.Wrapper):
    def call(self, x: Any) -> Any:
        return self.layer(x)


def sequential(layer: Any) -> Any:
    return Sequential([Input((3,)), layer])


def functional(layer: Any) -> Any:
    return Model(x := Input((3,)), layer(x))


def nested(layer: Any) -> Any:
    return functional(sequential(layer))


def subclassed(layer: Any) -> Any:
    model = Outer(layer)
    model.build((None, 3))
    assert model.entered == 0
    return model


def subclassed_in_a_graph(layer: Any) -> Any:
    model = functional(Outer(layer))
    assert model.layers[-1].entered == 0
    return model


def lazily(layer: Any) -> Any:
    model = Sequential([layer])
    model.build((None, 3))
    return model


def added(layer: Any) -> Any:
    model = Sequential()
    model.add(Input((3,)))
    model.add(layer)
    model.pop()
    model.add(layer)
    return model


def wrapped(layer: Any) -> Any:
    return functional(Around(layer))


def by_shape(layer: Any) -> Any:
    layer.compute_output_shape((None, 3))
    layer.compute_output_spec(dualnet.KerasTensor((None, 3)))
    return layer


def in_steps(layer: Any) -> Any:
    return Model(x := Input((4, 3)), layers.TimeDistributed(layer)(x))


FORMS: list[Callable[[Any], Any]] = [
    sequential, functional, nested, subclassed, subclassed_in_a_graph, lazily, added, wrapped, by_shape, in_steps,
]  # fmt: skip


def host_random() -> list[Any]:
    return [repr(np.random.get_state()), seeds.get_state()["pair"]]


@pytest.mark.parametrize("needs_sizes", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_model_is_built(form: Any, needs_sizes: bool) -> None:
    before = host_random()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = form(Changing(needs_sizes))
        assert [layer.state() for layer in changing(model)] == [FRESH]
        copies = [] if form in (by_shape, subclassed, subclassed_in_a_graph) else [
            models.clone_model(model), type(model).from_config(model.get_config()),
            deserialize_keras_object(serialize_keras_object(model)),
        ]  # fmt: skip
        if form is not by_shape:
            model.summary(print_fn=lambda text: None)
            assert model.count_params() == 1
    for copy in copies:
        assert [layer.state() for layer in changing(copy)] == [FRESH]
    assert host_random() == before


@pytest.mark.parametrize("form", FORMS)
def test_what_a_built_model_computes_is_what_the_layer_alone_does(form: Any) -> None:
    """Every call counts once from the first on, and draws what it would have drawn."""

    def outputs(make: Any) -> Any:
        dualnet.utils.set_random_seed(3)
        layer = Changing()
        np.random.seed(4)
        run = make(layer)
        x = STEPS if form is in_steps else X
        return [run(x).numpy() for _ in range(2)], layer.state()[:-5], np.random.random()

    alone = outputs((lambda layer: layers.TimeDistributed(layer)) if form is in_steps else (lambda layer: layer))
    built = outputs(form)
    np.testing.assert_array_equal(built[0], alone[0])
    assert built[1][0] == alone[1][0]
    assert built[2] == alone[2]


def test_python_random_numbers_are_put_back() -> None:
    class Drawing(layers.Layer):
        def call(self, x: Any) -> Any:
            return x * random.random()

    random.seed(1)
    sequential(Drawing())
    functional(Drawing())
    drawn = random.random()
    random.seed(1)
    assert random.random() == drawn


def test_functions_that_ops_take() -> None:
    generator = dualnet.random.SeedGenerator(3)

    def noisy(row: Any) -> Any:
        return row * np.random.random() * random.random() + dualnet.random.normal((3,), seed=generator)

    def carried(total: Any, row: Any) -> Any:
        return total + noisy(row), row

    before = [random.getstate(), *host_random()]
    x = Input((3,))
    ops.map(noisy, x)
    ops.vectorized_map(noisy, x)
    ops.scan(carried, ops.zeros((3,)), x)
    assert [random.getstate(), *host_random(), generator.counter] == [*before, 0]


def test_saving_runs_nothing(tmp_path: Any) -> None:
    model = sequential(Changing())
    model.save(tmp_path / "model.keras")
    model.to_json()
    loaded = models.load_model(tmp_path / "model.keras")
    assert [layer.state() for layer in changing(model) + changing(loaded)] == [FRESH, FRESH]


def test_layers_built_inside_a_trial_have_weights_of_their_own() -> None:
    """The random numbers that they took are not given out again."""

    class Drawing(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(
                3, kernel_initializer=lambda shape, dtype: ops.convert_to_tensor(np.random.random(shape))
            )

        def build(self, input_shape: Any) -> None:
            self.offset = dualnet.random.normal((3,))

        def call(self, x: Any) -> Any:
            np.random.random(), dualnet.random.normal((3,))
            return self.dense(x) + self.offset

    dualnet.utils.set_random_seed(2)
    made = [Drawing(), Drawing()]
    for layer in made:
        sequential(layer)
    (kernel, offset), (other_kernel, other_offset) = [(x.dense.kernel.numpy(), x.offset.numpy()) for x in made]
    assert (kernel != other_kernel).all()
    assert (offset != other_offset).all()


def test_what_a_call_makes_stays() -> None:
    """A call that makes layers is a build: they, and the flag that says so, stay. Nothing made later starts like them."""

    class Lazy(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.ready, self.blocks = False, []

        def call(self, x: Any) -> Any:
            if not self.ready:
                self.blocks.append(layers.Dense(3))
                self.ready = True
            return self.blocks[0](x)

    layer = Lazy()
    model = sequential(layer)
    assert layer.ready
    assert len(layer.blocks) == 1
    kernel = layer.blocks[0].kernel
    other = layers.Dense(3)
    other(X)
    assert (other.kernel.numpy() != kernel.numpy()).any()
    model(X)
    assert layer.blocks[0].kernel is kernel
    assert len(model.weights) == 2


def test_layers_may_leave_tensors_for_one_another() -> None:
    """Within one model; a cache of what has the size of a stand-in is not kept."""

    class Encoder(layers.Layer):
        skip = None

        def call(self, x: Any) -> Any:
            self.skip = x * 2
            return x

    class Both(Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.cache = Encoder(), None

        def call(self, x: Any) -> Any:
            x = self.encoder(x)
            if self.cache is None:
                self.cache = ops.ones(x.shape[1:])
            return x + self.encoder.skip + self.cache

    inner = Both()
    model = functional(inner)
    assert inner.cache is None
    assert inner.encoder.skip is None
    np.testing.assert_array_equal(model(X).numpy(), 3 * X + 1)


@pytest.mark.parametrize("form", [sequential, lambda inner: inner, Outer])
def test_training_counts_every_step_once(form: Any) -> None:
    """Also in a model that is built by the first batch."""
    layer = Changing()
    model = form(Sequential([layer, layers.Dense(3)]))
    model.compile("sgd", "mse")
    model.fit(np.tile(X, (4, 1)), np.tile(X, (4, 1)), batch_size=2, epochs=2, verbose=0)
    assert (layer.calls, float(layer.count.numpy())) == (8, 8.0)
    model.predict(X, verbose=0)
    model.evaluate(X, X, verbose=0)
    assert (layer.calls, float(layer.count.numpy())) == (10, 10.0)


@pytest.mark.parametrize("form", [sequential, functional, subclassed])
def test_no_warnings_about_data_that_stands_in(form: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        form(layers.Lambda(lambda t: ops.log(t * t) + ops.mean(t[:0]) / ops.sum(t)))
        form(layers.Lambda(lambda t: ops.convert_to_tensor(np.log(np.asarray(t)) * np.mean([], dtype="float32"))))


@pytest.mark.parametrize("make", [lambda: layers.Rescaling(2.0), lambda: layers.Dropout(0.5)])
def test_an_attribute_of_another_layer(make: Any) -> None:
    """Of one that checks its attributes when they are set, too."""

    class Noting(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.other = make()

        def call(self, x: Any) -> Any:
            self.other.note = "set in a call"
            return self.other(x)

    layer = Noting()
    Model(x := Input((3,)), layer(x))
    assert not hasattr(layer.other, "note")
    layer(np.ones((1, 3), "float32"))
    assert layer.other.note == "set in a call"

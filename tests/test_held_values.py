"""What a user holds does not change when training goes on, and what a user changes does not change a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet as K
from dualnet import GradientTape, layers, ops
from dualnet.optimizers import MultiOptimizer, OptimizerMap


def network(run_eagerly: bool = False) -> Any:
    K.utils.set_random_seed(0)
    model = K.Sequential([
        K.Input((6,)),
        layers.Dense(8, activation="relu"),
        layers.BatchNormalization(),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile(
        K.optimizers.Adam(0.05, use_ema=True),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=run_eagerly,
    )
    return model


def data(n: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 6)).astype("float32"), rng.integers(0, 3, n)


HOLD = {
    "reshape": lambda v: ops.reshape(v, (-1,)),
    "slice": lambda v: v[:1],
    "transpose": ops.transpose,
    "T": lambda v: v.T,
    "stop_gradient": ops.stop_gradient,
    "cast": lambda v: ops.cast(v, v.dtype),
    "convert_to_tensor": ops.convert_to_tensor,
    "value": lambda v: v.value,
    "numpy": lambda v: v.numpy(),
    "numpy of a view": lambda v: ops.reshape(v, (-1,)).numpy(),
    "asarray of a view": lambda v: np.asarray(ops.reshape(v, (-1,))),
    "nested views": lambda v: ops.squeeze(ops.expand_dims(ops.reshape(v, (-1,)), 0), 0)[1:],
    "split": lambda v: ops.split(ops.reshape(v, (-1,)), 2 if v.size % 2 == 0 else 1)[0],
    "unstack": lambda v: ops.unstack(v)[0],
}


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_of_the_variables_of_a_model(run_eagerly: bool) -> None:
    """Weights, moving statistics, slots of the optimizer, averages, states of metrics: before and in the middle of training."""
    x, y = data()
    model = network(run_eagerly)
    held = []
    for _ in range(2):
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        for v in variables:
            for name, hold in HOLD.items():
                if v.ndim or name in ("reshape", "stop_gradient", "value", "numpy", "convert_to_tensor"):
                    value = hold(v)
                    held.append((f"{name} of {v.path}", value, np.array(value)))
        weights = model.get_weights()
        held += [("get_weights", w, w.copy()) for w in weights]
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
        model.evaluate(x, y, verbose=0)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    model.set_weights(model.get_weights())
    model.layers[0].kernel.assign(model.layers[0].kernel * 0)
    for name, value, expected in held:
        np.testing.assert_array_equal(np.array(value), expected, err_msg=name)


OPTIMIZERS = {
    "nadam": lambda: K.optimizers.Nadam(0.1),
    "accumulating": lambda: K.optimizers.Adam(0.1, gradient_accumulation_steps=2),
    "loss scale": lambda: K.optimizers.LossScaleOptimizer(K.optimizers.SGD(0.1), dynamic_growth_steps=2),
    "multi": lambda: MultiOptimizer(OptimizerMap(K.optimizers.SGD(0.1), {".*kernel": K.optimizers.Adam(0.1)})),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_of_the_variables_of_an_optimizer(name: str) -> None:
    model = network()
    model.compile(OPTIMIZERS[name](), "sparse_categorical_crossentropy")
    model.fit(*data(), batch_size=16, verbose=0)
    held = [
        (v.path, x, np.array(x.numpy())) for v in model.optimizer.variables for x in (v.value, ops.expand_dims(v, 0))
    ]
    model.fit(*data(), batch_size=16, verbose=0)
    model.train_on_batch(*data())
    for path, x, before in held:
        np.testing.assert_array_equal(x.numpy(), before, err_msg=path)


@pytest.mark.parametrize(
    "part", ["fit", "train_on_batch", "load_weights", "set_weights", "constraint", "moving statistics"]
)
def test_a_gradient_asked_for_after_training_went_on(part: str, tmp_path: Any) -> None:
    x, y = data()
    model = network()
    model.fit(x, y, batch_size=16, epochs=1, verbose=0)
    model.save_weights(tmp_path / "w.weights.h5")
    model.fit(x, y, batch_size=16, epochs=1, verbose=0)
    kernel = model.layers[0].kernel

    def loss() -> Any:
        return ops.sum(ops.square(model(x[:16], training=False)))

    with GradientTape() as tape:
        value = loss()
    expected = [g.numpy() for g in tape.gradient(value, model.trainable_variables)]
    with GradientTape(persistent=True) as tape:
        value = loss()
    if part == "fit":
        model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    elif part == "train_on_batch":
        model.train_on_batch(x[:16], y[:16])
    elif part == "load_weights":
        model.load_weights(tmp_path / "w.weights.h5")
    elif part == "set_weights":
        model.set_weights([w * 2 for w in model.get_weights()])
    elif part == "constraint":
        kernel.assign(K.constraints.UnitNorm()(kernel))
    else:
        model(x, training=True)
    after = model.get_weights()
    for _ in range(2):
        for g, e in zip(tape.gradient(value, model.trainable_variables), expected):
            np.testing.assert_array_equal(g.numpy(), e)
    for w, a in zip(model.get_weights(), after):
        np.testing.assert_array_equal(w, a)


def test_a_tape_that_is_kept_does_not_grow_with_training() -> None:
    x, y = data()
    model = network()
    with GradientTape(persistent=True) as tape:
        value = ops.sum(model(x))
    model.fit(x, y, batch_size=16, epochs=1, verbose=0)
    length = len(tape._tape)
    model.fit(x, y, batch_size=16, epochs=5, verbose=0)
    assert len(tape._tape) == length
    assert tape.gradient(value, model.layers[0].kernel) is not None


def test_two_optimizers_in_turn() -> None:
    """A GAN whose critic is updated first: the generator's gradient is of the critic that was called."""
    x = data(8)[0]
    generator, critic = layers.Dense(6), layers.Dense(1)
    for layer in (generator, critic):
        layer.build((None, 6))
    with GradientTape(persistent=True) as tape:
        score = ops.mean(critic(generator(x)))
    expected = tape.gradient(score, generator.kernel).numpy()
    K.optimizers.SGD(1.0).apply_gradients(
        zip(tape.gradient(score, critic.trainable_variables), critic.trainable_variables)
    )
    np.testing.assert_array_equal(tape.gradient(score, generator.kernel).numpy(), expected)


def test_a_layer_that_changes_its_state_after_using_it() -> None:
    class Scale(layers.Layer):
        def build(self, shape):
            self.factor = self.add_weight(shape=(), initializer="ones", trainable=False, name="factor")

        def call(self, x):
            y = x * self.factor
            self.factor.assign(self.factor * 2.0)
            return y

    layer, w = Scale(), K.Variable([1.0, 2.0])
    with GradientTape() as tape:
        y = ops.sum(layer(w)) + ops.sum(layer(w))  # 1 w + 2 w
    np.testing.assert_array_equal(tape.gradient(y, w).numpy(), [3.0, 3.0])
    assert float(layer.factor) == 4.0


def test_arrays_of_the_caller() -> None:
    w, x = K.Variable(np.ones((3, 2), "float32")), np.ones((2, 3), "float32")
    y = np.ones((2, 2), "float32")
    with GradientTape() as tape:
        p = ops.matmul(x, w)
        loss = ops.sum(p * x[:, :2]) + K.losses.MeanSquaredError()(y, p)
    x[...], y[...] = 7, 7
    np.testing.assert_allclose(tape.gradient(loss, w).numpy(), 2 + 2 * 2 * np.ones((3, 2)) * 2 / 4 * 1.0)
    x = np.ones((2, 3), "float32")
    views = [
        ops.reshape(x, (3, 2)),
        ops.convert_to_tensor(x),
        layers.Flatten()(x),
        layers.Reshape((3, 1))(x),
        ops.transpose(x),
    ]
    model = K.Sequential([K.Input((3,)), layers.Reshape((3, 1))])
    results = [
        model.predict(x, verbose=0),
        model.predict_on_batch(x),
        model(x),
        model.predict(x, batch_size=1, verbose=0),
    ]
    x[...] = 0
    for value in (*views, *results):
        assert (np.asarray(value) == 1).all()


def test_a_prediction_that_is_a_weight() -> None:
    class Table(layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(shape=(4, 2), initializer="ones", name="table")

        def call(self, x):
            return ops.reshape(self.table, (4, 2)) if x.shape[0] == 4 else self.table[: x.shape[0]]

    model = K.Sequential([Table()])
    out = model.predict(np.zeros((4, 1), "float32"), verbose=0)
    model.layers[0].table.assign(np.zeros((4, 2)))
    assert (out == 1).all()


def test_numpy_gives_memory_of_its_own() -> None:
    t = ops.ones((3,))
    a = t.numpy()
    a += 1
    assert (t.numpy() == 1).all()
    b = np.asarray(t)
    b[...] = 5
    assert (t.numpy() == 1).all()


def test_indices_that_are_changed_before_the_gradient() -> None:
    """A key is no input of the op, but the gradient is of the elements that were read."""
    w, i, ids = K.Variable([1.0, 2.0, 3.0]), K.Variable(0, dtype="int32", trainable=False), np.array([0, 1])
    mask = np.array([True, False, False])
    with GradientTape(persistent=True) as tape:
        by_variable, by_array, by_mask = ops.sum(w[i] ** 2), ops.sum(w[ids] ** 2), ops.sum(w[mask] ** 2)
        by_slice = ops.sum(w[i : i + 2])
    i.assign_add(1)
    ids[:] = 2
    mask[:] = True
    for y, expected in ((by_variable, [2, 0, 0]), (by_array, [2, 4, 0]), (by_mask, [2, 0, 0]), (by_slice, [1, 1, 0])):
        np.testing.assert_array_equal(tape.gradient(y, w).numpy(), expected)


def test_options_that_are_variables() -> None:
    w, slope = K.Variable([-1.0]), K.Variable(0.5, trainable=False)
    with GradientTape() as tape:
        y = ops.sum(ops.leaky_relu(w, slope))
    slope.assign(0.1)
    np.testing.assert_array_equal(tape.gradient(y, w).numpy(), [0.5])


def test_arrays_of_the_caller_under_an_outer_tape() -> None:
    w, array, ids = K.Variable([3.0, 4.0]), np.ones(2, "float32"), np.array([1])
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = ops.sum(w * w * array) + ops.sum(w[ids] ** 3)
        array[:], ids[:] = 0, 0
        g = inner.gradient(y, w)
        total = ops.sum(g)
    np.testing.assert_array_equal(g.numpy(), [6, 8 + 3 * 16])
    np.testing.assert_array_equal(outer.gradient(total, w).numpy(), [2, 2 + 6 * 4])


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_row_that_a_layer_chooses_by_its_state(run_eagerly: bool) -> None:
    class Rows(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(4,), initializer="ones", name="w")
            self.i = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="i")

        def call(self, x):
            y = x * self.w[self.i]
            self.i.assign((self.i + 1) % 4)
            return y

    model = K.Sequential([K.Input((1,)), Rows()])
    model.compile(K.optimizers.SGD(0.1), "mse", run_eagerly=run_eagerly)
    x = np.ones((6, 1), "float32")
    model.fit(x, 0 * x, batch_size=2, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [0.8, 0.8, 0.8, 1.0], rtol=1e-6)

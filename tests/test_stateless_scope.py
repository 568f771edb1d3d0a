"""StatelessScope and ``stateless_call``: variables with other values, which nothing inside changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, metrics, ops, optimizers
from dualnet.core.tensor import Tensor

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


def variable(value: Any, **options: Any) -> dualnet.Variable:
    return dualnet.Variable(np.asarray(value, "float32"), **options)


def model(k: Any = dualnet, **options: Any) -> Any:
    inner = k.layers
    net = k.Sequential(
        [
            k.Input((3,)),
            inner.Dense(
                4, kernel_regularizer=k.regularizers.L2(0.1), activity_regularizer=k.regularizers.L1(0.01), **options
            ),
            inner.BatchNormalization(),
            inner.Dense(1),
        ]
    )
    net.set_weights([np.cos(np.arange(w.size, dtype="float32")).reshape(w.shape) ** 2 + 0.1 for w in net.get_weights()])
    return net


def test_values_and_assignments_stay_in_the_scope() -> None:
    a, b, untouched = variable([1, 2]), variable([3, 4], trainable=False), variable(0)
    with dualnet.StatelessScope([(a, [5, 6]), (b, ops.ones(2))]) as scope:
        np.testing.assert_array_equal(a + b, [6, 7])
        np.testing.assert_array_equal(a.numpy(), [5, 6])
        a.assign(a * 2)
        b.assign_add([1, 2])
        b.assign_sub([0, 1])
        np.testing.assert_array_equal(a + b, [12, 14])
        np.testing.assert_array_equal(scope.get_current_value(b), [2, 2])
    np.testing.assert_array_equal(a, [1, 2])
    np.testing.assert_array_equal(b, [3, 4])
    np.testing.assert_array_equal(a + b, [4, 6])
    np.testing.assert_array_equal(scope.get_current_value(a), [10, 12])
    np.testing.assert_array_equal(scope.get_current_value(b), [2, 2])
    assert scope.get_current_value(untouched) is None


def test_a_variable_that_is_not_mapped_is_put_back() -> None:
    v, mean, other = variable([1, 2]), metrics.Mean(), metrics.MeanMetricWrapper(lambda t, p: p)
    mean.update_state([4.0])
    with dualnet.StatelessScope() as scope:
        v.assign([7, 8])
        mean.update_state([8.0])
        assert float(mean.result()) == 6
        assert float(scope.get_current_value(mean.variables[0])) == 12
        scope.add_update((v, v + 1))
        np.testing.assert_array_equal(v, [8, 9])
        other.update_state([1.0], [1.0])
    np.testing.assert_array_equal(v, [1, 2])
    assert float(mean.result()) == 4
    np.testing.assert_array_equal(scope.get_current_value(v), [8, 9])
    assert [float(scope.get_current_value(x)) for x in mean.variables] == [12, 2]
    assert float(other.result()) == 0


def test_scopes_nest_and_can_be_used_again() -> None:
    a, b = variable(1), variable(2)
    outer, inner = dualnet.StatelessScope([(a, 10)]), dualnet.StatelessScope([(b, 20)])
    with outer:
        with inner:
            assert float(a + b) == 30
            a.assign(100)
            assert float(a + b) == 120
        assert float(a + b) == 12
        with pytest.raises(RuntimeError, match="open already"), outer:
            pass
    with outer, inner:
        assert float(a + b) == 120
    assert float(a + b) == 3


def test_an_error_inside_leaves_variables_as_they_were() -> None:
    v, mean = variable(1), metrics.Mean()
    with pytest.raises(ZeroDivisionError), dualnet.StatelessScope([(v, 2)]):
        mean.update_state([1.0])
        v.assign(3)
        _ = 1 / 0
    assert float(v) == 1
    assert float(mean.total) == 0
    assert float(v * 2) == 2


def test_gradients_flow_to_the_values_and_through_assignments() -> None:
    v, state = variable([1, 2]), variable([0, 0], trainable=False)

    def function(value: Any, start: Any) -> Any:
        with dualnet.StatelessScope([(v, value), (state, start)]):
            for _ in range(3):
                state.assign(state * v + 1)
            return ops.sum(state)

    value, (dv, ds) = dualnet.value_and_grad(function, argnums=(0, 1))(np.array([2.0, 3.0]), np.array([1.0, 1.0]))
    assert float(value) == (8 + 7) + (27 + 13)  # s v^3 + v^2 + v + 1
    np.testing.assert_allclose(dv, [3 * 4 + 2 * 2 + 1, 3 * 9 + 2 * 3 + 1])
    np.testing.assert_allclose(ds, [8, 27])
    second = dualnet.grad(lambda x: ops.sum(dualnet.grad(lambda z: function(z, np.ones(2)))(x)))(np.array([2.0, 3.0]))
    np.testing.assert_allclose(second, [6 * 2 + 2, 6 * 3 + 2])


def test_the_tape_of_a_program_sees_old_and_new_uses() -> None:
    v, w = variable(3), variable(5)
    with dualnet.GradientTape() as tape:
        before = v * v
        with dualnet.StatelessScope([(v, w)]):
            inside = v * v * v
        total = before + inside + 2 * v
    assert [float(g) for g in tape.gradient(total, [v, w])] == [2 * 3 + 2, 3 * 25]


def test_an_update_after_the_scope_does_not_change_a_gradient_taken_later() -> None:
    v = variable(3)
    with dualnet.GradientTape() as tape:
        y = v * v
        with dualnet.StatelessScope([(v, 10)]):
            v.assign(11)
    v.assign(7)
    assert float(tape.gradient(y, v)) == 6


def test_stateless_call_is_the_call() -> None:
    net = model()
    before = net.get_weights()
    trainable, others = [v.value for v in net.trainable_variables], [v.value for v in net.non_trainable_variables]

    def loss(weights: Any) -> Any:
        outputs, after, (activity, penalty) = net.stateless_call(weights, others, X, training=True, return_losses=True)
        return ops.mean(outputs**2) + activity + penalty + 0 * ops.sum(after[0])

    value, gradients = dualnet.value_and_grad(loss)(trainable)
    for w, old in zip(net.get_weights(), before):
        np.testing.assert_array_equal(w, old)
    assert len(net.losses) == 1  # those added in the scope are not the model's
    _, after = net.stateless_call(trainable, others, X, training=True)
    with dualnet.GradientTape() as tape:
        expected = ops.mean(net(X, training=True) ** 2) + sum(net.losses)
    np.testing.assert_array_equal(value, expected)
    for g, e in zip(gradients, tape.gradient(expected, net.trainable_variables)):
        np.testing.assert_array_equal(g, e)
    for new, v in zip(after, net.non_trainable_variables):
        np.testing.assert_array_equal(new, v)


@pytest.mark.keras
def test_stateless_call_is_that_of_keras(keras: Any) -> None:
    nets = [model(), model(keras)]
    results = []
    for net in nets:
        weights = [2 * v.numpy() for v in net.trainable_variables]
        others = [0.5 * v.numpy() for v in net.non_trainable_variables]
        outputs, after, losses = net.stateless_call(weights, others, X, training=True, return_losses=True)
        results.append([np.asarray(y) for y in (outputs, *after, *losses)])
    assert len(results[0]) == len(results[1])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


@pytest.mark.keras
def test_apply_in_a_scope_is_that_of_keras(keras: Any) -> None:
    results = []
    for k in (dualnet, keras):
        v, optimizer = k.Variable(np.array([1.0, 2.0], "float32")), k.optimizers.Adam(0.1)
        optimizer.build([v])
        mapping = [(v, np.array([3.0, 4.0], "float32")), (optimizer.iterations, 4)]
        with k.StatelessScope(mapping) as scope:
            optimizer.apply([k.ops.convert_to_tensor(np.array([1.0, -2.0], "float32"))], [v])
            read = np.asarray(v + 0)
        values = [scope.get_current_value(x) for x in (v, *optimizer.variables)]
        results.append(
            [read, *(np.asarray(x) for x in values if x is not None and np.ndim(x) < 2 and x.dtype != "int32")]
        )
        np.testing.assert_array_equal(v, [1, 2])
        assert int(optimizer.iterations.numpy()) == 0
        assert int(values[1]) == 5
    for ours, theirs in zip(results[0][:2], results[1][:2]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_apply_builds_an_optimizer_outside() -> None:
    v = variable([1, 2])
    optimizer = optimizers.SGD(0.5, momentum=0.9)
    with dualnet.StatelessScope([(v, [3, 4])]) as scope:
        optimizer.apply([np.ones(2, "float32")], [v])
        np.testing.assert_array_equal(v, [2.5, 3.5])
    np.testing.assert_array_equal(scope.get_current_value(v), [2.5, 3.5])
    np.testing.assert_array_equal(v, [1, 2])
    assert v.buffer is not None
    optimizer.apply([np.ones(2, "float32")], [v])  # in the flat buffer
    np.testing.assert_array_equal(v, [0.5, 1.5])


def test_captured_steps_are_not_replayed_in_it() -> None:
    net = model()
    net.compile("sgd", "mse")
    for _ in range(4):
        usual = net.predict(X, verbose=0)
    with dualnet.StatelessScope([(v, np.zeros(v.shape)) for v in net.trainable_variables]):
        for _ in range(4):
            np.testing.assert_array_equal(net.predict(X, verbose=0), 0 * usual)
        with pytest.raises(RuntimeError, match="cannot run in a StatelessScope"):
            net.train_on_batch(X, X[:, :1])
    for _ in range(4):
        np.testing.assert_array_equal(net.predict(X, verbose=0), usual)
    before = net.get_weights()[0]
    net.fit(X, X[:, :1], epochs=4, verbose=0)
    assert (net.get_weights()[0] != before).any()


def test_mixed_precision_sees_the_values() -> None:
    dense = layers.Dense(2, dtype="mixed_float16")
    dense.build((None, 3))
    kernel = dualnet.Variable(np.full((3, 2), 0.5, "float32"))
    with dualnet.GradientTape() as tape:
        y, _ = dense.stateless_call([kernel, np.ones(2)], [], np.ones((1, 3)))
        total = ops.sum(ops.cast(y, "float32"))
    assert str(y.dtype) == "float16"
    np.testing.assert_array_equal(y, [[2.5, 2.5]])
    np.testing.assert_array_equal(tape.gradient(total, kernel), np.ones((3, 2)))


def test_losses_are_collected() -> None:
    dense = layers.Dense(2, activity_regularizer="l2", kernel_initializer="ones")
    dense(np.ones((1, 3)))
    with dualnet.StatelessScope(collect_losses=True) as scope:
        for _ in range(2):  # those of the last call
            dense(2 * np.ones((1, 3)))
        scope.add_loss(1.0)
    assert [float(x) for x in scope.losses] == pytest.approx([0.72, 1.0])
    assert [float(x) for x in dense.losses] == pytest.approx([0.18])
    with dualnet.StatelessScope() as scope:
        dense(2 * np.ones((1, 3)))
    assert scope.losses == []


def test_errors() -> None:
    v = variable([1, 2])
    with pytest.raises(ValueError, match="all keys in argument `mapping` must be Variable"):
        dualnet.StatelessScope([("v", 1)])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="must be tensors with a shape"):
        dualnet.StatelessScope([(v, ops.ones(3))])
    with pytest.raises(ValueError, match="expected shape"), dualnet.StatelessScope():
        v.assign([1, 2, 3])
    with pytest.raises(ValueError, match="must be built"):
        layers.Dense(1).stateless_call([], [], X)
    net = model()
    with pytest.raises(ValueError, match="Received list with length 0, but expected 6"):
        net.stateless_call([], [], X)
    assert isinstance(v.value, Tensor)

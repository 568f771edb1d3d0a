"""First steps with tensors, variables and gradients, as introductions to TensorFlow take them."""

from __future__ import annotations

import numpy as np


def test_tensors_and_operations() -> None:
    import dualnet as tf

    t = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert t.shape == (2, 3)
    assert t.dtype == tf.float32
    assert t[:, 1:].numpy().tolist() == [[2, 3], [5, 6]]
    assert t[..., 1, tf.newaxis].shape == (2, 1)
    np.testing.assert_array_equal(t + 10, np.array(t) + 10)
    np.testing.assert_allclose(t @ tf.transpose(t), t.numpy() @ t.numpy().T)
    assert tf.rank(t) == 2
    assert int(tf.size(t)) == 6
    assert tf.cast(tf.constant(3.9), tf.int32).numpy() == 3


def test_variables() -> None:
    import dualnet as tf

    v = tf.Variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], name="v")
    v.assign(2 * v)
    assert v.numpy().tolist() == [[2, 4, 6], [8, 10, 12]]
    v.assign_add(tf.ones((2, 3)))
    assert v.numpy()[0].tolist() == [3, 5, 7]
    w = tf.Variable(initial_value=tf.zeros((2,)), trainable=False, dtype=tf.float32)
    assert w.trainable is False


def test_gradient_of_a_function_of_two_variables() -> None:
    import dualnet as tf

    def f(w1: object, w2: object) -> object:
        return 3 * w1**2 + 2 * w1 * w2  # type: ignore[operator]

    w1, w2 = tf.Variable(5.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = f(w1, w2)
    assert [float(g) for g in tape.gradient(z, [w1, w2])] == [36.0, 10.0]
    with tf.GradientTape() as tape:
        z = f(w1, tf.stop_gradient(w2) + 0.0)
    assert tape.gradient(z, [w1, w2])[1] is None


def test_functions_with_a_decorator() -> None:
    import dualnet as tf

    @tf.function
    def cube(x: object) -> object:
        return x**3  # type: ignore[operator]

    assert cube(tf.constant(2.0)).numpy() == 8
    assert tf.executing_eagerly()


def test_multilayer_perceptron_from_matrices() -> None:
    import dualnet as tf

    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(120, 2)), dtype=tf.float32)
    y = tf.cast(x[:, :1] * x[:, 1:] > 0, tf.float32)
    init = tf.random_normal_initializer(stddev=0.7, seed=1)
    w1, b1 = tf.Variable(init((2, 16))), tf.Variable(tf.zeros([16]))
    w2, b2 = tf.Variable(init((16, 1))), tf.Variable(tf.zeros([1]))
    optimizer = tf.optimizers.Adam(0.05)
    variables = [w1, b1, w2, b2]
    for _ in range(150):
        with tf.GradientTape() as tape:
            logits = tf.matmul(tf.nn.tanh(tf.matmul(x, w1) + b1), w2) + b2
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.cast(logits > 0, tf.float32), y), tf.float32))
    assert accuracy.numpy() > 0.9

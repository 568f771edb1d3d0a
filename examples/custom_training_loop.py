"""Fit a noisy sine with a training loop of your own: a gradient tape, an optimizer, and nothing else.

The script runs on a GPU as it is: ``DUALNET_DEVICE=gpu python examples/custom_training_loop.py``.
"""

from __future__ import annotations

import math

import dualnet as keras
from dualnet import layers, ops


def main(steps: int = 1000) -> float:
    keras.utils.set_random_seed(0)
    x = ops.reshape(ops.linspace(-math.pi, math.pi, 256), (-1, 1))
    y = ops.sin(x) + 0.1 * keras.random.normal((256, 1))

    model = keras.Sequential([keras.Input((1,)), layers.Dense(32, activation="tanh"), layers.Dense(1)])
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, steps))
    for step in range(steps):
        with keras.GradientTape() as tape:
            loss = ops.mean(ops.square(model(x, training=True) - y))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        if step % 200 == 0:
            print(f"step {step:4d}  loss {float(loss):.4f}")  # reading a value waits for the device

    error = float(ops.mean(ops.abs(model(x) - ops.sin(x))))
    print(f"mean distance from the sine: {error:.3f}")
    return error


if __name__ == "__main__":
    main()

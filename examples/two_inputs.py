"""A functional model with two inputs, a layer of your own and an op of your own."""

from __future__ import annotations

from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops


@keras.primitive
def softclip(xp: Any, x: Any) -> Any:
    """x / sqrt(1 + x^2), which lies between -1 and 1.  x: any shape -> same shape"""
    root = xp.sqrt(1 + x * x)

    def backward(dy: Any) -> Any:
        return dy / root**3

    return x / root, backward


class Bilinear(layers.Layer):
    """left @ kernel * right, summed: one score for each pair.  left: (batch, n)  right: (batch, m) -> (batch, 1)"""

    def build(self, input_shape: Any) -> None:
        left, right = input_shape
        self.kernel = self.add_weight((left[-1], right[-1]), name="kernel")

    def call(self, inputs: Any) -> Any:
        left, right = inputs
        return ops.sum(softclip(ops.matmul(left, self.kernel)) * right, axis=-1, keepdims=True)


def main(epochs: int = 30) -> float:
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(2, 1024, 8)).astype("float32")
    same_sign = (np.sum(left * right, axis=1, keepdims=True) > 0).astype("float32")

    inputs = [keras.Input((8,), name="left"), keras.Input((8,), name="right")]
    outputs = layers.Activation("sigmoid")(Bilinear()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    model.fit([left, right], same_sign, epochs=epochs, validation_split=0.2, verbose=0)
    accuracy = model.evaluate([left, right], same_sign, verbose=0, return_dict=True)["accuracy"]
    print(f"{accuracy:.1%} of the pairs are classified correctly")
    print("largest relative error of the gradient:", keras.testing.check_grads(softclip, ops.array([-2.0, 0.5, 3.0])))
    return float(accuracy)


if __name__ == "__main__":
    main()

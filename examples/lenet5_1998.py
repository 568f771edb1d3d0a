"""LeNet-5 as it was in 1998: a table of connections, trained subsampling, scaled tanh, and drawings of the digits as codes.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition", Proceedings of the IEEE 86 (1998),
section II.B and appendices A and C, on MNIST. One thing is of today: Adam, for six passes over the images, and not the paper's
stochastic Levenberg-Marquardt steps, for twenty. The config ``lenet5_mnist`` is the LeNet-5 that is taught now. ``--smoke`` shows
in seconds that it runs, on the small digits that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

# Table I: which of the six maps of S2 each of the sixteen maps of C3 sees. Different inputs make for different features.
TABLE = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345".split()
# The digits 0 to 9 in 7 x 12 pixels, as in figure 3: the 84 outputs of F6 shall be +1 where there is ink, and -1 elsewhere.
CODES = """
 .###... ...#... .####.. .#####. ....##. ####### ..####. ####### .#####. .#####.
 ##.##.. ..##... ##..##. ##...## ...###. ##..... .##.... #....## ##...## ##...##
 #...#.. .###... #....## .....## ..#.##. ##..... ##..... .....## ##...## ##...##
 #...##. ...#... .....## .....## .##.##. ##..... ##..... ....##. ##...## ##...##
 #....#. ...#... ....##. ....##. .#..##. #####.. #.###.. ....##. .##.##. ##..###
 #....#. ...#... ....##. ..###.. ##..##. ##..##. ##..##. ...##.. ..###.. .###.##
 #....#. ...#... ...##.. ....##. ####### .....## ##...## ...##.. .##.##. .....##
 #....#. ...#... ..##... .....## ....##. .....## ##...## ..##... ##...## .....##
 ##...#. ...#... ..#.... .....## ....##. .....## ##...## ..##... ##...## .....##
 .#..##. ...#... .##.... ##...## ....##. ##...## ##...## .##.... ##...## ....##.
 .##.#.. ...#... ##..... .##.##. ....##. .##.##. .##.##. .##.... ##...## ...##..
 ..###.. .#####. ####### ..###.. ....##. ..###.. ..###.. .##.... .#####. .###...
"""
INK = np.array([[pixel == "#" for pixel in row.replace(" ", "")] for row in CODES.strip().split("\n")])  # (12, 10 * 7)
TARGETS = np.where(INK, 1, -1).astype("float32").reshape(12, 10, 7).transpose(1, 0, 2).reshape(10, 84)


def squash(a: Any) -> Any:
    """1.7159 tanh(2/3 a): 1 goes to 1 and -1 to -1, where the curve bends most, so that units do not get stuck at its ends."""
    return 1.7159 * ops.tanh(2 / 3 * a)


def options(inputs: int) -> dict[str, Any]:
    """Of a layer of units with so many inputs: their first weights lie between -2.4 / inputs and 2.4 / inputs."""
    return {"activation": squash, "kernel_initializer": keras.initializers.RandomUniform(-2.4 / inputs, 2.4 / inputs)}


class Subsampling(layers.Layer):
    """squash(coefficient * (mean of 2 x 2) + bias), one of each for a map.  (batch, h, w, maps) -> (batch, h / 2, w / 2, maps)"""

    def build(self, input_shape: Any) -> None:
        self.coefficient = self.add_weight(input_shape[-1:], initializer="ones", name="coefficient")
        self.bias = self.add_weight(input_shape[-1:], initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        return squash(ops.average_pool(x, 2) * self.coefficient + self.bias)


class TableConvolution(layers.Conv2D):
    """A convolution in which map k sees only the maps that TABLE[k] lists."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        connected = np.array([[str(source) in row for row in TABLE] for source in range(6)], "float32")  # (6, 16)
        return super().convolution_op(inputs, kernel * connected)


def map_loss(labels: Any, scores: Any, margin: float = 1.0) -> Any:
    """Equation 9, y_D + log(e^-j + sum_i e^-y_i): near the right drawing, and far from the others, though not beyond j."""
    return ops.logaddexp(-margin, ops.logsumexp(scores, axis=1)) - ops.sum(ops.one_hot(labels, 10) * scores, axis=1)


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = (keras.datasets.digits if smoke else keras.datasets.mnist).load_data()
    zoom, batch, passes = (3, 32, 6) if smoke else (1, 64, 6)
    network = [
        keras.Input((*x_train.shape[1:], 1)),
        layers.UpSampling2D(zoom),
        layers.ZeroPadding2D((32 - zoom * x_train.shape[1]) // 2),
        layers.Rescaling(1.275 / x_train.max(), offset=-0.1),  # paper is -0.1, and ink 1.175
        layers.Conv2D(6, 5, name="C1", **options(25)),  # 28 x 28
        Subsampling(name="S2"),
        TableConvolution(16, 5, name="C3", **options(4 * 25)),  # 10 x 10
        Subsampling(name="S4"),
        layers.Conv2D(120, 5, name="C5", **options(16 * 25)),  # 1 x 1
        layers.Flatten(),
        layers.Dense(84, name="F6", **options(120)),
        # Minus the squared distance from each drawing: the larger, the better.  (batch, 84) -> (batch, 10)
        layers.Lambda(lambda x: -ops.sum(ops.square(x[:, None] - TARGETS), axis=-1), name="output"),
    ]
    model = keras.Sequential(network)
    print(f"{model.count_params() - 25 * (6 * 16 - sum(map(len, TABLE))):,} weights")  # 60,000 in the paper
    rate = keras.optimizers.schedules.CosineDecay(2e-3, decay_steps=passes * len(x_train) // batch)
    model.compile(keras.optimizers.Adam(rate), map_loss, metrics=["accuracy"])
    model.fit(x_train[..., None], y_train, batch, passes, verbose=2)
    accuracy = float(model.evaluate(x_test[..., None], y_test, verbose=0, return_dict=True)["accuracy"])
    plot(model, x_test[:10, ..., None])
    print(f"figure: lenet5_1998 {accuracy:.4f}")
    return accuracy


def plot(model: Any, images: Any) -> None:
    """Images, what F6 makes of them, and the drawing that this is nearest to, as a PNG."""
    from matplotlib.figure import Figure

    codes = keras.Model(model.inputs, [model.get_layer("F6").output, model.output])
    outputs, scores = codes.predict(images, verbose=0)
    pictures = [*images[..., 0], *outputs.reshape(-1, 12, 7), *TARGETS[np.argmax(scores, axis=1)].reshape(-1, 12, 7)]
    figure = Figure(figsize=(7, 3), layout="constrained")
    for axes, picture in zip(figure.subplots(3, len(images)).flat, pictures):
        axes.imshow(picture, cmap="gray_r")
        axes.axis("off")
    figure.suptitle("images, the outputs of F6, and the nearest drawings")
    figure.savefig("lenet5_1998.png", dpi=100)


if __name__ == "__main__":
    main("--smoke" in sys.argv[1:])

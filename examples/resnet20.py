"""ResNet-20 on MNIST: twenty layers that add to what is there instead of replacing it.

He, Zhang, Ren and Sun, 2015, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385), section 4.2: a convolution,
three stages of three blocks with 16, 32 and 64 filters, the mean of each feature map, and a softmax. On MNIST two things are
smaller than in the paper, so that it takes minutes on a processor: the first convolution has stride 2 (the stages work on
14 x 14, 7 x 7 and 4 x 4 pixels), and training takes three epochs (2,580 steps of 64 images; the paper 64,000 steps of 128), in
which the learning rate follows a cosine. ``python examples/resnet20.py cifar10`` trains the network as it is in the paper on the
colour images of CIFAR-10, which takes four times as long. ``--smoke`` shows in seconds that it runs, on the eight-by-eight digits
that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

EPOCHS = 3
BATCH = 64
RATE = 0.1
HELD_OUT = 5000  # training images that validate; the test set is looked at once, at the end


def convolution(x: Any, filters: int, stride: int = 1) -> Any:
    """3 x 3, normalized. A bias would be taken away again by the normalization."""
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    x = layers.Conv2D(filters, 3, strides=stride, **options)(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def residual_block(x: Any, filters: int, stride: int) -> Any:
    """relu(x + F(x)), F: convolution, relu, convolution.  x: (batch, h, w, c) -> (batch, h / stride, w / stride, filters)"""
    residual = layers.ReLU()(convolution(x, filters, stride))
    residual = convolution(residual, filters)
    if stride > 1:
        # The paper's option A, which has no weights: every second pixel, and zeros for the channels that are new.
        x = layers.MaxPooling2D(1, strides=stride)(x)
        x = ops.pad(x, [(0, 0), (0, 0), (0, 0), (0, filters - x.shape[-1])])
    return layers.ReLU()(layers.Add()([x, residual]))


def resnet20(shape: tuple[int, ...], scale: float, stem_stride: int) -> Any:
    """1 + 3 x 3 x 2 convolutions and a dense layer, about 270,000 weights. Training shifts the images a little."""
    inputs = keras.Input(shape)
    x = layers.RandomTranslation(0.07, 0.07, fill_mode="constant")(layers.Rescaling(1 / scale)(inputs))
    x = layers.ReLU()(convolution(x, 16, stem_stride))
    for filters in (16, 32, 64):
        for block in range(3):
            x = residual_block(x, filters, 2 if filters > 16 and block == 0 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="resnet20")


def main(smoke: bool = False, data: str = "mnist") -> float:
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, "digits" if smoke else data).load_data()
    if x_train.ndim == 3:
        x_train, x_test = x_train[..., None], x_test[..., None]  # one channel
    model = resnet20(x_train.shape[1:], float(x_train.max()), 2 if data == "mnist" and not smoke else 1)
    print(f"{model.count_params():,} weights")

    held_out, batch, epochs = (137, 50, 4) if smoke else (HELD_OUT, BATCH, EPOCHS)
    steps = -(-(len(x_train) - held_out) // batch) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        RATE / 10, steps - steps // 10, warmup_target=RATE, warmup_steps=steps // 10
    )
    # Keras keeps the decay out of the momentum, which multiplies by 10: 1e-3 here is the 1e-4 of the paper.
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, weight_decay=1e-3)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    validation = (x_train[-held_out:], y_train[-held_out:])
    training = (x_train[:-held_out], y_train[:-held_out])
    model.fit(*training, batch, epochs, validation_data=validation, validation_batch_size=500, verbose=2)
    probabilities = model.predict(x_test, batch_size=500, verbose=0)
    accuracy = float(np.mean(np.argmax(probabilities, axis=-1) == y_test.ravel()))
    print(f"{accuracy:.2%} of the test images are classified correctly")
    plot(x_test, y_test.ravel(), probabilities)
    print(f"figure: resnet20 {accuracy:.4f}")
    return accuracy


def plot(images: Any, labels: Any, probabilities: Any) -> None:
    """The mistakes of which the network was most certain, as a PNG."""
    from matplotlib.figure import Figure

    guesses = np.argmax(probabilities, axis=-1)
    certainty = np.where(guesses == labels, 0, np.max(probabilities, axis=-1))
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    for axes, index in zip(figure.subplots(3, 8).flat, np.argsort(-certainty)):
        axes.axis("off")
        if certainty[index]:
            axes.imshow(images[index], cmap="gray_r")
            axes.set_title(f"{labels[index]}, not {guesses[index]}", fontsize=8)
    figure.suptitle("the mistakes of which the network is most certain")
    figure.savefig("resnet20.png", dpi=100)
    print("plotted in resnet20.png")


if __name__ == "__main__":
    main("--smoke" in sys.argv[1:], "cifar10" if "cifar10" in sys.argv[1:] else "mnist")

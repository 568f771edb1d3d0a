"""A conditional generative adversarial network: digits drawn on request. Both networks are told which digit is meant.

Mirza and Osindero, "Conditional Generative Adversarial Nets" (arXiv:1411.1784), with dense layers, on MNIST. The figure is the
share of drawn digits in which a classifier, trained on real ones, sees the digit that was asked for. ``--smoke`` shows in seconds
that it runs, on the 8 x 8 digits that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

PLOT = "conditional_gan.png"
LATENT = 64


def dense(
    inputs: list[int], hidden: list[int], outputs: int, activation: str | None = None, dropout: float = 0.0
) -> Any:
    """A network of several inputs side by side."""
    parts = [keras.Input((size,)) for size in inputs]
    x = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for units in hidden:
        x = layers.Dropout(dropout)(layers.LeakyReLU(negative_slope=0.2)(layers.Dense(units)(x)))
    return keras.Model(parts, layers.Dense(outputs, activation=activation)(x))


class ConditionalGAN(keras.Model):
    """[noise (batch, LATENT), digits (batch, 10), one-hot] -> images (batch, pixels). ``fit`` takes images and digits."""

    def __init__(self, generator: Any, discriminator: Any) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.seed_generator = keras.random.SeedGenerator(0)

    def compile(self, generator_optimizer: Any, discriminator_optimizer: Any) -> None:
        super().compile()
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.generator(inputs, training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        real, digits = data
        ones = ops.ones((ops.shape(real)[0], 1))
        noise = keras.random.normal((2, ops.shape(real)[0], LATENT), seed=self.seed_generator)
        # The discriminator sees an image beside the digit it is to show. A well-drawn digit that was not asked for is a fake, too.
        images = ops.concatenate([real, self([noise[0], digits], training=True)])
        pairs = [images, ops.concatenate([digits, digits])]
        targets = ops.concatenate([0.9 * ones, 0 * ones])
        with keras.GradientTape() as tape:
            logits = self.discriminator(pairs, training=True)
            discriminator_loss = ops.mean(ops.binary_crossentropy(targets, logits, from_logits=True))
        weights = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(discriminator_loss, weights), weights)

        with keras.GradientTape() as tape:
            drawn = self([noise[1], digits], training=True)
            logits = self.discriminator([drawn, digits], training=True)
            generator_loss = ops.mean(ops.binary_crossentropy(ones, logits, from_logits=True))
        weights = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(generator_loss, weights), weights)
        return {"discriminator_loss": discriminator_loss, "generator_loss": generator_loss}


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    data, scale, hidden = (keras.datasets.digits, 16, [64, 64]) if smoke else (keras.datasets.mnist, 255, [256, 256])
    epochs, batch_size, rate = (25, 32, 2e-3) if smoke else (8, 128, 1e-3)
    (x_train, y_train), (x_test, y_test) = data.load_data()
    x_train, x_test = (x.reshape(len(x), -1).astype("float32") / scale for x in (x_train, x_test))
    pixels = x_train.shape[1]

    classifier = dense([pixels], hidden[::-1], 10, "softmax", dropout=0.2)
    classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    classifier.fit(x_train, y_train, epochs=10 if smoke else 2, verbose=0)
    print(f"the classifier is right about {classifier.evaluate(x_test, y_test, verbose=0)[1]:.1%} of the test images")

    gan = ConditionalGAN(
        dense([LATENT, 10], hidden, pixels, "sigmoid"), dense([pixels, 10], hidden[::-1], 1, dropout=0.3)
    )
    gan.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for _ in range(2)))
    gan.fit(x_train, np.eye(10, dtype="float32")[y_train], epochs=epochs, batch_size=batch_size, verbose=0)

    wanted = np.tile(np.arange(10), 200)
    noise = np.random.default_rng(0).standard_normal((len(wanted), LATENT)).astype("float32")
    drawn = gan.predict([noise, np.eye(10, dtype="float32")[wanted]], verbose=0)
    seen = classifier.predict(drawn, verbose=0).argmax(axis=1)
    print("seen as what was asked for, 0 to 9:", *(f"{np.mean(seen[wanted == i] == i):.0%}" for i in range(10)))
    figure = float(np.mean(seen == wanted))
    plot(drawn)
    print(f"figure: conditional_gan {figure:.4f}")
    return figure


def plot(drawn: np.ndarray) -> None:
    """Ten drawn images of each digit, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4.2), layout="constrained")
    axes = figure.subplots()
    size = int(drawn.shape[1] ** 0.5)
    grid = drawn[:100].reshape(10, 10, size, size).swapaxes(1, 2).reshape(10 * size, 10 * size)
    axes.imshow(grid, cmap="gray_r", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[], title="0, 1, 2, ... 9 were asked for")
    figure.savefig(PLOT, dpi=100)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

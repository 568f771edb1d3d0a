"""A generative adversarial network: one network draws digits, another tells them from real ones, and each learns from the other.

Goodfellow et al., "Generative Adversarial Networks" (arXiv:1406.2661), with dense layers, on MNIST. The figure is the score of
Salimans et al. (arXiv:1606.03498), with a classifier of digits: exp of the mean divergence of what it says of a drawn digit from
what it says of all of them. It is 1 if all look alike or like nothing, and 10 for ten classes, each as often and without a doubt.
``--smoke`` shows in seconds that it runs, on the 8 x 8 digits that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

PLOT = "gan.png"
LATENT = 64


def dense(inputs: int, hidden: list[int], outputs: int, activation: str | None = None, dropout: float = 0.0) -> Any:
    """A leaky ReLU passes a gradient on where it is negative, too: the generator learns from all that the discriminator sees."""
    stack: list[Any] = [keras.Input((inputs,))]
    for units in hidden:
        stack += [layers.Dense(units), layers.LeakyReLU(negative_slope=0.2), layers.Dropout(dropout)]
    return keras.Sequential([*stack, layers.Dense(outputs, activation=activation)])


class GAN(keras.Model):
    """Noise (batch, LATENT) -> images (batch, pixels). ``fit`` takes images, and trains both networks in every step."""

    def __init__(self, generator: Any, discriminator: Any) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.seed_generator = keras.random.SeedGenerator(0)

    def compile(self, generator_optimizer: Any, discriminator_optimizer: Any) -> None:
        super().compile()
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer

    def call(self, noise: Any, training: bool = False) -> Any:
        return self.generator(noise, training=training)

    def train_step(self, real: Any) -> dict[str, Any]:
        ones = ops.ones((ops.shape(real)[0], 1))
        noise = keras.random.normal((2, ops.shape(real)[0], LATENT), seed=self.seed_generator)
        # The discriminator minimizes -log D(x) - log(1 - D(G(z))). Its target of a real image is 0.9, so that it does not get
        # more and more certain. The images are drawn outside of the tape: this step does not change the generator.
        images = ops.concatenate([real, self(noise[0], training=True)])
        targets = ops.concatenate([0.9 * ones, 0 * ones])
        with keras.GradientTape() as tape:
            logits = self.discriminator(images, training=True)
            discriminator_loss = ops.mean(ops.binary_crossentropy(targets, logits, from_logits=True))
        weights = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(discriminator_loss, weights), weights)

        # The generator minimizes -log D(G(z)), not log(1 - D(G(z))), whose gradient vanishes while no drawn image is believed.
        with keras.GradientTape() as tape:
            logits = self.discriminator(self(noise[1], training=True), training=True)
            generator_loss = ops.mean(ops.binary_crossentropy(ones, logits, from_logits=True))
        weights = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(generator_loss, weights), weights)
        return {"discriminator_loss": discriminator_loss, "generator_loss": generator_loss}


def score(classifier: Any, images: np.ndarray) -> float:
    """exp(E[KL(p(class|image) || p(class))])"""
    p = np.maximum(classifier.predict(images, verbose=0), 1e-12)
    return float(np.exp(np.mean(np.sum(p * np.log(p / p.mean(axis=0)), axis=1))))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    data, scale, hidden = (keras.datasets.digits, 16, [64, 64]) if smoke else (keras.datasets.mnist, 255, [256, 256])
    epochs, batch_size, rate = (30, 32, 1e-3) if smoke else (8, 128, 1e-3)
    (x_train, y_train), (x_test, _) = data.load_data()
    x_train, x_test = (x.reshape(len(x), -1).astype("float32") / scale for x in (x_train, x_test))
    pixels = x_train.shape[1]

    classifier = dense(pixels, hidden[::-1], 10, "softmax", dropout=0.2)
    classifier.compile("adam", "sparse_categorical_crossentropy")
    classifier.fit(x_train, y_train, epochs=10 if smoke else 2, verbose=0)
    print(f"score of the test images: {score(classifier, x_test):.2f}")

    gan = GAN(dense(LATENT, hidden, pixels, "sigmoid"), dense(pixels, hidden[::-1], 1, dropout=0.3))
    gan.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for _ in range(2)))
    noise = np.random.default_rng(0).standard_normal((2000, LATENT)).astype("float32")
    drawn = {}
    for epoch in (1, epochs // 3, epochs):
        gan.fit(x_train, initial_epoch=max(drawn, default=0), epochs=epoch, batch_size=batch_size, verbose=0)
        drawn[epoch] = gan.predict(noise, verbose=0)
        figure = score(classifier, drawn[epoch])
        print(f"score after epoch {epoch}: {figure:.2f}")
    plot(drawn)
    print(f"figure: gan {figure:.4f}")
    return figure


def plot(drawn: dict[int, np.ndarray]) -> None:
    """What became of the same noise in the course of training, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * len(drawn), 3.2), layout="constrained")
    for axes, (epoch, images) in zip(figure.subplots(1, len(drawn)), drawn.items()):
        size = int(images.shape[1] ** 0.5)
        grid = images[:64].reshape(8, 8, size, size).swapaxes(1, 2).reshape(8 * size, 8 * size)
        axes.imshow(grid, cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], title=f"epoch {epoch}")
    figure.savefig(PLOT, dpi=100)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

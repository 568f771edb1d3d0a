"""A deep convolutional generative adversarial network: digits drawn from coarse to fine, and judged from fine to coarse.

Radford, Metz and Chintala (arXiv:1511.06434), on MNIST: strides instead of pooling, batch normalization, Adam with a momentum of 0.5.
The figure is the score of Salimans et al. (arXiv:1606.03498) with a classifier of digits: exp of the mean divergence of what it
says of a drawn digit from what it says of all, 1 at worst and 10 at best. ``--smoke`` runs on the 8 x 8 digits of dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

PLOT = "dcgan.png"
cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
LATENT = 64
DOUBLE: dict[str, Any] = {
    "strides": 2,
    "padding": "same",
    "kernel_initializer": keras.initializers.RandomNormal(stddev=0.02),
}


def generator(size: int, channels: int) -> Any:
    """Noise -> (size / 4, size / 4, 2 channels) -> (size / 2, size / 2, channels) -> (size, size, 1), from -1 to 1."""
    x = noise = keras.Input((LATENT,))
    x = layers.Dense(size // 4 * size // 4 * 2 * channels, use_bias=False)(x)
    x = layers.Reshape((size // 4, size // 4, 2 * channels))(layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x)))
    x = layers.Conv2DTranspose(channels, 4, use_bias=False, **DOUBLE)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(noise, layers.Conv2DTranspose(1, 4, activation="tanh", **DOUBLE)(x))


def critic(size: int, channels: int, outputs: int) -> Any:
    """(size, size, 1) -> logits: of "real" for the discriminator, of the ten digits for the classifier."""
    x = image = keras.Input((size, size, 1))
    x = layers.LeakyReLU(negative_slope=0.2)(layers.Conv2D(channels, 4, **DOUBLE)(x))
    x = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(2 * channels, 4, use_bias=False, **DOUBLE)(x))
    return keras.Model(image, layers.Dense(outputs)(layers.Flatten()(layers.LeakyReLU(negative_slope=0.2)(x))))


class DCGAN(keras.Model):
    """``fit`` takes images, and trains both networks in every step."""

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
        noise = keras.random.normal((ops.shape(real)[0], LATENT), seed=self.seed_generator)
        # Both losses need the same drawn images, and one tape knows the gradients of both.
        with keras.GradientTape(persistent=True) as tape:
            # Real and drawn images have a batch each: the statistics of a mixed one would tell the discriminator what it is to find.
            for_real, for_drawn = (self.discriminator(x, training=True) for x in (real, self(noise, training=True)))
            ones = ops.ones_like(for_real)
            discriminator_loss = cross_entropy(0.9 * ones, for_real) + cross_entropy(0 * ones, for_drawn)
            generator_loss = cross_entropy(ones, for_drawn)
        parts = (self.discriminator, discriminator_loss), (self.generator, generator_loss)
        gradients = [tape.gradient(loss, network.trainable_variables) for network, loss in parts]
        self.discriminator_optimizer.apply(gradients[0], self.discriminator.trainable_variables)
        self.generator_optimizer.apply(gradients[1], self.generator.trainable_variables)
        return {"discriminator_loss": discriminator_loss, "generator_loss": generator_loss}


def score(classifier: Any, images: np.ndarray) -> float:
    """exp(E[KL(p(class|image) || p(class))])"""
    p = np.maximum(classifier.predict(images, verbose=0), 1e-12)
    return float(np.exp(np.mean(np.sum(p * np.log(p / p.mean(axis=0)), axis=1))))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    data, half, channels = (keras.datasets.digits, 8, 8) if smoke else (keras.datasets.mnist, 127.5, 16)
    epochs, batch_size, rate = (20, 64, 1e-3) if smoke else (2, 64, 5e-4)
    (x_train, y_train), (x_test, _) = data.load_data()
    x_train, x_test = (x[..., None].astype("float32") / half - 1 for x in (x_train, x_test))
    size = x_train.shape[1]

    classifier = keras.Sequential([critic(size, channels, 10), layers.Softmax()])
    classifier.compile("adam", "sparse_categorical_crossentropy")
    classifier.fit(x_train, y_train, epochs=15 if smoke else 1, verbose=0)
    print(f"score of the test images: {score(classifier, x_test):.2f}")
    gan = DCGAN(generator(size, channels), critic(size, channels, 1))
    gan.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for _ in range(2)))
    gan.fit(x_train, epochs=epochs, batch_size=batch_size, verbose=0)
    drawn = gan.predict(np.random.default_rng(0).standard_normal((2000, LATENT)).astype("float32"), verbose=0)
    figure = score(classifier, drawn)
    plot({"drawn": drawn, "real": x_test})
    print(f"figure: dcgan {figure:.4f}")
    return figure


def plot(panels: dict[str, np.ndarray]) -> None:
    """A hundred images of each kind, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(panels), 4.2), layout="constrained")
    for axes, (title, images) in zip(figure.subplots(1, len(panels)), panels.items()):
        size = images.shape[1]
        grid = images[:100].reshape(10, 10, size, size).swapaxes(1, 2).reshape(10 * size, 10 * size)
        axes.imshow(grid, cmap="gray_r", vmin=-1, vmax=1)
        axes.set(xticks=[], yticks=[], title=title)
    figure.savefig(PLOT, dpi=80)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

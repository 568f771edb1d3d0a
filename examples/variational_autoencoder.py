"""A variational autoencoder: a network that encodes digits as distributions, and draws new digits from a normal one.

Kingma and Welling, "Auto-Encoding Variational Bayes" (arXiv:1312.6114), on MNIST with 20 latent variables, and once more with
two, which can be drawn as a plane. ``--smoke`` shows in seconds that it runs, on the 8 x 8 digits that come with dualnet.

The evidence lower bound (ELBO) of an image x, in nats: E_q[log p(x|z)] - KL(q(z|x) || p(z)) <= log p(x), with p(z) = N(0, 1),
q(z|x) = N(mean(x), exp(log_variance(x))) and a Bernoulli distribution of every pixel, whose gray value is its probability of ink.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

PLOT = "variational_autoencoder.png"


class Sampling(layers.Layer):
    """Draws z from N(mean, exp(log_variance)), and adds the divergence from N(0, 1) to the loss."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs: Any) -> Any:
        mean, log_variance = inputs
        divergence = 0.5 * ops.sum(ops.exp(log_variance) + ops.square(mean) - 1 - log_variance, axis=-1)
        self.add_loss(ops.mean(divergence))
        # z as a function of noise that has no parameters: the gradient reaches the mean and the variance.
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


def reconstruction_loss(x: Any, logits: Any) -> Any:
    """-log p(x|z) of every image: the sum over its pixels, as their probabilities are multiplied."""
    return ops.sum(ops.binary_crossentropy(x, logits, from_logits=True), axis=-1)


def networks(pixels: int, latent: int, hidden: int) -> tuple[Any, Any, Any]:
    """The encoder, x -> [mean, log_variance]; the decoder, z -> logits of the pixels; both in one, with z drawn between them."""
    x = keras.Input((pixels,))
    h = layers.Dense(hidden, activation="relu")(x)
    encoder = keras.Model(x, [layers.Dense(latent, name="mean")(h), layers.Dense(latent, name="log_variance")(h)])
    z = keras.Input((latent,))
    decoder = keras.Model(z, layers.Dense(pixels)(layers.Dense(hidden, activation="relu")(z)))
    return encoder, decoder, keras.Model(x, decoder(Sampling()(encoder(x))))


def train(x_train: Any, x_test: Any, latent: int, hidden: int, epochs: int, batch_size: int) -> tuple[Any, Any, float]:
    """The trained encoder and decoder, and the ELBO of the test images with one z for each."""
    encoder, decoder, model = networks(x_train.shape[1], latent, hidden)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * -(-len(x_train) // batch_size))
    model.compile(keras.optimizers.Adam(rate), reconstruction_loss)
    model.fit(x_train, x_train, epochs=epochs, batch_size=batch_size, verbose=0)
    return encoder, decoder, -float(model.evaluate(x_test, x_test, batch_size=100, verbose=0))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    data, scale, latent, hidden = (keras.datasets.digits, 16, 8, 64) if smoke else (keras.datasets.mnist, 255, 20, 512)
    options = {"hidden": hidden, "epochs": 40 if smoke else 10, "batch_size": 32 if smoke else 128}
    (x_train, _), (x_test, y_test) = data.load_data()
    x_train, x_test = ((x.reshape(len(x), -1) / scale).astype("float32") for x in (x_train, x_test))

    encoder, decoder, elbo = train(x_train, x_test, latent, **options)
    print(f"{latent} latent variables: a test ELBO of {elbo:.2f} nats")
    mean, log_variance = encoder.predict(x_test, verbose=0)
    divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).mean(axis=0)
    print(f"of them {np.sum(divergence > 0.1)} carry more than 0.1 nats; all together {divergence.sum():.1f}")
    z = np.random.default_rng(0).standard_normal((100, latent)).astype("float32")
    drawn = ops.convert_to_numpy(ops.sigmoid(decoder.predict(z, verbose=0)))

    encoder, _, flat = train(x_train, x_test, 2, **options)
    print(f"2 latent variables: a test ELBO of {flat:.2f} nats")
    plot(drawn, encoder.predict(x_test, verbose=0)[0], y_test)
    print(f"figure: variational_autoencoder {elbo:.4f}")
    return elbo


def plot(drawn: np.ndarray, means: np.ndarray, digits: np.ndarray) -> None:
    """Digits that were drawn, and where the test images lie on the plane of two variables, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    size = int(drawn.shape[1] ** 0.5)
    grid = drawn.reshape(10, 10, size, size).swapaxes(1, 2).reshape(10 * size, 10 * size)
    left.imshow(grid, cmap="gray_r", vmin=0, vmax=1)
    left.set(xticks=[], yticks=[], title="decoded from normal noise")
    points = right.scatter(*means[:3000].T, c=digits[:3000], cmap="tab10", vmin=-0.5, vmax=9.5, s=3)
    figure.colorbar(points, ax=right, ticks=range(10))
    right.set(xlabel="$z_1$", ylabel="$z_2$", title="means of the test images")
    figure.savefig(PLOT, dpi=100)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

"""Autoencoders: 784 pixels through 32 numbers and back, of clean digits and of noisy ones.

Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks" (Science, 2006); the denoising one is that of
Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders" (ICML, 2008). Both are trained on MNIST,
beside the best that a linear code of 32 numbers can do. ``--smoke`` shows in seconds that it runs, on 8 x 8 digits and 8 numbers.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

PLOT = "autoencoder.png"
NOISE = 0.5  # standard deviation of what is added to the pixels, which are from 0 to 1


def autoencoder(pixels: int, codes: int, hidden: int, noise: float = 0.0) -> Any:
    """(batch, pixels) -> (batch, pixels), by way of ``codes`` numbers. GaussianNoise adds its noise in training alone."""
    encoder = keras.Sequential(
        [keras.Input((pixels,)), layers.Dense(hidden, activation="relu"), layers.Dense(codes)], name="encoder"
    )
    decoder = keras.Sequential(
        [keras.Input((codes,)), layers.Dense(hidden, activation="relu"), layers.Dense(pixels, activation="sigmoid")],
        name="decoder",
    )
    return keras.Sequential([keras.Input((pixels,)), layers.GaussianNoise(noise), encoder, decoder])


def train(model: Any, x: np.ndarray, epochs: int, batch_size: int) -> Any:
    """The target of an image is the image itself, clean where the input is noisy."""
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * -(-len(x) // batch_size))
    # The mean over pixels of the squared error is small, and so are its gradients; Adam's steps do not depend on their size.
    model.compile(keras.optimizers.Adam(rate), "mean_squared_error")
    model.fit(x, x, epochs=epochs, batch_size=batch_size, verbose=0)
    return model


def linear(x_train: np.ndarray, x_test: np.ndarray, codes: int) -> np.ndarray:
    """The test images from their first principal components, which no linear autoencoder can beat on the images it knows."""
    mean = x_train.mean(axis=0)
    covariance = (x_train - mean).T @ (x_train - mean)
    components = np.linalg.eigh(covariance)[1][:, -codes:]  # eigenvalues come in ascending order
    return (x_test - mean) @ components @ components.T + mean


def mse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean((a - b) ** 2))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    data, scale, codes, hidden = (keras.datasets.digits, 16, 8, 64) if smoke else (keras.datasets.mnist, 255, 32, 512)
    epochs, batch_size = (100, 32) if smoke else (16, 128)
    (x_train, _), (x_test, _) = data.load_data()
    x_train, x_test = ((x.reshape(len(x), -1) / scale).astype("float32") for x in (x_train, x_test))
    pixels = x_train.shape[1]
    print(f"{len(x_train)} images of {pixels} pixels in {codes} numbers")

    plain = train(autoencoder(pixels, codes, hidden), x_train, epochs, batch_size).predict(x_test, verbose=0)
    figure = mse(plain, x_test)
    print(f"test MSE: {mse(linear(x_train, x_test, codes), x_test):.4f} by principal components")
    print(f"test MSE: {figure:.4f} by the autoencoder")

    noisy = x_test + NOISE * np.random.default_rng(1).standard_normal(x_test.shape).astype("float32")
    denoiser = train(autoencoder(pixels, codes, hidden, NOISE), x_train, epochs, batch_size)
    denoised = denoiser.predict(noisy, verbose=0)
    print(
        f"noise of {NOISE}: MSE {mse(noisy, x_test):.4f}, after the denoising autoencoder {mse(denoised, x_test):.4f}"
    )

    plot({"image": x_test, "decoded": plain, "noisy": noisy, "denoised": denoised})
    print(f"figure: autoencoder {figure:.4f}")
    return figure


def plot(rows: dict[str, np.ndarray], columns: int = 12) -> None:
    """The first test images, one row for each stage, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * 0.6, len(rows) * 0.65), layout="constrained")
    for axes, (name, images) in zip(figure.subplots(len(rows), 1), rows.items()):
        size = int(images.shape[1] ** 0.5)
        axes.imshow(np.hstack(list(images[:columns].reshape(-1, size, size))), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, fontsize=8)
    figure.savefig(PLOT, dpi=100)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

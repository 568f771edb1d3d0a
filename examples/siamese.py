"""Siamese networks: two images go through the same network, whose outputs are close for one class and far apart for two.

The contrastive loss of pairs (Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006) and the
triplet loss (Schroff, Kalenichenko and Philbin, arXiv:1503.03832), on MNIST. Both networks see five of the digits, and are tested on
the other five: with one image of each, they are to name another. ``--smoke`` shows in seconds that it runs, on dualnet's 8 x 8 digits.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

KNOWN, NEW = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)


def embedding(size: int, scale: float) -> Any:
    """Images (batch, size, size) -> points (batch, 64) on the unit sphere. In training every image is turned, stretched and moved."""
    stack: list[Any] = [keras.Input((size, size)), layers.Rescaling(1 / scale), layers.Reshape((size, size, 1))]
    stack += [layers.RandomRotation(0.06, "constant"), layers.RandomZoom((-0.2, 0.2), (-0.2, 0.2), "constant")]
    stack += [layers.RandomTranslation(0.1, 0.1, "constant")]
    for channels in (32, 64):
        stack += [layers.Conv2D(channels, 3, padding="same", activation="relu"), layers.MaxPooling2D(2)]
    stack += [layers.Flatten(), layers.Dropout(0.3), layers.Dense(64), layers.UnitNormalization()]
    return keras.Sequential(stack)


def more_classes(images: np.ndarray, digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The images in eight positions, each a class of its own: five classes are few to learn from what classes may differ in."""
    turned = [np.rot90(images, quarters, (1, 2)) for quarters in range(4)]
    positions = turned + [image[:, :, ::-1] for image in turned]
    return np.concatenate(positions), np.concatenate([digits + 10 * i for i in range(8)])


def squared_distances(points: Any) -> Any:
    """Those of all pairs of a batch.  (batch, n) -> (batch, batch)"""
    return ops.maximum(2 - 2 * points @ ops.transpose(points), 1e-9)  # |a|² + |b|² = 2 on the sphere


def same_class(labels: Any) -> Any:
    """Which pairs of a batch have one class.  (batch,) -> (batch, batch)"""
    labels = ops.reshape(labels, (-1, 1))
    return ops.cast(ops.equal(labels, ops.transpose(labels)), "float32")


def contrastive_loss(labels: Any, points: Any, margin: float = 1.0) -> Any:
    """All pairs of a batch: those of one class attract each other, others repel each other as far as the margin."""
    same, squares = same_class(labels), squared_distances(points)
    return ops.mean(same * squares + (1 - same) * ops.square(ops.relu(margin - ops.sqrt(squares))))


def triplet_loss(labels: Any, points: Any, margin: float = 0.4) -> Any:
    """All triplets of a batch: an anchor, another of its class and one of another class, which should be farther by the margin.

    The mean is over those that are not yet: the others have no gradient, and would thin it out more and more.
    """
    same, squares = same_class(labels), squared_distances(points)
    losses = ops.relu(squares[:, :, None] - squares[:, None, :] + margin) * same[:, :, None] * (1 - same)[:, None, :]
    return ops.sum(losses) / (1 + ops.sum(ops.cast(losses > 0, "float32")))


def one_shot(model: Any, images: np.ndarray, labels: np.ndarray, episodes: int = 1000) -> float:
    """How often the nearest of five images, one of each class, has the class of another image. One image for each is drawn anew."""
    draw = np.random.default_rng(0)
    points = model.predict(images, verbose=0)
    rows = [np.flatnonzero(labels == digit) for digit in np.unique(labels)]
    right = 0
    for _ in range(episodes):
        shots = [draw.choice(of_class, 2, replace=False) for of_class in rows]
        answer = draw.integers(len(rows))
        right += int(np.argmax(points[[shot[0] for shot in shots]] @ points[shots[answer][1]]) == answer)
    return right / episodes


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    data, scale = (keras.datasets.digits, 16.0) if smoke else (keras.datasets.mnist, 255.0)
    steps, batch_size = (144, 40) if smoke else (2400, 100)
    (x_train, y_train), (x_test, y_test) = data.load_data()
    if not smoke:  # half the rows and columns will do, and take a quarter of the time
        x_train, x_test = (x.reshape(-1, 14, 2, 14, 2).mean((2, 4)).astype("float32") for x in (x_train, x_test))
    known, new = np.isin(y_train, KNOWN), np.isin(y_test, NEW)
    images, classes = more_classes(x_train[known], y_train[known].astype("int32"))
    rows = np.random.default_rng(0).permutation(len(images))[: steps * batch_size]
    x_new, y_new = x_test[new].astype("float32"), y_test[new]
    models = {"pixels": keras.Sequential([keras.Input(x_new.shape[1:]), layers.Flatten(), layers.UnitNormalization()])}
    for name, loss in (("contrastive loss", contrastive_loss), ("triplet loss", triplet_loss)):
        model = models[name] = embedding(images.shape[1], scale)
        model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)), loss)
        model.fit(images[rows], classes[rows], batch_size=batch_size, verbose=0)
    results = {name: one_shot(model, x_new, y_new) for name, model in models.items()}
    print("one-shot accuracy:", ", ".join(f"{share:.1%} by {name}" for name, share in results.items()))
    plot({name: model.predict(x_new[:1500], verbose=0) for name, model in models.items()}, y_new[:1500])
    print(f"figure: siamese {results['contrastive loss']:.4f}")
    return results["contrastive loss"]


def plot(points: dict[str, np.ndarray], digits: np.ndarray) -> None:
    """The new digits, projected on the plane in which they vary most, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.5), layout="constrained")
    for axes, (name, x) in zip(figure.subplots(1, len(points)), points.items()):
        x = x - x.mean(axis=0)
        plane = x @ np.linalg.svd(x, full_matrices=False)[2][:2].T
        for digit in NEW:
            axes.scatter(*plane[digits == digit].T, s=3, label=str(digit))
        axes.set(xticks=[], yticks=[], title=name)
    axes.legend(markerscale=4)
    figure.savefig("siamese.png", dpi=80)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

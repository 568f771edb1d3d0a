"""tf.data pipelines, and a few plots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def test_chain_of_transformations() -> None:
    import dualnet as tf

    dataset = tf.data.Dataset.range(10).repeat(3).batch(7)
    assert [len(item) for item in dataset] == [7, 7, 7, 7, 2]
    dataset = tf.data.Dataset.from_tensor_slices(tf.range(10)).map(lambda x: x * 2, num_parallel_calls=tf.data.AUTOTUNE)
    assert [int(item) for item in dataset.filter(lambda x: x < 10)] == [0, 2, 4, 6, 8]
    for item in dataset.take(1):
        assert item.numpy() == 0


def test_dataset_for_fit_and_evaluate() -> None:
    import dualnet as tf

    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 255, (64, 6, 6)).astype("uint8"), rng.integers(0, 4, 64)

    def normalize(image: np.ndarray, label: np.ndarray) -> tuple[object, np.ndarray]:
        return tf.cast(image, tf.float32) / 255.0, label

    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    train = dataset.map(normalize).cache().shuffle(64, seed=1).batch(16).prefetch(tf.data.experimental.AUTOTUNE)
    for images, labels in train.take(1):
        assert images.shape == (16, 6, 6)
        assert labels.numpy().dtype == y.dtype
        assert images.numpy().max() <= 1
    model = tf.keras.Sequential(
        [tf.keras.layers.Flatten(), tf.keras.layers.Dense(32, "relu"), tf.keras.layers.Dense(4, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train, epochs=15, validation_data=train, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.predict(train.map(lambda images, labels: images), verbose=0).shape == (64, 4)
    assert int(tf.data.experimental.cardinality(train)) == 4


def test_image_folder(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    from dualnet import keras

    for label, level in (("cats", 40), ("dogs", 200)):
        (tmp_path / label).mkdir()
        for n in range(6):
            image.fromarray(np.full((10, 12, 3), level + n, "uint8")).save(tmp_path / label / f"{n}.png")
    train_ds, val_ds = (
        keras.utils.image_dataset_from_directory(
            tmp_path, validation_split=0.25, subset=subset, seed=123, image_size=(8, 8), batch_size=4
        )
        for subset in ("training", "validation")
    )
    assert train_ds.class_names == ["cats", "dogs"]
    for images, labels in train_ds:
        assert images.shape[1:] == (8, 8, 3)
        assert ((images.numpy().mean((1, 2, 3)) > 100) == labels.numpy()).all()
    model = keras.Sequential(
        [keras.layers.Rescaling(1.0 / 255, input_shape=(8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(train_ds, validation_data=val_ds, epochs=20, verbose=0)
    assert model.evaluate(val_ds, verbose=0)[1] == 1.0


def test_curves_and_confusion_matrix(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    import dualnet as tf
    from dualnet import keras

    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2))
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 1)
    model = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=4, validation_split=0.2, verbose=0)
    acc, val_acc = history.history["accuracy"], history.history["val_accuracy"]
    plt.figure(figsize=(8, 5))
    plt.plot(history.epoch, acc, "bo", label="Training acc")
    plt.plot(range(len(val_acc)), val_acc, "b", label="Validation acc")
    plt.legend()
    plt.savefig(tmp_path / "curves.png")
    plt.close()
    assert (tmp_path / "curves.png").stat().st_size > 1000
    matrix = tf.math.confusion_matrix(y, model.predict(x, verbose=0).argmax(1), num_classes=3)
    assert matrix.shape == (3, 3)
    assert int(tf.reduce_sum(matrix)) == 90
    assert matrix.numpy().sum(axis=1).tolist() == np.bincount(y, minlength=3).tolist()


def test_plot_model(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from dualnet import keras

    inputs = keras.Input((3,), name="in")
    model = keras.Model(inputs, [keras.layers.Dense(2, name="a")(inputs), keras.layers.Dense(1, name="b")(inputs)])
    keras.utils.plot_model(model, to_file=tmp_path / "model.png", show_shapes=True)
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")

"""Layers of images: when they act, what they draw, batches and single images, dictionaries, models and data sets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import data, layers, models, ops

RANDOM: dict[str, dict[str, Any]] = {
    "RandomFlip": {},
    "RandomRotation": {"factor": 0.3},
    "RandomZoom": {"height_factor": 0.5},
    "RandomTranslation": {"height_factor": 0.5, "width_factor": 0.5},
    "RandomBrightness": {"factor": 0.5},
    "RandomContrast": {"factor": 0.9},
    "RandomCrop": {"height": 4, "width": 5},
    "RandomShear": {"x_factor": 0.3, "y_factor": 0.2},
    "RandomHue": {"factor": 0.9},
    "RandomSaturation": {"factor": (0.1, 0.6)},
    "RandomInvert": {},
    "RandomGrayscale": {},
    "MixUp": {"alpha": 0.7},
}
every = pytest.mark.parametrize("name", RANDOM)
IMAGES = np.random.default_rng(0).uniform(20, 200, (16, 8, 9, 3)).astype("float32")


def make(name: str, **more: Any) -> Any:
    return getattr(layers, name)(**RANDOM[name], **more)


@every
def test_seeds(name: str) -> None:
    """A seed gives the same sequence; what follows differs, and so do other seeds."""
    first, again, other = make(name, seed=1), make(name, seed=1), make(name, seed=2)
    a, b = first(IMAGES).numpy(), first(IMAGES).numpy()
    assert np.array_equal(a, again(IMAGES).numpy())
    assert np.array_equal(b, again(IMAGES).numpy())
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, other(IMAGES).numpy())


@every
def test_without_a_seed_the_global_one_decides(name: str) -> None:
    results = []
    for seed in (5, 5, 6):
        dualnet.utils.set_random_seed(seed)
        results.append(make(name)(IMAGES).numpy())
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


@every
def test_passes_images_on_when_not_training(name: str) -> None:
    y = make(name)(IMAGES, training=False).numpy()
    if name == "RandomCrop":
        expected = layers.Resizing(4, 5, crop_to_aspect_ratio=True)(IMAGES).numpy()
        np.testing.assert_array_equal(y, expected)
    else:
        np.testing.assert_array_equal(y, IMAGES)


@every
def test_in_a_model(name: str) -> None:
    """While the model is trained the layer acts, in ``predict`` it does not; it is saved with the model."""
    inputs = layers.Input((8, 9, 3))
    layer = make(name, seed=1)
    outputs = layers.Dense(1)(layers.Flatten()(layer(inputs)))
    model = models.Model(inputs, outputs)
    model.compile(optimizer="sgd", loss="mse")
    before = layer.seed_generator.counter
    model.fit(IMAGES / 255, np.zeros((16, 1)), batch_size=8, epochs=1, verbose=0)
    assert layer.seed_generator.counter > before
    after = layer.seed_generator.counter
    assert np.array_equal(model.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    assert layer.seed_generator.counter == after
    again = models.Model.from_config(model.get_config())
    assert again.output_shape == (None, 1)


@every
def test_in_a_data_set(name: str) -> None:
    layer, alone = make(name, seed=3), make(name, seed=3)
    labels = np.arange(16)
    batches = data.Dataset.from_tensor_slices((IMAGES, labels)).batch(4).map(lambda x, y: (layer(x, training=True), y))
    seen = [(np.asarray(x), np.asarray(y)) for x, y in batches]
    assert [len(x) for x, _ in seen] == [4] * 4
    np.testing.assert_array_equal(np.concatenate([y for _, y in seen]), labels)
    for i, (x, _) in enumerate(seen):
        np.testing.assert_array_equal(x, alone(IMAGES[4 * i : 4 * i + 4]).numpy())


@every
def test_one_image(name: str) -> None:
    y = make(name, seed=1)(IMAGES[0]).numpy()
    np.testing.assert_array_equal(y, make(name, seed=1)(IMAGES[:1]).numpy()[0])


@every
def test_channels_first(name: str) -> None:
    y = make(name, seed=1, data_format="channels_first")(np.moveaxis(IMAGES, -1, 1)).numpy()
    np.testing.assert_allclose(np.moveaxis(y, 1, -1), make(name, seed=1)(IMAGES).numpy(), rtol=1e-5, atol=1e-4)


@every
def test_whole_numbers(name: str) -> None:
    whole = IMAGES.astype("uint8")
    y = make(name, seed=1)(whole)
    assert str(y.dtype) == ("uint8" if name == "RandomBrightness" else "float32")
    expected = make(name, seed=1)(whole.astype("float32")).numpy()
    np.testing.assert_allclose(y.numpy(), expected, atol=1 if name == "RandomBrightness" else 1e-3)


@every
def test_dictionaries(name: str) -> None:
    masks = (IMAGES[..., :1] > 100).astype("int32")
    inputs = {"images": IMAGES, "labels": np.arange(16), "segmentation_masks": masks, "names": np.zeros(16)}
    got = make(name, seed=1)(inputs)
    assert list(got) == list(inputs)
    np.testing.assert_array_equal(got["images"].numpy(), make(name, seed=1)(IMAGES).numpy())
    if name != "MixUp":
        np.testing.assert_array_equal(np.asarray(got["labels"]), np.arange(16))
    if name in ("RandomFlip", "RandomCrop"):
        np.testing.assert_array_equal(got["segmentation_masks"].numpy(), got["images"].numpy()[..., :1] > 100)
    assert set(np.unique(got["segmentation_masks"].numpy())) <= {0, 1}
    with pytest.raises(ValueError, match="bounding boxes"):
        make(name)({"images": IMAGES, "bounding_boxes": np.zeros((16, 2, 4))})


@every
def test_wrong_rank(name: str) -> None:
    with pytest.raises(ValueError, match="rank 3 or 4"):
        make(name)(np.zeros((4, 5)))


# -- distributions -----------------------------------------------------------------------------------------------------

MANY = np.broadcast_to(IMAGES[0], (2000, 8, 9, 3))


def test_a_flip_is_one_of_four_each_as_often() -> None:
    y = layers.RandomFlip(seed=0)(MANY).numpy()
    x = IMAGES[0]
    counts = [int(np.all(y == z, axis=(1, 2, 3)).sum()) for z in (x, x[::-1], x[:, ::-1], x[::-1, ::-1])]
    assert sum(counts) == 2000
    assert min(counts) > 420
    sideways = layers.RandomFlip("horizontal", seed=0)(MANY).numpy()
    assert all(np.array_equal(z, x) or np.array_equal(z, x[:, ::-1]) for z in sideways)


def test_crops_are_windows_at_every_offset() -> None:
    layer = layers.RandomCrop(6, 7, seed=0)
    offsets = set()
    for _ in range(200):
        y = layer(IMAGES[:2]).numpy()
        matches = [(i, j) for i in range(3) for j in range(3) if np.array_equal(y, IMAGES[:2, i : i + 6, j : j + 7])]
        assert len(matches) == 1
        offsets.update(matches)
    assert len(offsets) == 9


@pytest.mark.parametrize(
    ("layer", "key", "low", "high"),
    [
        (layers.RandomRotation((-0.1, 0.3), seed=1), "angle", -0.2 * np.pi, 0.6 * np.pi),
        (layers.RandomRotation(0.25, seed=1), "angle", -0.5 * np.pi, 0.5 * np.pi),
        (layers.RandomZoom((-0.1, 0.3), seed=1), "height_zoom", 0.9, 1.3),
        (layers.RandomZoom(0.1, (0.3, 0.2), seed=1), "width_zoom", 1.2, 1.3),
        (layers.RandomTranslation(0.1, 0.1, seed=1), "translations", -0.1, 0.1),
        (layers.RandomBrightness((-0.5, 0.1), (0, 2), seed=1), "rgb_delta", -1, 0.2),
        (layers.RandomContrast(0.5, seed=1), "contrast_factor", 1, 1.5),
        (layers.RandomContrast((0.2, 0.4), seed=1), "contrast_factor", 0.8, 1.4),
        (layers.RandomShear(0.2, 0.2, seed=1), "shear_factor", -0.2, 0.2),
        (layers.RandomHue(0.4, seed=1), "factor", -0.2, 0.2),
    ],
)
def test_limits(layer: Any, key: str, low: float, high: float) -> None:
    drawn = layer.get_random_transformation(MANY, training=True)[key].numpy()
    assert len(drawn) == 2000
    assert low - 1e-6 <= drawn.min() < low + (high - low) / 100
    assert high - (high - low) / 100 < drawn.max() <= high + 1e-6
    assert abs(drawn.mean() - (low + high) / 2) < (high - low) / 20
    assert layer.get_random_transformation(MANY, training=False) is None


def test_brightness_of_whole_numbers_ends_at_the_range() -> None:
    """Keras adds in the dtype of the images here, where 250 + 51 is 45."""
    y = layers.RandomBrightness((0.2, 0.2))(np.array([[[250, 100, 0]]], "uint8")).numpy()
    assert y.tolist() == [[[255, 151, 51]]]


def test_mix_up_mixes_labels_as_images() -> None:
    """Each result lies between an image and another of the batch, and so do the labels."""
    images = np.eye(16, dtype="float32").reshape(16, 4, 4, 1)
    layer = layers.MixUp(alpha=0.9, seed=3)
    got = layer({"images": images, "labels": np.eye(16)})
    mixed, labels = got["images"].numpy().reshape(16, 16), got["labels"].numpy()
    np.testing.assert_allclose(mixed, labels, rtol=1e-6)
    np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-6)
    assert ((labels > 0).sum(1) <= 2).all()
    assert (np.diag(labels) > 0).all()
    assert np.allclose(layer({"images": images, "labels": np.eye(16)}, training=False)["labels"].numpy(), np.eye(16))


@pytest.mark.parametrize(
    ("factor", "low", "high"), [(0.0, 0, 0), (1.0, 0.46, 0.54), ((1.0, 1.0), 1, 1), ((0.2, 0.2), 0.17, 0.23)]
)
def test_how_often_images_are_inverted(factor: Any, low: float, high: float) -> None:
    y = layers.RandomInvert(factor, seed=1)(MANY).numpy()
    inverted = np.all(np.abs(y - (255 - IMAGES[0])) < 1e-3, axis=(1, 2, 3))
    assert np.array_equal(y[~inverted], MANY[~inverted])
    assert low <= inverted.mean() <= high


def test_how_often_images_are_gray() -> None:
    y = layers.RandomGrayscale(0.3, seed=1)(MANY).numpy()
    gray = np.all(y[..., :1] == y, axis=(1, 2, 3))
    assert np.array_equal(y[~gray], MANY[~gray])
    assert 0.26 < gray.mean() < 0.34
    np.testing.assert_allclose(y[gray][0, ..., 0], IMAGES[0] @ np.array([0.2989, 0.587, 0.114]), rtol=1e-5)


def test_auto_contrast_leaves_a_channel_of_one_value() -> None:
    x = IMAGES.copy()
    x[0, ..., 1] = 7
    y = layers.AutoContrast()(x).numpy()
    assert (y[0, ..., 1] == 7).all()
    np.testing.assert_allclose(y[0, ..., 0].min(), 0, atol=1e-3)
    np.testing.assert_allclose(y[0, ..., 0].max(), 255, rtol=1e-5)


# -- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make_layer", "error", "text"),
    [
        (lambda: layers.RandomFlip("sideways"), ValueError, "mode must be one of"),
        (lambda: layers.RandomRotation(1.5), ValueError, "factor"),
        (lambda: layers.RandomRotation((0.1, 0.2, 0.3)), ValueError, "factor"),
        (lambda: layers.RandomRotation("much"), ValueError, "factor"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), NotImplementedError, "Unknown `fill_mode`"),
        (lambda: layers.RandomRotation(0.1, interpolation="bicubic"), NotImplementedError, "Unknown `interpolation`"),
        (lambda: layers.RandomZoom(-1.0), ValueError, "height_factor"),
        (lambda: layers.RandomZoom(0.1, (-1.0, 0)), ValueError, "width_factor"),
        (lambda: layers.RandomTranslation(0.1, 1.1), ValueError, "width_factor"),
        (lambda: layers.RandomBrightness(1.1), ValueError, "factor"),
        (lambda: layers.RandomBrightness(0.1, value_range=[1]), ValueError, "value_range"),
        (lambda: layers.RandomContrast(-0.1), ValueError, "factor"),
        (lambda: layers.RandomContrast((-0.2, -0.1)), ValueError, "factor"),
        (lambda: layers.RandomShear(1.1), ValueError, "x_factor"),
        (lambda: layers.RandomShear((-0.2, -0.1)), ValueError, "x_factor"),
        (lambda: layers.RandomHue(-0.1), ValueError, "factor"),
        (lambda: layers.RandomSaturation(1.1), ValueError, "factor"),
        (lambda: layers.RandomInvert(-0.1), ValueError, "factor"),
        (lambda: layers.RandomGrayscale(1.1), ValueError, "factor"),
        (lambda: layers.MixUp(0), ValueError, "alpha"),
        (lambda: layers.RandomCrop(0, 3), ValueError, "height, width"),
        (lambda: layers.CenterCrop(3, -2), ValueError, "height, width"),
        (lambda: layers.Resizing(3, 3, interpolation="area"), ValueError, "interpolation must be one of"),
        (lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), ValueError, "not both"),
        (lambda: layers.RandomFlip(data_format="last"), ValueError, "data_format"),
    ],
)
def test_mistakes(make_layer: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make_layer()


def test_resized_masks_keep_their_classes() -> None:
    masks = (IMAGES[..., :1] > 100).astype("int32") * 7
    got = layers.Resizing(5, 4)({"images": IMAGES, "segmentation_masks": masks})
    assert got["images"].shape == (16, 5, 4, 3)
    assert set(np.unique(got["segmentation_masks"].numpy())) == {0, 7}


@pytest.mark.parametrize(("shape", "size"), [((3, 4), (4, 4)), ((4, 3), (4, 4)), ((1, 4), (8, 8)), ((2, 7), (7, 7))])
def test_padding_keeps_the_aspect_ratio_of_odd_differences(shape: Any, size: Any) -> None:
    """What the padded image has too much of one side goes to the end; nothing is stretched."""
    x = np.arange(1.0, 1 + math.prod(shape), dtype="float32").reshape(1, *shape, 1)
    side = max(shape)
    rows, columns = side - shape[0], side - shape[1]
    padded = np.pad(x, ((0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0)))
    expected = ops.image.resize(padded, size, "nearest")
    for y in (
        ops.image.resize(x, size, "nearest", pad_to_aspect_ratio=True),
        layers.Resizing(*size, interpolation="nearest", pad_to_aspect_ratio=True)(x),
    ):
        np.testing.assert_array_equal(y.numpy(), expected.numpy())

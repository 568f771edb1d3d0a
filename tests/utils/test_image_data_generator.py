"""ImageDataGenerator: the changes against SciPy, the statistics against NumPy, batches, folders, tables, and fit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.preprocessing.image import ImageDataGenerator

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (10, 6, 5, 3)).astype("float32")
LABELS = np.arange(10) % 2


@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "reflect", "wrap"])
@pytest.mark.parametrize("order", [0, 1])
def test_an_affine_change_is_that_of_scipy(fill_mode: str, order: int) -> None:
    """Coordinates (x, y) of the result -> of the image: turned moved sheared zoomed, about the center."""
    ndimage = pytest.importorskip("scipy.ndimage")
    generator = ImageDataGenerator(fill_mode=fill_mode, cval=7.0, interpolation_order=order)
    for p in (
        {"tx": 1, "ty": -2},
        {"theta": 30, "tx": 0.7, "ty": -1.3},
        {"shear": 20, "zx": 0.8, "zy": 1.3, "theta": -15},
    ):
        t, s = math.radians(p.get("theta", 0)), math.radians(p.get("shear", 0))
        turn = np.array([[math.cos(t), -math.sin(t), 0], [math.sin(t), math.cos(t), 0], [0, 0, 1]])
        move = np.array([[1, 0, p.get("tx", 0)], [0, 1, p.get("ty", 0)], [0, 0, 1]])
        shear = np.array([[1, -math.sin(s), 0], [0, math.cos(s), 0], [0, 0, 1]])
        there = np.array([[1, 0, 2.0], [0, 1, 2.5], [0, 0, 1]])
        m = there @ turn @ move @ shear @ np.diag([p.get("zx", 1), p.get("zy", 1), 1]) @ np.linalg.inv(there)
        # "wrap" of SciPy has the period n - 1; that of NumPy's and of ours is "grid-wrap"
        mode = {"wrap": "grid-wrap", "constant": "grid-constant"}.get(fill_mode, fill_mode)
        expected = [
            ndimage.affine_transform(IMAGES[0, ..., c].T, m[:2, :2], m[:2, 2], order=order, mode=mode, cval=7.0).T
            for c in range(3)
        ]
        got = generator.apply_transform(IMAGES[0], p)
        close = np.isclose(got, np.stack(expected, -1), atol=0.05)
        assert close.mean() > (0.9 if order == 0 else 0.999)  # the nearest of two at the same distance may be either


def test_shifts_flips_channels_and_brightness() -> None:
    generator, image = ImageDataGenerator(fill_mode="constant"), IMAGES[0]
    down = generator.apply_transform(image, {"ty": -1})
    np.testing.assert_allclose(down[1:], image[:-1], atol=1e-3)
    np.testing.assert_array_equal(down[0], 0)
    np.testing.assert_array_equal(generator.apply_transform(image, {"flip_horizontal": True}), image[:, ::-1])
    np.testing.assert_array_equal(generator.apply_transform(image, {"flip_vertical": True}), image[::-1])
    shifted = generator.apply_transform(image, {"channel_shift_intensity": 20.0})
    np.testing.assert_allclose(shifted, np.clip(image + 20, image.min(), image.max()))
    np.testing.assert_allclose(generator.apply_transform(image, {"brightness": 1.5}), np.clip(image * 1.5, 0, 255))
    unit = image / 255  # Keras makes integers of them, and the image black
    np.testing.assert_allclose(generator.apply_transform(unit, {"brightness": 1.5}), np.clip(unit * 1.5, 0, 1))


def test_what_is_drawn_is_within_the_ranges() -> None:
    generator = ImageDataGenerator(
        rotation_range=20,
        width_shift_range=0.5,
        height_shift_range=2,
        shear_range=10,
        zoom_range=0.3,
        brightness_range=(0.5, 2),
        channel_shift_range=9.0,
        horizontal_flip=True,
    )
    drawn = [generator.get_random_transform((6, 5, 3), seed) for seed in range(400)]
    for name, low, high in (
        ("theta", -20, 20), ("tx", -2.5, 2.5), ("shear", -10, 10), ("zx", 0.7, 1.3), ("zy", 0.7, 1.3),
        ("brightness", 0.5, 2), ("channel_shift_intensity", -9, 9),
    ):  # fmt: skip
        values = [p[name] for p in drawn]
        assert low <= min(values) < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < max(values) <= high
    assert {p["ty"] for p in drawn} == {-1, 0, 1}  # an integer n: whole pixels, less than n
    assert 150 < sum(p["flip_horizontal"] for p in drawn) < 250
    assert not any(p["flip_vertical"] for p in drawn)
    assert drawn[3] == generator.get_random_transform((6, 5, 3), 3)
    listed = ImageDataGenerator(width_shift_range=[2, 3])
    assert {listed.get_random_transform((6, 5, 3), s)["tx"] for s in range(50)} == {-3, -2, 2, 3}


def test_normalization() -> None:
    generator = ImageDataGenerator(featurewise_std_normalization=True, rescale=1 / 255)
    with pytest.warns(UserWarning, match=r"fit\(images\) was not called"):
        generator.standardize(IMAGES[0])
    generator.fit(IMAGES)
    scaled = IMAGES / 255
    np.testing.assert_allclose(generator.mean, scaled.mean((0, 1, 2), keepdims=True)[0], rtol=1e-5)
    expected = (scaled - scaled.mean((0, 1, 2))) / (scaled.std((0, 1, 2)) + 1e-6)
    batch = next(generator.flow(IMAGES, batch_size=10, shuffle=False))
    np.testing.assert_allclose(batch, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(generator.standardize(IMAGES), expected, rtol=1e-4, atol=1e-4)

    samplewise = ImageDataGenerator(samplewise_std_normalization=True, preprocessing_function=lambda x: 2 * x)
    x = samplewise.standardize(IMAGES[1])
    np.testing.assert_allclose([x.mean(), x.std()], [0, 1], atol=1e-4)

    small = RNG.normal(size=(50, 2, 2, 1)) @ np.ones((1, 1)) + RNG.normal(size=(50, 1, 1, 1))
    white = ImageDataGenerator(zca_whitening=True)
    white.fit(small)
    flat = white.standardize(small).reshape(50, -1)
    np.testing.assert_allclose(flat.T @ flat / 50, np.eye(4), atol=1e-3)


def test_the_order_and_the_changes_follow_from_the_seed() -> None:
    generator = ImageDataGenerator(rotation_range=90, horizontal_flip=True)
    first, second = (generator.flow(IMAGES, LABELS, batch_size=4, seed=3) for _ in range(2))
    assert len(first) == 3
    epochs = []
    for _ in range(2):
        batches = [next(first) for _ in range(3)]
        for (x, y), (x2, y2) in zip(batches, [next(second) for _ in range(3)]):
            np.testing.assert_array_equal(x, x2)
            np.testing.assert_array_equal(y, y2)
        assert [len(y) for _, y in batches] == [4, 4, 2]
        assert sorted(np.concatenate([y for _, y in batches])) == sorted(LABELS)
        epochs.append(np.concatenate([x for x, _ in batches]))
    assert not np.array_equal(*epochs)
    # images and masks, each with its generator
    masks = ImageDataGenerator(rotation_range=90, horizontal_flip=True).flow(IMAGES, batch_size=4, seed=3)
    np.testing.assert_array_equal(next(masks), epochs[0][:4])
    results = []
    for _ in range(2):  # without a seed it follows from set_random_seed
        dualnet.utils.clear_session()
        dualnet.utils.set_random_seed(5)
        results.append([next(f) for f in (generator.flow(IMAGES), generator.flow(IMAGES))])
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(*results[0])


def test_arrays_beside_the_images() -> None:
    plain = ImageDataGenerator()
    misc, weights = np.arange(10), np.arange(10.0)
    (x, other), y, w = plain.flow((IMAGES, misc), LABELS, batch_size=10, sample_weight=weights, seed=1)[0]
    np.testing.assert_array_equal(x, IMAGES[other])
    np.testing.assert_array_equal(y, LABELS[other])
    np.testing.assert_array_equal(w, other)
    assert plain.flow(dualnet.ops.convert_to_tensor(IMAGES))[0].shape == IMAGES.shape


def test_subsets() -> None:
    generator = ImageDataGenerator(validation_split=0.2)
    validation = generator.flow(IMAGES, LABELS, subset="validation", shuffle=False)
    training = generator.flow(IMAGES, LABELS, subset="training", shuffle=False)
    np.testing.assert_array_equal(validation[0][0], IMAGES[:2])
    np.testing.assert_array_equal(training[0][0], IMAGES[2:])
    with pytest.raises(ValueError, match="different classes"):
        generator.flow(IMAGES, np.sort(LABELS), subset="training")
    assert generator.flow(IMAGES, np.sort(LABELS), subset="training", ignore_class_split=True).n == 8
    with pytest.raises(ValueError, match="needs ImageDataGenerator"):
        ImageDataGenerator().flow(IMAGES, subset="training")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("PIL")
    for name, count, value in (("cats", 4, 50), ("dogs", 6, 200)):
        (tmp_path / name).mkdir()
        for i in range(count):
            dualnet.utils.save_img(tmp_path / name / f"{i}.png", np.full((8, 6, 3), value + i, "uint8"), scale=False)
    (tmp_path / "cats" / "notes.txt").write_text("no image")
    return tmp_path


def test_folders(folder: Path, capsys: Any) -> None:
    generator = ImageDataGenerator(rescale=1 / 255, validation_split=0.5)
    flow = generator.flow_from_directory(folder, target_size=(4, 4), batch_size=10, shuffle=False)
    assert "Found 10 images belonging to 2 classes." in capsys.readouterr().out
    assert flow.class_indices == {"cats": 0, "dogs": 1}
    assert (flow.samples, flow.n, flow.num_classes, flow.image_shape) == (10, 10, 2, (4, 4, 3))
    assert flow.filenames[4].replace("\\", "/") == "dogs/0.png"
    np.testing.assert_array_equal(flow.classes, [0] * 4 + [1] * 6)
    x, y = next(flow)
    assert x.dtype == y.dtype == "float32"
    np.testing.assert_allclose(x[:, 0, 0, 0] * 255, [50, 51, 52, 53, 200, 201, 202, 203, 204, 205], rtol=1e-5)
    np.testing.assert_array_equal(y, np.eye(2)[flow.classes])
    for mode, expected in (("binary", flow.classes), ("sparse", flow.classes), ("input", x), (None, None)):
        batch = generator.flow_from_directory(folder, (4, 4), class_mode=mode, batch_size=10, shuffle=False)[0]
        np.testing.assert_array_equal(batch if mode is None else batch[1], x if mode is None else expected)
    halves = [
        generator.flow_from_directory(folder, (4, 4), subset=s, shuffle=False) for s in ("validation", "training")
    ]
    assert [Path(n).name for n in halves[0].filenames] == ["0.png", "1.png", "0.png", "1.png", "2.png"]
    assert set(halves[0].filenames) | set(halves[1].filenames) == set(flow.filenames)
    grey = generator.flow_from_directory(folder, (4, 4), color_mode="grayscale", classes=["dogs"])
    assert grey[0][0].shape == (6, 4, 4, 1)
    with pytest.raises(ValueError, match="needs two classes, there are 1"):
        generator.flow_from_directory(folder, classes=["dogs"], class_mode="binary")
    with pytest.raises(ValueError, match="classes names 'cows'"):
        generator.flow_from_directory(folder, classes=["cows"])


def test_tables(folder: Path) -> None:
    generator = ImageDataGenerator()
    table = {
        "filename": ["dogs/0.png", "cats/1.png", "cats/9.png", "cats/2.png"],
        "class": ["d", "c", "c", "c"],
        "tags": [["c", "d"], ["d"], ["c"], []],
        "value": [1.5, 2.5, 9.0, 3.5],
        "weight": [1.0, 2.0, 9.0, 4.0],
    }
    options: dict[str, Any] = {"target_size": (4, 4), "shuffle": False}
    with pytest.warns(UserWarning, match="1 rows are left out"):
        flow = generator.flow_from_dataframe(table, folder, class_mode="sparse", weight_col="weight", **options)
    x, y, w = flow[0]
    np.testing.assert_array_equal(x[:, 0, 0, 0], [200, 51, 52])
    np.testing.assert_array_equal(y, [1, 0, 0])
    np.testing.assert_array_equal(w, [1, 2, 4])
    del table["filename"][2:], table["class"][2:], table["tags"][2:], table["value"][2:], table["weight"][2:]

    def labels(**arguments: Any) -> Any:
        return generator.flow_from_dataframe(table, folder, **options, **arguments)[0][1]

    np.testing.assert_array_equal(labels(), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(labels(y_col="tags"), [[1, 1], [0, 1]])
    np.testing.assert_array_equal(labels(y_col="value", class_mode="raw"), [1.5, 2.5])
    np.testing.assert_array_equal(labels(y_col=["value", "weight"], class_mode="raw"), [[1.5, 1], [2.5, 2]])
    np.testing.assert_array_equal(labels(y_col=["value", "weight"], class_mode="multi_output"), [[1.5, 2.5], [1, 2]])
    with pytest.raises(TypeError, match="expects classes as strings in the column 'value'"):
        labels(y_col="value")
    with pytest.raises(ValueError, match="no column 'name'; it has filename"):
        labels(x_col="name")


@pytest.mark.parametrize("workers", [1, 3])
def test_it_trains(workers: int) -> None:
    x = np.concatenate([np.zeros((20, 6, 6, 1)), np.ones((20, 6, 6, 1))]).astype("float32")
    y = np.arange(40) // 20
    order = np.argsort(np.sin(np.arange(40) * 7))
    generator = ImageDataGenerator(rotation_range=20, width_shift_range=0.1, validation_split=0.25)
    training = generator.flow(x[order], y[order], batch_size=8, subset="training", seed=1)
    validation = generator.flow(x[order], y[order], batch_size=8, subset="validation", seed=1)
    training.workers = workers
    model = dualnet.Sequential([dualnet.Input((6, 6, 1)), layers.Flatten(), layers.Dense(1, activation="sigmoid")])
    model.compile(dualnet.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(training, validation_data=validation, epochs=5, verbose=0).history
    assert history["val_accuracy"][-1] == 1.0
    assert model.fit(training, steps_per_epoch=2, epochs=3, verbose=0).history["loss"]
    assert model.evaluate(validation, verbose=0)[1] == 1.0
    images = generator.flow(x, batch_size=8, shuffle=False)
    assert model.predict(images, verbose=0).shape == (40, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fill_mode": "mirror"}, "fill_mode must be one of"),
        ({"zoom_range": [1, 2, 3]}, "zoom_range must be two numbers"),
        ({"interpolation_order": 3}, "interpolation_order must be 0"),
        ({"validation_split": 1.5}, "validation_split must be from 0 to 1"),
        ({"data_format": "last"}, "data_format must be"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator(**arguments)
    with pytest.raises(ValueError, match="save_to_dir is not supported"):
        ImageDataGenerator().flow(IMAGES, save_to_dir="x")


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore")  # it calls SciPy by an old name
def test_the_same_as_keras(keras: Any) -> None:
    """But for what Keras 3.15 mixes up: the directions of the shifts, the center of an image that is no square, and brightness."""
    theirs = pytest.importorskip("keras.src.legacy.preprocessing.image").ImageDataGenerator
    pytest.importorskip("scipy")
    rng = np.random.default_rng(1)
    for i in range(60):
        fill_mode = ("nearest", "reflect")[i % 2]  # "constant" is another one in SciPy, half a pixel from the border
        angle, shift = rng.uniform(-40, 40, 2), rng.uniform(-3, 3, 2)
        zoom, flips, intensity = rng.uniform(0.7, 1.3, 2), rng.random(2) < 0.5, rng.uniform(-20, 20)
        p = {"theta": angle[0], "shear": angle[1] / 2, "tx": shift[0], "ty": shift[1], "zx": zoom[0], "zy": zoom[1]}
        p |= {"flip_horizontal": flips[0], "flip_vertical": flips[1], "channel_shift_intensity": intensity}
        square = IMAGES[0, :5]
        ours = ImageDataGenerator(fill_mode=fill_mode, cval=3.0).apply_transform(square, p)
        expected = theirs(fill_mode=fill_mode, cval=3.0).apply_transform(square.copy(), dict(p))
        np.testing.assert_allclose(ours, expected, atol=0.05)
    arguments: list[dict[str, Any]] = [
        {"samplewise_center": True, "rescale": 0.5},
        {"samplewise_std_normalization": True},
        {"featurewise_center": True, "rescale": 1 / 255},
        {"featurewise_std_normalization": True, "rescale": 1 / 255},
    ]
    for kwargs in arguments:
        results = []
        for cls in (ImageDataGenerator, theirs):
            generator = cls(**kwargs)
            generator.fit(IMAGES)
            results.append(generator.standardize(IMAGES[0].copy()))
        np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-4)
    for subset in ("training", "validation"):
        flows = [
            cls(validation_split=0.25).flow(IMAGES, LABELS, subset=subset, shuffle=False, batch_size=3)
            for cls in (ImageDataGenerator, theirs)
        ]
        assert len(flows[0]) == len(flows[1])
        for i in range(len(flows[0])):
            for own, other in zip(flows[0][i], flows[1][i], strict=True):
                np.testing.assert_array_equal(own, other)

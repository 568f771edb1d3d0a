"""Data sets made from folders of images and of texts."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import config
from dualnet.utils import image_dataset_from_directory, save_img, text_dataset_from_directory

COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("PIL", reason="Pillow is not installed: pip install 'dualnet[image]'")
    folder = tmp_path_factory.mktemp("images")
    for k, (name, colour) in enumerate(COLOURS.items()):
        (folder / name / "deeper").mkdir(parents=True)
        for i in range(6):
            image = np.full((8 + i, 10 - k, 3), colour, np.uint8)
            parent = folder / name / ("deeper" if i == 5 else "")
            save_img(parent / f"{i}.{['png', 'bmp', 'PNG'][i % 3]}", image, scale=False)
        (folder / name / "notes.txt").write_text("not an image")
    (folder / ".hidden").mkdir()
    (folder / "loose.txt").write_text("not an image")
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for name in ("neg", "pos"):
        (folder / name).mkdir()
        for i in range(5):
            (folder / name / f"{i}.txt").write_text(f"{name} {i} é\r\n", encoding="utf-8", newline="")
    return folder


def load(folder: Path, **arguments: Any) -> Any:
    return image_dataset_from_directory(folder, **{"image_size": (6, 4), "verbose": False, **arguments})


def colour_of(image: Any) -> str:
    return next(name for name, colour in COLOURS.items() if np.array_equal(image[0, 0], colour))


def test_batches_and_what_they_are_called(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = load(images, batch_size=7, seed=1, verbose=True)
    assert capsys.readouterr().out == "Found 18 files belonging to 3 classes.\n"
    assert dataset.class_names == ["blue", "green", "red"]
    assert len(dataset.file_paths) == 18
    assert len(dataset) == 3
    seen = []
    for batch, labels in dataset:
        assert (batch.dtype, labels.dtype, batch.shape[1:]) == (np.float32, np.int32, (6, 4, 3))
        for image, label in zip(batch, labels):
            assert colour_of(image) == dataset.class_names[label]
            assert np.array_equal(image, np.broadcast_to(image[0, 0], image.shape))
            seen.append(int(label))
    assert sorted(seen) == sorted([0, 1, 2] * 6)
    assert seen != sorted(seen)
    assert seen != [int(label) for _, labels in dataset for label in labels]  # another order in the next pass


def test_files_in_order(images: Path) -> None:
    dataset = load(images, shuffle=False, batch_size=None)
    assert [int(label) for _, label in dataset] == [0] * 6 + [1] * 6 + [2] * 6
    names = [str(Path(path).relative_to(images)) for path in dataset.file_paths[:6]]
    parts = [("0.png",), ("1.bmp",), ("2.PNG",), ("3.png",), ("4.bmp",), ("deeper", "5.PNG")]
    assert names == [str(Path("blue", *part)) for part in parts]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("class_names", [None, ["red", "blue"]])
def test_files_and_labels_come_in_keras_s_order(keras: Any, images: Path, shuffle: bool, class_names: Any) -> None:
    index = importlib.import_module("keras.src.utils.dataset_utils").index_directory
    formats = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
    paths, labels, names = index(
        str(images), "inferred", formats, class_names=class_names, shuffle=shuffle, seed=5, verbose=False
    )
    dataset = load(images, seed=5, shuffle=shuffle, class_names=class_names)
    assert dataset.file_paths == paths
    assert dataset.class_names == names
    ordered = load(images, seed=5, shuffle=False, class_names=class_names, batch_size=None)
    known = {path: int(label) for path, (_, label) in zip(ordered.file_paths, ordered)}
    assert [known[path] for path in paths] == labels.tolist()


def test_label_modes(images: Path) -> None:
    _, labels = next(iter(load(images, label_mode="categorical", shuffle=False)))
    np.testing.assert_array_equal(labels, np.repeat(np.eye(3), 6, axis=0))
    assert labels.dtype == np.float32
    _, labels = next(iter(load(images, label_mode="binary", class_names=["red", "blue"], shuffle=False)))
    np.testing.assert_array_equal(labels, np.repeat([[0], [1]], 6, axis=0))
    assert labels.dtype == np.float32
    for arguments in ({"label_mode": None}, {"labels": None}):
        batch = next(iter(load(images, **arguments)))
        assert batch.shape == (18, 6, 4, 3)
    explicit = load(images, labels=[i % 2 for i in range(18)], shuffle=False)
    assert explicit.class_names == ["0", "1"]
    assert next(iter(explicit))[1].tolist() == [0, 1] * 9


def test_training_and_validation_share_no_file(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments: dict[str, Any] = {"validation_split": 0.3, "seed": 2}
    train, valid = (load(images, subset=subset, **arguments) for subset in ("training", "validation"))
    assert capsys.readouterr().out == "Using 13 files for training.\nUsing 5 files for validation.\n"
    assert len(train.file_paths) == 13
    assert set(train.file_paths).isdisjoint(valid.file_paths)
    both = load(images, subset="both", **arguments)
    assert [part.file_paths for part in both] == [train.file_paths, valid.file_paths]
    assert both[0].class_names == both[1].class_names == ["blue", "green", "red"]
    assert sum(len(labels) for part in both for _, labels in part) == 18
    first, second = ([labels.tolist() for _, labels in both[1]] for _ in range(2))
    assert first == second  # validation is not mixed


def test_colours_sizes_and_layouts(images: Path) -> None:
    assert next(iter(load(images, color_mode="grayscale")))[0].shape == (18, 6, 4, 1)
    rgba = next(iter(load(images, color_mode="rgba")))[0]
    assert rgba.shape == (18, 6, 4, 4)
    assert rgba[..., 3].min() == 255
    assert next(iter(load(images, image_size=5)))[0].shape == (18, 5, 5, 3)
    assert next(iter(load(images, data_format="channels_first")))[0].shape == (18, 3, 6, 4)
    config.set_image_data_format("channels_first")
    try:
        assert next(iter(load(images)))[0].shape == (18, 3, 6, 4)
    finally:
        config.set_image_data_format("channels_last")


def test_resizing_keeps_or_gives_up_the_aspect_ratio(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    image = np.zeros((4, 12, 3), np.uint8)
    image[:, :4], image[:, 8:] = 100, 200
    save_img(tmp_path / "a.png", image, scale=False)
    stretched, cropped, padded = (
        next(iter(load(tmp_path, labels=None, image_size=(4, 4), interpolation="nearest", **arguments)))[0]
        for arguments in ({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True})
    )
    assert stretched[0, :, 0].tolist() == [100, 0, 0, 200] or stretched[0, :, 0].tolist() == [100, 100, 0, 200]
    assert cropped.max() == 0
    assert padded[0].max() == padded[3].max() == 0
    assert padded[1:3].max() == 200


def test_deep_grey_images_keep_their_range(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.array([[0, 32768], [65535, 256]], np.uint16)).save(tmp_path / "a.png")
    for mode in ("grayscale", "rgb"):
        picture = next(iter(load(tmp_path, labels=None, image_size=(2, 2), color_mode=mode)))[0]
        assert picture[..., 0].tolist() == [[0, 128], [255, 1]]


def test_fit_trains_on_images(images: Path) -> None:
    dualnet.utils.set_random_seed(1)
    model = dualnet.Sequential(
        [dualnet.layers.Flatten(input_shape=(6, 4, 3)), dualnet.layers.Dense(3, activation="softmax")]
    )
    model.compile(dualnet.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    train = load(images, batch_size=6).map(lambda image, label: (image / 255.0, label))
    history = model.fit(train, validation_data=train, epochs=5, verbose=0)
    assert history.history["val_accuracy"][-1] == 1.0


IMAGE_MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"labels": "guess"}, '`labels` argument should be "inferred"'),
    ({"labels": [1, 2]}, "`labels` to match the number of files in .*, 18, got 2"),
    ({"labels": None, "class_names": ["red"]}, "You can only pass `class_names` if"),
    ({"class_names": ["pink"]}, r"the folders in .*, \['blue', 'green', 'red'\]: there is no 'pink'"),
    ({"label_mode": "one_hot"}, "`label_mode` argument must be"),
    ({"label_mode": "binary"}, "there must be exactly 2 classes, got 3"),
    ({"labels": [7] * 18, "label_mode": "categorical"}, "needs labels from 0 to 0"),
    ({"validation_split": 1.5, "subset": "training"}, "`validation_split` must be between 0 and 1"),
    ({"validation_split": 0.5}, "give both or neither"),
    ({"subset": "training"}, "give both or neither"),
    ({"validation_split": 0.5, "subset": "test", "seed": 1}, "`subset` must be either"),
    ({"validation_split": 0.5, "subset": "training"}, "you must provide a `seed`"),
    ({"color_mode": "cmyk"}, "`color_mode` must be one of"),
    ({"interpolation": "area"}, "interpolation must be one of"),
    ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "not both"),
    ({"image_size": (3,)}, "image_size must be"),
    ({"format": "csv"}, "`format` should be"),
    ({"validation_split": 0.01, "subset": "both", "seed": 1}, "No images found"),
]


@pytest.mark.parametrize(("arguments", "message"), IMAGE_MISTAKES)
def test_mistakes_with_images(images: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(images, **arguments)


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    with pytest.raises(ValueError, match="is no folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="No images found"):
        load(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(ValueError, match=r"broken\.png cannot be read as an image .* repair or remove it"):
        list(load(tmp_path, labels=None))


def test_texts(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = text_dataset_from_directory(texts, batch_size=4, shuffle=False)
    assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
    assert dataset.class_names == ["neg", "pos"]
    (batch, labels) = next(iter(dataset))
    assert batch.tolist() == [f"neg {i} é\r\n" for i in range(4)]
    assert labels.tolist() == [0] * 4
    for batch, labels in text_dataset_from_directory(texts, batch_size=3, seed=1, verbose=False):
        assert [text.startswith("pos") for text in batch] == [bool(label) for label in labels]
    short = text_dataset_from_directory(texts, labels=None, max_length=3, shuffle=False, verbose=False)
    assert next(iter(short)).tolist() == ["neg"] * 5 + ["pos"] * 5
    train, valid = text_dataset_from_directory(
        texts, validation_split=0.2, subset="both", seed=3, label_mode="binary", verbose=False
    )
    assert set(train.file_paths).isdisjoint(valid.file_paths)
    assert next(iter(valid))[1].shape == (2, 1)
    single = text_dataset_from_directory(texts, batch_size=None, shuffle=False, verbose=False)
    assert next(single.as_numpy_iterator())[0] == "neg 0 é\r\n"


def test_mistakes_with_texts(texts: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No text files found"):
        text_dataset_from_directory(tmp_path, verbose=False)
    (tmp_path / "a.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.txt is not UTF-8 \(.* at byte 0\): convert it"):
        list(text_dataset_from_directory(tmp_path, labels=None, verbose=False))
    with pytest.raises(ValueError, match="you must provide a `seed`"):
        text_dataset_from_directory(texts, validation_split=0.5, subset="both")

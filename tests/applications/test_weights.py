"""Weights of the zoo: the published files, checked and downloaded once; files of the user; and what is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualnet import applications, layers
from dualnet.applications import imagenet_utils
from dualnet.applications.architecture import Architecture
from dualnet.applications.weights import Files
from dualnet.datasets.download import DataError

pytestmark = pytest.mark.usefixtures("cache")


def small(files: Files | None = None) -> Architecture:
    """A network of two layers."""

    def body(x: Any) -> Any:
        return layers.Conv2D(2, 3, name="conv")(x)

    return Architecture("small", body, files=files, size=8, smallest=4)


@pytest.fixture
def published(server: Any, tmp_path: Path) -> Architecture:
    """The small network, whose weights are published on a server: ones, and those without the top twos."""
    hashes = []
    for name, value, top in (("small.h5", 1.0, True), ("small_notop.h5", 2.0, False)):
        model = small().build(top, None)
        model.set_weights([np.full(w.shape, value) for w in model.weights])
        model.save_weights(tmp_path / name)
        server.files[name] = (tmp_path / name).read_bytes()
        hashes.append(hashlib.md5(server.files[name], usedforsecurity=False).hexdigest())
    return small(Files(server.url("range", ""), "small.h5", "small_notop.h5", (hashes[0], hashes[1])))


def test_imagenet_is_downloaded_once(published: Architecture, server: Any, cache: Path) -> None:
    for _ in range(2):
        model = published.build()
        assert model.output_shape == (None, 1000)
        assert all((w == 1).all() for w in model.get_weights())
    model = published.build(include_top=False, input_shape=(20, 30, 3))
    assert all((w == 2).all() for w in model.get_weights())
    assert server.asked == {"/range/small.h5": 1, "/range/small_notop.h5": 1}
    assert sorted(path.name for path in (cache / "models").iterdir()) == ["small.h5", "small_notop.h5"]


@pytest.mark.parametrize("variable", ["DUALNET_DATA_DIR", "KERAS_HOME"])
def test_a_copy_is_used(
    published: Architecture, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    path = tmp_path / "home" / "models" / "small.h5"
    path.parent.mkdir(parents=True)
    path.write_bytes(server.files["small.h5"])
    monkeypatch.setenv(variable, str(tmp_path / "home"))
    assert all((w == 1).all() for w in published.build().get_weights())
    assert server.asked.total() == 0


def test_without_a_network(monkeypatch: pytest.MonkeyPatch, cache: Path, tmp_path: Path) -> None:
    """One line that names the file, where it belongs, and where it comes from."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    architecture = small(Files("http://127.0.0.1:9/folder/", "small.h5", "small_notop.h5", ("0" * 32, "1" * 32)))
    with pytest.raises(DataError) as caught:
        architecture.build()
    message = str(caught.value)
    assert "\n" not in message
    assert f"small.h5 is not in the cache {cache / 'models'}" in message
    assert "http://127.0.0.1:9/folder/small.h5: no connection" in message
    assert "put the file there, or set DUALNET_DATA_DIR to a folder that has models/small.h5" in message


def test_a_published_file_that_was_changed(published: Architecture, server: Any) -> None:
    server.files["small.h5"] = server.files["small.h5"][:-1] + b"x"
    with pytest.raises(DataError, match=r"small\.h5: expected md5 .* found md5"):
        published.build()


@pytest.mark.parametrize("content", [b"<html>Please log in</html>", None], ids=["a page", "cut off"])
def test_a_published_file_without_a_hash(published: Architecture, server: Any, content: bytes | None) -> None:
    """What is no file of weights is refused, and not kept: the next time it is downloaded again."""
    good = server.files["small.h5"]
    assert published.files is not None
    unhashed = small(dataclasses.replace(published.files, hashes=(None, None)))
    server.files["small.h5"] = good[: len(good) // 2] if content is None else content
    with pytest.raises(DataError, match=r"small\.h5: expected the weights of 'small', found something else"):
        unhashed.build()
    server.files["small.h5"] = good
    assert all((w == 1).all() for w in unhashed.build().get_weights())


@pytest.mark.parametrize("name", ["w.weights.h5", "w.h5", "w.keras"])
def test_a_file_of_the_user(tmp_path: Path, name: str) -> None:
    model = small().build(weights=None, classes=3)
    path = tmp_path / name
    model.save(path) if name.endswith(".keras") else model.save_weights(path)
    for weights in (path, str(path)):
        again = small().build(weights=weights, classes=3)
        for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="predictions"):
        small().build(weights=path, classes=4)


# -- arguments -----------------------------------------------------------------------------------------------------

FILES = Files("http://127.0.0.1:9/", "a.h5", "b.h5", ("0" * 32, "0" * 32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"weights": "image_net"},
            "None (random), 'imagenet' (trained on ImageNet), or the path of a file with weights",
        ),
        ({"weights": "image_net"}, "there is no file 'image_net'"),
        ({"classes": 10}, "has 1000 classes, got classes=10: pass include_top=False"),
        ({"classifier_activation": "relu"}, "'softmax' or None (the logits), got classifier_activation='relu'"),
        ({"input_shape": (9, 9, 3)}, "takes images of shape (8, 8, 3) when it has its top, got input_shape=(9, 9, 3)"),
        ({"include_top": False, "input_shape": (9, 9, 1)}, "are for 3 channels, got input_shape=(9, 9, 1) with 1"),
        (
            {"weights": None, "input_shape": (3, 9, 3)},
            "at least 4 x 4 pixels for this network, got input_shape=(3, 9, 3)",
        ),
        ({"weights": None, "input_shape": (9, 9)}, "three numbers such as (8, 8, 3), got (9, 9)"),
        ({"weights": None, "input_shape": (None, 9, 3)}, "with include_top=True the size of the images must be known"),
        (
            {"weights": None, "include_top": False, "pooling": "mean"},
            "pooling must be None, 'avg' or 'max', got 'mean'",
        ),
        ({"weights": None, "input_tensor": np.zeros((1, 8, 8, 3))}, "must be a KerasTensor"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        small(FILES).build(**arguments)
    assert message in str(caught.value)


def test_variants_without_published_weights() -> None:
    with pytest.raises(ValueError, match="no weights trained on ImageNet are published for this variant of 'small'"):
        small().build()


def test_logits_of_trained_weights(published: Architecture) -> None:
    logits = published.build(classifier_activation=None).predict(np.ones((1, 8, 8, 3)), verbose=0)
    np.testing.assert_allclose(logits, 57.0)


def test_many_channels_are_doubted() -> None:
    with pytest.warns(UserWarning, match="1 or 3 channels as a rule, and input_shape=\\(9, 9, 7\\) has 7"):
        small().build(weights=None, include_top=False, input_shape=(9, 9, 7))


# -- predictions in words ------------------------------------------------------------------------------------------


@pytest.fixture
def class_index(server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    classes = {str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}
    content = json.dumps(classes).encode()
    server.files["index.json"] = content
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX_URL", server.url("good", "index.json"))
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX_MD5", hashlib.md5(content, usedforsecurity=False).hexdigest())
    imagenet_utils.class_index.cache_clear()
    yield server
    imagenet_utils.class_index.cache_clear()


def test_decode_predictions(class_index: Any) -> None:
    predictions = np.zeros((2, 1000), "float32")
    predictions[0, [7, 3, 998]] = 0.2, 0.5, 0.3
    predictions[1, 0] = 1
    first, second = applications.resnet50.decode_predictions(predictions, top=3)
    assert first == [
        ("n00000003", "thing_3", np.float32(0.5)),
        ("n00000998", "thing_998", np.float32(0.3)),
        ("n00000007", "thing_7", np.float32(0.2)),
    ]
    assert second[0] == ("n00000000", "thing_0", 1.0)
    assert len(applications.vgg16.decode_predictions(predictions)[1]) == 5
    assert class_index.asked.total() == 1
    for wrong in (np.zeros(1000), np.zeros((2, 10))):
        with pytest.raises(ValueError, match=r"shape \(batch, 1000\).* got shape"):
            imagenet_utils.decode_predictions(wrong)


def test_a_class_index_that_is_none(class_index: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class_index.files["index.json"] = b'{"0": 1}'
    digest = hashlib.md5(b'{"0": 1}', usedforsecurity=False).hexdigest()
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX_MD5", digest)
    with pytest.raises(DataError, match="expected a JSON object of 1000 classes"):
        imagenet_utils.decode_predictions(np.zeros((1, 1000)))


def test_files_are_named_as_keras_names_them() -> None:
    files = Files.of("resnet", "resnet50", ("a" * 32, "b" * 32))
    assert dataclasses.astuple(files)[:3] == (
        "https://storage.googleapis.com/tensorflow/keras-applications/resnet/",
        "resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    )

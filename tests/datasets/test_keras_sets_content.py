"""The sets that Keras loads too: what is in them, as Keras returns it."""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualnet import config
from dualnet.datasets import boston_housing, california_housing, cifar10, cifar100, fashion_mnist, imdb, reuters
from dualnet.datasets.download import DataError
from tests.datasets.python2 import python2_pickle
from tests.datasets.small_sets import CIFAR10, FASHION, IMDB, SETS, cifar_batch, idx, npz, tar

Serve = Callable[..., Callable[..., Any]]


@pytest.fixture
def fashion(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for part in fashion_mnist._PARTS:
        array = FASHION[part.name]
        server.files[part.name] = idx(array)
        md5 = hashlib.md5(server.files[part.name], usedforsecurity=False).hexdigest()
        parts.append(part._replace(md5=md5, size=4 + 4 * array.ndim + array.size))
    monkeypatch.setattr(fashion_mnist, "_PARTS", tuple(parts))
    monkeypatch.setattr(fashion_mnist, "_MIRRORS", (server.url("missing", ""), server.url("good", "")))


def test_fashion_mnist(fashion: None, server: Any, cache: Path) -> None:
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    for ours, name in zip((x_train, y_train, x_test, y_test), FASHION):
        np.testing.assert_array_equal(ours, FASHION[name])
        assert ours.dtype == np.uint8
        assert ours.flags.writeable
    assert {path.name for path in (cache / "datasets" / "fashion-mnist").iterdir()} == set(FASHION)
    asked = server.asked.total()
    fashion_mnist.load_data()
    assert server.asked.total() == asked


@pytest.mark.parametrize("how", ["missing", "short", "wrong"])
def test_fashion_mnist_from_a_bad_server(fashion: None, server: Any, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(fashion_mnist, "_MIRRORS", (server.url(how, ""),))
    with pytest.raises(DataError, match=r"a folder that has fashion-mnist/train-images-idx3-ubyte\.gz$"):
        fashion_mnist.load_data()


def test_cifar10(serve: Serve) -> None:
    (x_train, y_train), (x_test, y_test) = serve("cifar10")()
    assert (x_train.shape, y_train.shape) == ((20, 32, 32, 3), (20, 1))
    assert (x_test.shape, y_test.shape) == ((3, 32, 32, 3), (3, 1))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    second = np.random.default_rng(2)  # the archive's own order is another one
    images = second.integers(0, 256, (4, 3072), np.uint8)
    np.testing.assert_array_equal(x_train[4:8, 5, 7, 1], images[:, 1024 + 5 * 32 + 7])
    assert y_train[4:8, 0].tolist() == second.integers(0, 10, 4).tolist()


def test_cifar100(serve: Serve) -> None:
    load = serve("cifar100")
    (x_train, fine), (x_test, _) = load()
    (_, coarse), (_, y_test) = load("coarse")
    assert (x_train.shape, x_test.shape, y_test.shape) == ((6, 32, 32, 3), (2, 32, 32, 3), (2, 1))
    rng = np.random.default_rng(1)
    rng.integers(0, 256, (6, 3072), np.uint8)
    assert fine[:, 0].tolist() == rng.integers(0, 100, 6).tolist()
    assert coarse[:, 0].tolist() == rng.integers(0, 20, 6).tolist()
    assert fine.dtype == np.int64
    with pytest.raises(ValueError, match='label_mode must be "fine" or "coarse", got \'both\''):
        load("both")


def test_channels_first(serve: Serve) -> None:
    load = serve("cifar10")
    (last, _), _ = load()
    config.set_image_data_format("channels_first")
    try:
        (first, _), _ = load()
    finally:
        config.set_image_data_format("channels_last")
    assert first.shape == (20, 3, 32, 32)
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)


WRONG_TARS = {
    "no test batch": ({k: v for k, v in CIFAR10.items() if "test" not in k}, "with cifar-10-batches-py/test_batch"),
    "no labels": (CIFAR10 | {"cifar-10-batches-py/data_batch_2": cifar_batch(4, 0)}, "4 labels under 'labels'"),
    "a short list": (
        CIFAR10 | {"cifar-10-batches-py/test_batch": python2_pickle({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]})},
        "2 labels under 'labels'",
    ),
    "no images": (CIFAR10 | {"cifar-10-batches-py/test_batch": python2_pickle({b"labels": []})}, "images of 3072 bytes"),
    "no pickle": (CIFAR10 | {"cifar-10-batches-py/test_batch": b"hello"}, "test_batch: a damaged pickle"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_TARS)
def test_archives_that_do_not_fit(serve: Serve, case: str) -> None:
    members, message = WRONG_TARS[case]
    with pytest.raises(DataError, match=message):
        serve("cifar10", content=tar(members))()


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        ("cifar10", b"\x1f\x8bdamaged", "a damaged one"),
        ("boston_housing", npz(x=np.zeros((3, 8)), y=np.zeros(3)), r"expected x \(n, 13\)"),
        ("california_housing", npz(x=np.zeros((3, 7)), y=np.zeros(3)), r"expected x \(n, 8\)"),
        ("california_housing", npz(x=np.zeros((3, 8), int), y=np.zeros(3)), r"int64"),
        ("imdb", npz(**IMDB | {"x_train": np.zeros((40, 3))}), "expected lists of words"),
        ("imdb", npz(**IMDB | {"y_test": np.zeros(3, int)}), "a label for each of 30 texts"),
        ("reuters", npz(x=np.array([[1, "a"], [2]], object), y=np.zeros(2, int)), "lists of whole numbers"),
        ("imdb words", b"[1]", "a JSON object from words"),
        ("imdb words", b'{"a": "b"}', "a JSON object from words"),
        ("imdb words", b"hello", "expected a JSON file of words"),
    ],
)
def test_files_that_do_not_fit(serve: Serve, key: str, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        serve(key, content=content)()


def test_word_index_and_topics(serve: Serve) -> None:
    assert serve("imdb words")() == serve("reuters words")() == {"the": 1, "thé": 2}
    names = reuters.get_label_names()
    assert (len(names), len(set(names)), names[3], names[45]) == (46, 46, "earn", "lead")


def test_wrong_arguments(serve: Serve) -> None:
    for call, message in [
        (lambda: california_housing.load_data("medium"), "version must be"),
        (lambda: california_housing.load_data(test_split=1.0), "test_split must be"),
        (lambda: boston_housing.load_data(test_split=1.0), "test_split must be"),
        (lambda: reuters.load_data(test_split=-0.1), "test_split must be"),
        (lambda: imdb.load_data("../imdb.npz"), "plain file name"),
        (lambda: serve("imdb")(maxlen=1), "no review is shorter than maxlen=1"),
        (lambda: serve("reuters")(maxlen=1), "no newswire is shorter than maxlen=1"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="takes no argument words"):
        imdb.load_data(words=3)
    with pytest.warns(UserWarning, match="nb_words is now called num_words"):
        (x, _), _ = serve("imdb")(nb_words=10)
    assert max(max(words) for words in x) < 10


def test_texts_of_one_length_are_an_array_of_lists(serve: Serve) -> None:
    same = np.empty(4, object)
    for i in range(4):
        same[i] = [i, i + 1]
    (x, _), _ = serve("reuters", content=npz(x=same, y=np.zeros(4, int)))()
    assert x.shape == (3,)
    assert type(x[0]) is list


def test_every_hash_has_its_length() -> None:
    for small in SETS.values():
        digest = getattr(small.module, small.hash)
        assert re.fullmatch("[0-9a-f]+", digest)
        assert len(digest) == (32 if "MD5" in small.hash else 64)


SEQUENCE_ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"num_words": 20},
    {"num_words": 30, "skip_top": 8, "oov_char": None},
    {"start_char": None},
    {"start_char": None, "index_from": 0, "num_words": 25, "oov_char": 7},
    {"start_char": 5, "index_from": 0},
    {"maxlen": 8, "seed": 7},
    {"maxlen": 6, "num_words": 40, "skip_top": 3, "seed": 0},
]
AGAINST_KERAS: list[tuple[str, dict[str, Any]]] = [
    *(("imdb", arguments) for arguments in SEQUENCE_ARGUMENTS),
    *(("reuters", arguments) for arguments in SEQUENCE_ARGUMENTS),
    ("reuters", {"test_split": 0.35, "maxlen": 9}),
    ("boston_housing", {}),
    ("boston_housing", {"test_split": 0.35, "seed": 1}),
    ("california_housing", {}),
    ("california_housing", {"version": "small", "test_split": 0.3, "seed": 1}),
    ("cifar100", {}),  # Keras reads CIFAR-10 in its full size only
    ("cifar100", {"label_mode": "coarse"}),
]


@pytest.mark.parametrize(("key", "arguments"), AGAINST_KERAS, ids=str)
def test_returns_what_keras_returns(
    keras: Any, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, arguments: dict[str, Any]
) -> None:
    path = tmp_path / SETS[key].name
    path.write_bytes(SETS[key].content)
    if path.suffix == ".gz":
        with tarfile.open(path) as archive:  # of our own making
            for member in archive:
                content = archive.extractfile(member)
                assert content is not None
                target = tmp_path / member.name
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(content.read())
        path = tmp_path
    theirs_module = importlib.import_module(f"keras.src.datasets.{key}")
    monkeypatch.setattr(theirs_module, "get_file", lambda *_, **__: str(path))
    theirs = theirs_module.load_data(**arguments)
    for ours, expected in zip(serve(key)(**arguments), theirs):
        for a, b in zip(ours, expected):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_array_equal(a, b)


# The real files, where there are any

REAL_DATA = os.environ.get("DUALNET_DATA_DIR", "")
REAL: list[tuple[str, str, Any, list[tuple[int, ...]], list[int], list[int]]] = [
    (
        "fashion-mnist/train-images-idx3-ubyte.gz", "uint8", fashion_mnist,
        [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)], [9, 0, 0, 3, 0], [9, 2, 1, 1, 6],
    ),
    (
        "cifar-10-python.tar.gz", "uint8", cifar10,
        [(50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3), (10000, 1)], [6, 9, 9, 4, 1], [3, 8, 8, 0, 6],
    ),
    (
        "cifar-100-python.tar.gz", "uint8", cifar100,
        [(50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3), (10000, 1)], [19, 29, 0], [],
    ),
    ("imdb.npz", "object", imdb, [(25000,), (25000,), (25000,), (25000,)], [1, 0, 0], []),
    ("reuters.npz", "object", reuters, [(8982,), (8982,), (2246,), (2246,)], [3, 4, 3], []),
    ("boston_housing.npz", "float", boston_housing, [(404, 13), (404,), (102, 13), (102,)], [], []),
    ("california_housing.npz", "float", california_housing, [(16512, 8), (16512,), (4128, 8), (4128,)], [], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "category", "module", "shapes", "train", "test"), REAL, ids=[case[0] for case in REAL]
)
def test_real_files(
    monkeypatch: pytest.MonkeyPatch, name: str, category: str, module: Any, shapes: Any, train: Any, test: Any
) -> None:
    if not os.path.exists(os.path.join(REAL_DATA, name)):
        pytest.skip(f"DUALNET_DATA_DIR names no folder with {name}")
    monkeypatch.setenv("DUALNET_DATA_DIR", REAL_DATA)
    (x_train, y_train), (x_test, y_test) = module.load_data()
    assert [array.shape for array in (x_train, y_train, x_test, y_test)] == shapes
    assert x_train.dtype.name.startswith(category)
    assert y_train.ravel()[: len(train)].tolist() == train
    assert y_test.ravel()[: len(test)].tolist() == test

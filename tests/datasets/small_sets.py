"""Small files in the form of the data sets that Keras loads."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from dualnet.datasets import boston_housing, california_housing, cifar10, cifar100, imdb, reuters, shakespeare
from tests.datasets.python2 import python2_pickle


def texts(count: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    array = np.empty(count, object)
    for i in range(count):
        array[i] = rng.integers(1, 60, rng.integers(1, 12)).tolist()
    return array


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def tar(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def cifar_batch(n: int, seed: int, **labels: int) -> bytes:
    rng = np.random.default_rng(seed)
    batch: dict[bytes, Any] = {b"data": rng.integers(0, 256, (n, 3072), np.uint8), b"filenames": [b"a.png"] * n}
    for name, classes in labels.items():
        batch[name.encode()] = rng.integers(0, classes, n).tolist()
    return python2_pickle(batch)


def idx(array: Any) -> bytes:
    head = np.array([0x0800 + array.ndim, *array.shape], ">u4").tobytes()
    return gzip.compress(head + array.tobytes(), mtime=0)


RNG = np.random.default_rng(0)
FASHION = {
    "train-images-idx3-ubyte.gz": RNG.integers(0, 256, (5, 28, 28), np.uint8),
    "train-labels-idx1-ubyte.gz": RNG.integers(0, 10, 5, np.uint8),
    "t10k-images-idx3-ubyte.gz": RNG.integers(0, 256, (3, 28, 28), np.uint8),
    "t10k-labels-idx1-ubyte.gz": RNG.integers(0, 10, 3, np.uint8),
}
CIFAR10 = {
    "cifar-10-batches-py/batches.meta": python2_pickle({b"label_names": [b"airplane"]}),
    **{f"cifar-10-batches-py/data_batch_{i}": cifar_batch(4, i, labels=10) for i in (3, 1, 2, 5, 4)},
    "cifar-10-batches-py/test_batch": cifar_batch(3, 9, labels=10),
}
CIFAR100 = {
    "cifar-100-python/train": cifar_batch(6, 1, fine_labels=100, coarse_labels=20),
    "cifar-100-python/test": cifar_batch(2, 2, fine_labels=100, coarse_labels=20),
}
HOUSING = {"x": RNG.normal(size=(1000, 8)).astype(np.float32), "y": RNG.normal(size=1000).astype(np.float32)}
IMDB = {
    "x_train": texts(40, 1),
    "y_train": RNG.integers(0, 2, 40),
    "x_test": texts(30, 2),
    "y_test": RNG.integers(0, 2, 30),
}
REUTERS = {"x": texts(50, 3), "y": RNG.integers(0, 46, 50)}
BOSTON = {"x": RNG.normal(size=(106, 13)), "y": RNG.normal(size=106)}
SPEECHES = b"First Citizen:\nSpeak, speak.\n"
WORDS = json.dumps({"the": 1, "thé": 2}).encode()


class Set(NamedTuple):
    module: ModuleType
    name: str  # of the file
    content: bytes
    urls: str = "_URLS"  # the constants that say where it is and what it hashes to
    hash: str = "_SHA256"
    load: str = "load_data"
    folder: str = ""


SETS = {
    "cifar10": Set(cifar10, "cifar-10-python.tar.gz", tar(CIFAR10)),
    "cifar100": Set(cifar100, "cifar-100-python.tar.gz", tar(CIFAR100)),
    "boston_housing": Set(boston_housing, "boston_housing.npz", npz(**BOSTON)),
    "california_housing": Set(california_housing, "california_housing.npz", npz(**HOUSING)),
    "imdb": Set(imdb, "imdb.npz", npz(**IMDB)),
    "reuters": Set(reuters, "reuters.npz", npz(**REUTERS)),
    "imdb words": Set(imdb, "imdb_word_index.json", WORDS, "_INDEX_URLS", "_INDEX_MD5", "get_word_index"),
    "reuters words": Set(reuters, "reuters_word_index.json", WORDS, "_INDEX_URLS", "_INDEX_MD5", "get_word_index"),
    "shakespeare": Set(shakespeare, "tinyshakespeare.txt", SPEECHES, folder="text"),
}

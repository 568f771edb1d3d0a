"""The common format of CIFAR-10 and CIFAR-100: a tar.gz of pickles with 32 x 32 images (Krizhevsky, 2009)."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from dualnet import config
from dualnet.datasets import hashed, pickles
from dualnet.datasets.download import ContentError
from dualnet.datasets.splits import TrainTest

HOME = "https://www.cs.toronto.edu/~kriz/"
MAX_ARCHIVE = 200_000_000  # bytes; the real ones have about 170 MB


def load(
    name: str, urls: Sequence[str], sha256: str, members: Sequence[str], label_key: str, label_dtype: Any
) -> TrainTest[np.uint8, Any]:
    """(x_train, y_train), (x_test, y_test) of an archive, whose last member is the test part."""

    def parse(file: BinaryIO) -> list[tuple[Any, list[int]]]:
        return read_batches(file, members, label_key)

    *train, test = hashed.fetch_file(name, urls, sha256, parse, max_bytes=MAX_ARCHIVE)
    return _join(train, label_dtype), _join([test], label_dtype)


def read_batches(file: BinaryIO, members: Sequence[str], label_key: str) -> list[tuple[Any, list[int]]]:
    """Return (images, labels) of the named members of an archive, in this order.

    Nothing is unpacked to the disk. Images: uint8 (n, 3, 32, 32). Labels: integers.

    Raises:
        ContentError: a member is missing or not in the expected format.
    """
    batches: dict[str, tuple[Any, list[int]]] = {}
    try:
        with tarfile.open(fileobj=file, mode="r|gz") as archive:
            for member in archive:
                if member.name in members and member.isfile() and member.size <= pickles.MAX_BYTES:
                    content = archive.extractfile(member)
                    assert content is not None
                    with content:
                        batches[member.name] = _batch(content, member.name, label_key)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, ContentError):
            raise
        raise ContentError(f"expected a tar.gz archive, found a damaged one ({error})") from error
    missing = [name for name in members if name not in batches]
    if missing:
        raise ContentError(
            f"expected an archive with {missing[0]}, found {', '.join(batches) or 'none of its members'}"
        )
    return [batches[name] for name in members]


def _batch(content: Any, name: str, label_key: str) -> tuple[Any, list[int]]:
    try:
        batch = pickles.load_pickle(content)
    except ContentError as error:
        raise ContentError(f"{name}: {error}") from error
    images = batch.get(b"data") if isinstance(batch, dict) else None
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (3072,):
        raise ContentError(f"{name}: expected images of 3072 bytes under 'data', found something else")
    labels = batch.get(label_key.encode())
    if not isinstance(labels, list) or len(labels) != len(images) or not all(type(n) is int for n in labels):
        raise ContentError(f"{name}: expected {len(images):,} labels under {label_key!r}, found something else")
    return images.reshape(-1, 3, 32, 32), labels


def _join(batches: list[tuple[Any, list[int]]], label_dtype: Any) -> tuple[Any, Any]:
    """The images, in the configured data format, and the labels of several batches."""
    images, labels = (np.concatenate(parts) for parts in zip(*batches))
    if config.image_data_format() == "channels_last":
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return images, labels.astype(label_dtype).reshape(-1, 1)

"""Data set files known by the hash of the file itself, as it travels: `fetch_file`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar

from dualnet.datasets.download import ContentError, obtain

T = TypeVar("T")

# Google's copies of the data sets that Keras loads, and what Keras knows about them.
KERAS_MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def fetch_file(
    name: str,
    urls: Sequence[str],
    file_hash: str,
    parse: Callable[[BinaryIO], T],
    *,
    folder: str = "",
    max_bytes: int,
) -> T:
    """Return what `parse` makes of a data set file, downloaded when there is no good copy here.

    No byte of the file is interpreted before its hash has proved right.

    Args:
        name, urls, folder, max_bytes: as for `dualnet.datasets.download.obtain`.
        file_hash: sha256 (64 hexadecimal digits) or md5 (32) of the file.
        parse: gets the opened file, at its first byte.

    Raises:
        DataError: no source gave the file, or the copy in `DUALNET_DATA_DIR` is wrong.
    """

    def read(path: Path) -> T:
        return read_hashed(path, file_hash, parse)

    return obtain(name, urls, read, folder=folder, max_bytes=max_bytes)


def read_hashed(path: Path, file_hash: str, parse: Callable[[BinaryIO], T]) -> T:
    """Check a file and parse it, opened once so that nobody can exchange it in between.

    Raises:
        ContentError: the hash is another, or the file cannot be read.
    """
    algorithm = {32: "md5", 64: "sha256"}[len(file_hash)]
    expected = f"expected {algorithm} {file_hash[:16]}..., found"
    try:
        with open(path, "rb") as file:
            # md5 is what the publishers give; it guards against accidents, and so runs where md5 is barred otherwise.
            hasher = hashlib.new(algorithm, usedforsecurity=algorithm != "md5")
            found = hashlib.file_digest(file, lambda: hasher).hexdigest()
            if found != file_hash.lower():
                raise ContentError(f"{expected} {algorithm} {found[:16]}... in {file.tell():,} bytes")
            file.seek(0)
            return parse(file)
    except ContentError:
        raise
    except OSError as error:
        raise ContentError(f"{expected} no way to read it ({error.strerror or error})") from error


def parse_word_index(file: BinaryIO) -> dict[str, int]:
    """Return the dictionary in a JSON file that maps words to their rank.

    Raises:
        ContentError: it is something else.
    """
    try:
        words = json.load(file)
    except (ValueError, RecursionError) as error:
        raise ContentError(f"expected a JSON file of words, found something else ({error})") from error
    if not isinstance(words, dict) or not all(type(rank) is int for rank in words.values()):
        raise ContentError("expected a JSON object from words to whole numbers, found something else")
    return words

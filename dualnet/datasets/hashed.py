"""Data set files that are checked by the hash of the file itself: `fetch_file`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from dualnet.datasets.download import ContentError, fetch_checked

T = TypeVar("T")

# Google's mirror of the data sets that Keras loads.
KERAS_MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def fetch_file(
    name: str,
    urls: Sequence[str],
    file_hash: str | None,
    parse: Callable[[BinaryIO], T],
    *,
    folder: str = "",
    max_bytes: int | None,
    **options: Any,
) -> T:
    """Return `parse(file)` for a data set file, downloading it if there is no valid local copy.

    Nothing in the file is interpreted before its hash, if there is one, is verified. The file is opened only once for both, so that it cannot
    be exchanged in between.

    Args:
        name, urls, folder, max_bytes: as for `dualnet.datasets.download.fetch_checked`, as are the other options.
        file_hash: sha256 (64 hexadecimal digits) or md5 (32) of the file; None where none is published: `parse` has to find
            what is wrong with a file then.
        parse: receives the file, opened for reading bytes.

    Raises:
        DataError: no source provided the file, or the copy in `DUALNET_DATA_DIR` is wrong.
    """

    algorithm = None if file_hash is None else {32: "md5", 64: "sha256"}[len(file_hash)]
    expected = f"expected {algorithm} {file_hash[:16]}..., found" if file_hash else "expected the published file, found"

    def read(path: Path) -> T:
        try:
            with open(path, "rb") as file:
                if algorithm is not None:
                    check(file, algorithm)
                return parse(file)
        except ContentError:
            raise
        except OSError as error:
            raise ContentError(f"{expected} an unreadable file ({error.strerror or error})") from error

    def check(file: BufferedReader, algorithm: str) -> None:
        # Some publishers give an md5 only. It guards against accidents, so it is allowed in FIPS mode too.
        hasher = hashlib.new(algorithm, usedforsecurity=algorithm != "md5")
        digest = hashlib.file_digest(file, lambda: hasher).hexdigest()
        if file_hash is not None and digest != file_hash.lower():
            raise ContentError(f"{expected} {algorithm} {digest[:16]}... in {file.tell():,} bytes")
        file.seek(0)

    return fetch_checked(name, urls, read, folder=folder, max_bytes=max_bytes, **options)


def parse_word_index(file: BinaryIO) -> dict[str, int]:
    """Return the dictionary from words to ranks in a JSON file.

    Raises:
        ContentError: the file contains anything else.
    """
    try:
        words = json.load(file)
    except (ValueError, RecursionError) as error:
        raise ContentError(f"expected a JSON file of words, found something else ({error})") from error
    if not isinstance(words, dict) or not all(type(rank) is int for rank in words.values()):
        raise ContentError("expected a JSON object from words to whole numbers, found something else")
    return words

"""Reuters: newswires on 46 topics as lists of word ranks (from Reuters-21578)."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from dualnet.datasets import hashed, pickles, sequences
from dualnet.datasets.splits import TrainTest

_URLS = (hashed.KERAS_MIRROR + "reuters.npz",)
_SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
_INDEX_URLS = (hashed.KERAS_MIRROR + "reuters_word_index.json",)
_INDEX_MD5 = "4d44cc38712099c9e383dc6e5f11a921"
_MAX_BYTES = 8 << 20

_TOPICS = """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass crude
    nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel
    rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> TrainTest[np.object_, np.int64]:
    """Load 11,228 newswires, shuffled and split in two.

    A newswire is a list of integers, one per word: the more frequent a word, the smaller its number. 0 is reserved for
    padding. `get_word_index` maps words to ranks, `get_label_names` gives the topics.

    The file is taken from the folder `DUALNET_DATA_DIR`, the cache, or the network (2 MB, once), and always checked.

    Args:
        path, num_words, skip_top, maxlen, seed, start_char, oov_char, index_from: as for `imdb.load_data`.
        test_split: share of the newswires in the test part, at least 0 and below 1.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. `x`: arrays of lists. `y`: int64, the topic, 0 to 45. By default
        there are 8,982 and 2,246.

    Raises:
        ValueError: `test_split` is out of range, no newswire is shorter than `maxlen`, or `path` is not a plain file
            name.
        dualnet.datasets.download.DataError: no source has the data, or a local file is wrong.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be at least 0 and below 1, got {test_split!r}")
    arrays = hashed.fetch_file(path, _URLS, _SHA256, _parse, max_bytes=_MAX_BYTES)
    x, labels = sequences.shuffle(arrays["x"], arrays["y"], np.random.RandomState(seed))
    texts = sequences.add_start(x, start_char, index_from)
    if maxlen:
        texts, labels = sequences.keep_short(texts, labels, maxlen)
        if not texts:
            raise ValueError(f"no newswire is shorter than maxlen={maxlen}: give a larger maxlen")
    limited = sequences.limit_vocabulary(texts, num_words, skip_top, oov_char)
    train = int(len(limited) * (1 - test_split))
    return (limited[:train], labels[:train]), (limited[train:], labels[train:])


def _parse(file: BinaryIO) -> dict[str, Any]:
    arrays = pickles.read_npz(file, ("x", "y"))
    sequences.check(arrays["x"], arrays["y"])
    return arrays


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Load the rank of every word, 1 for the most frequent one (0.6 MB, downloaded once).

    By default the numbers that `load_data` returns are larger by 3: 1 is the start marker, 2 an omitted word.

    Args:
        path: name of the file in `DUALNET_DATA_DIR` and in the cache.

    Raises:
        dualnet.datasets.download.DataError: no source has the file, or a local one is wrong.
    """
    return hashed.fetch_file(path, _INDEX_URLS, _INDEX_MD5, hashed.parse_word_index, max_bytes=_MAX_BYTES)


def get_label_names() -> tuple[str, ...]:
    """The names of the 46 topics, in the order of the labels."""
    return tuple(_TOPICS.split())

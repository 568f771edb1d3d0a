"""IMDB: positive and negative film reviews as lists of word ranks (Maas and others, 2011)."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from dualnet.core.warning import warn
from dualnet.datasets import hashed, pickles, sequences
from dualnet.datasets.splits import TrainTest

_URLS = (hashed.KERAS_MIRROR + "imdb.npz",)
_SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
_INDEX_URLS = (hashed.KERAS_MIRROR + "imdb_word_index.json",)
_INDEX_MD5 = "bfafd718b763782e994055a2d397834f"
_MAX_BYTES = 32 << 20
_KEYS = ("x_train", "y_train", "x_test", "y_test")


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: Any,
) -> TrainTest[np.object_, np.int64]:
    """Load 25,000 film reviews for training and 25,000 for the test.

    A review is a list of integers, one per word: the more frequent a word, the smaller its number. 0 is reserved for
    padding. `get_word_index` maps words to ranks.

    The file is taken from the folder `DUALNET_DATA_DIR`, the cache, or the network (17 MB, once), and always checked.

    Args:
        path: name of the file in `DUALNET_DATA_DIR` and in the cache. A name, not a path.
        num_words: keep only numbers below this one (all but the rarest word by default). `nb_words` is an older
            spelling.
        skip_top: keep only numbers from this one on.
        maxlen: keep only reviews with fewer entries, the start marker included.
        seed: seed of the shuffle. The order of the reviews is that of Keras.
        start_char: first entry of every review; omitted if None.
        oov_char: replaces omitted words; they are dropped if None.
        index_from: added to the rank of every word, so that the most frequent one gets `index_from + 1`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. `x`: arrays of lists. `y`: int64, 1 positive, 0 negative.

    Raises:
        ValueError: no review is shorter than `maxlen`, or `path` is not a plain file name.
        dualnet.datasets.download.DataError: no source has the data, or a local file is wrong.
    """
    if "nb_words" in kwargs:
        warn("imdb.load_data: nb_words is now called num_words")
        num_words = kwargs.pop("nb_words")
    if kwargs:
        raise TypeError(f"imdb.load_data takes no argument {', '.join(kwargs)}")
    arrays = hashed.fetch_file(path, _URLS, _SHA256, _parse, max_bytes=_MAX_BYTES)
    random = np.random.RandomState(seed)
    x_train, y_train = sequences.shuffle(arrays["x_train"], arrays["y_train"], random)
    x_test, y_test = sequences.shuffle(arrays["x_test"], arrays["y_test"], random)
    train, test = (sequences.add_start(x, start_char, index_from) for x in (x_train, x_test))
    if maxlen:
        train, y_train = sequences.keep_short(train, y_train, maxlen)
        test, y_test = sequences.keep_short(test, y_test, maxlen)
        if not train or not test:
            raise ValueError(f"no review is shorter than maxlen={maxlen}: give a larger maxlen")
    limited = sequences.limit_vocabulary(train + test, num_words, skip_top, oov_char)
    return (limited[: len(train)], y_train), (limited[len(train) :], y_test)


def _parse(file: BinaryIO) -> dict[str, Any]:
    arrays = pickles.read_npz(file, _KEYS)
    sequences.check(arrays["x_train"], arrays["y_train"])
    sequences.check(arrays["x_test"], arrays["y_test"])
    return arrays


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Load the rank of every word, 1 for the most frequent one (1.6 MB, downloaded once).

    By default the numbers that `load_data` returns are larger by 3: 1 is the start marker, 2 an omitted word.

    Args:
        path: name of the file in `DUALNET_DATA_DIR` and in the cache.

    Raises:
        dualnet.datasets.download.DataError: no source has the file, or a local one is wrong.
    """
    return hashed.fetch_file(path, _INDEX_URLS, _INDEX_MD5, hashed.parse_word_index, max_bytes=_MAX_BYTES)

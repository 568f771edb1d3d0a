"""Cora: 2,708 articles on machine learning, the words in them, and who cites whom (Sen and others, 2008).

The parts for training, validation and test are those of Planetoid (Yang and others 2016, arXiv:1603.08861), on which graph networks are
compared: 20 articles of each of the seven subjects have a label to learn from.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dualnet.datasets import download, pickles
from dualnet.datasets.download import ContentError, DataError, UnavailableError

NODES, WORDS = 2_708, 1_433
SUBJECTS = (
    "theory", "reinforcement learning", "genetic algorithms", "neural networks", "probabilistic methods", "case based", "rule learning",
)  # fmt: skip
_NAME = "cora.npz"
_KEYS = ("feature_rows", "feature_cols", "labels", "edges", "train", "val", "test")
# Of the content, whatever the dtypes and the order of the edges in the file.
_SHA256 = "0e9aa5f1d4b9bcde563c2d02aa894391564c015d9c435a02d91f6ee72e219d2a"
_MAX_BYTES = 4 << 20


class Cora(NamedTuple):
    """The graph, as NumPy arrays.

    - `features` (2708, 1433) float32: 1 where an article has a word, else 0.
    - `labels` (2708,) int64: the subject of each article, see `SUBJECTS`.
    - `edges` (5278, 2) int64: pairs of articles of which one cites the other, each pair once.
    - `train` (140,), `validation` (500,) and `test` (1000,) int64: which articles are in each part.
    """

    features: Any
    labels: Any
    edges: Any
    train: Any
    validation: Any
    test: Any


def load_data() -> Cora:
    """Load the citation graph.

    The file is `cora/cora.npz` in the folder `DUALNET_DATA_DIR`, in the cache or at one of `DUALNET_MIRRORS`, and its content is always
    checked. Planetoid publishes its parts as pickles, which can run code and are not read, so nothing is downloaded from there. The
    file holds `feature_rows` and `feature_cols` (where the ones of the features are), `labels`, `edges`, `train`, `val` and `test`; who
    has the graph from another library in Planetoid's order writes it with `numpy.savez_compressed`.

    Raises:
        dualnet.datasets.download.DataError: the file is nowhere, or is another one.
    """
    try:
        return download.fetch_checked(_NAME, (), _read, folder="cora", max_bytes=_MAX_BYTES)
    except UnavailableError as error:
        folders = [
            download.cache_dir() / "datasets" / "cora",
            *([local / "cora"] if (local := download.data_dir()) else []),
        ]
        raise DataError(
            f"{_NAME} is not in {' or in '.join(map(str, folders))}, and there is no public copy to download: put it there "
            "(help(dualnet.datasets.cora.load_data) says what is in it), or set DUALNET_DATA_DIR to a folder that has "
            f"cora/{_NAME}"
        ) from error


def _read(path: Path) -> Cora:
    try:
        with open(path, "rb") as file:
            arrays = pickles.read_npz(file, _KEYS, _MAX_BYTES)
    except OSError as error:
        if isinstance(error, ContentError):
            raise
        raise ContentError(f"expected an .npz file, found an unreadable one ({error.strerror or error})") from error
    return _checked(arrays)


def _checked(arrays: dict[str, Any]) -> Cora:
    """The graph in arrays, after a look at every number."""
    for key, array in arrays.items():
        if array.dtype.kind not in "iu" or array.ndim != (2 if key == "edges" else 1):
            raise ContentError(f"expected {key} to be whole numbers, found {array.shape} {array.dtype}")
    rows, columns, *rest = (arrays[key].astype(np.int64) for key in _KEYS)
    labels, edges, train, validation, test = rest
    is_inside = rows.shape == columns.shape and _below(rows, NODES) and _below(columns, WORDS)
    if not is_inside or edges.shape[1] != 2:
        raise ContentError(f"expected words of {NODES:,} articles and pairs of them, found others")
    features = np.zeros((NODES, WORDS), np.float32)
    features[rows, columns] = 1
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    graph = Cora(features, labels, edges, train, validation, test)
    digest = hashlib.sha256()
    for array in (features.astype(np.uint8), *graph[1:]):
        digest.update(f"{array.shape}".encode() + array.astype(array.dtype.newbyteorder("<")).tobytes())
    if digest.hexdigest() != _SHA256:
        raise ContentError(f"expected content with sha256 {_SHA256[:16]}..., found {digest.hexdigest()[:16]}...")
    return graph


def _below(ids: Any, n: int) -> bool:
    return bool(ids.size == 0 or (ids.min() >= 0 and ids.max() < n))

"""The weights of the zoo: published files, downloaded once and checked, or a file of the user."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KERAS_FILES = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True)
class Files:
    """The two files of weights trained on ImageNet that Keras publishes for a network.

    Attributes:
        folder: the URL they are at, with a slash at the end.
        with_top, without_top: their names.
        hashes: md5 (32 digits) or sha256 (64) of the two; None where Keras has published none.
    """

    folder: str
    with_top: str
    without_top: str
    hashes: tuple[str, str] | None

    @classmethod
    def of(cls, family: str, stem: str, hashes: tuple[str, str]) -> Files:
        """Those named ``<stem>_weights_tf_dim_ordering_tf_kernels[_notop].h5``, as most are."""
        name = f"{stem}_weights_tf_dim_ordering_tf_kernels"
        return cls(f"{KERAS_FILES}{family}/", f"{name}.h5", f"{name}_notop.h5", hashes)


def load(model: Any, weights: str | os.PathLike[str], files: Files | None, include_top: bool) -> None:
    """Set the weights of a model from a file that Keras or dualnet wrote, or from the published one ("imagenet")."""
    if weights == "imagenet" and files is not None:
        weights = fetch_weights(files, include_top)
    model.load_weights(weights)


def fetch_weights(files: Files, include_top: bool) -> Path:
    """The path of a published file, downloaded unless there is a copy of it already."""
    from ..utils.file_utils import get_file

    name = files.with_top if include_top else files.without_top
    file_hash = None if files.hashes is None else files.hashes[0 if include_top else 1]
    return Path(get_file(name, files.folder + name, file_hash=file_hash, cache_subdir="models"))

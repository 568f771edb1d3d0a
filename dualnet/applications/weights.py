"""The weights of the zoo: published files, downloaded once and checked, or a file of the user."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from ..datasets.download import ContentError
from ..datasets.hashed import fetch_file
from ..saving import legacy_h5

T = TypeVar("T")

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
    hashes: tuple[str, str] | tuple[None, None]

    def read(self, include_top: bool, parse: Callable[[BinaryIO], T]) -> T:
        """``parse(file)`` of one of the two, downloaded unless there is a copy of it already."""
        name = self.with_top if include_top else self.without_top
        return fetch_model_file(name, self.folder + name, self.hashes[0 if include_top else 1], parse)

    @classmethod
    def of(cls, family: str, stem: str, hashes: tuple[str, str]) -> Files:
        """Those named ``<stem>_weights_tf_dim_ordering_tf_kernels[_notop].h5``, as most are."""
        name = f"{stem}_weights_tf_dim_ordering_tf_kernels"
        return cls(f"{KERAS_FILES}{family}/", f"{name}.h5", f"{name}_notop.h5", hashes)


def load(model: Any, weights: str | os.PathLike[str], files: Files | None, include_top: bool) -> None:
    """Set the weights of a model from a file that Keras or dualnet wrote, or from the published one ("imagenet")."""
    if weights == "imagenet" and files is not None:
        files.read(include_top, lambda file: _load_published(model, Path(file.name)))
    else:
        model.load_weights(weights)


def _load_published(model: Any, path: Path) -> None:
    try:
        legacy_h5.load_weights(model, path)
    except (OSError, ValueError) as error:  # without a hash, a file that is cut off or a page of a proxy gets here
        raise ContentError(f"expected the weights of {model.name!r}, found something else ({error})") from error


def fetch_model_file(name: str, url: str, file_hash: str | None, parse: Callable[[BinaryIO], T]) -> T:
    """Return ``parse(file)`` for a file that Keras publishes, downloaded once and checked each time.

    It is looked up in the folder ``models`` of ``DUALNET_DATA_DIR``, of the cache, and of Keras's own cache.

    Raises:
        dualnet.datasets.download.DataError: there is no copy, and no mirror has it; the message says where to put one.
    """
    keras_cache = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"
    return fetch_file(
        name,
        [url],
        file_hash,
        parse,
        folder="models",
        max_bytes=None,
        cache="",
        other_folders=[keras_cache],
        resume=True,
    )

"""Elements kept: in memory, in files, and by a thread that runs ahead."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import background, stored, streams
from .base import AUTOTUNE, INFINITE_CARDINALITY, DatasetBase
from .elements import positive
from .options import Options

if TYPE_CHECKING:
    from .dataset import Dataset


class Keeping(DatasetBase):
    """Methods that keep elements for later."""

    _options: Options | None = None

    def cache(self, filename: str | os.PathLike[str] = "", name: str | None = None) -> Dataset:
        """The same elements, kept by the first complete pass in memory, or in a file.

        A file is reused by later programs, too: delete it when what comes before `cache` changes. A pass that is broken
        off leaves no file. The arrays of elements that are kept are read-only.

        Args:
            filename: the file, whose folder must be there. What is wrong with it shows when a pass begins.

        Raises:
            TypeError: with a file, an element has a part that is no number, text or array of them.
            ValueError: the file was not written by `cache`, is damaged, or has another number of elements.
        """
        if filename:
            return self._kept_in(os.fspath(filename))
        cache: list[list[Any]] = []
        return self._new(
            lambda key: iter(cache[0]) if cache else streams.cached(self._elements(key), cache),
            self._size,
            spec=self._known_spec,
        )

    def _kept_in(self, path: str) -> Dataset:
        """The same elements, written to a file by the first complete pass, and read from it by the others."""

        def stream(key: streams.EpochKey | None) -> Any:
            if os.path.exists(path):
                return stored.read(path, self._size)
            return stored.write_through(self._elements(key), path)

        return self._new(stream, self._size, spec=self._known_spec)

    def snapshot(
        self,
        path: str | os.PathLike[str],
        compression: str | None = "AUTO",
        reader_func: Any = None,
        shard_func: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """`cache` with a file in the folder `path`, which is made if it is missing. compression: of no effect.

        Raises ValueError for reader_func and shard_func: there is one file, which is read from its start.
        """
        if reader_func is not None or shard_func is not None:
            raise ValueError(
                "snapshot writes one file and reads it from its start: leave out reader_func and shard_func"
            )
        os.makedirs(path, exist_ok=True)
        return self._kept_in(_file_in(path))

    def save(
        self,
        path: str | os.PathLike[str],
        compression: str | None = None,
        shard_func: Any = None,
        checkpoint_args: Any = None,
    ) -> None:
        """Write all elements into a file in the folder `path`, for `Dataset.load`. compression: of no effect.

        Raises ValueError for shard_func and checkpoint_args, and for a dataset without end.
        """
        if shard_func is not None or checkpoint_args is not None:
            raise ValueError("save writes one file at once: leave out shard_func and checkpoint_args")
        if self._size == INFINITE_CARDINALITY:
            raise ValueError("save: the dataset has no end; say how many elements to save with take(...)")
        os.makedirs(path, exist_ok=True)
        for _ in stored.write_through(self._elements(), _file_in(path)):
            pass

    def options(self) -> Options:
        """The options given to `with_options`, of this dataset or of the one it was made of."""
        return self._options or Options()

    def with_options(self, options: Options, name: str | None = None) -> Dataset:
        """The same dataset; see `Options`."""
        if not isinstance(options, Options):
            raise TypeError(f"with_options expects data.Options(), got {type(options).__name__}")
        dataset = self._with_stream(self._stream, self._size)
        dataset._options, dataset._batch_size = options, self._batch_size
        return dataset

    def prefetch(self, buffer_size: int, name: str | None = None) -> Dataset:
        """The same elements, computed by a background thread up to `buffer_size` ahead (`AUTOTUNE`: 2)."""
        size = 2 if buffer_size == AUTOTUNE else buffer_size
        if size == 0:
            return self  # type: ignore[return-value]
        positive("buffer_size", size)
        return self._new(
            lambda key: background.prefetch(lambda: self._elements(key), size), self._size, spec=self._known_spec
        )


def _file_in(folder: str | os.PathLike[str]) -> str:
    return os.path.join(folder, "elements.dualnet")

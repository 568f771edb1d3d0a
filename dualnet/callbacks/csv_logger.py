"""CSVLogger: the results of every epoch in a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import IO, Any

from ..core.warning import warn
from .callback import Callback


class CSVLogger(Callback):
    """Writes a line to a CSV file after each epoch: ``epoch`` (from 0), then the results, sorted by name.

    Args:
        filename: the file. Its folder is made if missing.
        separator: the character between two values.
        append: append to an existing file, under its header. Otherwise it is overwritten.

    A run that continues another one from a checkpoint or a backup has its lines in the file too, up to where it continues.

    The first epoch determines the columns; without validation in it, columns for validation are added. "NA" stands for a value
    that an epoch does not have. A result of several numbers (a score per class) is written as "[a, b]".
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self.writer: Any = None
        self.csv_file: IO[str] | None = None
        self._unwritten: set[str] = set()

    def on_train_begin(self, logs: Any = None) -> None:
        self._close()
        self.keys = None
        self._unwritten = set()
        os.makedirs(os.path.dirname(self.filename) or ".", exist_ok=True)
        # newline="": csv ends its lines itself.
        self.csv_file = open(self.filename, "a+" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115
        self.writer = csv.writer(self.csv_file, delimiter=self.sep)
        if self.append:
            self._read_header(self.csv_file)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        if self.csv_file is None or self.csv_file.closed:
            raise RuntimeError("CSVLogger: on_epoch_end without on_train_begin, which opens the file")
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            self.writer.writerow(["epoch", *self.keys])
        if unknown := set(logs) - set(self.keys) - self._unwritten:
            self._unwritten |= unknown
            warn(
                f"CSVLogger: {self.filename} has no column for {', '.join(sorted(unknown))}, which is not written. "
                "The first epoch of the file determined its columns"
            )
        self.writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self.csv_file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        self._close()

    def get_state(self) -> dict[str, Any]:
        with open(self.filename, newline="", encoding="utf-8") as file:
            return {"keys": self.keys, "text": file.read()}

    def set_state(self, state: dict[str, Any]) -> None:
        if self.csv_file is None:
            raise RuntimeError("CSVLogger: set_state without on_train_begin, which opens the file")
        self.keys = state["keys"]
        self.csv_file.seek(0)
        self.csv_file.truncate()
        self.csv_file.write(state["text"])
        self.csv_file.flush()

    def _read_header(self, file: IO[str]) -> None:
        """Take the columns from the header of the file; an empty file gets its header after the first epoch."""
        file.seek(0)
        header = next(csv.reader(file, delimiter=self.sep), None)
        if not header:
            return
        if header[0] != "epoch":
            self._close()
            raise ValueError(
                f"CSVLogger: cannot append to {self.filename}: expected a header that starts with 'epoch', got "
                f"{self.sep.join(header)[:80]!r}. Choose another file, or append=False to overwrite it"
            )
        self.keys = header[1:]
        file.seek(0)
        if not file.read().endswith(("\n", "\r")):
            file.write("\r\n")  # the last line was cut off; its remains must not run into the next one

    def _close(self) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
        self.csv_file = None
        self.writer = None


def _cell(value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'

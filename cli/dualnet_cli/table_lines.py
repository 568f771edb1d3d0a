"""The lines of a .csv or .tsv file: compression, encoding, lines to skip, delimiter."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import CliError, one_line, show
from .schema import Data

_SAMPLE = 20  # lines from which delimiter and header are detected
_BYTE_ORDER_MARKS = {  # those of UTF-32 first, since they begin like those of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class DataError(ValueError):
    """A mistake in the data.

    key: the related key of ``[data]``. problem: what is wrong. advice: what to change in ``[data]``, which is of no use to one
    who predicts with a trained model.
    """

    def __init__(self, key: str, problem: str, advice: str = "") -> None:
        super().__init__(f"{problem}; {advice}" if advice else problem)
        self.key = key
        self.problem = problem
        self.advice = advice

    def in_file(self, label: str, name: str) -> CliError:
        """The error where there is no ``[data]`` to change. label: the file in messages. name: what this one calls it."""
        return CliError(f"{label}: {one_line(ValueError(self.problem.removeprefix(f'{name} ')))}")


@contextmanager
def read_errors(path: Path, data: Data) -> Iterator[None]:
    """Turn what may go wrong while a file is read into a ``DataError``."""
    try:
        yield
    except UnicodeError:
        raise DataError("encoding", f"{path.name} {_wrong_encoding(path, data.encoding)}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError("path", f"{path.name} is not a complete gzip file: {one_line(error)}") from None
    except OSError as error:
        raise DataError("path", f"{path.name} cannot be read: {error.strerror}") from None


def lines(path: Path, data: Data) -> Iterator[str]:
    """The lines of a table. Those of ``skip_lines`` are empty, so that the others keep their numbers."""
    skipped = range(1, data.skip_lines + 1) if isinstance(data.skip_lines, int) else frozenset(data.skip_lines)
    _refuse_archive(path)
    with _open(path) as binary, io.TextIOWrapper(binary, data.encoding, newline="") as file:
        if binary.peek(3).startswith(codecs.BOM_UTF8) and not codecs.lookup(data.encoding).name.startswith("utf-8"):
            raise DataError("encoding", f'{path.name} begins with the mark of UTF-8; set encoding = "utf-8"')
        for number, line in enumerate(file, 1):
            if number == 1:
                line = line.removeprefix("\ufeff")  # the byte order mark, which is no part of the first cell
            if "\0" in line:
                message = f'{path.name} holds a zero byte on line {number}; encoding = "utf-16" may be right'
                raise DataError("encoding", message)
            yield "\n" if number in skipped else line


def cells(text: Iterable[str], delimiter: str, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every record that is not empty. Spaces after a delimiter may precede a quotation mark."""
    reader = csv.reader(text, delimiter=delimiter, strict=strict, skipinitialspace=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        reason = "a quotation mark is never closed" if "end of data" in str(error) else one_line(error)
        raise DataError("path", f"line {reader.line_num}: {reason}") from None


def records(path: Path, data: Data, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every record of a table."""
    return cells(lines(path, data), delimiter, strict=True)


def sample(path: Path, data: Data, fewest: int = 2) -> tuple[str, list[list[str]]]:
    """The delimiter, and the first records. fewest: how many columns the table has at least."""
    head = list(itertools.islice((line for line in lines(path, data) if line.strip()), _SAMPLE))
    if not head:
        raise DataError("path", f"{path.name} is empty")
    delimiter = data.delimiter
    if delimiter == "auto":
        is_tsv = path.name.lower().endswith((".tsv", ".tsv.gz"))
        delimiter = "\t" if is_tsv else _guess_delimiter(head, path.name, data.decimal)
    first = [row for _, row in cells(head, delimiter)]
    if len(first[0]) < fewest:
        message = f"{path.name} has only one column when line {_first_line(path, data)} is split at {show(delimiter)}; "
        message += "a target and a feature are needed; skip_lines leaves out lines of text at the start"
        raise DataError("delimiter", message)
    return delimiter, first


def _first_line(path: Path, data: Data) -> int:
    return next(number for number, line in enumerate(lines(path, data), 1) if line.strip())


def _guess_delimiter(head: list[str], name: str, decimal: str) -> str:
    """The delimiter that splits every line into the same number of cells."""
    widths = {}
    for delimiter in (",", ";", "\t", "|"):
        if delimiter != decimal:
            widths[delimiter] = [len(row) for _, row in cells(head, delimiter)]
    fitting = [delimiter for delimiter, counts in widths.items() if len(set(counts)) == 1 and counts[0] > 1]
    if len(fitting) > 1:
        choices = " or ".join(f"{show(delimiter)} ({widths[delimiter][0]} columns)" for delimiter in fitting)
        raise DataError("delimiter", f"{name} can be split in more than one way; set delimiter to {choices}")
    return fitting[0] if fitting else max(widths, key=lambda delimiter: widths[delimiter][0])


def _open(path: Path) -> io.BufferedReader:
    return io.BufferedReader(gzip.GzipFile(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _refuse_archive(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(b"\x1f\x8b") and path.suffix.lower() != ".gz":
        raise DataError("path", f"{path.name} is compressed with gzip; name it {path.name}.gz")
    if start == b"PK\x03\x04":
        raise DataError("path", f"{path.name} is a zip archive or a workbook, not text; unpack it, or save it as CSV")


def _wrong_encoding(path: Path, encoding: str) -> str:
    with _open(path) as file:
        content = file.read(1 << 24)
    for mark, right in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark) and right != codecs.lookup(encoding).name:
            return f"is not {encoding.upper()} text but {right.upper()}; set encoding = {show(right)}"
    for number, line in enumerate(content.splitlines(), 1):
        try:
            line.decode(encoding)
        except UnicodeError:
            advice = (
                "" if encoding.lower() != "utf-8" else '; encoding = "latin-1", "cp1252" or another one may be right'
            )
            return f"is not {encoding.upper()} text on line {number}: {show(line.decode('latin-1'), 40)}{advice}"
    return f"is not {encoding.upper()} text"

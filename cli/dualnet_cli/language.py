"""A text file as data for a language model: windows of characters, and the character that follows each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from . import windows
from .config import Settings
from .errors import one_line, show
from .folders import read_text
from .parts import Part
from .preparation import Preparation
from .prepare import Dataset
from .table_lines import DataError


def load(settings: Settings, path: Path, test_path: Path | None) -> Dataset:
    """The text as windows of numbers of characters, the last parts of it to validate and to test.

    The vocabulary is that of the whole text, of which the model is shown nothing but how many characters there are.
    """
    data = settings.data
    text = read_text(path, data.encoding)
    test_text = None if test_path is None else read_text(test_path, data.encoding)
    vocabulary = sorted(set(text))
    if len(vocabulary) < 2:
        raise DataError("path", f"{path.name} holds {'no text' if not text else 'a single character over and over'}")
    train = windows.encode_text(text, vocabulary)
    test: Any = None
    if test_text is not None and test_path is not None:
        try:
            test = windows.encode_text(test_text, vocabulary)
        except DataError as error:
            raise DataError("test_path", f"{test_path.name} {error.problem}") from None
    validation: Any = None
    if data.test_split:
        train, test = _split(train, data.test_split, "test_split")
    if settings.fit.validation_split:
        try:
            train, validation = _split(train, settings.fit.validation_split, "validation_split")
        except DataError as error:
            raise settings.fail(("fit", error.key), one_line(error)) from None
    parts = [None if ids is None else Part(*windows.of_text(ids, data)) for ids in (train, validation, test)]
    assert data.window is not None
    assert parts[0] is not None
    preparation = Preparation(data=data, sample_shape=[data.window], highest=len(vocabulary) - 1, vocabulary=vocabulary)
    return Dataset(parts[0], parts[1], parts[2], shuffled=False, preparation=preparation)


def _split(ids: Any, fraction: float, key: str) -> tuple[Any, Any]:
    boundary = math.floor(len(ids) * (1 - fraction))
    if boundary in (0, len(ids)):
        raise DataError(key, f"{show(fraction)} of {len(ids)} characters leaves a part empty")
    return ids[:boundary], ids[boundary:]

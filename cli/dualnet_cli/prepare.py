"""Splitting, scaling and encoding of samples."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .cells import first_inexact
from .config import Settings
from .errors import one_line, show
from .preparation import Preparation, named_columns, scaled
from .schema import Data
from .table_lines import DataError
from .tables import TableData
from .targets import encode, mean_and_deviation


@dataclass(frozen=True)
class Part:
    """Samples and their targets.  x: (n, ...)   y: (n,) or (n, outputs)"""

    x: Any
    y: Any

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """The three parts, and the scaling of features and targets, ``(value - subtract) / divide``, per column or for all."""

    train: Part
    validation: Part | None
    test: Part | None
    shuffled: bool
    features: list[str] | None = None
    classes: list[str] | None = None
    subtract: Any = None
    divide: Any = None
    target_subtract: Any = None
    target_divide: Any = None
    dropped: int = 0
    preparation: Preparation | None = None

    def parts(self) -> dict[str, Part]:
        """The parts that exist, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    def preprocessing(self) -> dict[str, Any]:
        """What prepares new samples in the same way, and turns predictions back, for ``results.json``."""
        names = ("features", "classes", "subtract", "divide", "target_subtract", "target_divide")
        facts = {name: getattr(self, name) for name in names}
        if self.dropped:
            facts["rows_dropped"] = self.dropped
        return {key: np.asarray(value).tolist() for key, value in facts.items() if value is not None}


@dataclass(frozen=True)
class RawData:
    """Samples as read, before they are split and scaled.

    shuffle: whether to shuffle the rows by default. dropped: rows left out because a cell was empty. table: what they were read
    from, if that is a table.
    """

    train: Part
    test: Part | None = None
    features: list[str] | None = None
    shuffle: bool = True
    dropped: int = 0
    table: TableData | None = None


def prepare(raw: RawData, settings: Settings) -> Dataset:
    """Shuffle, split, fill, scale and encode; the scaling is fitted on the training part alone."""
    data = settings.data
    for name, part in (("", raw.train), ("test ", raw.test)):
        if part is not None and len(part.x) != len(part.y):
            raise DataError("", f"there are {len(part.x)} {name}samples but {len(part.y)} {name}targets")
        if part is not None and not part.x.size:
            raise DataError("", f"the {name}samples hold no numbers" if len(part) else f"there are no {name}samples")
    train, test = _with_features(raw.train), raw.test and _with_features(raw.test)
    shuffled = raw.shuffle if data.shuffle is None else data.shuffle
    if shuffled:
        order = np.random.default_rng(settings.seed).permutation(len(train))
        train = Part(train.x[order], train.y[order])
    validation = None
    for kind in ("x", "y") if test is not None else ():
        expected, shape = getattr(train, kind).shape[1:], getattr(test, kind).shape[1:]
        if shape != expected:
            what = "samples" if kind == "x" else "targets"
            raise DataError("", f"test {what} have shape {shape}, training {what} {expected}")
    if data.test_split:
        train, test = _split(train, data.test_split, "test_split")
    if settings.fit.validation_split:
        try:
            train, validation = _split(train, settings.fit.validation_split, "validation_split")
        except DataError as error:
            raise settings.fail(("fit", error.key), one_line(error)) from None
    dataset = Dataset(train, validation, test, shuffled, raw.features, dropped=raw.dropped)
    parts = dataset.parts()
    with np.errstate(over="ignore", invalid="ignore"):  # overflows are detected and reported below
        targets, classes, target_subtract, target_divide = encode([part.y for part in parts.values()], data)
        features, fill, subtract, divide = _features([part.x for part in parts.values()], data)
    prepared: dict[str, Any] = {name: Part(x, y) for name, x, y in zip(parts, features, targets)}
    learned = {"subtract": subtract, "divide": divide, "classes": classes}
    learned |= {"target_subtract": target_subtract, "target_divide": target_divide}
    layout = raw.table and raw.table.layout
    preparation = Preparation(
        data=data.model_copy(update={"x": None, "y": None}) if layout is None else named_columns(data, layout),
        header=layout is not None and layout.header,
        width=0 if layout is None else layout.width,
        sample_shape=list(train.x.shape[1:]),
        highest=float(np.nanmax(train.x)),
        features=raw.features,
        categories=[] if raw.table is None else raw.table.categories,
        fill=plain(fill),
        **{key: plain(value) for key, value in learned.items()},
    )
    return replace(dataset, **prepared, **learned, preparation=preparation)


def plain(value: Any) -> Any:
    """A value as plain numbers and lists of them."""
    return None if value is None else np.asarray(value).tolist()


def _with_features(part: Part) -> Part:
    """The samples with an axis for their features, even if there is only one."""
    return part if part.x.ndim > 1 else Part(part.x[:, None], part.y)


def _split(part: Part, fraction: float, key: str) -> tuple[Part, Part]:
    """The first and the last rows; as in Keras the first part has floor(n * (1 - fraction)) rows."""
    boundary = math.floor(len(part) * (1 - fraction))
    if boundary in (0, len(part)):
        side = "training" if boundary == 0 else "other"
        raise DataError(key, f"{show(fraction)} of {len(part)} samples leaves the {side} part empty")
    return Part(part.x[:boundary], part.y[:boundary]), Part(part.x[boundary:], part.y[boundary:])


def _features(parts: list[Any], data: Data) -> tuple[list[Any], Any, Any, Any]:
    """The features of every part, what empty cells become, and what is subtracted and divided by."""
    train = parts[0]
    fill = None
    if data.missing == "mean" and train.dtype.kind == "f":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a column without any value, which is reported below
            fill = np.nanmean(train, axis=0)
        parts = [np.where(np.isnan(part), fill, part) if np.isnan(part).any() else part for part in parts]
        train = parts[0]
    for part in parts:
        if (number := first_inexact(part)) is not None:
            message = f"{number} is a whole number with more digits than float64 keeps"
            raise DataError("features", f"{message}; if it is an identifier, leave it out")
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            where = tuple(np.argwhere(~np.isfinite(part))[0])
            raise DataError(
                "features", f"a sample holds {part[where]} at position {_at(where[1:])}, not a finite number"
            )
    subtract: Any = None
    divide: Any = None
    if data.scale is not None:
        divide = data.scale
    elif data.scaling == "standard":
        subtract, divide = mean_and_deviation(train, data.ddof)
    elif data.scaling == "minmax":
        subtract = train.min(axis=0).astype(np.float64)
        divide = train.max(axis=0).astype(np.float64) - subtract
        divide = np.where(divide > 0, divide, 1.0)  # a constant feature becomes 0, not 0 / 0
    if data.dtype == "int32" and divide is not None:
        raise DataError("dtype", f"the features are not whole numbers, {data.dtype} would cut them off")
    results = [scaled(part, subtract, divide, data.dtype) for part in parts]
    if data.flatten:
        results = [part.reshape(len(part), -1) for part in results]
    return results, fill, subtract, divide


def _at(where: tuple[Any, ...]) -> str:
    return ", ".join(str(int(i)) for i in where)

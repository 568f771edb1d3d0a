"""Splitting, scaling and encoding of samples."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .config import Settings
from .errors import one_line, show
from .schema import Data
from .tables import DataError


@dataclass(frozen=True)
class Part:
    """Samples and their targets.  x: (n, ...)   y: (n,) or (n, outputs)"""

    x: Any
    y: Any

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """The three parts, and the scaling ``(value - subtract) / divide`` of the features, per feature or for all."""

    train: Part
    validation: Part | None
    test: Part | None
    shuffled: bool
    features: list[str] | None = None
    classes: list[str] | None = None
    subtract: Any = None
    divide: Any = None

    def parts(self) -> dict[str, Part]:
        """The parts that exist, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    def preprocessing(self) -> dict[str, Any]:
        """The constants needed to prepare new samples in the same way, for ``results.json``."""
        facts = {"features": self.features, "classes": self.classes, "subtract": self.subtract, "divide": self.divide}
        return {key: np.asarray(value).tolist() for key, value in facts.items() if value is not None}


@dataclass(frozen=True)
class RawData:
    """Samples as read, before they are split and scaled.

    shuffle: whether to shuffle the rows by default.
    """

    train: Part
    test: Part | None = None
    features: list[str] | None = None
    shuffle: bool = True


def prepare(raw: RawData, settings: Settings) -> Dataset:
    """Shuffle, split, fill, scale and encode; the scaling is fitted on the training part alone."""
    data = settings.data
    if not len(raw.train.x):
        raise DataError("", "there are no samples")
    for name, part in (("", raw.train), ("test ", raw.test)):
        if part is not None and len(part.x) != len(part.y):
            raise DataError("", f"there are {len(part.x)} {name}samples but {len(part.y)} {name}targets")
    train = Part(raw.train.x if raw.train.x.ndim > 1 else raw.train.x[:, None], raw.train.y)
    shuffled = raw.shuffle if data.shuffle is None else data.shuffle
    if shuffled:
        order = np.random.default_rng(settings.seed).permutation(len(train))
        train = Part(train.x[order], train.y[order])
    test, validation = raw.test, None
    if test is not None and test.x.shape[1:] != raw.train.x.shape[1:]:
        raise DataError("", f"test samples have shape {test.x.shape[1:]}, training samples {raw.train.x.shape[1:]}")
    if data.test_split:
        train, test = _split(train, data.test_split, "test_split")
    if settings.fit.validation_split:
        try:
            train, validation = _split(train, settings.fit.validation_split, "validation_split")
        except DataError as error:
            raise settings.fail(("fit", error.key), one_line(error)) from None
    dataset = Dataset(train, validation, test, shuffled, raw.features)
    parts = dataset.parts()
    with np.errstate(over="ignore", invalid="ignore"):  # overflows are detected and reported below
        targets, classes = _targets([part.y for part in parts.values()], data)
        features, subtract, divide = _features([part.x for part in parts.values()], data)
    prepared: dict[str, Any] = {name: Part(x, y) for name, x, y in zip(parts, features, targets)}
    return replace(dataset, **prepared, classes=classes, subtract=subtract, divide=divide)


def _split(part: Part, fraction: float, key: str) -> tuple[Part, Part]:
    """The first and the last rows; as in Keras the first part has floor(n * (1 - fraction)) rows."""
    boundary = math.floor(len(part) * (1 - fraction))
    if boundary in (0, len(part)):
        side = "training" if boundary == 0 else "other"
        raise DataError(key, f"{show(fraction)} of {len(part)} samples leaves the {side} part empty")
    return Part(part.x[:boundary], part.y[:boundary]), Part(part.x[boundary:], part.y[boundary:])


def _targets(parts: list[Any], data: Data) -> tuple[list[Any], list[str] | None]:
    targets = np.concatenate(parts)
    classes = None
    needs_numbers = {
        "target_threshold": data.target_threshold is not None,
        "target_scale": data.target_scale is not None,
        "target_scaling": data.target_scaling != "none",
        "target_type": data.target_type == "number",
    }
    if any(needs_numbers.values()) and targets.dtype.kind == "U":
        key = next(key for key, used in needs_numbers.items() if used)
        raise DataError(key, f"the target holds text ({show(str(targets.ravel()[0]))}), not numbers")
    if data.target_type == "class" or targets.dtype.kind == "U":
        if targets.ndim > 1 and targets.shape[1:] != (1,):
            raise DataError("target_type", "classes need a single target column")
        values, numbers = np.unique(targets.ravel(), return_inverse=True)
        classes, targets = [_class_name(value) for value in values], numbers.astype(np.int32)
    elif targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise DataError("target", "it holds values that are not finite numbers")
    elif data.target_threshold is not None:
        targets = (targets >= data.target_threshold).astype(np.int32)
    elif data.target_scaling == "standard":
        train = parts[0].astype(np.float64)
        spread = train.std(axis=0, ddof=data.ddof)
        targets = ((targets - train.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).astype(np.float32)
    elif data.target_scale is not None:
        targets = (targets / data.target_scale).astype(np.float32)
    else:
        whole = targets.dtype.kind in "biu" or bool((targets == np.floor(targets)).all())
        small = whole and bool((np.abs(targets.astype(np.float64)) < 2**31).all())
        targets = targets.astype(np.int32 if small else np.float32)
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise DataError("target", "it holds values too large for float32; set target_scale")
    if data.one_hot:
        targets = _one_hot(targets)
    edges = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(targets, edges), classes


def _class_name(value: Any) -> str:
    return f"{value:g}" if isinstance(value, np.floating) else str(value)


def _one_hot(y: Any) -> Any:
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.dtype.kind != "i" or y.ndim != 1 or (y < 0).any():
        raise DataError("one_hot", 'needs a target of whole numbers from 0; target_type = "class" makes them')
    if y.max() > 100_000:
        raise DataError("one_hot", f"the target goes up to {y.max()}, which would make as many columns")
    return np.eye(int(y.max()) + 1, dtype=np.float32)[y]


def _features(parts: list[Any], data: Data) -> tuple[list[Any], Any, Any]:
    dtype = np.dtype(data.dtype)
    train = parts[0]
    if data.missing == "mean" and any(np.isnan(part).any() for part in parts):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a column without any value, which is reported below
            mean = np.nanmean(train, axis=0)
        parts = [np.where(np.isnan(part), mean, part) for part in parts]
        train = parts[0]
    for part in parts:
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            row = np.argwhere(~np.isfinite(part))[0][0]
            raise DataError("features", f"sample {row + 1} holds a value that is not a finite number")
    subtract: Any = None
    divide: Any = None
    if data.scale is not None:
        divide = data.scale
    elif data.scaling == "standard":
        subtract, divide = train.mean(axis=0, dtype=np.float64), train.std(axis=0, ddof=data.ddof, dtype=np.float64)
    elif data.scaling == "minmax":
        subtract = train.min(axis=0).astype(np.float64)
        divide = train.max(axis=0).astype(np.float64) - subtract
    if divide is not None and data.scale is None:
        divide = np.where(divide > 0, divide, 1.0)  # a constant feature becomes 0, not 0 / 0
    if dtype.kind == "i" and (divide is not None or any((part != np.floor(part)).any() for part in parts)):
        raise DataError("dtype", f"the features are not whole numbers, {data.dtype} would cut them off")
    # In float64 where precision matters, but without a float64 copy of images that are only divided.
    if subtract is not None:
        results = [((part - subtract) / divide).astype(dtype) for part in parts]
    elif divide is not None:
        results = [part.astype(dtype) / dtype.type(divide) for part in parts]
    else:
        results = [part.astype(dtype) for part in parts]
    if dtype.kind == "f" and not all(np.isfinite(part).all() for part in results):
        raise DataError("features", f"they hold values too large for {data.dtype}; set scale or scaling")
    if data.flatten:
        results = [part.reshape(len(part), -1) for part in results]
    return results, subtract, divide

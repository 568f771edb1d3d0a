"""Splitting, scaling and encoding of samples."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import windows
from .cells import first_inexact
from .columns import of_output
from .config import Settings
from .errors import KeyPath, Problem, did_you_mean, listing, one_line, printable, show
from .parts import Part, each, sample_shapes
from .preparation import Preparation, named_columns, scaled
from .schema import Column, Data
from .table_lines import DataError
from .tables import TableData
from .targets import encode, mean_and_deviation


@dataclass(frozen=True)
class Dataset:
    """The three parts, and how they were prepared. shuffled: whether their rows were. dropped: rows left out because a cell was empty."""

    train: Part
    validation: Part | None
    test: Part | None
    shuffled: bool
    preparation: Preparation
    dropped: int = 0

    def parts(self) -> dict[str, Part]:
        """The parts that exist, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def classes(self) -> list[str] | None:
        """The names of the classes, if the target of the only output is a class."""
        return self.preparation.classes

    @property
    def features(self) -> list[str] | None:
        """The names of the features, if they have names."""
        return self.preparation.features

    def preprocessing(self) -> dict[str, Any]:
        """What prepares new samples in the same way, and turns predictions back, for ``results.json``."""
        facts = _facts(
            self.preparation, ("features", "classes", "subtract", "divide", "target_subtract", "target_divide")
        )
        for key in ("inputs", "outputs"):
            named: dict[str, Preparation] = getattr(self.preparation, key)
            if named:
                facts[key] = {name: _facts(learned, _FACTS[key]) for name, learned in named.items()}
        if self.dropped:
            facts["rows_dropped"] = self.dropped
        return facts


_FACTS = {"inputs": ("subtract", "divide"), "outputs": ("classes", "target_subtract", "target_divide")}


def _facts(learned: Preparation, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(learned, name)) is not None}


@dataclass(frozen=True)
class RawData:
    """Samples as read, before they are split and scaled. The targets are a table by output, without outputs whose target is the input.

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
        if part is not None:
            _check_lengths(part, name)
    train, test = _with_features(raw.train), raw.test and _with_features(raw.test)
    shuffled = raw.shuffle if data.shuffle is None else data.shuffle
    if shuffled:
        train = train.take(np.random.default_rng(settings.seed).permutation(len(train)))
    validation = None
    if test is not None:
        _check_same_shapes(train, test)
    if data.test_split:
        train, test = _split(train, data.test_split, "test_split")
    if settings.fit.validation_split:
        try:
            train, validation = _split(train, settings.fit.validation_split, "validation_split")
        except DataError as error:
            raise settings.fail(("fit", error.key), one_line(error)) from None
    parts = {"train": train, "validation": validation, "test": test}
    given = [part for part in parts.values() if part is not None]
    layout = None if raw.table is None else raw.table.layout
    learned: dict[str, Any] = {
        "data": data.model_copy(update={"x": None, "y": None}) if layout is None else named_columns(data, layout),
        "header": layout is not None and layout.header,
        "width": 0 if layout is None else layout.width,
        "features": raw.features,
        "categories": [] if raw.table is None else raw.table.categories,
    }
    with np.errstate(over="ignore", invalid="ignore"):  # overflows are detected and reported below
        targets, encodings = _targets([part.y for part in given], data)
        samples, scalings = _samples([part.x for part in given], data)
    learned |= scalings
    learned |= encodings if "outputs" in encodings else encodings[""]
    preparation = _knowing_its_input(Preparation(**learned), targets[0])
    if preparation.inputs is not None:
        preparation = _with_array_names(preparation, settings)
    columns = columns_of_inputs(settings, preparation)
    if columns is not None:
        preparation = preparation.model_copy(update={"columns": columns})
    if data.window is not None:
        samples, targets = _windows(samples, targets, data, test_path_given=data.test_path is not None)
    results = iter(Part(preparation.by_input(x), _with_inputs(y, x, preparation)) for x, y in zip(samples, targets))
    prepared = {name: None if part is None else next(results) for name, part in parts.items()}
    return Dataset(shuffled=shuffled, preparation=preparation, dropped=raw.dropped, **prepared)  # type: ignore[arg-type]


def _windows(
    samples: list[Any], targets: list[dict[str, Any]], data: Data, test_path_given: bool
) -> tuple[list[Any], list[dict[str, Any]]]:
    """The rows of every part as windows. Those to validate and to test begin in the rows before them, unless these are of another file."""
    results = []
    for number, (x, y) in enumerate(zip(samples, targets)):
        before = samples[:number] if not (test_path_given and number == len(samples) - 1) else []
        first = sum(map(len, before))
        rows = np.concatenate([*before, x])
        values = {name: np.concatenate([*(t[name] for t in targets[: len(before)]), own]) for name, own in y.items()}
        windows_, of_windows = windows.with_targets(rows, values, data, first)
        results.append((windows_.reshape(len(windows_), -1) if data.flatten else windows_, of_windows))
    return [x for x, _ in results], [y for _, y in results]


def _with_array_names(learned: Preparation, settings: Settings) -> Preparation:
    """With the name that the array of each input has in a file."""
    arrays = {entry.name: entry.array or entry.name for entry in settings.model.inputs or []}
    inputs = {
        name: own.model_copy(update={"data": own.data.model_copy(update={"features": arrays[name]})})
        for name, own in (learned.inputs or {}).items()
    }
    return learned.model_copy(update={"inputs": inputs})


def _knowing_its_input(learned: Preparation, y: dict[str, Any]) -> Preparation:
    """With the scaling of the features for those targets that are the features themselves."""

    def copied(output: Preparation) -> Preparation:
        update = {"target_subtract": learned.subtract, "target_divide": learned.divide, "features": learned.features}
        return output.model_copy(update={**update, "is_input": True})

    if learned.outputs is None:
        return learned if "" in y else copied(learned)
    outputs = {name: own if name in y else copied(own) for name, own in learned.outputs.items()}
    return learned.model_copy(update={"outputs": outputs})


def _check_lengths(part: Part, name: str) -> None:
    for output, y in part.y.items():
        if len(part) != len(y):
            of = f" of {output}" if output else ""
            raise DataError("", f"there are {len(part)} {name}samples but {len(y)} {name}targets{of}")
    for x in part.x.values() if isinstance(part.x, dict) else [part.x]:
        if len(x) != len(part):
            raise DataError("", f"the inputs have {len(part)} and {len(x)} {name}samples")
        if not x.size:
            raise DataError("", f"the {name}samples hold no numbers" if len(part) else f"there are no {name}samples")


def _check_same_shapes(train: Part, test: Part) -> None:
    for what, expected, got in (("samples", train.x, test.x), ("targets", train.y, test.y)):
        shapes, expected_shapes = sample_shapes(got), sample_shapes(expected)
        if shapes != expected_shapes:
            if isinstance(shapes, dict) and len(shapes) == 1:
                (shapes,), (expected_shapes,) = shapes.values(), expected_shapes.values()
            raise DataError("", f"test {what} have shape {shapes}, training {what} {expected_shapes}")


def _targets(parts: list[dict[str, Any]], data: Data) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The targets of every part by output, and what is remembered of them."""
    encoded: list[dict[str, Any]] = [{} for _ in parts]
    learned: dict[str, Any] = {}
    for name, own in data.targets().items():
        facts: dict[str, Any] = {}
        if name in parts[0]:
            with of_output(name):
                arrays, classes, subtract, divide = encode([y[name] for y in parts], own)
            for y, array in zip(encoded, arrays):
                y[name] = array
            facts = {"classes": classes, "target_subtract": plain(subtract), "target_divide": plain(divide)}
        learned[name] = facts
    if "" in learned:
        return encoded, learned
    named = data.targets()
    return encoded, {"outputs": {name: Preparation(data=named[name], **facts) for name, facts in learned.items()}}


def _samples(parts: list[Any], data: Data) -> tuple[list[Any], dict[str, Any]]:
    """The samples of every part, and what is remembered of them."""
    if isinstance(parts[0], dict):
        results: list[dict[str, Any]] = [{} for _ in parts]
        learned = {}
        for name in parts[0]:
            try:
                arrays, facts = _samples([x[name] for x in parts], data)
            except DataError as error:
                raise DataError(error.key, f"input {name}: {error.problem}", error.advice) from None
            learned[name] = Preparation(data=data.model_copy(update={"x": None, "y": None}), **facts)
            for result, array in zip(results, arrays):
                result[name] = array
        return results, {"inputs": learned}
    results_, fill, subtract, divide = _features(parts, data)
    shape = list(parts[0].shape[1:])
    facts = {"sample_shape": shape, "highest": 0.0 if parts[0].dtype.kind in "OU" else float(np.nanmax(parts[0]))}
    return results_, facts | {"fill": plain(fill), "subtract": plain(subtract), "divide": plain(divide)}


def _with_inputs(y: dict[str, Any], x: Any, learned: Preparation) -> Any:
    """The targets of all outputs, with the samples for those that are to give back the input; without names for a single one."""
    targets = {}
    for name in learned.data.targets():
        if name not in y and isinstance(x, dict):
            raise DataError("target", 'there are several inputs, so it cannot be "input"; name an array')
        targets[name] = y.get(name, x)
    return targets.get("", targets)


def columns_of_inputs(settings: Settings, learned: Preparation) -> dict[str, list[int]] | None:
    """Which features go into each of ``[[model.inputs]]``; None where there are none, or where each is an array.

    Raises:
        CliError: a feature that is not there, or that goes nowhere.
    """
    inputs = settings.model.inputs
    if inputs is None or learned.inputs is not None:
        return None
    shape = learned.sample_shape
    if len(shape) != 1:
        message = f"a sample has the shape {tuple(shape)}; inputs by columns need samples that are rows of numbers"
        raise settings.fail(("model", "inputs"), message)
    if learned.data.window is not None and learned.data.flatten:
        raise settings.fail(("data", "flatten"), "inputs by columns get windows of their columns; leave this out")
    names = learned.features or [str(i) for i in range(shape[0])]
    problems, columns = [], {}
    for number, entry in enumerate(inputs):
        listed = [entry.name] if entry.columns is None else entry.columns
        positions: list[int] = []
        for column in listed if isinstance(listed, list) else [listed]:
            indices = _feature_positions(column, names, learned)
            if not indices:
                known = did_you_mean(column, names) or f"; features: {printable(listing(names, 20))}"
                where: KeyPath = (
                    ("model", "inputs", number) if entry.columns is None else ("model", "inputs", number, "columns")
                )
                problems.append(Problem(where, f"there is no feature {show(column)}{known}"))
            positions += indices
        columns[entry.name] = positions
    used = {i for positions in columns.values() for i in positions}
    if not problems and (unused := [names[i] for i in range(len(names)) if i not in used]):
        message = f"no input takes the feature {show(unused[0])}; give it to one in columns, or leave it out with exclude in [data]"
        problems.append(Problem(("model", "inputs"), message))
    if problems:
        raise settings.source.error(problems)
    return columns


def _feature_positions(column: Column, names: list[str], learned: Preparation) -> list[int]:
    if isinstance(column, int):
        return [column % len(names)] if -len(names) <= column < len(names) else []
    categories = f"{column}=" if column in learned.data.categorical else None
    return [i for i, name in enumerate(names) if name == column or (categories and name.startswith(categories))]


def plain(value: Any) -> Any:
    """A value as plain numbers and lists of them."""
    return None if value is None else np.asarray(value).tolist()


def _with_features(part: Part) -> Part:
    """The samples with an axis for their features, even if there is only one."""
    return Part(each(lambda x: x if x.ndim > 1 else x[:, None], part.x), part.y)


def _split(part: Part, fraction: float, key: str) -> tuple[Part, Part]:
    """The first and the last rows; as in Keras the first part has floor(n * (1 - fraction)) rows."""
    boundary = math.floor(len(part) * (1 - fraction))
    if boundary in (0, len(part)):
        side = "training" if boundary == 0 else "other"
        raise DataError(key, f"{show(fraction)} of {len(part)} samples leaves the {side} part empty")
    return part.take(slice(boundary)), part.take(slice(boundary, None))


def _features(parts: list[Any], data: Data) -> tuple[list[Any], Any, Any, Any]:
    """The features of every part, what empty cells become, and what is subtracted and divided by."""
    train = parts[0]
    if train.dtype.kind in "OU":  # text
        for key, wrong in (
            ("scale", data.scale is not None),
            ("scaling", data.scaling != "none"),
            ("flatten", data.flatten),
        ):
            if wrong:
                raise DataError(key, "the samples are text; leave this out")
        return parts, None, None, None
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
    if data.flatten and data.window is None:
        results = [part.reshape(len(part), -1) for part in results]
    return results, fill, subtract, divide


def _at(where: tuple[Any, ...]) -> str:
    return ", ".join(str(int(i)) for i in where)

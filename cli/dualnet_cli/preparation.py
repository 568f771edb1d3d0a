"""What a run remembers of the preparation of its data: ``preparation.json``, by which new samples are prepared in the same way."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from dualnet.saving.limits import gc_paused

from . import windows
from .errors import CliError, one_line, printable, show, system_error
from .schema import INPUT, Column, Data, OutputTarget
from .table_lines import DataError

_MAX_BYTES = 1 << 28  # a scaling for each pixel of large images, as text
Numbers = float | list[Any] | None


class Preparation(BaseModel):
    """How samples and targets were prepared, with what was learned from the training part.

    data: ``[data]`` of the config, where the columns of a table are those that were used.
    header: whether a table had a header. width: how many columns it had.
    sample_shape: of one sample before ``flatten``. highest: the largest value of all features, before they are scaled.
    features: the names of the features. categories: those of each categorical column.
    fill: per feature, what an empty cell becomes. subtract, divide: per feature or for all, ``(value - subtract) / divide``.
    classes: the names of the classes, if the target is a class. target_subtract, target_divide: as those of features. is_input: whether the
    target is the input itself.
    inputs: of a model with several inputs that are arrays, how each was prepared. columns: of one whose inputs are columns, the positions
    of the features that each takes. outputs: of one with several outputs, how the target of each was prepared.
    vocabulary: of a language model, the characters; the number of one is its position.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Data
    header: bool = False
    width: int = 0
    sample_shape: list[int] = []
    highest: float = 0.0
    features: list[str] | None = None
    categories: list[list[str]] = []
    fill: Numbers = None
    subtract: Numbers = None
    divide: Numbers = None
    classes: list[str] | None = None
    target_subtract: Numbers = None
    target_divide: Numbers = None
    is_input: bool = False
    inputs: dict[str, Preparation] | None = None
    columns: dict[str, list[int]] | None = None
    outputs: dict[str, Preparation] | None = None
    vocabulary: list[str] | None = None

    @property
    def target_names(self) -> list[str]:
        """The names of the target columns, as far as they have names."""
        if self.is_input:
            return self.features or []
        return [column for column in self.data.target_columns if isinstance(column, str)]

    def of_output(self, name: str) -> Preparation:
        """How the target of an output was prepared."""
        return self if self.outputs is None else self.outputs[name]

    @property
    def input_shape(self) -> Any:
        """The shape of one prepared sample; of several inputs that of each by its name."""
        if self.inputs is not None:
            return {name: own.input_shape for name, own in self.inputs.items()}
        steps = () if self.data.window is None or self.vocabulary is not None else (self.data.window,)
        if self.columns is not None:
            return {name: (*steps, len(positions)) for name, positions in self.columns.items()}
        shape = (*steps, *self.sample_shape)
        return (math.prod(shape),) if self.data.flatten else shape

    def by_input(self, x: Any) -> Any:
        """Prepared samples as a table by input, where there are several."""
        return x if self.columns is None else {name: x[..., positions] for name, positions in self.columns.items()}

    def samples(self, x: Any) -> Any:
        """Samples as the model takes them.  x: (n, *sample_shape), or a table of arrays by input

        Raises ``DataError`` for values that are missing or that the dtype does not hold.
        """
        if self.inputs is not None:
            return {name: learned.samples(x[name]) for name, learned in self.inputs.items()}
        return self.by_input(self.side_by_side(x))

    def side_by_side(self, x: Any) -> Any:
        """Samples of the only input, or of all inputs that are columns; with ``window`` all windows of rows.

        Raises ``DataError`` for values that are missing or that the dtype does not hold.
        """
        if x.dtype.kind in "OU":  # text
            return x
        if self.fill is not None:
            x = np.where(np.isnan(x), np.asarray(self.fill), x)
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            where = np.argwhere(~np.isfinite(x))[0]
            name = f" of {show(self.features[where[1]])}" if self.features and x.ndim == 2 else ""
            value = "an empty cell" if np.isnan(x[tuple(where)]) else str(x[tuple(where)])
            raise DataError(
                "features", f"sample {where[0] + 1} has {value} in the place{name} where a number is expected"
            )
        subtract, divide = (None if v is None else np.asarray(v) for v in (self.subtract, self.divide))
        with np.errstate(over="ignore", invalid="ignore"):  # overflows are detected and reported
            x = scaled(x, subtract, divide, self.data.dtype)
        return self.flattened(x if self.data.window is None else windows.of_rows(x, self.data.window))

    def flattened(self, x: Any) -> Any:
        """Samples as vectors, if the config says ``flatten``."""
        return x.reshape(len(x), -1) if self.data.flatten else x

    def predictions(self, y: Any) -> Any:
        """Predictions in the units of the file."""
        if self.target_divide is None:
            return y
        subtract, divide = (
            np.reshape(value, y.shape[1:])
            if np.size(value) > 1
            else np.asarray(value)  # of samples that were flattened
            for value in (self.target_subtract or 0.0, self.target_divide)
        )
        restored = np.asarray(y, np.float64) * divide + subtract
        return restored.astype(np.float32)

    def to_json(self) -> str:
        """The text of ``preparation.json``."""
        return self.model_dump_json(indent=1, exclude_defaults=True) + "\n"


def read(path: Path) -> Preparation:
    """The preparation in a file. Raises ``CliError`` for a file that is none."""
    label = printable(str(path))
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
        if len(text) > _MAX_BYTES:
            raise CliError(f"{label}: is larger than {_MAX_BYTES >> 20} MiB, which no preparation is")
        with gc_paused():
            return Preparation.model_validate_json(text)
    except OSError as error:
        raise system_error(f"{label}: cannot be read", error) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise CliError(f"{label}: is damaged: {f'{where}: ' if where else ''}{printable(first['msg'])}") from None
    except (ValueError, RecursionError) as error:
        raise CliError(f"{label}: is damaged: {one_line(error)}") from None


def scaled(x: Any, subtract: Any, divide: Any, dtype: str) -> Any:
    """Samples as numbers of a dtype, ``(x - subtract) / divide``.

    Computed in float64 where precision matters, but without a float64 copy of images that are only divided.
    """
    kind = np.dtype(dtype)
    if subtract is not None:
        result = ((x - subtract) / divide).astype(kind)
    elif divide is not None:
        result = x.astype(kind) / kind.type(divide)
    else:
        if kind.kind == "i":
            _check_whole(x, kind)
        result = x.astype(kind)
    if kind.kind == "f" and not np.isfinite(result).all():
        raise DataError("features", f"they hold values too large for {dtype}; set scale or scaling")
    return result


def _check_whole(x: Any, kind: Any) -> None:
    if (x != np.floor(x)).any():
        raise DataError("dtype", f"the features are not whole numbers, {kind} would cut them off")
    limits = np.iinfo(kind)
    if x.size and (x.min() < limits.min or x.max() > limits.max):
        raise DataError("dtype", f"the features go beyond {limits.max}, the largest number of {kind}")


def named_columns(data: Data, layout: Any) -> Data:
    """``[data]`` with the columns of a table that were used, each by its name where it has one."""
    listed = {
        "features": layout.features,
        "target": _named_targets(data, layout.targets),
        "categorical": layout.categorical,
        "exclude": [],
    }
    return data.model_copy(update={**listed, "header": layout.header})


def _named_targets(data: Data, targets: dict[str, Column | list[Column]]) -> Any:
    if not isinstance(data.target, dict):
        return targets.get("", data.target)
    named: dict[str, Any] = {}
    for name, target in data.target.items():
        columns = targets.get(name, INPUT)
        named[name] = target.model_copy(update={"columns": columns}) if isinstance(target, OutputTarget) else columns
    return named

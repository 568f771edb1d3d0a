"""The schema of a config, table by table. ``config.py`` validates a file against it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Column = str | int
"""A column of a table: its name, or its position counted from 0, or from the end with -1, -2 ..."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**9)]


class Table(BaseModel):
    """A table of a config: no conversions ("3" is not 3), no unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Top(Table):
    """The keys above the first table.

    name: of the run directory; the file's name unless given.
    device: "auto" (a GPU when one answers, else the CPU), "cpu", "gpu", "gpu:1".
    backend: the same said by array library: "numpy" or "cupy".
    seed: of the initial weights, the shuffles and the dropout masks.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$", max_length=100)] | None = None
    device: Annotated[str, Field(pattern=r"^(auto|cpu|gpu(:\d+)?)$")] = "auto"
    backend: Literal["numpy", "cupy"] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42


class Data(Table):
    """``[data]``: where the samples come from (one of ``name``, ``path``, ``x`` with ``y``) and how they are prepared.

    name: "digits", "mnist", "fashion_mnist" or "cifar10", with their own test sets.
    path: a .csv, .tsv or .npz file, relative to the config, or to DUALNET_DATA_DIR. test_path: a second such file that
    is only tested on.
    x, y: the samples themselves, for a handful of them.

    For tables (.csv, .tsv):
    target: the column to predict, or a list of them; the last one unless given.
    features: the columns to predict from; all others unless given. exclude: columns to leave out of those.
    categorical: text columns to turn into one column of 0 and 1 per value.
    header: whether the first line holds column names. delimiter: "," ";" "\\t" ... or "auto".
    missing: what to do about empty cells: "error", "drop" the row, or fill in the training "mean" of the column.
    derive: new columns by name, each a formula of others: { rooms = "total_rooms / households" }. They are features
    like those of the file: all of them unless ``features`` lists some.

    For arrays (.npz): ``features`` and ``target`` name the two arrays. Without them x and y, or x_train and y_train,
    are taken, and x_test and y_test, when there, are the test set.

    target_type: "class" numbers the distinct target values 0, 1, 2 ... in sorted order; "number" takes them as they
    are; "auto" takes text as classes and numbers as they are.
    target_threshold: makes the target 1 from this value on and 0 below. target_scale: divides the target.
    target_scaling: "standard" gives the target mean 0 and deviation 1, measured on the training samples only.
    one_hot: class numbers become rows of 0 and 1, as categorical_crossentropy wants them.
    scaling: "standard" (mean 0, deviation 1) or "minmax" (0 to 1), per feature, measured on the training samples only.
    ddof: 1 takes the sample standard deviation (divided by n - 1), 0 that of the population.
    scale: divide every feature by this number. flatten: make each sample a plain vector.
    shuffle: mix the rows before they are split; true for files, where rows are often sorted, false otherwise.
    test_split: the part of the rows, taken from the end, that is only tested on.
    dtype: of the features.
    """

    name: Literal["digits", "mnist", "fashion_mnist", "cifar10"] | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    test_path: Annotated[str, Field(min_length=1)] | None = None
    x: Annotated[list[Any], Field(min_length=1)] | None = None
    y: Annotated[list[Any], Field(min_length=1)] | None = None
    target: Column | Annotated[list[Column], Field(min_length=1)] | None = None
    features: Column | Annotated[list[Column], Field(min_length=1)] | None = None
    exclude: list[Column] = []
    categorical: list[Column] = []
    header: Literal["auto"] | bool = "auto"
    delimiter: Annotated[str, Field(pattern=r"^(auto|[^\r\n\"])$")] = "auto"
    missing: Literal["error", "drop", "mean"] = "error"
    derive: dict[Annotated[str, Field(min_length=1)], Annotated[str, Field(min_length=1, max_length=1000)]] = {}
    target_type: Literal["auto", "number", "class"] = "auto"
    target_threshold: Annotated[float, Field(allow_inf_nan=False)] | None = None
    target_scale: Positive | None = None
    target_scaling: Literal["none", "standard"] = "none"
    one_hot: bool = False
    scaling: Literal["none", "standard", "minmax"] = "none"
    ddof: Literal[0, 1] = 0
    scale: Positive | None = None
    flatten: bool = False
    shuffle: bool | None = None
    test_split: Fraction = 0.0
    dtype: Literal["float32", "float64", "int32"] = "float32"


class ModelTable(Table):
    """``[model]``: a plain stack of layers, from the input to the output."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")] = "sequential"
    layers: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Compile(Table):
    """``[compile]``: names or tables, for example ``optimizer = { class = "SGD", learning_rate = 0.1 }``."""

    optimizer: Any
    loss: Any
    metrics: list[Any] = []


class Fit(Table):
    """``[fit]``: Keras's arguments of ``fit``. validation_split takes the last rows of the training set."""

    epochs: Count
    batch_size: Count = 32
    validation_split: Fraction = 0.0
    shuffle: bool = True
    class_weight: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None


SECTIONS: dict[str, type[Table]] = {"data": Data, "model": ModelTable, "compile": Compile, "fit": Fit}

FILES_ONLY = {"test_path", "target", "features"}
TABLES_ONLY = {"exclude", "categorical", "header", "delimiter", "missing", "derive"}


def applies(key: str, data: Data) -> bool:
    """Whether a key of ``[data]`` is meaningful for the chosen source."""
    suffix = (data.path or "").lower().rpartition(".")[2]
    if key in TABLES_ONLY:
        return suffix in ("csv", "tsv")
    if key in FILES_ONLY:
        return data.path is not None
    if key == "test_split":
        return data.name is None and data.test_path is None
    return True

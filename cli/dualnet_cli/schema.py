"""The schema of a config, table by table. ``config.py`` validates a file against it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Column = str | int
"""A column of a table: its name, or its position counted from 0, or from the end with -1, -2 ..."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**9)]


MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "#n/a", "#na", "<na>")
"""What counts as an empty cell by default."""


class Table(BaseModel):
    """A table of a config: no conversions ("3" is not 3), no unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Top(Table):
    """The keys above the first table.

    name: name of the run directory; by default that of the file.
    device: "auto" (a GPU if available, else the CPU), "cpu", "gpu", "gpu:1".
    backend: the same by array library: "numpy" or "cupy".
    seed: seed of the initial weights, the shuffles and the dropout masks.
    num_threads: how many threads compute on the CPU, which changes no result; by default as many as there are processors.
    matmul_precision: how a GPU multiplies matrices of float32: "float32", or "tensorfloat32", which is faster and less exact.
    graphs: whether a GPU records steps as CUDA graphs, which it launches as a whole; the results are the same.
    training_warnings: whether to warn of likely mistakes, such as inputs that are not scaled or a missing activation.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$", max_length=100)] | None = None
    device: Annotated[str, Field(pattern=r"^(auto|cpu|gpu(:\d+)?)$")] = "auto"
    backend: Literal["numpy", "cupy"] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    training_warnings: bool = True
    graphs: bool = True
    num_threads: Annotated[int, Field(ge=1)] | None = None
    matmul_precision: Literal["float32", "tensorfloat32"] | None = None


Target = Column | Annotated[list[Column], Field(min_length=1)]


class OutputTarget(Table):
    """What one of several outputs is trained on: ``columns`` of a table or an ``array``, and how it is prepared, as the keys of
    ``[data]`` that begin with ``target_``."""

    columns: Column | Annotated[list[Column], Field(min_length=1)] | None = None
    array: Annotated[str, Field(min_length=1)] | None = None
    type: Literal["auto", "number", "class"] = "auto"
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None = None
    scale: Positive | None = None
    scaling: Literal["none", "standard"] = "none"
    one_hot: bool = False


class Data(Table):
    """``[data]``: where the samples come from (one of ``name``, ``path``, ``x`` with ``y``) and how they are prepared.

    name: "digits", "mnist", "fashion_mnist" or "cifar10", with their own test sets.
    path: a .csv, .tsv or .npz file, relative to the config, or to DUALNET_DATA_DIR; a table may be compressed (.csv.gz). A .txt file,
    for a language model of its characters. A folder with a subfolder of images, or of .txt files, for each class.
    test_path: a second such file, the test set.
    urls, sha256: where to download the file of ``path`` from when it is in neither place, and its checksum. The urls are
    tried one after the other; the file is kept in the cache.
    x, y: the samples themselves, for tiny data sets.

    For tables (.csv, .tsv):
    target: the column to predict, or a list of them; by default the last one; "input" (unless a column is called so): the features
    themselves, as autoencoders have it. For a model with several outputs a table of these by output, where one may be an
    ``OutputTarget``: { species = "species", size = { columns = ["length", "width"], scaling = "standard" } }.
    features: the columns to predict from; by default all others. exclude: columns to exclude from those.
    categorical: text columns to one-hot encode.
    header: whether the first line contains column names. delimiter: "," ";" "\\t" ... or "auto".
    skip_lines: lines to leave out: the first n, or a list of line numbers, such as [2] for a line of units.
    encoding: of the file: "utf-8", "latin-1", "cp1252", "utf-16" ...
    decimal: the decimal mark, "." or ",". thousands: the mark between groups of digits: "," "." " " or "'".
    units: texts to cut off numbers, before or after them: ["$", "%", "kg"]; 10% is then 10. A column has numbers of one unit.
    missing: how to handle empty cells: "error", "drop" the row, or fill in the training "mean" of the column.
    missing_values: what counts as an empty cell, in capitals or not; a number, such as "-999", counts in any spelling.
    derive: new columns by name, each a formula of others: { rooms = "total_rooms / households" }. They are features
    like the columns of the file.

    text: the column of text that is the only feature, for a model that begins with TextVectorization.
    window: for rows in the order of time: a sample is so many rows one after the other, the target that of a row after them. The features
    are then all columns, those of the target with the rest, and the last rows are those to validate and to test.
    horizon: how many rows after the last one of the window the target is.

    For text (.txt): window: how many characters a sample has; its target is, for each of them, the next. stride: how many characters
    after the one before a window begins; by default ``window``.

    For folders: image_size: [height, width], to which images are scaled; by default all have to have one size. color_mode: "rgb",
    "grayscale" or "rgba".

    For arrays (.npz): ``features`` and ``target`` name the two arrays. Without them x and y, or x_train and y_train,
    are used, and x_test and y_test, if present, as the test set. Data of ``name``, and of ``x`` and ``y``, has one target, "y".

    target_type: "class" numbers the distinct target values 0, 1, 2 ... in sorted order; "number" leaves them unchanged;
    "auto" treats text as classes and leaves numbers unchanged; it refuses a column that holds both, text that may be a
    number or a date, such as "$10" or "1,000", and classes that look alike, such as "Yes" and "yes".
    target_threshold: convert the target to 1 from this value on and 0 below. target_scale: divisor of the target.
    target_scaling: "standard" (mean 0, deviation 1), fitted on the training samples only.
    one_hot: encode class numbers as rows of 0 and 1, as categorical_crossentropy expects.
    scaling: "standard" (mean 0, deviation 1) or "minmax" (0 to 1), per feature, fitted on the training samples only.
    ddof: 1 for the sample standard deviation (divided by n - 1), 0 for that of the population.
    scale: divisor of every feature. flatten: flatten each sample to a vector.
    shuffle: shuffle the rows before the split; by default for files, where rows are often sorted.
    test_split: the fraction of the rows, taken from the end, for the test set.
    dtype: dtype of the features.
    """

    name: Literal["digits", "mnist", "fashion_mnist", "cifar10"] | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    test_path: Annotated[str, Field(min_length=1)] | None = None
    urls: Annotated[list[Annotated[str, Field(pattern=r"^(https?|file)://")]], Field(min_length=1)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None
    x: Annotated[list[Any], Field(min_length=1)] | None = None
    y: Annotated[list[Any], Field(min_length=1)] | None = None
    target: Target | Annotated[dict[str, Target | OutputTarget], Field(min_length=1)] | None = None
    features: Column | Annotated[list[Column], Field(min_length=1)] | None = None
    exclude: list[Column] = []
    categorical: list[Column] = []
    header: Literal["auto"] | bool = "auto"
    delimiter: Annotated[str, Field(pattern=r"^(auto|[^\r\n\"])$")] = "auto"
    skip_lines: Annotated[int, Field(ge=0)] | list[Annotated[int, Field(ge=1)]] = 0
    encoding: Annotated[str, Field(min_length=1, max_length=40)] = "utf-8"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    units: list[Annotated[str, Field(min_length=1, pattern=r"^[^\d\s+-][^\d]*$")]] = []
    missing: Literal["error", "drop", "mean"] = "error"
    missing_values: list[str] = list(MISSING)
    derive: dict[Annotated[str, Field(min_length=1)], Annotated[str, Field(min_length=1, max_length=1000)]] = {}
    text: Column | None = None
    window: Count | None = None
    horizon: Count = 1
    stride: Count | None = None
    image_size: Annotated[list[Annotated[int, Field(ge=1, le=10000)]], Field(min_length=2, max_length=2)] | None = None
    color_mode: Literal["rgb", "grayscale", "rgba"] = "rgb"
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

    def targets(self) -> dict[str, Data]:
        """``[data]`` for the target of each output, by its name; that of a model with one output is called ""."""
        if not isinstance(self.target, dict):
            return {"": self}
        return {name: self._of_output(target) for name, target in self.target.items()}

    @property
    def one_target(self) -> Column | list[Column] | None:
        """``target`` of one of ``targets()``."""
        assert not isinstance(self.target, dict)
        return self.target

    @property
    def target_columns(self) -> list[Column]:
        """All columns or arrays that ``target`` names."""
        listed = [data.one_target for data in self.targets().values()]
        return [
            c for target in listed if target is not None for c in (target if isinstance(target, list) else [target])
        ]

    def _of_output(self, target: Column | list[Column] | OutputTarget) -> Data:
        if not isinstance(target, OutputTarget):
            return self.model_copy(update={"target": target})
        update = {f"target_{key}": getattr(target, key) for key in ("type", "threshold", "scale", "scaling")}
        column = target.array if target.columns is None else target.columns
        return self.model_copy(update={"target": column, "one_hot": target.one_hot, **update})


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]


class ModelInput(Table):
    """One of ``[[model.inputs]]``: an input of the model, and what of a sample goes in there.

    name: by which layers take it. columns: the features that it gets, of a table by name or else by position; by default that of its
    name. array: of an .npz file, the array that it gets; by default that of its name.
    """

    name: Name
    columns: Column | Annotated[list[Column], Field(min_length=1)] | None = None
    array: Annotated[str, Field(min_length=1)] | None = None


class ModelTable(Table):
    """``[model]``: layers from the input to the output, a chain or a graph (graph.py), or a function that makes a model.

    inputs: the inputs, if there are several: see ``ModelInput``.
    python: "file.py:function", which makes the model; the file is found as those of ``[data]``. arguments: what else it gets, by name.

    application: a network of ``dualnet.applications`` that stands before the layers, which are then its head: a name, or a
    table with its arguments, ``{ class = "MobileNetV2", input_shape = [96, 96, 3] }``. The samples are images with pixels
    from 0 to 255; they are resized to ``input_shape``, by default their own size, and prepared as the network was trained.
    weights: "imagenet" (the default), "none", or a file, found as those of ``[data]``. pooling: "avg" (the default) or "max".
    trainable: whether it is trained with the head; by default false, but true for weights = "none".
    """

    name: Name = "sequential"
    application: Any = None
    python: Annotated[str, Field(min_length=1)] | None = None
    arguments: dict[str, Any] | None = None
    inputs: Annotated[list[ModelInput], Field(min_length=1)] | None = None
    layers: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs; the only one of most models is called "input"."""
        return ["input"] if self.inputs is None else [entry.name for entry in self.inputs]


class Compile(Table):
    """``[compile]``: names or tables, for example ``optimizer = { class = "SGD", learning_rate = 0.1 }``.

    A model with several outputs has a table of losses by the name of the layer that is the output, ``{ digit = "mse", ... }``, and likewise
    ``metrics = { digit = ["mae"] }``. loss_weights: what each loss is multiplied by in their sum; by default 1.
    """

    optimizer: Any
    loss: Any
    loss_weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None
    metrics: list[Any] | dict[str, list[Any]] = []

    @property
    def outputs(self) -> list[str] | None:
        """The names of the outputs, if they have names here."""
        return list(self.loss) if isinstance(self.loss, dict) and "class" not in self.loss else None


class FineTune(Table):
    """``fine_tune`` of ``[fit]``: how long the whole model is trained after the head, and how fast."""

    epochs: Count
    learning_rate: Positive


class Fit(Table):
    """``[fit]``: Keras's arguments of ``fit``. validation_split takes the last rows of the training set.

    fine_tune: after those epochs some more, in which the application is trained with the head, as a rule with a small rate:
    ``{ epochs = 5, learning_rate = 1e-5 }``. Its BatchNormalization layers keep the statistics and weights they have.
    """

    epochs: Count
    batch_size: Count = 32
    validation_split: Fraction = 0.0
    shuffle: bool = True
    class_weight: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None
    fine_tune: FineTune | None = None

    @property
    def all_epochs(self) -> int:
        """With those of ``fine_tune``."""
        return self.epochs + (0 if self.fine_tune is None else self.fine_tune.epochs)


class Checkpoints(Table):
    """``[checkpoints]``: how often the run keeps all of its state, from which ``dualnet train --resume`` goes on.

    There is a checkpoint after every epoch (epochs so short that their checkpoints would take a tenth of the time share one), and
    when the run is stopped.

    every_steps: also after so many steps; 0: not by steps.
    every_minutes: also after the step that ends such a time; 0: not by time.
    keep: how many of the newest are kept; 0: there are no checkpoints.
    best: whether the one after the epoch with the best val_loss is kept too.
    """

    every_steps: Annotated[int, Field(ge=0, le=10**9)] = 0
    every_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0
    keep: Annotated[int, Field(ge=0, le=10**9)] = 2
    best: bool = True


SECTIONS: dict[str, type[Table]] = {
    "data": Data,
    "model": ModelTable,
    "compile": Compile,
    "fit": Fit,
    "checkpoints": Checkpoints,
}
OPTIONAL = {"checkpoints"}

INPUT = "input"
"""The target of a model that is to give back its input."""

TABLE_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
OF_A_TARGET = {"target_type", "target_threshold", "target_scale", "target_scaling", "one_hot"}
"""What belongs to the target of an output, where there are several."""

# The kinds of data that a key is for; one that is not listed is for all of them.
_TABLE, _ARRAYS, _TEXT, _FOLDER, _NAME, _LISTS = "a table", "arrays", "a text", "a folder", "name", "x"
_FILES = frozenset({_TABLE, _ARRAYS, _TEXT, _FOLDER})
_SAMPLES = frozenset({_TABLE, _ARRAYS, _FOLDER, _NAME, _LISTS})
_KINDS: dict[str, frozenset[str]] = {
    key: frozenset(kinds)
    for kinds, keys in (
        (_FILES, "test_path"),
        (_FILES | {_LISTS}, "test_split"),
        ({_TABLE, _ARRAYS, _TEXT}, "urls sha256"),
        ({_TABLE, _ARRAYS}, "features"),
        ({_TABLE}, "exclude categorical header delimiter skip_lines decimal thousands units missing missing_values"),
        ({_TABLE}, "derive text horizon"),
        ({_TABLE, _TEXT, _FOLDER}, "encoding"),
        ({_TABLE, _TEXT}, "window"),
        ({_TEXT}, "stride"),
        ({_FOLDER}, "image_size color_mode"),
        (_SAMPLES, "target one_hot target_type target_threshold target_scale target_scaling"),
        (_SAMPLES, "scaling ddof scale flatten shuffle dtype"),
    )
    for key in keys.split()
}


def kind(data: Data) -> str:
    """Where the samples come from: what ``_KINDS`` lists."""
    if data.path is None:
        return _NAME if data.name is not None else _LISTS
    return path_kind(data.path)


def path_kind(path: str) -> str:
    """What a path names, by its end; one that ends like no file of a known kind is a folder."""
    suffix = path.lower()
    if suffix.endswith(TABLE_SUFFIXES):
        return _TABLE
    return _ARRAYS if suffix.endswith(".npz") else _TEXT if suffix.endswith(".txt") else _FOLDER


def is_table(path: str) -> bool:
    """Whether a file is a table, by its name."""
    return path_kind(path) == _TABLE


def is_folder(path: str) -> bool:
    """Whether a path is that of a folder, by its name."""
    return path_kind(path) == _FOLDER


def is_text(path: str) -> bool:
    """Whether a file is a text, by its name."""
    return path_kind(path) == _TEXT


def applies(key: str, data: Data) -> bool:
    """Whether a key of ``[data]`` is meaningful for the chosen source."""
    if key in _KINDS and kind(data) not in _KINDS[key]:
        return False
    if key in OF_A_TARGET:
        return not isinstance(data.target, dict)
    if key in ("shuffle", "text"):
        return data.window is None
    if key == "horizon":
        return data.window is not None
    if data.text is not None and key in (
        "features",
        "exclude",
        "categorical",
        "derive",
        "scaling",
        "scale",
        "ddof",
        "dtype",
    ):
        return False
    return not (key == "test_split" and data.test_path is not None)

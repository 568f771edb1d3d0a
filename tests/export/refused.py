"""What cannot be exported to ONNX, and the message of each. ``python -m tests.export.refused`` writes the lists in docs/exporting.md."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dualnet
from dualnet import Input, layers, ops
from dualnet.models import Model

DOCS = Path(__file__).parents[2] / "docs" / "exporting.md"
BEGIN, END = "<!-- written by python -m tests.export.refused -->", "<!-- end -->"


class ReadsAValue(layers.Layer):
    def call(self, x: Any) -> Any:
        return x * 2 if float(ops.sum(x)) > 0 else x


class LoopsOverSteps(layers.Layer):
    def call(self, x: Any) -> Any:
        return sum(x[:, i] for i in range(x.shape[1]))


class DrawsInNumPy(layers.Layer):
    def call(self, x: Any) -> Any:
        return x + np.random.default_rng().random()


class MakesATableInNumPy(layers.Layer):
    def call(self, x: Any) -> Any:
        return x + ops.convert_to_tensor((np.linspace(0, 1, x.shape[1]) ** 2).astype("float32"))


class KeepsAState(layers.Layer):
    def build(self, shape: Any) -> None:
        self.n = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, x: Any) -> Any:
        self.n.assign_add(1.0)
        return x * self.n


class Samples(layers.Layer):
    def call(self, x: Any) -> Any:
        return x + dualnet.random.normal(ops.shape(x))


class DropsAlways(layers.Layer):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dropout = layers.Dropout(0.5, name="inner")

    def call(self, x: Any) -> Any:
        return self.dropout(x, training=True)


class Trains(layers.Layer):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.norm = layers.BatchNormalization(name="inner")

    def call(self, x: Any) -> Any:
        return self.norm(x, training=True)


class Inverts(layers.Layer):
    def call(self, x: Any) -> Any:
        return ops.inv(x[:, :, None] * x[:, None, :])


class CountsIds(layers.Layer):
    def call(self, x: Any) -> Any:
        return ops.bincount(x)


class SelectsByAMask(layers.Layer):
    def call(self, x: Any) -> Any:
        return x[x > 0.5]


class Refused(NamedTuple):
    """title: in the list. make: the layer. shape, dtype: of its input, without the batch. message: a pattern of the message."""

    title: str
    make: Callable[..., Any]
    message: str
    shape: tuple[int | None, ...] = (4,)
    dtype: str = "float32"
    options: dict[str, Any] = {}  # noqa: RUF012

    def model(self) -> Model:
        layer = self.make(name="layer", **self.options)
        stateful = getattr(layer, "stateful", False)
        x = Input(self.shape, dtype=self.dtype, batch_size=2 if stateful else None)
        return Model(x, layer(x))


WORD: dict[str, Any] = {"shape": (1,), "dtype": "string"}
VOCABULARY = {"vocabulary": ["a"]}
TABLE = [
    Refused("`if` on the value of a tensor, `float(x)`, `.numpy()`", ReadsAValue, "a value is read on the host"),
    Refused("a loop over an axis of unknown length", LoopsOverSteps, "which ops run depends on the sizes", (None,)),
    Refused("a number from NumPy that is another one each time", DrawsInNumPy, "is another one for other inputs"),
    Refused("a table from NumPy as long as an unknown axis", MakesATableInNumPy, "made outside of the ops", (None,)),
    Refused("a variable that counts calls", KeepsAState, "a variable is assigned to .* cannot be exported"),
    Refused("`stateful=True`", layers.LSTM, "a variable is changed .*stateful=True", (5, 4), options={"units": 3, "stateful": True}),
    Refused("`BatchNormalization` called with `training=True`", Trains, "a variable is changed when the model predicts"),
    Refused("`Dropout` called with `training=True`", DropsAlways, "random numbers are drawn when the model predicts"),
    Refused("a layer that samples", Samples, "random"),
    Refused("a selection by a mask", SelectsByAMask, "'get_item' by a mask is not exported"),
    Refused("`bincount` without a length that is known", CountsIds, "the largest number is read on the host", dtype="int32"),
    Refused("an op of the list below", Inverts, "the op 'inv' is not exported to ONNX"),
    Refused("`TextVectorization` before version 20", layers.TextVectorization, "pass opset_version=20", **WORD, options=VOCABULARY),
    Refused(
        "`TextVectorization` that splits into characters", layers.TextVectorization, "split='character'.*run the layer before", **WORD,
        options=VOCABULARY | {"split": "character"},
    ),
    Refused("`TextVectorization` with n-grams", layers.TextVectorization, "ngrams=2", **WORD, options=VOCABULARY | {"ngrams": 2}),
    Refused("`Hashing`, `HashedCrossing`", layers.Hashing, "ONNX cannot hash", **WORD, options={"num_bins": 5}),
    Refused("`StringLookup` that hashes", layers.StringLookup, "num_oov_indices=2", **WORD, options=VOCABULARY | {"num_oov_indices": 2}),
    Refused("`StringLookup` of other strings", layers.StringLookup, "latin-1", **WORD, options=VOCABULARY | {"encoding": "latin-1"}),
    Refused(
        "`IntegerLookup` that refuses unknown numbers", layers.IntegerLookup, "read on the host", (1,), "int64",
        {"vocabulary": [1], "num_oov_indices": 0},
    ),
]  # fmt: skip


def unexported_ops() -> list[str]:
    """The ops that have no exporter, by the names in messages."""
    importlib.import_module("dualnet.export.onnx.exporters")
    graph = importlib.import_module("dualnet.export.onnx.graph")
    names = set()
    for module in pkgutil.walk_packages(ops.__path__, "dualnet.ops."):
        for value in vars(importlib.import_module(module.name)).values():
            info = getattr(getattr(value, "primitive", None), "info", None)
            if info is not None and ".higher_order" not in value.__module__:
                names.add(info.name)
    return sorted(name.lstrip("_") for name in names - set(graph.EXPORTERS))


def message_of(row: Refused) -> str:
    """What the export of a row says."""
    from dualnet.export import ExportError
    from dualnet.export.onnx.writer import to_onnx

    try:
        to_onnx(row.model())
    except ExportError as error:
        return str(error)
    raise AssertionError(f"{row.title} is exported: take it out of the list")


def section() -> str:
    """The lists, as they stand in the documentation."""
    rows = "\n".join(f"| {row.title} | {message_of(row)} |" for row in TABLE)
    listed = textwrap.fill(", ".join(f"`{name}`" for name in unexported_ops()), 120, break_on_hyphens=False)
    return f"{BEGIN}\n\n| what | message |\n|---|---|\n{rows}\n\nOps that are not exported:\n{listed}.\n\n{END}"


def main() -> None:
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    DOCS.write_text(before + section() + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

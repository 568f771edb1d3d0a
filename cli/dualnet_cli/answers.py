"""Predictions in the units and names of the data: classes with their probability, numbers scaled back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import printable
from .preparation import Preparation
from .trained import Trained

Cells = list[str]


@dataclass(frozen=True)
class Reading:
    """How the outputs of a model are to be read.

    kind: "classes" (an output for each), "binary" (one output, the probability of the second), "sign" (one output, above 0 for the
    second), "nearest" (one output, the number of a class, more or less), "numbers".
    classes: the names of the classes. from_logits: whether the outputs become probabilities only by softmax or sigmoid.
    target: the name of what is predicted.
    """

    kind: str
    classes: list[str] | None
    from_logits: bool
    targets: list[str]


def reading(trained: Trained, outputs: tuple[int | None, ...]) -> Reading:
    """How to read outputs, by what the model was trained with. outputs: the shape of those of one sample."""
    learned = trained.preparation
    names = learned.target_names if learned else []
    loss, from_logits = _loss(trained.model)
    classes = _classes(learned)
    count = outputs[0] if len(outputs) == 1 else None
    if loss in ("sparsecategoricalcrossentropy", "categoricalcrossentropy") and count and count > 1:
        known = classes if classes and len(classes) == count else [str(i) for i in range(count)]
        return Reading("classes", known, from_logits, names)
    if loss in ("binarycrossentropy", "binaryfocalcrossentropy") and count == 1:
        return Reading("binary", classes if classes and len(classes) == 2 else ["0", "1"], from_logits, names)
    if loss in ("hinge", "squaredhinge") and count == 1 and classes and len(classes) == 2:
        return Reading("sign", classes, False, names)
    if classes and count == 1:
        return Reading("nearest", classes, False, names)
    return Reading("numbers", None, False, names)


def columns(y: Any, how: Reading, learned: Preparation | None, all_classes: bool) -> dict[str, Cells]:
    """Columns of text for predictions.  y: (n, ...)

    all_classes: a column with the probability of every class too.
    """
    if how.kind == "numbers":
        return _numbers(y if learned is None else learned.predictions(y), how)
    assert how.classes is not None
    name = f"predicted {how.targets[0]}" if len(how.targets) == 1 else "predicted"
    if how.kind in ("sign", "nearest"):
        values = np.asarray(y).reshape(len(y))
        number = values > 0 if how.kind == "sign" else np.clip(np.rint(values), 0, len(how.classes) - 1)
        return {name: [how.classes[i] for i in number.astype(int)], "output": [_number(value) for value in values]}
    p = np.asarray(y, np.float64)
    if how.kind == "binary":
        p = p.reshape(len(p), 1)
        p = 1 / (1 + np.exp(-p)) if how.from_logits else p
        p = np.concatenate([1 - p, p], axis=1)
    elif how.from_logits:
        p = np.exp(p - p.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
    # As BinaryAccuracy counts: 0.5 is still the first class.
    chosen = (p[:, 1] > 0.5).astype(int) if how.kind == "binary" else p.argmax(axis=1)
    result = {
        name: [how.classes[i] for i in chosen],
        "probability": [_probability(row[i]) for row, i in zip(p, chosen)],
    }
    if all_classes:
        result |= {f"probability {c}": [_probability(v) for v in p[:, i]] for i, c in enumerate(how.classes)}
    return result


def _numbers(y: Any, how: Reading) -> dict[str, Cells]:
    flat = np.asarray(y).reshape(len(y), -1)
    names = [f"predicted {name}" for name in how.targets]
    if len(names) != flat.shape[1]:
        names = ["predicted"] if flat.shape[1] == 1 else [f"predicted {i}" for i in range(flat.shape[1])]
    return {name: [_number(v) for v in flat[:, i]] for i, name in enumerate(names)}


def _loss(model: Any) -> tuple[str, bool]:
    """The name of the loss without capitals and "_", and whether it takes logits."""
    loss = getattr(model, "loss", None)
    config: dict[str, Any] = getattr(loss, "get_config", dict)()
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", None) or type(loss).__name__
    name = name.replace("_", "").lower()
    return name, bool(config.get("from_logits"))


def _classes(learned: Preparation | None) -> list[str] | None:
    if learned is None:
        return None
    if learned.data.target_threshold is not None:
        limit = f"{learned.data.target_threshold:g}"
        return [f"< {limit}", f">= {limit}"]
    return learned.classes


def _probability(p: float) -> str:
    return f"{p:.6g}"


def _number(value: Any) -> str:
    """All digits that a number has, and no more: 0.1, 12"""
    text = str(value.item() if value.dtype.kind in "iub" else value)
    return text.removesuffix(".0")


def aligned(columns: dict[str, Cells]) -> list[str]:
    """Columns as the lines of a table on a terminal: numbers to the right."""
    from .streams import align

    names = list(columns)
    rows = [names, *(list(map(printable, row)) for row in zip(*columns.values()))]
    return align([list(map(printable, row)) for row in rows], str.rjust)

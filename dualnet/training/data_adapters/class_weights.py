"""Class weights: one number per class, turned into one weight per label when the data is prepared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import dualnet_backends as backends

from ... import config, losses, tree
from ...core.tensor import Tensor
from ..loss_assignment import identifiers, is_inferred

_ONE_HOT_TOLERANCE = 1e-3  # of the sum of a row: float16 labels, smoothed ones


class ClassWeight(NamedTuple):
    """The weights by class, and what is known of the labels.

    sparse: whether they are classes (True), one-hot (False) or either (None). output_rank: the number of axes of the output.
    binary: whether they may be numbers from 0 to 1.
    """

    weights: dict[int, float]
    sparse: bool | None = None
    output_rank: int | None = None
    binary: bool = False


def make_class_weight(model: Any, class_weight: Any) -> ClassWeight | None:
    """The argument ``class_weight`` of a model's ``fit``, checked. What the labels are follows from the loss and the output."""
    if class_weight is None or isinstance(class_weight, ClassWeight):
        return class_weight
    if isinstance(class_weight, Mapping):
        pairs = list(class_weight.items())
    elif not isinstance(class_weight, str) and (hasattr(class_weight, "__len__") or hasattr(class_weight, "tolist")):
        shape = getattr(class_weight, "shape", (len(class_weight),))
        if len(shape) != 1:
            raise ValueError(f"class_weight as an array has one weight per class, got the shape {tuple(shape)}")
        pairs = list(enumerate(class_weight))
    else:
        raise ValueError(
            f"class_weight is a dictionary from class to weight, or a list with one weight per class, got {class_weight!r}"
        )
    weights = {_label(label): _weight(label, weight) for label, weight in pairs}
    outputs = [] if model._graph is None else tree.flatten(model._graph.outputs)
    function = _loss_function(model.loss)
    is_known = function in (losses.sparse_categorical_crossentropy, losses.categorical_crossentropy)
    is_binary = function in (losses.binary_crossentropy, losses.binary_focal_crossentropy)
    if len(outputs) == 1 and (is_known or is_binary):
        _check_labels(weights, outputs[0].shape[-1], is_binary, model.loss)
    return ClassWeight(
        weights,
        function is losses.sparse_categorical_crossentropy if is_known else None,
        len(outputs[0].shape) if len(outputs) == 1 else None,
        is_binary,
    )


def _check_labels(weights: dict[int, float], units: int | None, is_binary: bool, loss: Any) -> None:
    """Refuse weights of classes that the output does not have: classes are numbered from 0."""
    if units is None or (is_binary and units > 1):
        return
    classes = 2 if is_binary else units
    allowed = {*range(classes), (getattr(loss, "_fn_kwargs", None) or {}).get("ignore_class")}
    wrong = [label for label in weights if label not in allowed]
    if wrong:
        raise ValueError(
            f"class_weight has the class {wrong[0]}, but the model has {classes} classes, numbered from 0 to {classes - 1}; a class "
            "that is not named has weight 1"
        )


def _label(label: Any) -> int:
    try:
        whole = int(label)
        if whole == float(label):
            return whole
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"class_weight has the key {label!r}: keys are classes, whole numbers. It weighs the labels of a model with a single "
        "output; with several outputs, use sample_weight"
    )


def _weight(label: Any, weight: Any) -> float:
    if isinstance(weight, Tensor):  # a Variable among them
        raise TypeError(
            f"class_weight[{label!r}] is a {type(weight).__name__}: the labels are weighed once, before the first step, so that "
            "later changes of it would do nothing. Give a number; for weights that change, use sample_weight"
        )
    try:
        value = float(weight)
    except (TypeError, ValueError):
        raise TypeError(f"class_weight[{label!r}] must be a number, got {weight!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"class_weight[{label!r}] must be finite, got {weight!r}")
    return value


def _loss_function(loss: Any) -> Any:
    """The function of a single loss; None where it is not known, as for several losses."""
    specs = list(identifiers(loss))
    if len(specs) != 1 or is_inferred(specs[0]):
        return None
    loss = losses.get(specs[0])
    return getattr(loss, "fn", loss)


def sample_weights_of(y: Any, class_weight: ClassWeight) -> Any:
    """One weight per label: per sample, or per step or pixel where there is a label for each."""
    if y is None:
        raise ValueError("class_weight needs y, the labels it weighs")
    if tree.is_nested(y) and any(hasattr(leaf, "shape") for leaf in tree.flatten(y)):
        raise ValueError("class_weight is for models with a single output; with several, use sample_weight")
    host = backends.get("cpu")
    xp = host.xp
    labels = host.asarray(backends.of(y).to_numpy(y) if hasattr(y, "dtype") else y)
    sparse = class_weight.sparse
    if sparse is None and class_weight.output_rank is not None:
        sparse = labels.ndim < class_weight.output_rank
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    elif labels.ndim > 1 and sparse is not True:
        off = xp.abs(labels.sum(axis=-1, dtype="float64") - 1) > _ONE_HOT_TOLERANCE
        if bool(off.any()) or bool(((labels < 0) | (labels > 1)).any()):
            raise ValueError(
                f"class_weight weighs classes, and y of shape {labels.shape} holds neither one class per sample nor one-hot "
                "rows. Labels per time step go with sparse_categorical_crossentropy, or need a last axis of length 1; for "
                "several labels at once, use sample_weight"
            )
        labels = labels.argmax(axis=-1)
    if labels.dtype.kind == "f":
        wrong = labels != xp.round(labels)
        if class_weight.binary:  # smoothed labels
            wrong &= ~((labels >= 0) & (labels <= 1))
        if bool(wrong.any()):
            raise ValueError(
                f"class_weight weighs classes, and y holds {labels.reshape(-1)[int(wrong.argmax())]}, which is no class: classes are "
                "whole numbers. For targets that are numbers, give each sample its weight in sample_weight"
            )
    labels = xp.round(labels).astype("int64")
    weights = xp.ones(labels.shape, dtype=config.floatx())
    for label, weight in class_weight.weights.items():
        weights[labels == label] = weight
    return weights

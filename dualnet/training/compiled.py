"""The loss and the metrics of ``compile``, resolved when the first batch shows the shapes."""

from __future__ import annotations

import inspect
from typing import Any

from .. import losses, metrics
from ..naming import to_snake_case


def _kind(y_true: Any, y_pred: Any) -> str:
    """ "binary", "sparse" or "categorical": what the shapes of labels and output say."""
    true, pred = y_true.shape, y_pred.shape
    if pred[-1:] == (1,) or len(pred) == 0:
        return "binary"
    if len(true) < len(pred) or (true[-1] == 1 and pred[-1] > 1):
        return "sparse"
    return "categorical"


_ACCURACY = {
    "binary": metrics.BinaryAccuracy,
    "sparse": metrics.SparseCategoricalAccuracy,
    "categorical": metrics.CategoricalAccuracy,
}
_CROSSENTROPY_LOSS = {
    "binary": losses.BinaryCrossentropy,
    "sparse": losses.SparseCategoricalCrossentropy,
    "categorical": losses.CategoricalCrossentropy,
}
_CROSSENTROPY_METRIC = {
    "binary": metrics.BinaryCrossentropy,
    "sparse": metrics.SparseCategoricalCrossentropy,
    "categorical": metrics.CategoricalCrossentropy,
}


class CompiledLoss:
    """The loss of a model with one output: ``loss(y_true, y_pred, sample_weight) -> scalar tensor``."""

    def __init__(self, identifier: Any, weight: Any = None) -> None:
        identifier, weight = _single(identifier, "loss"), _single(weight, "loss_weights")
        self.identifier, self.weight = identifier, None if weight is None else float(weight)
        self._loss: Any = None
        if identifier not in ("crossentropy", "ce"):
            self._loss = _as_loss(losses.get(identifier))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if self._loss is None:
            self._loss = _CROSSENTROPY_LOSS[_kind(y_true, y_pred)]()
        value = self._loss(y_true, y_pred, sample_weight)
        return value if self.weight is None else value * self.weight


def _as_loss(loss: Any) -> Any:
    """A function ``(y_true, y_pred) -> one number per sample`` becomes a loss that averages."""
    if isinstance(loss, losses.Loss):
        return loss
    name = getattr(loss, "__name__", "loss")
    return losses.LossFunctionWrapper(loss, name=to_snake_case(name))


class CompiledMetrics:
    """The metrics of ``compile``: those that ignore sample weights, then those that use them."""

    def __init__(self, unweighted: Any, weighted: Any) -> None:
        self._given = [(m, False) for m in _listed(unweighted, "metrics")]
        self._given += [(m, True) for m in _listed(weighted, "weighted_metrics")]
        for m, _ in self._given:
            if isinstance(m, str) and m not in ("accuracy", "acc", "crossentropy", "ce"):
                metrics.get(m)  # an unknown name is an error at compile, not at the first step
        self.metrics: list[Any] = []
        self._weighted: list[bool] = []
        self.built = not self._given

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metrics; now the shapes say which accuracy is meant."""
        names: dict[str, int] = {}
        for given, weighted in self._given:
            metric = _make(given, y_true, y_pred)
            name = metric.name
            if name in names and weighted:
                name = f"weighted_{name}"
            count = names.get(name, 0)
            names[name] = count + 1
            metric.name = f"{name}_{count}" if count else name
            self.metrics.append(metric)
            self._weighted.append(weighted)
        self.built = True

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take one batch in."""
        if not self.built:
            self.build(y_true, y_pred)
        for metric, weighted in zip(self.metrics, self._weighted):
            metric.update_state(y_true, y_pred, sample_weight=sample_weight if weighted else None)


def _make(given: Any, y_true: Any, y_pred: Any) -> Any:
    if isinstance(given, metrics.Metric):
        return given
    if isinstance(given, str):
        if given in ("accuracy", "acc"):
            metric: Any = _ACCURACY[_kind(y_true, y_pred)]()
        elif given in ("crossentropy", "ce"):
            metric = _CROSSENTROPY_METRIC[_kind(y_true, y_pred)]()
        else:
            metric = metrics.get(given)
            if not isinstance(metric, metrics.Metric):
                metric = metrics.MeanMetricWrapper(metric, name=given)
        metric.name = given  # a metric that is given as a string is shown under that string
        return metric
    found = metrics.get(given)
    if isinstance(found, metrics.Metric):
        return found
    name = getattr(found, "__name__", type(found).__name__)
    return metrics.MeanMetricWrapper(found, name="lambda" if name == "<lambda>" else to_snake_case(name))


def _single(value: Any, argument: str) -> Any:
    """The only entry of a list or dictionary of one; models with several outputs are not there yet."""
    if isinstance(value, dict) and "class_name" not in value:
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise ValueError(f"compile: {argument} has {len(value)} entries, but the model has one output")
        return value[0]
    return value


def _listed(value: Any, argument: str) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, dict):
        value = [m for v in value.values() for m in (v if isinstance(v, (list, tuple)) else [v])]
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"compile: {argument} must be a list, such as {argument}=['accuracy'], got {value!r}")
    flat = [m for v in value for m in (v if isinstance(v, (list, tuple)) else [v])]
    for m in flat:
        if not (isinstance(m, (str, dict, metrics.Metric)) or callable(m) or inspect.isclass(m)):
            raise ValueError(f"compile: {m!r} in {argument} is not a metric: expected a name, a metric or a function")
    return flat


"""The losses and metrics of ``compile``, resolved when the first batch shows the shapes.

A model with several outputs has a name for each. What ``compile`` and the data give for them (losses, weights,
metrics, labels, sample weights) is a list in the order of the outputs or a dictionary by name; both become a list here.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from .. import losses, metrics, tree
from ..naming import to_snake_case

States = dict[str, list[Any]]  # by the name of a metric, the values of its variables


def set_states(found: Sequence[Any], states: States) -> None:
    """Let metrics go on from what they were, where their names and shapes are in ``states``."""
    for metric in found:
        values = states.get(metric.name, [])
        own = list(getattr(metric, "variables", ()))
        if len(own) == len(values) and all(v.shape == x.shape for v, x in zip(own, values)):
            for v, x in zip(own, values):
                v.assign(x)


def states_of(model: Any) -> States:
    """What the metrics of a model have taken in so far."""
    return {m.name: [v.numpy() for v in m.variables] for m in model.metrics if getattr(m, "variables", None)}


def restore_states(model: Any, states: States) -> None:
    """Let the metrics of a model go on from there; those that the first batch makes, once they are made."""
    set_states(model.metrics, states)
    for part in (model._compiled_loss, model._compiled_metrics):
        if part is not None:
            part.pending = states


def forget_pending(model: Any) -> None:
    """Metrics that are made from now on start anew."""
    for part in (model._compiled_loss, model._compiled_metrics):
        if part is not None:
            part.pending = {}


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


def output_names_of(y_pred: Any, given: Sequence[str] | None) -> list[str]:
    """The names of the outputs: the keys of a dictionary, those the model gives, or output_0, output_1 ..."""
    if isinstance(y_pred, dict):
        return sorted(y_pred)
    count = len(tree.flatten(y_pred))
    return list(given) if given is not None and len(given) == count else [f"output_{i}" for i in range(count)]


def per_output(value: Any, names: list[str], what: str) -> list[Any]:
    """One entry for each output, from a dictionary by name or a list in their order; a single value serves all."""
    if isinstance(value, dict) and "class_name" not in value:
        unknown = [key for key in value if key not in names]
        if unknown:
            raise ValueError(f"{what} names the outputs {unknown}, the model has {names}")
        return [value.get(name) for name in names]
    if isinstance(value, (list, tuple)):
        if len(value) != len(names):
            raise ValueError(
                f"{what} has {len(value)} entries, the model has {len(names)} outputs ({', '.join(names)})"
            )
        return list(value)
    return [value] * len(names)


class CompiledLoss:
    """``loss(y_true, y_pred, sample_weight) -> scalar tensor``: the weighted sum over the outputs.

    metrics: with several outputs, the running mean of each one's loss, called ``<output>_loss``; empty with one.
    """

    def __init__(self, loss: Any, weights: Any = None, names: Sequence[str] | None = None) -> None:
        self._given, self._weights_given, self._names_given = loss, weights, names
        for identifier in tree.flatten(loss) if not isinstance(loss, dict) or "class_name" not in loss else [loss]:
            if identifier not in ("crossentropy", "ce"):
                losses.get(identifier)  # an unknown name is an error at compile, not at the first step
        self.names: list[str] = []
        self.metrics: list[Any] = []
        self.pending: States = {}  # for the metrics, once they are made
        self._losses: list[Any] = []
        self._weights: list[float | None] = []

    def _build(self, y_true: Any, y_pred: Any) -> None:
        self.names = output_names_of(y_pred, self._names_given)
        given = per_output(self._given, self.names, "loss")
        labels, predictions = _labels(y_true, self.names), tree.flatten(y_pred)
        self._losses = [_as_loss(g, t, p) for g, t, p in zip(given, labels, predictions)]
        weights = per_output(self._weights_given, self.names, "loss_weights")
        self._weights = [None if w is None else float(w) for w in weights]
        if len(self.names) > 1:
            self.metrics = [metrics.Mean(name=f"{n}_loss") for n, loss in zip(self.names, self._losses) if loss]
            set_states(self.metrics, self.pending)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if not self._losses:
            self._build(y_true, y_pred)
        if len(self._losses) == 1:
            if type(y_pred) in (list, tuple, dict):
                y_true, y_pred = _labels(y_true, self.names)[0], tree.flatten(y_pred)[0]
                sample_weight = per_output(sample_weight, self.names, "sample_weight")[0]
            value = self._losses[0](y_true, y_pred, sample_weight)
            return value if self._weights[0] is None else value * self._weights[0]
        total: Any = None
        trackers = iter(self.metrics)
        weights = per_output(sample_weight, self.names, "sample_weight")
        labels = _labels(y_true, self.names)
        for loss, weight, t, p, sw in zip(self._losses, self._weights, labels, tree.flatten(y_pred), weights):
            if loss is None:
                continue
            value = loss(t, p, sw)
            next(trackers).update_state(value, sample_weight=p.shape[0])
            value = value if weight is None else value * weight
            total = value if total is None else total + value
        return total


def _labels(y_true: Any, names: list[str]) -> list[Any]:
    """The labels of each output."""
    if len(names) == 1 and not tree.is_nested(y_true):
        return [y_true]
    if not tree.is_nested(y_true):
        raise ValueError(f"the model has {len(names)} outputs ({', '.join(names)}), but y is a single array")
    return per_output(y_true, names, "y")


def _as_loss(given: Any, y_true: Any, y_pred: Any) -> Any:
    """A loss object; a function ``(y_true, y_pred) -> one number per sample`` becomes a loss that averages."""
    if given in ("crossentropy", "ce"):
        return _CROSSENTROPY_LOSS[_kind(y_true, y_pred)]()
    loss = losses.get(given)
    if loss is None or isinstance(loss, losses.Loss):
        return loss
    return losses.LossFunctionWrapper(loss, name=to_snake_case(getattr(loss, "__name__", "loss")))


class CompiledMetrics:
    """The metrics of ``compile``: those that ignore sample weights, then those that use them.

    Until the first batch shows which they are, this stands for them in ``model.metrics``, as a metric with their results.
    """

    name = "compile_metrics"

    def __init__(self, unweighted: Any, weighted: Any, names: Sequence[str] | None = None) -> None:
        self._given = (("metrics", unweighted, False), ("weighted_metrics", weighted, True))
        self._names_given = names
        for what, given, _ in self._given:
            _check(given, what)
        self.metrics: list[Any] = []
        self._plan: list[tuple[Any, int, bool]] = []  # metric, output, whether it uses the sample weights
        self.names: list[str] = []
        self.pending: States = {}  # for the metrics, once they are made
        self.built = not unweighted and not weighted

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metrics; now the shapes say which accuracy is meant."""
        self.names = output_names_of(y_pred, self._names_given)
        labels, predictions = _labels(y_true, self.names), tree.flatten(y_pred)
        used: dict[str, int] = {}
        for what, given, weighted in self._given:
            for output, entries in enumerate(_entries(given, self.names, what)):
                for entry in entries:
                    metric = _make(entry, labels[output], predictions[output])
                    prefix = f"{self.names[output]}_" if len(self.names) > 1 else ""
                    name = f"{prefix}{metric.name}"
                    if name in used and weighted:
                        name = f"{prefix}weighted_{metric.name}"
                    count = used.get(name, 0)
                    used[name] = count + 1
                    metric.name = f"{name}_{count}" if count else name
                    self._plan.append((metric, output, weighted))
        self.metrics = [metric for metric, _, _ in self._plan]
        set_states(self.metrics, self.pending)
        self.built = True

    def reset_state(self) -> None:
        """Start all again."""
        self.pending = {}
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The results so far, by name."""
        return {metric.name: metric.result() for metric in self.metrics}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take one batch in."""
        if not self.built:
            self.build(y_true, y_pred)
        if not self._plan:
            return
        if type(y_pred) in (list, tuple, dict):
            labels, predictions = _labels(y_true, self.names), tree.flatten(y_pred)
            weights = per_output(sample_weight, self.names, "sample_weight")
            for metric, i, weighted in self._plan:
                metric.update_state(labels[i], predictions[i], sample_weight=weights[i] if weighted else None)
        else:
            for metric, _, weighted in self._plan:
                metric.update_state(y_true, y_pred, sample_weight=sample_weight if weighted else None)


def _entries(given: Any, names: list[str], what: str) -> list[list[Any]]:
    """The metrics of each output."""
    if given is None:
        return [[] for _ in names]
    if len(names) == 1 and not isinstance(given, dict):
        return [tree.flatten(list(given))]
    parts = per_output(given, names, what)
    return [[] if p is None else list(p) if isinstance(p, (list, tuple)) else [p] for p in parts]


def _check(given: Any, what: str) -> None:
    """Refuse at compile what cannot be a metric."""
    if given is None:
        return
    if not isinstance(given, (list, tuple, dict)):
        raise ValueError(f"compile: {what} must be a list, such as {what}=['accuracy'], got {given!r}")
    for m in tree.flatten(given):
        if isinstance(m, str):
            if m not in ("accuracy", "acc", "crossentropy", "ce"):
                metrics.get(m)
        elif m is not None and not (isinstance(m, metrics.Metric) or callable(m) or inspect.isclass(m)):
            raise ValueError(f"compile: {m!r} in {what} is not a metric: expected a name, a metric or a function")


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

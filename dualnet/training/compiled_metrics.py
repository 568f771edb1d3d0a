"""The metrics of ``compile``, made when the first batch shows the outputs and the shapes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from .. import metrics, tree
from ..core.naming import to_snake_case
from .compiled_loss import kind_of
from .metric_state import States, set_states
from .output_structure import Output, children, for_outputs, outputs_of, weights_for

_ACCURACY = {
    "binary": metrics.BinaryAccuracy,
    "sparse": metrics.SparseCategoricalAccuracy,
    "categorical": metrics.CategoricalAccuracy,
}
_CROSSENTROPY = {
    "binary": metrics.BinaryCrossentropy,
    "sparse": metrics.SparseCategoricalCrossentropy,
    "categorical": metrics.CategoricalCrossentropy,
}


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
        self.outputs: list[Output] = []
        self.pending: States = {}  # for the metrics, once they are made
        self.built = not unweighted and not weighted

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metrics; now the shapes say which accuracy is meant."""
        self.outputs = outputs_of(y_pred, self._names_given)
        labels, predictions = for_outputs(y_true, y_pred, self.outputs, "y"), tree.flatten(y_pred)
        prefixes = self._prefixes()
        used: dict[str, int] = {}
        for what, given, weighted in self._given:
            for i, entries in enumerate(_entries(given, y_pred, self.outputs, what)):
                for entry in entries:
                    if labels[i] is None:
                        raise ValueError(
                            f"{what} names {entry!r} for the output {self.outputs[i].label}, but y lacks it"
                        )
                    metric = _make(entry, labels[i], predictions[i])
                    name = f"{prefixes[i]}{metric.name}"
                    if name in used and weighted:
                        name = f"{prefixes[i]}weighted_{metric.name}"
                    count = used.get(name, 0)
                    used[name] = count + 1
                    metric.name = f"{name}_{count}" if count else name
                    self._plan.append((metric, i, weighted))
        self.metrics = [metric for metric, _, _ in self._plan]
        set_states(self.metrics, self.pending)
        self.built = True

    def _prefixes(self) -> list[str]:
        """What is put before the names of metrics: with several outputs, the name of each.

        As in Keras, structures of more than one level go by the layers, without the keys.
        """
        if len(self.outputs) == 1:
            return [""]
        names: Any = [o.name for o in self.outputs]
        if any(len(o.path) > 1 for o in self.outputs):
            names = self._names_given if len(self._names_given or ()) == len(names) else [None] * len(names)
        return [f"{name}_" if name else "" for name in names]

    def needs_output(self) -> bool:
        """Whether there is, or may be yet, a metric to look at what the model makes of a batch."""
        return not self.built or bool(self._plan)

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
        if tree.is_nested(y_pred) or tree.is_nested(y_true) or tree.is_nested(sample_weight):
            labels, predictions = for_outputs(y_true, y_pred, self.outputs, "y"), tree.flatten(y_pred)
            weights = weights_for(sample_weight, y_pred, self.outputs)
            for metric, i, weighted in self._plan:
                metric.update_state(labels[i], predictions[i], sample_weight=weights[i] if weighted else None)
        else:
            for metric, _, weighted in self._plan:
                metric.update_state(y_true, y_pred, sample_weight=sample_weight if weighted else None)


def _entries(given: Any, y_pred: Any, outputs: list[Output], what: str) -> list[list[Any]]:
    """The metrics of each output."""
    if given is None:
        return [[] for _ in outputs]
    names = [o.name for o in outputs]
    if isinstance(given, dict) and (len(outputs) == 1 or not isinstance(y_pred, dict)):
        unknown = [key for key in given if key not in names]
        if unknown and names != [None]:
            raise _invalid(what, f"it names the outputs {unknown}", outputs)
        given = [given.get(name) for name in names] if not unknown else list(given.values())
    if len(outputs) == 1:
        return [[m for m in tree.flatten(given) if m is not None]]
    return _inside(given, y_pred, outputs, what)


def _inside(given: Any, part: Any, outputs: list[Output], what: str) -> list[list[Any]]:
    """The metrics of each output in ``part``."""
    if given is None:
        return [[] for _ in outputs]
    if not tree.is_nested(part):
        return [[m for m in tree.flatten(given) if m is not None]]
    if isinstance(given, dict):
        unknown = [key for key in given if not isinstance(part, dict) or key not in part]
        if unknown:
            raise _invalid(what, f"it names the outputs {unknown}", outputs)
        own = [given.get(key) for key, _ in children(part)]
    elif isinstance(given, (list, tuple)) and len(given) == len(part):
        own = list(given)
    else:
        count = len(given) if isinstance(given, (list, tuple)) else 1
        raise _invalid(what, f"it has {count} entries for {len(part)} outputs", outputs)
    found: list[list[Any]] = []
    for entry, (_, inner) in zip(own, children(part)):
        found += _inside(entry, inner, outputs[len(found) : len(found) + len(tree.flatten(inner))], what)
    return found


def _invalid(what: str, problem: str, outputs: list[Output]) -> ValueError:
    return ValueError(
        f"Invalid `{what}`: {problem}. Give a list with an entry for each output, or a dictionary by name; the model has "
        f"the outputs {[o.label for o in outputs]}"
    )


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
            metric: Any = _ACCURACY[kind_of(y_true, y_pred)]()
        elif given in ("crossentropy", "ce"):
            metric = _CROSSENTROPY[kind_of(y_true, y_pred)]()
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

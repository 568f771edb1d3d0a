"""The metrics of ``compile``, built when the first batch shows the outputs and the shapes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from .. import metrics, tree
from ..core.naming import to_snake_case
from .compiled_loss import target_type
from .output_structure import Output, children, for_outputs, outputs_of, weights_for
from .resume import MetricStates, set_metric_states

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
# Which one it is follows from the shapes. As in Keras, the name may be written in any case.
_INFERRED = {"accuracy": _ACCURACY, "acc": _ACCURACY, "crossentropy": _CROSSENTROPY, "ce": _CROSSENTROPY}


class CompiledMetrics:
    """The metrics of ``compile``: those that ignore sample weights, then those that use them.

    Until the first batch shows which they are, this object takes their place in ``model.metrics``, as a metric with their results.
    """

    name = "compile_metrics"

    def __init__(self, unweighted: Any, weighted: Any, names: Sequence[str] | None = None) -> None:
        self._specs = (("metrics", unweighted, False), ("weighted_metrics", weighted, True))
        self._output_names = names
        for argument, spec, _ in self._specs:
            _check(spec, argument)
        self.metrics: list[Any] = []
        self._plan: list[tuple[Any, int, bool]] = []  # metric, output, whether it uses the sample weights
        self.outputs: list[Output] = []
        self.pending: MetricStates = {}  # restored once the metrics are built
        self.built = not unweighted and not weighted

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Build the metrics; the shapes say which accuracy "accuracy" is."""
        self.outputs = outputs_of(y_pred, self._output_names)
        labels, predictions = for_outputs(y_true, y_pred, self.outputs, "y"), tree.flatten(y_pred)
        prefixes = self._prefixes()
        used: dict[str, int] = {}
        for argument, spec, weighted in self._specs:
            for i, entries in enumerate(_entries(spec, y_pred, self.outputs, argument)):
                for entry in entries:
                    if labels[i] is None:
                        raise ValueError(
                            f"{argument} names {entry!r} for the output {self.outputs[i].label}, but y lacks it"
                        )
                    metric = _metric_object(entry, labels[i], predictions[i])
                    name = f"{prefixes[i]}{metric.name}"
                    if name in used and weighted:
                        name = f"{prefixes[i]}weighted_{metric.name}"
                    count = used.get(name, 0)
                    used[name] = count + 1
                    metric.name = f"{name}_{count}" if count else name
                    self._plan.append((metric, i, weighted))
        self.metrics = [metric for metric, _, _ in self._plan]
        set_metric_states(self.metrics, self.pending)
        self.built = True

    def _prefixes(self) -> list[str]:
        """The prefix of the names of each output's metrics: with several outputs, the name of the output.

        As in Keras, structures of more than one level go by the layers, without the keys.
        """
        if len(self.outputs) == 1:
            return [""]
        names: Any = [o.name for o in self.outputs]
        if any(len(o.path) > 1 for o in self.outputs):
            names = self._output_names if len(self._output_names or ()) == len(names) else [None] * len(names)
        return [f"{name}_" if name else "" for name in names]

    def needs_output(self) -> bool:
        """Whether there is a metric that reads the output, or may be one once they are built."""
        return not self.built or bool(self._plan)

    def reset_state(self) -> None:
        """Reset all metrics."""
        self.pending = {}
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The results so far, by name."""
        return {metric.name: metric.result() for metric in self.metrics}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Update all metrics with a batch."""
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


def _entries(spec: Any, y_pred: Any, outputs: list[Output], argument: str) -> list[list[Any]]:
    """The metrics of each output."""
    if spec is None:
        return [[] for _ in outputs]
    names = [o.name for o in outputs]
    if isinstance(spec, dict) and (len(outputs) == 1 or not isinstance(y_pred, dict)):
        unknown = [key for key in spec if key not in names]
        if unknown and names != [None]:
            raise _invalid(argument, f"it names the outputs {unknown}", outputs)
        spec = [spec.get(name) for name in names] if not unknown else list(spec.values())
    if len(outputs) == 1:
        return [[m for m in tree.flatten(spec) if m is not None]]
    return _nested_entries(spec, y_pred, outputs, argument)


def _nested_entries(spec: Any, part: Any, outputs: list[Output], argument: str) -> list[list[Any]]:
    """The metrics of each output in ``part``."""
    if spec is None:
        return [[] for _ in outputs]
    if not tree.is_nested(part):
        return [[m for m in tree.flatten(spec) if m is not None]]
    if isinstance(spec, dict):
        unknown = [key for key in spec if not isinstance(part, dict) or key not in part]
        if unknown:
            raise _invalid(argument, f"it names the outputs {unknown}", outputs)
        own = [spec.get(key) for key, _ in children(part)]
    elif isinstance(spec, (list, tuple)) and len(spec) == len(part):
        own = list(spec)
    else:
        count = len(spec) if isinstance(spec, (list, tuple)) else 1
        raise _invalid(argument, f"it has {count} entries for {len(part)} outputs", outputs)
    entries: list[list[Any]] = []
    for entry, (_, inner) in zip(own, children(part)):
        entries += _nested_entries(
            entry, inner, outputs[len(entries) : len(entries) + len(tree.flatten(inner))], argument
        )
    return entries


def _invalid(argument: str, problem: str, outputs: list[Output]) -> ValueError:
    return ValueError(
        f"Invalid `{argument}`: {problem}. Give a list with an entry for each output, or a dictionary by name; the model has "
        f"the outputs {[o.label for o in outputs]}"
    )


def _check(spec: Any, argument: str) -> None:
    """Refuse at compile what cannot be a metric."""
    if spec is None:
        return
    if not isinstance(spec, (list, tuple, dict)):
        raise ValueError(f"compile: {argument} must be a list, such as {argument}=['accuracy'], got {spec!r}")
    for m in tree.flatten(spec):
        if isinstance(m, str):
            if m.lower() not in _INFERRED:
                metrics.get(m)
        elif m is not None and not (isinstance(m, metrics.Metric) or callable(m) or inspect.isclass(m)):
            raise ValueError(f"compile: {m!r} in {argument} is not a metric: expected a name, a metric or a function")


def _metric_object(spec: Any, y_true: Any, y_pred: Any) -> Any:
    if isinstance(spec, metrics.Metric):
        return spec
    if isinstance(spec, str):
        if spec.lower() in _INFERRED:
            metric: Any = _INFERRED[spec.lower()][target_type(y_true, y_pred)]()
        else:
            metric = metrics.get(spec)
            if not isinstance(metric, metrics.Metric):
                metric = metrics.MeanMetricWrapper(metric, name=spec)
        metric.name = spec  # a metric given as a string is reported under that string
        return metric
    metric = metrics.get(spec)
    if isinstance(metric, metrics.Metric):
        return metric
    name = getattr(metric, "__name__", type(metric).__name__)
    return metrics.MeanMetricWrapper(metric, name="lambda" if name == "<lambda>" else to_snake_case(name))

"""The losses of ``compile``, assigned to the outputs (``loss_assignment.py``) when the first batch shows them."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import losses, metrics, ops, tree
from ..core.naming import to_snake_case
from ..core.tensor import Tensor
from ..core.tracing import after_forward
from .loss_assignment import LossAssignment, assign_losses, identifiers, is_inferred, is_loss
from .output_structure import Output, for_outputs, outputs_of, weights_for
from .resume import MetricStates, set_metric_states

_CROSSENTROPY = {
    "binary": losses.BinaryCrossentropy,
    "sparse": losses.SparseCategoricalCrossentropy,
    "categorical": losses.CategoricalCrossentropy,
}


def target_type(y_true: Any, y_pred: Any) -> str:
    """ "binary", "sparse" or "categorical", from the shapes of labels and output."""
    true, pred = y_true.shape, y_pred.shape
    if pred[-1:] == (1,) or len(pred) == 0:
        return "binary"
    if len(true) < len(pred) or (true[-1] == 1 and pred[-1] > 1):
        return "sparse"
    return "categorical"


class Term(NamedTuple):
    """One summand of the total: ``loss`` of the outputs from ``start`` to ``stop``."""

    loss: Any
    path: tuple[Any, ...]
    start: int
    stop: int
    weight: Any  # a number, None, or a tensor or variable, which is read in every step
    tracker: Any

    def weigh(self, value: Any) -> Any:
        """A value of the loss with its weight."""
        if self.weight is None:
            return value
        if isinstance(self.weight, Tensor):
            return value * ops.cast(ops.stop_gradient(self.weight), value.dtype)
        return value * self.weight


class CompiledLoss:
    """``loss(y_true, y_pred, sample_weight) -> scalar tensor``: the weighted sum of all losses.

    metrics: with several losses, the running mean of each, called ``<output>_loss``; empty with one.
    """

    def __init__(self, loss: Any, weights: Any = None, names: Sequence[str] | None = None) -> None:
        for weight in tree.flatten(weights):
            _check_weight(weight)
        self._loss_spec, self._weights_spec, self._output_names = loss, weights, names
        for identifier in identifiers(loss):
            if not is_inferred(identifier):
                losses.get(identifier)  # an unknown name is an error at compile, not at the first step
        self.outputs: list[Output] = []
        self.metrics: list[Any] = []
        self.pending: MetricStates = {}  # restored once the metrics are built
        self._terms: list[Term] = []
        self._ranged: list[tuple[int, Any]] | None = None
        self._structure: Any = None  # that of the outputs

    def fresh(self) -> CompiledLoss:
        """The same, with nothing known of labels and outputs yet."""
        return CompiledLoss(self._loss_spec, self._weights_spec, self._output_names)

    @property
    def losses(self) -> list[Any]:
        """The loss objects, known after the first batch."""
        return [term.loss for term in self._terms]

    def with_ranges(self, y: Any) -> list[tuple[Any, Any]]:
        """(labels, loss function) for every loss whose targets have a range, with what is known so far."""
        if not self._terms:
            fn = _ranged(self._loss_spec) if is_loss(self._loss_spec) else None
            return [] if fn is None else [(labels, fn) for labels in tree.flatten(y)]
        if self._ranged is None:
            self._ranged = [(t.start, fn) for t in self._terms if t.stop == t.start + 1 and (fn := _ranged(t.loss))]
        if not self._ranged:
            return []
        try:
            labels = self._labels(y, self._structure, self._terms)
        except (KeyError, ValueError):
            return []  # the loss says what is wrong with the structure
        return [(labels[i], fn) for i, fn in self._ranged]

    def assignments(self, y_pred: Any) -> list[LossAssignment]:
        """Which loss applies to which outputs. y_pred: what the model returns, or its symbolic outputs."""
        return list(assign_losses(self._loss_spec, self._weights_spec, y_pred, outputs_of(y_pred, self._output_names)))

    def _build(self, y_true: Any, y_pred: Any) -> None:
        self.outputs = outputs_of(y_pred, self._output_names)
        self._structure = tree.map_structure(lambda _: 0, y_pred)
        assignments = self.assignments(y_pred)
        labels, predictions = self._labels(y_true, y_pred, assignments), tree.flatten(y_pred)
        trackers: dict[Any, Any] = {}
        for assignment in assignments:
            first = assignment.start
            loss = _loss_object(assignment.spec, labels[first], predictions[first])
            tracker = self._tracker(assignment, loss, trackers) if len(assignments) > 1 else None
            weight = assignment.weight
            if weight is not None and not isinstance(weight, Tensor):
                weight = float(weight)
            self._terms.append(Term(loss, assignment.path, first, assignment.stop, weight, tracker))
        self.metrics = list(dict.fromkeys(trackers.values()))
        set_metric_states(self.metrics, self.pending)

    def _labels(self, y_true: Any, y_pred: Any, assignments: Sequence[LossAssignment | Term]) -> list[Any]:
        """The labels of each output. There may be labels for those outputs only that have a loss."""
        needed = sorted({i for assignment in assignments for i in range(assignment.start, assignment.stop)})
        if not isinstance(y_true, dict) and len(needed) < len(self.outputs):
            leaves = tree.flatten(y_true)
            if len(leaves) == len(needed):
                by_output = dict(zip(needed, leaves))
                return [by_output.get(i) for i in range(len(self.outputs))]
        return for_outputs(y_true, y_pred, self.outputs, "y")

    def _tracker(self, assignment: LossAssignment, loss: Any, trackers: dict[Any, Any]) -> Any:
        """The mean of one loss, shared by all losses of the same outputs; without names for outputs, each has its own.

        Of outputs with one name (a layer that is called twice), and of losses with one, the later ones get a number.
        """
        outputs = self.outputs[assignment.start : assignment.stop]
        if assignment.path and isinstance(assignment.path[-1], str):
            name: str | None = "/".join(part for part in assignment.path if isinstance(part, str))
        else:
            name = None if any(o.name is None for o in outputs) else "_".join(str(o.name) for o in outputs)
        if name is None:
            suffix = assignment.spec if isinstance(assignment.spec, str) else loss.name
            name = "/".join((*outputs[0].keys, suffix))
            key: Any = (name, len(trackers))
        else:
            key = (name, assignment.start, assignment.stop)
        if key not in trackers:
            count = sum(known[0] == name for known in trackers)
            trackers[key] = metrics.Mean(name=f"{name}_loss_{count}" if count else f"{name}_loss")
            trackers[key]._direction = "down"
        return trackers[key]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if not self._terms:
            self._build(y_true, y_pred)
        if len(self._terms) == 1 and not tree.is_nested(y_pred):  # the usual case
            (term,) = self._terms
            if tree.is_nested(y_true):
                (y_true,) = for_outputs(y_true, y_pred, self.outputs, "y")
            if tree.is_nested(sample_weight):
                (sample_weight,) = weights_for(sample_weight, y_pred, self.outputs)
            return term.weigh(term.loss(y_true, y_pred, sample_weight))
        labels = self._labels(y_true, y_pred, self._terms)
        weights = weights_for(sample_weight, y_pred, self.outputs)
        predictions = tree.flatten(y_pred)
        total: Any = None
        sums: dict[int, Any] = {}
        for term in self._terms:
            i = term.start
            if term.stop == i + 1:
                if labels[i] is None:
                    raise ValueError(
                        f"there is a loss for the output {self.outputs[i].label}, but y has nothing for it"
                    )
                value = term.loss(labels[i], predictions[i], weights[i])
            else:
                part = functools.reduce(operator.getitem, term.path, y_pred)
                parts = tree.pack_sequence_as(part, labels[i : term.stop])
                if any(w is not weights[i] for w in weights[i : term.stop]):
                    raise ValueError(
                        "a loss of several outputs takes one array of sample weights, got one for each output"
                    )
                value = term.loss(parts, part, weights[i])
            if term.tracker is not None:
                before = sums.get(id(term.tracker))
                sums[id(term.tracker)] = value if before is None else before + value
            value = term.weigh(value)
            total = value if total is None else total + value
        for tracker in self.metrics:
            update = functools.partial(tracker.update_state, sample_weight=predictions[0].shape[0])
            after_forward(update, sums[id(tracker)])
        return total


def _check_weight(weight: Any) -> None:
    """Refuse what is no weight of a loss: a number, or a tensor or variable without axes."""
    if weight is None or (isinstance(weight, Tensor) and weight.ndim == 0):
        return
    is_number = isinstance(weight, (int, float)) or (hasattr(weight, "dtype") and not isinstance(weight, Tensor))
    shape = getattr(weight, "shape", None)
    if not is_number or shape or not math.isfinite(weight):
        raise ValueError(
            f"loss_weights must be finite numbers, or variables without axes, one for each loss, got {weight!r}: give a list, or a "
            "dictionary by output. A weight that changes during training is a dualnet.Variable, which steps read every time"
        )


# -- loss objects --------------------------------------------------------------------------------------------------


def _ranged(spec: Any) -> Any:
    """The function of a loss if its targets have a range, else None."""
    loss = losses.get(spec) if isinstance(spec, (str, dict)) and not is_inferred(spec) else spec
    fn = getattr(loss, "fn", loss)
    return fn if hasattr(fn, "_target_range") or getattr(fn, "_keeps_labels", False) else None


def _loss_object(spec: Any, y_true: Any, y_pred: Any) -> Any:
    """A loss object; a function ``(y_true, y_pred) -> one number per sample`` becomes a loss that averages."""
    if is_inferred(spec):
        return _CROSSENTROPY[target_type(y_true, y_pred)]()
    loss = losses.get(spec)
    if isinstance(loss, losses.Loss):
        return loss
    wrapper = losses.LossFunctionWrapper(loss, name=to_snake_case(getattr(loss, "__name__", "loss")))
    wrapper.name = wrapper.name or "lambda"
    return wrapper

"""The losses of ``compile``, brought together with the outputs when the first batch shows them.

What is given may be one loss for all outputs, or a structure: like that of the outputs (a list, a dictionary, nested), a
dictionary by the names of the outputs, and anywhere in it a list of losses that are all of the same outputs. A function that
stands where several outputs are gets them all, in their structure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .. import losses, metrics, tree
from ..core.naming import to_snake_case
from ..core.tracing import abort_trace
from .metric_state import States, set_states
from .output_structure import Output, at, by_position, children, for_outputs, outputs_of, weights_for

_AUTOMATIC = ("crossentropy", "ce")  # which one it is, the shapes say
_CROSSENTROPY = {
    "binary": losses.BinaryCrossentropy,
    "sparse": losses.SparseCategoricalCrossentropy,
    "categorical": losses.CategoricalCrossentropy,
}


def kind_of(y_true: Any, y_pred: Any) -> str:
    """ "binary", "sparse" or "categorical": what the shapes of labels and output say."""
    true, pred = y_true.shape, y_pred.shape
    if pred[-1:] == (1,) or len(pred) == 0:
        return "binary"
    if len(true) < len(pred) or (true[-1] == 1 and pred[-1] > 1):
        return "sparse"
    return "categorical"


class Place(NamedTuple):
    """A loss as it was given, the outputs it is of, and its weight."""

    given: Any
    path: tuple[Any, ...]
    start: int  # of its outputs, among all
    stop: int
    weight: Any


class Term(NamedTuple):
    """One summand of the total: ``loss`` of the outputs from ``start`` to ``stop``."""

    loss: Any
    path: tuple[Any, ...]
    start: int
    stop: int
    weight: float | None
    tracker: Any


class CompiledLoss:
    """``loss(y_true, y_pred, sample_weight) -> scalar tensor``: the weighted sum of all that were given.

    metrics: with several losses, the running mean of each, called ``<output>_loss``; empty with one.
    """

    def __init__(self, loss: Any, weights: Any = None, names: Sequence[str] | None = None) -> None:
        self._given, self._weights_given, self._names_given = loss, weights, names
        for identifier in _identifiers(loss):
            if identifier not in _AUTOMATIC:
                losses.get(identifier)  # an unknown name is an error at compile, not at the first step
        self.outputs: list[Output] = []
        self.metrics: list[Any] = []
        self.pending: States = {}  # for the metrics, once they are made
        self._terms: list[Term] = []

    @property
    def losses(self) -> list[Any]:
        """Those in use, once a batch has shown which."""
        return [term.loss for term in self._terms]

    def places(self, y_pred: Any) -> list[Place]:
        """Which loss is of which outputs. y_pred: what the model returns, or its symbolic outputs."""
        return list(_places(self._given, self._weights_given, y_pred, outputs_of(y_pred, self._names_given)))

    def _build(self, y_true: Any, y_pred: Any) -> None:
        self.outputs = outputs_of(y_pred, self._names_given)
        places = self.places(y_pred)
        labels, predictions = self._labels(y_true, y_pred, places), tree.flatten(y_pred)
        trackers: dict[Any, Any] = {}
        for place in places:
            first = place.start
            loss = _as_loss(place.given, labels[first], predictions[first])
            tracker = self._tracker(place, loss, trackers) if len(places) > 1 else None
            weight = None if place.weight is None else float(place.weight)
            self._terms.append(Term(loss, place.path, first, place.stop, weight, tracker))
        self.metrics = list(dict.fromkeys(trackers.values()))
        set_states(self.metrics, self.pending)

    def _labels(self, y_true: Any, y_pred: Any, places: Sequence[Place | Term]) -> list[Any]:
        """The labels of each output. There may be labels for those outputs only that have a loss."""
        needed = sorted({i for place in places for i in range(place.start, place.stop)})
        if not isinstance(y_true, dict) and len(needed) < len(self.outputs):
            leaves = tree.flatten(y_true)
            if len(leaves) == len(needed):
                given = dict(zip(needed, leaves))
                return [given.get(i) for i in range(len(self.outputs))]
        return for_outputs(y_true, y_pred, self.outputs, "y")

    def _tracker(self, place: Place, loss: Any, trackers: dict[Any, Any]) -> Any:
        """The mean of one loss, shared by all losses of the same outputs; without names for outputs, each has its own."""
        mine = self.outputs[place.start : place.stop]
        if place.path and isinstance(place.path[-1], str):
            name: str | None = "/".join(part for part in place.path if isinstance(part, str))
        else:
            name = None if any(o.name is None for o in mine) else "_".join(str(o.name) for o in mine)
        if name is None:
            kind = place.given if isinstance(place.given, str) else loss.name
            name = "/".join((*mine[0].keys, kind))
            count = sum(isinstance(key, tuple) and key[0] == name for key in trackers)
            key: Any = (name, count)
            shown = f"{name}_loss_{count}" if count else f"{name}_loss"
        else:
            key, shown = name, f"{name}_loss"
        if key not in trackers:
            trackers[key] = metrics.Mean(name=shown)
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
            value = term.loss(y_true, y_pred, sample_weight)
            return value if term.weight is None else value * term.weight
        labels = self._labels(y_true, y_pred, self._terms)
        weights = weights_for(sample_weight, y_pred, self.outputs)
        predictions = tree.flatten(y_pred)
        total: Any = None
        tracked: dict[int, Any] = {}
        for term in self._terms:
            i = term.start
            if term.stop == i + 1:
                if labels[i] is None:
                    raise ValueError(
                        f"there is a loss for the output {self.outputs[i].label}, but y has nothing for it"
                    )
                value = term.loss(labels[i], predictions[i], weights[i])
            else:
                own = at(y_pred, term.path)
                value = term.loss(
                    tree.pack_sequence_as(own, labels[i : term.stop]), own, _common(weights[i : term.stop])
                )
            if term.tracker is not None:
                before = tracked.get(id(term.tracker))
                tracked[id(term.tracker)] = value if before is None else before + value
            value = value if term.weight is None else value * term.weight
            total = value if total is None else total + value
        for tracker in self.metrics:
            abort_trace("the mean of each loss is kept")
            tracker.update_state(tracked[id(tracker)], sample_weight=predictions[0].shape[0])
        return total


def _identifiers(given: Any) -> Iterator[Any]:
    """All losses in a structure; a config of one is a dictionary too."""
    if isinstance(given, dict) and "class_name" in given:
        yield given
    elif tree.is_nested(given):
        for _, part in children(given):
            yield from _identifiers(part)
    elif given is not None:
        yield given


def _common(weights: list[Any]) -> Any:
    """The sample weights of a loss of several outputs, which must be the same for all of them."""
    if any(w is not weights[0] for w in weights):
        raise ValueError("a loss of several outputs takes one array of sample weights, got one for each output")
    return weights[0]


# -- which loss is of which outputs --------------------------------------------------------------------------------


def _places(given: Any, weights: Any, y_pred: Any, outputs: list[Output]) -> Iterator[Place]:
    names = [o.name for o in outputs]
    if isinstance(given, dict) and "class_name" not in given:
        if len(outputs) == 1 and (None in names or outputs[0].keys != tuple(given)):
            if None not in names:
                by_position(given, names, "loss")  # unknown names are an error
            given = list(given.values())
        elif not isinstance(y_pred, dict):
            given = by_position(given, names, "loss")
    if isinstance(weights, dict) and not isinstance(y_pred, dict):
        weights = by_position(weights, names, "loss_weights")
    if len(outputs) == 1:
        found = list(_identifiers(given))
        if len(found) != 1:
            raise ValueError(f"loss has {len(found)} entries, the model has one output ({outputs[0].label})")
        yield Place(found[0], outputs[0].path, 0, 1, _one_weight(weights))
    elif _is_loss(given):
        parts = weights_for(weights, y_pred, outputs) if tree.is_nested(weights) else [weights] * len(outputs)
        for i, output in enumerate(outputs):
            yield Place(given, output.path, i, i + 1, parts[i])
    else:
        yield from _inside(given, weights, y_pred, (), 0, outputs)


def _inside(
    given: Any, weights: Any, part: Any, path: tuple[Any, ...], start: int, outputs: list[Output]
) -> Iterator[Place]:
    """The losses of ``part``, what the model returns at ``path``, whose first output is the one at ``start``."""
    if given is None:
        return
    leaves = len(tree.flatten(part))
    if _is_loss(given):
        if leaves > 1 and isinstance(given, str):  # a name is a loss of one tensor
            for key, inner in children(part):
                yield from _inside(given, weights, inner, (*path, key), start, outputs)
                start += len(tree.flatten(inner))
        else:
            yield Place(given, path, start, start + leaves, weights)
        return
    if isinstance(given, dict):
        yield from _by_key(given, weights, part, path, start, outputs)
        return
    alternatives = not tree.is_nested(part) or (
        not _alike(given, part) and any(_alike(entry, part) for entry in given if not _is_loss(entry))
    )
    if not alternatives and len(given) != len(part):
        told = ", ".join(o.label for o in outputs[start : start + leaves])
        where = "the model" if not path else f"{'/'.join(map(str, path))!r}"
        raise ValueError(f"loss has {len(given)} entries, {where} has {len(part)} outputs ({told})")
    own = _weights_of(weights, len(given))
    if alternatives:
        for entry, weight in zip(given, own):
            yield from _inside(entry, weight, part, path, start, outputs)
        return
    for entry, weight, (key, inner) in zip(given, own, children(part)):
        yield from _inside(entry, weight, inner, (*path, key), start, outputs)
        start += len(tree.flatten(inner))


def _by_key(
    given: dict[str, Any], weights: Any, part: Any, path: tuple[Any, ...], start: int, outputs: list[Output]
) -> Iterator[Place]:
    unknown = [key for key in given if not isinstance(part, dict) or key not in part]
    if unknown:
        known = f"its outputs are {list(part)}" if isinstance(part, dict) else "its outputs are no dictionary"
        where = "the model's output" if path else "either the model's output or the labels"
        raise KeyError(f"{unknown}, in the `loss` argument, can't be found in {where}: {known}")
    if isinstance(weights, (list, tuple)) and len(weights) != len(given):
        raise ValueError(f"`loss_weights` must match the number of losses: {len(weights)} weights, {len(given)} losses")
    for key, inner in children(part):
        if isinstance(weights, (list, tuple)):
            weights = dict(zip(given, weights))
        weight = weights.get(key) if isinstance(weights, dict) else weights
        yield from _inside(given.get(key), weight, inner, (*path, key), start, outputs)
        start += len(tree.flatten(inner))


def _is_loss(given: Any) -> bool:
    return not tree.is_nested(given) or (isinstance(given, dict) and "class_name" in given)


def _alike(a: Any, b: Any) -> bool:
    """Whether two containers are of one kind."""
    return type(a) is type(b) or (isinstance(a, dict) and isinstance(b, dict))


def _weights_of(weights: Any, count: int) -> list[Any]:
    if not isinstance(weights, (list, tuple)):
        return [weights] * count
    if len(weights) != count:
        raise ValueError(f"loss_weights has {len(weights)} entries where loss has {count}")
    return list(weights)


def _one_weight(weights: Any) -> Any:
    found = tree.flatten(weights)
    if len(found) != 1:
        raise ValueError(f"loss_weights has {len(found)} entries, the model has one output")
    return found[0]


# -- loss objects --------------------------------------------------------------------------------------------------


def _as_loss(given: Any, y_true: Any, y_pred: Any) -> Any:
    """A loss object; a function ``(y_true, y_pred) -> one number per sample`` becomes a loss that averages."""
    if given in _AUTOMATIC:
        return _CROSSENTROPY[kind_of(y_true, y_pred)]()
    loss = losses.get(given)
    if isinstance(loss, losses.Loss):
        return loss
    made = losses.LossFunctionWrapper(loss, name=to_snake_case(getattr(loss, "__name__", "loss")))
    made.name = made.name or "lambda"
    return made

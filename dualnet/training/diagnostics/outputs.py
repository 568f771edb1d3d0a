"""Outputs that do not go with their loss: activations missing, twice, or for another task.

A check is a function of an ``OutputFacts`` and returns what it found, (problem, remedy), or None.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ... import activations, losses, tree
from ...core.tensor import Tensor
from ...layers.base.layer import Layer
from .observation import Finding, Found, sample

_SPARSE = (losses.sparse_categorical_crossentropy,)
_CATEGORICAL = (losses.categorical_crossentropy, losses.categorical_focal_crossentropy)
_BINARY = (losses.binary_crossentropy, losses.binary_focal_crossentropy)
TOLERANCE = 1e-3  # by which a probability may leave 0 to 1
_TAKES_LOGITS = (*_SPARSE, *_CATEGORICAL, *_BINARY)


class OutputFacts(NamedTuple):
    """One output and its loss. layer: the one that returned the output, if it is known."""

    label: str
    y_pred: Tensor
    layer: Layer | None
    loss: Any

    @property
    def function(self) -> Any:
        """The function that the loss computes."""
        return getattr(self.loss, "fn", None)

    @property
    def from_logits(self) -> bool:
        """Whether the loss applies the softmax or sigmoid itself."""
        return bool((getattr(self.loss, "_fn_kwargs", None) or {}).get("from_logits"))

    @property
    def activation(self) -> str | None:
        """ "softmax" or "sigmoid", where one of them computed the output."""
        origin = self.y_pred.origin
        return None if origin is None else origin.activation

    @property
    def right_activation(self) -> str:
        """The activation that the loss is for."""
        return "sigmoid" if self.function in _BINARY else "softmax"

    @property
    def loss_name(self) -> str:
        """How the loss is written."""
        return self.function.__name__ if type(self.loss) is losses.LossFunctionWrapper else type(self.loss).__name__


def activation_twice(output: OutputFacts) -> Found:
    """A softmax or sigmoid, and a loss that applies another."""
    if output.function not in _TAKES_LOGITS or not output.from_logits or output.activation is None:
        return None
    return (
        f"{output.label} is the result of a {output.activation}, but {output.loss_name}(from_logits=True) applies a "
        f"{output.right_activation} again",
        f"Leave from_logits=True out, or the activation {output.activation!r} of the last layer",
    )


def missing_activation(output: OutputFacts) -> Found:
    """Logits, and a loss that takes probabilities."""
    if output.function not in _TAKES_LOGITS or output.from_logits or output.activation is not None:
        return None
    has_kernel = getattr(output.layer, "kernel", None) is not None
    if not has_kernel or getattr(output.layer, "activation", None) is not activations.linear:
        values = sample(output.y_pred)
        if not values.size or not (
            (values < -TOLERANCE).any() or (output.function in _BINARY and (values > 1 + TOLERANCE).any())
        ):
            return None
    return (
        f"{output.label} holds logits (no activation makes them probabilities), but {output.loss_name} takes probabilities",
        f"Give the last layer activation={output.right_activation!r}, or the loss from_logits=True",
    )


def softmax_of_one(output: OutputFacts) -> Found:
    """A softmax over a single unit, which is always 1."""
    one = output.y_pred.shape[-1:] == (1,)
    if output.activation != "softmax" or not one or output.function in _CATEGORICAL:  # of which the loss itself warns
        return None
    return (
        f"{output.label} is a softmax over a single unit, which is 1 whatever the input",
        'For two classes use one unit with activation="sigmoid" and binary_crossentropy, or two units',
    )


def sigmoid_for_classes(output: OutputFacts) -> Found:
    """Independent probabilities, where one class of several is the truth."""
    if output.function not in (*_SPARSE, *_CATEGORICAL) or output.activation != "sigmoid" or output.from_logits:
        return None
    if output.y_pred.shape[-1:] == (1,):
        return None  # of which the labels, or the loss, tell
    return (
        f"{output.label} is a sigmoid, one independent probability per class, but {output.loss_name} compares classes of "
        "which one is right",
        'Give the last layer activation="softmax"; where several classes can be right at once, the loss binary_crossentropy '
        "and targets of 0 and 1 for each class",
    )


CHECKS = (activation_twice, missing_activation, softmax_of_one, sigmoid_for_classes)


def output_facts(model: Any, y_pred: Any, layers: dict[int, Layer]) -> Iterator[OutputFacts]:
    """Each output that has a loss of its own. layers: those that returned an output, by the id of its array."""
    compiled = model._compiled_loss
    leaves = tree.flatten(y_pred)
    if compiled is None or len(leaves) != len(compiled.outputs):
        return
    for term in compiled._terms:
        y = leaves[term.start]
        if term.stop == term.start + 1 and isinstance(y, Tensor):
            name = compiled.outputs[term.start].name if len(leaves) > 1 else None
            label = f"the output {name!r}" if name else "the output"
            yield OutputFacts(label, y, layers.get(id(y.data)), term.loss)


def check_outputs(model: Any, y_pred: Any, layers: dict[int, Layer]) -> list[Finding]:
    """What the checks find about the outputs of a model, given those of its first step."""
    findings = []
    for output in output_facts(model, y_pred, layers):
        for check in CHECKS:
            result = check(output)
            if result is not None:
                findings.append((check.__name__, *result))
    return findings

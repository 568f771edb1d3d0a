"""Text that a language model writes: the scores of the next character, and the choice of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import CliError, one_line, show
from .preparation import Preparation

_CONTEXT = (
    256  # characters that a model sees which takes any number of them, and does not say with how many it was trained
)


@dataclass(frozen=True)
class Choice:
    """How the next character is chosen.

    temperature: divides the logarithms of the probabilities; 0 takes the likeliest. top_k: only the likeliest are left, None for all.
    top_p: of these, the fewest that together have at least this probability (Holtzman and others, arXiv:1904.09751).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def probabilities(self, scores: Any) -> Any:
        """Logits, or logarithms of probabilities, to the probabilities that are drawn from.  (characters,) -> (characters,)"""
        order = np.argsort(-scores, kind="stable")
        if self.temperature == 0:
            return np.eye(len(scores))[order[0]]
        # Against the largest first: a small temperature makes the others minus infinity, and none infinite.
        with np.errstate(over="ignore", divide="ignore"):
            p = np.exp((scores.astype(np.float64) - scores[order[0]]) / self.temperature)
        if self.top_k is not None:
            p[order[self.top_k :]] = 0
        p /= p.sum()
        if self.top_p is not None:
            # One is left out where those before it have enough.
            before = np.cumsum(p[order]) - p[order]
            p[order[before >= self.top_p]] = 0
            p /= p.sum()
        return p


class Writer:
    """A language model, checked: ids (1, context) -> scores (1, context, characters), each from what comes before alone.

    Raises:
        CliError: the model is another, or does not fit the vocabulary.
    """

    def __init__(self, model: Any, label: str, vocabulary: list[str], preparation: Preparation | None) -> None:
        self._model, self._label, self._vocabulary = model, label, vocabulary
        self._ids = {text: i for i, text in enumerate(vocabulary)}
        shape = model.input_shape
        if isinstance(shape, (list, dict)) or len(shape) != 2:
            raise CliError(
                f"{label}: is no language model: expected one input of shape (batch, characters), got {shape}"
            )
        if any(getattr(layer, "stateful", False) for layer in model._flatten_layers()):
            raise CliError(
                f"{label}: has layers with stateful=True, which take each sample for the next part of the last; make the same "
                "model without it, and give it the weights"
            )
        window = getattr(preparation.data, "window", None) if preparation is not None else None
        self._context = shape[1] or window or _CONTEXT
        self._rows = shape[0] or 1
        self._check()

    def _check(self) -> None:
        """Whether there is a score for each character, and none depends on what comes after it."""
        half, characters = self._context // 2, len(self._vocabulary)
        ids = np.arange(self._context, dtype=np.int32) % characters
        y = self._scores(ids)
        if y.shape != (self._context, characters):
            raise CliError(
                f"{self._label}: is no language model of this vocabulary: expected an output of shape (batch, {self._context}, "
                f"{characters}), a score for each of the {characters} characters, got (batch, {', '.join(map(str, y.shape))})"
            )
        other = ids.copy()
        other[half:] = (other[half:] + 1) % characters
        if half and not np.allclose(self._scores(other)[:half], y[:half], rtol=1e-3, atol=1e-4):
            raise CliError(
                f"{self._label}: cannot write: what it says of a character depends on those that come after it (a bidirectional "
                "layer, or attention without use_causal_mask=True), and these are not there yet"
            )

    def _scores(self, ids: Any) -> Any:
        """(context,) -> (context, characters), logarithms of probabilities if the model ends in a softmax, else logits"""
        try:
            y = self._model.predict_on_batch(np.tile(ids, (self._rows, 1)))
        except (ValueError, TypeError) as error:
            raise CliError(f"{self._label}: cannot write: {one_line(error)}") from None
        if not hasattr(y, "shape"):
            raise CliError(f"{self._label}: is no language model: it has several outputs")
        y = np.asarray(y)[0]
        if not np.isfinite(y).all():
            raise CliError(f"{self._label}: cannot write: its output is not finite; the training went wrong")
        if (y >= 0).all() and np.allclose(y.sum(-1), 1, atol=1e-2):
            return np.log(np.maximum(y, np.finfo(y.dtype).tiny))
        return y

    def write(self, prompt: str, length: int, choice: Choice, seed: int) -> Iterator[str]:
        """The characters that follow a prompt, one at a time. The model sees as many of the last as it was trained on.

        Raises:
            CliError: a character of the prompt is not in the vocabulary.
        """
        unknown = sorted({character for character in prompt if character not in self._ids})
        if unknown:
            names = ", ".join(show(character) for character in unknown)
            raise CliError(f"--prompt: {names}: not in the text that {self._label} was trained on")
        return self._characters(
            [self._ids[character] for character in prompt], length, choice, np.random.default_rng(seed)
        )

    def _characters(self, seen: list[int], length: int, choice: Choice, random: Any) -> Iterator[str]:
        for _ in range(length):
            seen = seen[-self._context :]
            ids = np.zeros(self._context, np.int32)  # what stands after the text does not change what comes before
            ids[: len(seen)] = seen
            p = choice.probabilities(self._scores(ids)[len(seen) - 1])
            seen.append(int(random.choice(len(p), p=p)))
            yield self._vocabulary[seen[-1]]

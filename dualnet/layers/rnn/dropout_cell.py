"""Dropout in a recurrent cell: masks that are drawn once for a sequence and used at every step (arXiv:1512.05287)."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...core.seeds import SeedGenerator
from ...core.tensor import Tensor
from ...graph.trial import is_trial
from ...ops.nn.noise import dropout_mask


class DropoutRNNCell:
    """Mixin of cells with ``dropout`` (of the inputs) and ``recurrent_dropout`` (of the state).

    A mask is drawn when it is first asked for, and is the same until ``reset_dropout_mask``; ``RNN`` resets the masks of its cells
    before and after every sequence. The two have streams of their own, so that neither changes the other's masks.

    Attributes:
        dropout, recurrent_dropout: from 0 to 1; others are set to the nearer of them, as in Keras.
        dropout_mask_count: how many masks there are, one for each gate; None for one mask in all, which is then no list.
        seed_generator, recurrent_seed_generator: the second is a sibling of the first, made where there is recurrent dropout.
    """

    seed: int | None
    seed_generator: SeedGenerator
    recurrent_seed_generator: SeedGenerator
    dropout: float
    recurrent_dropout: float
    dropout_mask_count: int | None = None
    _dropout_mask: Any = None
    _recurrent_dropout_mask: Any = None

    def _set_dropout(self, dropout: float, recurrent_dropout: float) -> None:
        for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if isinstance(rate, bool) or not isinstance(rate, (int, float)):
                raise ValueError(
                    f"{type(self).__name__}: `{name}` must be a number from 0 to 1, the fraction that is dropped. "
                    f"Received: {name}={rate!r}"
                )
            setattr(self, name, min(1.0, max(0.0, rate)))

    def _set_seed(self, seed: int | None) -> None:
        """Make the generators, after ``_set_dropout``."""
        self.seed = seed
        self.seed_generator = SeedGenerator(seed, kind="rnn_dropout")
        if self.recurrent_dropout > 0:
            self.recurrent_seed_generator = self.seed_generator.sibling("recurrent_dropout")

    def get_dropout_mask(self, step_input: Any) -> Any:
        """The mask of the inputs, like ``step_input`` (one step), or a list of one for each gate; None without dropout."""
        if self.dropout == 0:
            return None
        if self._dropout_mask is not None:
            return self._dropout_mask
        masks = self._draw(step_input, self.dropout, self.seed_generator)
        if _is_kept(masks):
            self._dropout_mask = masks
        return masks

    def get_recurrent_dropout_mask(self, state: Any) -> Any:
        """The mask of the state, or a list of one for each gate; None without recurrent dropout."""
        if self.recurrent_dropout == 0:
            return None
        if self._recurrent_dropout_mask is not None:
            return self._recurrent_dropout_mask
        if "recurrent_seed_generator" not in vars(self):  # a class of the user, which made the first alone
            self.recurrent_seed_generator = self.seed_generator.sibling("recurrent_dropout")
        masks = self._draw(state, self.recurrent_dropout, self.recurrent_seed_generator)
        if _is_kept(masks):
            self._recurrent_dropout_mask = masks
        return masks

    def reset_dropout_mask(self) -> None:
        """Forget the mask of the inputs: the next one is drawn anew."""
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Forget the mask of the state."""
        self._recurrent_dropout_mask = None

    def _draw(self, x: Any, rate: float, generator: SeedGenerator) -> Any:
        count = self.dropout_mask_count
        if not isinstance(x, Tensor):  # symbolic: what matters is the shape
            return ops.ones_like(x) if count is None else [ops.ones_like(x)] * count
        shape = tuple(x.shape) if count is None else (count, *x.shape)
        masks = dropout_mask(x, rate, *generator.next(), shape)
        return masks if count is None else list(ops.unstack(masks))


def _is_kept(masks: Any) -> bool:
    """Whether masks are kept for later steps: not those of a trial, of which nothing stays."""
    return not is_trial() and isinstance(masks[0] if isinstance(masks, list) else masks, Tensor)

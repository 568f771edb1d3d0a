"""Which queries of a call see which keys: masks of positions and of pairs, causal order, and a window."""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

from ... import ops
from ...ops.nn.attention import attention_band


class Visible(NamedTuple):
    """query_mask: (batch, T)  value_mask, key_mask: (batch, S)  attention_mask: (batch, T, S), or what broadcasts to the scores

    causal: a query sees the keys up to its own position. window: it sees those at most ``window - 1`` steps away. position: that
    of the first query, a number or a tensor.
    """

    query_mask: Any
    value_mask: Any
    key_mask: Any
    attention_mask: Any
    causal: bool
    window: int | None
    position: Any

    @property
    def has_band(self) -> bool:
        """Whether anything depends on the order of the positions."""
        return self.causal or self.window is not None

    def for_op(self, query: Any, key: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The bias and the masks of the op ``attention``, and its options about positions, for query and key with heads.

        Of order and window no mask is made, unless only the device knows the position of the first query.
        """
        mask = with_heads(_bool(self.attention_mask), 4)
        options: dict[str, Any] = {}
        if self.has_band and isinstance(self.position, int):
            options = {"is_causal": self.causal, "window": self.window, "offset": self.position}
        elif self.has_band:
            band = attention_band(query, key, self.position, 1, self.causal, self.window)
            mask = band if mask is None else ops.logical_and(mask, band)
        masks = [_bool(m) for m in (self.value_mask, self.key_mask) if m is not None]
        of_keys = reduce(ops.logical_and, masks) if masks else None
        return (None, mask, _bool(self.query_mask), of_keys), options

    def combined(self, query: Any, key: Any, axis: int) -> Any:
        """All masks as one, true where a query attends to a key; None without masks. axis: of query and key, over which they attend"""
        masks = [
            ops.expand_dims(mask, at)
            for mask, at in ((_bool(self.query_mask), -1), (_bool(self.value_mask), -2), (_bool(self.key_mask), -2))
            if mask is not None
        ]
        if self.has_band:
            masks.append(attention_band(query, key, self.position, axis, self.causal, self.window))
        if self.attention_mask is not None:
            masks.append(_bool(self.attention_mask))
        return reduce(ops.logical_and, masks) if masks else None


def with_heads(mask: Any, rank: int, axes: int = 1) -> Any:
    """A mask with as many axes as the scores: that of the heads stands before the positions of query and key."""
    if mask is not None:
        for _ in range(rank - len(mask.shape)):
            mask = ops.expand_dims(mask, -2 * axes - 1)
    return mask


def _bool(mask: Any) -> Any:
    return None if mask is None else ops.cast(mask, "bool")

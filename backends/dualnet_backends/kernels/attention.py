"""Attention and its gradients, a block of queries at a time: the reference kernels.

For each head, with queries q, keys k and values v of one sample:

    e = exp(scale q k^T - shift)      inv = 1 / sum(e)      y = inv e v

where shift is the largest score of a query, and the sum goes over its keys. The scores of long sequences are never held as a whole:
a block of them is computed, used, and computed again for the gradients (arXiv:2112.05682, arXiv:2205.14135). In a block the keys
stand before the queries, so that maximum and sum run along an outer axis, where they are several times as fast, and so that the
keys which a causal block sees are its first rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

Array = Any

# The score of a masked pair. Finite, so that a query without any key gives no NaN; a weight of 0 comes of it in all others.
MASKED = {"float32": -0.7 * 3.4028234663852886e38, "float64": -0.7 * 1.7976931348623157e308}
KEPT = 1 << 22  # scores up to which the weights are kept for the gradients: computing them again takes longer
ROWS = 64  # queries of a block, at least: matrix products of fewer are slow


class Attended(NamedTuple):
    """What attends to what. B: batch, T: queries, S: keys, K: heads of keys, each for G heads of queries.

    q: (B, T, K, G, depth)  k: (B, S, K, depth)  v: (B, S, K, size), all of one dtype, float32 or float64.
    bias, masks: (B, K, G, S, T), where an axis may be 1; a bias is added to the scores, a mask is false for pairs that do not see
    each other. cap: limits the scores smoothly, before the masks. causal: query t sees the keys up to t + offset. window: it
    sees those at most ``window - 1`` steps away from there.
    """

    q: Array
    k: Array
    v: Array
    scale: float
    bias: Array | None = None
    masks: tuple[Array, ...] = ()
    cap: float | None = None
    causal: bool = False
    window: int | None = None
    offset: int = 0

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """B, T, S, K, G"""
        batch, t, heads, group, _ = self.q.shape
        return batch, t, self.k.shape[1], heads, group

    @property
    def may_see_nothing(self) -> bool:
        """Whether there may be queries that see no key."""
        return bool(self.masks) or self.window is not None or not self.k.shape[1]


class Weighted(NamedTuple):
    """The result, and what the gradients need.

    y: (B, T, K, G, size)  shift, inv: (B, K, G, 1, T); all 0 for a query that sees no key.
    weights: e of every block, in the order of the blocks; None if they are to be computed again, as they always are on a GPU.
    """

    y: Array
    shift: Array
    inv: Array
    weights: list[list[Array]] | None


class Attention:
    """The attention kernels of ``Backend``."""

    xp: Any
    matmul: Callable[..., Array]
    for_each: Callable[..., None]
    scores_at_once = 1 << 24  # elements of a block

    def attention(self, a: Attended) -> Weighted:
        """The mean of the values that each query sees, weighted by the softmax of its scores."""
        xp, (batch, t, s, heads, group) = self.xp, a.sizes
        y = xp.empty((batch, t, heads, group, a.v.shape[3]), dtype=a.q.dtype)
        shift, inv = (xp.empty((batch, heads, group, 1, t), dtype=a.q.dtype) for _ in range(2))
        parts = self._parts(a)
        is_kept = a.cap is None and batch * heads * group * t * s <= KEPT
        weights: list[list[Array]] = [[] for _ in parts]

        def part(n: int) -> None:
            b, h = parts[n]
            for queries, keys in self._blocks(a):
                at = (b, h, slice(None), slice(None), queries)
                if keys.start == keys.stop:  # nothing is in the window
                    y[b, queries, h], shift[at], inv[at] = 0, 0, 0
                    weights[n].append(None)
                    continue
                e, _ = self._scores(a, b, h, queries, keys)
                top = e.max(axis=-2, keepdims=True)
                e -= top
                e = xp.exp(e, out=e)
                over = 1 / self.matmul(xp.ones((1, keys.stop - keys.start), dtype=e.dtype), e)
                if a.may_see_nothing:
                    unseeing = top <= MASKED[str(e.dtype)]
                    top, over = (xp.where(unseeing, xp.zeros_like(x), x) for x in (top, over))
                block = self.matmul(xp.swapaxes(e, -1, -2), _heads(xp, a.v[b, keys, h]))
                block *= xp.swapaxes(over, -1, -2)
                y[b, queries, h], shift[at], inv[at] = xp.transpose(block, (0, 3, 1, 2, 4)), top, over
                if is_kept:
                    weights[n].append(e)

        self.for_each(len(parts), part, batch * heads * group * t * s)
        return Weighted(y, shift, inv, weights if is_kept else None)

    def attention_gradients(
        self, a: Attended, result: Weighted, dy: Array, needs_bias: bool
    ) -> tuple[Array, Array, Array, Array | None]:
        """(dq, dk, dv, dbias) in the shapes of q, k, v and the bias; dbias is None unless ``needs_bias``."""
        xp, (batch, t, s, heads, group) = self.xp, a.sizes
        dq, dk, dv = (xp.empty(x.shape, dtype=x.dtype) for x in (a.q, a.k, a.v))
        dbias = xp.zeros(a.bias.shape, dtype=a.q.dtype) if needs_bias and a.bias is not None else None
        parts = self._parts(a)

        def part(n: int) -> None:
            b, h = parts[n]
            of_keys: Array = None
            of_values: Array = None
            for i, (queries, keys) in enumerate(self._blocks(a)):
                if keys.start == keys.stop:
                    dq[b, queries, h] = 0
                    continue
                at, slope = (b, h, slice(None), slice(None), queries), None
                if result.weights is None:
                    e, slope = self._scores(a, b, h, queries, keys)
                    e -= result.shift[at]
                    e = xp.exp(e, out=e)
                else:
                    e = result.weights[n][i]
                # With p = inv e:  dv = p^T dy,  ds = p (dy v^T - sum(dy y)),  dq = scale ds k,  dk = scale ds^T q
                do = xp.transpose(dy[b, queries, h], (0, 2, 3, 1, 4)) * xp.swapaxes(result.inv[at], -1, -2)
                mean = self._row_products(do, result.y[b, queries, h])
                ds = self.matmul(_heads(xp, a.v[b, keys, h]), xp.ascontiguousarray(xp.swapaxes(do, -1, -2)))
                ds -= mean[..., None, :]
                ds *= e
                if slope is not None:
                    ds *= slope
                q = xp.transpose(a.q[b, queries, h], (0, 2, 3, 1, 4)) * a.scale
                of_values = _add(xp, of_values, self.matmul(e, do), keys, s)
                of_keys = _add(xp, of_keys, self.matmul(ds, q), keys, s)
                block = self.matmul(xp.swapaxes(ds, -1, -2), _heads(xp, a.k[b, keys, h])) * a.scale
                dq[b, queries, h] = xp.transpose(block, (0, 3, 1, 2, 4))
                if dbias is not None:
                    where = _part_of(dbias, b, h, keys, queries)
                    dbias[where] += _summed(xp, ds, dbias[where].shape)
            for d, total in ((dk, of_keys), (dv, of_values)):
                d[b, :, h] = 0 if total is None else xp.transpose(total, (0, 2, 1, 3))

        if dbias is None:
            self.for_each(len(parts), part, batch * heads * group * t * s)
        else:  # to which all parts may add
            for n in range(len(parts)):
                part(n)
        return dq, dk, dv, dbias

    def _row_products(self, x: Array, y: Array) -> Array:
        """Products of rows.  x: (batch, heads, G, queries, size)  y: (batch, queries, heads, G, size) -> (batch, heads, G, queries)"""
        return self.xp.einsum("bhgtd,bthgd->bhgt", x, y)

    # -- blocks: their sizes decide nothing but how much memory is used, and do not depend on the number of threads --------

    def _parts(self, a: Attended) -> list[tuple[slice, slice]]:
        """Samples and heads of keys that are computed together."""
        batch, t, s, heads, group = a.sizes
        of_head = max(group * t * s, 1)
        together = max(self.scores_at_once // of_head, 1)
        samples = max(together // heads, 1)
        some = heads if together >= heads else together
        return [(b, h) for b in _slices(batch, samples) for h in _slices(heads, some)]

    def _blocks(self, a: Attended) -> Iterator[tuple[slice, slice]]:
        """Queries that are computed together, and the keys that one of them may see."""
        _, t, s, _, group = a.sizes
        # Of more queries than the window is long, many a pair of a block would be outside of it.
        reach, most = (s, t) if a.window is None else (min(s, 3 * a.window), max(a.window, ROWS))
        rows = max(self.scores_at_once // max(group * reach, 1), ROWS)
        for queries in _slices(t, min(rows, most)):
            start, stop = 0, s
            first, end = queries.start + a.offset, queries.stop + a.offset
            if a.causal:
                stop = min(stop, end)
            if a.window is not None:
                start, stop = max(0, first - a.window + 1), min(stop, end + a.window - 1)
            yield queries, slice(min(start, stop), stop)

    def _scores(self, a: Attended, b: slice, h: slice, queries: slice, keys: slice) -> tuple[Array, Array | None]:
        """The scores of a block, masked, and the slope of the cap.  -> (batch, heads, G, keys, queries)"""
        xp = self.xp
        q = xp.ascontiguousarray(xp.transpose(a.q[b, queries, h], (0, 2, 3, 4, 1))) * a.scale
        scores, slope = self.matmul(_heads(xp, a.k[b, keys, h]), q), None
        if a.bias is not None:
            scores += a.bias[_part_of(a.bias, b, h, keys, queries)]
        if a.cap is not None:
            capped = xp.tanh(scores / a.cap)
            scores, slope = capped * a.cap, 1 - capped * capped
        masked = xp.full((), MASKED[str(scores.dtype)], dtype=scores.dtype)
        visible = None
        for mask in a.masks:
            some = mask[_part_of(mask, b, h, keys, queries)]
            visible = some if visible is None else xp.logical_and(visible, some)
        if visible is not None:
            scores = xp.where(visible, scores, masked)
        if a.causal or a.window is not None:
            # The keys before the first query are seen by all of a causal block, unless they are too far away.
            first = keys.start if a.window is not None else min(queries.start + a.offset, keys.stop)
            if first < keys.stop:
                ahead = xp.arange(first, keys.stop)[:, None] - xp.arange(queries.start, queries.stop) - a.offset
                seen = in_band(xp, ahead, a.causal, a.window)
                rows = slice(first - keys.start, None)
                scores[..., rows, :] = xp.where(seen, scores[..., rows, :], masked)
        return scores, slope


def in_band(xp: Any, ahead: Array, causal: bool, window: int | None) -> Array:
    """Which pairs see each other by their positions alone.  ahead: how many steps the key is ahead of the query, of any shape"""
    seen = ahead <= 0 if causal else xp.ones(ahead.shape, dtype=bool)
    if window is not None:
        seen = xp.logical_and(seen, xp.abs(ahead) < window)
    return seen


def _slices(n: int, size: int) -> Sequence[slice]:
    """slice(0, n) in equal parts of at most ``size``, up to one."""
    count = -(-n // size)
    return [slice(n * i // count, n * (i + 1) // count) for i in range(count)]


def _heads(xp: Any, x: Array) -> Array:
    """Keys or values as the left or right side of a product: (batch, keys, heads, size) -> (batch, heads, 1, keys, size)"""
    return xp.transpose(x, (0, 2, 1, 3))[:, :, None]


def _part_of(x: Array, b: slice, h: slice, keys: slice, queries: slice) -> tuple[slice, ...]:
    """The index of a block in a bias or mask, whose axes may be 1."""
    whole = slice(None)
    return tuple(whole if n == 1 else part for n, part in zip(x.shape, (b, h, whole, keys, queries)))


def _add(xp: Any, total: Array, x: Array, keys: slice, s: int) -> Array:
    """The sum so far and what a block adds for its keys, summed over the heads of queries.  x: (batch, heads, G, keys, size)"""
    x = x[:, :, 0] if x.shape[2] == 1 else xp.sum(x, axis=2)
    if total is None:
        if keys.stop - keys.start == s:
            return x
        total = xp.zeros((*x.shape[:2], s, x.shape[3]), dtype=x.dtype)
    total[:, :, keys] += x
    return total


def _summed(xp: Any, x: Array, shape: tuple[int, ...]) -> Array:
    """Summed over the axes that are 1 in a shape."""
    axes = tuple(i for i, n in enumerate(shape) if n == 1 != x.shape[i])
    return xp.sum(x, axis=axes, keepdims=True) if axes else x

"""The order of samples and batches, drawn on the host: a function of the seed, the step and the epoch."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from ...core import settings


def shuffled(n: int, epoch: int, step: int, within: int | None = None) -> Any:
    """0 to n - 1 in random order. within: permute only inside consecutive blocks of this length."""
    host = backends.get("cpu")
    words = host.random_words(n, backends.stream_key(settings.global_seed(), "shuffle"), step << 32 | epoch)
    if within is None:
        return _argsort(words)
    starts = range(0, n, within)
    return host.xp.concatenate([_argsort(words[i : i + within]) + i for i in starts])


def _argsort(words: Any) -> Any:
    """The indices that sort the numbers; the order of equal ones, which are very rare, is kept."""
    from numpy import argsort

    order = argsort(words)  # six times as fast as a stable sort
    ranked = words[order]
    return order if (ranked[1:] != ranked[:-1]).all() else argsort(words, kind="stable")

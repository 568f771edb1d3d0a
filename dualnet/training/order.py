"""The order of samples and batches, drawn on the host: a function of the seed, the step and the epoch."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from .. import config


def shuffled(n: int, epoch: int, step: int, within: int | None = None) -> Any:
    """0 to n - 1 in random order. within: only exchange places inside consecutive stretches of this length."""
    from numpy import argsort

    host = backends.get("cpu")
    words = host.random_words(n, backends.stream_key(config.global_seed(), "shuffle"), step << 32 | epoch)
    if within is None:
        return argsort(words, kind="stable")
    starts = range(0, n, within)
    return host.xp.concatenate([argsort(words[i : i + within], kind="stable") + i for i in starts])

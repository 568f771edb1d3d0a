"""Five hundred random pipelines give what plain Python gives, whatever buffers their sources and functions reuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .pipelines import pipeline


def plain(x: Any) -> Any:
    """An element as nested Python lists, which can be compared and sorted."""
    if isinstance(x, tuple):
        return ["tuple", *map(plain, x)]
    if isinstance(x, dict):
        return ["dict", *([k, plain(v)] for k, v in sorted(x.items()))]
    return np.asarray(x).tolist()


@pytest.mark.parametrize("first", range(0, 500, 50))
def test_pipelines(first: int) -> None:
    for seed in range(first, first + 50):
        about, dataset, items, shuffled = pipeline(seed)
        expected = [plain(item) for item in items]
        order = (lambda elements: sorted(elements, key=repr)) if shuffled else list
        for way in (lambda d: list(d), lambda d: list(d.as_numpy_iterator()), lambda d: list(d)):
            got = [plain(element) for element in way(dataset)]  # after all of them were made
            assert order(got) == order(expected), f"{seed}: {about}"
        if dataset.cardinality() >= 0:
            assert int(dataset.cardinality()) == len(expected), f"{seed}: {about}"

"""Random pipelines, each as a `Dataset` and as what plain Python makes of the same steps: lists of NumPy values."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from dualnet.data import Dataset

Items = list[Any]  # elements; a tuple or dictionary of arrays, or one array
Step = tuple[str, Callable[[Dataset], Dataset], Callable[[Items], Items]]


def copied(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(copied, x))
    if isinstance(x, dict):
        return {k: copied(v) for k, v in x.items()}
    return np.array(x)


def apply(function: Callable[..., Any], *parts: Any) -> Any:
    """A function on the leaves of structures that are alike."""
    first = parts[0]
    if isinstance(first, tuple):
        return tuple(apply(function, *p) for p in zip(*parts))
    if isinstance(first, dict):
        return {k: apply(function, *(p[k] for p in parts)) for k in first}
    return function(*parts)


def stacked(items: Items) -> Any:
    return apply(lambda *leaves: np.stack(leaves), *items)


def source(rng: random.Random) -> tuple[str, Dataset, Items]:
    """A dataset and its elements. Generators fill the same buffers again and again."""
    n, width, form = rng.randint(0, 9), rng.randint(1, 3), rng.choice(["array", "tuple", "dict", "nested"])

    def element(i: int, buffers: Any) -> Any:
        x, y = buffers
        x[...], y[...] = np.arange(width) + 10 * i, -i
        return {"array": x, "tuple": (x, y), "dict": {"b": x, "a": y}, "nested": (x, {"y": y, "z": (x, y)})}[form]

    def buffers() -> Any:
        return np.empty(width, "float32"), np.empty((), "int64")

    items = [copied(element(i, buffers())) for i in range(n)]
    if n and rng.random() < 0.3:
        whole = stacked(items)
        dataset = Dataset.from_tensor_slices(whole)
        apply(lambda a: a.fill(-1), whole)  # the arrays of the user go on being used
        return f"slices of {n} ({form})", dataset, items

    def generate() -> Any:
        reused = buffers()
        for i in range(n):
            yield element(i, reused)
        apply(lambda a: a.fill(-99), reused)

    return f"generator of {n} ({form})", Dataset.from_generator(generate), items


def chunks(items: Items, size: int, drop: bool) -> Items:
    parts = [items[i : i + size] for i in range(0, len(items), size)]
    return [stacked(part) for part in parts if len(part) == size or not drop]


def windows(items: Items, size: int, shift: int) -> Items:
    return [stacked(items[i : i + size]) for i in range(0, len(items), shift) if len(items[i : i + size]) == size]


def reusing(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function on all leaves, with its results in buffers that are filled anew by every call with the same shapes."""
    known: dict[Any, list[Any]] = {}

    def into(element: Any) -> Any:
        used: dict[Any, int] = {}

        def fill(leaf: Any) -> Any:
            value = np.asarray(function(leaf))
            kind = (value.shape, value.dtype)
            buffers, i = known.setdefault(kind, []), used.get(kind, 0)
            used[kind] = i + 1
            if i == len(buffers):
                buffers.append(np.empty_like(value))
            buffers[i][...] = value
            return buffers[i]

        return apply(fill, element)

    return into


def whole_element(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function of elements as ``map`` calls it: a tuple as several arguments."""
    return lambda *parts: function(parts[0] if len(parts) == 1 else parts)


def times_two(leaf: Any) -> Any:
    return leaf * 2


def step(rng: random.Random, items: Items) -> Step:
    """A random transformation."""
    count, size = rng.randint(0, 6), rng.randint(1, 4)
    kind = rng.choice(
        """map list batch shuffle cache prefetch repeat take skip zip window enumerate concatenate filter shard take_while scan
        group choose""".split()
    )
    if kind == "map":
        double = reusing(times_two)
        return kind, lambda d: d.map(whole_element(double)), lambda xs: [apply(times_two, x) for x in xs]
    if kind == "list":
        return (
            kind,
            lambda d: d.map(whole_element(lambda x: [x, first_leaf(x)])),
            lambda xs: [(x, first_leaf(x)) for x in xs],
        )
    if kind == "batch":
        drop = rng.random() < 0.5
        return f"batch({size})", lambda d: d.batch(size, drop), lambda xs: chunks(xs, size, drop)
    if kind == "shuffle":
        return f"shuffle({size})", lambda d: d.shuffle(size), lambda xs: xs  # compared without the order
    if kind == "cache":
        return kind, lambda d: d.cache(), lambda xs: xs
    if kind == "prefetch":
        return kind, lambda d: d.prefetch(size), lambda xs: xs
    if kind == "repeat":
        return "repeat(2)", lambda d: d.repeat(2), lambda xs: xs * 2
    if kind == "take":
        return f"take({count})", lambda d: d.take(count), lambda xs: xs[:count]
    if kind == "skip":
        return f"skip({size - 1})", lambda d: d.skip(size - 1), lambda xs: xs[size - 1 :]
    if kind == "zip":
        return kind, lambda d: Dataset.zip(d, d.skip(1)), lambda xs: list(zip(xs, xs[1:]))
    if kind == "window":
        shift = rng.randint(1, size)
        return (
            f"window({size}, {shift})",
            lambda d: d.window(size, shift, drop_remainder=True).flat_map(joined(size)),
            lambda xs: windows(xs, size, shift),
        )
    if kind == "enumerate":
        return kind, lambda d: d.enumerate(), lambda xs: [(np.int64(i), x) for i, x in enumerate(xs)]
    if kind == "concatenate":
        return kind, lambda d: d.concatenate(d.take(1)), lambda xs: xs + xs[:1]
    if kind == "take_while":
        return (
            kind,
            lambda d: d.take_while(whole_element(lambda x: first_leaf(x).sum() % 7 < 5)),
            lambda xs: list(itertools.takewhile(lambda x: first_leaf(x).sum() % 7 < 5, xs)),
        )
    if kind == "scan":
        return (
            kind,
            lambda d: d.scan(np.int64(0), lambda i, x: (i + 1, (i, x))),
            lambda xs: [(np.int64(i), x) for i, x in enumerate(xs)],
        )
    if kind == "group":
        return (
            f"group({size})",
            lambda d: d.group_by_window(whole_element(parity), lambda key, window: window, window_size=size),
            lambda xs: grouped(xs, size),
        )
    if kind == "choose":
        return (
            f"choose({size})",
            lambda d: Dataset.choose_from_datasets([d, d.skip(1)], Dataset.range(2).repeat(size), False),
            lambda xs: [
                x for pair in itertools.zip_longest(xs[:size], xs[1 : size + 1]) for x in pair if x is not None
            ],
        )
    if kind == "shard":
        return kind, lambda d: d.shard(2, 0), lambda xs: xs[::2]
    return (
        kind,
        lambda d: d.filter(whole_element(lambda x: first_leaf(x).sum() % 4 < 2)),
        lambda xs: [x for x in xs if first_leaf(x).sum() % 4 < 2],
    )


def parity(x: Any) -> int:
    return int(first_leaf(x).sum()) % 2


def grouped(items: Items, size: int) -> Items:
    """Items in windows of one parity, in the order in which they become full; the rest at the end."""
    windows: dict[int, Items] = {0: [], 1: []}
    done = []
    for x in items:
        window = windows[parity(x)]
        window.append(x)
        if len(window) == size:
            done += window
            window.clear()
    return done + windows[0] + windows[1]


def first_leaf(x: Any) -> Any:
    while isinstance(x, (tuple, dict)):
        x = x[0] if isinstance(x, tuple) else next(iter(x.values()))
    return np.asarray(x)


def joined(size: int) -> Callable[..., Any]:
    """A window as one batch: `Dataset.zip` of the datasets of its parts."""

    def structure(part: Any) -> Any:
        return Dataset.zip(datasets=part) if isinstance(part, (tuple, dict)) else part

    return lambda *parts: structure(parts[0] if len(parts) == 1 else parts).batch(size)


def pipeline(seed: int) -> tuple[str, Dataset, Items, bool]:
    """(description, dataset, the elements it must have, whether only in some order)"""
    rng = random.Random(seed)
    about, dataset, items = source(rng)
    shuffled = False
    for _ in range(rng.randint(1, 5)):
        name, ours, plain = step(rng, items)
        if shuffled and not name.startswith(("map", "list", "shuffle", "cache", "prefetch", "repeat", "filter")):
            continue  # what these give depends on the order
        if len(items) > 60:
            break
        try:
            after = plain(items)
        except ValueError:
            continue  # a batch of batches of different lengths
        about, dataset, items = f"{about}, {name}", ours(dataset), after
        shuffled = shuffled or name.startswith("shuffle")
    return about, dataset, items, shuffled

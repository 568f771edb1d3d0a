"""Horizontal coordinates of the boxes of a layered graph, such that most arrows are straight.

U. Brandes and B. Köpf, "Fast and simple horizontal coordinate assignment", 2001: each box is aligned with a median
neighbour, once from each of the four corners, and its position is the mean of the two middle ones of the four results.
Arrows over several ranks are straight in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

Rows = list[list[int]]
Neighbours = list[list[int]]


def x_coordinates(
    rows: Rows, above: Neighbours, below: Neighbours, widths: Sequence[float], gap: float, first_dummy: int
) -> list[float]:
    """The x of the center of every box. rows: boxes from left to right; from `first_dummy` on they are dummy nodes, where
    an arrow passes a rank."""
    if not rows:
        return []
    conflicts = _conflicts(rows, above, first_dummy)
    results = []
    for upwards in (False, True):
        for leftwards in (False, True):
            mirrored = [row[::-1] if leftwards else row for row in (rows[::-1] if upwards else rows)]
            root = _align(mirrored, below if upwards else above, conflicts)
            x = _compact(mirrored, root, widths, gap)
            results.append([-value for value in x] if leftwards else x)
    # The four are shifted onto the narrowest one, aligned at the side from which each was compacted.
    spans = [extent(x, widths) for x in results]
    left, right = min(spans, key=lambda span: span[1] - span[0])
    for k, x in enumerate(results):
        shift = right - spans[k][1] if k % 2 else left - spans[k][0]
        results[k] = [value + shift for value in x]
    return [sum(sorted(four)[1:3]) / 2 for four in zip(*results)]


def extent(x: Sequence[float], widths: Sequence[float]) -> tuple[float, float]:
    """The left and the right end of boxes around the given centers."""
    return (
        min(center - width / 2 for center, width in zip(x, widths)),
        max(center + width / 2 for center, width in zip(x, widths)),
    )


def _conflicts(rows: Rows, above: Neighbours, first_dummy: int) -> set[tuple[int, int]]:
    """The arrows that must not be straight, since they cross the inner part of one over several ranks."""
    conflicts = set()
    for upper, lower in pairwise(rows):
        position = {i: k for k, i in enumerate(upper)}
        inner = []
        for k, i in enumerate(lower):
            if i >= first_dummy:
                inner += [(position[j], k) for j in above[i] if j >= first_dummy]
        for k, i in enumerate(lower):
            for j in above[i]:
                if i >= first_dummy and j >= first_dummy:
                    continue
                if any((position[j] - upper_end) * (k - lower_end) < 0 for upper_end, lower_end in inner):
                    conflicts.add((j, i))
    return conflicts


def _align(rows: Rows, before: Neighbours, conflicts: set[tuple[int, int]]) -> list[int]:
    """For every box the first one of the block (column) it belongs to."""
    count = sum(map(len, rows))
    root, successor = list(range(count)), list(range(count))
    position = {i: k for row in rows for k, i in enumerate(row)}
    for row in rows:
        last_used = -1
        for i in row:
            neighbours = sorted(before[i], key=position.__getitem__)
            for j in neighbours[(len(neighbours) - 1) // 2 : len(neighbours) // 2 + 1]:
                free = successor[i] == i and last_used < position[j]
                if free and (i, j) not in conflicts and (j, i) not in conflicts:
                    successor[j] = i
                    root[i] = successor[i] = root[j]
                    last_used = position[j]
    return root


def _compact(rows: Rows, root: list[int], widths: Sequence[float], gap: float) -> list[float]:
    """Move each block as far left as possible, then right towards its right neighbours."""
    distance: dict[tuple[int, int], float] = {}
    for row in rows:
        for a, b in pairwise(row):
            pair = root[a], root[b]
            distance[pair] = max(distance.get(pair, 0.0), (widths[a] + widths[b]) / 2 + gap)
    left: dict[int, list[int]] = {}
    right: dict[int, list[int]] = {}
    for a, b in distance:
        left.setdefault(b, []).append(a)
        right.setdefault(a, []).append(b)
    order = topological_order(sorted(set(root)), right)
    x = dict.fromkeys(order, 0.0)
    for b in order:
        x[b] = max((x[a] + distance[a, b] for a in left.get(b, ())), default=0.0)
    for a in reversed(order):
        limit = min((x[b] - distance[a, b] for b in right.get(a, ())), default=x[a])
        x[a] = max(x[a], limit)
    return [x[i] for i in root]


def topological_order(nodes: Iterable[int], successors: Mapping[int, Sequence[int]]) -> list[int]:
    """The nodes of an acyclic graph, each one before its successors (Kahn's algorithm)."""
    pending = dict.fromkeys(nodes, 0)
    for following in successors.values():
        for b in following:
            pending[b] += 1
    ready = [a for a, count in pending.items() if not count]
    order = []
    while ready:
        a = ready.pop()
        order.append(a)
        for b in successors.get(a, ()):
            pending[b] -= 1
            if not pending[b]:
                ready.append(b)
    return order

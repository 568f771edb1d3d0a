"""How far to the right each box of a layered graph stands, so that most arrows are straight.

U. Brandes and B. Köpf, "Fast and simple horizontal coordinate assignment", 2001: each box is lined up with a middle
neighbour, once from each of the four corners, and stands between the two middle ones of the four places it gets so.
Arrows over several ranks are straight in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Rows = list[list[int]]
Neighbours = list[list[int]]


def places(
    rows: Rows, above: Neighbours, below: Neighbours, widths: Sequence[float], gap: float, first_station: int
) -> list[float]:
    """x of the middle of every box. rows: boxes from left to right. From `first_station` on, what stands in a row is
    not a box but an arrow that passes."""
    if not rows:
        return []
    refused = _refused(rows, above, first_station)
    found = []
    for upwards in (False, True):
        for leftwards in (False, True):
            turned = [row[::-1] if leftwards else row for row in (rows[::-1] if upwards else rows)]
            root = _lined_up(turned, below if upwards else above, refused)
            x = _compact(turned, root, widths, gap)
            found.append([-place for place in x] if leftwards else x)
    # The four are laid over each other by the side from which each is packed, on the narrowest.
    spans = [_span(x, widths) for x in found]
    left, right = min(spans, key=lambda span: span[1] - span[0])
    for k, x in enumerate(found):
        shift = right - spans[k][1] if k % 2 else left - spans[k][0]
        found[k] = [place + shift for place in x]
    return [sum(sorted(four)[1:3]) / 2 for four in zip(*found)]


def _span(x: list[float], widths: Sequence[float]) -> tuple[float, float]:
    return (
        min(place - width / 2 for place, width in zip(x, widths)),
        max(place + width / 2 for place, width in zip(x, widths)),
    )


def _refused(rows: Rows, above: Neighbours, first_station: int) -> set[tuple[int, int]]:
    """The arrows that must not be straight, as they cross one that passes several ranks and is to be straight."""
    refused = set()
    for upper, lower in pairwise(rows):
        place = {i: k for k, i in enumerate(upper)}
        passing = []
        for k, i in enumerate(lower):
            if i >= first_station:
                passing += [(place[j], k) for j in above[i] if j >= first_station]
        for k, i in enumerate(lower):
            for j in above[i]:
                if i >= first_station and j >= first_station:
                    continue
                if any((place[j] - upper_end) * (k - lower_end) < 0 for upper_end, lower_end in passing):
                    refused.add((j, i))
    return refused


def _lined_up(rows: Rows, before: Neighbours, refused: set[tuple[int, int]]) -> list[int]:
    """For every box the first of the column it belongs to."""
    count = sum(map(len, rows))
    root, following = list(range(count)), list(range(count))
    place = {i: k for row in rows for k, i in enumerate(row)}
    for row in rows:
        taken = -1
        for i in row:
            near = sorted(before[i], key=place.__getitem__)
            for j in near[(len(near) - 1) // 2 : len(near) // 2 + 1]:
                free = following[i] == i and taken < place[j]
                if free and (i, j) not in refused and (j, i) not in refused:
                    following[j] = i
                    root[i] = following[i] = root[j]
                    taken = place[j]
    return root


def _compact(rows: Rows, root: list[int], widths: Sequence[float], gap: float) -> list[float]:
    """Columns as far to the left as they can be, then to the right as far as that brings them nearer to others."""
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
    order = _sorted(sorted(set(root)), left, right)
    x = dict.fromkeys(order, 0.0)
    for b in order:
        x[b] = max((x[a] + distance[a, b] for a in left.get(b, ())), default=0.0)
    for a in reversed(order):
        limit = min((x[b] - distance[a, b] for b in right.get(a, ())), default=x[a])
        x[a] = max(x[a], limit)
    return [x[i] for i in root]


def _sorted(columns: list[int], left: dict[int, list[int]], right: dict[int, list[int]]) -> list[int]:
    """Columns so that each comes after those on its left."""
    waiting = {b: len(left.get(b, ())) for b in columns}
    ready = [b for b in columns if not waiting[b]]
    order = []
    while ready:
        a = ready.pop()
        order.append(a)
        for b in right.get(a, ()):
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    return order

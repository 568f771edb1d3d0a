"""Where to draw the boxes of a directed graph, so that arrows lead down and cross little.

The usual four steps (Sugiyama, Tagawa and Toda, 1981): a rank for every box, unseen stations where an arrow passes a
rank, an order within each rank with few crossings, and places (see `graph_places`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .graph_coordinates import places

Point = tuple[float, float]
Edge = tuple[int, int]

_SWEEPS = 12  # over the ranks, for the order
_ASIDE = 14.0


class Layout(NamedTuple):
    """Places, with the origin at the upper left and y downwards.

    centers: of the boxes. routes: for each edge the points it passes, from the lower side of one box to the upper side
    of the next; an edge that leads back upwards is given from its lower end. width, height: of everything.
    """

    centers: list[Point]
    routes: dict[Edge, list[Point]]
    backward: set[Edge]
    width: float
    height: float


def layout(
    sizes: Sequence[tuple[float, float]], edges: Sequence[Edge], gap: float = 24.0, drop: float = 30.0
) -> Layout:
    """Arrange boxes of given (width, height). gap: between boxes side by side. drop: from a rank to the next."""
    edges = list(dict.fromkeys((a, b) for a, b in edges if a != b))
    backward = _backward(len(sizes), edges)
    down = {edge: (edge[::-1] if edge in backward else edge) for edge in edges}
    ranks = _ranks(len(sizes), sorted(set(down.values())))

    widths = [width for width, _ in sizes]
    rank_of = list(ranks)
    chains: dict[Edge, list[int]] = {}
    for edge in edges:
        a, b = down[edge]
        stations = list(range(len(widths), len(widths) + ranks[b] - ranks[a] - 1))
        widths += [0.0] * len(stations)
        rank_of += range(ranks[a] + 1, ranks[b])
        chains[edge] = [a, *stations, b]
    above: list[list[int]] = [[] for _ in widths]
    below: list[list[int]] = [[] for _ in widths]
    for chain in chains.values():
        for a, b in pairwise(chain):
            above[b].append(a)
            below[a].append(b)

    rows: list[list[int]] = [[] for _ in range(max(rank_of, default=-1) + 1)]
    for i, rank in enumerate(rank_of):
        rows[rank].append(i)
    rows = _ordered(rows, above, below)
    x = places(rows, above, below, widths, gap, first_station=len(sizes))
    left = min((x[i] - widths[i] / 2 for i in range(len(x))), default=0.0)
    right = max((x[i] + widths[i] / 2 for i in range(len(x))), default=0.0)

    heights = [max((sizes[i][1] for i in row if i < len(sizes)), default=0.0) for row in rows]
    tops = [sum(heights[:r]) + drop * r for r in range(len(rows))]
    centers = [(x[i] - left, tops[ranks[i]] + heights[ranks[i]] / 2) for i in range(len(sizes))]
    routes = {}
    for edge, chain in chains.items():
        first, last = chain[0], chain[-1]
        points = [(centers[first][0], centers[first][1] + sizes[first][1] / 2)]
        for i in chain[1:-1]:  # straight through its rank, beside the boxes there
            rank = rank_of[i]
            points += [(x[i] - left, tops[rank]), (x[i] - left, tops[rank] + heights[rank])]
        points.append((centers[last][0], centers[last][1] - sizes[last][1] / 2))
        if edge in backward:  # beside the arrows that lead down from the one box and to the other
            points[0] = (points[0][0] - min(_ASIDE, sizes[first][0] / 4), points[0][1])
            points[-1] = (points[-1][0] - min(_ASIDE, sizes[last][0] / 4), points[-1][1])
        routes[edge] = points
    height = tops[-1] + heights[-1] if rows else 0.0
    return Layout(centers, routes, backward, right - left, height)


def _backward(count: int, edges: Sequence[Edge]) -> set[Edge]:
    """The edges that close a circle, found on a walk from the sources."""
    following: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for a, b in edges:
        following[a].append(b)
        entered[b] = True
    state = [0] * count  # 0 not seen, 1 on the way, 2 done
    found = set()
    for start in sorted(range(count), key=lambda i: entered[i]):
        if state[start]:
            continue
        stack = [(start, iter(following[start]))]
        state[start] = 1
        while stack:  # without recursion: models of a thousand layers exist
            a, rest = stack[-1]
            for b in rest:
                if state[b] == 1:
                    found.add((a, b))
                elif state[b] == 0:
                    state[b] = 1
                    stack.append((b, iter(following[b])))
                    break
            else:
                state[a] = 2
                stack.pop()
    return found


def _ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """The longest way to every box from a source; sources stand just above what they lead to."""
    following: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for a, b in edges:
        following[a].append(b)
        waiting[b] += 1
    sources = [i for i in range(count) if not waiting[i]]
    ranks, ready, order = [0] * count, list(sources), []
    while ready:
        a = ready.pop()
        order.append(a)
        for b in following[a]:
            ranks[b] = max(ranks[b], ranks[a] + 1)
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    for a in sources:
        if following[a]:
            ranks[a] = min(ranks[b] for b in following[a]) - 1
    return ranks


def _ordered(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> list[list[int]]:
    """Rows in which each box stands by the mean place of its neighbours; the best of several sweeps."""
    best, fewest = rows, _crossings(rows, below)
    rows = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        neighbours = above if downwards else below
        for r in range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1):
            place = {i: k for k, i in enumerate(rows[r - 1 if downwards else r + 1])}
            own = {i: k for k, i in enumerate(rows[r])}

            def wish(i: int) -> float:
                near = [place[j] for j in neighbours[i]]  # noqa: B023 (used at once)
                return sum(near) / len(near) if near else own[i]  # noqa: B023

            rows[r].sort(key=wish)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: list[list[int]], below: list[list[int]]) -> int:
    total = 0
    for row, following in pairwise(rows):
        place = {i: k for k, i in enumerate(following)}
        ends = [sorted(place[j] for j in below[i]) for i in row]
        seen: list[int] = []
        for some in ends:
            total += sum(1 for end in some for other in seen if other > end)
            seen += some
    return total

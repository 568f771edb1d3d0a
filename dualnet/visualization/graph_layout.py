"""Layered layout of a directed graph: arrows point down and rarely cross.

The usual four steps (Sugiyama, Tagawa and Toda, 1981): a rank for every box, dummy nodes where an arrow passes a rank, an
order within each rank with few crossings, and coordinates (see `graph_coordinates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .graph_coordinates import extent, topological_order, x_coordinates

Point = tuple[float, float]
Edge = tuple[int, int]

_SWEEPS = 12  # over the ranks, for the order
_BACK_EDGE_SHIFT = 14.0


class Layout(NamedTuple):
    """Coordinates, with the origin at the upper left and y downwards.

    centers: of the boxes. routes: for each edge its points, from the lower side of one box to the upper side of the next;
    a back edge starts at its lower end. back_edges: the edges that point upwards. width, height: of the whole layout.
    """

    centers: list[Point]
    routes: dict[Edge, list[Point]]
    back_edges: set[Edge]
    width: float
    height: float


def layout(
    sizes: Sequence[tuple[float, float]], edges: Sequence[Edge], gap: float = 24.0, rank_gap: float = 30.0
) -> Layout:
    """Lay out boxes of sizes (width, height). gap: between neighbours in a rank. rank_gap: between ranks."""
    edges = list(dict.fromkeys((a, b) for a, b in edges if a != b))
    back_edges = _back_edges(len(sizes), edges)
    down = {edge: (edge[::-1] if edge in back_edges else edge) for edge in edges}
    ranks = _ranks(len(sizes), sorted(set(down.values())))

    widths = [width for width, _ in sizes]
    rank_of = list(ranks)
    chains: dict[Edge, list[int]] = {}
    for edge in edges:
        a, b = down[edge]
        dummies = list(range(len(widths), len(widths) + ranks[b] - ranks[a] - 1))
        widths += [0.0] * len(dummies)
        rank_of += range(ranks[a] + 1, ranks[b])
        chains[edge] = [a, *dummies, b]
    above: list[list[int]] = [[] for _ in widths]
    below: list[list[int]] = [[] for _ in widths]
    for chain in chains.values():
        for a, b in pairwise(chain):
            above[b].append(a)
            below[a].append(b)

    rows: list[list[int]] = [[] for _ in range(max(rank_of, default=-1) + 1)]
    for i, rank in enumerate(rank_of):
        rows[rank].append(i)
    rows = _order_rows(rows, above, below)
    x = x_coordinates(rows, above, below, widths, gap, first_dummy=len(sizes))
    left, right = extent(x, widths) if x else (0.0, 0.0)

    heights = [max((sizes[i][1] for i in row if i < len(sizes)), default=0.0) for row in rows]
    tops = [sum(heights[:r]) + rank_gap * r for r in range(len(rows))]
    centers = [(x[i] - left, tops[ranks[i]] + heights[ranks[i]] / 2) for i in range(len(sizes))]
    routes = {}
    for edge, chain in chains.items():
        first, last = chain[0], chain[-1]
        points = [(centers[first][0], centers[first][1] + sizes[first][1] / 2)]
        for i in chain[1:-1]:  # straight through the rank, beside its boxes
            rank = rank_of[i]
            points += [(x[i] - left, tops[rank]), (x[i] - left, tops[rank] + heights[rank])]
        points.append((centers[last][0], centers[last][1] - sizes[last][1] / 2))
        if edge in back_edges:  # beside the arrows that point down
            points[0] = (points[0][0] - min(_BACK_EDGE_SHIFT, sizes[first][0] / 4), points[0][1])
            points[-1] = (points[-1][0] - min(_BACK_EDGE_SHIFT, sizes[last][0] / 4), points[-1][1])
        routes[edge] = points
    height = tops[-1] + heights[-1] if rows else 0.0
    return Layout(centers, routes, back_edges, right - left, height)


def _back_edges(count: int, edges: Sequence[Edge]) -> set[Edge]:
    """The edges that close a cycle, by depth-first search from the sources."""
    following: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for a, b in edges:
        following[a].append(b)
        entered[b] = True
    state = [0] * count  # 0 unvisited, 1 on the stack, 2 done
    back_edges = set()
    for start in sorted(range(count), key=lambda i: entered[i]):
        if state[start]:
            continue
        stack = [(start, iter(following[start]))]
        state[start] = 1
        while stack:  # no recursion: models may have a thousand layers
            a, successors = stack[-1]
            for b in successors:
                if state[b] == 1:
                    back_edges.add((a, b))
                elif state[b] == 0:
                    state[b] = 1
                    stack.append((b, iter(following[b])))
                    break
            else:
                state[a] = 2
                stack.pop()
    return back_edges


def _ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """The longest path to every box from a source; sources are just above their successors."""
    successors: dict[int, list[int]] = {}
    for a, b in edges:
        successors.setdefault(a, []).append(b)
    ranks = [0] * count
    for a in topological_order(range(count), successors):
        for b in successors.get(a, ()):
            ranks[b] = max(ranks[b], ranks[a] + 1)
    for a in successors.keys() - {b for _, b in edges}:
        ranks[a] = min(ranks[b] for b in successors[a]) - 1
    return ranks


def _order_rows(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> list[list[int]]:
    """Rows sorted by the mean position of the neighbours of each box; the best of several sweeps."""
    best, fewest_crossings = rows, _crossings(rows, below)
    rows = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if not fewest_crossings:
            break
        downwards = sweep % 2 == 0
        neighbours = above if downwards else below
        for r in range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1):
            position = {i: k for k, i in enumerate(rows[r - 1 if downwards else r + 1])}
            own = {i: k for k, i in enumerate(rows[r])}

            def barycenter(i: int) -> float:
                positions = [position[j] for j in neighbours[i]]  # noqa: B023 (used at once)
                return sum(positions) / len(positions) if positions else own[i]  # noqa: B023

            rows[r].sort(key=barycenter)
        crossings = _crossings(rows, below)
        if crossings < fewest_crossings:
            best, fewest_crossings = [list(row) for row in rows], crossings
    return best


def _crossings(rows: list[list[int]], below: list[list[int]]) -> int:
    total = 0
    for row, following in pairwise(rows):
        position = {i: k for k, i in enumerate(following)}
        ends = [sorted(position[j] for j in below[i]) for i in row]
        seen: list[int] = []
        for positions in ends:
            total += sum(1 for end in positions for other in seen if other > end)
            seen += positions
    return total

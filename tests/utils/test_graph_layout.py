"""Boxes of a graph: none overlap, arrows lead down, and long ones are straight."""

from __future__ import annotations

import itertools
import random

import pytest

from dualnet.visualization.graph_layout import layout

Box = tuple[float, float, float, float]


def boxes(sizes: list[tuple[float, float]], centers: list[tuple[float, float]]) -> list[Box]:
    return [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (w, h), (x, y) in zip(sizes, centers)]


def random_graph(seed: int, cycles: bool) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    rng = random.Random(seed)
    count = rng.randint(1, 25)
    sizes = [(rng.uniform(20, 120), rng.uniform(15, 60)) for _ in range(count)]
    edges = []
    for b in range(1, count):
        edges += [(rng.randrange(b), b) for _ in range(rng.randint(0, 3))]
    if cycles and count > 2:
        edges += [tuple(rng.sample(range(count), 2)) for _ in range(2)]  # type: ignore[misc]
    return sizes, edges


@pytest.mark.parametrize("cycles", [False, True])
def test_random_graphs(cycles: bool) -> None:
    straight = total = 0
    for seed in range(60):
        sizes, edges = random_graph(seed, cycles)
        result = layout(sizes, edges, gap=10, rank_gap=20)
        placed = boxes(sizes, result.centers)
        for (l0, t0, r0, b0), (l1, t1, r1, b1) in itertools.combinations(placed, 2):
            apart = r0 + 9.9 <= l1 or r1 + 9.9 <= l0 or b0 + 19.9 <= t1 or b1 + 19.9 <= t0
            assert apart, seed
        assert min(box[0] for box in placed) >= -1e-6
        assert max(box[2] for box in placed) <= result.width + 1e-6
        assert max(box[3] for box in placed) <= result.height + 1e-6
        assert set(result.routes) == set(edges)
        assert cycles or not result.back_edges
        for (a, b), route in result.routes.items():
            if (a, b) in result.back_edges:
                a, b = b, a
            assert route[0][1] == pytest.approx(placed[a][3])
            assert route[-1][1] == pytest.approx(placed[b][1])
            assert placed[a][0] <= route[0][0] <= placed[a][2]
            assert placed[b][0] <= route[-1][0] <= placed[b][2]
            assert all(y1 > y0 for (_, y0), (_, y1) in itertools.pairwise(route))
            for (x, top), (_, bottom) in zip(route[1:-1:2], route[2:-1:2]):  # it passes beside the boxes of a rank
                for left, upper, right, lower in placed:
                    assert not (left < x < right and upper < (top + bottom) / 2 < lower)
            inner = [x for x, _ in route[1:-1]]
            total += len(inner) > 2
            straight += len(inner) > 2 and max(inner) - min(inner) < 1e-6
    assert straight > 0.8 * total > 20


def test_a_chain_stands_in_one_line() -> None:
    result = layout([(30, 10), (80, 20), (10, 5)], [(0, 1), (1, 2)], rank_gap=7)
    assert result.centers == [(40, 5), (40, 27), (40, 46.5)]
    assert result.routes == {(0, 1): [(40, 10), (40, 17)], (1, 2): [(40, 37), (40, 44)]}
    assert (result.width, result.height) == (80, 49)


def test_a_diamond_is_symmetric() -> None:
    result = layout([(20, 10)] * 4, [(0, 1), (0, 2), (1, 3), (2, 3)], gap=10)
    (x0, _), (x1, _), (x2, _), (x3, _) = result.centers
    assert x0 == x3 == (x1 + x2) / 2
    assert abs(x1 - x2) == 30


def test_crossings_are_untangled() -> None:
    # Drawn as numbered, all these would cross each other.
    edges = [(i, 5 + (4 - i)) for i in range(5)]
    result = layout([(20, 10)] * 10, edges)
    for a, b in edges:
        assert result.centers[a][0] == pytest.approx(result.centers[b][0])


def test_nothing_and_single_boxes() -> None:
    assert layout([], []).centers == []
    assert layout([(10, 10)], [(0, 0)]).centers == [(5, 5)]  # a loop is no edge here
    apart = layout([(10, 10)] * 3, [], gap=5)
    assert sorted(x for x, _ in apart.centers) == [5, 20, 35]


def test_inputs_stand_just_above_what_they_lead_to() -> None:
    result = layout([(10, 10)] * 5, [(0, 1), (1, 2), (2, 3), (4, 3)], rank_gap=10)
    assert result.centers[4][1] == result.centers[2][1]


def test_a_thousand_boxes_in_a_row() -> None:
    result = layout([(10, 10)] * 1000, [(i, i + 1) for i in range(999)] + [(999, 0)])
    assert result.back_edges == {(999, 0)}
    assert result.height == 1000 * 10 + 999 * 30

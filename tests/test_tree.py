"""Nested structures."""

import pytest

import dualnet
from dualnet import tree

SHAPES = [
    (1, 2),
    [None, 2],
    (),
    [],
    None,
    3,
    (None,),
    [(1, 2), (3, None)],
    ((1, 2), [3, None]),
    {"a": (1, 2), "b": [(1,), ()]},
    (1, (2, 3)),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_a_shape_is_one_leaf_as_in_keras(shapes, keras):
    def message(library):
        leaves = []
        return library.tree.map_shape_structure(lambda s: (leaves.append(s), ("leaf", s))[1], shapes), leaves

    assert message(dualnet) == message(keras)


def test_map_shape_structure_keeps_the_form():
    shapes = {"a": (None, 2), "b": [(1,), [3, 4]]}
    assert tree.map_shape_structure(len, shapes) == {"a": 2, "b": [1, 2]}

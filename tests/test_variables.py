"""Variables, nested structures, names and settings: the small parts that everything else stands on."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Variable, config, tree
from dualnet.core import naming

Pair = namedtuple("Pair", "a b")


def test_a_variable_keeps_its_buffer() -> None:
    source = np.ones((2, 2), "float32")
    v = Variable(source, name="v")
    buffer = v.data
    source[:] = 5
    np.testing.assert_array_equal(v.numpy(), np.ones((2, 2)))
    v.assign(np.full((2, 2), 2.0)).assign_add(1.0).assign_sub([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(v.numpy(), [[2, 3], [3, 2]])
    v.assign(v.data.T[::-1])  # its own memory, in another order
    np.testing.assert_array_equal(v.numpy(), [[3, 2], [2, 3]])
    assert v.data is buffer
    assert v.dtype == "float32"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Variable(np.zeros(3), shape=(2,)), r"expected a value of shape \(2,\), got \(3,\)"),
        (lambda: Variable(lambda shape, dtype: np.zeros(shape)), "a shape is needed"),
        (lambda: Variable(np.zeros(3)).assign(np.zeros(2)), r"expected shape \(3,\), got \(2,\)"),
        (lambda: Variable(np.zeros(3)).assign(0.0), r"expected shape \(3,\), got \(\)"),
        (lambda: Variable(["a"]), "expected numbers"),
        (lambda: Variable(0.0, dtype="float33"), "no dtype is called"),
    ],
)
def test_what_a_variable_refuses(wrong: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        wrong()


def test_trainable_and_dtype() -> None:
    assert Variable(3).tracked is False  # an integer has no gradient
    v = Variable(3.0)
    assert v.tracked
    v.trainable = False
    assert not v.tracked
    assert Variable(np.zeros(2, "float64")).dtype == "float64"
    assert Variable(1.5, dtype="float16").dtype == "float16"
    assert Variable(dualnet.initializers.Ones(), shape=(2,), dtype="float64").numpy().tolist() == [1.0, 1.0]
    v = Variable(0, dtype="int64")
    v.assign_add(2)
    assert int(v) == 2


STRUCTURES: list[Any] = [
    3, [], {}, [1, [2, (3,)]], {"b": 1, "a": [2, 3]}, Pair(1, [2]), OrderedDict(b=1, a=2), (1, None, "x"),
    {1: 2, "mixed": 3},
]  # fmt: skip


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
def test_structures(structure: Any) -> None:
    leaves = tree.flatten(structure)
    assert tree.pack_sequence_as(structure, leaves) == structure
    doubled = tree.map_structure(lambda x: (x, x).count(x), structure)
    assert type(doubled) is type(structure) or not tree.is_nested(structure)
    assert tree.flatten(doubled) == [2] * len(leaves)
    assert tree.map_structure(lambda a, b: a is b, structure, structure) == tree.map_structure(
        lambda a: True, structure
    )


def test_dictionaries_by_sorted_key() -> None:
    assert tree.flatten({"b": 1, "a": {"z": 2, "y": 3}}) == [3, 2, 1]
    assert list(tree.map_structure(str, {"b": 1, "a": 2})) == ["b", "a"]
    mapped = tree.map_structure(str, defaultdict(list, a=1))
    assert mapped == {"a": "1"}
    assert mapped["new"] == []


@pytest.mark.parametrize(
    "pair",
    [([1, 2], [1]), ({"a": 1}, {"b": 1}), ({"a": 1}, {"a": 1, "b": 2}), ([1], 1), ({"a": 1}, [1]), ((1, 2), (1, 2, 3))],
)
def test_structures_that_differ(pair: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="the structures don't have the same nested form"):
        tree.map_structure(lambda a, b: a, *pair)


@pytest.mark.parametrize("leaves", [[1], [1, 2, 3]])
def test_leaves_that_do_not_fit(leaves: list[int]) -> None:
    with pytest.raises(ValueError, match="for a structure that holds 2"):
        tree.pack_sequence_as([0, {"a": 0}], leaves)


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Dense", "dense"), ("BatchNormalization", "batch_normalization"), ("Conv2D", "conv2d"), ("LSTM", "lstm"),
        ("PReLU", "p_re_lu"), ("ReLU", "re_lu"), ("RMSprop", "rm_sprop"), ("AdamW", "adam_w"), ("MyLayer2", "my_layer2"),
        ("UpSampling2D", "up_sampling2d"), ("HTTPServer", "http_server"), ("a b!", "ab"),
    ],
)  # fmt: skip
def test_snake_case(name: str, snake: str) -> None:
    assert naming.to_snake_case(name) == snake


def test_counters() -> None:
    dualnet.utils.clear_session()
    assert [naming.auto_name(n) for n in ("Dense", "Dense", "Flatten", "dense")] == [
        "dense",
        "dense_1",
        "flatten",
        "dense_2",
    ]
    assert naming.get_uid("x") == 1
    assert naming.get_uid("x") == 2
    dualnet.utils.clear_session()
    assert naming.auto_name("Dense") == "dense"


def test_settings() -> None:
    try:
        config.set_floatx("float64")
        assert dualnet.layers.Dense(2)(np.ones((1, 2))).dtype == "float64"
        assert dualnet.ops.array([1.0]).dtype == "float64"
        config.set_epsilon(1e-3)
        assert config.epsilon() == 1e-3
        config.set_image_data_format("channels_first")
        assert dualnet.layers.Flatten().data_format == "channels_first"
        config.disable_interactive_logging()
        assert not config.is_interactive_logging_enabled()
    finally:
        config.set_floatx("float32")
        config.set_epsilon(1e-7)
        config.set_image_data_format("channels_last")
        config.enable_interactive_logging()
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float32", 1e-7, "channels_last")
    for wrong in (lambda: config.set_floatx("int32"), lambda: config.set_image_data_format("last")):
        with pytest.raises(ValueError, match="expect"):
            wrong()
    with config.device("cpu"):
        assert config.backend() == "numpy"
        assert config.array_module() is np

"""`Dataset.interleave`, `padded_batch` and `element_spec`, with the values of tf.data's documentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.data import Dataset, TensorSpec


def numbers(dataset: Dataset) -> list[Any]:
    return [int(x) for x in dataset.as_numpy_iterator()]


def ragged(*lengths: int, dtype: str = "int64") -> Dataset:
    return Dataset.from_generator(
        lambda: (np.arange(1, n + 1, dtype=dtype) for n in lengths), output_signature=TensorSpec((None,), dtype)
    )


def repeated(x: Any) -> Dataset:
    return Dataset.from_tensors(x).repeat(6)


def test_the_order_of_tf_data() -> None:
    got = numbers(Dataset.range(1, 6).interleave(repeated, cycle_length=2, block_length=4))
    assert got == [1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 4, 4, 5, 5, 5, 5, 5, 5]


@pytest.mark.parametrize("cycle", [1, 2, 3, 7, None])
@pytest.mark.parametrize("block", [None, 1, 2, 5])
def test_every_element_once(cycle: int | None, block: int | None) -> None:
    lengths = [3, 0, 5, 1, 0, 4]
    nested = Dataset.range(6).interleave(lambda i: Dataset.range(10 * i, 10 * i + lengths[int(i)]), cycle, block)
    want = [10 * i + k for i, n in enumerate(lengths) for k in range(n)]
    assert sorted(numbers(nested)) == want
    assert numbers(nested) == numbers(nested)
    if cycle == 1:
        assert numbers(nested) == want


def test_interleave_of_an_endless_dataset() -> None:
    dataset = Dataset.range(3).repeat().interleave(lambda i: Dataset.from_tensors(i).repeat(), cycle_length=3)
    assert numbers(dataset.take(7)) == [0, 1, 2, 0, 1, 2, 0]


def test_what_interleave_refuses() -> None:
    with pytest.raises(ValueError, match="block_length"):
        Dataset.range(2).interleave(repeated, 2, 0)
    with pytest.raises(TypeError, match="interleave: the function must return a Dataset"):
        list(Dataset.range(2).interleave(lambda x: x))


def test_padded_to_the_largest() -> None:
    batches = list(ragged(1, 3, 2).padded_batch(2).as_numpy_iterator())
    np.testing.assert_array_equal(batches[0], [[1, 0, 0], [1, 2, 3]])
    np.testing.assert_array_equal(batches[1], [[1, 2]])
    assert batches[0].dtype == np.int64
    assert len(list(ragged(1, 3, 2).padded_batch(2, drop_remainder=True))) == 1


@pytest.mark.parametrize("shape", [4, [4], (4,)])
def test_padded_to_a_shape(shape: Any) -> None:
    shape = [shape] if isinstance(shape, int) else shape
    (batch,) = ragged(1, 3).padded_batch(2, padded_shapes=shape, padding_values=-1).as_numpy_iterator()
    np.testing.assert_array_equal(batch, [[1, -1, -1, -1], [1, 2, 3, -1]])
    with pytest.raises(ValueError, match=r"does not fit into padded_shapes=\(2,\)"):
        list(ragged(1, 3).padded_batch(2, padded_shapes=[2]))


def test_parts_are_padded_each() -> None:
    pairs = Dataset.zip(ragged(1, 2, dtype="float32"), ragged(2, 1))
    x, y = next(pairs.padded_batch(2, ([None], [3]), (0.5, -1)).as_numpy_iterator())
    np.testing.assert_array_equal(x, np.array([[1, 0.5], [1, 2]], "float32"))
    np.testing.assert_array_equal(y, [[1, 2, -1], [1, -1, -1]])
    named = Dataset.zip({"a": ragged(1, 2), "b": Dataset.range(2)})
    batch = next(named.padded_batch(2, {"a": [-1], "b": []}).as_numpy_iterator())
    np.testing.assert_array_equal(batch["a"], [[1, 0], [1, 2]])
    np.testing.assert_array_equal(batch["b"], [0, 1])


def test_padded_texts() -> None:
    texts = Dataset.from_generator(lambda: iter([np.array(["a"], object), np.array(["b", "c"], object)]))
    assert next(texts.padded_batch(2).as_numpy_iterator()).tolist() == [["a", ""], ["b", "c"]]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"padding_values": 0.5}, "expected one value of dtype int64"),
        ({"padded_shapes": [None, 3]}, "expected elements with 2 axes"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_what_padded_batch_refuses(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        list(ragged(1, 2).padded_batch(**{"batch_size": 2, **arguments}))
    pairs = Dataset.zip(ragged(1), ragged(1))
    with pytest.raises(ValueError, match="padded_shapes must have the structure"):
        list(pairs.padded_batch(1, padded_shapes=([None],)))


ROWS = Dataset.from_tensor_slices((np.zeros((5, 3), "float32"), np.zeros(5, "int32")))
SPECS = {
    "slices": (ROWS, (TensorSpec((3,)), TensorSpec((), "int32"))),
    "batch": (ROWS.shuffle(5).batch(2), (TensorSpec((None, 3)), TensorSpec((None,), "int32"))),
    "batch without remainder": (ROWS.batch(2, True), (TensorSpec((2, 3)), TensorSpec((2,), "int32"))),
    "unbatch": (ROWS.batch(2).unbatch(), (TensorSpec((3,)), TensorSpec((), "int32"))),
    "range": (Dataset.range(3), TensorSpec((), "int64")),
    "map": (ROWS.map(lambda x, y: {"x": x[:2]}).prefetch(1), {"x": TensorSpec((2,))}),
    "generator": (ragged(1, 2), TensorSpec((None,), "int64")),
    "padded": (ragged(1, 2).padded_batch(2), TensorSpec((None, None), "int64")),
    "padded to": (ragged(1, 2).padded_batch(2, [4], drop_remainder=True), TensorSpec((2, 4), "int64")),
    "enumerate": (Dataset.range(3).enumerate(), (TensorSpec((), "int64"), TensorSpec((), "int64"))),
    "concatenate": (
        Dataset.from_tensors(np.zeros(2)).concatenate(Dataset.from_tensors(np.zeros(3))),
        TensorSpec((None,), "float64"),
    ),
    "text": (Dataset.from_tensors("a"), TensorSpec((), object)),
    "interleave": (Dataset.range(2).interleave(repeated), TensorSpec((), "int64")),
}


@pytest.mark.parametrize("name", SPECS)
def test_element_spec(name: str) -> None:
    dataset, spec = SPECS[name]
    assert dataset.element_spec == spec


def test_element_spec_of_windows_and_of_nothing() -> None:
    assert Dataset.range(4).window(2).element_spec.element_spec == TensorSpec((), "int64")
    with pytest.raises(ValueError, match="empty"):
        _ = Dataset.from_generator(lambda: iter(())).element_spec


def test_element_spec_does_not_change_the_order() -> None:
    def orders(look: bool) -> list[Any]:
        dualnet.utils.set_random_seed(3)
        dataset = Dataset.range(20).shuffle(20).map(lambda x: x + 1)
        if look:
            _ = dataset.element_spec
        return [numbers(dataset), numbers(dataset)]

    assert orders(True) == orders(False)


def test_fit_takes_padded_batches() -> None:
    pairs = Dataset.zip(ragged(2, 3, 1, 4), Dataset.from_tensor_slices(np.zeros((4, 1), "float32")))
    layers = dualnet.layers
    model = dualnet.Sequential(
        [layers.Embedding(9, 2, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    model.fit(pairs.padded_batch(2), epochs=2, verbose=0)

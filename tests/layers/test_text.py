"""Layers for text and categories: what they take, what they refuse, how they learn. Their numbers: test_text_parity.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import data, layers
from dualnet.core.text import as_bytes, as_text, is_text
from dualnet.layers.preprocessing.text.hash_functions import farmhash64, siphash

ABC = ["a", "b", "c"]
Make = Callable[[], Any]


@pytest.mark.parametrize(
    "x", ["a", b"a", ["a"], [["a", "b"]], np.array(["a"]), np.array(["a"], object), np.array([b"a"])]
)
def test_text_is_distinguished_from_numbers(x: Any) -> None:
    assert is_text(x)
    assert is_text(as_text(x))
    assert as_text(x).shape == np.shape(x)


@pytest.mark.parametrize("x", [1, [1], np.ones(2), [], np.array([None]), None, [[1.0]], dualnet.ops.ones(2)])
def test_numbers_are_not_text(x: Any) -> None:
    assert not is_text(x)


def test_strings_as_bytes_keep_their_shape() -> None:
    assert as_bytes([["é", "b"], ["", "\0"]]).tolist() == [["é".encode(), b"b"], [b"", b"\0"]]
    assert as_bytes("x")[()] == b"x"


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        as_text([["a"], ["b", "c"]])
    with pytest.raises(TypeError, match="got 1 of type int"):
        as_text(["a", 1])


def test_published_hashes() -> None:
    # Appendix A of the SipHash paper, and values of tf.strings.to_hash_bucket_fast with 2**62 buckets (TensorFlow 2.21).
    key = [int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")]
    assert siphash(bytes(range(15)), key) == 0xA129CA6149BE45E5
    known = {
        "": 1936946117179621455,
        "a": 3694432073954588131,
        "hello world": 1769834696496558107,
        "x" * 17: 2082709914559524773,
        "y" * 33: 3999049019338133246,
        "z" * 65: 3688229565335330613,
        "q" * 200: 3537263014797593713,
        "é": 693143013273849025,
    }
    assert {s: farmhash64(s.encode()) % 2**62 for s in known} == known


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), "repeated terms are: \\['a'\\]"),
        (lambda: layers.StringLookup(vocabulary=["a", "", "b"], mask_token=""), "reserved mask token"),
        (lambda: layers.StringLookup(vocabulary=["m", "a"], mask_token="m"), "reserved mask token"),
        (lambda: layers.StringLookup(vocabulary=["a", "[UNK]"], invert=True), "reserved OOV token"),
        (lambda: layers.StringLookup(vocabulary=[]), "empty vocabulary"),
        (lambda: layers.StringLookup(vocabulary=[1, 2]), "holds strings, got 1"),
        (lambda: layers.StringLookup(vocabulary=ABC, max_tokens=3), "vocabulary size is 4; `max_tokens` is 3"),
        (lambda: layers.StringLookup(max_tokens=1), "greater than 1"),
        (lambda: layers.StringLookup(num_oov_indices=-1), "greater than or equal to 0"),
        (lambda: layers.StringLookup(output_mode="x"), "Unknown value for `output_mode`"),
        (lambda: layers.StringLookup(output_mode="count", invert=True), "must be `'int'` when `invert`"),
        (lambda: layers.StringLookup(output_mode="count", pad_to_max_tokens=True), "must set `max_tokens`"),
        (lambda: layers.StringLookup(output_mode="count", sparse=True), "no sparse tensors"),
        (lambda: layers.StringLookup(vocabulary=ABC, idf_weights=[1, 2, 3]), "only be set if `output_mode`"),
        (lambda: layers.StringLookup(vocabulary=ABC, output_mode="tf_idf"), "must also be provided"),
        (lambda: layers.StringLookup(vocabulary=ABC, output_mode="tf_idf", idf_weights=[1.0]), "same length"),
        (lambda: layers.StringLookup().set_vocabulary(ABC, idf_weights=[1, 2, 3]), "only be set if output_mode"),
        (lambda: layers.StringLookup(num_oov_indices=2, salt="x"), "tuple of size 2"),
        (lambda: layers.IntegerLookup(vocabulary_dtype="int32"), "vocabulary_dtype='int64'"),
        (lambda: layers.IntegerLookup(oov_method="x"), "Unknown value for `oov_method`"),
        (lambda: layers.IntegerLookup(salt=3), "`salt` can only be used"),
        (lambda: layers.TextVectorization(standardize="x"), "`standardize`"),
        (lambda: layers.TextVectorization(split="x"), "`split`"),
        (lambda: layers.TextVectorization(output_mode=None), "`output_mode`"),
        (lambda: layers.TextVectorization(ngrams="x"), "`ngrams`"),
        (lambda: layers.TextVectorization(output_sequence_length=3, output_mode="count"), "must not be set"),
        (lambda: layers.TextVectorization(output_sequence_length="x"), "None or an integer"),
        (lambda: layers.TextVectorization(ragged=True), "no ragged tensors"),
        (lambda: layers.Hashing(0), "non-positive"),
        (lambda: layers.Hashing(None), "non-positive"),
        (lambda: layers.Hashing(3, salt=[1]), "tuple of size 2"),
        (lambda: layers.Hashing(3, output_mode="tf_idf"), "Invalid value for argument `output_mode`"),
        (lambda: layers.Hashing(3, sparse=True), "`sparse` may only be true"),
        (lambda: layers.HashedCrossing(3, output_mode="count"), "`output_mode`"),
        (lambda: layers.HashedCrossing(0), "positive whole number"),
    ],
)
def test_wrong_arguments_are_refused(make: Make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layers.StringLookup()(ABC), ValueError, "has no vocabulary"),
        (lambda: layers.TextVectorization()(ABC), ValueError, "has no vocabulary"),
        (lambda: layers.IntegerLookup()([1]), ValueError, "has no vocabulary"),
        (
            lambda: layers.StringLookup(vocabulary=ABC)(np.array([1])),
            TypeError,
            "takes strings, got an array of dtype int64",
        ),
        (lambda: layers.TextVectorization(vocabulary=ABC)(np.ones((2, 1))), TypeError, "takes strings"),
        (lambda: layers.StringLookup(vocabulary=ABC, num_oov_indices=0)(["a", "z"]), ValueError, "got 'z'"),
        (lambda: layers.IntegerLookup(vocabulary=[1], num_oov_indices=0)([1, 7]), ValueError, "got 7"),
        (lambda: layers.TextVectorization(vocabulary=ABC)([["a", "b"]]), ValueError, "last shape dimension must be 1"),
        (lambda: layers.HashedCrossing(3)(np.array(ABC)), ValueError, "list or tuple"),
        (lambda: layers.HashedCrossing(3)((np.array(ABC),)), ValueError, "at least two"),
        (lambda: layers.HashedCrossing(3)((np.array(ABC), np.ones(3))), ValueError, "integer or string dtype"),
        (lambda: layers.HashedCrossing(3)((np.array(ABC), np.ones(2, int))), ValueError, "equal shape"),
        (lambda: layers.HashedCrossing(3)((np.array([ABC]), np.ones((1, 3), int))), ValueError, "should have shape"),
    ],
)
def test_wrong_inputs_are_refused(call: Make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_adapt_refuses_a_static_vocabulary() -> None:
    layer = layers.StringLookup(vocabulary=ABC)
    with pytest.raises(ValueError, match="Cannot adapt layer"):
        layer.adapt(["x"])
    sentences = layers.TextVectorization(vocabulary=ABC)
    with pytest.raises(ValueError, match="Cannot adapt layer"):
        sentences.adapt(["x"])


@pytest.mark.parametrize("end", ["\n", "", "\r\n"])
def test_a_vocabulary_from_a_file(tmp_path: Path, end: str) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes(((end or "\n").join(["b", "a", "é é"]) + end).encode())
    assert layers.StringLookup(vocabulary=str(file)).get_vocabulary() == ["[UNK]", "b", "a", "é é"]
    assert layers.TextVectorization(vocabulary=file).get_vocabulary() == ["", "[UNK]", "b", "a", "é é"]
    file.write_bytes(b"30\n-4\n")
    numbers = layers.IntegerLookup(vocabulary=str(file))
    assert numbers.get_vocabulary() == [-1, 30, -4]
    again = layers.IntegerLookup.from_config(numbers.get_config())
    assert again.get_vocabulary() == [-1, 30, -4]


def test_a_config_does_not_make_a_program_read_files(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("secret\n")
    for layer in (layers.StringLookup(), layers.TextVectorization(), layers.IntegerLookup()):
        with pytest.raises(ValueError, match="which is not read"):
            type(layer).from_config({**layer.get_config(), "vocabulary": str(file)})


@pytest.mark.parametrize(
    "layer",
    [
        layers.StringLookup(vocabulary=ABC, mask_token="", num_oov_indices=2, salt=[1, 2], max_tokens=9),
        layers.StringLookup(vocabulary=ABC, output_mode="tf_idf", idf_weights=[1.0, 2.0, 3.0]),
        layers.StringLookup(vocabulary=["[UNK]", *ABC], output_mode="tf_idf", idf_weights=[9.0, 1.0, 2.0, 3.0]),
        layers.StringLookup(vocabulary=ABC, output_mode="count", max_tokens=8, pad_to_max_tokens=True, oov_token="?"),
        layers.TextVectorization(vocabulary=ABC, ngrams=(1, 2), standardize="lower", split="character"),
        layers.TextVectorization(vocabulary=ABC, output_sequence_length=3, max_tokens=9, encoding="latin-1"),
        layers.Hashing(5, mask_value="a", salt=7, output_mode="count"),
    ],
)
def test_a_config_keeps_everything(layer: Any) -> None:
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    x = np.array([["a b c"], ["b"], ["z z"]])
    np.testing.assert_array_equal(again(x).numpy(), layer(x).numpy())


def test_inverted_look_up_gives_strings() -> None:
    layer = layers.StringLookup(vocabulary=ABC, invert=True, mask_token="", num_oov_indices=2)
    assert layer.get_vocabulary() == ["", "[UNK]", "[UNK]", *ABC]
    assert layer(np.array([[0, 1, 2], [3, 5, 9]])).numpy().tolist() == [["", "[UNK]", "[UNK]"], ["a", "c", "[UNK]"]]
    assert layer(np.array([-1])).numpy().tolist() == ["[UNK]"]
    back = layers.StringLookup(vocabulary=ABC, mask_token="", num_oov_indices=2)
    assert layer(back([["a", "", "c"]])).numpy().tolist() == [["a", "", "c"]]


def test_ids_can_have_another_dtype() -> None:
    assert layers.StringLookup(vocabulary=ABC)(ABC).dtype == "int64"
    assert layers.StringLookup(vocabulary=ABC, dtype="int32")(ABC).dtype == "int32"
    assert layers.StringLookup(vocabulary=ABC, output_mode="count")(ABC).dtype == "float32"
    assert layers.StringLookup(vocabulary=ABC, output_mode="count", dtype="float16")(ABC).dtype == "float16"
    assert layers.Hashing(3)(ABC).dtype == "int64"
    assert layers.Hashing(3, output_mode="one_hot")(ABC).dtype == "float32"


TEXTS = ["the cat", "The dog!", "a cat", "cat"]
LEARNED = ["", "[UNK]", "cat", "the", "dog", "a"]


def batches() -> Any:
    yield np.array(TEXTS[:3])
    yield TEXTS[3:]


@pytest.mark.parametrize(
    "source",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS)[:, None],
        np.array([t.encode() for t in TEXTS]),
        data.Dataset.from_tensor_slices(TEXTS).batch(3),
        data.Dataset.from_tensor_slices(TEXTS),
        data.Dataset.from_tensor_slices((TEXTS, [0, 1, 2, 3])).batch(2),
        batches(),
    ],
    ids=["list", "tuple", "array", "column", "bytes", "dataset", "single", "with labels", "generator"],
)
def test_adapt_takes(source: Any) -> None:
    layer = layers.TextVectorization()
    layer.adapt(source)
    assert layer.get_vocabulary() == LEARNED
    assert layer.get_vocabulary(include_special_tokens=False) == LEARNED[2:]
    assert layer.vocabulary_size() == len(LEARNED)


def test_adapt_takes_some_steps_of_an_infinite_source() -> None:
    def endless() -> Any:
        while True:
            yield ["a b"]

    for layer in (layers.TextVectorization(), layers.StringLookup(mask_token="")):
        layer.adapt(endless(), steps=3)
        assert len(layer.get_vocabulary()) in (3, 4)


def test_integer_adapt_takes_tensors_and_datasets() -> None:
    for source in (
        dualnet.ops.array([[5, 7], [7, 2]]),
        data.Dataset.from_tensor_slices([5, 7, 7, 2]).batch(3),
        [5, 7, 7, 2],
    ):
        layer = layers.IntegerLookup()
        layer.adapt(source)
        assert layer.get_vocabulary() == [-1, 7, 5, 2]


def test_update_state_by_hand() -> None:
    layer = layers.StringLookup()
    layer.reset_state()
    layer.update_state(["a", "b"])
    layer.update_state(["b"])
    layer.finalize_state()
    assert layer.get_vocabulary() == ["[UNK]", "b", "a"]


def test_functions_get_arrays_of_strings() -> None:
    seen = []

    def standardize(x: Any) -> Any:
        seen.append((type(x), x.dtype.kind, x.shape))
        return np.char.replace(np.char.lower(x), ",", "")

    def split(x: Any) -> Any:
        seen.append((type(x), x.dtype.kind, x.shape))
        return np.char.split(x, "|")

    layer = layers.TextVectorization(standardize=standardize, split=split)
    layer.adapt(["A|b,", "é"])
    assert layer.get_vocabulary() == ["", "[UNK]", "é", "b", "a"]
    assert layer([["a|É"], ["B"]]).numpy().tolist() == [[4, 2], [3, 0]]
    assert {(cls, dtype) for cls, dtype, _ in seen} == {(np.ndarray, "U")}
    assert [shape for *_, shape in seen] == [(2, 1), (2,), (2, 1), (2,)]


def test_functions_must_keep_the_number_of_strings() -> None:
    with pytest.raises(ValueError, match="must keep the shape"):
        layers.TextVectorization(standardize=lambda x: x[:1]).adapt(TEXTS)
    with pytest.raises(ValueError, match="got 4 strings"):
        layers.TextVectorization(split=lambda x: [["a"]]).adapt(TEXTS)


def test_in_a_pipeline() -> None:
    layer = layers.TextVectorization(output_sequence_length=3, vocabulary=["cat", "dog"])
    pairs = data.Dataset.from_tensor_slices((TEXTS, [0, 1, 0, 1]))
    for dataset in (pairs.map(lambda x, y: (layer(x), y)).batch(4), pairs.batch(4).map(lambda x, y: (layer(x), y))):
        x, y = next(iter(dataset))
        assert x.numpy().tolist() == [[1, 2, 0], [1, 3, 0], [1, 2, 0], [2, 0, 0]]
        assert y.numpy().tolist() == [0, 1, 0, 1]


def test_symbolic_shapes_and_dtypes() -> None:
    x = dualnet.Input((1,), dtype="string")
    assert x.dtype == "string"
    y = layers.TextVectorization(vocabulary=ABC)(x)
    assert (y.shape, y.dtype) == ((None, None), "int64")
    y = layers.TextVectorization(vocabulary=ABC, output_sequence_length=4)(x)
    assert (y.shape, y.dtype) == ((None, 4), "int64")
    y = layers.StringLookup(vocabulary=ABC, output_mode="one_hot")(x)
    assert (y.shape, y.dtype) == ((None, 4), "float32")
    y = layers.HashedCrossing(5, output_mode="one_hot")((x, dualnet.Input((1,), dtype="int64")))
    assert (y.shape, y.dtype) == ((None, 5), "float32")
    y = layers.StringLookup(vocabulary=ABC, invert=True)(dualnet.Input((3,), dtype="int64"))
    assert (y.shape, y.dtype) == ((None, 3), "string")
    assert dualnet.ops.expand_dims(x, 0).dtype == "string"


def test_one_hot_of_sentences_has_no_entry_for_the_padding() -> None:
    y = layers.TextVectorization(vocabulary=ABC, output_mode="one_hot")(["a x", "b"]).numpy()
    assert y.tolist() == [[[0, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 1, 0], [0, 0, 0, 0]]]


def test_a_scalar_string() -> None:
    layer = layers.StringLookup(vocabulary=["a", "b"])
    for scalar in ("b", np.array("b"), np.array(b"b")):
        assert int(layer(scalar)) == 2
        assert layer(scalar).shape == ()
    assert layer(np.array([], dtype=str)).shape == (0,)


@pytest.mark.parametrize("shape", [(0,), (0, 1)])
def test_an_empty_array_of_objects_is_text(shape: Any) -> None:
    nothing = np.zeros(shape, dtype=object)
    for mode, size in (("int", 4), ("multi_hot", 4), ("count", 4), ("tf_idf", 4)):
        length = size if mode == "int" else None
        layer = layers.TextVectorization(output_mode=mode, output_sequence_length=length)
        layer.adapt(np.array(["a b", "b c"]))
        assert layer(nothing).shape == (0, size)
        assert layer(np.zeros(shape, "<U1")).shape == (0, size)
    lookup = layers.StringLookup(vocabulary=["a"])
    assert lookup(nothing).shape == shape
    assert layers.Hashing(3)(nothing).shape == shape
    with pytest.raises(TypeError, match="expected numbers"):
        layers.Dense(1)(nothing)

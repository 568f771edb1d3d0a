"""``tf.strings``; expected values are those of TensorFlow 2.21."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet as tf
from dualnet.data import Dataset

S = tf.strings
VALUES: dict[str, tuple[Any, Any]] = {
    "lower": (lambda: S.lower(["AB", "Ä1"]), ["ab", "Ä1"]),
    "lower of all letters": (lambda: S.lower("ÄBC", encoding="utf-8"), "äbc"),
    "upper": (lambda: S.upper("äb"), "äB"),
    "bytes": (lambda: S.lower([b"AB", "CD"]), [b"ab", "cd"]),
    "bytes that are no text": (lambda: S.upper(b"a\xff"), b"A\xff"),
    "strip": (lambda: S.strip(["\n a \t", "b", "\u00a0c"]), ["a", "b", "\u00a0c"]),
    "split": (lambda: S.split(" a b  c "), ["a", "b", "c"]),
    "split at commas": (lambda: S.split("a,b,,c", sep=","), ["a", "b", "", "c"]),
    "split once": (lambda: S.split("a b c", maxsplit=1), ["a", "b c"]),
    "split at one comma": (lambda: S.split("a,b,c", sep=",", maxsplit=1), ["a", "b,c"]),
    "split once, of what has white space at its end": (lambda: S.split("  x  y ", maxsplit=1), ["x", "y "]),
    "split twice, of less": (lambda: S.split("a b ", maxsplit=2), ["a", "b"]),
    "split of nothing": (lambda: S.split(""), []),
    "split of nothing at commas": (lambda: S.split("", sep=","), [""]),
    "split of several": (lambda: S.split(["a b", "c d"]), [["a", "b"], ["c", "d"]]),
    "unicode_split": (lambda: S.unicode_split("Äb", "UTF-8"), ["Ä", "b"]),
    "unicode_split of bytes": (lambda: S.unicode_split("Äb".encode(), input_encoding="UTF-8"), ["Ä".encode(), b"b"]),
    "length": (lambda: S.length(["Äb", "bcd", ""]), [3, 3, 0]),
    "length in characters": (lambda: S.length("Äb", "UTF8_CHAR"), 2),
    "join": (lambda: S.join(["a", "b"]), "ab"),
    "join with a separator": (lambda: S.join([["a", "b"], "x"], separator="-"), ["a-x", "b-x"]),
    "join of several": (lambda: S.join([["a", "b"], ["c", "d"]]), ["ac", "bd"]),
    "reduce_join": (lambda: S.reduce_join([["a", "b"], ["c", "d"]]), "abcd"),
    "reduce_join of columns": (lambda: S.reduce_join([["a", "b"], ["c", "d"]], axis=0, separator=" "), ["a c", "b d"]),
    "reduce_join, axes kept": (lambda: S.reduce_join([["a", "b"], ["c", "d"]], axis=-1, keepdims=True), [["ab"], ["cd"]]),
    "regex_replace": (
        lambda: S.regex_replace(["with tags.<br /><b>x</b>"], "<[^>]+>", " "), ["with tags.  x "]),
    "regex_replace with groups": (lambda: S.regex_replace("ab", "(a)(b)", r"\2\1\0\\"), "baab\\"),
    "regex_replace of the first": (lambda: S.regex_replace("aaa", "a", "b", replace_global=False), "baa"),
    "regex_replace of ASCII": (lambda: S.regex_replace("aé b1", r"\w", "x"), "xé xx"),
    "regex_replace of classes": (lambda: S.regex_replace("a!b.[~-^", "[[:punct:]]", "_"), "a_b_____"),
    "regex_replace of other classes": (lambda: S.regex_replace("a1 b", "[^[:alpha:][:space:]]", "_"), "a_ b"),
    "regex_replace of nothing": (lambda: S.regex_replace("aab", "a*", "z"), "zbz"),
    "regex_full_match": (lambda: S.regex_full_match(["ab", "abc"], "a."), [True, False]),
    "substr": (lambda: S.substr("hello", 1, 3), "ell"),
    "substr from the end": (lambda: S.substr(["hello", "world"], -3, 2), ["ll", "rl"]),
    "substr of each": (lambda: S.substr(["hello", "world"], [1, 2], [2, 3]), ["el", "rld"]),
    "substr in characters": (lambda: S.substr("Äb", 1, 1, unit="UTF8_CHAR"), "b"),
    "to_number": (lambda: S.to_number(["1.5", "2"]), [1.5, 2]),
    "to_number of integers": (lambda: S.to_number("3", tf.int32), 3),
    "as_string": (lambda: S.as_string([1, 2]), ["1", "2"]),
    "as_string of floats": (lambda: S.as_string(3.14159), "3.141590"),
    "as_string, rounded": (lambda: S.as_string(tf.constant(3.14159), precision=2), "3.14"),
    "as_string of booleans": (lambda: S.as_string([True, False]), ["true", "false"]),
    "as_string, wide": (lambda: S.as_string(5, width=3, fill="0"), "005"),
}  # fmt: skip


@pytest.mark.parametrize("what", VALUES)
def test_values(what: str) -> None:
    function, expected = VALUES[what]
    result = function()
    assert isinstance(result, tf.Tensor)
    assert result.numpy().tolist() == expected


@pytest.mark.parametrize(
    "make", [list, np.array, lambda x: np.array(x, object), tf.constant, lambda x: np.array([s.encode() for s in x])]
)
def test_what_texts_may_be(make: Any) -> None:
    result = S.lower(make(["A", "B"])).numpy().tolist()
    assert [t.decode() if isinstance(t, bytes) else t for t in result] == ["a", "b"]
    assert S.length(make(["A", "Bc"])).dtype == "int32"
    assert S.lower(tf.constant([["A"], ["B"]])).shape == (2, 1)


@pytest.mark.parametrize(
    ("function", "error", "match"),
    [
        (lambda: S.split(["a b", "c"]), ValueError, "from 1 to 2 parts each, and there are no ragged tensors.*Dataset.map"),
        (lambda: S.unicode_split(["ab", "c"], "UTF-8"), ValueError, "no ragged tensors"),
        (lambda: S.unicode_split("ab", "UTF-16-BE"), ValueError, "expected UTF-8"),
        (lambda: S.lower([1, 2]), TypeError, r"tf.strings.lower expects texts, got \[1, 2\]"),
        (lambda: S.length(tf.ones(2)), TypeError, "expects texts"),
        (lambda: S.lower("a", encoding="latin-1"), ValueError, '"utf-8", got \'latin-1\''),
        (lambda: S.regex_replace("a", "(", "b"), ValueError, r"the pattern '\(' is none that"),
        (lambda: S.regex_replace("a", "(a)", r"\n"), ValueError, "rewrite has"),
        (lambda: S.regex_replace("a", "(a)", r"\3"), ValueError, "asks for group 3, the pattern '\\(a\\)' has 1"),
        (lambda: S.length("a", "CHARS"), ValueError, "expected the unit"),
        (lambda: S.substr("ab", 5, 1), ValueError, "pos=5 lies outside of 'ab'"),
        (lambda: S.to_number(["x"]), ValueError, "'x' is no number of dtype float32"),
        (lambda: S.to_number(["1_0"]), ValueError, "'1_0' is no number"),
    ],
)  # fmt: skip
def test_errors(function: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        function()


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="use layers.Hashing"):
        S.to_hash_bucket_fast  # noqa: B018
    for name in ("ragged", "RaggedTensor"):
        with pytest.raises(AttributeError, match=r"pad the rows to one length \(utils.pad_sequences"):
            getattr(tf, name)


def test_in_a_pipeline_and_a_layer() -> None:
    def clean(text: Any) -> Any:
        return S.strip(S.regex_replace(S.lower(text), "<br />|[[:punct:]]", " "))

    texts = Dataset.from_tensor_slices(["A good film.<br />", "Bad!"]).map(clean)
    assert [str(x) for x in texts.as_numpy_iterator()] == ["a good film", "bad"]
    words = Dataset.from_tensor_slices(["A good film", "Bad"]).map(lambda t: S.split(t))
    assert [w.tolist() for w in words.padded_batch(2)] == [[["A", "good", "film"], ["Bad", "", ""]]]
    vectorize = tf.keras.layers.TextVectorization(
        standardize=clean, output_sequence_length=3, vocabulary=["bad", "film"]
    )
    np.testing.assert_array_equal(vectorize(tf.constant(["A FILM.", "<br />BAD!"])), [[1, 3, 0], [2, 0, 0]])

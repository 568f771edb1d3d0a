"""What the layers for text and categories give, to be compared with Keras (which needs TensorFlow for them).

Frozen with keras 3.15.1 on JAX, beside TensorFlow 2.21: ``python -m tests.parity tests.layers.text_cases``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

ABC = ["a", "b", "c"]
WORDS = ["foo", "bar", "baz"]
IDF = [0.25, 0.5, 1.0]
MODES = ("one_hot", "multi_hot", "count", "tf_idf")
CASES: dict[str, Callable[[Any], Any]] = {}


def case(name: str, function: Callable[[Any], Any]) -> None:
    CASES[name] = function


def result(value: Any) -> Any:
    """Texts, vocabularies and tensors as plain lists."""
    if isinstance(value, (list, tuple)):
        return [result(v) for v in value]
    if isinstance(value, str):
        return str(value)
    value = np.asarray(value)
    return value.astype(float).tolist() if value.dtype.kind in "iuf" else value.tolist()


def weights(mode: str) -> dict[str, Any]:
    return {"idf_weights": IDF} if mode == "tf_idf" else {}


# -- a given vocabulary, all modes ----------------------------------------------------------------------------------------

SHAPES: dict[str, Any] = {
    "0": "a",
    "1": ["a", "x", "a"],
    "2": [["a", "x", "a"], ["b", "b", "x"]],
    "column": [["a"], ["x"]],
    "3": [[["a", "x", "a"], ["b", "b", "x"]]],
    "bytes": np.array([b"a", b"x"]),
}
for _mode in ("int", *MODES):
    for _name, _x in SHAPES.items():
        case(
            f"string lookup {_mode} {_name}",
            lambda k, m=_mode, x=_x: result(k.layers.StringLookup(vocabulary=ABC, output_mode=m, **weights(m))(x)),
        )
    for _variant, _more in {
        "masked": {"mask_token": "", "num_oov_indices": 2},
        "padded": {"max_tokens": 7, "pad_to_max_tokens": True},
        "no oov": {"num_oov_indices": 0},
    }.items():
        case(
            f"string lookup {_mode} {_variant}",
            lambda k, m=_mode, more=_more: (
                lambda layer: [
                    result(layer([["a", "", "zz"], ["b", "b", "q"]] if more.get("num_oov_indices") else [["a", "c"]])),
                    result(layer.get_vocabulary()),
                    result(layer.get_vocabulary(include_special_tokens=False)),
                    layer.vocabulary_size(),
                    [layer.compute_output_shape(s) for s in ((None,), (None, 1), (None, 5))],
                ]
            )(k.layers.StringLookup(vocabulary=ABC, output_mode=m, **more, **weights(m))),
        )

LONG = ["a", "x", "y", "zed", "", "é", "17 characters....", "longer words with blanks" * 10]
case("spread", lambda k: result(k.layers.StringLookup(vocabulary=ABC, num_oov_indices=3)(LONG)))
case(
    "spread with a salt",
    lambda k: result(k.layers.StringLookup(vocabulary=ABC, num_oov_indices=3, salt=[1, 2])(LONG)),
)

# -- adapt ----------------------------------------------------------------------------------------------------------------


def adapted(layer: Any, *data: Any) -> Any:
    for part in data:
        layer.adapt(part)
    return layer


case(
    "adapt",
    lambda k: result(adapted(k.layers.StringLookup(), [["b", "a", "c", "a"], ["b", "d", "B", "é"]]).get_vocabulary()),
)
case("adapt again", lambda k: result(adapted(k.layers.StringLookup(), ["a", "b"], ["q"]).get_vocabulary()))
case("adapt empty strings", lambda k: result(adapted(k.layers.StringLookup(), ["a", "", ""]).get_vocabulary()))
case(
    "adapt masked",
    lambda k: result(
        adapted(
            k.layers.StringLookup(max_tokens=4, mask_token="m"), ["b", "a", "c", "a", "b", "m", "[UNK]", "d"]
        ).get_vocabulary()
    ),
)
for _name, _data in {"rows": [["b", "a", "c", "a"], ["b", "d", "B", "é"]], "flat": ["b", "a", "c", "a"]}.items():
    case(
        f"adapt tf_idf {_name}",
        lambda k, d=_data: (lambda layer: [result(layer.get_vocabulary()), result(layer([["b", "a", "q"]]))])(
            adapted(k.layers.StringLookup(output_mode="tf_idf"), d)
        ),
    )

# -- whole numbers --------------------------------------------------------------------------------------------------------

NUMBERS = [[10, 20, 5], [7, -1, -4]]
for _mode in ("int", *MODES):
    for _variant, _more in {
        "": {},
        "masked": {"mask_token": 0},
        "spread": {"num_oov_indices": 3},
        "hashed": {"num_oov_indices": 3, "oov_method": "farmhash"},
        "salted": {"num_oov_indices": 3, "oov_method": "farmhash", "salt": 5},
        "masked and spread": {"mask_token": 7, "num_oov_indices": 2},
    }.items():
        case(
            f"integer lookup {_mode} {_variant}",
            lambda k, m=_mode, more=_more: (
                lambda layer: [result(layer(np.array(NUMBERS))), result(layer.get_vocabulary())]
            )(k.layers.IntegerLookup(vocabulary=[10, 30, 20], output_mode=m, **more, **weights(m))),
        )
case(
    "integer lookup inverted",
    lambda k: result(
        k.layers.IntegerLookup(vocabulary=[10, 20], mask_token=0, invert=True)(np.array([[0, 1, 2, 3, -1, 7]]))
    ),
)
case("integer lookup floats", lambda k: result(k.layers.IntegerLookup(vocabulary=[10, 20])(np.array([10.0, 20.5]))))
case("integer lookup texts", lambda k: result(k.layers.IntegerLookup(vocabulary=[10, 20])(np.array(["10", "7"]))))
case("integer adapt", lambda k: result(adapted(k.layers.IntegerLookup(), [[3, 3, 2], [5, 2, -1]]).get_vocabulary()))
case("integer adapt ties", lambda k: result(adapted(k.layers.IntegerLookup(), [10, 9, 1, -5]).get_vocabulary()))
case(
    "integer adapt tf_idf",
    lambda k: (lambda layer: [result(layer.get_vocabulary()), result(layer(np.array([[1, 2, 2, 7]])))])(
        adapted(k.layers.IntegerLookup(output_mode="tf_idf"), [[1, 2], [2, 12]])
    ),
)

# -- special tokens in a vocabulary ---------------------------------------------------------------------------------------

for _name, (_terms, _more) in {
    "all": (["m", "[UNK]", "a"], {"mask_token": "m"}),
    "oov only": (["[UNK]", "a"], {"mask_token": "m"}),
    "two": (["[UNK]", "[UNK]", "a"], {"num_oov_indices": 2}),
    "one of two": (["[UNK]", "a"], {"num_oov_indices": 2}),
    "count": (["[UNK]", "a"], {"mask_token": "m", "output_mode": "count"}),
    "in the middle": (["a", "[UNK]"], {}),
    "empty": (["a", ""], {}),
}.items():
    case(
        f"special tokens {_name}",
        lambda k, t=_terms, more=_more: result(k.layers.StringLookup(vocabulary=t, **more).get_vocabulary()),
    )
for _mask in (None, ""):
    for _oov in (0, 1, 2):
        for _mode in ("int", "count"):
            case(
                f"first id {_mask!r} {_oov} {_mode}",
                lambda k, mask=_mask, oov=_oov, m=_mode: (
                    lambda layer: [result(layer.get_vocabulary()), layer.vocabulary_size(), result(layer([["a", "c"]]))]
                )(k.layers.StringLookup(vocabulary=ABC, mask_token=mask, num_oov_indices=oov, output_mode=m)),
            )

# -- sentences ------------------------------------------------------------------------------------------------------------

HARD = (
    "Hello, World!  it's-a \ttest\n of ÀÉ «q» x_y <b/>$5+3=8 a\u00a0b\u3000c İ ẞ ß Σς `t` ^~|{}[]\\\"#%&*@;:?. a\x1cb\x0bb"
    "\x0ca\r\na\x85b"
)
for _standardize in ("lower", "strip_punctuation", "lower_and_strip_punctuation", None):
    for _split in ("whitespace", "character", None):
        case(
            f"vocabulary {_standardize} {_split}",
            lambda k, a=_standardize, b=_split: result(
                adapted(k.layers.TextVectorization(standardize=a, split=b), [HARD, "hello hello"]).get_vocabulary()
            ),
        )
SENTENCES: dict[str, Any] = {
    "1": ["Foo, BAR! qux", "baz"],
    "column": [["Foo bar baz"], ["x"]],
    "0": "foo bar",
    "3": [[["foo"], ["bar baz"]]],
    "nothing": ["", ""],
}
for _name, _x in SENTENCES.items():
    for _length in (None, 0, 2, 5):
        case(
            f"sentences {_name} {_length}",
            lambda k, x=_x, n=_length: (lambda y: [result(y), list(y.shape)])(
                k.layers.TextVectorization(vocabulary=WORDS, output_sequence_length=n)(x)
            ),
        )
for _mode in ("multi_hot", "count", "tf_idf"):
    for _more in ({}, {"max_tokens": 6, "pad_to_max_tokens": True}):
        case(
            f"bags {_mode} {len(_more)}",
            lambda k, m=_mode, more=_more: (
                lambda layer: [
                    result(layer(["foo foo bar x", "baz", ""])),
                    result(layer([["foo foo bar x"], ["baz"]])),
                    result(layer("foo foo")),
                    result(layer.get_vocabulary()),
                    list(layer.compute_output_shape((None,))),
                ]
            )(k.layers.TextVectorization(vocabulary=WORDS, output_mode=m, **more, **weights(m))),
        )
case(
    "one hot of one sentence",
    lambda k: result(k.layers.TextVectorization(vocabulary=WORDS, output_mode="one_hot")("foo qux bar")),
)
for _ngrams in (1, 2, 3, (1, 3), (2,)):
    case(
        f"ngrams {_ngrams}",
        lambda k, n=_ngrams: (lambda layer: [result(layer.get_vocabulary()), result(layer(["a b c d", "a", ""]))])(
            adapted(k.layers.TextVectorization(ngrams=n), ["a b c d", "a b"])
        ),
    )
case(
    "ngrams of words",
    lambda k: (lambda layer: [result(layer(["a", "b"])), result(layer([["a", "b"], ["b", "b"]]))])(
        k.layers.TextVectorization(split=None, ngrams=2, vocabulary=["a", "b", "a b"])
    ),
)
for _length in (None, 3):
    case(
        f"whole strings {_length}",
        lambda k, n=_length: (
            lambda layer: [
                result(layer(["a", "x"])),
                result(layer([["a"], ["b"]])),
                result(layer([["a", "x"], ["b", "b"]])),
            ]
        )(k.layers.TextVectorization(split=None, output_sequence_length=n, vocabulary=ABC)),
    )
case(
    "whole strings counted",
    lambda k: (lambda layer: [result(layer(["a", "x"])), result(layer([["a", "x"], ["b", "b"]])), result(layer("a"))])(
        k.layers.TextVectorization(split=None, output_mode="count", vocabulary=ABC)
    ),
)
case(
    "few words",
    lambda k: (lambda layer: [result(layer.get_vocabulary()), result(layer(["a b z z"]))])(
        adapted(k.layers.TextVectorization(output_mode="tf_idf", max_tokens=4), ["a b a", "b c", "b"])
    ),
)
case(
    "shapes of sentences",
    lambda k: [
        [
            list(k.layers.TextVectorization(vocabulary=WORDS, output_sequence_length=n).compute_output_shape(s))
            for n in (None, 2)
        ]
        for s in ((None,), (None, 1), (3, 1))
    ],
)

# -- hashes ---------------------------------------------------------------------------------------------------------------

LETTERS = [["A"], ["B"], [""], ["C"], ["D"], ["E"], ["é"], ["seventeen letters"], ["x" * 33], ["y" * 65], ["z" * 200]]
for _name, _more in {
    "": {},
    "masked": {"mask_value": ""},
    "salted": {"salt": [133, 137]},
    "salted with one": {"salt": 133},
    "one hot": {"output_mode": "one_hot"},
    "multi hot": {"output_mode": "multi_hot"},
    "count": {"output_mode": "count"},
}.items():
    case(
        f"hashing {_name}",
        lambda k, more=_more: (
            lambda layer: [
                result(layer(LETTERS)),
                result(layer([["A", "B", "A"], ["C", "", "A"]])),
                result(layer(["A", "B"])),
            ]
        )(k.layers.Hashing(4, **more)),
    )
case(
    "hashing numbers",
    lambda k: result(k.layers.Hashing(1000)(np.array([0, 1, -1, 12345678901, 2**31]))),
)
case("hashing masked numbers", lambda k: result(k.layers.Hashing(1000, mask_value=0)(np.array([0, 1, -1]))))
case("hashing many bins", lambda k: result(k.layers.Hashing(10**6)(LETTERS)))
FIRST, SECOND = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])
for _mode in ("int", "one_hot"):
    case(
        f"crossing {_mode}",
        lambda k, m=_mode: (
            lambda layer: [
                result(layer((FIRST, SECOND))),
                result(layer((FIRST[:, None], SECOND[:, None]))),
                result(layer((FIRST, SECOND, FIRST))),
                result(layer(("A", np.array(101)))),
                [list(layer.compute_output_shape(s)) for s in ([(None, 1), (None, 1)], [(None,), (None,)])],
            ]
        )(k.layers.HashedCrossing(5, output_mode=m)),
    )
case(
    "crossing numbers",
    lambda k: result(k.layers.HashedCrossing(100000)((np.array([1, 2, -3]), np.array([4, 5, 6])))),
)

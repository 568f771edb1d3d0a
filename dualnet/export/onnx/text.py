"""Texts: standardized, split into words and looked up, with the operators for strings that there are since version 20.

They cannot replace a character. But a string that is split at a character, and whose parts are joined again, has it no more: the
joining is a ``Scan`` over the parts.
"""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from ...layers.preprocessing.text.text_vectorization import TextVectorization
from ..errors import ExportError
from .encoding import encoded, words_to_ids
from .graph import Graph, T, exporter

_SINCE = 20  # the version of the operators that split and join strings
_WHITESPACE = "\t\n\v\f\r"  # besides the space, which the operator splits at


@exporter("TextVectorization")
def text_vectorization(g: Graph, x: T, layer: TextVectorization) -> T:
    _refuse(g, x, layer)
    lookup: Any = layer._lookup_layer
    texts = g.op("Reshape", x, g.ints([-1]))
    texts = g.op("StringConcat", g.constant(np.array(" ", object), "string"), texts)  # no text is empty: it has parts
    standardize = layer.standardize or ""
    if standardize.startswith("lower"):
        texts = _lowered(g, texts)
    if standardize.endswith("strip_punctuation"):
        for character in string.punctuation:
            texts = _replaced(g, texts, character, "")
    for character in _WHITESPACE:
        texts = _replaced(g, texts, character, " ")
    words, _ = g.ops("StringSplit", texts, dtypes=("string", "int64"))  # (batch, words), rows are filled up with ""
    is_padding = T(g.op("Equal", words, g.constant(np.array("", object), "string")).name, "bool")
    nothing = 0 if layer.output_mode == "int" else -1
    ids = g.where(is_padding, nothing, words_to_ids(g, T(words.name, "string", (None, None)), lookup))
    length = layer.output_sequence_length
    if length is not None:
        ids = g.op("Pad", ids, g.ints([0, 0, 0, length]), g.constant(0, "int64"))
        ids = g.op("Slice", ids, g.ints([0]), g.ints([length]), g.ints([1]))
    return encoded(g, T("", "string", (None, None)), ids, lookup)


def _refuse(g: Graph, x: T, layer: TextVectorization) -> None:
    """Raise ``ExportError`` for a layer that cannot be said."""
    kept: dict[str, tuple[Any, ...]] = {
        "standardize": ("lower_and_strip_punctuation", "lower", "strip_punctuation", None),
        "split": ("whitespace",),
        "ngrams": (None,),
        "encoding": ("utf-8", "utf8", "UTF-8"),
    }
    for name, values in kept.items():
        value = getattr(layer, name)
        if value not in values:
            known = " or ".join(map(repr, values))
            raise ExportError(
                f"{g.call.where} with {name}={value!r} is not exported to ONNX, which can say {known}. Export the model behind it, which "
                "takes its ids, and run the layer before"
            )
    if x.rank > 2:
        raise ExportError(f"{g.call.where} of an input with {x.rank} axes is not exported to ONNX: give it (batch, 1)")
    if g.opset < _SINCE:
        raise ExportError(
            f"{g.call.where} needs operators for strings that version {g.opset} of ONNX does not have: pass opset_version={_SINCE} or more "
            "(ONNX Runtime 1.17 or later)"
        )


def _lowered(g: Graph, texts: T) -> T:
    """The letters from A to Z in lower case, which are those that the locale C knows.  texts: (batch,)"""
    some = g.op(
        "Concat", texts, g.constant(np.array([" "], object), "string"), axis=0
    )  # the operator refuses a batch of 0
    some = g.op("StringNormalizer", some, case_change_action="LOWER", locale="C")
    return g.op("Slice", some, g.ints([0]), g.ints([-1]), g.ints([0]))


def _replaced(g: Graph, texts: T, character: str, by: str) -> T:
    """Another string, or nothing, in the place of a character, and once more before the text and behind it.  texts: (batch,)"""
    from onnx import TensorProto, helper

    parts, _ = g.ops("StringSplit", texts, dtypes=("string", "int64"), delimiter=character)  # (batch, parts)
    before, part, joined, after = (g.unique(name) for name in ("text", "part", "joined", "after"))
    nodes, left = [], before
    if by:
        left = g.unique("separated")
        separator = g.constant(np.array(by, object), "string")
        nodes.append(helper.make_node("StringConcat", [before, separator.name], [left]))
    nodes.append(helper.make_node("StringConcat", [left, part], [joined]))
    # A copy: ONNX Runtime would append to the text of the step before, where that is what the step returns.
    nodes.append(helper.make_node("Concat", [joined], [after], axis=0))
    info = [helper.make_tensor_value_info(name, TensorProto.STRING, None) for name in (before, part, after)]
    body = helper.make_graph(nodes, g.unique("join"), info[:2], info[2:])
    shape = g.op("Shape", texts, dtype="int64")
    nothing = g.op("Expand", g.constant(np.array("", object), "string"), shape)
    return g.op("Scan", nothing, parts, body=body, num_scan_inputs=1, scan_input_axes=[1])

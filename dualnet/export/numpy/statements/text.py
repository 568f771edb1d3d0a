"""Layers that read text, as statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....layers.preprocessing.text.lookup import StringLookup
from ....layers.preprocessing.text.text_vectorization import TextVectorization
from ...program import Call
from ..constants import RESULT
from .rules import rule

if TYPE_CHECKING:
    from ..writer import Writer

_STANDARDIZE = {
    "lower_and_strip_punctuation": "",
    "lower": ", punctuation=False",
    "strip_punctuation": ", lower=False",
    None: ", lower=False, punctuation=False",
}


@rule("StringLookup")
def _string_lookup(w: Writer, call: Call) -> list[str]:
    layer: StringLookup = call.arguments["layer"]
    x = w.source(call.arguments["inputs"][0], call)
    if layer.invert:
        terms = np.array([*layer.get_vocabulary(), layer.oov_token])
        return [f"terms_of({x}, {w.stored(call, 'vocabulary', terms)})"]
    rank = len(w.shapes(call.arguments["inputs"][0])[0])
    return [f"string_lookup({x}, {_vocabulary(w, call, layer)})", *_encoded(w, call, layer, rank)]


def _vocabulary(w: Writer, call: Call, layer: Any) -> str:
    """The arguments about the vocabulary of a look-up."""
    if layer.num_oov_indices > 1:
        w.refuse(
            call, "several out-of-vocabulary indices are chosen by a hash, for which there is no NumPy formula here"
        )
    terms = layer._vocabulary.terms
    if any(str(term).endswith("\0") for term in terms):
        w.refuse(call, "a term of the vocabulary ends in a zero character, which an array of strings cannot hold")
    options = f"{w.stored(call, 'vocabulary', np.array(terms))}, first={len(layer._special())}"
    options += f", unknown={layer._first_oov_id if layer.num_oov_indices else None}"
    if layer.mask_token is not None:
        options += f", masked=({layer.mask_token!r}, {0 if layer.output_mode == 'int' else -1})".replace("'", '"')
    return options + ("" if layer.encoding in ("utf-8", "utf8") else f", encoding={layer.encoding!r}")


def _encoded(w: Writer, call: Call, layer: Any, rank: int) -> list[str]:
    """From ids to what the output mode says."""
    mode, depth, dtype = layer.output_mode, layer._depth(), layer.output_dtype
    if mode == "int":
        return [] if dtype == "int64" else [f'{RESULT}.astype("{dtype}")']
    if mode == "one_hot":
        single = w.shapes(call.arguments["inputs"][0])[0][-1:] == (1,) and rank > 1
        return [f'one_hot({f"{RESULT}[..., 0]" if single else RESULT}, {depth}, "{dtype}")']
    axis = 1 if rank > 1 else 0
    if mode == "multi_hot":
        return [f'multi_hot({RESULT}, {depth}, axis={axis}, dtype="{dtype}")']
    counts = f'count_ids({RESULT}, num_classes={depth}, axis={axis}, dtype="{dtype}")'
    return [counts, *_times_idf(w, call, layer)]


def _times_idf(w: Writer, call: Call, layer: Any) -> list[str]:
    if layer.output_mode != "tf_idf":
        return []
    weights = np.zeros(layer._depth(), layer.output_dtype)
    idf = layer.idf_weights
    weights[: len(idf)] = idf
    return [f"{RESULT} * {w.stored(call, 'idf_weights', weights)}"]


@rule("TextVectorization")
def _text_vectorization(w: Writer, call: Call) -> list[str]:
    layer: TextVectorization = call.arguments["layer"]
    lookup = layer._lookup_layer
    (x,) = call.arguments["inputs"]
    if layer.standardize not in _STANDARDIZE or layer.split not in ("whitespace", "character"):
        w.refuse(call, "it splits or standardizes text by a function of its own, or does not split")
    if len(w.shapes(x)[0]) > 2:
        w.refuse(call, "its input has more than two axes")
    options = _STANDARDIZE[layer.standardize]  # type: ignore[index]
    options += "" if layer.split == "whitespace" else ', split="character"'
    if layer.ngrams is not None:
        lengths = tuple(range(1, layer.ngrams + 1)) if isinstance(layer.ngrams, int) else tuple(layer.ngrams)
        options += f", ngrams={lengths}"
    if layer.encoding not in ("utf-8", "utf8"):
        options += f", encoding={layer.encoding!r}"
    lines = [f"split_text({w.source(x, call)}{options})", f"term_ids({RESULT}, {_vocabulary(w, call, lookup)})"]
    length = layer.output_sequence_length
    if layer.output_mode == "int":
        lines.append(f"padded({RESULT})" if length is None else f"padded({RESULT}, {length})")
        return lines if layer.output_dtype == "int64" else [*lines, f'{RESULT}.astype("{layer.output_dtype}")']
    depth = lookup._depth()
    if layer.output_mode == "one_hot":
        lines.append(f"padded({RESULT}, {length}, fill=-1)")
        return [*lines, f'one_hot({RESULT}, {depth}, "{layer.output_dtype}")']
    lines.append(f"text_counts({RESULT}, {depth})")
    if layer.output_mode == "multi_hot":
        lines.append(f"np.minimum({RESULT}, 1)")
    lines.append(f'{RESULT}.astype("{layer.output_dtype}")')
    return [*lines, *_times_idf(w, call, lookup)]

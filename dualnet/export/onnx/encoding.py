"""Categories: one-hot vectors, bins, vocabularies, and reductions over rows with the same id."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ExportError
from .graph import Graph, T, exporter

_ML = "ai.onnx.ml"  # the operators of classical machine learning, which look words up


def one_hot_of(g: Graph, ids: T, classes: int, dtype: str) -> T:
    """1 at the class of each id, 0 for an id that is none.  ids: any shape -> that shape + (classes,)"""
    whole = ids if ids.dtype in ("int32", "int64") else g.cast(ids, "int64")
    return g.cast(g.compare("Equal", g.unsqueeze(whole, -1), g.range(classes, whole.dtype)), dtype)


@exporter("one_hot")
def one_hot(g: Graph, x: T, num_classes: int, axis: int, dtype: Any, sparse: bool) -> T:
    y = one_hot_of(g, x, num_classes, g.out_dtype)
    if axis in (-1, x.rank):
        return y
    order = list(range(x.rank))
    order.insert(axis % (x.rank + 1), x.rank)
    return g.op("Transpose", y, perm=order)


@exporter("_multi_hot")
def multi_hot(g: Graph, ids: T, num_classes: int, axis: int, dtype: Any) -> T:
    return _any_of(g, one_hot_of(g, ids, num_classes, "float32"), axis % ids.rank)


def _any_of(g: Graph, hot: T, axis: int) -> T:
    """1 where there is a 1 along an axis, which may be empty."""
    return g.binary("Min", g.reduce("ReduceSum", hot, [axis]), 1)


@exporter("_count_ids")
def count_ids(g: Graph, ids: T, weights: T | None, num_classes: int, axis: int, dtype: Any) -> T:
    hot = one_hot_of(g, ids, num_classes, "float32")
    if weights is not None:
        hot = g.op("Mul", hot, g.unsqueeze(g.cast(weights, "float32"), -1))
    return g.reduce("ReduceSum", hot, [axis % ids.rank])


@exporter("digitize")
def digitize(g: Graph, x: T, bins: T) -> T:
    dtype = bins.dtype if x.dtype.startswith("int") else x.dtype
    dtype = "float32" if dtype not in ("float32", "float64") else dtype
    begun = g.compare("GreaterOrEqual", g.unsqueeze(g.cast(x, dtype), -1), g.cast(bins, dtype))
    return g.reduce("ReduceSum", g.cast(begun, "int32"), [-1])


@exporter("tokens_below")
def tokens_below(g: Graph, ids: T, num_tokens: int) -> T:
    return ids


@exporter("index_of")
def index_of(g: Graph, x: T, keys: T, values: T) -> T:
    if keys.data is None or values.data is None:
        raise ExportError(f"{g.call.where} with a vocabulary that is computed is not exported to ONNX")
    return g.op(
        "LabelEncoder", g.cast(x, "int64"), dtype="int64", domain=_ML, keys_int64s=keys.data.tolist(),
        values_int64s=values.data.tolist(), default_int64=-2,
    )  # fmt: skip


# -- words --------------------------------------------------------------------------------------------------------------


@exporter("StringLookup")
def string_lookup(g: Graph, x: T, layer: Any) -> T:
    if layer.invert:
        terms = [str(t) for t in layer.get_vocabulary()]
        return g.op(
            "LabelEncoder", g.cast(x, "int64"), dtype="string", domain=_ML, keys_int64s=list(range(len(terms))),
            values_strings=terms, default_string=str(layer.oov_token),
        )  # fmt: skip
    if layer.num_oov_indices != 1:
        raise ExportError(
            f"{g.call.where} with num_oov_indices={layer.num_oov_indices} is not exported to ONNX, which cannot hash"
        )
    if layer.encoding.lower().replace("-", "") != "utf8":
        raise ExportError(
            f"{g.call.where} with encoding={layer.encoding!r} is not exported to ONNX, whose strings are UTF-8"
        )
    return encoded(g, x, words_to_ids(g, x, layer), layer)


def words_to_ids(g: Graph, x: T, layer: Any) -> T:
    """The ids of words; the vocabulary of a ``StringLookup`` is an attribute of the node."""
    table = {key.decode("utf-8"): i for key, i in layer._vocabulary.table.items()}
    if not table:
        return g.expand(g.constant(np.array(layer._first_oov_id, "int64")), x.shape or ())
    ids = g.op(
        "LabelEncoder", x, dtype="int64", domain=_ML, keys_strings=list(table), values_int64s=list(table.values()),
        default_int64=layer._first_oov_id,
    )  # fmt: skip
    return T(ids.name, "int64", x.shape)


def encoded(g: Graph, x: T, ids: T, layer: Any) -> T:
    """Ids in the output mode of a lookup layer."""
    mode, depth, out = layer.output_mode, layer._depth(), g.out_dtype
    if mode == "int":
        return ids
    rank = x.rank
    if mode == "one_hot":
        if rank > 1 and x.shape is not None and x.shape[-1] == 1:
            ids = g.squeeze(ids, rank - 1)
        return one_hot_of(g, ids, depth, out)
    hot = one_hot_of(g, ids, depth, "float32")
    if rank:
        axis = 1 if rank > 1 else 0
        hot = _any_of(g, hot, axis) if mode == "multi_hot" else g.reduce("ReduceSum", hot, [axis])
    if mode == "tf_idf":
        from dualnet_backends import get

        from ...core.tensor import Tensor

        like = Tensor(get("cpu").xp.zeros((1,), dtype="float32"))
        weights = np.asarray(layer._vocabulary.weights(depth).on_device_of(like, "float32").data)
        hot = g.op("Mul", hot, g.constant(weights))
    return hot


@exporter("Hashing", "HashedCrossing")
def hashing(g: Graph, *xs: T, layer: Any) -> T:
    raise _refused(g, "ONNX cannot hash")


def _refused(g: Graph, reason: str) -> ExportError:
    return ExportError(
        f"{g.call.where} is not exported to ONNX: {reason}. Export the model behind it, which takes its ids, and run the layer before"
    )


# -- segments -----------------------------------------------------------------------------------------------------------

_SEGMENTS = {
    "_segment_sum": ("add", 0),
    "_segment_prod": ("mul", 1),
    "_segment_max": ("max", -math.inf),
    "_segment_min": ("min", math.inf),
}


@exporter(*_SEGMENTS)
def segment(g: Graph, data: T, segment_ids: T, num_segments: Any) -> T:
    reduction, empty = _SEGMENTS[g.call.name]
    dtype = g.arithmetic(g.out_dtype)
    if dtype.startswith("int") and isinstance(empty, float):
        limits = np.iinfo(g.out_dtype)
        empty = limits.min if empty < 0 else limits.max
    data_ = g.cast(data, dtype)
    ids = g.cast(segment_ids, "int64")
    n = g.size(num_segments)
    slots = g.op("Where", g.compare("Less", ids, 0), n, ids, dtype="int64")  # a row more, for those that are dropped
    rows = g.binary("Add", n, 1)
    shape = rows if data.rank == 1 else g.op("Concat", rows, g.shape(data.shape[1:]), axis=0)
    start = g.op("Expand", g.constant(np.array(empty, dtype)), shape)
    y = g.op("ScatterND", start, g.unsqueeze(slots, 1), data_, reduction=reduction)
    return g.op("Slice", y, g.ints([0]), n, g.ints([0]))

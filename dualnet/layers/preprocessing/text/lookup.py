"""StringLookup and IntegerLookup: strings or whole numbers as their indices in a vocabulary, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import ops
from ....core import text
from ....core.tensor import Tensor
from ....ops.nn.encoding import index_of
from ....serialization.configurable import attributes
from ..numeric.category_encoding import Constant
from .hash_functions import hashed, map_values
from .index_lookup import IndexLookup


class StringLookup(IndexLookup):
    """Strings as their indices in a vocabulary.  strings: any shape -> whole numbers, or vectors by ``output_mode``

    The vocabulary is given, or learned by ``adapt(data)`` before training. It begins with the mask token, if there is one
    (id 0), and with ``num_oov_indices`` entries for what it lacks.

    The look-up runs on the host. Ids are int64, vectors have the dtype of the layer.

    Args:
        vocabulary: terms, or a text file with one on each line.
        max_tokens: the most entries it may have, special ones included.
        num_oov_indices: with several, unknown strings are spread over them by FarmHash64, or by SipHash under the key
            ``salt``; with 0 they raise ``ValueError``.
        output_mode: "int"; "one_hot": a vector for each string; "multi_hot": one for each sample, with 1 for every term
            in it; "count": how often each is in it; "tf_idf": that times ``idf_weights``. These leave masked strings
            out.
        pad_to_max_tokens: vectors of ``max_tokens`` entries.
        invert: the way back, from ids to strings.
        encoding: of strings that come as bytes.
    """

    vocabulary_dtype = text.DTYPE

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        kwargs.pop("vocabulary_dtype", None)  # in the files of Keras
        self.takes_text = not invert
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            name=name,
            salt=salt,
            **kwargs,
        )

    def _as_terms(self, vocabulary: Any) -> list[Any]:
        terms = list(vocabulary)
        for term in terms:
            if not isinstance(term, (str, bytes)):
                raise ValueError(
                    f"StringLookup: a vocabulary holds strings, got {term!r} of type {type(term).__name__}"
                )
        return [self._from_key(t) if isinstance(t, bytes) else str(t) for t in terms]

    def _as_values(self, data: Any) -> Any:
        if (data.size if hasattr(data, "size") else len(data) if hasattr(data, "__len__") else 1) == 0:
            return np.empty(np.shape(data), object)
        if not text.is_text(data, empty=True):
            raise TypeError(
                f"{type(self).__name__} layer {self.name!r} takes strings, got {_described(data)}: for whole numbers there "
                "is IntegerLookup"
            )
        return text.as_bytes(data, self.encoding)

    def _as_key(self, term: str) -> bytes:
        return term.encode(self.encoding)

    def _from_key(self, key: bytes) -> str:
        return key.decode(self.encoding, errors="replace")

    def _prepare(self, terms: list[Any]) -> None:
        first = len(self._special())
        self._vocabulary.table = {self._as_key(term): first + i for i, term in enumerate(terms)}
        if self.mask_token is not None:
            self._vocabulary.table[self._as_key(self.mask_token)] = 0 if self.output_mode == "int" else -1

    def _ids(self, inputs: Any) -> Any:
        values = self._as_values(inputs)
        ids = np.array(self._look_up(values.reshape(-1).tolist()), dtype="int64")
        return ids.reshape(values.shape)

    def _look_up(self, keys: list[bytes]) -> list[int]:
        """The ids of keys."""
        first = self._first_oov_id
        if self.num_oov_indices == 1:
            get = self._vocabulary.table.get
            return [get(key, first) for key in keys]
        table = self._vocabulary.table
        if unknown := {key for key in keys if key not in table}:
            if self.num_oov_indices == 0:
                raise self._unknown(", ".join(repr(self._from_key(key)) for key in sorted(unknown)[:5]))
            table = {**table, **{key: first + hashed(key, self.num_oov_indices, self.salt) for key in unknown}}
        return [table[key] for key in keys]

    def _inverted(self, inputs: Any) -> Any:
        ids = ops.convert_to_numpy(inputs)
        terms = np.array([*self.get_vocabulary(), self.oov_token], dtype=object)
        n = len(terms) - 1
        return Tensor(np.asarray(terms[np.where((ids >= 0) & (ids < n), ids, n).astype("int64")], dtype=object))


class IntegerLookup(IndexLookup):
    """Whole numbers as their indices in a vocabulary.  x: any shape -> whole numbers, or vectors by ``output_mode``

    As ``StringLookup``, which see, for whole numbers (floating point ones are cut off). The look-up runs on the device.

    Args:
        num_oov_indices: with several, unknown numbers are spread over them by ``oov_method``: "floormod", the rest of
            the division by ``num_oov_indices``, or "farmhash", on the host, by FarmHash64 or SipHash under the key
            ``salt``; with 0 an unknown number raises ``ValueError``, for which every call waits for the device.
        vocabulary_dtype: "int64".
    """

    _config_attributes = attributes(vocabulary_dtype="vocabulary_dtype")
    # Of the vocabulary: the sorted keys, their ids, and the terms by id with the out-of-vocabulary token at the end.
    _keys: Any = None
    _indices: Any = None
    _entries: Any = None

    def _as_terms(self, vocabulary: Any) -> list[Any]:
        return [int(t) for t in vocabulary]

    def _as_values(self, data: Any) -> Any:
        if text.is_text(data, empty=True):
            return text.as_text(data).astype("int64")
        return ops.convert_to_numpy(data).astype("int64")

    def _prepare(self, terms: list[Any]) -> None:
        indices = {term: len(self._special()) + i for i, term in enumerate(terms)}
        if self.mask_token is not None:
            indices[self.mask_token] = 0 if self.output_mode == "int" else -1
        keys = sorted(indices)
        self._keys = Constant(np.array(keys, dtype="int64"))
        self._indices = Constant(np.array([indices[key] for key in keys], dtype="int64"))
        self._entries = Constant(np.array([*self.get_vocabulary(), self.oov_token], dtype="int64"))

    def _ids(self, inputs: Any) -> Any:
        if text.is_text(inputs, empty=True):
            inputs = text.as_text(inputs).astype("int64")
        x = ops.cast(ops.convert_to_tensor(inputs), "int64")
        ids = index_of(x, self._keys.on_device_of(x, "int64"), self._indices.on_device_of(x, "int64"))
        known = ids >= -1
        if self.num_oov_indices == 0:
            missing = ops.convert_to_numpy(x)[~ops.convert_to_numpy(known)]
            if missing.size:
                raise self._unknown(", ".join(map(str, missing[:5].tolist())))
            return ids
        if self.num_oov_indices == 1:
            return ops.where(known, ids, self._first_oov_id)
        if self.oov_method == "farmhash":
            oov: Any = map_values(
                lambda v: hashed(str(v).encode(), self.num_oov_indices, self.salt), ops.convert_to_numpy(x), "int64"
            )
        else:
            oov = x % self.num_oov_indices
        return ops.where(known, ids, oov + self._first_oov_id)

    def _inverted(self, inputs: Any) -> Any:
        ids = ops.cast(ops.convert_to_tensor(inputs), "int64")
        n = self.vocabulary_size()
        ids = ops.where(ops.logical_and(ids >= 0, ids < n), ids, n)
        return ops.cast(ops.take(self._entries.on_device_of(ids, "int64"), ids, axis=0), self.output_dtype)


def _described(data: Any) -> str:
    return f"an array of dtype {data.dtype}" if hasattr(data, "dtype") else f"{data!r:.60}"

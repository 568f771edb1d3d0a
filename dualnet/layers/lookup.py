"""Vocabularies: layers that turn strings or whole numbers into their places in a list, and back."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import config, ops, text
from ..ops.encoding import index_of
from ..tensor import Tensor
from ._encoding import encode, encoded_shape
from .base import Shape
from .fingerprints import farmhash64, siphash
from .preprocessing import Constant, WithDtype, not_sparse, plain

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
ASSET = "vocabulary.txt"


class _Words:
    """A vocabulary, and what is being learned of one. No container, or every look for layers inside would walk through it."""

    def __init__(self, given_idf: Any = None) -> None:
        self.given_idf = given_idf  # to the layer as it was made
        self.terms: list[Any] | None = None  # without the special ones
        self.idf: Any = None  # the weight of every entry, special ones included
        self.sent: Any = None  # these weights, and what a device has of them
        self.table: dict[bytes, int] = {}
        self.counts: Counter[Any] = Counter()
        self.documents: Counter[Any] = Counter()  # how many samples have a term
        self.samples = 0


class IndexLookup(WithDtype):
    """What ``StringLookup`` and ``IntegerLookup`` have in common; the arguments are explained there."""

    takes_text = False
    _asset: bool = False  # whether the vocabulary was learned, and goes into a file of its own

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: Any = None,
        oov_token: Any = None,
        vocabulary_dtype: str = "string",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._expected_size: int | None = kwargs.pop("vocabulary_size", None)  # as a file says it
        super().__init__(name=name, **kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode  # its name in Keras 2
        kind = type(self).__name__
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"If set, `max_tokens` must be greater than 1. Received: max_tokens={max_tokens}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens={max_tokens}")
        if num_oov_indices < 0:
            raise ValueError(
                f"`num_oov_indices` must be greater than or equal to 0. Received: num_oov_indices={num_oov_indices}"
            )
        if output_mode not in MODES:
            raise ValueError(
                f"Unknown value for `output_mode` argument of {kind}. Allowed values are: {MODES}. "
                f"Received: output_mode={output_mode}"
            )
        if invert and output_mode != "int":
            raise ValueError(
                f"`output_mode` must be `'int'` when `invert` is true. Received: output_mode={output_mode}"
            )
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                f"Unknown value for `oov_method` argument of {kind}. Allowed values are: ('floormod', 'farmhash'). "
                f"Received: oov_method={oov_method}"
            )
        not_sparse(self, sparse)
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. "
                f"Received: idf_weights={idf_weights} and output_mode={output_mode}"
            )
        if vocabulary is not None and output_mode == "tf_idf" and idf_weights is None:
            raise ValueError(
                "When specifying the `vocabulary` argument, in TF-IDF output mode, the `idf_weights` argument must also be "
                "provided."
            )
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.vocabulary_dtype = vocabulary_dtype
        self.invert = invert
        self.output_mode = output_mode
        self.sparse = sparse
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method = oov_method
        self.salt = as_salt(self, salt)
        self.autocast = False
        self._words = _Words(idf_weights)
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        self._given = vocabulary is not None  # to the constructor
        self._build_at_init()

    # -- the vocabulary ----------------------------------------------------------------------------------------------

    def _special(self) -> list[Any]:
        """What stands before the terms: the mask (only among ids) and the places of unknown ones."""
        masked = self.mask_token is not None and self.output_mode == "int"
        return ([self.mask_token] if masked else []) + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The terms in the order of their ids; with the mask and the entries for unknown ones, or without."""
        return [*(self._special() if include_special_tokens else []), *(self._words.terms or [])]

    @property
    def idf_weights(self) -> Any:
        """The weight of every entry of the vocabulary, an array of the host; None but for "tf_idf"."""
        return self._words.idf

    def vocabulary_size(self) -> int:
        """How many entries the vocabulary has, special ones included."""
        return len(self._special()) + len(self._words.terms or [])

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use these terms from now on.

        vocabulary: a list or array of terms, or the name of a text file with a term on each line. The special tokens may
        stand at its start, in the order of ``get_vocabulary``. idf_weights: for "tf_idf", one for each entry.
        """
        if isinstance(vocabulary, (str, os.PathLike)):
            if not Path(vocabulary).is_file():
                raise ValueError(f"Vocabulary file {vocabulary} does not exist.")
            vocabulary = _lines(Path(vocabulary).read_bytes(), "utf-8", by_hand=True)
        terms = self._as_terms(plain(vocabulary))
        if self.output_mode == "tf_idf":
            if idf_weights is None:
                raise ValueError("`idf_weights` must be set if output_mode is 'tf_idf'.")
        elif idf_weights is not None:
            raise ValueError(
                "`idf_weights` should only be set if output_mode is `'tf_idf'`. "
                f"Received: output_mode={self.output_mode} and idf_weights={idf_weights}"
            )
        if not terms:
            raise ValueError(f"Cannot set an empty vocabulary. Received: vocabulary={terms}")
        special = self._special()
        given = len(terms)
        if terms[: len(special)] == special:
            terms = terms[len(special) :]
        self._check_terms(terms)
        if idf_weights is not None:
            weights = np.asarray(ops.convert_to_numpy(idf_weights), "float32")
            if len(weights) != given:
                raise ValueError(
                    "`idf_weights` must be the same length as vocabulary. "
                    f"len(idf_weights) is {len(weights)}; len(vocabulary) is {given}"
                )
            if given == len(terms):  # the unknown ones weigh what the known ones do on average
                weights = np.concatenate([np.full(len(special), weights.mean()), weights])
            self._words.idf = weights.astype("float32")
        self._asset = self._given = False
        self._use(terms)

    def _check_terms(self, terms: list[Any]) -> None:
        counts = Counter(terms)
        if len(counts) != len(terms):
            repeated = [term for term, n in counts.items() if n > 1]
            raise ValueError(
                "The passed vocabulary has at least one repeated term. Please uniquify your dataset. The repeated terms "
                f"are: {repeated}"
            )
        reserved = {"mask": self.mask_token, "OOV": self.oov_token if self.invert else None}
        for which, token in reserved.items():
            if token is not None and token in counts:
                raise ValueError(
                    f"Found reserved {which} token at unexpected location in `vocabulary`. Note that passed `vocabulary` "
                    "does not need to include the OOV and mask tokens. Either remove all mask and OOV tokens, or include "
                    f"them only at the start of the vocabulary in precisely this order: {self._special()}. Received: "
                    f"{which.lower()}_token={token!r} at vocabulary index {terms.index(token)}"
                )
        size = len(terms) + len(self._special())
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. "
                f"Received vocabulary size is {size}; `max_tokens` is {self.max_tokens}."
            )

    def _use(self, terms: list[Any]) -> None:
        self._words.terms = terms
        self._prepare(terms)

    # -- learning it -------------------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: the terms in data, the most frequent first, and among equals the greatest first.

        data: an array or list, whose first axis counts the samples, or an iterable of such batches (a ``Dataset``, a
        generator; of a tuple (x, y) x is taken), of which ``steps`` are taken. What was learned before is forgotten. For
        "tf_idf", a term's weight is log(1 + samples / (1 + samples that have it)).
        """
        self._begin_adapting()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def _begin_adapting(self) -> None:
        if self._words.terms is not None and not self._asset:
            raise ValueError(
                f"Cannot adapt layer {self.name!r} after setting a static vocabulary via `vocabulary` argument or "
                "`set_vocabulary()` method."
            )
        self.reset_state()

    def reset_state(self) -> None:
        """Forget what ``update_state`` has seen."""
        words = self._words
        words.counts, words.documents, words.samples = Counter(), Counter(), 0

    def update_state(self, data: Any) -> None:
        """Take one more batch into account."""
        values = self._as_values(data)
        if values.size:
            self._count(values.reshape(len(values) if values.ndim else 1, -1).tolist())

    def _count(self, rows: list[list[Any]]) -> None:
        """Take samples, each a list of terms, into account."""
        weighs = self.output_mode == "tf_idf"
        for row in rows:
            self._words.counts.update(row)
            if weighs:
                self._words.documents.update(set(row))
        self._words.samples += len(rows)

    def finalize_state(self) -> None:
        """Make the vocabulary of what ``update_state`` has seen."""
        special = self._special()
        ignored = {self._as_key(t) for t in (self.mask_token, self.oov_token) if t is not None}
        found = [(n, key) for key, n in self._words.counts.items() if key not in ignored]
        found.sort(reverse=True)
        keys = [key for _, key in found]
        if self.max_tokens is not None:
            keys = keys[: max(self.max_tokens - len(special), 0)]
        if self.output_mode == "tf_idf":
            share = np.array([self._words.samples / (1 + self._words.documents[key]) for key in keys])
            weights = np.log1p(share)
            unknown = weights.mean() if len(keys) else 0.0
            self._words.idf = np.concatenate([np.full(len(special), unknown), weights]).astype("float32")
        self._asset = True
        self._use([self._of_key(key) for key in keys])
        self.reset_state()

    # -- calling -----------------------------------------------------------------------------------------------------

    @property
    def output_dtype(self) -> str:
        if self.output_mode == "int":
            if self.invert and self.vocabulary_dtype == text.DTYPE:
                return text.DTYPE
            return self._dtype if self._dtype in ("int32", "int64", "int16", "uint32") else "int64"
        return config.floatx() if self._dtype == text.DTYPE else self._dtype

    @property
    def input_dtype(self) -> str:
        """That of the input of a ``Sequential`` which begins with the layer."""
        return self.vocabulary_dtype if not self.invert else "int64"

    def _depth(self) -> int:
        if self.pad_to_max_tokens and self.max_tokens is not None:
            return self.max_tokens
        if self._words.terms is None and self._expected_size is not None:
            return self._expected_size
        return self.vocabulary_size()

    def _require_vocabulary(self) -> None:
        if self._words.terms is None:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} has no vocabulary: call adapt(data) or set_vocabulary(terms), "
                "or make it with vocabulary=, before it is used"
            )

    def call(self, inputs: Any) -> Any:
        self._require_vocabulary()
        if self.invert:
            return self._inverted(inputs)
        ids = self._ids(inputs)
        if self.output_mode == "int":
            return ops.cast(ops.convert_to_tensor(ids), self.output_dtype)
        depth = self._depth()
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        if mode != "one_hot" and not isinstance(ids, Tensor) and ids.ndim < 3:
            return self._vectors(counted(ids, depth, mode))
        return self._vectors(encode(ops.convert_to_tensor(ids), mode, depth, self.output_dtype))

    def _vectors(self, counts: Any) -> Any:
        """Counts of terms as the result: in its dtype, and weighed."""
        y = ops.cast(ops.convert_to_tensor(counts), self.output_dtype)
        return y * self._weights(self._depth()).beside(y, self.output_dtype) if self.output_mode == "tf_idf" else y

    def _weights(self, depth: int) -> Constant:
        words = self._words
        if words.sent is None or words.sent[0] is not words.idf:
            words.sent = words.idf, Constant(np.pad(words.idf, (0, depth - len(words.idf))))
        return words.sent[1]

    def _unknown(self, values: Any) -> ValueError:
        return ValueError(
            f"{type(self).__name__} layer {self.name!r} got {values}, which its vocabulary lacks, and with "
            "num_oov_indices=0 there is no id for unknown terms: add them, or use num_oov_indices=1"
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return encoded_shape(input_shape, self.output_mode, self._depth())

    # -- saving ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        kept = self._words.terms if self._words.terms is not None and self._in_config() else None
        weights = (
            self._words.idf.tolist()
            if kept is not None and self._words.idf is not None
            else plain(self._words.given_idf)
        )
        if kept is not None and self._words.idf is not None:
            weights = weights[len(self._special()) :]
            if self._idf_differs():
                kept = self.get_vocabulary()
                weights = self._words.idf.tolist()
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": None if self._asset and kept is None else weights,
            "vocabulary": kept,
            "vocabulary_size": self._expected_size if self._words.terms is None else self.vocabulary_size(),
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    def _idf_differs(self) -> bool:
        """Whether the weight of unknown terms is another one than the average."""
        special = len(self._special())
        return bool(special) and not np.allclose(self._words.idf[:special], self._words.idf[special:].mean(), rtol=1e-6)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer a config describes. A config names no files: ``ValueError`` if it does."""
        refuse_path(cls, config)
        return cls(**config)

    def _in_config(self) -> bool:
        """Whether the config holds the vocabulary: one that was given, or that has line breaks in it, unfit for a file."""
        return not self._asset or not _fits_lines(self._words.terms or [])

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary to a text file in a folder, unless the layer was made with it or a file cannot hold it."""
        if self._words.terms is not None and not self._given and _fits_lines(self._words.terms):
            lines = "\n".join(str(t) for t in self.get_vocabulary())
            Path(dir_path, ASSET).write_bytes((lines + ("\n" if lines.endswith("\n") else "")).encode())

    def load_assets(self, dir_path: Any) -> None:
        """Use the vocabulary that ``save_assets`` wrote; without its file, leave all as it is."""
        file = Path(dir_path, ASSET)
        if not file.is_file():
            return
        terms = self._as_terms(_lines(file.read_bytes(), "utf-8"))
        special = self._special()
        if terms[: len(special)] == special:
            terms = terms[len(special) :]
        self._check_terms(terms)
        if self.output_mode == "tf_idf":
            self._words.idf = np.ones(len(special) + len(terms), "float32")  # what they are comes with the weights
        self._asset = self._asset or self._words.terms is None
        self._use(terms)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        super().save_own_variables(store)
        if self._words.idf is not None:
            store["idf_weights"] = self._words.idf

    def load_own_variables(self, store: Any) -> None:
        store = dict(store)
        weights = store.pop("idf_weights", None)
        if weights is not None:
            self._words.idf = np.asarray(weights, "float32")
        super().load_own_variables(store)

    # -- what strings and numbers do in their own way ------------------------------------------------------------------

    def _as_terms(self, vocabulary: Any) -> list[Any]:
        raise NotImplementedError

    def _as_values(self, data: Any) -> Any:
        """Data as a NumPy array of keys."""
        raise NotImplementedError

    def _as_key(self, term: Any) -> Any:
        return term

    def _of_key(self, key: Any) -> Any:
        return key

    def _prepare(self, terms: list[Any]) -> None:
        """Get ready for a new vocabulary."""
        raise NotImplementedError

    def _ids(self, inputs: Any) -> Any:
        """The ids of terms, -1 for what is to be left out: on the host as an array, or on the device as a tensor."""
        raise NotImplementedError

    def _inverted(self, inputs: Any) -> Any:
        """The terms of ids."""
        raise NotImplementedError


class StringLookup(IndexLookup):
    """Strings as their places in a vocabulary.  strings: any shape -> whole numbers, or vectors by ``output_mode``

    The vocabulary is given, or learned by ``adapt(data)`` before training. It begins with the mask token, if there is one
    (id 0), and with ``num_oov_indices`` entries for what it lacks.

    vocabulary: terms, or a text file with one on each line. max_tokens: the most entries it may have, special ones
    included. num_oov_indices: with several, unknown strings are spread over them by FarmHash64, or by SipHash under the key
    ``salt``; with 0 they raise ``ValueError``. output_mode: "int"; "one_hot": a vector for each string; "multi_hot": one for
    each sample, with 1 for every term in it; "count": how often each is in it; "tf_idf": that times ``idf_weights``. These
    leave masked strings out. pad_to_max_tokens: vectors of ``max_tokens`` entries. invert: the way back, from ids to
    strings. encoding: of strings that come as bytes.

    The look-up runs on the host. Ids are int64, vectors have the dtype of the layer.
    """

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
        kwargs.pop("vocabulary_dtype", None)
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

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "encoding": self.encoding}

    def _as_terms(self, vocabulary: Any) -> list[Any]:
        terms = list(vocabulary)
        for term in terms:
            if not isinstance(term, (str, bytes)):
                raise ValueError(
                    f"StringLookup: a vocabulary holds strings, got {term!r} of type {type(term).__name__}"
                )
        return [self._of_key(t) if isinstance(t, bytes) else str(t) for t in terms]

    def _as_values(self, data: Any) -> Any:
        if getattr(data, "size", len(data) if hasattr(data, "__len__") else 1) == 0:
            return np.empty(np.shape(data), object)
        if not text.is_text(data):
            raise TypeError(
                f"{type(self).__name__} layer {self.name!r} takes strings, got {_described(data)}: for whole numbers there "
                "is IntegerLookup"
            )
        return text.as_bytes(data, self.encoding)

    def _as_key(self, term: str) -> bytes:
        return term.encode(self.encoding)

    def _of_key(self, key: bytes) -> str:
        return key.decode(self.encoding, errors="replace")

    def _prepare(self, terms: list[Any]) -> None:
        first = len(self._special())
        self._words.table = {self._as_key(term): first + i for i, term in enumerate(terms)}
        if self.mask_token is not None:
            self._words.table[self._as_key(self.mask_token)] = 0 if self.output_mode == "int" else -1

    def _ids(self, inputs: Any) -> Any:
        values = self._as_values(inputs)
        ids = np.array(self._look_up(values.reshape(-1).tolist()), dtype="int64")
        return ids.reshape(values.shape)

    def _look_up(self, keys: list[bytes]) -> list[int]:
        """The ids of keys."""
        first = 1 if self.mask_token is not None and self.output_mode == "int" else 0
        if self.num_oov_indices == 1:
            get = self._words.table.get
            return [get(key, first) for key in keys]
        table = self._words.table
        if unknown := {key for key in keys if key not in table}:
            if self.num_oov_indices == 0:
                raise self._unknown(", ".join(repr(self._of_key(key)) for key in sorted(unknown)[:5]))
            table = {**table, **{key: first + hashed(key, self.num_oov_indices, self.salt) for key in unknown}}
        return [table[key] for key in keys]

    def _inverted(self, inputs: Any) -> Any:
        ids = ops.convert_to_numpy(inputs)
        terms = np.array([*self.get_vocabulary(), self.oov_token], dtype=object)
        n = len(terms) - 1
        return Tensor(np.asarray(terms[np.where((ids >= 0) & (ids < n), ids, n).astype("int64")], dtype=object))


class IntegerLookup(IndexLookup):
    """Whole numbers as their places in a vocabulary.  x: any shape -> whole numbers, or vectors by ``output_mode``

    As ``StringLookup``, which see, for whole numbers (floating point ones are cut off). The look-up runs on the device.

    num_oov_indices: with several, unknown numbers are spread over them by ``oov_method``: "floormod", the rest of the
    division by ``num_oov_indices``, or "farmhash", on the host, by FarmHash64 or SipHash under the key ``salt``; with 0 an
    unknown number raises ``ValueError``, for which every call waits for the device. vocabulary_dtype: "int64".
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                "Only `vocabulary_dtype='int64'` is supported at this time. "
                f"Received: vocabulary_dtype={vocabulary_dtype}"
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(f"`salt` can only be used when `oov_method='farmhash'`. Received: oov_method={oov_method}")
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary_dtype=vocabulary_dtype,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            name=name,
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}

    _keys: Any = None  # of the vocabulary, rising; each one's id; and the terms of all ids, one more for those beyond
    _places: Any = None
    _entries: Any = None

    def _as_terms(self, vocabulary: Any) -> list[Any]:
        return [int(t) for t in vocabulary]

    def _as_values(self, data: Any) -> Any:
        if text.is_text(data):
            return text.as_text(data).astype("int64")
        return ops.convert_to_numpy(data).astype("int64")

    def _prepare(self, terms: list[Any]) -> None:
        places = {term: len(self._special()) + i for i, term in enumerate(terms)}
        if self.mask_token is not None:
            places[self.mask_token] = 0 if self.output_mode == "int" else -1
        keys = sorted(places)
        self._keys = Constant(np.array(keys, dtype="int64"))
        self._places = Constant(np.array([places[key] for key in keys], dtype="int64"))
        self._entries = Constant(np.array([*self.get_vocabulary(), self.oov_token], dtype="int64"))

    def _ids(self, inputs: Any) -> Any:
        if text.is_text(inputs):
            inputs = text.as_text(inputs).astype("int64")
        x = ops.cast(ops.convert_to_tensor(inputs), "int64")
        ids = index_of(x, self._keys.beside(x, "int64"), self._places.beside(x, "int64"))
        first = 1 if self.mask_token is not None and self.output_mode == "int" else 0
        known = ids >= -1
        if self.num_oov_indices == 0:
            missing = ops.convert_to_numpy(x)[~ops.convert_to_numpy(known)]
            if missing.size:
                raise self._unknown(", ".join(map(str, missing[:5].tolist())))
            return ids
        if self.num_oov_indices == 1:
            return ops.where(known, ids, first)
        if self.oov_method == "farmhash":
            values = ops.convert_to_numpy(x)
            buckets = {
                v: hashed(str(v).encode(), self.num_oov_indices, self.salt) for v in set(values.reshape(-1).tolist())
            }
            other: Any = np.array([buckets[v] for v in values.reshape(-1).tolist()], "int64").reshape(values.shape)
        else:
            other = x % self.num_oov_indices
        return ops.where(known, ids, other + first)

    def _inverted(self, inputs: Any) -> Any:
        ids = ops.cast(ops.convert_to_tensor(inputs), "int64")
        n = self.vocabulary_size()
        ids = ops.where(ops.logical_and(ids >= 0, ids < n), ids, n)
        return ops.cast(ops.take(self._entries.beside(ids, "int64"), ids, axis=0), self.output_dtype)


# -- helpers, also for text_vectorization.py and hashing.py ----------------------------------------------------------------


def as_salt(layer: Any, salt: Any) -> list[int] | None:
    """A salt as a key of two numbers."""
    if salt is None:
        return None
    if isinstance(salt, int) and not isinstance(salt, bool):
        return [salt, salt]
    if isinstance(salt, (list, tuple)) and len(salt) == 2:
        return [int(s) for s in salt]
    raise ValueError(
        f"The `salt` argument for `{type(layer).__name__}` can only be a tuple of size 2 integers, or a single integer. "
        f"Received: salt={salt}."
    )


def hashed(key: bytes, buckets: int, salt: list[int] | None) -> int:
    """The bucket of some bytes: FarmHash64, or SipHash when there is a salt, modulo the number of buckets."""
    return (farmhash64(key) if salt is None else siphash(key, salt)) % buckets


def counted(ids: Any, depth: int, mode: str) -> Any:
    """How often ("count") or whether ("multi_hot") every id from 0 to depth - 1 is in each row; others are left out.

    ids: (), (n,) or (batch, n) -> (depth,) or (batch, depth), in NumPy
    """
    rows = ids.reshape(1, -1) if ids.ndim < 2 else ids
    places = np.where((rows >= 0) & (rows < depth), rows + depth * np.arange(len(rows))[:, None], -1).reshape(-1)
    made = np.bincount(places[places >= 0], minlength=depth * len(rows)).reshape(len(rows), depth)
    made = np.minimum(made, 1) if mode == "multi_hot" else made
    return made[0] if ids.ndim < 2 else made


def batches_of(data: Any, steps: int | None = None) -> Iterator[Any]:
    """What a layer adapts to, batch by batch: one array or list of values, or an iterable of batches."""
    if text.is_text(data) or hasattr(data, "shape") or hasattr(data, "to_numpy") or _is_values(data):
        yield data
        return
    if not hasattr(data, "__iter__"):
        raise TypeError(f"adapt takes an array, a list, or an iterable of batches, got {type(data).__name__}")
    for i, batch in enumerate(data):
        if steps is not None and i >= steps:
            return
        yield batch[0] if isinstance(batch, tuple) else batch
        if i + 1 == steps:  # without asking for one more, which an endless source would have to make
            return


def _is_values(data: Any) -> bool:
    """Whether something is a nested list of numbers."""
    if not isinstance(data, (list, tuple)):
        return isinstance(data, (int, float))
    return len(data) == 0 or _is_values(data[0]) or np.isscalar(data[0])


def _fits_lines(terms: list[Any]) -> bool:
    """Whether a file with a term on each line can hold them."""
    return not any(isinstance(t, str) and ("\n" in t or "\r" in t) for t in terms)


def refuse_path(cls: type, config: dict[str, Any]) -> None:
    """A config may come out of a file, which must not make this program read others."""
    if isinstance(config.get("vocabulary"), (str, bytes)):
        raise ValueError(
            f"{cls.__name__}: the vocabulary in a config must be a list of terms, got the path {config['vocabulary']!r}, "
            "which is not read: call set_vocabulary(path) on the layer yourself"
        )


def _lines(content: bytes, encoding: str, by_hand: bool = False) -> list[str]:
    """The lines of a file; of one that somebody wrote by hand, without the marks of Windows."""
    try:
        lines = content.decode(encoding).split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"a vocabulary must be a text file in {encoding}, with a term on each line: {error}") from None
    if len(lines) > 1 and lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines] if by_hand else lines


def _described(data: Any) -> str:
    return f"an array of dtype {data.dtype}" if hasattr(data, "dtype") else f"{data!r:.60}"

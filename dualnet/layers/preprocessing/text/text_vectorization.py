"""TextVectorization: sentences as the ids of their words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .... import ops
from ....core import text
from ....core.tensor import Tensor
from ....serialization.configurable import attributes
from ....serialization.objects import deserialize_keras_object
from ...base.layer import Shape
from ..numeric.category_encoding import OutputDtypeLayer, not_sparse
from ..numeric.encoding import counted, encode
from .index_lookup import MODES
from .lookup import StringLookup
from .standardization import SPLIT, STANDARDIZE, Rows, ngrams_of, split_strings, standardize_strings
from .vocabulary import batches_of, refuse_path


class TextVectorization(OutputDtypeLayer):
    """Strings as the ids of their words.  strings: (batch,) or (batch, 1) -> (batch, words), or (batch, vocabulary)

    Every string is standardized, split, joined to ngrams, and looked up in the vocabulary, which is given, or learned by
    ``adapt(data)`` before training. Id 0 pads short rows, id 1 is for words outside the vocabulary. Ids are int64.

    The work is done on the host; in a ``Dataset.map`` it runs in parallel with training.

    Args:
        max_tokens: the most entries the vocabulary may have.
        standardize: "lower_and_strip_punctuation" (both of ASCII only), "lower", "strip_punctuation", None, or a
            function that takes a NumPy array of strings and returns one of that shape.
        split: "whitespace" (of ASCII), "character", None, or a function that takes a NumPy array of strings and returns
            a list of words for each.
        ngrams: n for runs of 1 to n words, or a tuple of lengths.
        output_mode: "int", "multi_hot", "count", "tf_idf" or "one_hot", as in ``StringLookup``; all but "int" have no
            id 0.
        output_sequence_length: of every row; longer ones are cut. None: that of the longest in the batch.
        pad_to_max_tokens: vectors of ``max_tokens`` entries.
        vocabulary, idf_weights, encoding: as in ``StringLookup``.
        ragged, sparse: must be False.
    """

    takes_text = True
    # A function, which may be a lambda, is in the config as it is.
    _config_attributes = attributes(standardize=None, split=None, vocabulary=None, idf_weights=None)

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[..., Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[..., Any] | None = "whitespace",
        ngrams: int | tuple[int, ...] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        standardize, split = deserialize_keras_object(standardize), deserialize_keras_object(split)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        for argument, value, known in (("standardize", standardize, tuple(STANDARDIZE)), ("split", split, SPLIT)):
            if value is not None and not callable(value) and value not in known:
                raise ValueError(
                    f"Unknown value for `{argument}` argument of TextVectorization. Allowed values are: {known}, a function "
                    f"or None. Received: {argument}={value}"
                )
        if output_mode not in MODES:
            raise ValueError(
                f"Unknown value for `output_mode` argument of TextVectorization. Allowed values are: {MODES}. "
                f"Received: output_mode={output_mode}"
            )
        if ngrams is not None and not (
            _is_whole(ngrams) or (isinstance(ngrams, (tuple, list)) and all(map(_is_whole, ngrams)))
        ):
            raise ValueError(f"`ngrams` must be None, an integer, or a tuple of integers. Received: ngrams={ngrams}")
        if output_sequence_length is not None and output_mode != "int":
            raise ValueError(
                "`output_sequence_length` must not be set if `output_mode` is not 'int'. "
                f"Received output_sequence_length={output_sequence_length}."
            )
        if output_sequence_length is not None and (not _is_whole(output_sequence_length) or output_sequence_length < 0):
            raise ValueError(
                "`output_sequence_length` must be either None or an integer when `output_mode` is 'int'. "
                f"Received: output_sequence_length={output_sequence_length}"
            )
        not_sparse(self, sparse)
        if ragged:
            raise ValueError("TextVectorization: `ragged=True` cannot be used: there are no ragged tensors here")
        self.max_tokens = max_tokens
        self.standardize = standardize
        self.split = split
        self.ngrams = tuple(ngrams) if isinstance(ngrams, (tuple, list)) else ngrams
        self.output_mode = output_mode
        self.output_sequence_length = output_sequence_length
        self.pad_to_max_tokens = pad_to_max_tokens
        self.sparse = sparse
        self.ragged = ragged
        self.encoding = encoding
        self.autocast = False
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            encoding=encoding,
            vocabulary_size=size,
            dtype=self._dtype,
        )

    # -- the vocabulary ----------------------------------------------------------------------------------------------

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary from strings: a list or array of them, or an iterable of batches (a ``Dataset``, a generator;
        of a tuple (x, y) x is taken), of which ``steps`` are taken. What was learned before is forgotten.
        """
        self._lookup_layer._start_adapting()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the words of a batch."""
        strings = text.as_bytes(data, self.encoding)
        rows, _ = self._rows(strings.reshape(-1, 1) if strings.ndim < 2 else strings)
        self._lookup_layer._count(rows)

    def finalize_state(self) -> None:
        """Build the vocabulary from the words counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Discard the counts."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words in the order of their ids; with "" and "[UNK]", or without."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many entries the vocabulary has, special ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use these words from now on: a list, an array, or the name of a text file with one on each line."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # -- calling -----------------------------------------------------------------------------------------------------

    @property
    def output_dtype(self) -> str:
        return self._lookup_layer.output_dtype

    input_dtype = text.DTYPE

    def call(self, inputs: Any) -> Any:
        lookup = self._lookup_layer
        lookup._require_vocabulary()
        strings = text.as_bytes(self._checked(inputs), self.encoding)
        rows, prefix = self._rows(strings)
        ids = [lookup._look_up(row) for row in rows]
        if self.output_mode in ("int", "one_hot"):
            longest = max(map(len, ids), default=0)
            length = longest if self.output_sequence_length is None else self.output_sequence_length
            result = np.full((len(ids), length), 0 if self.output_mode == "int" else -1, dtype="int64")
            for i, row in enumerate(ids):
                result[i, : len(row)] = row[:length]
            result = result.reshape(*prefix, length)
            if self.output_mode == "one_hot":
                result = result[..., None]
            return encode(result, self.output_mode, lookup._depth(), self.output_dtype)
        result = _bags(ids, lookup._depth(), self.output_mode).reshape(*prefix, lookup._depth())
        y = ops.cast(ops.convert_to_tensor(result), self.output_dtype)
        return lookup._apply_idf(y) if self.output_mode == "tf_idf" else y

    def _checked(self, inputs: Any) -> Any:
        if text.is_text(inputs, empty=True):
            return inputs
        shape = np.shape(inputs.data if isinstance(inputs, Tensor) else inputs)
        if 0 in shape:
            return np.empty(shape, object)
        raise TypeError(f"TextVectorization layer {self.name!r} takes strings, got numbers of shape {shape}")

    def _rows(self, strings: Any) -> tuple[Rows, tuple[int, ...]]:
        """The words of every string, in rows, and the shape of the array of rows."""
        strings = standardize_strings(strings, self.standardize, self.encoding)
        if self.split is None:
            rows = strings.reshape(-1, strings.shape[-1] if strings.ndim else 1).tolist()
            return ngrams_of(rows, self.ngrams), strings.shape[:-1]
        if strings.ndim > 1:
            if strings.shape[-1] != 1:
                raise ValueError(
                    "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last shape "
                    f"dimension must be 1. Received: inputs.shape={strings.shape} with rank={strings.ndim}"
                )
            strings = strings[..., 0]
        rows = split_strings(strings.reshape(-1).tolist(), self.split, self.encoding)
        return ngrams_of(rows, self.ngrams), strings.shape

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shape = tuple(input_shape)
        prefix = shape[:-1] if self.split is None or len(shape) > 1 else shape
        length = shape[-1] if shape and self.split is None and self.ngrams is None else None
        if self.output_mode == "int":
            return (*prefix, length if self.output_sequence_length is None else self.output_sequence_length)
        depth = self._lookup_layer._depth()
        return (*prefix, length, depth) if self.output_mode == "one_hot" else (*prefix, depth)

    # -- saving ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        inner = self._lookup_layer.get_config()
        return {
            **super().get_config(),
            "standardize": self.standardize,
            "split": self.split,
            **{name: inner[name] for name in ("vocabulary", "idf_weights", "vocabulary_size")},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer a config describes. A config names no files: ``ValueError`` if it does."""
        refuse_path(cls, config)
        return cls(**config)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Write the learned vocabulary to a text file in a folder."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Use the vocabulary that ``save_assets`` wrote."""
        self._lookup_layer.load_assets(dir_path)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bags(rows: list[list[int]], depth: int, mode: str) -> Any:
    """How often ("count", "tf_idf") or whether ("multi_hot") every id occurs in each row."""
    result = np.zeros((len(rows), depth), dtype="int64")
    for i, row in enumerate(rows):
        result[i] = counted(np.array(row, dtype="int64"), depth, mode)
    return result

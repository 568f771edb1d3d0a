"""VocabularyLayer: a layer whose vocabulary is passed in, or learned, and saved with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .... import ops
from ..numeric.category_encoding import OutputDtypeLayer, plain
from .vocabulary import ASSET, Vocabulary, batches_of, check_terms, has_no_line_breaks, read_terms, write_terms


class VocabularyLayer(OutputDtypeLayer):
    """Base of layers with a vocabulary. ``IndexLookup`` and its subclasses define the terms and their look-up."""

    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    invert: bool
    output_mode: str

    _vocabulary: Vocabulary
    _has_static_vocabulary: bool  # whether the vocabulary was given to the constructor
    _is_learned: bool = False  # whether the vocabulary was learned, and goes into a file of its own

    # -- the vocabulary ----------------------------------------------------------------------------------------------

    def _special(self) -> list[Any]:
        """The entries before the terms: the mask token and those of out-of-vocabulary terms."""
        return [self.mask_token] * self._first_oov_id + [self.oov_token] * self.num_oov_indices

    @property
    def _first_oov_id(self) -> int:
        """The id of the first out-of-vocabulary entry, after that of the mask token, which only has one in mode "int"."""
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The terms in the order of their ids; with the mask and the entries for unknown ones, or without."""
        return [*(self._special() if include_special_tokens else []), *(self._vocabulary.terms or [])]

    @property
    def idf_weights(self) -> Any:
        """The weight of every entry of the vocabulary, an array of the host; None but for "tf_idf"."""
        return self._vocabulary.idf

    def vocabulary_size(self) -> int:
        """How many entries the vocabulary has, special ones included."""
        return len(self._special()) + len(self._vocabulary.terms or [])

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use these terms from now on.

        Args:
            vocabulary: a list or array of terms, or the name of a text file with a term on each line. The special
                tokens may stand at its start, in the order of ``get_vocabulary``.
            idf_weights: for "tf_idf", one for each entry.
        """
        if isinstance(vocabulary, (str, os.PathLike)):
            if not Path(vocabulary).is_file():
                raise ValueError(f"Vocabulary file {vocabulary} does not exist.")
            vocabulary = read_terms(Path(vocabulary), handwritten=True)
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
        size = len(terms)
        terms = self._checked(terms)
        if idf_weights is not None:
            weights = ops.convert_to_numpy(idf_weights).astype("float32")
            if len(weights) != size:
                raise ValueError(
                    "`idf_weights` must be the same length as vocabulary. "
                    f"len(idf_weights) is {len(weights)}; len(vocabulary) is {size}"
                )
            self._vocabulary.set_weights(weights, len(self._special()) if size == len(terms) else 0)
        self._is_learned = self._has_static_vocabulary = False
        self._set_terms(terms)

    def _checked(self, terms: list[Any]) -> list[Any]:
        """Terms without the special ones they may begin with; ``ValueError`` if they make no vocabulary."""
        special = self._special()
        if terms[: len(special)] == special:
            terms = terms[len(special) :]
        reserved = {"mask": self.mask_token, "OOV": self.oov_token if self.invert else None}
        check_terms(terms, special, reserved, self.max_tokens)
        return terms

    def _set_terms(self, terms: list[Any]) -> None:
        self._vocabulary.terms = terms
        self._prepare(terms)

    # -- learning it -------------------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: the terms in data, the most frequent first, and among equals the greatest first.

        What was learned before is forgotten. For "tf_idf", a term's weight is log(1 + samples / (1 + samples that have
        it)).

        Args:
            data: an array or list, whose first axis counts the samples, or an iterable of such batches (a ``Dataset``,
                a generator; of a tuple (x, y) x is taken), of which ``steps`` are taken.
        """
        self._start_adapting()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def _start_adapting(self) -> None:
        if self._vocabulary.terms is not None and not self._is_learned:
            raise ValueError(
                f"Cannot adapt layer {self.name!r} after setting a static vocabulary via `vocabulary` argument or "
                "`set_vocabulary()` method."
            )
        self.reset_state()

    def reset_state(self) -> None:
        """Discard the counts."""
        self._vocabulary.reset()

    def update_state(self, data: Any) -> None:
        """Count the terms of a batch."""
        values = self._as_values(data)
        if values.size:
            self._count(values.reshape(len(values) if values.ndim else 1, -1).tolist())

    def _count(self, rows: list[list[Any]]) -> None:
        """Count the terms of samples, each a list."""
        self._vocabulary.count(rows, count_documents=self.output_mode == "tf_idf")

    def finalize_state(self) -> None:
        """Build the vocabulary from the terms counted."""
        special = len(self._special())
        ignored = {self._as_key(t) for t in (self.mask_token, self.oov_token) if t is not None}
        limit = None if self.max_tokens is None else max(self.max_tokens - special, 0)
        keys = self._vocabulary.most_frequent(ignored, limit)
        if self.output_mode == "tf_idf":
            self._vocabulary.set_weights(self._vocabulary.learned_weights(keys), special)
        self._is_learned = True
        self._set_terms([self._from_key(key) for key in keys])
        self.reset_state()

    # -- saving ------------------------------------------------------------------------------------------------------

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary to a text file in a folder, unless the layer was made with it or a file cannot hold it."""
        if (
            self._vocabulary.terms is not None
            and not self._has_static_vocabulary
            and has_no_line_breaks(self._vocabulary.terms)
        ):
            write_terms(Path(dir_path, ASSET), self.get_vocabulary())

    def load_assets(self, dir_path: Any) -> None:
        """Use the vocabulary that ``save_assets`` wrote; without its file, leave all as it is."""
        file = Path(dir_path, ASSET)
        if not file.is_file():
            return
        terms = self._checked(self._as_terms(read_terms(file)))
        if self.output_mode == "tf_idf":  # placeholders: their values are loaded with the weights
            self._vocabulary.set_weights([1.0] * (len(self._special()) + len(terms)))
        self._is_learned = self._is_learned or self._vocabulary.terms is None
        self._set_terms(terms)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        super().save_own_variables(store)
        if self._vocabulary.idf is not None:
            store["idf_weights"] = self._vocabulary.idf

    def load_own_variables(self, store: Any) -> None:
        store = dict(store)
        if "idf_weights" in store:
            self._vocabulary.set_weights(store.pop("idf_weights"))
        super().load_own_variables(store)

    # -- for subclasses ----------------------------------------------------------------------------------------------

    def _as_terms(self, vocabulary: Any) -> list[Any]:
        raise NotImplementedError

    def _as_values(self, data: Any) -> Any:
        """Data as a NumPy array of keys."""
        raise NotImplementedError

    def _as_key(self, term: Any) -> Any:
        return term

    def _from_key(self, key: Any) -> Any:
        return key

    def _prepare(self, terms: list[Any]) -> None:
        """Build the tables for a new vocabulary."""
        raise NotImplementedError

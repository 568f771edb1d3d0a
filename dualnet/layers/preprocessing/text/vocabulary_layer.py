"""WithVocabulary: a layer whose vocabulary is given, or learned, and saved with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .... import ops
from ..numeric.category_encoding import WithDtype, plain
from .vocabulary import ASSET, Vocabulary, batches_of, check_terms, fits_lines, read_terms, write_terms


class WithVocabulary(WithDtype):
    """Base of layers with a vocabulary. What the terms are, and how they are looked up, says ``IndexLookup`` and those of it."""

    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    invert: bool
    output_mode: str

    _words: Vocabulary
    _given: bool  # whether the vocabulary was given to the constructor
    _asset: bool = False  # whether the vocabulary was learned, and goes into a file of its own

    # -- the vocabulary ----------------------------------------------------------------------------------------------

    def _special(self) -> list[Any]:
        """What stands before the terms: the mask and the places of unknown ones."""
        return [self.mask_token] * self._first + [self.oov_token] * self.num_oov_indices

    @property
    def _first(self) -> int:
        """The id of the first unknown term: behind the mask, which has one only among ids."""
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

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
            vocabulary = read_terms(Path(vocabulary), by_hand=True)
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
        given = len(terms)
        terms = self._checked(terms)
        if idf_weights is not None:
            weights = ops.convert_to_numpy(idf_weights).astype("float32")
            if len(weights) != given:
                raise ValueError(
                    "`idf_weights` must be the same length as vocabulary. "
                    f"len(idf_weights) is {len(weights)}; len(vocabulary) is {given}"
                )
            self._words.weigh(weights, len(self._special()) if given == len(terms) else 0)
        self._asset = self._given = False
        self._use(terms)

    def _checked(self, terms: list[Any]) -> list[Any]:
        """Terms without the special ones they may begin with; ``ValueError`` if they make no vocabulary."""
        special = self._special()
        if terms[: len(special)] == special:
            terms = terms[len(special) :]
        reserved = {"mask": self.mask_token, "OOV": self.oov_token if self.invert else None}
        check_terms(terms, special, reserved, self.max_tokens)
        return terms

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
        self._words.forget()

    def update_state(self, data: Any) -> None:
        """Take one more batch into account."""
        values = self._as_values(data)
        if values.size:
            self._count(values.reshape(len(values) if values.ndim else 1, -1).tolist())

    def _count(self, rows: list[list[Any]]) -> None:
        """Take samples, each a list of terms, into account."""
        self._words.count(rows, weighs=self.output_mode == "tf_idf")

    def finalize_state(self) -> None:
        """Make the vocabulary of what ``update_state`` has seen."""
        special = len(self._special())
        ignored = {self._as_key(t) for t in (self.mask_token, self.oov_token) if t is not None}
        keys = self._words.found(ignored, None if self.max_tokens is None else max(self.max_tokens - special, 0))
        if self.output_mode == "tf_idf":
            self._words.weigh(self._words.learned_weights(keys), special)
        self._asset = True
        self._use([self._of_key(key) for key in keys])
        self.reset_state()

    # -- saving ------------------------------------------------------------------------------------------------------

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary to a text file in a folder, unless the layer was made with it or a file cannot hold it."""
        if self._words.terms is not None and not self._given and fits_lines(self._words.terms):
            write_terms(Path(dir_path, ASSET), self.get_vocabulary())

    def load_assets(self, dir_path: Any) -> None:
        """Use the vocabulary that ``save_assets`` wrote; without its file, leave all as it is."""
        file = Path(dir_path, ASSET)
        if not file.is_file():
            return
        terms = self._checked(self._as_terms(read_terms(file)))
        if self.output_mode == "tf_idf":
            self._words.weigh([1.0] * (len(self._special()) + len(terms)))  # what they are comes with the weights
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
            self._words.weigh(weights)
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

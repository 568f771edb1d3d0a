"""``Tokenizer`` of tf.keras 2, which maps words to numbers. New programs use ``layers.TextVectorization``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..core.hints import module_getattr

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

__all__ = ["Tokenizer", "text_to_word_sequence"]


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text in lower case, where every character of ``filters`` is treated as a ``split``."""
    text = input_text.lower() if lower else input_text
    return [word for word in text.translate({ord(c): split for c in filters}).split(split) if word]


class Tokenizer:
    """Numbers words by their frequency: 1 for the most frequent, 0 is reserved.

    Attributes: ``word_index`` and ``index_word``, the numbers; ``word_counts``, the frequency of each word;
    ``word_docs``, the number of texts (out of ``document_count``) that contain it.

    Args:
        num_words: ``texts_to_sequences`` and ``texts_to_matrix`` only use numbers below it; all words are counted
            nevertheless.
        filters, lower, split: as in ``text_to_word_sequence``.
        char_level: characters instead of words.
        oov_token: replaces unknown and too rare words, as number 1; by default they are dropped.
        analyzer: a function from a text to its words.
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Any = None,
    ) -> None:
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.document_count = 0
        self.word_counts: Counter[str] = Counter()
        self.word_docs: Counter[str] = Counter()
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Any) -> list[str]:
        if isinstance(text, (list, tuple)):
            return [word.lower() for word in text] if self.lower else list(text)
        if self.analyzer is not None:
            return list(self.analyzer(text))
        if self.char_level:
            return list(text.lower() if self.lower else text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts (or of lists of words), and renumber all words."""
        if isinstance(texts, str):
            raise TypeError("fit_on_texts takes a list of texts, got one text: put it into a list")
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            self.word_counts.update(words)
            self.word_docs.update(set(words))
        ordered = sorted(self.word_counts, key=lambda word: -self.word_counts[word])  # ties in order of appearance
        listed = ([] if self.oov_token is None else [self.oov_token]) + [w for w in ordered if w != self.oov_token]
        self.word_index = {word: number for number, word in enumerate(listed, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """The same, one text at a time."""
        unknown = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        for text in texts:
            numbers = (self.word_index.get(word) for word in self._words(text))
            known = (n if n is not None and (not self.num_words or n < self.num_words) else unknown for n in numbers)
            yield [n for n in known if n is not None]

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """The words of each sequence, separated by spaces; unknown numbers are dropped."""
        return [" ".join(self._word(int(n)) for n in numbers if self._word(int(n))) for numbers in sequences]

    def _word(self, number: int) -> str:
        known = number in self.index_word and (not self.num_words or number < self.num_words)
        return self.index_word[number] if known else (self.oov_token or "")

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> Any:
        """A row per text with a column per word (see ``sequences_to_matrix``)."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> Any:
        """-> (texts, num_words or words + 1), float64.

        Args:
            mode: "binary" (whether the word occurs), "count", "freq" (its share of the text) or "tfidf" ((1 + ln count)
                * ln(1 + documents / (1 + documents with the word))).
        """
        import numpy as np

        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError(f'mode must be "binary", "count", "freq" or "tfidf", got {mode!r}')
        if mode == "tfidf" and not self.document_count:
            raise ValueError('mode="tfidf" needs fit_on_texts first, which counts the documents')
        columns = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), columns))
        for row, numbers in zip(matrix, sequences):
            counts = Counter(n for n in numbers if n < columns)
            for number, count in counts.items():
                if mode == "tfidf":
                    documents = self.word_docs[self.index_word.get(number, "")]
                    row[number] = (1 + np.log(count)) * np.log(1 + self.document_count / (1 + documents))
                else:
                    row[number] = {"binary": 1.0, "count": count, "freq": count / max(len(numbers), 1)}[mode]
        return matrix


__getattr__ = module_getattr(__name__, __all__)

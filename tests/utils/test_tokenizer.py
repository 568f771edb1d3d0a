"""The Tokenizer of tf.keras 2: numbers by frequency, and matrices of them."""

from __future__ import annotations

import numpy as np
import pytest

from dualnet.keras.preprocessing.text import Tokenizer, text_to_word_sequence

TEXTS = ["The cat sat on the mat.", "The dog, the cat!", "Birds sing"]


def test_words_of_a_text() -> None:
    assert text_to_word_sequence("A b,C!  d") == ["a", "b", "c", "d"]
    assert text_to_word_sequence("A-b", lower=False, filters="-") == ["A", "b"]


def test_numbers_go_by_frequency_and_then_by_order() -> None:
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.word_index == {
        "the": 1, "cat": 2, "sat": 3, "on": 4, "mat": 5, "dog": 6, "birds": 7, "sing": 8
    }  # fmt: skip
    assert tokenizer.document_count == 3
    assert tokenizer.word_counts["the"] == 4
    assert tokenizer.word_docs["the"] == 2
    assert tokenizer.texts_to_sequences(["the bird sat", "on cat"]) == [[1, 3], [4, 2]]
    assert tokenizer.sequences_to_texts([[1, 3], [99]]) == ["the sat", ""]


def test_words_that_are_not_known() -> None:
    tokenizer = Tokenizer(num_words=4, oov_token="<OOV>")
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.word_index["<OOV>"] == 1
    assert len(tokenizer.word_index) == 9
    assert tokenizer.texts_to_sequences(["the cow sat"]) == [[2, 1, 1]]  # "sat" is number 4: too rare
    assert tokenizer.sequences_to_texts([[2, 4]]) == ["the <OOV>"]
    tokenizer.fit_on_texts(["zebra zebra zebra zebra zebra"])
    assert tokenizer.word_index["zebra"] == 2


def test_characters_lists_and_functions() -> None:
    tokenizer = Tokenizer(char_level=True)
    tokenizer.fit_on_texts(["Abba"])
    assert tokenizer.texts_to_sequences(["ab!"]) == [[1, 2]]
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([["New York", "x"], ["x"]])
    assert tokenizer.word_index == {"x": 1, "new york": 2}
    tokenizer = Tokenizer(analyzer=lambda text: text.split("/"))
    tokenizer.fit_on_texts(["a b/c"])
    assert tokenizer.word_index == {"a b": 1, "c": 2}


def test_matrices() -> None:
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(["a a b", "a c"])
    rows = {mode: tokenizer.texts_to_matrix(["a a c z"], mode)[0] for mode in ("binary", "count", "freq", "tfidf")}
    assert rows["binary"].tolist() == [0, 1, 0, 1]
    assert rows["count"].tolist() == [0, 2, 0, 1]
    np.testing.assert_allclose(rows["freq"], [0, 2 / 3, 0, 1 / 3])
    np.testing.assert_allclose(rows["tfidf"], [0, (1 + np.log(2)) * np.log(1 + 2 / 3), 0, np.log(2)])
    assert Tokenizer(num_words=3).sequences_to_matrix([[1, 2, 7]]).tolist() == [[0, 1, 1]]


def test_mistakes() -> None:
    with pytest.raises(TypeError, match="takes a list of texts"):
        Tokenizer().fit_on_texts("one text")
    with pytest.raises(ValueError, match='mode must be "binary"'):
        Tokenizer(num_words=3).sequences_to_matrix([[1]], "often")
    with pytest.raises(ValueError, match="needs fit_on_texts"):
        Tokenizer(num_words=3).sequences_to_matrix([[1]], "tfidf")

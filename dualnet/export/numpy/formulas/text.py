"""Text: from strings to whole numbers."""

import string

import numpy as np


def as_bytes(x, encoding="utf-8"):
    """Strings as bytes, in an array of objects"""
    flat = [s.encode(encoding) if isinstance(s, str) else bytes(s) for s in np.ravel(x).tolist()]
    result = np.empty(np.shape(x), dtype=object)
    result.reshape(-1)[:] = flat
    return result


def term_ids(rows, vocabulary, first=0, unknown=1, masked=None, encoding="utf-8"):
    """The position of each term in a vocabulary, counted from first.  rows: lists of terms

    unknown: the number of all other terms; None: there should be none
    masked: a term with a number of its own
    """
    table = {term.encode(encoding): first + i for i, term in enumerate(vocabulary.tolist())}
    if masked is not None:
        table[masked[0].encode(encoding)] = masked[1]
    if unknown is None:
        for term in {term for row in rows for term in row if term not in table}:
            raise ValueError(f"{term.decode(encoding, 'replace')!r} is not in the vocabulary")
    return [[table.get(term, unknown) for term in row] for row in rows]


def string_lookup(x, vocabulary, first=0, unknown=1, masked=None, encoding="utf-8"):
    """The position of each string in a vocabulary.  x: any shape -> the same shape"""
    terms = as_bytes(x, encoding)
    (ids,) = term_ids([terms.reshape(-1).tolist()], vocabulary, first, unknown, masked, encoding)
    return np.array(ids, dtype=np.int64).reshape(terms.shape)


def terms_of(ids, vocabulary):
    """The terms at these positions, the last one for ids that are no position"""
    last = len(vocabulary) - 1
    return vocabulary[np.where((ids >= 0) & (ids < last), ids, last).astype(np.int64)].astype(object)


def split_text(x, lower=True, punctuation=True, split="whitespace", ngrams=(1,), encoding="utf-8"):
    """The words of each string, as bytes.

    lower: in lower case
    punctuation: without it
    split: "whitespace" or "character"
    ngrams: how many words in a row make one
    """
    rows = []
    for text in as_bytes(x, encoding).reshape(-1).tolist():
        text = text.lower() if lower else text
        text = text.translate(None, string.punctuation.encode()) if punctuation else text
        if split == "whitespace":
            words = text.split()
        else:
            words = [c.encode(encoding) for c in text.decode(encoding, "replace")]
        rows.append([b" ".join(words[i : i + n]) for n in ngrams for i in range(len(words) - n + 1)])
    return rows


def padded(rows, length=None, fill=0):
    """Lists of numbers as rows of one length, that of the longest or a given one"""
    length = max(map(len, rows), default=0) if length is None else length
    result = np.full((len(rows), length), fill, dtype=np.int64)
    for i, row in enumerate(rows):
        result[i, : len(row)] = row[:length]
    return result


def text_counts(rows, depth):
    """How often each number from 0 to depth - 1 occurs in each of some lists"""
    result = np.zeros((len(rows), depth), dtype=np.int64)
    for i, row in enumerate(rows):
        for n in row:
            if 0 <= n < depth:
                result[i, n] += 1
    return result

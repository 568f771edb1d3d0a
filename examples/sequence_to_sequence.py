"""Recurrent encoder and decoder with attention: dates as people write them become dates as computers do, "Mar 5, 1987" -> 1987-03-05.

After Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate" (arXiv:1409.0473). A
bidirectional GRU reads the characters of a date. A second one writes, one character at a time, and for each it attends to the
characters read: the picture shows which. The dates are made by the program, in five formats; those of the test are days that were
never trained on. ``--smoke`` takes fewer.
"""

from __future__ import annotations

import datetime
import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

FORMATS = (
    "{day} {month} {year}",
    "{month} {day}, {year}",
    "{short} {day}, {year}",
    "{day:02}.{number:02}.{year}",
    "{number}/{day}/{year}",
)
LENGTH, STEPS = 17, 10  # characters of "23 September 1987" and of "1987-09-23"
FIRST, LAST = datetime.date(1900, 1, 1).toordinal(), datetime.date(2100, 1, 1).toordinal()


def pairs(ordinals: Any, random: Any) -> tuple[list[str], list[str]]:
    """Days as people write them, each in a format drawn at random, and as YYYY-MM-DD."""
    written, iso = [], []
    for ordinal in ordinals.tolist():
        date = datetime.date.fromordinal(ordinal)
        month = date.strftime("%B")
        parts = {"day": date.day, "month": month, "short": month[:3], "number": date.month, "year": date.year}
        written.append(FORMATS[random.integers(len(FORMATS))].format(**parts))
        iso.append(date.isoformat())
    return written, iso


def encode(texts: list[str], characters: str, length: int) -> Any:
    """-> ids (n, length), where 0 is for padding, and at the beginning of what is to be written for its start"""
    return keras.utils.pad_sequences(
        [[characters.index(c) + 1 for c in text] for text in texts], length, padding="post"
    )


def translator(characters: int, digits: int, units: int) -> tuple[Any, Any]:
    """A model (dates, what is written before each step) -> p of each character, and one that gives the weights of the attention."""
    read, before = keras.Input((LENGTH,), dtype="int32"), keras.Input((STEPS,), dtype="int32")
    x = layers.Embedding(characters + 1, units, mask_zero=True)(read)
    memory = layers.Bidirectional(layers.GRU(units // 2, return_sequences=True))(x)
    state = layers.GlobalAveragePooling1D()(memory)
    y = layers.Embedding(digits + 1, units)(before)
    y = layers.GRU(units, return_sequences=True)(y, initial_state=state)
    # The query is the state of the decoder: v . tanh(W q + U k), with W and U before and v inside.
    query, key = layers.Dense(units)(y), layers.Dense(units)(memory)
    context, weights = layers.AdditiveAttention()([query, memory, key], return_attention_scores=True)
    outputs = layers.Dense(digits + 1, activation="softmax")(layers.Concatenate()([y, context]))
    return keras.Model([read, before], outputs), keras.Model([read, before], weights)


def shifted(target: Any) -> Any:
    """What is written before each step."""
    return np.pad(target[:, :-1], ((0, 0), (1, 0)))


def translate(model: Any, source: Any) -> Any:
    """Always the most likely next character.  (n, LENGTH) -> (n, STEPS)"""
    target = np.zeros((len(source), STEPS), "int32")
    for step in range(STEPS):
        target[:, step] = model.predict([source, shifted(target)], batch_size=500, verbose=0)[:, step].argmax(-1)
    return target


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    count, test, units, epochs = (2000, 100, 32, 10) if smoke else (20_000, 1000, 64, 8)
    dates, iso = pairs(FIRST + random.permutation(LAST - FIRST)[: count + test], random)
    characters, digits = "".join(sorted(set("".join(dates)))), "-0123456789"
    source, target = encode(dates, characters, LENGTH), encode(iso, digits, STEPS)
    model, attention = translator(len(characters), len(digits), units)
    rate = keras.optimizers.schedules.CosineDecay(1e-2 if smoke else 4e-3, epochs * count // 64)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), "sparse_categorical_crossentropy")
    model.fit([source[:count], shifted(target[:count])], target[:count], 64, epochs, verbose=0 if smoke else 2)

    written = translate(model, source[count:])
    texts = ["".join(digits[i - 1] if i else " " for i in row) for row in written]
    for date, text in list(zip(dates[count:], texts))[:8]:
        print(f"{date:17} {text}")
    exact = float(np.mean([text == right for text, right in zip(texts, iso[count:])]))
    print(f"exactly right: {exact:.1%} of {test} days that were never trained on")
    longest = max(range(test), key=lambda row: len(dates[count + row]))
    looks = attention.predict([source[count:][[longest]], shifted(written[[longest]])], verbose=0)[0]
    plot(looks, dates[count + longest], texts[longest])
    print(f"figure: sequence_to_sequence {exact:.4f}")
    return exact


def plot(weights: Any, date: str, text: str) -> None:
    from matplotlib.figure import Figure

    axes = Figure(figsize=(6, 4), layout="constrained").subplots()
    axes.imshow(weights[:, : len(date)], cmap="Blues", vmin=0)
    axes.set(title="Where the decoder looks when it writes a character", xlabel="read", ylabel="written")
    axes.set_xticks(range(len(date)), list(date))
    axes.set_yticks(range(len(text)), list(text))
    axes.figure.savefig("sequence_to_sequence.png", dpi=100)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

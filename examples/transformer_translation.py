"""A Transformer with encoder and decoder translates numbers from English words to digits.

After Vaswani and others, "Attention is all you need" (arXiv:1706.03762): the encoder reads "six hundred two thousand eleven", the decoder
writes 6 0 2 0 1 1, each digit in the light of those before it (causal attention) and of all the words (cross attention). The data is
made by the program, the numbers of the test are in no other part. ``--smoke`` is content with numbers below a thousand.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

SIZE, HEADS = 64, 4
UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
UNITS += "seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
WORDS = ["", *UNITS, *TENS, "hundred", "thousand"]  # 0 is for padding
START, END = 11, 12  # after 0 for padding and 1 to 10 for the digits


def in_words(number: int) -> list[str]:
    if number < 20:
        return [UNITS[number]]
    size = 1000 if number >= 1000 else 100 if number >= 100 else 10
    first, rest = divmod(number, size)
    head = [TENS[first - 2]] if size == 10 else [*in_words(first), "hundred" if size == 100 else "thousand"]
    return head + (in_words(rest) if rest else [])


def encode(numbers: Any) -> tuple[Any, Any]:
    """-> the words of each number (n, words), and its digits between START and END (n, digits + 2), both padded with 0"""
    source = [[WORDS.index(word) for word in in_words(number)] for number in numbers.tolist()]
    target = [[START, *(int(digit) + 1 for digit in str(number)), END] for number in numbers.tolist()]
    return tuple(keras.utils.pad_sequences(ids, padding="post") for ids in (source, target))


def embed(ids: Any, count: int) -> Any:
    """What a token is, and where it stands."""
    return layers.Embedding(count, SIZE)(ids) + layers.Embedding(ids.shape[1], SIZE)(ops.arange(ids.shape[1]))


def attend(x: Any, memory: Any, **options: Any) -> tuple[Any, Any]:
    """x looks at a memory, and keeps what it was. -> the sum, normalized, and the weights (batch, heads, to, from)"""
    y, weights = layers.MultiHeadAttention(HEADS, SIZE // HEADS)(x, memory, return_attention_scores=True, **options)
    return layers.LayerNormalization()(x + y), weights


def think(x: Any) -> Any:
    return layers.LayerNormalization()(x + layers.Dense(SIZE)(layers.Dense(4 * SIZE, activation="relu")(x)))


def transformer(words: int, digits: int) -> tuple[Any, Any]:
    """A model (source, target before each step) -> scores of each step, and one that gives the last weights of the words."""
    source, target = keras.Input((words,), dtype="int32"), keras.Input((digits + 1,), dtype="int32")
    memory, x = embed(source, len(WORDS)), embed(target, END + 1)
    for _ in range(2):
        memory = think(attend(memory, memory)[0])
    for _ in range(2):
        x, _ = attend(x, x, use_causal_mask=True)
        x, weights = attend(x, memory)
        x = think(x)
    return keras.Model([source, target], layers.Dense(END + 1)(x)), keras.Model([source, target], weights)


def translate(model: Any, source: Any, steps: int) -> Any:
    """Always the most likely next token.  (n, words) -> (n, steps + 1), from START on"""
    target = np.zeros((len(source), steps + 1), "int32")
    target[:, 0] = START
    for step in range(steps):
        scores = model.predict([source, target[:, :-1]], batch_size=500, verbose=0)
        target[:, step + 1] = scores[:, step].argmax(-1)
    return target


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    digits, count, epochs = (3, 800, 10) if smoke else (6, 20_000, 12)
    numbers = np.random.default_rng(0).permutation(10**digits)[: count + (100 if smoke else 1000)]
    source, target = encode(numbers)
    model, weights = transformer(source.shape[1], digits)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * count // 64)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit([source[:count], target[:count, :-1]], target[:count, 1:], 64, epochs, verbose=0 if smoke else 2)

    written = translate(model, source[count:], digits + 1)
    for number, row in zip(numbers[count : count + 5].tolist(), written):
        print(f"{' '.join(in_words(number))}: {text(row)}")
    exact = float(np.mean([str(number) == text(row) for number, row in zip(numbers[count:], written)]))
    print(f"exactly right: {exact:.1%} of {len(written)} numbers that were never trained on")
    looks = weights.predict([source[count:][:1], written[:1, :-1]], verbose=0)[0].mean(0)  # of all heads
    plot(looks, in_words(int(numbers[count])), text(written[0]))
    print(f"figure: transformer_translation {exact:.4f}")
    return exact


def text(ids: Any) -> str:
    """The digits up to END."""
    ids = ids[1:].tolist()
    return "".join(str(i - 1) if 0 < i < START else "?" for i in (ids[: ids.index(END)] if END in ids else ids))


def plot(weights: Any, words: list[str], digits: str) -> None:
    from matplotlib.figure import Figure

    axes = Figure(figsize=(6, 4), layout="constrained").subplots()
    axes.imshow(weights[: len(digits), : len(words)], cmap="Blues", vmin=0)
    axes.set(title="Where the decoder looks when it writes a digit", xlabel="words read", ylabel="digits written")
    axes.set_xticks(range(len(words)), words, rotation=30)
    axes.set_yticks(range(len(digits)), list(digits))
    axes.figure.savefig("transformer_translation.png", dpi=100)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

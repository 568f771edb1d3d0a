"""What a bidirectional LSTM sees more: fill the vowels in again that were taken out of Shakespeare, "n*w *s th* w*nt*r".

Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997. One LSTM reads from left to right and knows the past alone; another
reads both ways, with half as many units each way, so that the two have about as many weights. Both tell each vowel of the last tenth of
``datasets.shakespeare``; who always says "e" is right for a third. ``--smoke`` takes a song instead.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

WINDOW, VOWELS = 64, "aeiou"
SONG = "row, row, row your boat,\ngently down the stream.\nmerrily, merrily, merrily, merrily,\nlife is but a dream.\n"


def samples(text: str, vocabulary: list[str]) -> tuple[Any, Any, Any]:
    """-> x: ids with each vowel as "*", y: the vowels as 0 to 4, weights: 1 where a vowel stands; all of shape (n, WINDOW)"""
    text = text[: len(text) // WINDOW * WINDOW]
    hidden = ["*" if c in VOWELS else c for c in text]
    x = np.searchsorted(vocabulary, hidden).astype("int32").reshape(-1, WINDOW)
    vowels = np.array([VOWELS.find(c) for c in text], "int32").reshape(-1, WINDOW)
    return x, np.maximum(vowels, 0), (vowels >= 0).astype("float32")


def network(characters: int, recurrent: Any) -> Any:
    """(batch, WINDOW) ids -> (batch, WINDOW, 5), p of each vowel"""
    outputs = layers.Dense(len(VOWELS), activation="softmax")
    return keras.Sequential([layers.Embedding(characters, 32), recurrent, outputs])


def restore(model: Any, text: str, vocabulary: list[str]) -> str:
    """A text with the vowels that a model takes for most likely."""
    x, _, weights = samples(text.ljust(WINDOW), vocabulary)
    told = model.predict(x, verbose=0).argmax(-1)[0]
    return "".join(VOWELS[i] if w else c for c, i, w in zip(text, told, weights[0]))


def main(smoke: bool = False) -> float:
    text = SONG * 30 if smoke else keras.datasets.shakespeare.load_data().lower()
    vocabulary = sorted({*text, "*", " "})
    split = len(text) * 9 // 10
    x, y, weights = samples(text[:split], vocabulary)
    known = samples(text[split:], vocabulary)
    common = np.bincount(known[1][known[2] > 0]).max() / known[2].sum()
    print(f"always the most frequent vowel: {common:.1%} right")
    units = 32 if smoke else 96
    kinds = {
        "from left to right": layers.LSTM(units, return_sequences=True),
        "both ways": layers.Bidirectional(layers.LSTM(units // 2, return_sequences=True)),
    }
    histories = {}
    for name, recurrent in kinds.items():
        keras.utils.set_random_seed(0)
        model = network(len(vocabulary), recurrent)
        loss = keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
        model.compile(keras.optimizers.Adam(1e-2 if smoke else 3e-3), loss, weighted_metrics=["accuracy"])
        epochs = {"batch_size": 4, "epochs": 8} if smoke else {"batch_size": 64, "epochs": 6}
        history = model.fit(x, y, sample_weight=weights, validation_data=known, **epochs, verbose=0 if smoke else 2)
        histories[name] = history.history["val_accuracy"]
        print(f"{name}: {model.count_params():,} parameters, {histories[name][-1]:.1%} of the vowels right")
        line = "row your boat, gently down the stream" if smoke else "what's in a name? that which we call a rose"
        print(f"  {''.join('*' if c in VOWELS else c for c in line)} -> {restore(model, line, vocabulary)}")
    plot(histories, common)
    value: float = histories["both ways"][-1]
    print(f"figure: bidirectional {value:.4f}")
    return value


def plot(histories: dict[str, list[float]], common: float) -> None:
    from matplotlib.figure import Figure

    axes = Figure(figsize=(6, 4), layout="constrained").subplots()
    for name, accuracies in histories.items():
        axes.plot(range(1, len(accuracies) + 1), accuracies, "o-", label=name)
    axes.axhline(common, color="gray", linestyle=":", label="always the most frequent vowel")
    axes.set(
        xlabel="epoch",
        ylabel="accuracy of the vowels, validation",
        title="Vowels told from the past, and from both sides",
    )
    axes.legend()
    axes.figure.savefig("bidirectional.png", dpi=100)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

"""A language model of characters: an LSTM learns to say what comes next in Shakespeare, and then writes.

After Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015. The text is ``datasets.shakespeare``, 1.1 million
characters, of which the last tenth is for validation. The loss is the mean of -log p of the right character, in nats: log 65 = 4.17
for a model that knows nothing, 3.3 for one that knows how frequent each character is. ``--smoke`` learns a song by heart instead.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

WINDOW = 64  # characters of a sample
SONG = "Row, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily, merrily,\nLife is but a dream.\n"


def windows(ids: Any) -> tuple[Any, Any]:
    """Cut a text in windows without overlap.  (characters,) -> x: (n, WINDOW), and y, the same one character later"""
    count = (len(ids) - 1) // WINDOW
    return ids[: count * WINDOW].reshape(count, WINDOW), ids[1 : count * WINDOW + 1].reshape(count, WINDOW)


def language_model(characters: int, units: int) -> Any:
    """(batch, time) ids -> (batch, time, characters), the scores of what comes next. The LSTM sees the past alone."""
    return keras.Sequential(
        [
            layers.Embedding(characters, 32),
            layers.LSTM(units, return_sequences=True, name="lstm"),
            layers.Dense(characters),
        ]
    )


def write(model: Any, vocabulary: list[str], prompt: str, length: int, temperature: float) -> str:
    """Continue a text, one character at a time.

    A stateful copy of the model keeps h and c of the LSTM from call to call, so that each step costs the same, however long the
    text is. Scores divided by a temperature below 1 favour what is likely.
    """
    units = model.get_layer("lstm").units
    inputs = keras.Input(batch_shape=(1, 1), dtype="int32")
    embedding, _, dense = model.layers
    lstm = layers.LSTM(units, stateful=True)
    writer = keras.Model(inputs, dense(lstm(embedding(inputs))))
    lstm.set_weights(model.get_layer("lstm").get_weights())
    text = prompt
    for position in range(len(prompt) + length - 1):
        scores = writer(np.array([[vocabulary.index(text[position])]]))
        if position >= len(prompt) - 1:
            text += vocabulary[int(keras.random.categorical(scores / temperature, 1)[0, 0])]
    return text


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    text = SONG * 20 if smoke else keras.datasets.shakespeare.load_data()
    vocabulary = sorted(set(text))
    ids = np.searchsorted(vocabulary, list(text)).astype("int32")
    split = len(ids) * 9 // 10
    model = language_model(len(vocabulary), units=64 if smoke else 128)
    epochs = 30 if smoke else 15
    x, y = windows(ids[:split])
    batch_size = 8 if smoke else 32
    steps = epochs * -(-len(x) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(0.01 if smoke else 5e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss)
    history = model.fit(
        x, y, batch_size=batch_size, epochs=epochs, validation_data=windows(ids[split:]), verbose=0 if smoke else 2
    )
    nats = float(history.history["val_loss"][-1])
    print(f"validation: {nats:.3f} nats per character, {nats / np.log(2):.2f} bits")
    print(write(model, vocabulary, "Row" if smoke else "ROMEO:\n", 150 if smoke else 500, temperature=0.7))
    plot(history.history)
    print(f"figure: char_lstm {nats:.4f}")
    return nats


def plot(history: dict[str, list[float]]) -> None:
    """Both losses by epoch, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    epochs = range(1, len(history["loss"]) + 1)
    axes.plot(epochs, history["loss"], "o-", label="training, mean of the epoch")
    axes.plot(epochs, history["val_loss"], "o-", label="validation, after the epoch")
    axes.set(xlabel="epoch", ylabel="nats per character", title="How well an LSTM foresees the next character")
    axes.legend()
    figure.savefig("char_lstm.png", dpi=100)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

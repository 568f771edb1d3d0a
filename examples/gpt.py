"""A small GPT: a Transformer that sees only the past learns to continue Shakespeare, one character at a time.

The decoder of "Attention is all you need" (arXiv:1706.03762) alone, with the normalization before each part, as in GPT-2 (Radford and
others, "Language models are unsupervised multitask learners", 2019). Of ``datasets.shakespeare`` the last tenth is for validation; the
loss is the mean of -log p of the right character, in nats. ``--smoke`` learns a song by heart instead.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops
from dualnet.optimizers.schedules import CosineDecay

WINDOW, SIZE, HEADS, BLOCKS = 128, 128, 4, 4
SONG = "Row, row, row your boat,\nmerrily down the stream.\n"


class Block(layers.Layer):
    """(batch, time, SIZE) -> the same shape. Each step looks back (attention), then thinks for itself (two dense layers)."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = [layers.LayerNormalization(), layers.LayerNormalization()]
        self.attention = layers.MultiHeadAttention(HEADS, SIZE // HEADS)
        self.dense = keras.Sequential([layers.Dense(4 * SIZE, activation="relu"), layers.Dense(SIZE)])

    def call(self, x: Any, cache: Any = None, step: Any = None) -> Any:
        seen = self.norms[0](x)
        if cache is None:
            y = self.attention(seen, seen, use_causal_mask=True)
        else:
            y, cache = self.attention(seen, seen, cache=cache, cache_update_index=step, use_causal_mask=True)
        x = x + y
        x = x + self.dense(self.norms[1](x))
        return x if cache is None else (x, cache)


class GPT(keras.Model):
    """(batch, time) ids -> (batch, time, characters), the scores of what comes next."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.tokens = layers.Embedding(characters, SIZE)
        self.positions = layers.Embedding(WINDOW, SIZE)
        self.blocks = [Block() for _ in range(BLOCKS)]
        self.scores = keras.Sequential([layers.LayerNormalization(), layers.Dense(characters)])

    def call(self, ids: Any) -> Any:
        x = self.tokens(ids) + self.positions(ops.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.scores(x)

    def next(self, ids: Any, caches: list[Any], step: int) -> Any:
        """The scores after the ids from `step` on. The caches hold the keys and values of the steps before."""
        x = self.tokens(ids) + self.positions(ops.arange(step, step + ids.shape[1]))
        for i, block in enumerate(self.blocks):
            x, caches[i] = block(x, cache=caches[i], step=step)
        return self.scores(x)[:, -1]

    def write(self, ids: list[int], length: int, temperature: float) -> list[int]:
        """Continue a text. When the window is full, what stands in its second half is read again as the start of the next."""
        step, unread = WINDOW, ids
        for _ in range(length):
            if step + len(unread) > WINDOW:
                step, unread = 0, ids[-WINDOW // 2 :]
                caches = [ops.zeros((1, 2, WINDOW, HEADS, SIZE // HEADS)) for _ in self.blocks]
            scores = self.next(np.array([unread]), caches, step)
            step += len(unread)
            unread = [int(keras.random.categorical(scores / temperature, 1)[0, 0])]
            ids = ids + unread
        return ids


def windows(ids: Any) -> tuple[Any, Any]:
    """(characters,) -> x: (n, WINDOW), and y, the same one character later"""
    end = (len(ids) - 1) // WINDOW * WINDOW
    return ids[:end].reshape(-1, WINDOW), ids[1 : end + 1].reshape(-1, WINDOW)


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    text = SONG * 140 if smoke else keras.datasets.shakespeare.load_data()
    vocabulary = sorted(set(text))
    train, rest = np.split(np.searchsorted(vocabulary, list(text)).astype("int32"), [len(text) * 9 // 10])
    (x, y), known = windows(train), windows(rest)
    batch_size, epochs = (4, 6) if smoke else (16, 5)
    rate = CosineDecay(0.0, epochs * len(x) // batch_size, warmup_target=2e-3, warmup_steps=8 + len(x) // 100)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = GPT(len(vocabulary))
    model.compile(keras.optimizers.AdamW(rate, beta_2=0.99, clipnorm=1.0), loss)
    history = model.fit(x, y, batch_size, epochs, validation_data=known, verbose=0 if smoke else 2).history
    nats: float = history["val_loss"][-1]
    print(f"{model.count_params():,} parameters; validation: {nats:.3f} nats per character")
    prompt = list(map(vocabulary.index, "Row" if smoke else "ROMEO:\n"))
    print("".join(vocabulary[i] for i in model.write(prompt, 140 if smoke else 500, temperature=0.7)))
    plot(history)
    print(f"figure: gpt {nats:.4f}")
    return nats


def plot(history: dict[str, list[float]]) -> None:
    from matplotlib.figure import Figure

    axes = Figure(figsize=(6, 4), layout="constrained").subplots()
    for name, losses in history.items():
        axes.plot(range(1, len(losses) + 1), losses, "o-", label=name)
    axes.set(xlabel="epoch", ylabel="nats per character", title="A small GPT learns Shakespeare")
    axes.legend()
    axes.figure.savefig("gpt.png", dpi=100)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

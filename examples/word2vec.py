"""Words as vectors: skip-gram with negative samples puts words of Shakespeare that occur in the same company near each other.

Mikolov and others, "Distributed representations of words and phrases and their compositionality" (arXiv:1310.4546). A word has a vector u
as the one in the middle and a vector v as the company of others. For pairs that occur in the text, sigmoid(u . v) goes to 1; for words
drawn at random it goes to 0. The text is ``datasets.shakespeare``. ``--smoke`` makes sentences about animals, people and food instead.
"""

from __future__ import annotations

import collections
import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

WINDOW, NEGATIVES = 4, 8
# Pairs of related words, chosen before the first run.
PAIRS = """father mother, son daughter, brother sister, king queen, lord lady, husband wife, he she, his her, him her, thou thee, thy thine,
man woman, men women, day night, heaven earth, eyes tears, eye tongue, life death, live die, go come, hath has, did does, sir madam,
one two, two three, hour day, war peace, friend enemy, hand heart, blood death, duke prince, romeo juliet, soldiers arms"""
ROLES = {
    "man": "man woman boy girl",
    "eats": "eats tastes likes cooks",
    "bread": "bread fish rice fruit",
    "red": "red green small big",
}


class Pairs(keras.utils.PyDataset):
    """Pairs of a word and its company, each with negatives that are drawn anew in every epoch.  -> (b,), (b, 1 + NEGATIVES)"""

    def __init__(self, words: Any, sample: float, batch_size: int) -> None:
        super().__init__()
        self.random = np.random.default_rng(0)
        # Frequent words say little: of the words with frequency f, sqrt(sample / f) are kept.
        counts = np.bincount(words)
        words = words[self.random.random(len(words)) < np.sqrt(sample * len(words) / counts[words])]
        ahead = [(words[:-k], words[k:]) for k in range(1, WINDOW + 1)]
        self.centers = np.concatenate([a for a, _ in ahead] + [b for _, b in ahead])
        self.company = np.concatenate([b for _, b in ahead] + [a for a, _ in ahead])
        self.noise = np.cumsum(counts**0.75)  # the paper's distribution of the negatives, added up
        self.batch_size = batch_size
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.centers) // self.batch_size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        negatives = np.searchsorted(self.noise, self.random.random((len(rows), NEGATIVES)) * self.noise[-1])
        company = np.concatenate([self.company[rows, None], negatives], axis=1)
        labels = np.zeros(company.shape, "float32")
        labels[:, 0] = 1
        return (self.centers[rows], company), labels

    def on_epoch_end(self) -> None:
        self.order = self.random.permutation(len(self.centers))


def skip_gram(words: int, size: int) -> Any:
    """(b,) words and (b, n) others -> (b, n) products u . v"""
    center, company = keras.Input((), dtype="int32"), keras.Input((1 + NEGATIVES,), dtype="int32")
    u, v = layers.Embedding(words, size, name="u")(center), layers.Embedding(words, size, name="v")(company)
    return keras.Model([center, company], layers.Dot(axes=(1, 2))([u, v]))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(1)
    if smoke:
        roles = [role.split() for role in ROLES.values()]
        text = " ".join("the {0} {1} the {3} {2}".format(*(random.choice(r) for r in roles)) for _ in range(2000))
        pairs = [tuple(words.split()[:2]) for words in ROLES.values()]
    else:
        text = keras.datasets.shakespeare.load_data().lower()
        pairs = [tuple(pair.split()) for pair in PAIRS.split(",")]
    spoken = "".join(c if c.isalpha() or c == "'" else " " for c in text).split()
    vocabulary = [word for word, count in collections.Counter(spoken).most_common() if count >= 10]
    ids = {word: i for i, word in enumerate(vocabulary)}
    words = np.array([ids[word] for word in spoken if word in ids])
    data = Pairs(words, sample=1.0 if smoke else 1e-3, batch_size=128 if smoke else 1024)
    model = skip_gram(len(vocabulary), 16 if smoke else 64)
    model.compile(keras.optimizers.Adam(0.01 if smoke else 2e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(data, epochs=4 if smoke else 6, verbose=0 if smoke else 2)

    vectors = np.asarray(model.get_layer("u").embeddings)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = np.argsort(-vectors @ vectors.T, axis=1)[:, 1:]  # the first is the word itself
    for word in (
        ("man", "eats", "bread") if smoke else ("king", "mother", "thou", "love", "death", "romeo", "two", "night")
    ):
        print(f"{word}: {', '.join(vocabulary[i] for i in near[ids[word], : 3 if smoke else 8])}")
    few = 3 if smoke else 20
    found = float(np.mean([ids[b] in near[ids[a], :few] for a, b in pairs]))
    print(f"of {len(pairs)} pairs of related words, {found:.0%} have the second among the {few} nearest of the first;")
    print(f"by chance, {few / (len(vocabulary) - 1):.1%} would")
    plot(vectors, ids, sorted({word for pair in pairs for word in pair}))
    print(f"figure: word2vec {found:.4f}")
    return found


def plot(vectors: Any, ids: dict[str, int], words: list[str]) -> None:
    from matplotlib.figure import Figure

    axes = Figure(figsize=(7, 6), layout="constrained").subplots()
    chosen = vectors[[ids[word] for word in words]]
    chosen -= chosen.mean(0)
    points = chosen @ np.linalg.svd(chosen, full_matrices=False)[2][:2].T
    axes.scatter(*points.T, s=8)
    for word, point in zip(words, points):
        axes.text(*point, word, fontsize=8)
    axes.set(xlabel="first principal component", ylabel="second", title="Words by the company that they keep")
    axes.figure.savefig("word2vec.png", dpi=100)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

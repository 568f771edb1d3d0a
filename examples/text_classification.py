"""Five ways to classify text: which play is a passage from? Counts of words, TF-IDF, embeddings, a convolution and an LSTM in one table.

The data is ``datasets.shakespeare``, which has (parts of) nine plays one after the other, cut in passages of 50 words without the names of
those who speak. Every fifth passage is for the test. ``--smoke`` takes the passages from three rhymes in this program.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

PASSAGE = 50  # words
# Each play, and the words with which it begins.
PLAYS = {
    "Coriolanus": "Before we proceed any further",
    "Richard III": "Now is the winter of our discontent",
    "Richard II": "Old John of Gaunt, time-honour",
    "Romeo and Juliet": "Gregory, o' my word",
    "Henry VI, Part 3": "I wonder how the king escaped",
    "The Winter's Tale": "If you shall chance, Camillo",
    "Measure for Measure": "Escalus.\n\nESCALUS",
    "The Taming of the Shrew": "I'll pheeze you",
    "The Tempest": "Boatswain!\n\nBoatswain",
}
RHYMES = (
    "mary had a little lamb its fleece was white as snow and everywhere that mary went the lamb was sure to go",
    "jack and jill went up the hill to fetch a pail of water jack fell down and broke his crown and jill came tumbling after",
    "humpty dumpty sat on a wall humpty dumpty had a great fall all the king's horses and all the king's men could not mend him",
)


def plays(smoke: bool) -> list[list[str]]:
    """The words of each class."""
    if smoke:
        random = np.random.default_rng(0)
        return [random.choice(rhyme.split(), 20 * PASSAGE).tolist() for rhyme in RHYMES]
    text = keras.datasets.shakespeare.load_data()
    begins = [text.index(begin) for begin in PLAYS.values()] + [len(text)]
    texts = [text[begin:end] for begin, end in zip(begins, begins[1:])]
    # "ROMEO:" above a speech would say which play it is.
    return [" ".join(line for line in play.splitlines() if not line.endswith(":")).split() for play in texts]


def bag(counts: Any) -> Any:
    """A number for each word of the vocabulary: with the dense layer at the end, logistic regression."""
    return counts


def average(ids: Any) -> Any:
    """The mean of the vectors of the words."""
    return layers.GlobalAveragePooling1D()(layers.Embedding(WORDS, 64, mask_zero=True)(ids))


def convolution(ids: Any) -> Any:
    """Detectors of three words in a row, and for each the place where it answers most (Kim, arXiv:1408.5882)."""
    return layers.GlobalMaxPooling1D()(layers.Conv1D(128, 3, activation="relu")(layers.Embedding(WORDS, 64)(ids)))


def lstm(ids: Any) -> Any:
    """Both directions, and the mean of all steps."""
    x = layers.Embedding(WORDS, 64, mask_zero=True)(ids)
    return layers.GlobalAveragePooling1D()(layers.Bidirectional(layers.LSTM(32, return_sequences=True))(x))


WORDS = 8000  # the most frequent; the others are one word
MODELS = {
    "counts of words": ({"output_mode": "count"}, bag),
    "TF-IDF": ({"output_mode": "tf_idf"}, bag),
    "embeddings": ({"output_sequence_length": PASSAGE}, average),
    "convolution": ({"output_sequence_length": PASSAGE}, convolution),
    "LSTM": ({"output_sequence_length": PASSAGE}, lstm),
}


def main(smoke: bool = False) -> float:
    classes = plays(smoke)
    passages = [
        (" ".join(words[i : i + PASSAGE]), c) for c, words in enumerate(classes) for i in range(0, len(words), PASSAGE)
    ]
    texts, labels = np.array([text for text, _ in passages]), np.array([label for _, label in passages])
    test = np.arange(len(texts)) % 5 == 4
    guess = np.bincount(labels[test]).max() / test.sum()
    print(f"{len(texts)} passages, {test.sum()} of them for the test; {guess:.1%} are from the longest play")
    accuracies = {}
    for name, (options, network) in MODELS.items():
        keras.utils.set_random_seed(0)
        vectorize = layers.TextVectorization(max_tokens=WORDS, **options)
        vectorize.adapt(texts[~test])
        x = np.asarray(vectorize(texts))
        inputs = keras.Input(x.shape[1:], dtype=x.dtype.name)
        features = layers.Dropout(0.5)(network(inputs))
        model = keras.Model(inputs, layers.Dense(len(classes), activation="softmax")(features))
        model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x[~test], labels[~test], 32, epochs=10, verbose=0)
        accuracies[name] = model.evaluate(x[test], labels[test], verbose=0)[1]
        print(f"{name:16} {accuracies[name]:6.1%}  {model.count_params():9,} parameters")
    plot(accuracies, guess)
    print(f"figure: text_classification {accuracies['embeddings']:.4f}")
    return accuracies["embeddings"]


def plot(accuracies: dict[str, float], guess: float) -> None:
    from matplotlib.figure import Figure

    axes = Figure(figsize=(6, 3), layout="constrained").subplots()
    axes.barh(list(accuracies), list(accuracies.values()))
    axes.axvline(guess, color="gray", linestyle=":", label="always the longest play")
    axes.set(xlabel="accuracy on the test set", xlim=(0, 1), title="Which play is a passage of 50 words from?")
    axes.invert_yaxis()
    axes.legend()
    axes.figure.savefig("text_classification.png", dpi=100)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

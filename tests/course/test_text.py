"""Words: ids, padding, embeddings."""

from __future__ import annotations

import numpy as np

SENTENCES = ["the film was good", "a good good film", "the film was bad", "bad acting and a bad plot", "good plot"]
LABELS = np.array([1, 1, 0, 0, 1])


def words_to_ids() -> tuple[list[list[int]], dict[str, int]]:
    index: dict[str, int] = {}
    for sentence in SENTENCES:
        for word in sentence.split():
            index.setdefault(word, len(index) + 1)
    return [[index[w] for w in s.split()] for s in SENTENCES], index


def test_pad_sequences() -> None:
    from dualnet.keras.preprocessing import sequence
    from dualnet.keras.preprocessing.sequence import pad_sequences

    ids, _ = words_to_ids()
    assert sequence.pad_sequences(ids, maxlen=3)[0].tolist() == ids[0][-3:]
    assert pad_sequences(ids, maxlen=6, padding="post")[0].tolist() == [*ids[0], 0, 0]
    assert pad_sequences(ids, maxlen=3, truncating="post", value=-1)[3].tolist() == ids[3][:3]
    assert pad_sequences(ids).shape == (5, 6)


def test_learned_embedding_of_reviews() -> None:
    from dualnet import keras
    from dualnet.keras.layers import Dense, Embedding, Flatten
    from dualnet.keras.models import Sequential

    ids, index = words_to_ids()
    x = keras.utils.pad_sequences(ids, maxlen=6)
    model = Sequential()
    model.add(Embedding(len(index) + 1, 8, input_length=6))
    model.add(Flatten())
    model.add(Dense(1, activation="sigmoid"))
    assert model.output_shape == (None, 1)
    model.compile(optimizer=keras.optimizers.RMSprop(lr=0.05), loss="binary_crossentropy", metrics=["acc"])
    history = model.fit(x, LABELS, epochs=20, batch_size=5, verbose=0)
    assert history.history["acc"][-1] == 1.0
    table = model.layers[0].get_weights()[0]
    good, bad = table[index["good"]], table[index["bad"]]
    assert np.linalg.norm(good - bad) > 0.5


def test_frozen_word_vectors() -> None:
    from dualnet import keras
    from dualnet.keras import layers

    ids, index = words_to_ids()
    vectors = np.random.default_rng(0).normal(size=(len(index) + 1, 4)).astype("float32")
    embedding_layer = layers.Embedding(
        len(index) + 1, 4, embeddings_initializer=keras.initializers.Constant(vectors), trainable=False, mask_zero=True
    )
    inputs = keras.Input(shape=(None,), dtype="int64")
    model = keras.Model(
        inputs, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling1D()(embedding_layer(inputs)))
    )
    x = keras.utils.pad_sequences(ids, padding="post")
    model.compile("adam", "binary_crossentropy")
    model.fit(x, LABELS, verbose=0)
    np.testing.assert_array_equal(embedding_layer.get_weights()[0], vectors)
    pooled = keras.Model(inputs, model.layers[-2].output).predict(x, verbose=0)
    np.testing.assert_allclose(pooled[4], vectors[ids[4]].mean(axis=0), rtol=1e-5)  # padding is not averaged


def test_multi_hot_reviews() -> None:
    from dualnet import keras

    ids, index = words_to_ids()

    def vectorize_sequences(sequences: list[list[int]], dimension: int) -> np.ndarray:
        results = np.zeros((len(sequences), dimension))
        for i, sequence in enumerate(sequences):
            results[i, sequence] = 1.0
        return results

    x = vectorize_sequences(ids, len(index) + 1)
    layer = keras.layers.CategoryEncoding(num_tokens=len(index) + 1, output_mode="multi_hot")
    for row, sentence in zip(x, ids):
        np.testing.assert_array_equal(layer(np.array(sentence)).numpy(), row)
    model = keras.Sequential(
        [keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, LABELS, epochs=3, validation_data=(x, LABELS), verbose=0)
    assert len(history.history["val_accuracy"]) == 3


def test_word_pairs_by_their_dot_product() -> None:
    from dualnet.keras.layers import Dense, Dot, Embedding, Flatten, Input
    from dualnet.keras.models import Model

    target, context = Input((1,)), Input((1,))
    embedding = Embedding(10, 4, embeddings_initializer="normal", name="embedding")
    similarity = Flatten()(Dot(axes=2, normalize=True)([embedding(target), embedding(context)]))
    model = Model(inputs=[target, context], outputs=Dense(1, activation="sigmoid")(similarity))
    model.compile(loss="binary_crossentropy", optimizer="adagrad")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 10, (60, 1)), rng.integers(0, 10, (60, 1))
    model.optimizer.learning_rate = 0.3
    history = model.fit([a, b], ((a - b) % 2 == 0).astype("float32"), epochs=40, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0] - 0.1


def test_convolution_over_words() -> None:
    from dualnet import keras

    model = keras.Sequential(
        [
            keras.layers.Embedding(20, 8, input_length=12),
            keras.layers.SpatialDropout1D(0.1),
            keras.layers.Conv1D(filters=6, kernel_size=5, padding="valid", activation="relu", strides=1),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(1),
            keras.layers.Activation("sigmoid"),
        ]
    )
    rng = np.random.default_rng(0)
    x = rng.integers(0, 20, (80, 12))
    y = (x == 7).any(axis=1)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.03
    model.fit(x, y, epochs=10, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.9


def test_tokenizer_and_headlines() -> None:
    import dualnet as tf
    from dualnet.keras.preprocessing.sequence import pad_sequences
    from dualnet.keras.preprocessing.text import Tokenizer

    tokenizer = Tokenizer(num_words=100, oov_token="<OOV>")
    tokenizer.fit_on_texts(SENTENCES)
    word_index = tokenizer.word_index
    assert word_index["<OOV>"] == 1
    assert word_index["good"] == 2
    padded = pad_sequences(tokenizer.texts_to_sequences(SENTENCES), padding="post", maxlen=6)
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Embedding(len(word_index) + 1, 4, input_length=6),
            tf.keras.layers.GlobalAveragePooling1D(),
            tf.keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer=tf.keras.optimizers.Adam(0.05), metrics=["accuracy"])
    model.fit(padded, LABELS, epochs=40, verbose=0)
    seen = tokenizer.texts_to_sequences(["good good unseen", "bad bad"])
    assert seen[0][2] == 1
    scores = model.predict(pad_sequences(seen, maxlen=6, padding="post"), verbose=0).ravel()
    assert scores[0] > scores[1]

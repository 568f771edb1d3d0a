"""Train a small network on handwritten digits, save it, and load it again.

The eight-by-eight digits come with dualnet, so nothing is downloaded.
"""

from __future__ import annotations

import dualnet as keras
from dualnet import layers

FILE = "digits.keras"


def main(epochs: int = 30) -> float:
    keras.utils.set_random_seed(42)
    (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
    model = keras.Sequential(
        [
            keras.Input(shape=(8, 8)),
            layers.Rescaling(1 / 16),
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    model.fit(x_train, y_train, epochs=epochs, validation_split=0.1, callbacks=[stop], verbose=2)
    model.save(FILE)  # Keras 3 opens it

    accuracy = keras.models.load_model(FILE).evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    print(f"{accuracy:.1%} of the test digits are classified correctly")
    return float(accuracy)


if __name__ == "__main__":
    main()

"""Regularisation: a network that is much too large for its few samples, and what keeps it from learning them by heart.

Weight decay (L2), dropout (Srivastava et al., 2014), early stopping, and images that are moved, turned and zoomed a little in every epoch. The
network has 270,000 weights and 1,000 digits of MNIST; the rest of the training set is not used but for 5,000 samples on which the
method is chosen. ``--smoke`` takes the small digits that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import dualnet as keras
from dualnet import layers, regularizers

PLOT = "regularization.png"
COLOURS = ("#999999", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00")
METHODS: dict[str, dict[str, Any]] = {
    "none": {},
    "L2": {"l2": 1e-3},
    "dropout": {"dropout": 0.5},
    "early stopping": {"stop": True},
    "augmentation": {"augment": True},
    "augmentation, dropout": {"augment": True, "dropout": 0.3},
}


def network(shape: tuple[int, ...], l2: float = 0.0, dropout: float = 0.0, augment: bool = False) -> Any:
    """Two hidden layers, and what a method adds to them."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape)])
    if augment:  # only in training; in predictions these layers do nothing
        model.add(layers.RandomTranslation(0.08, 0.08, fill_mode="constant"))
        model.add(layers.RandomRotation(0.04, fill_mode="constant"))
        model.add(layers.RandomZoom(0.1, fill_mode="constant"))
    model.add(layers.Flatten())
    for _ in range(2):
        model.add(layers.Dense(256, activation="relu", kernel_regularizer=regularizers.L2(l2) if l2 else None))
        if dropout:
            model.add(layers.Dropout(dropout))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(smoke: bool = False) -> float:
    data = keras.datasets.digits if smoke else keras.datasets.mnist
    (x, y), (x_test, y_test) = data.load_data()
    x, x_test = (images[..., None].astype("float32") / x.max() for images in (x, x_test))
    few, kept = (150, 400) if smoke else (1000, 5000)
    train, validation = (x[:few], y[:few]), (x[-kept:], y[-kept:])
    epochs = 12 if smoke else 80

    histories, validated, tested = {}, {}, {}
    print(f"{few} samples; accuracy in training, in validation, in the test")
    for name, options in METHODS.items():
        stops = [keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)] if options.get("stop") else []
        model = network(x.shape[1:], **{key: value for key, value in options.items() if key != "stop"})
        fit = model.fit(*train, batch_size=32, epochs=epochs, validation_data=validation, callbacks=stops, verbose=0)
        histories[name] = fit.history
        known = model.evaluate(*train, verbose=0)[1]
        validated[name], tested[name] = (model.evaluate(*part, verbose=0)[1] for part in (validation, (x_test, y_test)))
        print(f"  {name:22} {known:.1%}   {validated[name]:.1%}   {tested[name]:.1%}   ({len(fit.epoch)} epochs)")
    best = max(validated, key=lambda name: validated[name])
    print(
        f"{best}, the best in validation: {tested[best]:.1%} of the test set, without any method {tested['none']:.1%}"
    )
    plot(histories, tested)
    print(f"figure: regularization {tested[best]:.4f}")
    return float(tested[best])


def plot(histories: dict[str, Any], tested: dict[str, float]) -> None:
    """The losses by epoch, and the accuracies, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, history), colour in zip(histories.items(), COLOURS):
        left.plot(history["val_loss"], color=colour, label=name, linewidth=1.4)
    left.plot(histories["none"]["loss"], color=COLOURS[0], linestyle=":", label="none, training loss")
    left.set(xlabel="epoch", ylabel="validation loss", yscale="log", title="a loss that rises again: learned by heart")
    left.legend(fontsize=8)
    bars = right.barh(list(tested), [100 * value for value in tested.values()], color=COLOURS)
    right.bar_label(bars, fmt="%.1f %%", padding=3, fontsize=9)
    low = 100 * min(tested.values())
    right.set(xlabel="test accuracy in percent", xlim=(low - 5, 102), title="on new samples")
    right.invert_yaxis()
    figure.savefig(PLOT, dpi=90)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

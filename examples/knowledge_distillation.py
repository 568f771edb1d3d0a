"""Distil a large network into a small one: the teacher's probabilities say more about an image than its label does.

Hinton, Vinyals and Dean, 2015, "Distilling the Knowledge in a Neural Network" (arXiv:1503.02531). A convolutional teacher learns
from 60,000 digits of MNIST. Students, with 64 hidden units, see 3 per cent of them, as in the paper's section 6: one learns from the
labels, another also from the teacher's softened probabilities, in which a 4 is a little like a 9. ``--smoke`` shows in seconds that
it runs, on the eight-by-eight digits that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers, ops

TEMPERATURE = 4.0
SOFT = 0.9  # share of the teacher in the loss of its student


def teacher_network(shape: tuple[int, ...], scale: float) -> Any:
    """Images (height, width) -> logits (10,), the z of the softmax."""
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Rescaling(1 / scale),
            layers.Reshape((*shape, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )


def student_network(shape: tuple[int, ...], scale: float) -> Any:
    """The same, of one hidden layer."""
    hidden = [layers.Rescaling(1 / scale), layers.Flatten(), layers.Dense(64, activation="relu")]
    return keras.Sequential([keras.Input(shape), *hidden, layers.Dense(10)])


class Distiller(keras.Model):
    """Trains a student on labels and on what a teacher says of the same images; ``predict`` and ``evaluate`` ask the student."""

    def __init__(self, student: Any, teacher: Any) -> None:
        super().__init__()
        self.student, self.teacher = student, teacher
        teacher.trainable = False

    def call(self, x: Any) -> Any:
        return self.student(x)

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, *args: Any, **kwargs: Any) -> Any:
        """(1 - SOFT) * cross-entropy with the label + SOFT * T^2 * cross-entropy with softmax(teacher / T).

        A temperature T above 1 shows how the teacher ranks the wrong answers. Gradients of the soft part shrink by 1 / T^2.
        """
        hard = super().compute_loss(x, y, y_pred, *args, **kwargs)
        wanted = ops.softmax(self.teacher(x, training=False) / TEMPERATURE)
        soft = ops.mean(ops.categorical_crossentropy(wanted, y_pred / TEMPERATURE, from_logits=True))
        return (1 - SOFT) * hard + SOFT * TEMPERATURE**2 * soft


def train(model: Any, data: Any, test: Any, epochs: int, batch_size: int) -> tuple[Any, float]:
    """The probabilities for the test images, and the share of them that is right."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    model.fit(*data, batch_size=batch_size, epochs=epochs, verbose=0)
    logits = model.predict(test[0], batch_size=500, verbose=0)
    return logits, float(np.mean(np.argmax(logits, axis=1) == test[1]))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    many, test = (keras.datasets.digits if smoke else keras.datasets.mnist).load_data()
    few = many[0][: 100 if smoke else 1800], many[1][: 100 if smoke else 1800]
    shape, scale, batch = many[0].shape[1:], float(many[0].max()), 8 if smoke else 32

    teacher = teacher_network(shape, scale)
    logits, accuracy = train(teacher, many, test, 15 if smoke else 2, 64)
    print(f"the teacher, {teacher.count_params():,} weights and {len(many[0]):,} images: {accuracy:.2%}")
    keras.utils.set_random_seed(1)
    alone = student_network(shape, scale)
    _, without = train(alone, few, test, 40, batch)
    print(f"a student, {alone.count_params():,} weights and {len(few[0]):,} images, from labels: {without:.2%}")
    keras.utils.set_random_seed(1)  # the same first weights, and the same order of the images
    _, accuracy = train(Distiller(student_network(shape, scale), teacher), few, test, 40, batch)
    print(f"the same with the teacher: {accuracy:.2%}")
    plot(test, logits)
    print(f"figure: knowledge_distillation {accuracy:.4f}")
    return accuracy


def plot(test: Any, logits: Any) -> None:
    """What the teacher says of some images, at temperature 1 and softened, as a PNG."""
    from matplotlib.figure import Figure

    probabilities = [ops.softmax(logits / t).numpy() for t in (1.0, TEMPERATURE)]
    doubtful = np.argsort(-np.sort(probabilities[1], axis=1)[:, -2])[:200:40]  # with a strong second guess
    figure = Figure(figsize=(9, 3), layout="constrained")
    for (top, bottom), i in zip(figure.subplots(2, len(doubtful), height_ratios=[1, 1]).T, doubtful):
        top.imshow(test[0][i], cmap="gray_r")
        top.axis("off")
        for values, colour, t in zip(probabilities, ("#1f4e79", "#f6b26b"), (1.0, TEMPERATURE)):
            bottom.bar(np.arange(10) + (0.2 if t > 1 else -0.2), values[i], 0.4, color=colour, label=f"T = {t:.0f}")
        bottom.set(xticks=range(10), yticks=[0, 0.5, 1], ylim=(0, 1))
    bottom.legend(fontsize=7)
    figure.savefig("knowledge_distillation.png", dpi=100)


if __name__ == "__main__":
    main("--smoke" in sys.argv[1:])

"""The layer table: Dense, Dropout."""

from __future__ import annotations

from .cases import Case, F, case

OWN = "the masks are ours"
ROWS: list[Case] = [
    case("Dense", F((3, 4)), units=2),
    case("Dense", F((2, 3, 4)), units=5, activation="tanh", use_bias=False),
    case("Dense", F((3, 4)), units=2, activation="softmax", kernel_initializer="ones", bias_initializer="ones"),
    case("Dense", F((3, 4)), units=2, kernel_regularizer="l2", kernel_constraint="max_norm"),
    case("Dense", F((3, 4)), units=2, activity_regularizer="l2", bias_constraint="non_neg", trainable=False, name="d"),
    case("Dropout", F((3, 4)), rate=0.5).but(keras=OWN),
    case("Dropout", F((30, 40)), rate=0.5, seed=3).called(training=True).but(keras=OWN),
    case("Dropout", F((3, 4, 5)), rate=0.25, noise_shape=(None, 1, 5), seed=1).called(training=True).but(keras=OWN),
]

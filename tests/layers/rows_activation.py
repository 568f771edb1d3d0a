"""The layer table: activation functions."""

from __future__ import annotations

from .cases import B, Case, F, case

A = F((3, 4, 5))
ROWS: list[Case] = [
    *(case("Activation", A, activation=name) for name in ("relu", "sigmoid", "softmax", "gelu")),
    case("Identity", A),
    case("ReLU", A),
    case("ReLU", A, max_value=1.0),
    case("ReLU", A, max_value=1.0, negative_slope=0.2, threshold=0.5),
    case("LeakyReLU", A),
    case("LeakyReLU", A, negative_slope=0.1),
    case("PReLU", A),
    case("PReLU", F((2, 3, 4, 5)), shared_axes=[1, 2], alpha_initializer="ones"),
    case("PReLU", F((2, 5)), shared_axes=1, alpha_regularizer="l2", alpha_constraint="non_neg"),
    case("ELU", A).but(keras="Keras's config loses alpha"),
    case("ELU", A, alpha=0.5).but(keras="Keras's config loses alpha"),
    case("Softmax", A),
    case("Softmax", A, axis=1),
    case("Softmax", A, axis=[1, 2]),
    case("Softmax", A).called(mask=B((3, 4, 5))),
    case("Softmax", A, axis=(-1,)).called(mask=B((5,))),
    case("Softmax", A, axis=(1, 2)).called(mask=F((3, 1, 5), 0, 1)),
    case("Softmax", F((2, 5))).masked(B((2, 5))),
]

"""The layer table: normalization, and layers that prepare data."""

from __future__ import annotations

from .cases import Case, F, I, case

ROWS: list[Case] = [
    case("BatchNormalization", F((6, 4))),
    case("BatchNormalization", F((6, 4))).called(training=True),
    case("BatchNormalization", F((3, 4, 4, 2)), axis=1, momentum=0.9, epsilon=0.01, center=False).called(training=True),
    case("BatchNormalization", F((6, 4)), scale=False, trainable=False, beta_initializer="ones").called(training=True),
    case("LayerNormalization", F((6, 4))),
    case("LayerNormalization", F((3, 4, 5)), axis=[1, 2], epsilon=0.01, gamma_regularizer="l2"),
    case("LayerNormalization", F((3, 4)), center=False, scale=False),
    case("GroupNormalization", F((3, 4, 6)), groups=3),
    case("GroupNormalization", F((2, 6, 4, 4)), groups=2, axis=1, epsilon=0.01, scale=False),
    case("RMSNormalization", F((3, 4))),
    case("RMSNormalization", F((3, 4, 5)), axis=1, epsilon=0.01).but(
        keras="Keras 3.15 cannot take another axis than the last"
    ),
    case("UnitNormalization", F((3, 4))),
    case("UnitNormalization", F((3, 4, 5)), axis=[1, 2]),
    case("Rescaling", F((3, 4)), scale=2.0, offset=-1.0),
    case("Normalization", F((3, 4)), mean=1.0, variance=2.0, invert=True),
    case("CategoryEncoding", I((3, 4), 5), num_tokens=5),
    case("CategoryEncoding", I((4,), 5), num_tokens=5, output_mode="one_hot"),
    case("Discretization", F((3, 4)), bin_boundaries=[-0.5, 0.0, 0.5]).but(gradient="a staircase"),
]

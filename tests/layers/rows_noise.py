"""The layer table: noise and regularization while training."""

from __future__ import annotations

from .cases import B, Case, F, case

OWN = "what is drawn is ours"
ROWS: list[Case] = [
    case("GaussianNoise", F((3, 4)), stddev=0.5).but(keras=OWN),
    case("GaussianNoise", F((3, 4)), stddev=0).called(training=True),
    case("GaussianNoise", F((3, 4, 5)), stddev=0.2, seed=3).called(training=True).but(keras=OWN),
    case("GaussianDropout", F((3, 4)), rate=0.5).but(keras=OWN),
    case("GaussianDropout", F((3, 4)), rate=0).called(training=True),
    case("GaussianDropout", F((3, 4, 5)), rate=0.2, seed=3).called(training=True).but(keras=OWN),
    case("AlphaDropout", F((3, 4)), rate=0.5, noise_shape=(3, 1)).but(keras=OWN),
    case("AlphaDropout", F((3, 4)), rate=0).called(training=True),
    case("AlphaDropout", F((3, 4, 5)), rate=0.2, seed=3, noise_shape=(None, 1, 5)).called(training=True).but(keras=OWN),
    case("SpatialDropout1D", F((3, 4, 2)), rate=0.5).but(keras=OWN),
    case("SpatialDropout1D", F((3, 4, 2)), rate=0.5, seed=2).called(training=True).but(keras=OWN),
    case("SpatialDropout2D", F((3, 4, 2, 2)), rate=0.5).but(keras=OWN),
    case("SpatialDropout2D", F((3, 4, 2, 2)), rate=0.5, seed=2, data_format="channels_first", name="d")
    .called(training=True).but(keras=OWN),
    case("SpatialDropout3D", F((3, 4, 2, 2, 3)), rate=0.5).but(keras=OWN),
    case("SpatialDropout3D", F((3, 4, 2, 2, 3)), rate=0.5, seed=2).called(training=True).but(keras=OWN),
    case("ActivityRegularization", F((3, 4)), l1=0.1, l2=0.2),
    case("ActivityRegularization", F((3, 5, 4)), l2=0.2).masked(B((3, 5))),
    case("GaussianNoise", F((3, 5, 4)), stddev=0.5).masked(B((3, 5))).but(keras=OWN),
]  # fmt: skip

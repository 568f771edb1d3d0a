"""The layer table: embedding, masking, Lambda, wrappers."""

from __future__ import annotations

from typing import Any

from dualnet import ops
from dualnet.saving import register_keras_serializable

from .cases import B, Case, F, I, Inside, case


@register_keras_serializable("tests")
def doubled(x: Any, by: float = 2.0) -> Any:
    return x * by


@register_keras_serializable("tests")
def summed(x: Any) -> Any:
    return ops.sum(x, axis=-1)


@register_keras_serializable("tests")
def without_last(shape: Any) -> Any:
    return shape[:-1]


@register_keras_serializable("tests")
def when_training(x: Any, training: Any = None, mask: Any = None) -> Any:
    return x * 3 if training else x


DENSE = Inside("Dense", (("units", 3), ("kernel_initializer", "orthogonal"), ("name", "inside")))
WRAPS = "what it wraps is ours"
NAMED = "the function is registered with dualnet alone"
ROWS: list[Case] = [
    case("Embedding", I((3, 5), 7), input_dim=7, output_dim=4),
    case("Embedding", I((3,), 7), input_dim=7, output_dim=2, embeddings_initializer="ones", embeddings_regularizer="l2",
         embeddings_constraint="unit_norm", activity_regularizer="l2"),
    case("Embedding", I((3, 5), 4), input_dim=7, output_dim=4, mask_zero=True),
    case("Embedding", I((2, 3, 5), 2), input_dim=7, output_dim=1),
    case("Masking", F((3, 5, 4))),
    case("Masking", I((3, 5, 1), 2), mask_value=1).but(keras="JAX has no gradient of whole numbers"),
    case("Lambda", F((3, 4)), function=doubled).but(keras=NAMED),
    case("Lambda", F((3, 4)), function=doubled, arguments={"by": 0.5}).but(keras=NAMED),
    case("Lambda", F((3, 5, 4)), function=summed).but(keras=NAMED),
    case("Lambda", F((3, 5, 4)), function=summed, output_shape=(5,)).but(keras=NAMED),
    case("Lambda", F((3, 5, 4)), function=summed, output_shape=without_last).but(keras=NAMED),
    case("Lambda", F((3, 5, 4)), function=when_training).masked(B((3, 5))).called(training=True).but(keras=NAMED),
    case("TimeDistributed", F((2, 3, 4)), layer=DENSE).but(keras=WRAPS),
    case("SpectralNormalization", F((3, 4)), layer=DENSE, power_iterations=2).but(keras=WRAPS),
]  # fmt: skip

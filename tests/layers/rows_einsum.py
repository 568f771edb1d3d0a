"""The layer table: EinsumDense, ReversibleEmbedding."""

from __future__ import annotations

from .cases import Case, F, I, case

ROWS: list[Case] = [
    case("EinsumDense", F((3, 4)), equation="ab,bc->ac", output_shape=5, bias_axes="c"),
    case("EinsumDense", F((3, 2, 4)), equation="abc,cd->abd", output_shape=(None, 5), activation="tanh"),
    case("EinsumDense", F((3, 2, 4)), equation="abc,cde->abde", output_shape=(2, 3, 5), bias_axes="be"),
    case("EinsumDense", F((3, 2, 3, 5)), equation="abcd,cde->abe", output_shape=(None, 4), bias_axes="e"),
    case("EinsumDense", F((2, 3, 4)), equation="...x,xy->...y", output_shape=6, bias_axes="y", kernel_regularizer="l2"),
    case("EinsumDense", F((2, 3, 4)), equation="bc...,cde->bde...", output_shape=(2, 5), bias_axes="d"),
    case("ReversibleEmbedding", I((3, 5), 7), input_dim=7, output_dim=4),
    case("ReversibleEmbedding", I((3, 5), 7), input_dim=7, output_dim=4, tie_weights=False, mask_zero=True),
]

"""The layer table: pooling over windows, over everything, and to a given size."""

from __future__ import annotations

from .cases import B, Case, F, I, case

FIRST = {"data_format": "channels_first"}
BATCHES = {1: F((2, 7, 3)), 2: F((2, 6, 5, 3)), 3: F((2, 4, 5, 3, 2))}
ROWS: list[Case] = [
    case("MaxPooling1D", F((2, 6, 3))),
    case("MaxPooling1D", F((2, 7, 3)), pool_size=3, strides=1, padding="same", name="pooled"),
    case("MaxPooling1D", F((2, 3, 7)), pool_size=2, strides=3, **FIRST),
    case("MaxPooling2D", F((2, 6, 4, 3))),
    case("MaxPooling2D", F((2, 7, 5, 1)), pool_size=3, strides=2),
    case("MaxPooling2D", F((2, 7, 5, 3)), pool_size=(2, 3), strides=(1, 2), padding="same"),
    case("MaxPooling2D", F((2, 3, 6, 5)), pool_size=2, padding="same", **FIRST),
    case("MaxPooling2D", I((2, 6, 6, 2), 3), pool_size=3, strides=1).but(gradient="whole numbers have none"),
    case("MaxPooling3D", F((2, 4, 5, 6, 2))),
    case("MaxPooling3D", F((1, 2, 4, 5, 3)), pool_size=(2, 3, 1), strides=2, padding="same", **FIRST),
    case("AveragePooling1D", F((2, 6, 3)), pool_size=2),
    case("AveragePooling1D", F((2, 3, 7)), pool_size=3, strides=2, padding="same", **FIRST),
    case("AveragePooling2D", F((2, 6, 4, 3)), pool_size=2),
    case("AveragePooling2D", F((2, 7, 5, 3)), pool_size=(3, 2), strides=(2, 1), padding="same"),
    case("AveragePooling2D", F((2, 3, 7, 5)), pool_size=3, strides=1, **FIRST),
    case("AveragePooling3D", F((2, 4, 5, 6, 2)), pool_size=2),
    case("AveragePooling3D", F((1, 2, 4, 5, 3)), pool_size=(2, 3, 1), strides=2, padding="same", **FIRST),
    *(
        case(f"Global{kind}Pooling{rank}D", batch, **options)
        for kind in ("Max", "Average")
        for rank, batch in BATCHES.items()
        for options in ({}, {"keepdims": True}, {"keepdims": True, **FIRST}, FIRST)
    ),
    case("GlobalAveragePooling1D", F((2, 5, 3))).masked(B((2, 5))),
    case("GlobalAveragePooling1D", F((2, 3, 5)), keepdims=True, **FIRST).called(mask=B((2, 5))),
    *(
        case(f"Adaptive{kind}Pooling{rank}D", batch, output_size=(3, 2, 2)[:rank], **FIRST)
        for kind in ("Max", "Average")
        for rank, batch in BATCHES.items()
    ),
    case("AdaptiveMaxPooling1D", F((2, 7, 3)), output_size=3),
    case("AdaptiveAveragePooling2D", F((2, 6, 5, 3)), output_size=2),
]

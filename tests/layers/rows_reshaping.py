"""The layer table: shapes, borders, repetition."""

from __future__ import annotations

from .cases import Case, F, case

FIRST = {"data_format": "channels_first"}
IMAGES, VOLUMES = F((2, 5, 6, 3)), F((2, 4, 5, 6, 2))
ROWS: list[Case] = [
    case("Flatten", IMAGES),
    case("Flatten", F((4,))),
    case("Flatten", IMAGES, **FIRST),
    case("Reshape", F((2, 12)), target_shape=(3, 4)),
    case("Reshape", F((2, 3, 4)), target_shape=(-1, 2)),
    case("Reshape", F((2, 3, 4)), target_shape=(12,)),
    case("Permute", F((2, 3, 4)), dims=(2, 1)),
    case("Permute", VOLUMES, dims=(4, 1, 3, 2)),
    case("RepeatVector", F((2, 4)), n=3),
    case("Cropping1D", F((2, 6, 3))),
    case("Cropping1D", F((2, 6, 3)), cropping=(0, 3)),
    case("Cropping2D", IMAGES),
    case("Cropping2D", IMAGES, cropping=1),
    case("Cropping2D", IMAGES, cropping=(1, 2)),
    case("Cropping2D", IMAGES, cropping=((1, 0), (0, 1)), **FIRST),
    case("Cropping3D", VOLUMES),
    case("Cropping3D", VOLUMES, cropping=((1, 0), (2, 1), (0, 0)), **FIRST),
    case("ZeroPadding1D", F((2, 6, 3))),
    case("ZeroPadding1D", F((2, 6, 3)), padding=(0, 2), **FIRST),
    case("ZeroPadding2D", IMAGES),
    case("ZeroPadding2D", IMAGES, padding=(1, 2)),
    case("ZeroPadding2D", IMAGES, padding=((1, 0), (3, 2)), **FIRST),
    case("ZeroPadding3D", VOLUMES),
    case("ZeroPadding3D", VOLUMES, padding=((1, 0), (0, 2), (1, 1)), **FIRST),
    case("UpSampling1D", F((2, 4, 3))),
    case("UpSampling1D", F((2, 4, 3)), size=3),
    case("UpSampling2D", IMAGES),
    case("UpSampling2D", IMAGES, size=(1, 3), **FIRST),
    *(
        case("UpSampling2D", IMAGES, size=(2, 3), interpolation=i)
        for i in ("bilinear", "bicubic", "lanczos3", "lanczos5")
    ),
    case("UpSampling2D", F((2, 3, 4, 5)), size=2, interpolation="bilinear", **FIRST),
    case("UpSampling3D", VOLUMES),
    case("UpSampling3D", VOLUMES, size=(1, 2, 3), **FIRST),
]

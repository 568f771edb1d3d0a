"""The layer table: images, with factors that leave nothing to chance where Keras is compared."""

from __future__ import annotations

from .cases import Case, F, I, case

OWN = "what is drawn is ours"
IMAGES, ONE, FIRST = F((2, 5, 6, 3)), F((5, 6, 3)), F((2, 3, 5, 6))
COLORS = F((2, 5, 6, 3), 0.05, 0.95)
TENTH, BACK = (0.1, 0.1), (-0.23, -0.23)
ROWS: list[Case] = [
    case("Resizing", IMAGES, height=4, width=8),
    case("Resizing", ONE, height=7, width=3, interpolation="bicubic", antialias=True),
    case("Resizing", FIRST, height=4, width=4, interpolation="nearest", data_format="channels_first"),
    case("Resizing", IMAGES, height=4, width=4, crop_to_aspect_ratio=True),
    # Keras loses a row of an odd difference; here it is even.
    case("Resizing", IMAGES, height=7, width=6, pad_to_aspect_ratio=True, fill_value=0.5),
    case("CenterCrop", IMAGES, height=3, width=3),
    case("CenterCrop", ONE, height=5, width=2),
    case("CenterCrop", FIRST, height=8, width=4, data_format="channels_first"),
    case("CenterCrop", I((2, 5, 6, 3), 256), height=2, width=4),
    case("RandomCrop", ONE, height=3, width=4, seed=2).but(keras=OWN),
    case("RandomCrop", IMAGES, height=3, width=4, seed=1).called(training=True).but(keras=OWN),
    case("RandomCrop", FIRST, height=5, width=6, seed=1, data_format="channels_first", name="c").called(training=True),
    case("RandomFlip", IMAGES, seed=2).but(keras=OWN),
    case("RandomFlip", IMAGES, mode="horizontal", seed=1).called(training=True).but(keras=OWN),
    case("RandomFlip", FIRST, mode="vertical", seed=1, data_format="channels_first").called(training=True).but(keras=OWN),
    case("RandomFlip", ONE, seed=3).called(training=False),
    case("RandomRotation", IMAGES, factor=TENTH).called(training=True),
    case("RandomRotation", ONE, factor=BACK, fill_mode="constant", fill_value=0.5).called(training=True),
    case("RandomRotation", FIRST, factor=TENTH, fill_mode="wrap", interpolation="nearest", data_format="channels_first")
    .called(training=True),
    case("RandomRotation", IMAGES, factor=0.3).called(training=False),
    case("RandomRotation", IMAGES, factor=(-0.1, 0.3), seed=1).called(training=True).but(keras=OWN),
    case("RandomZoom", IMAGES, height_factor=TENTH).called(training=True),
    case("RandomZoom", IMAGES, height_factor=TENTH, width_factor=BACK, fill_mode="nearest").called(training=True),
    case("RandomZoom", FIRST, height_factor=BACK, fill_mode="wrap", data_format="channels_first").called(training=True),
    case("RandomZoom", ONE, height_factor=0.3, width_factor=0.2, seed=1).called(training=True).but(keras=OWN),
    case("RandomTranslation", IMAGES, height_factor=TENTH, width_factor=BACK).called(training=True),
    case("RandomTranslation", FIRST, height_factor=BACK, width_factor=TENTH, fill_mode="constant", fill_value=0.5,
         interpolation="nearest", data_format="channels_first").called(training=True),
    case("RandomTranslation", ONE, height_factor=0.3, width_factor=0.2, seed=1).called(training=True).but(keras=OWN),
    case("RandomBrightness", IMAGES, factor=TENTH, value_range=(-1, 1.5)).called(training=True),
    case("RandomBrightness", IMAGES, factor=0.2, seed=1).called(training=True).but(keras=OWN),
    case("RandomBrightness", ONE, factor=0.2).called(training=False),
    case("RandomContrast", IMAGES, factor=(-0.3, 0.3), value_range=(-1.8, 1.7)).called(training=True),
    case("RandomContrast", ONE, factor=0.5, seed=1).called(training=True).but(keras=OWN),
    case("RandomContrast", FIRST, factor=(0.1, 0.3), data_format="channels_first").called(training=False),
    case("RandomShear", IMAGES, x_factor=0.3, y_factor=0.2, seed=1).called(training=True).but(keras=OWN),
    case("RandomShear", IMAGES, x_factor=(0, 0), fill_mode="wrap").called(training=True),
    case("RandomShear", ONE, y_factor=(0.1, 0.4), seed=1, fill_mode="constant", fill_value=0.5, interpolation="nearest",
         data_format="channels_last", name="s").called(training=True).but(keras=OWN),
    case("RandomHue", COLORS, factor=0.3, seed=1).called(training=True).but(keras=OWN),
    case("RandomHue", COLORS, factor=(0, 0), value_range=(0, 1)).called(training=True),
    case("RandomSaturation", COLORS, factor=0.3, seed=1).called(training=True).but(keras=OWN),
    case("RandomSaturation", COLORS, factor=(0.3, 0.3)).called(training=True),
    case("RandomSaturation", COLORS, factor=(0.8, 0.8), value_range=(0, 1)).called(training=True),
    case("RandomInvert", IMAGES, seed=1).called(training=True).but(keras=OWN),
    case("RandomInvert", IMAGES, factor=(1.0, 1.0), value_range=(-2, 2.5)).called(training=True),
    case("RandomGrayscale", IMAGES, seed=1).called(training=True).but(keras=OWN),
    case("RandomGrayscale", FIRST, factor=1.0, data_format="channels_first").called(training=True).but(keras=OWN),
    case("AutoContrast", IMAGES, value_range=(-1, 1)),
    case("AutoContrast", FIRST, value_range=(0, 1), data_format="channels_first").called(training=False)
    .but(keras="Keras stretches over channels and rows when the channels come first"),
    case("MixUp", IMAGES, seed=1).called(training=True).but(keras=OWN),
    case("MixUp", IMAGES, alpha=0.4).called(training=False).but(keras="Keras warns of int64 on JAX"),
]  # fmt: skip

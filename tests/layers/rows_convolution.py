"""The layer table: convolutions."""

from __future__ import annotations

from .cases import Case, F, case

FIRST = {"data_format": "channels_first"}
SAME = {"padding": "same"}
STEPS, IMAGES, VOLUMES = F((2, 9, 4)), F((2, 7, 6, 4)), F((1, 4, 5, 4, 2))


def described(name: str, **config: object) -> dict[str, object]:
    """An initializer and the like by its config, which Keras reads too."""
    return {"class_name": name, "config": config}


def everything(*weights: str) -> dict[str, object]:
    """Every argument about weights, none of them at its default."""
    options: dict[str, object] = {"activity_regularizer": described("L2", l2=0.25)}
    for weight in (*weights, "bias"):
        options[f"{weight}_initializer"] = described("RandomUniform", minval=-0.3, maxval=0.4, seed=3)
        options[f"{weight}_regularizer"] = described("L1", l1=0.125)
        options[f"{weight}_constraint"] = described("MaxNorm", max_value=1.5, axis=0)
    return {**options, "name": "given"}


ROWS: list[Case] = [
    case("Conv1D", STEPS, filters=3, kernel_size=3),
    case("Conv1D", STEPS, filters=4, kernel_size=2, padding="causal", dilation_rate=2, activation="relu"),
    case("Conv1D", STEPS, filters=4, kernel_size=3, padding="causal", strides=2, use_bias=False),
    case("Conv1D", F((2, 4, 9)), filters=4, kernel_size=2, padding="causal", groups=2, **FIRST),
    case("Conv2D", IMAGES, filters=3, kernel_size=3),
    case("Conv2D", IMAGES, filters=6, kernel_size=(2, 3), strides=(2, 1), groups=2, activation="tanh", **SAME),
    case("Conv2D", IMAGES, filters=2, kernel_size=[3, 2], dilation_rate=(1, 2), activation="sigmoid", **SAME),
    case("Conv2D", F((2, 4, 7, 6)), filters=4, kernel_size=3, strides=2, activation="elu", **FIRST, **SAME),
    case("Conv2D", F((3, 12, 11, 1)), filters=8, kernel_size=5, activation="relu", name="digits"),
    case("Conv2D", IMAGES, filters=2, kernel_size=2, **everything("kernel")),
    case("Conv3D", VOLUMES, filters=3, kernel_size=2),
    case("Conv3D", VOLUMES, filters=2, kernel_size=(1, 2, 3), strides=(1, 2, 1), use_bias=False, **SAME),
    case("Conv3D", F((1, 2, 4, 5, 4)), filters=4, kernel_size=2, groups=2, activation="relu", **FIRST),
    case("Conv1DTranspose", STEPS, filters=3, kernel_size=3),
    case("Conv1DTranspose", STEPS, filters=3, kernel_size=2, strides=3, output_padding=1, **SAME),
    case("Conv1DTranspose", F((2, 4, 5)), filters=2, kernel_size=3, dilation_rate=2, activation="relu", **FIRST),
    case("Conv2DTranspose", IMAGES, filters=3, kernel_size=3, strides=2, activation="relu", **SAME),
    case("Conv2DTranspose", IMAGES, filters=3, kernel_size=(3, 2), strides=(2, 3), output_padding=(1, 0)),
    case("Conv2DTranspose", IMAGES, filters=2, kernel_size=2, use_bias=False, strides=2, **everything("kernel")),
    case("Conv2DTranspose", F((2, 4, 3, 4)), filters=3, kernel_size=3, strides=2, output_padding=1, **FIRST, **SAME),
    case("Conv3DTranspose", VOLUMES, filters=2, kernel_size=2, strides=(1, 2, 1), output_padding=0),
    case("Conv3DTranspose", F((1, 2, 2, 3, 2)), filters=2, kernel_size=3, activation="tanh", **FIRST, **SAME),
    case("DepthwiseConv1D", STEPS, kernel_size=3, depth_multiplier=2, strides=2),
    case("DepthwiseConv1D", F((2, 4, 9)), kernel_size=2, dilation_rate=2, activation="relu", **FIRST, **SAME),
    case("DepthwiseConv2D", IMAGES, kernel_size=3, activation="relu", **SAME),
    case("DepthwiseConv2D", IMAGES, kernel_size=(2, 3), strides=2, depth_multiplier=2, use_bias=False),
    case("DepthwiseConv2D", F((2, 4, 7, 6)), kernel_size=2, dilation_rate=(2, 1), **FIRST),
    case("DepthwiseConv2D", IMAGES, kernel_size=2, **everything("depthwise")),
    case("SeparableConv1D", STEPS, filters=3, kernel_size=3, **SAME),
    case("SeparableConv1D", F((2, 4, 9)), filters=2, kernel_size=2, depth_multiplier=2, activation="relu", **FIRST),
    case("SeparableConv2D", IMAGES, filters=5, kernel_size=3, strides=2, activation="relu", **SAME),
    case("SeparableConv2D", IMAGES, filters=3, kernel_size=2, dilation_rate=2, depth_multiplier=3, use_bias=False),
    case("SeparableConv2D", IMAGES, filters=2, kernel_size=2, **everything("depthwise", "pointwise")),
]

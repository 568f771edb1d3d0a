"""The layer table: convolutional LSTMs. Drawn combinations of their arguments are compared with Keras in test_conv_lstm.py."""

from __future__ import annotations

from .cases import B, Case, F, case, inside

LINES, IMAGES, VOLUMES = F((2, 3, 6, 2)), F((2, 3, 5, 6, 2)), F((1, 2, 3, 4, 5, 2))
STEPS = B((2, 3))
MASK = "Keras 3.15 on JAX applies masks to the wrong axes, see test_conv_lstm.py"
ALL = {"return_sequences": True, "return_state": True}
FIRST = {"data_format": "channels_first"}
ROWS: list[Case] = [
    case("ConvLSTM1D", LINES, filters=2, kernel_size=3),
    case("ConvLSTM1D", LINES, filters=3, kernel_size=2, strides=2, **ALL).masked(STEPS).but(keras=MASK),
    case("ConvLSTM1D", LINES, filters=2, kernel_size=2, dilation_rate=2, padding="same", go_backwards=True, use_bias=False),
    case("ConvLSTM2D", IMAGES, filters=2, kernel_size=3),
    case("ConvLSTM2D", IMAGES, filters=2, kernel_size=(2, 3), strides=(1, 2), padding="same", **ALL),
    case("ConvLSTM2D", F((2, 3, 2, 5, 6)), filters=2, kernel_size=3, padding="same", **ALL, **FIRST).masked(STEPS)
    .but(keras=MASK),
    case("ConvLSTM2D", IMAGES, filters=2, kernel_size=2, activation="relu", recurrent_activation="hard_sigmoid",
         unit_forget_bias=False, bias_initializer="ones", kernel_regularizer="l2", recurrent_constraint="max_norm"),
    case("ConvLSTM2D", IMAGES, filters=2, kernel_size=2, return_sequences=True, zero_output_for_mask=True).masked(STEPS)
    .but(keras=MASK),
    case("ConvLSTM2D", IMAGES, filters=2, kernel_size=3, padding="same", **ALL)
    .called(initial_state=[F((2, 5, 6, 2)), F((2, 5, 6, 2))]),
    case("ConvLSTM2D", IMAGES, filters=2, kernel_size=3, padding="same", **ALL)
    .called(initial_state=[F((2, 5, 6, 2)), F((2, 5, 6, 2))], mask=STEPS).but(keras=MASK),
    case("ConvLSTM2D", IMAGES, filters=2, kernel_size=2, dropout=0.3, recurrent_dropout=0.2, seed=3),
    case("ConvLSTM2D", IMAGES, filters=2, kernel_size=2, activity_regularizer={"class_name": "L1", "config": {"l1": 0.5}}),
    case("ConvLSTM3D", VOLUMES, filters=2, kernel_size=2),
    case("ConvLSTM3D", F((1, 2, 2, 3, 4, 5)), filters=1, kernel_size=(1, 2, 3), strides=2, padding="same", **ALL, **FIRST),
    case("Bidirectional", IMAGES, layer=inside("ConvLSTM2D", filters=2, kernel_size=3, padding="same", name="inner")),
    case("TimeDistributed", F((2, 2, 3, 6, 2)), layer=inside("ConvLSTM1D", filters=2, kernel_size=2, name="inner")),
]  # fmt: skip

"""The layer table: spectrograms, and pipelines of layers."""

from __future__ import annotations

from .cases import Case, F, Inside, case

SOUND, STEREO = F((2, 300)), F((2, 90, 2))
SMALL = {"fft_length": 64, "sequence_stride": 25, "num_mel_bins": 5, "sampling_rate": 8000}
FIRST = {"data_format": "channels_first"}
SHORT = {"frame_length": 16}
FLIP = Inside("RandomFlip", (("mode", "horizontal"), ("seed", 1)))
BRIGHTNESS = Inside("RandomBrightness", (("factor", (0.1, 0.1)), ("value_range", (-1.0, 2.0))))
WRAPS = "what it wraps is ours"
ROWS: list[Case] = [
    # Keras computes the bands in single precision.
    case("MelSpectrogram", SOUND, **SMALL).but(rtol=2e-4, atol=1e-3),
    case("MelSpectrogram", F((300,)), **SMALL, power_to_db=False).but(rtol=2e-4, atol=1e-3),
    case("MelSpectrogram", SOUND, **SMALL, window="hamming", sequence_length=40, min_freq=100.0, max_freq=3000.0).but(
        rtol=2e-4, atol=1e-3
    ),
    case("MelSpectrogram", SOUND, **SMALL, window=None, mag_exp=1.0, power_to_db=False).but(rtol=2e-4, atol=1e-3),
    case("MelSpectrogram", SOUND, **SMALL, top_db=6.0, ref_power=2.0, min_power=0.5).but(rtol=2e-4, atol=1e-3),
    case("MelSpectrogram", SOUND, **{**SMALL, "fft_length": 45}, ref_power=1e-12).but(rtol=2e-4, atol=1e-3),
    *(
        case("STFTSpectrogram", STEREO, mode=m, **SHORT)
        for m in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    ),
    case("STFTSpectrogram", F((2, 300, 1))),
    case("STFTSpectrogram", STEREO, mode="stft", expand_dims=True, **SHORT),
    case("STFTSpectrogram", F((2, 3, 70)), mode="psd", expand_dims=True, **SHORT, **FIRST),
    case("STFTSpectrogram", F((2, 3, 70)), mode="magnitude", **SHORT, **FIRST),
    case("STFTSpectrogram", STEREO, mode="imag", frame_length=13, frame_step=5, fft_length=32, padding="same"),
    case("STFTSpectrogram", STEREO, window="hamming", periodic=True, scaling="spectrum", trainable=False, **SHORT),
    case("STFTSpectrogram", STEREO, mode="real", window=None, scaling=None, **SHORT),
    case("Pipeline", F((2, 5, 6, 3)), layers=[BRIGHTNESS, Inside("Rescaling", (("scale", 2.0),))]).but(keras=WRAPS),
    case("Pipeline", F((2, 5, 6, 3)), layers=[FLIP, FLIP]).called(training=True).but(keras=WRAPS),
    case("Pipeline", F((2, 4)), layers=[Inside("Dense", (("units", 3),)), Inside("Dropout", (("rate", 0.5),))])
    .called(training=False)
    .but(keras=WRAPS),
]

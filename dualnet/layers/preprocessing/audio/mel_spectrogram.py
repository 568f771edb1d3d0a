"""MelSpectrogram: how loud a sound is over time, in bands as wide as the ear hears them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import ops
from ....core.conversion import to_array
from ....core.dtypes import standardize_dtype
from ....core.tensor import Tensor
from ....serialization.objects import deserialize_keras_object
from ...base.layer import Layer, Shape
from ..numeric.category_encoding import Constant

BREAK_FREQUENCY, HIGH_FREQUENCY_Q = 700.0, 1127.0  # the mel scale of the Hidden Markov Model Toolkit


def _mel(hertz: Any) -> Any:
    return HIGH_FREQUENCY_Q * np.log(1 + np.asarray(hertz, dtype="float64") / BREAK_FREQUENCY)


def mel_matrix(
    num_mel_bins: int, num_spectrogram_bins: int, sampling_rate: float, lower_edge_hertz: float, upper_edge_hertz: float
) -> Any:
    """The weight of each frequency in each mel band: triangles of height 1, each from the middle of the band before to that of the
    next.  (num_spectrogram_bins, num_mel_bins), on the host. The frequency 0 is in no band.
    """
    frequencies = _mel(np.linspace(0, sampling_rate / 2, num_spectrogram_bins)[1:, None])
    edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - lower) / (center - lower), (upper - frequencies) / (upper - center)
    return np.pad(np.maximum(0, np.minimum(rising, falling)), [(1, 0), (0, 0)])


class MelSpectrogram(Layer):
    """The power of a sound over time in bands of the mel scale, in decibels.

    x: (samples,) or (batch, samples) -> (..., num_mel_bins, time), one column every ``sequence_stride`` samples.

    Args:
        fft_length: of the windows that are transformed.
        sequence_length: how much of each the window function covers, ``fft_length`` by default.
        window: "hann", "hamming", an array of ``sequence_length`` numbers, or None for none.
        sampling_rate: samples per second.
        min_freq, max_freq: the lowest and the highest frequency in a band, in hertz; at most half the sampling rate, the default.
        power_to_db: decibels, 10 log10(power / ref_power), instead of the power itself.
        top_db: decibels more than this below the loudest of the whole input are raised to it.
        mag_exp: the power of the magnitude: 2 for the power, 1 for the magnitude itself.
        min_power: smaller powers, and a smaller ``ref_power``, are raised to it.
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.fft_length = fft_length
        self.sequence_stride = sequence_stride
        self.sequence_length = sequence_length or fft_length
        if self.fft_length < self.sequence_length:
            raise ValueError(
                "`fft_length` must be greater than or equal to `sequence_length`. Received: "
                f"`sequence_length`={self.sequence_length}, `fft_length`={fft_length}"
            )
        self.window = deserialize_keras_object(window) if isinstance(window, dict) else window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = num_mel_bins
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power
        self._matrix = Constant(
            mel_matrix(num_mel_bins, fft_length // 2 + 1, sampling_rate, self.min_freq, self.max_freq)
        )
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        # Half precision has too few digits for powers that are 80 decibels apart.
        dtype = self.compute_dtype if self.compute_dtype == "float64" else "float32"
        real, imag = ops.stft(  # type: ignore[no-untyped-call]
            ops.cast(inputs, dtype), self.sequence_length, self.sequence_stride, self.fft_length, self.window
        )
        power = ops.square(real) + ops.square(imag)
        if self.mag_exp != 2:
            power = ops.power(power, self.mag_exp / 2)
        bands = ops.matmul(power, self._matrix.on_device_of(power, dtype))
        return ops.cast(ops.swapaxes(self._decibels(bands) if self.power_to_db else bands, -1, -2), self.compute_dtype)

    def _decibels(self, power: Any) -> Any:
        reference = 10 * np.log10(max(abs(self.ref_power), self.min_power))
        decibels = 10 * ops.log10(ops.maximum(power, self.min_power)) - float(reference)
        return ops.maximum(decibels, ops.max(decibels) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: Any = "float32",
    ) -> Tensor:
        """The matrix whose product with a spectrogram is that in mel bands.  (num_spectrogram_bins, num_mel_bins)"""
        matrix = mel_matrix(num_mel_bins, num_spectrogram_bins, sampling_rate, lower_edge_hertz, upper_edge_hertz)
        return Tensor(to_array(matrix, dtype=standardize_dtype(dtype)))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        *front, samples = input_shape
        padded = None if samples is None else samples + self.fft_length // 2 * 2
        time = None if padded is None else 1 + (padded - self.fft_length) // self.sequence_stride
        return (*front, self.num_mel_bins, time)

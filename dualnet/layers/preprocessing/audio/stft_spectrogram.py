"""STFTSpectrogram: the short-time Fourier transform as a convolution whose kernels can be trained."""

from __future__ import annotations

from typing import Any

from .... import config, initializers, ops
from ....core.dtypes import standardize_dtype
from ....core.warning import warn
from ....ops.nn import _conv_shapes as shapes
from ....serialization.objects import deserialize_keras_object
from ...base.input_spec import InputSpec
from ...base.layer import Layer, Shape
from ...base.spatial import data_format_of

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """The short-time Fourier transform of signals, as a convolution with waves under a window.

    The kernels begin as those waves and are weights: with ``trainable=False`` it stays a Fourier transform.

    x: (batch, time, channels) -> (batch, frames, channels * frequencies), or with ``expand_dims``
    (batch, frames, frequencies, channels). There are fft_length // 2 + 1 frequencies, in the mode "stft" twice as many. With
    ``data_format="channels_first"``: (batch, channels, time) -> (batch, channels * frequencies, frames), or with ``expand_dims``
    (batch, channels, frames, frequencies).

    Args:
        mode: "log" (of the magnitude), "magnitude", "psd" (power spectral density), "real", "imag", "angle" (in radians) or
            "stft" (real and imaginary parts, one after the other).
        frame_length: samples in a frame.
        frame_step: from one frame to the next, half a frame by default.
        fft_length: of the transform, by default the power of two from ``frame_length`` on.
        window: "hann", "hamming", another name that SciPy knows, an array, or None for none.
        periodic: whether the window is periodic, instead of symmetric.
        scaling: "density", "spectrum" or None, see ``initializers.STFT``.
        padding: "valid", or "same" for frames over the borders.
        data_format: "channels_last" or "channels_first"; the configured one by default.
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(
                "`frame_step` should be a positive integer not greater than `frame_length`. Received "
                f"frame_step={frame_step}, frame_length={frame_length}"
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(
                "`fft_length` should be not less than `frame_length`. Received "
                f"fft_length={fft_length}, frame_length={frame_length}"
            )
        if fft_length is not None and fft_length & (fft_length - 1):
            warn(f"`fft_length` is recommended to be a power of two. Received fft_length={fft_length}")
        if mode not in MODES:
            raise ValueError(f"Output mode is invalid, it must be one of {', '.join(MODES)}. Received: mode={mode}")
        if padding not in ("valid", "same"):
            raise ValueError(f"Padding is invalid, it should be 'valid', 'same'. Received: padding={padding}")
        super().__init__(**kwargs)
        self.mode = mode
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.window = deserialize_keras_object(window) if isinstance(window, dict) else window
        self.periodic = periodic
        self.scaling = scaling
        self.padding = padding
        self.expand_dims = expand_dims
        self.data_format = data_format_of(self, data_format)
        self.input_spec = InputSpec(ndim=3)
        self._step = frame_step or frame_length // 2
        self._frequencies = (fft_length or 1 << (frame_length - 1).bit_length()) // 2 + 1
        self._sides = ("real",) if mode == "real" else ("imag",) if mode == "imag" else ("real", "imag")
        self._waves = [initializers.STFT(side, self.window, scaling, periodic) for side in self._sides]

    def build(self, input_shape: Any) -> None:
        shape = (self.frame_length, 1, self._frequencies)
        for side, waves in zip(self._sides, self._waves):
            setattr(self, f"{side}_kernel", self.add_weight(name=f"{side}_kernel", shape=shape, initializer=waves))

    def call(self, inputs: Any) -> Any:
        if standardize_dtype(inputs.dtype) not in ("float16", "float32", "float64"):
            raise TypeError(
                f"Invalid input type. Expected `float16`, `float32` or `float64`. Received: input type={inputs.dtype}"
            )
        x = inputs if self.data_format == "channels_first" else ops.transpose(inputs, (0, 2, 1))
        channels, time = x.shape[1:]
        kernels = [getattr(self, f"{side}_kernel") for side in self._sides]
        kernel = ops.cast(ops.concatenate(kernels, -1) if len(kernels) > 1 else kernels[0], x.dtype)
        # Every channel is a signal of its own, and both parts are one convolution.
        y = ops.conv(ops.reshape(x, (-1, time, 1)), kernel, self._step, self.padding, "channels_last")
        y = self._measured(ops.reshape(y, (-1, channels, *y.shape[1:])))
        return ops.reshape(ops.transpose(y, self._axes), (-1, *self._arranged(channels, *y.shape[2:])))

    def _measured(self, waves: Any) -> Any:
        """What the mode asks for.  waves: (batch, channels, frames, real and imaginary parts of the frequencies)"""
        if self.mode in ("real", "imag", "stft"):
            return waves
        real, imag = ops.split(waves, 2, -1)
        if self.mode == "angle":
            return ops.arctan2(imag, real)
        power = ops.square(real) + ops.square(imag)
        if self.mode == "psd":  # all frequencies but the first and the last stand for their negative too
            return power + ops.pad(power[..., 1:-1], [(0, 0)] * 3 + [(1, 1)])
        magnitude = ops.sqrt(ops.maximum(power, config.epsilon()))
        return magnitude if self.mode == "magnitude" else ops.log(ops.maximum(magnitude, config.epsilon()))

    @property
    def _axes(self) -> tuple[int, ...]:
        """How (batch, channels, frames, frequencies) are arranged in the output."""
        if self.data_format == "channels_first":
            return (0, 1, 2, 3) if self.expand_dims else (0, 1, 3, 2)
        return (0, 2, 3, 1) if self.expand_dims else (0, 2, 1, 3)

    def _arranged(self, *sizes: Any) -> Shape:
        """The shape of one sample of the output.  sizes: channels, frames, frequencies"""
        first, second, third = (sizes[axis - 1] for axis in self._axes[1:])
        if self.expand_dims:
            return first, second, third
        if self.data_format == "channels_first":
            return _product(first, second), third
        return first, _product(second, third)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, *rest = input_shape
        time, channels = rest if self.data_format == "channels_last" else reversed(rest)
        plan = shapes.convolution("STFTSpectrogram", (time,), (self.frame_length,), self._step, self.padding, 1)
        frequencies = self._frequencies * (2 if self.mode == "stft" else 1)
        return (batch, *self._arranged(channels, plan.lengths[0], frequencies))


def _product(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a * b

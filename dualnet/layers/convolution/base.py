"""What the convolution layers share: the window, the bias and the activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ... import activations
from ...ops.nn import _conv_shapes as shapes
from ...serialization.configurable import attributes
from ..base.layer import Layer, Shape
from ..base.spatial import data_format_of, whole_numbers
from ..core.dense import _FUSED


class Convolutional(Layer):
    """Base of all convolution layers, over ``rank`` axes.  x: (batch, spatial..., channels), or channels first

    kernel_size, strides, dilation_rate: one number for all axes, or one for each. padding: "valid" keeps the kernel
    inside the input; "same" puts zeros around it, evenly, so that there are ceil(length / stride) outputs along an
    axis. data_format: "channels_last" (the default, see ``config.set_image_data_format``) or "channels_first". bias:
    (filters,), zeros by default, left out with ``use_bias=False``.

    Args:
        activation: a name or function, none by default.
    """

    rank: ClassVar[int]
    _paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    # What Keras 2 wrote into configs of this class without using it.
    _ignored: ClassVar[tuple[str, ...]] = ()
    _config_attributes = attributes(activity_regularizer="activity_regularizer")
    filters: int
    kernel_size: tuple[int, ...]
    activation: Any
    use_bias: bool

    def __init__(self, activation: Any, use_bias: bool, activity_regularizer: Any, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias: Any = None

    def _set_window(
        self, kernel_size: Any, strides: Any, padding: str, data_format: str | None, dilation_rate: Any
    ) -> None:
        """Check and set how the kernel is applied."""
        self.kernel_size = whole_numbers(self, "kernel_size", kernel_size, self.rank)
        self.strides = whole_numbers(self, "strides", strides, self.rank)
        self.dilation_rate = whole_numbers(self, "dilation_rate", dilation_rate, self.rank)
        self.padding = str(padding).lower()
        if self.padding not in self._paddings:
            raise ValueError(f"{self._who}: padding must be one of {', '.join(self._paddings)}, got {padding!r}")
        self.data_format = data_format_of(self, data_format)

    @property
    def _who(self) -> str:
        """How messages name this layer."""
        return f"{type(self).__name__} layer {self.name!r}"

    def _positive(self, name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected a strictly positive value. Received {name}={value!r}. "
                f"({self._who} needs a whole number.)"
            )
        return value

    def _refuse_strides_with_dilation(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self._who}: Specifying `strides > 1` is not compatible with `dilation_rate > 1`: strides and a dilation_rate "
                f"above 1 do not go together, got strides {self.strides} and dilation_rate {self.dilation_rate}"
            )

    # -- weights -------------------------------------------------------------------------------------------------

    def _channels(self, input_shape: Any) -> int:
        """The number of channels of an input, which must be known to make a kernel."""
        shapes.check_rank(self._who, input_shape, self.rank)
        channels = shapes.split_shape(input_shape, self.data_format)[1]
        if not isinstance(channels, int):
            raise ValueError(
                f"{self._who} needs the number of channels of its input ({self.data_format}), got {input_shape}"
            )
        return channels

    # -- calling -------------------------------------------------------------------------------------------------

    def _apply(self, op: Callable[..., Any], inputs: Any, kernel: Any, **options: Any) -> Any:
        """The op with bias and activation, fused where the gradient of the activation follows from its output."""
        fused = _FUSED.get(self.activation)
        window = {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate, **options}
        activation = fused or "linear"
        y = op(inputs, kernel, self.bias, data_format=self.data_format, activation=activation, who=self._who, **window)
        return y if fused is not None else self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        channels = self._output_channels(input_shape)
        shapes.check_rank(self._who, input_shape, self.rank)
        lengths, _ = shapes.split_shape(tuple(input_shape), self.data_format)
        return shapes.join_shape(input_shape[0], self._output_lengths(lengths), channels, self.data_format)

    def _output_channels(self, input_shape: Any) -> int:
        return self.filters

    def _output_lengths(self, lengths: Any) -> Any:
        window = self.kernel_size, self.strides, self.padding, self.dilation_rate
        return shapes.convolution(self._who, lengths, *window).lengths

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer a config describes, one of Keras 2 too."""
        unused = [name for name in cls._ignored if name != "groups" or config.get(name) == 1]
        return cls(**{key: value for key, value in config.items() if key not in unused})

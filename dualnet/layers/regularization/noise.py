"""Layers that act while training only."""

from __future__ import annotations

from typing import Any, ClassVar

from ... import regularizers
from ...core.seeds import SeedGenerator
from ...ops.nn.noise import alpha_dropout, dropout, gaussian_dropout, gaussian_noise
from ...serialization.configurable import attributes
from ..base.elementwise import Elementwise
from ..base.spatial import data_format_of


class RandomNoise(Elementwise):
    """Base of layers that draw random numbers while training.

    rate: from 0 (no noise) to 1; a subclass may call the attribute otherwise, by ``amount_name``. seed: see ``Dropout``.
    """

    stream: ClassVar[str]
    amount_name: ClassVar[str] = "rate"
    rate: float

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        setattr(self, self.amount_name, rate)
        self._build_at_init()

    def __setattr__(self, name: str, value: Any) -> None:
        if name != self.amount_name:
            super().__setattr__(name, value)
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ValueError(
                f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1. "
                f"Received: {name}={value!r} (layer {type(self).__name__})"
            )
        super().__setattr__(name, value)
        if value > 0 and not hasattr(self, "seed_generator"):  # as in Keras, none is made for a rate of 0
            self.seed_generator = SeedGenerator(self.seed, kind=self.stream)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or getattr(self, self.amount_name) == 0:
            return inputs
        return self._add_noise(inputs, *self.seed_generator.next())

    def _add_noise(self, inputs: Any, key: tuple[int, int], step: int) -> Any:
        raise NotImplementedError


def checked_noise_shape(noise_shape: Any) -> tuple[int | None, ...] | None:
    """The shape of a mask as a tuple; ``ValueError`` for what is no shape."""
    if noise_shape is None:
        return None
    wrong = "Invalid value received for argument `noise_shape`. "
    if not isinstance(noise_shape, (tuple, list)):
        raise ValueError(f"{wrong}Expected a tuple or list of integers. Received: noise_shape={noise_shape!r}")
    for n in noise_shape:
        if n is not None and (isinstance(n, bool) or not isinstance(n, int)):
            raise ValueError(
                f"{wrong}Expected all elements to be integers or None. Received: noise_shape={noise_shape}"
            )
        if n is not None and n <= 0:
            raise ValueError(
                f"{wrong}Expected all dimensions to be positive integers or None. Received: noise_shape={noise_shape}"
            )
    return tuple(noise_shape)


class Dropout(RandomNoise):
    """While training, sets elements to 0 with probability ``rate`` and scales the others by 1 / (1 - rate)
    (arXiv:1207.0580).

    Args:
        seed: fixes the masks: layers with the same seed have the same ones. By default every layer has masks of its own, copies
            and clones too, which follow from ``set_random_seed`` and the order in which layers are made. They are the same on
            every device.
        noise_shape: the shape of the mask, which broadcasts; None entries are those of the input.
    """

    stream = "dropout"

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = checked_noise_shape(noise_shape)

    def _add_noise(self, inputs: Any, key: tuple[int, int], step: int) -> Any:
        return dropout(inputs, self.rate, key, step, self.noise_shape)


class GaussianNoise(RandomNoise):
    """While training, adds normal noise of mean 0 and standard deviation ``stddev``, from 0 to 1."""

    stream, amount_name = "gaussian_noise", "stddev"
    stddev: float
    _config_attributes = attributes(rate=None)

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(stddev, seed, **kwargs)

    def _add_noise(self, inputs: Any, key: tuple[int, int], step: int) -> Any:
        return gaussian_noise(inputs, self.stddev, key, step)


class GaussianDropout(RandomNoise):
    """While training, multiplies by normal noise of mean 1 and variance rate / (1 - rate), which is that of ``Dropout``."""

    stream = "gaussian_dropout"

    def _add_noise(self, inputs: Any, key: tuple[int, int], step: int) -> Any:
        return gaussian_dropout(inputs, self.rate, key, step)


class AlphaDropout(RandomNoise):
    """``Dropout`` for ``selu`` networks: dropped elements get the value where selu saturates, and an affine map then
    restores mean 0 and variance 1 (arXiv:1706.02515).

    Args:
        noise_shape: the shape of the mask, which broadcasts; None entries are those of the input.
    """

    stream = "alpha_dropout"

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def _add_noise(self, inputs: Any, key: tuple[int, int], step: int) -> Any:
        return alpha_dropout(inputs, self.rate, key, step, self.noise_shape)


class _SpatialDropout(RandomNoise):
    """``Dropout`` of whole feature maps: one decision for each sample and channel (arXiv:1411.4280)."""

    stream = "spatial_dropout"
    rank: ClassVar[int]
    data_format = "channels_last"

    def _add_noise(self, inputs: Any, key: tuple[int, int], step: int) -> Any:
        ones = (1,) * (self.rank - 2)
        last = self.data_format == "channels_last"
        return dropout(inputs, self.rate, key, step, (None, *ones, None) if last else (None, None, *ones))

    def call(self, inputs: Any, training: bool = False) -> Any:
        if len(inputs.shape) != self.rank:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} expects inputs with {self.rank} axes, "
                f"got shape {tuple(inputs.shape)}"
            )
        return super().call(inputs, training)


class SpatialDropout1D(_SpatialDropout):
    """``Dropout`` of whole channels (arXiv:1411.4280).  x: (batch, steps, channels)"""

    rank = 3

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(rate, seed, name=name, dtype=dtype)


class _SpatialDropoutOfImages(_SpatialDropout):
    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed, name=name, dtype=dtype)
        self.data_format = data_format_of(self, data_format)


class SpatialDropout2D(_SpatialDropoutOfImages):
    """``Dropout`` of whole channels (arXiv:1411.4280).  x: (batch, rows, columns, channels), or with the channels first"""

    rank = 4


class SpatialDropout3D(_SpatialDropoutOfImages):
    """``Dropout`` of whole channels (arXiv:1411.4280).  x: (batch, three axes, channels), or with the channels first"""

    rank = 5


class ActivityRegularization(Elementwise):
    """The input as it is, and the penalty ``l1 sum(|x|) + l2 sum(x^2)`` of it in the loss, divided by the size of the batch."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self._build_at_init()

    @property
    def l1(self) -> float:
        """The factor of the sum of absolute values; that of the regularizer."""
        return self.activity_regularizer.l1

    @l1.setter
    def l1(self, value: float) -> None:
        self.activity_regularizer = regularizers.L1L2(l1=value, l2=self.l2)

    @property
    def l2(self) -> float:
        """The factor of the sum of squares; that of the regularizer."""
        return self.activity_regularizer.l2

    @l2.setter
    def l2(self, value: float) -> None:
        self.activity_regularizer = regularizers.L1L2(l1=self.l1, l2=value)

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]
        return config

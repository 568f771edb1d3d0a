"""Layers of ConvNeXt, which configs name by the module that Keras has them in."""

from __future__ import annotations

from typing import Any

from .. import initializers
from ..layers import Layer
from ..layers.regularization.noise import RandomNoise
from ..ops.nn.noise import dropout
from ..serialization.configurable import attributes

__all__ = ["LayerScale", "StochasticDepth"]


class LayerScale(Layer):
    """gamma * x, a factor for each channel that starts small (arXiv:2103.17239).  x: (..., projection_dim)

    Args:
        init_values: gamma before training.
        projection_dim: the number of channels.
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Any) -> None:
        self.gamma = self.add_weight((self.projection_dim,), initializer=initializers.Constant(self.init_values))

    def call(self, inputs: Any) -> Any:
        return inputs * self.gamma


class StochasticDepth(RandomNoise):
    """While training, sets whole samples to 0 with probability ``drop_path_rate``, and scales the others by
    1 / (1 - drop_path_rate) (arXiv:1603.09382): before an addition, a sample passes the block or goes round it.
    """

    stream, amount_name = "stochastic_depth", "drop_path_rate"
    drop_path_rate: float
    _config_attributes = attributes(rate=None, seed=None)

    def __init__(self, drop_path_rate: float, **kwargs: Any) -> None:
        super().__init__(drop_path_rate, None, **kwargs)

    def _add_noise(self, inputs: Any, key: tuple[int, int], step: int) -> Any:
        return dropout(inputs, self.drop_path_rate, key, step, (None, *[1] * (len(inputs.shape) - 1)))

"""Layers that act while training only."""

from __future__ import annotations

from typing import Any

from ..ops.dropout import dropout
from ..seeds import SeedGenerator
from .base import Layer


class Dropout(Layer):
    """While training, sets elements to 0 with probability ``rate`` and scales the others by 1 / (1 - rate)
    (arXiv:1207.0580).

    seed: fixes the masks of this layer; by default they follow from ``set_random_seed`` and the layer's name, and are
    the same on every device. noise_shape: the shape of the mask, which broadcasts; None entries are taken from the
    input.
    """

    supports_masking = True

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(f"Dropout: rate must be a number from 0 to 1, got {rate!r}")
        self.rate = rate
        self.seed = seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if rate > 0:
            self.seed_generator = SeedGenerator(seed, name=self.name if self._was_named else None, kind="dropout")
        self._build_at_init()

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        key, step = self.seed_generator.next()
        return dropout(inputs, self.rate, key, step, self.noise_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}

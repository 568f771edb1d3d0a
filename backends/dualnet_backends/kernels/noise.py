"""Noise on an array, drawn and applied: the reference kernels. The same bits on every device."""

from __future__ import annotations

from typing import Any

Array = Any


class Noise:
    """Kernels of a backend. Each but the first returns its result and what a gradient is multiplied by. step: see ``random_words``."""

    random_uniform: Any
    random_normal: Any
    dropout_mask: Any

    def gaussian_noise(self, x: Array, deviation: float, key: tuple[int, int], step: Any) -> Array:
        """x plus normal noise of mean 0 and that standard deviation."""
        y = self.random_normal(x.shape, key, step, x.dtype)
        y *= deviation
        y += x
        return y

    def gaussian_dropout(self, x: Array, deviation: float, key: tuple[int, int], step: Any) -> tuple[Array, Array]:
        """x times normal noise of mean 1 and that standard deviation."""
        noise = self.random_normal(x.shape, key, step, x.dtype)
        noise *= deviation
        noise += 1
        return x * noise, noise

    def dropout(
        self, x: Array, rate: float, key: tuple[int, int], step: Any, shape: tuple[int, ...] | None = None
    ) -> tuple[Array, Array]:
        """x times ``dropout_mask``. shape: of the mask, which broadcasts to that of x; by default that of x."""
        mask = self.dropout_mask(x.shape if shape is None else shape, rate, key, step, x.dtype)
        return x * mask, mask

    def alpha_dropout(
        self, x: Array, rate: float, key: tuple[int, int], step: Any, shape: tuple[int, ...] | None = None
    ) -> tuple[Array, Array]:
        """Elements set to ``LOW`` with probability rate, then all scaled and shifted (see ``alpha_factors``). shape: as in ``dropout``."""
        scale, drop, shift = alpha_factors(rate)
        keep = (self.random_uniform(x.shape if shape is None else shape, key, step) >= rate).astype(x.dtype)
        slope = keep * scale
        keep -= 1
        keep *= drop
        keep += shift
        return x * slope + keep, slope


LOW = -1.6732632423543772 * 1.0507009873554805  # selu(-infinity)


def alpha_factors(rate: float) -> tuple[float, float, float]:
    """(scale, drop, shift): y = keep scale x + (keep - 1) drop + shift has mean 0 and variance 1 if x has, where keep is 1 or 0."""
    a = ((1 - rate) * (1 + rate * LOW * LOW)) ** -0.5
    return a, -a * LOW, -a * LOW * rate

"""Initial values without randomness: constants, the identity, the waves of a short-time Fourier transform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import dualnet_backends as backends
import numpy as np

from ..core.dtypes import standardize_dtype
from ..serialization.configurable import Configurable
from ..serialization.objects import deserialize_keras_object

Shape = Sequence[int]
F = TypeVar("F", bound=Callable[..., Any])


def makes_new_array(call: F) -> F:
    """Mark the ``__call__`` of an initializer: the array it returns is nobody else's, so that a variable need not copy it."""
    call.makes_new_array = True  # type: ignore[attr-defined]
    return call


class Initializer(Configurable):
    """Base of all initializers: a callable ``(shape, dtype=None) -> host array``."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype)")

    def clone(self) -> Initializer:
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """All 0."""

    @makes_new_array
    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        return np.zeros(shape, dtype=standardize_dtype(dtype))


class Ones(Initializer):
    """All 1."""

    @makes_new_array
    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        return np.ones(shape, dtype=standardize_dtype(dtype))


class Constant(Initializer):
    """All ``value`` (a number, or an array that broadcasts to the shape)."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        value = backends.get("cpu").asarray(_host(self.value), dtype=standardize_dtype(dtype))
        return np.broadcast_to(value, tuple(shape)).copy()

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        return cls(deserialize_keras_object(config["value"]))


class Identity(Initializer):
    """``gain`` on the diagonal of a matrix, 0 elsewhere."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        if len(shape) != 2:
            raise ValueError(f"the Identity initializer makes matrices, got shape {tuple(shape)}")
        return self.gain * np.eye(shape[0], shape[1], dtype=standardize_dtype(dtype))


class STFT(Initializer):
    """The real or imaginary part of the waves of a short-time Fourier transform, times a window, as the kernel of a convolution.

    Args:
        side: "real" or "imag".
        window: an array, "hann", "hamming", or another name that ``scipy.signal.get_window`` knows (it needs SciPy), or
            None for none.
        scaling: "density" (divided by the root of the window's energy), "spectrum" (by its sum) or None.
        periodic: whether a named window is periodic, instead of symmetric. The shape is (frame length, 1, frequencies).
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f"side should be 'real' or 'imag', not {side}")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(
                f"Scaling is invalid, it must be `None`, 'density' or 'spectrum'. Received scaling={scaling}"
            )
        if isinstance(window, str):
            _window(window, 8, periodic)  # raises for an unknown name
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        if len(shape) != 3:
            raise ValueError(f"STFT makes kernels of shape (frame length, 1, frequencies), got {tuple(shape)}")
        length, _, count = shape
        window: Any = 1.0
        scale: Any = 1.0
        if isinstance(self.window, str):
            window = _window(self.window, length, self.periodic)
        elif self.window is not None:
            window = np.asarray(_host(self.window), dtype="float64")
        if self.window is not None and self.scaling is not None:
            scale = np.sqrt(np.sum(window**2)) if self.scaling == "density" else abs(np.sum(window))
        angle = 2 * np.pi * np.arange(length)[:, None] * np.arange(count)[None, :] / ((count - 1) * 2)
        wave = np.cos(angle) if self.side == "real" else -np.sin(angle)
        return (wave.T * (window / scale)).T.reshape(length, 1, count).astype(standardize_dtype(dtype))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> STFT:
        return cls(**{**config, "window": deserialize_keras_object(config.get("window", "hann"))})


_WINDOWS = {"hann": 0.5, "hamming": 0.54}  # the constant part of the raised cosine


def _window(name: Any, length: int, periodic: bool) -> Any:
    """A window by its name: the two common ones, and those of SciPy."""
    if name in _WINDOWS:
        base = _WINDOWS[name]
        angle = 2 * np.pi * np.arange(length) / max(length if periodic else length - 1, 1)
        return base + (base - 1) * np.cos(angle)
    try:
        from scipy.signal import get_window
    except ImportError:
        raise ValueError(
            f"STFT: without SciPy the window must be an array, None, or one of {', '.join(map(repr, _WINDOWS))}, got {name!r}: "
            "pip install scipy, or give an array"
        ) from None
    return get_window(name, length, fftbins=periodic)


def _host(value: Any) -> Any:
    """An array, tensor or list as an array of the host; a number as it is."""
    return value if isinstance(value, (int, float)) else backends.get("cpu").asarray(getattr(value, "data", value))

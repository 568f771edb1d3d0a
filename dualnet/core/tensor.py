"""Tensor: an array on a device, and a flag that says whether gradients flow through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import dualnet_backends as backends

from .tracing import abort_trace, add_alias

Array = Any  # the array type of whichever backend is in use
Xp = Any  # an array module: numpy or cupy


class Origin(NamedTuple):
    """The activation that computed a tensor, and its input: "softmax" (over the last axis) or "sigmoid", and the logits.

    A cross-entropy that follows is computed from the logits; tf.keras has them as ``_keras_logits``.
    """

    activation: str
    logits: Tensor


def logits_of(x: Any, activation: str) -> Any:
    """The logits of a tensor that this activation computed, else None."""
    origin = getattr(x, "origin", None)
    return origin.logits if origin is not None and origin.activation == activation else None


class Tensor:
    """An array on a device, as ops take and return it.

    Attributes: ``data``, the array itself (NumPy or CuPy); ``tracked``, whether a gradient is to flow through it.
    Operators and indexing are ops (``dualnet.ops`` attaches them). ``numpy()``, ``float(t)`` and ``numpy.asarray(t)``
    copy to the host, which on a GPU waits for the device.
    """

    __slots__ = ("__dict__", "__weakref__", "data", "tracked")
    __hash__ = object.__hash__
    # Set on an instance when there is something to say; looked up on every layer call.
    _keras_mask: Any = None
    origin: Origin | None = None
    _is_alias = False  # whether the array may be a view of a variable's, see core/tracing.py

    def __init__(self, data: Array) -> None:
        self.data = data
        self.tracked = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def device(self) -> str:
        """The device the array is on: "cpu" or "gpu:N"."""
        return backends.of(self.data).device

    def numpy(self) -> Any:
        """The value as it is now, as a NumPy array of its own on the host."""
        abort_trace("a value is read on the host")  # what is done next may depend on it
        backend = backends.of(self.data)
        value = backend.to_numpy(self.data)
        return value.copy() if value is self.data else value

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        return self.numpy().item()

    def tolist(self) -> Any:
        """The value as nested Python lists."""
        return self.numpy().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        value = self.numpy()
        return value if dtype is None else value.astype(dtype, copy=False)

    def __dlpack__(self, **options: Any) -> Any:
        """For ``from_dlpack`` of other libraries, which get the memory itself: of a variable, what later updates are written to."""
        abort_trace("a value is given to another library")
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.data.__dlpack_device__()

    @staticmethod
    def from_dlpack(x: Any) -> Tensor:
        """An array or tensor of another library (NumPy, CuPy, PyTorch, JAX ...) as a tensor, on the device that it lies on.

        Nothing is copied: both have the same memory. Gradients do not flow from one library to the other.
        """
        return Tensor(backends.from_dlpack(x))

    def _detached(self) -> Tensor:
        """Another tensor with the same array, which gradients do not know."""
        tensor = Tensor(self.data)
        if self._is_alias:
            tensor._is_alias = True
            add_alias(tensor)
        return tensor

    def _shares(self, array: Array) -> bool:
        """Whether the array may overlap another in memory."""
        return type(self.data) is type(array) and bool(backends.of(array).xp.may_share_memory(self.data, array))

    def _own(self) -> None:
        """Keep the value from now on in memory of its own."""
        self.data, self._is_alias = self.data.copy(), False

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.data.dtype.kind not in "iu":
            raise TypeError(f"only an integer tensor can be an index, got dtype {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else format(str(self), spec)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("a tensor without axes cannot be iterated over")
        return (self[i] for i in range(len(self.data)))

    if TYPE_CHECKING:  # dualnet.ops attaches these
        T: Tensor

        def reshape(self, *shape: Any) -> Tensor: ...
        def astype(self, dtype: Any) -> Tensor: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def _unary(self) -> Tensor: ...
        def _binary(self, other: Any) -> Tensor: ...

        __neg__ = __abs__ = __invert__ = _unary
        __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = __matmul__ = _binary
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = __rmatmul__ = _binary
        __and__ = __or__ = __xor__ = __rand__ = __ror__ = __rxor__ = __lt__ = __le__ = __gt__ = __ge__ = _binary

        def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]

    def __repr__(self) -> str:
        text = str(self.numpy()).replace("\n", "\n       ")
        return f"Tensor({text}, shape={self.shape}, dtype={self.dtype}, device={self.device})"

"""Where something is computed: where its tensors lie.

What stands beside a tensor and is none (a number, a list, an array) goes to its device, and so does what is made on the way. Without
a tensor the device in use decides. Tensors of two devices are an error: copying one to the other is for the user to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dualnet_backends as backends

from .tensor import Tensor

_TEXT = "OSUT"  # kinds of dtypes


def backend_of(values: Iterable[Any]) -> backends.Backend | None:
    """The backend of the first tensor among the values and the structures in them; None if there is none.

    An array that is not on the host counts as a tensor; text does not, which is on the host wherever the rest is.
    """
    for x in values:
        if isinstance(x, Tensor):
            if x.data.dtype.kind in _TEXT:
                continue
            return backends.of(x.data)
        if isinstance(x, (list, tuple)):
            backend = backend_of(x)
        elif isinstance(x, dict):
            backend = backend_of(x.values())
        else:
            backend = backends.by_type.get(type(x))
            backend = None if backend is None or backend.device == "cpu" else backends.of(x)
        if backend is not None:
            return backend
    return None


def elsewhere(values: Iterable[Any]) -> AbstractContextManager[Any] | None:
    """A context in which the device of the tensors among the values is the one in use; None if it is already, or there are none."""
    backend = backend_of(values)
    if backend is None or backend.device == backends.current().device:
        return None
    return backends.device(backend.device)


def beside(values: Iterable[Any]) -> AbstractContextManager[Any]:
    """``elsewhere``, for a ``with`` statement."""
    return elsewhere(values) or nullcontext()


def refuse_two_devices(name: str, values: Iterable[Any]) -> None:
    """Raise ``ValueError`` if there are tensors (or arrays that were taken out of them) of two devices among the values, which are
    the arguments of the op ``name``.
    """
    devices = sorted(set(_devices(values)))
    if len(devices) > 1:
        raise ValueError(
            f"{name.lstrip('_')}: expected tensors of one device, got tensors on {' and '.join(devices)}: copy one to the device of "
            f"the other, for example `with dualnet.device({devices[-1]!r}): x = dualnet.ops.convert_to_tensor(x.numpy())`"
        ) from None


def _devices(values: Iterable[Any]) -> Iterator[str]:
    for x in values:
        if isinstance(x, Tensor):
            if x.data.dtype.kind not in _TEXT:
                yield x.device
        elif isinstance(x, (list, tuple)):
            yield from _devices(part for part in x if isinstance(part, (Tensor, list, tuple)))
        elif (backend := backends.by_type.get(type(x))) is not None and type(x) is backend.array_type:
            yield backends.of(x).device

"""The backend contract: an array module, a device, and some thirty kernels, each with a reference implementation.

A kernel is here, and not an op in ``dualnet.ops``, for one of two reasons: its result must not depend on the device (random
numbers), or a device can do it measurably faster than the formula written with ``xp``. The bodies below are the
definition; an override in a backend must give the same result (``tests/backends/test_contract.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import Any

from .kernels.activation import IN_PLACE
from .kernels.attention import Attention
from .kernels.convolution import Convolution
from .kernels.elementwise import Elementwise
from .kernels.metrics import Metrics
from .kernels.noise import Noise
from .kernels.normal import normal
from .kernels.normalization import Normalization
from .kernels.pooling import Pooling
from .kernels.random import philox_words
from .kernels.recurrent import Recurrent
from .kernels.softmax import Softmax
from .kernels.sparse import Sparse
from .kernels.standardization import Standardization
from .kernels.updates import Updates
from .memory import Memory
from .recording import Recording

Array = Any  # numpy.ndarray, cupy.ndarray: the array type of the backend
Scalar = Any  # a Python float, or a 0-d array that already lives on the device


class Backend(
    Attention,
    Convolution,
    Pooling,
    Normalization,
    Standardization,
    Recurrent,
    Softmax,
    Sparse,
    Noise,
    Updates,
    Elementwise,
    Metrics,
):
    """An array module (``xp``) on one device, and the kernels that run there.

    A new backend subclasses this, sets the four attributes, and implements the three methods that raise
    ``NotImplementedError``; everything else works as inherited.
    """

    name: str  # "numpy", "cupy"
    device: str  # "cpu", "gpu:0"
    xp: Any  # the array module
    array_type: type  # the class of its arrays
    can_record = False  # whether ``recording`` is there

    # -- moving data ---------------------------------------------------------------------------------------------

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """``x`` (an array of any device, a number, a nested list) as an array on this device; not copied if it is one."""
        raise NotImplementedError

    def to_numpy(self, x: Array) -> Any:
        """``x`` as a NumPy array on the host. On a GPU this waits for the device: never call it inside a step."""
        raise NotImplementedError

    def synchronize(self) -> None:
        """Wait for all work queued on the device (a no-op where calls are synchronous)."""
        raise NotImplementedError

    def memory(self) -> Memory | None:
        """The memory of the device; None where nobody says."""
        return None

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception says that there was no memory for an array."""
        return isinstance(error, MemoryError)

    def computing(self) -> AbstractContextManager[Any]:
        """A context for many kernels, such as those of an epoch: the array library is set up for them once, not for each."""
        return nullcontext()

    def split(self, n: int, function: Callable[[slice], Any], size: int | None = None) -> None:
        """Call ``function(part)`` for parts that make up ``slice(0, n)``, maybe at the same time: for n samples, or elements of a
        flat array, that do not depend on each other. size: the number of elements that are read, n by default."""
        function(slice(0, n))

    def for_each(self, n: int, function: Callable[[int], Any], size: int) -> None:
        """Call ``function(i)`` for i in 0 .. n - 1, maybe at the same time: for parts of one computation that do not depend on each
        other, and that do not depend on the number of threads. size: the number of elements in all of them."""
        for i in range(n):
            function(i)

    def recording(self, inputs: Sequence[tuple[tuple[int, ...], Any]], numbers: Sequence[Any]) -> Recording:
        """What records work on this device, and replays it with one call (``recording.py``, which says what the arguments are)."""
        raise RuntimeError(f"{self.device} cannot record work: can_record says so")

    # -- linear algebra ------------------------------------------------------------------------------------------

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Matrix product over the last two axes, in their dtype if they have one.  a: (..., m, k)  b: (..., k, n) -> (..., m, n)"""
        y = self.xp.matmul(a, b, out=out)
        if out is not None or a.dtype != b.dtype:
            return y
        return y.astype(a.dtype, copy=False)  # bfloat16 comes as float32

    def affine(self, x: Array, w: Array, b: Array | None, activation: str = "linear") -> Array:
        """``activation(x @ w + b)`` in newly allocated memory.  x: (..., in)  w: (in, out)  b: (out,) or None -> (..., out)

        activation: see ``add_bias``.
        """
        y = self.matmul(x, w)
        if b is not None:
            y += b
        return IN_PLACE[activation](self, y)

    def add_bias(self, x: Array, b: Array | None, activation: str = "linear") -> Array:
        """``activation(x + b)``, in place if it can be.  x: (..., n)  b: (n,) or None -> (..., n)

        activation: a key of ``kernels.activation.IN_PLACE``.
        """
        if b is not None:
            x += b
        return IN_PLACE[activation](self, x)

    def sum_rows(self, x: Array, out: Array | None = None) -> Array:
        """Sum over all axes but the last: the gradient of a bias.  x: (..., n) -> (n,)"""
        return self.xp.sum(x.reshape(-1, x.shape[-1]), axis=0, out=out)

    def total(self, x: Array, divisor: float = 1, weights: Array | None = None) -> Array:
        """The sum of all elements, each times its weight, divided by ``divisor``, as a 0-d array.

        weights: what broadcasts to the shape of x; None for 1.
        """
        return self.xp.asarray((x if weights is None else x * weights).sum() / divisor)

    def total_gradient(self, dy: Array, divisor: float, x: Array, weights: Array | None = None) -> Array:
        """The gradient of x from dy, that of its ``total``."""
        dx = self.xp.empty(x.shape, dtype=x.dtype)
        dx[...] = dy[()] / divisor  # which of NumPy's arrays makes a number, quicker to divide
        return dx if weights is None else dx * weights

    # -- activations ---------------------------------------------------------------------------------------------

    def relu(self, x: Array, out: Array | None = None) -> Array:
        """max(x, 0)"""
        return self.xp.maximum(x, 0, out=out)

    def clip(self, x: Array, low: float, high: float) -> Array:
        """x limited to [low, high], newly allocated, in the dtype of x."""
        return self.xp.clip(x, low, high).astype(x.dtype, copy=False)

    def relu_gradient(self, y: Array, dy: Array) -> Array:
        """``dy`` where y = relu(x) is positive, else 0."""
        return dy * (y > 0)

    def activation_gradients(
        self, activation: Any, y: Array, dy: Array, bias: str | None = "sum_rows", out: Array | None = None
    ) -> tuple[Array, Array | None]:
        """The gradients of z and of a bias in it, from y = activation(z).  y, dy: (..., n) -> (..., n), (n,) or None

        activation: of ``FROM_OUTPUT`` in ``dualnet/ops/nn/activation.py``: its ``name`` and ``gradient(backend, y, dy)``.
        bias: the kernel that adds up its gradient, "sum_rows" or "conv_bias_gradient"; None for no bias.
        out: where to write that gradient.
        """
        dz = activation.gradient(self, y, dy)
        return dz, None if bias is None else getattr(self, bias)(dz, out=out)

    # -- indexing ------------------------------------------------------------------------------------------------

    def take(self, x: Array, indices: Array) -> Array:
        """Rows of ``x`` in the order of ``indices``.  x: (n, ...)  indices: any shape -> indices.shape + x.shape[1:]"""
        return self.xp.take(x, indices, axis=0)

    def lookup(self, table: Array, ids: Array) -> Array:
        """Rows of a table.  table: (n, ...)  ids: any shape of int32 or int64 in [0, n) -> ids.shape + table.shape[1:]

        An id outside raises ``IndexError``; on a device that cannot raise, its row is NaN (see ``valid_ids``).
        """
        valid = self.valid_ids(ids, table.shape[0], "ids")
        rows = self.take(table, self.xp.where(valid, ids, 0))
        return self.xp.where(valid[(..., *[None] * (table.ndim - 1))], rows, self.xp.nan)

    def valid_ids(self, ids: Array, n: int, what: str) -> Array:
        """Whether each id is in [0, n).  ids: int32 or int64.  what: "ids", "labels" or "indices", for the error.

        A device cannot raise in the middle of a step, and must not be waited for. What uses the ids gives NaN for those
        outside, and that there were some is noted on the device until ``raise_for_invalid_ids``. A backend that can raise
        overrides this, and raises ``IndexError`` at once.
        """
        # Seen without its sign, a negative number is a large one: a single comparison.
        return self.require(ids.view(self.xp.uint32 if ids.dtype.itemsize == 4 else self.xp.uint64) < n, what)

    def require(self, valid: Array, what: str) -> Array:
        """Booleans that should all be true, such as whether each index is in its range; what: see ``valid_ids``, which says
        what happens when one is not. Returns them.
        """
        note = self._note(what)
        self.xp.logical_and(note, valid.all(), out=note)
        return valid

    def _note(self, what: str) -> Array:
        """The boolean on the device that says whether all were valid since the notes were last forgotten."""
        notes: dict[str, Array] = self.__dict__.setdefault("_all_valid", {})
        if what not in notes:
            notes[what] = self.xp.ones((), dtype=bool)
        return notes[what]

    def forget_invalid_ids(self) -> None:
        """Note from here on. It does not wait for the device."""
        for flag in self.__dict__.get("_all_valid", {}).values():
            flag.fill(True)

    def raise_for_invalid_ids(self) -> None:
        """Raise ``IndexError`` if there were ids outside since the notes were last forgotten, and forget them. It waits for the
        device, so it is called where results are read.
        """
        notes: dict[str, Array] = self.__dict__.get("_all_valid", {})
        wrong = [what for what, flag in notes.items() if not self.to_numpy(flag)]
        if wrong:
            self.forget_invalid_ids()
            raise IndexError(" and ".join(wrong))

    def store(self, target: Array, index: Array, value: Array) -> None:
        """``target[index] = value``.  target: (n,)  index: 0-d, int64  value: 0-d"""
        target[index] = value

    def order(self, ids: Array) -> Array:
        """What sorts integers: the index of the smallest first, and so on, equal ones in the order they have.  (m,) -> (m,)"""
        return self.xp.argsort(ids, kind="stable")

    def scatter_add(self, target: Array, indices: Array, values: Array) -> None:
        """``target[indices[i]] += values[i]`` in place; repeated indices accumulate. Deterministic.

        target: (n, ...)  indices: (m,) integers in [0, n)  values: (m,) + target.shape[1:]
        """
        xp, n = self.xp, indices.shape[0]
        if n == 0:
            return
        # Sorting brings equal indices together; a stable sort preserves their order, so that the sum is reproducible.
        order = self.order(indices)
        ids = indices[order]
        rows = values[order].reshape(n, prod(target.shape[1:]))
        # A segmented prefix sum, over distances 1, 2, 4, ...: no sum crosses into another segment, where one NaN or one
        # large value would spoil all that follow.
        distance = 1
        while distance < n:
            same = (ids[distance:] == ids[:-distance])[:, None]
            rows[distance:] += xp.where(same, rows[:-distance], xp.zeros_like(rows[:-distance]))
            distance *= 2
        # Every row of the target takes the last entry of its segment: no shape here depends on the values.
        slots = xp.arange(target.shape[0], dtype=ids.dtype)
        start, stop = xp.searchsorted(ids, slots, side="left"), xp.searchsorted(ids, slots, side="right")
        totals = rows[xp.maximum(stop - 1, 0)]
        totals = xp.where((stop > start)[:, None], totals, xp.zeros_like(totals))
        target += totals.reshape(target.shape).astype(target.dtype, copy=False)

    def add_at(self, target: Array, key: Any, values: Array) -> None:
        """``target[key] += values`` in place, for a key with index arrays; what is repeated accumulates. Deterministic.

        values: a shape that broadcasts to that of target[key]
        """
        xp = self.xp
        if not target.flags.c_contiguous:
            total = xp.zeros(target.shape, dtype=target.dtype)
            self.add_at(total, key, values)
            target += total
            return
        positions = xp.arange(target.size).reshape(target.shape)[key]
        values = xp.broadcast_to(values, positions.shape).reshape(-1)
        self.scatter_add(target.reshape(-1), positions.reshape(-1), values)

    def one_hot(self, ids: Array, classes: int, dtype: Any) -> Array:
        """ids: any shape of integers -> ids.shape + (classes,); an id outside [0, classes) gives a row of zeros."""
        return (ids[..., None] == self.xp.arange(classes, dtype=ids.dtype)).astype(dtype)

    # -- joining -------------------------------------------------------------------------------------------------

    def concatenate(self, arrays: Sequence[Array], axis: int) -> Array:
        """Arrays of one dtype joined along an axis, however many."""
        return self.xp.concatenate(arrays, axis=axis)

    def stack(self, arrays: Sequence[Array], axis: int) -> Array:
        """Arrays of one dtype and shape joined along a new axis, however many."""
        return self.xp.stack(arrays, axis=axis)

    # -- metric state --------------------------------------------------------------------------------------------

    def add_to_mean(self, total: Array, count: Array, value: Array, weight: int) -> None:
        """``total += value * weight`` and ``count += weight``, for 0-d arrays."""
        total += value * weight
        count += weight

    # -- special functions ---------------------------------------------------------------------------------------

    def erf(self, x: Array) -> Array:
        """The error function, to a few units in the last place of float64. x: floating point, any shape."""
        from .kernels.special import erf

        return erf(self.xp, x)

    # -- random numbers: the same bits on every device -----------------------------------------------------------

    def random_words(self, n: int, key: tuple[int, int], step: Any) -> Array:
        """``n`` uint64 words of the Philox4x64-10 stream ``key`` at ``step`` (see ``random.py``).

        step: a number. In a captured step, a 0-d array of uint64, or a pair of such an array and a number, the upper word.
        """
        return philox_words(self.xp, n, key, step)

    def random_uniform(
        self,
        shape: tuple[int, ...],
        key: tuple[int, int],
        step: Any,
        dtype: Any = "float32",
        low: float = 0.0,
        high: float = 1.0,
    ) -> Array:
        """Uniform numbers in [low, high): from multiples of 2**-24 (float32 and smaller) or 2**-53 (float64) in [0, 1)."""
        xp, n = self.xp, prod(shape)
        if xp.dtype(dtype) == xp.float64:
            words = self.random_words(n, key, step)
            u = (words >> xp.uint64(11)).astype(xp.float64) * 2.0**-53
        else:
            halves = self.random_words((n + 1) // 2, key, step).view(xp.uint32)[:n]
            u = (halves >> xp.uint32(8)).astype(xp.float32) * xp.float32(2.0**-24)
        if (low, high) != (0.0, 1.0):
            u = u * (high - low) + low
        return u.reshape(shape).astype(dtype, copy=False)

    def random_normal(self, shape: tuple[int, ...], key: tuple[int, int], step: Any, dtype: Any = "float32") -> Array:
        """Normal numbers of mean 0 and variance 1 (see ``normal.py``), computed in float64 and then rounded."""
        n = prod(shape)
        z = normal(self.xp, self.random_words((n + 1) // 2, key, step))
        return z[:n].reshape(shape).astype(dtype, copy=False)

    def dropout_mask(self, shape: tuple[int, ...], rate: float, key: tuple[int, int], step: Any, dtype: Any) -> Array:
        """1 / (1 - rate) where an element is kept and 0 where it is dropped.

        One 16-bit lane of the random stream decides an element, so the rate is a multiple of 2**-16.
        """
        xp, n = self.xp, prod(shape)
        lanes = self.random_words((n + 3) // 4, key, step).view(xp.uint16)[:n]
        keep = lanes >= xp.uint16(min(round(rate * 65536), 65535))
        # A scalar of the dtype, not an array: nothing is sent to the device.
        return keep.astype(dtype).reshape(shape) * xp.dtype(dtype).type(1.0 / (1.0 - rate))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.device}>"

"""What the recurrent kernels of the CPU share: the arrays of all steps, masks, and the gradients of kernels and inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..kernels.recurrent import Array
from ..threads import parallel_for
from .matmul import SMALL

COLUMNS = 512  # steps times batch of a part: enough for an efficient product, few enough for the cache
LONG = 65_536  # elements of a state over all steps, from which on threads share what is no recurrence
LARGE = 1 << 16  # elements of a kernel that takes long to transpose
GROUPS = 4  # of parts, at most, each of which has its own sum: so large are the products that threads share

Order = Sequence[slice]  # the columns of a kernel that are the first rows here, those that are the next rows, ...
Product = Callable[[Array, Array], Any]  # (b, out): out = a b
Rows = tuple[Array, slice]  # some rows of an array (steps, rows, batch)


def is_usual(x: Array, h: Array) -> bool:
    """Whether there is something to compute, in a dtype that BLAS knows."""
    return bool(x.size and h.size and x.dtype.char in "fd")


class Forward:
    """The arrays of a call: (steps, rows, batch).

    Attributes:
        xh: (steps + 1, features + 1 + units, batch). The inputs of a step, ones, and the state before it as the products take it.
        h: (steps + 1, units, batch). The state before each step, and after the last.
        off: (steps, 1, batch), True where a sample has no such step; or None.
        recurrent_mask: (units, batch), or None.
    """

    def __init__(
        self,
        backend: Any,
        x: Array,
        h: Array,
        mask: Array | None,
        recurrent_mask: Array | None,
        return_sequences: bool,
        zero_output: bool,
    ) -> None:
        self.backend, self.return_sequences = backend, return_sequences
        (self.batch, self.steps, self.features), self.units = x.shape, h.shape[1]
        self.xh = np.empty((self.steps + 1, self.features + 1 + self.units, self.batch), x.dtype)
        self.xh[:-1, : self.features] = x.transpose(1, 2, 0)
        self.xh[:, self.features] = 1
        self.h_in = self.h = self.xh[:, self.features + 1 :]
        self.recurrent_mask: Any = None
        if recurrent_mask is not None:
            self.h, self.recurrent_mask = np.empty(self.h_in.shape, x.dtype), recurrent_mask.T.copy()
            np.multiply(h.T, self.recurrent_mask, self.h_in[0])
        self.h[0] = h.T
        self.off: Any = None
        self._hidden: Any = None
        if mask is not None:
            self.off = np.logical_not(mask.T, order="C")[:, None]
            self._hidden = ~mask if zero_output else ~np.logical_or.accumulate(mask, axis=1)
            if not return_sequences:
                self._hidden = self._hidden[:, -1]
        self.is_special = mask is not None or recurrent_mask is not None

    def empty(self, rows: int) -> Array:
        """(steps, rows, batch)"""
        return np.empty((self.steps, rows, self.batch), self.xh.dtype)

    def weights(self, kernel: Array, recurrent_kernel: Array, bias: Array | None, order: Order) -> Array:
        """[kernel, bias, recurrent kernel] for products with ``xh``, transposed, the rows in this order."""
        # Small products are faster with rows in one piece. Large kernels take long to transpose: they keep their order in memory.
        shape = (kernel.shape[1], self.xh.shape[1])
        order_in_memory: Any = "C" if shape[0] * shape[1] < LARGE else "F"
        w, n = np.empty(shape, self.xh.dtype, order_in_memory), self.features
        for rows, columns in zip(_pieces(w, order), order):
            rows[:, :n] = kernel[:, columns].T
            rows[:, n] = 0 if bias is None else bias[columns]
            rows[:, n + 1 :] = recurrent_kernel[:, columns].T
        return w

    def product(self, a: Array) -> Product:
        """The product with a matrix from the left, of matrices with ``batch`` columns."""
        return a.dot if a.size * self.batch < SMALL else partial(_matmul, self.backend, a)

    def end_step(self, n: int, *states: tuple[Array, Array]) -> None:
        """Where there is no step n, let the states (before, after) stay those before; drop what the next step must not see."""
        if self.off is not None:
            for before, after in ((self.h[n], self.h[n + 1]), *states):
                np.copyto(after, before, where=self.off[n])
        if self.recurrent_mask is not None:
            np.multiply(self.h[n + 1], self.recurrent_mask, self.h_in[n + 1])

    def outputs(self) -> Array:
        """What the layer shows."""
        y = self.h[1:].transpose(2, 0, 1).copy() if self.return_sequences else self.h[-1].T.copy()
        return y if self._hidden is None else self.hide(y)

    def hide(self, y: Array) -> Array:
        """Zeros in the place of what is not shown, in place."""
        if self._hidden is not None:
            y[self._hidden] = 0
        return y

    def for_parts(self, work: Callable[[slice], Any]) -> None:
        """Call ``work(part)`` for parts of the steps, maybe at the same time."""
        self._share(self._parts(), work)

    def sums(
        self, d: Array, factors: Sequence[tuple[slice, Rows]], is_wanted: bool, kernel: Array | None
    ) -> tuple[list[Any], Array | None]:
        """The gradients of weights and inputs, by those of the gates, d: (steps, rows, batch).

        Args:
            factors: rows of d, and rows of an array: the sum of their products over all steps and samples is the gradient of weights.
            is_wanted: whether those sums are.
            kernel: (features, n), for the n rows of d that come first; None if dx is not wanted.

        Returns:
            those sums, and dx; None for what is not wanted.
        """
        parts = self._parts()
        count = -(-len(parts) // GROUPS)
        groups = [parts[i : i + count] for i in range(0, len(parts), count)]
        totals: list[list[Any]] = [[None] * len(factors) for _ in groups]
        dx = np.empty((self.batch, self.steps, self.features), d.dtype)
        factors = factors if is_wanted else []

        def work(i: int) -> None:
            for part in groups[i]:
                columns = {id(a): _columns(a[part]) for a in (d, *(a for _, (a, _) in factors))}
                for k, (rows, (a, a_rows)) in enumerate(factors):
                    product = _product(columns[id(d)][rows], columns[id(a)][a_rows])
                    totals[i][k] = product if totals[i][k] is None else np.add(totals[i][k], product, product)
                if kernel is not None:
                    dx_part = kernel.dot(columns[id(d)][: kernel.shape[1]])
                    dx[:, part] = dx_part.reshape(self.features, -1, self.batch).transpose(2, 1, 0)

        if is_wanted or kernel is not None:
            self._share(range(len(groups)), work)
        for total in totals[1:]:
            for k in range(len(factors)):
                totals[0][k] += total[k]
        return totals[0], None if kernel is None else dx

    def _parts(self) -> list[slice]:
        size = max(1, COLUMNS // self.batch)
        return [slice(n, min(n + size, self.steps)) for n in range(0, self.steps, size)]

    def _share(self, items: Sequence[Any], work: Callable[[Any], Any]) -> None:
        if self.h.size < LONG:
            for item in items:
                work(item)
        else:
            parallel_for(len(items), lambda i: work(items[i]), (work.__qualname__, self.xh.shape, self.units))


class Backward:
    """The gradient of a state as it is carried from the last step to the first.

    Attributes:
        dh: (units, batch), the gradient of the state after a step, then that of the state before it.
        drecurrent_mask: (batch, units), or None.
    """

    def __init__(self, run: Forward, doutputs: Array, dh: Array) -> None:
        self._run, self.dh = run, dh.T.copy()
        self._dy: Any = None
        self._doutputs = run.hide(doutputs.copy()) if run.off is not None else doutputs
        if run.return_sequences:
            self._dy = run.empty(run.units)
        else:
            self.dh += self._doutputs.T
        self._recurrent_total: Any = None if run.recurrent_mask is None else np.zeros_like(self.dh)
        self._carried: list[tuple[Array, Array]] = []
        self.is_special = run.is_special or run.return_sequences

    def prepare(self, factors: Callable[[slice], Any], d: Array) -> None:
        """Let ``factors(part)`` write to d, for all parts of the steps; zeros where a sample has no such step."""

        def work(part: slice) -> None:
            factors(part)
            if self._run.off is not None:
                np.copyto(d[part], 0, where=self._run.off[part])
            if self._dy is not None:
                self._dy[part] = self._doutputs[:, part].transpose(1, 2, 0)

        work.__qualname__ = factors.__qualname__
        self._run.for_parts(work)

    def begin_step(self, n: int, *carried: Array) -> None:
        """Add the gradient of the output. carried: what is carried on beside ``dh``"""
        if self._dy is not None:
            np.add(self.dh, self._dy[n], self.dh)
        if self._run.off is not None:
            self._carried = [(d, d.copy()) for d in (self.dh, *carried)]

    def drop(self, n: int, d: Array) -> None:
        """Make of the gradient of what the products of step n took for the state that of the state."""
        if self._recurrent_total is not None:
            self._recurrent_total += d * self._run.h[n]
            d *= self._run.recurrent_mask

    def end_step(self, n: int) -> None:
        """Carry on unchanged what belongs to samples without a step n."""
        if self._run.off is not None:
            for d, before in self._carried:
                np.copyto(d, before, where=self._run.off[n])

    @property
    def drecurrent_mask(self) -> Array | None:
        return None if self._recurrent_total is None else self._recurrent_total.T.copy()


def reordered(kernel: Array, order: Order) -> Array:
    """A kernel with its columns in this order."""
    return np.concatenate([kernel[:, columns] for columns in order], axis=1)


def scatter(rows: Array, order: Order, out: Any) -> Any:
    """Rows in this order as the columns of a kernel or a bias; out: False if nobody asks for it, an array to write into, or None."""
    if out is False:
        return None
    out = np.empty(rows.T.shape, rows.dtype) if out is None else out
    for piece, columns in zip(_pieces(rows, order), order):
        out[..., columns] = piece.T
    return out


def _pieces(rows: Array, order: Order) -> list[Array]:
    """The rows of each of ``order``"""
    stops = np.cumsum([columns.stop - columns.start for columns in order])
    return np.split(rows, stops[:-1].tolist())


def _product(a: Array, b: Array) -> Array:
    """a b^T; a large one in the order of a kernel, in which it would take long to bring it afterwards."""
    return a.dot(b.T) if len(a) * len(b) < LARGE else b.dot(a.T).T


def _columns(a: Array) -> Array:
    """(steps, rows, batch) -> (rows, steps batch)"""
    return a[0] if len(a) == 1 else np.ascontiguousarray(a.transpose(1, 0, 2)).reshape(a.shape[1], -1)


def _matmul(backend: Any, a: Array, b: Array, out: Array) -> None:
    backend.matmul(a, b, out=out)

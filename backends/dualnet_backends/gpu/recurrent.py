"""Recurrent networks on the GPU: two launches a step, a product and a cell; where the recurrent kernel is small, one for all steps.

The products of all steps at once, with the inputs and for the gradients of the kernels, are those of the reference. In a loop over
steps a launch is what costs; a block that takes a sample through all of its steps has none, but every block reads the whole recurrent
kernel at each step, which pays as long as that lies in the cache of a multiprocessor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cupy as cp
import numpy as np

from ..base import Array, Backend
from .modules import address, contiguous, kernel, launch, structure

SMALL = (
    1 << 18
)  # bytes of a recurrent kernel up to which one launch does all steps: what a multiprocessor can keep of it
MOST_THREADS = 512  # of a block that does all steps

_RUN = structure(
    "q batch steps units all zero",
    "P mask dropped first_h first_c bias gates h c p out last_h last_c",
)
_BACK = structure("P dout da ds dh dc dp dropped")


class CupyRecurrent(Backend):
    """Overrides of ``kernels/recurrent.py``."""

    def lstm(
        self,
        x: Array,
        h: Array,
        c: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None = None,
        recurrent_mask: Array | None = None,
        return_sequences: bool = True,
        zero_output: bool = False,
    ) -> tuple[Array, Array, Array, Callable[..., tuple[Any, ...]]]:
        options = (return_sequences, zero_output)
        if not is_usual(x, h):
            return super().lstm(x, h, c, kernel, recurrent_kernel, bias, mask, recurrent_mask, *options)
        run = Run(self._inputs(x, kernel, bias), h, c, mask, recurrent_mask, *options)
        run.forward(self, "lstm", recurrent_kernel)

        def gradients(doutputs: Array, dh: Array, dc: Array, out: Sequence[Any]) -> tuple[Any, ...]:
            back = Back(run, doutputs, dh, dc)
            back.run(self, "lstm", recurrent_kernel)
            dx, dkernel, dbias = self._input_gradients(back.da, x, kernel, bias, (out[0], out[3], out[5]))
            drecurrent = None if out[4] is False else self.matmul(run.h_in().T, _rows(back.da), out=out[4])
            return dx, back.dh, back.dc, dkernel, drecurrent, dbias, back.dropped

        return run.out, run.last_h, run.last_c, gradients

    def gru(
        self,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None = None,
        recurrent_mask: Array | None = None,
        reset_after: bool = True,
        return_sequences: bool = True,
        zero_output: bool = False,
    ) -> tuple[Array, Array, Callable[..., tuple[Any, ...]]]:
        options = (return_sequences, zero_output)
        if not is_usual(x, h):
            return super().gru(x, h, kernel, recurrent_kernel, bias, mask, recurrent_mask, reset_after, *options)
        two, units = bias is not None and bias.ndim == 2, h.shape[1]
        first, second = (bias[0], bias[1]) if bias is not None and two else (bias, None)
        run = Run(self._inputs(x, kernel, first), h, None, mask, recurrent_mask, *options, second)
        run.p = cp.empty((*x.shape[:2], units), x.dtype)
        parts = (
            [recurrent_kernel] if reset_after else [recurrent_kernel[:, : 2 * units], recurrent_kernel[:, 2 * units :]]
        )
        run.forward(self, "gru" if reset_after else "gru_paper", *parts)

        def gradients(doutputs: Array, dh: Array, out: Sequence[Any]) -> tuple[Any, ...]:
            back = Back(run, doutputs, dh, None)
            if reset_after:
                back.ds = cp.empty_like(back.da)
            else:
                back.dp = cp.empty_like(back.dh)
            back.run(self, "gru" if reset_after else "gru_paper", *parts)
            da, ds = back.da, back.ds if reset_after else back.da
            wants = (out[0], out[2], False if two else out[4])
            dx, dkernel, dbias = self._input_gradients(da, x, kernel, None if two else bias, wants)
            if two and out[4] is not False:
                dbias = cp.stack([self.sum_rows(da), self.sum_rows(ds)])
            drecurrent = None
            if reset_after and out[3] is not False:
                drecurrent = self.matmul(run.h_in().T, _rows(ds), out=out[3])
            elif out[3] is not False:
                of_gates = self.matmul(run.h_in().T, contiguous(_rows(da)[:, : 2 * units]))
                of_candidate = self.matmul(_rows(run.p).T, contiguous(_rows(da)[:, 2 * units :]))
                drecurrent = cp.concatenate([of_gates, of_candidate], axis=1)
            return dx, back.dh, dkernel, drecurrent, dbias, back.dropped

        return run.out, run.last_h, gradients

    def simple_rnn(
        self,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None = None,
        recurrent_mask: Array | None = None,
        activation: Any = None,
        return_sequences: bool = True,
        zero_output: bool = False,
    ) -> tuple[Array, Array, Callable[..., tuple[Any, ...]]]:
        options = (return_sequences, zero_output)
        if activation is not None or not is_usual(x, h):
            return super().simple_rnn(x, h, kernel, recurrent_kernel, bias, mask, recurrent_mask, activation, *options)
        run = Run(self._inputs(x, kernel, bias), h, None, mask, recurrent_mask, *options)
        run.forward(self, "simple", recurrent_kernel)

        def gradients(doutputs: Array, dh: Array, out: Sequence[Any]) -> tuple[Any, ...]:
            back = Back(run, doutputs, dh, None)
            back.run(self, "simple", recurrent_kernel)
            dx, dkernel, dbias = self._input_gradients(back.da, x, kernel, bias, (out[0], out[2], out[4]))
            drecurrent = None if out[3] is False else self.matmul(run.h_in().T, _rows(back.da), out=out[3])
            return dx, back.dh, dkernel, drecurrent, dbias, back.dropped

        return run.out, run.last_h, gradients


# The kernels of a step, forward, and back in the order of calculation: the units that each writes to a row, for the product that
# follows it. Those of a step forward come after a product.
FORWARD = {
    "lstm": ["lstm_step"],
    "gru": ["gru_step"],
    "simple": ["simple_step"],
    "gru_paper": ["gru_gates_step", "gru_candidate_step"],
}
BACK = {
    "lstm": [("lstm_step_back", 4)],
    "gru": [("gru_step_back", 3)],
    "simple": [("simple_step_back", 1)],
    "gru_paper": [("gru_candidate_step_back", 1), ("gru_gates_step_back", 2)],
}


class Run:
    """The arrays of a call, in the order of the kernels' structure of that name, with the batch first."""

    p: Any = None

    def __init__(
        self,
        gates: Array,
        h: Array,
        c: Array | None,
        mask: Array | None,
        recurrent_mask: Array | None,
        return_sequences: bool,
        zero_output: bool,
        bias: Array | None = None,
    ) -> None:
        (self.batch, self.steps, self.columns), self.units, dtype = gates.shape, h.shape[1], gates.dtype
        self.all, self.zero = return_sequences, zero_output
        self.mask, self.bias, self.gates = contiguous(mask), contiguous(bias), contiguous(gates)
        self.recurrent_mask = contiguous(recurrent_mask)
        self.first_h, self.first_c = contiguous(h), contiguous(c)
        states, shape = (self.batch, self.steps + 1, self.units), (self.batch, self.units)
        self.h, self.last_h = cp.empty(states, dtype), cp.empty(shape, dtype)
        self.c: Any = None if c is None else cp.empty(states, dtype)
        self.last_c: Any = None if c is None else cp.empty(shape, dtype)
        self.out = cp.empty((self.batch, self.steps, self.units) if return_sequences else shape, dtype)

    def structure(self) -> Any:
        """The argument of a kernel."""
        inputs = (self.mask, self.recurrent_mask, self.first_h, self.first_c, self.bias)
        results = (self.gates, self.h, self.c, self.p, self.out, self.last_h, self.last_c)
        sizes = (self.batch, self.steps, self.units, self.all, self.zero)
        return np.array((*sizes, *map(address, (*inputs, *results))), dtype=_RUN)

    def forward(self, backend: Any, name: str, *kernels: Array) -> None:
        """All steps. kernels: the recurrent kernel, in the parts that are multiplied one after the other."""
        run = self.structure()
        parts = [contiguous(part) for part in kernels]
        if self.is_small():
            self.all_steps(f"{name}_sequence", run, *parts)
            return
        h_in = self.empty(self.units)
        products = [self.empty(part.shape[1]) for part in parts]
        rows = [*(self.empty(self.units) for _ in parts[1:]), h_in]  # what a step's kernels write
        self.each_unit("begin", run, h_in)
        for t in range(self.steps):
            x = h_in
            for part, product, function, row in zip(parts, products, FORWARD[name], rows):
                backend.matmul(x, part, out=product)
                self.each_unit(function, run, product, row, cp.int64(t))
                x = row

    def h_in(self) -> Array:
        """What the recurrent kernel was multiplied with at each step: (batch * steps, units)"""
        before = self.h[:, :-1]
        return _rows(contiguous(before) if self.recurrent_mask is None else before * self.recurrent_mask[:, None])

    def is_small(self) -> bool:
        return bool(self.units * self.columns * self.gates.itemsize <= SMALL)

    def empty(self, columns: int) -> Array:
        """A row for each sample."""
        return cp.empty((self.batch, columns), self.gates.dtype)

    def each_unit(self, name: str, run: Any, *arguments: Any) -> None:
        """Launch a kernel with a thread for each unit of each sample."""
        function = kernel("recurrent", name, self.gates.dtype.char)
        launch(function, self.batch * self.units, run, *arguments)

    def all_steps(self, name: str, run: Any, *arguments: Any) -> None:
        """Launch a kernel with a block for each sample."""
        threads = min(-(-self.columns // 32) * 32, MOST_THREADS)
        shared = (2 * self.units + self.columns + threads) * self.gates.itemsize
        function = kernel("recurrent", name, self.gates.dtype.char)
        function((self.batch,), (threads,), (run, *arguments), shared_mem=shared)


class Back:
    """The gradients of a call, as the kernels' structure of that name has them."""

    ds: Any = None
    dp: Any = None

    def __init__(self, run: Run, doutputs: Array, dh: Array, dc: Array | None) -> None:
        self._run, self._doutputs = run, contiguous(doutputs)
        self.da = cp.empty_like(run.gates)
        self.dh, self.dc = cp.array(dh, order="C"), None if dc is None else cp.array(dc, order="C")
        self.dropped = None if run.recurrent_mask is None else cp.zeros_like(run.recurrent_mask)

    def run(self, backend: Any, name: str, *kernels: Array) -> None:
        """All steps, from the last to the first. kernels: as in ``Run.forward``"""
        forward, run = self._run, self._run.structure()
        arrays = (self._doutputs, self.da, self.ds, self.dh, self.dc, self.dp, self.dropped)
        back = np.array(tuple(map(address, arrays)), dtype=_BACK)
        if forward.is_small():
            forward.all_steps(f"{name}_sequence_back", run, back, *(contiguous(part.T) for part in kernels))
            return
        parts = [contiguous(part).T for part in reversed(kernels)]
        rows = [forward.empty(n * forward.units) for _, n in BACK[name]]
        products = [forward.empty(forward.units) for _ in parts]
        for t in reversed(range(forward.steps)):
            x = products[-1]  # of the step that comes after this; the last step does not look at it
            for part, product, (function, _), row in zip(parts, products, BACK[name], rows):
                forward.each_unit(function, run, back, x, row, cp.int64(t))
                backend.matmul(row, part, out=product)
                x = product
        forward.each_unit("end", run, back, products[-1])


def is_usual(x: Array, h: Array) -> bool:
    """Whether there is something to compute, in a dtype that the kernels have."""
    return bool(x.size and h.size and x.dtype.char in "fd")


def _rows(x: Array) -> Array:
    """(batch, steps, n) -> (batch * steps, n)"""
    return x.reshape(-1, x.shape[2])

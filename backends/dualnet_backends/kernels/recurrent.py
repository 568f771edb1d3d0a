"""Recurrent networks over whole sequences, and their gradients: the reference kernels.

x: (batch, steps, features)  h, c: (batch, units), the states before the first step  mask: (batch, steps) or None.  A sample whose mask
is False at a step keeps its states there.  recurrent_mask: (batch, units) or None, multiplies h before every product with the
recurrent kernel.

Each kernel returns what the layer shows (see ``_shown``), the states after the last step, and the function that computes the
gradients by backpropagation through time. That function takes the gradients of those results, and for each of the tensors of
the kernel, but the mask, what is wanted: False for a gradient that nobody asks for, an array to write it into, or None; it
returns the gradients in that order. One product computes the contributions of all inputs, and one the gradient of a kernel over all
steps; what has to be done step by step is the recurrence alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Array = Any
Gradients = Callable[..., tuple[Any, ...]]


class Recurrent:
    """The recurrent kernels of ``Backend``."""

    xp: Any
    affine: Callable[..., Array]
    matmul: Callable[..., Array]
    sum_rows: Callable[..., Array]
    stack: Callable[..., Array]

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
    ) -> tuple[Array, Array, Array, Gradients]:
        """(outputs, h, c, gradients) of an LSTM.

        i, f, o = sigmoid(x W + h U + b)    g = tanh(x W + h U + b)    c = f c + i g    h = o tanh(c)

        kernel W: (features, 4 units), the columns in the order i, f, g, o  recurrent_kernel U: (units, 4 units)  bias b: (4 units,)
        """
        xp, units = self.xp, h.shape[1]
        inputs = self._inputs(x, kernel, bias)
        saved, hs = [], []
        for t in range(x.shape[1]):
            h_in = _times(h, recurrent_mask)
            z = inputs[:, t] + self.matmul(h_in, recurrent_kernel)
            i, f, o = (_sigmoid(xp, z[:, k * units : (k + 1) * units]) for k in (0, 1, 3))
            g = xp.tanh(z[:, 2 * units : 3 * units])
            c_new = f * c + i * g
            y = xp.tanh(c_new)
            saved.append((h, h_in, c, i, f, g, o, y))
            h, c = _select(xp, mask, t, o * y, h), _select(xp, mask, t, c_new, c)
            hs.append(h)
        outputs, is_shown = self._shown(hs, h, mask, return_sequences, zero_output)

        def gradients(doutputs: Array, dh: Array, dc: Array, out: Sequence[Any]) -> tuple[Any, ...]:
            drecurrent_mask: Any = None
            dz: Any = [None] * len(saved)
            for t in reversed(range(len(saved))):
                h, _, c, i, f, g, o, y = saved[t]
                dh = _add_output(xp, dh, doutputs, is_shown, t, len(saved))
                (dh, dh_kept), (dc, dc_kept) = _split(xp, mask, t, dh), _split(xp, mask, t, dc)
                dc = dc + dh * o * (1 - y * y)
                di, df, dg, do = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * y * o * (1 - o)
                dz[t] = xp.concatenate([di, df, dg, do], axis=1)
                dh = self.matmul(dz[t], recurrent_kernel.T)
                drecurrent_mask = _add_product(drecurrent_mask, dh, h, recurrent_mask)
                dh, dc = _times(dh, recurrent_mask), dc * f
                dh, dc = (dh, dc) if mask is None else (dh + dh_kept, dc + dc_kept)
            dzs = self._steps(dz, x, 4 * units)
            dx, dkernel, dbias = self._input_gradients(dzs, x, kernel, bias, (out[0], out[3], out[5]))
            drecurrent = self._kernel_gradient([s[1] for s in saved], dzs, recurrent_kernel, out[4])
            return dx, dh, dc, dkernel, drecurrent, dbias, drecurrent_mask

        return outputs, h, c, gradients

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
    ) -> tuple[Array, Array, Gradients]:
        """(outputs, h, gradients) of a GRU.

        z, r = sigmoid(x W + h U + b)    h = z h + (1 - z) tanh(x W + r (h U + b') + b)

        with r h in the place of h and without the second bias unless ``reset_after``.  kernel W: (features, 3 units), the columns in the
        order z, r, h  recurrent_kernel U: (units, 3 units)  bias: (3 units,), or (2, 3 units) with the second bias in the second row
        """
        xp, units = self.xp, h.shape[1]
        two = bias is not None and bias.ndim == 2
        first, second = (bias[0], bias[1]) if bias is not None and two else (bias, None)
        inputs = self._inputs(x, kernel, first)
        gates, candidate = recurrent_kernel[:, : 2 * units], recurrent_kernel[:, 2 * units :]
        saved, hs = [], []
        for t in range(x.shape[1]):
            h_in = _times(h, recurrent_mask)
            a = inputs[:, t]
            p: Any = None
            if reset_after:
                s = self.affine(h_in, recurrent_kernel, second)
                zr, p = _sigmoid(xp, a[:, : 2 * units] + s[:, : 2 * units]), s[:, 2 * units :]
                z, r = zr[:, :units], zr[:, units:]
                g = xp.tanh(a[:, 2 * units :] + r * p)
            else:
                zr = _sigmoid(xp, a[:, : 2 * units] + self.matmul(h_in, gates))
                z, r = zr[:, :units], zr[:, units:]
                p = r * h_in
                g = xp.tanh(a[:, 2 * units :] + self.matmul(p, candidate))
            saved.append((h, h_in, z, r, g, p))
            h = _select(xp, mask, t, g + z * (h - g), h)
            hs.append(h)
        outputs, is_shown = self._shown(hs, h, mask, return_sequences, zero_output)

        def gradients(doutputs: Array, dh: Array, out: Sequence[Any]) -> tuple[Any, ...]:
            drecurrent_mask: Any = None
            da: Any = [None] * len(saved)  # of x W + b
            ds: Any = [None] * len(
                saved
            )  # of h U, in the columns of the gates, and in the others of (r h) U or h U + b'
            for t in reversed(range(len(saved))):
                h, h_in, z, r, g, p = saved[t]
                dh = _add_output(xp, dh, doutputs, is_shown, t, len(saved))
                dh, kept = _split(xp, mask, t, dh)
                dg = dh * (1 - z) * (1 - g * g)
                dz = dh * (h - g) * z * (1 - z)
                if reset_after:
                    dr = dg * p * r * (1 - r)
                    ds[t] = xp.concatenate([dz, dr, dg * r], axis=1)
                    dh_in = self.matmul(ds[t], recurrent_kernel.T)
                else:
                    dp = self.matmul(dg, candidate.T)
                    dr = dp * h_in * r * (1 - r)
                    ds[t] = xp.concatenate([dz, dr, dg], axis=1)
                    dh_in = self.matmul(ds[t][:, : 2 * units], gates.T) + dp * r
                da[t] = xp.concatenate([dz, dr, dg], axis=1)
                drecurrent_mask = _add_product(drecurrent_mask, dh_in, h, recurrent_mask)
                dh = dh * z + _times(dh_in, recurrent_mask)
                dh = dh if mask is None else dh + kept
            das, dss = self._steps(da, x, 3 * units), self._steps(ds, x, 3 * units)
            wants = (out[0], out[2], False if two else out[4])
            dx, dkernel, dbias = self._input_gradients(das, x, kernel, None if two else bias, wants)
            if two and out[4] is not False:
                dbias = xp.stack([self.sum_rows(das), self.sum_rows(dss)])
            h_ins = [s[1] for s in saved]
            if reset_after or out[3] is False:
                drecurrent = self._kernel_gradient(h_ins, dss, recurrent_kernel, out[3])
            else:
                of_gates = self._kernel_gradient(h_ins, dss[..., : 2 * units], gates, None)
                of_candidate = self._kernel_gradient([s[5] for s in saved], dss[..., 2 * units :], candidate, None)
                drecurrent = xp.concatenate([of_gates, of_candidate], axis=1)
            return dx, dh, dkernel, drecurrent, dbias, drecurrent_mask

        return outputs, h, gradients

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
    ) -> tuple[Array, Array, Gradients]:
        """(outputs, h, gradients) of h = activation(x W + h U + b).

        kernel W: (features, units)  recurrent_kernel U: (units, units)  bias b: (units,)

        activation: ``forward(backend, x)``, which may work in place, and ``gradient(backend, y, dy)``; None: tanh.
        """
        xp, units = self.xp, h.shape[1]
        inputs = self._inputs(x, kernel, bias)
        saved, hs = [], []
        for t in range(x.shape[1]):
            h_in = _times(h, recurrent_mask)
            a = inputs[:, t] + self.matmul(h_in, recurrent_kernel)
            y = xp.tanh(a) if activation is None else activation.forward(self, a)
            saved.append((h, h_in, y))
            h = _select(xp, mask, t, y, h)
            hs.append(h)
        outputs, is_shown = self._shown(hs, h, mask, return_sequences, zero_output)

        def gradients(doutputs: Array, dh: Array, out: Sequence[Any]) -> tuple[Any, ...]:
            drecurrent_mask: Any = None
            da: Any = [None] * len(saved)
            for t in reversed(range(len(saved))):
                h, _, y = saved[t]
                dh = _add_output(xp, dh, doutputs, is_shown, t, len(saved))
                dh, kept = _split(xp, mask, t, dh)
                da[t] = dh * (1 - y * y) if activation is None else activation.gradient(self, y, dh)
                dh = self.matmul(da[t], recurrent_kernel.T)
                drecurrent_mask = _add_product(drecurrent_mask, dh, h, recurrent_mask)
                dh = _times(dh, recurrent_mask)
                dh = dh if mask is None else dh + kept
            das = self._steps(da, x, units)
            dx, dkernel, dbias = self._input_gradients(das, x, kernel, bias, (out[0], out[2], out[4]))
            drecurrent = self._kernel_gradient([s[1] for s in saved], das, recurrent_kernel, out[3])
            return dx, dh, dkernel, drecurrent, dbias, drecurrent_mask

        return outputs, h, gradients

    # -- what they share -----------------------------------------------------------------------------------------

    def _inputs(self, x: Array, kernel: Array, bias: Array | None) -> Array:
        """x W + b of all steps: (batch, steps, columns)"""
        rows = self.affine(x.reshape(-1, x.shape[2]), kernel, bias)
        return rows.reshape(*x.shape[:2], kernel.shape[1])

    def _input_gradients(
        self, da: Array, x: Array, kernel: Array, bias: Array | None, out: tuple[Any, Any, Any]
    ) -> tuple[Any, Any, Any]:
        """(dx, dkernel, dbias) of x W + b"""
        rows = da.reshape(-1, da.shape[2])
        dx = dkernel = dbias = None
        if out[0] is not False:
            dx = self.matmul(rows, kernel.T).reshape(x.shape)
        if out[1] is not False:
            dkernel = self.matmul(x.reshape(-1, x.shape[2]).T, rows, out=out[1])
        if bias is not None and out[2] is not False:
            dbias = self.sum_rows(rows, out=out[2])
        return dx, dkernel, dbias

    def _kernel_gradient(self, hs: list[Array], da: Array, kernel: Array, out: Any) -> Any:
        """The gradient of a recurrent kernel, from what it was multiplied with at each step."""
        if out is False:
            return None
        rows = self._steps(hs, da, kernel.shape[0]).reshape(-1, kernel.shape[0])
        return self.matmul(rows.T, da.reshape(-1, da.shape[2]), out=out)

    def _steps(self, parts: list[Array], like: Array, width: int) -> Array:
        """The arrays of all steps as one, (batch, steps, width).  like: any array of that batch."""
        return self.stack(parts, 1) if parts else self.xp.zeros((like.shape[0], 0, width), dtype=like.dtype)

    def _shown(
        self, hs: list[Array], h: Array, mask: Array | None, return_sequences: bool, zero_output: bool
    ) -> tuple[Array, Any]:
        """What a layer shows of its states: those of all steps, (batch, steps, units), or that of the last, (batch, units).

        For a masked step it shows what it showed for the step before, at first zeros; or always zeros, with ``zero_output``.

        Returns:
            that, and whether a state is shown: (batch, steps, 1), or (batch, 1); None if all of them are.
        """
        xp = self.xp
        is_shown = None if mask is None else (mask if zero_output else xp.cumsum(mask, axis=1) > 0)
        if not return_sequences:
            is_shown = None if is_shown is None else is_shown[:, -1:]
            outputs = h if hs else xp.zeros_like(h)
        else:
            is_shown = None if is_shown is None else is_shown[:, :, None]
            outputs = self.stack(hs, 1) if hs else xp.zeros((h.shape[0], 0, h.shape[1]), dtype=h.dtype)
        if is_shown is None or not hs:
            return (outputs if return_sequences else xp.array(outputs)), None
        return xp.where(is_shown, outputs, xp.zeros_like(outputs)), is_shown


def _sigmoid(xp: Any, x: Array) -> Array:
    # 1 / (1 + e^-x) would overflow for large negative x; a half tanh does not.
    return xp.tanh(x * 0.5) * 0.5 + 0.5


def _times(h: Array, mask: Array | None) -> Array:
    return h if mask is None else h * mask


def _add_product(total: Any, dh: Array, h: Array, mask: Array | None) -> Any:
    """The gradient of the recurrent mask, with the contribution of one more step."""
    if mask is None:
        return None
    return dh * h if total is None else total + dh * h


def _select(xp: Any, mask: Array | None, t: int, new: Array, old: Array) -> Array:
    """The new state of the samples that have a step t, the old one of the others."""
    return new if mask is None else xp.where(mask[:, t : t + 1], new, old)


def _split(xp: Any, mask: Array | None, t: int, d: Array) -> tuple[Array, Any]:
    """The gradients of the new state and of the old one, from that of ``_select``."""
    if mask is None:
        return d, None
    m, zero = mask[:, t : t + 1], xp.zeros_like(d)
    return xp.where(m, d, zero), xp.where(m, zero, d)


def _add_output(xp: Any, dh: Array, doutputs: Array, is_shown: Any, t: int, steps: int) -> Array:
    """The gradient of the state after step t, with that of what is shown of it."""
    if doutputs.ndim == 2:
        if t < steps - 1:
            return dh
        return dh + (doutputs if is_shown is None else xp.where(is_shown, doutputs, xp.zeros_like(doutputs)))
    d = doutputs[:, t]
    return dh + (d if is_shown is None else xp.where(is_shown[:, t], d, xp.zeros_like(d)))

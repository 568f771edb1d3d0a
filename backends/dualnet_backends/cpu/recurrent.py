"""Recurrent networks on the CPU: everything in place, and with the batch on the last axis.

A step is a product and some ten short operations, so that what counts is how many calls there are, and that each runs over memory
without gaps. Therefore arrays are (steps, rows, batch): the gates of a step, and each of them, are in one piece; its inputs, a row of
ones and the state before it are the rows of one matrix, which one product with [kernel, bias, recurrent kernel] turns into all
gates. One tanh serves them: sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, with the first half in the weights, which is exact. Backwards,
the factors that do not depend on later steps are computed for several steps at once, and so are the gradients of the kernels,
while the arrays are in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ..kernels.recurrent import Array, Gradients, Recurrent
from .recurrent_steps import Backward, Forward, is_usual, reordered, scatter


class NumpyRecurrent(Recurrent):
    """Overrides for float32 and float64."""

    xp: Any = np
    computing: Callable[[], AbstractContextManager[Any]]

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
        options = (mask, recurrent_mask, return_sequences, zero_output)
        if not is_usual(x, h):
            return super().lstm(x, h, c, kernel, recurrent_kernel, bias, *options)
        u, features = h.shape[1], x.shape[2]
        order = (slice(0, u), slice(u, 2 * u), slice(3 * u, 4 * u), slice(2 * u, 3 * u))  # i, f, o, then g
        run = Forward(self, x, h, *options)
        weights = run.weights(kernel, recurrent_kernel, bias, order)
        weights[: 3 * u] *= 0.5
        gates, parts, tanh_c = run.empty(4 * u), run.empty(2 * u), run.empty(u)  # parts: of c, i g and f c
        i, f, o, g = (gates[:, k * u : (k + 1) * u] for k in range(4))
        i_g, f_c = parts[:, :u], parts[:, u:]
        c, c_n = np.array(c.T, order="C"), np.empty(c.T.shape, x.dtype)
        steps = zip(run.xh, gates, gates[:, : 3 * u], i, f, o, g, i_g, f_c, tanh_c, run.h[1:])
        with self.computing():
            product, half = run.product(weights), np.array(0.5, x.dtype)
            for n, (xh, all_gates, s, i_n, f_n, o_n, g_n, ig_n, fc_n, y_n, h_n) in enumerate(steps):
                product(xh, all_gates)
                np.tanh(all_gates, all_gates)
                np.multiply(s, half, s)
                np.add(s, half, s)
                np.multiply(i_n, g_n, ig_n)
                np.multiply(f_n, c, fc_n)
                np.add(ig_n, fc_n, c_n)
                np.tanh(c_n, y_n)
                np.multiply(o_n, y_n, h_n)
                if run.is_special:
                    run.end_step(n, (c, c_n))
                c, c_n = c_n, c

        def gradients(doutputs: Array, dh: Array, dc: Array, out: Sequence[Any]) -> tuple[Any, ...]:
            back = Backward(run, doutputs, dh)
            dh, dc, t = back.dh, dc.T.copy(), np.empty_like(back.dh)
            # Of the gates, at first as factors of dc and dh; and the derivative of h by c.
            d, q = run.empty(4 * u), run.empty(u)
            d_i, d_f, d_o, d_g = (d[:, k * u : (k + 1) * u] for k in range(4))

            def factors(part: slice) -> None:
                # The derivative of a sigmoid s is s (1 - s), and s times something has been computed already.
                h, d_if = run.h[1:][part], d[part, : 2 * u]
                np.subtract(parts[part], np.multiply(parts[part], gates[part, : 2 * u], out=d_if), out=d_if)
                np.subtract(h, np.multiply(h, o[part], out=d_o[part]), out=d_o[part])
                np.subtract(i[part], np.multiply(i_g[part], g[part], out=d_g[part]), out=d_g[part])
                np.subtract(o[part], np.multiply(h, tanh_c[part], out=q[part]), out=q[part])

            with self.computing():
                back.prepare(factors, d)
                product = run.product(reordered(recurrent_kernel, order))
                steps = list(zip(range(run.steps), d, d_i, d_f, d_o, d_g, q, f))
                for n, all_gates, i_n, f_n, o_n, g_n, q_n, forget in reversed(steps):
                    if back.is_special:
                        back.begin_step(n, dc)
                    np.multiply(dh, q_n, t)
                    np.add(dc, t, dc)
                    np.multiply(o_n, dh, o_n)
                    np.multiply(i_n, dc, i_n)
                    np.multiply(f_n, dc, f_n)
                    np.multiply(g_n, dc, g_n)
                    np.multiply(dc, forget, dc)
                    product(all_gates, dh)
                    if back.is_special:
                        back.drop(n, dh)
                        back.end_step(n)
                every = slice(None)
                wanted = any(request is not False for request in out[3:6])
                dx_kernel = None if out[0] is False else reordered(kernel, order)
                (dw,), dx = run.sums(d, [(every, (run.xh, every))], wanted, dx_kernel)
            dkernel = drecurrent = dbias = None
            if wanted:
                dkernel = scatter(dw[:, :features], order, out[3])
                drecurrent = scatter(dw[:, features + 1 :], order, out[4])
                dbias = None if bias is None else scatter(dw[:, features], order, out[5])
            return dx, dh.T.copy(), dc.T.copy(), dkernel, drecurrent, dbias, back.drecurrent_mask

        return run.outputs(), run.h[-1].T.copy(), c.T.copy(), gradients

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
        options = (return_sequences, zero_output)
        if not is_usual(x, h):
            return super().gru(x, h, kernel, recurrent_kernel, bias, mask, recurrent_mask, reset_after, *options)
        u, features = h.shape[1], x.shape[2]
        # The rows are g, r and z, and then p: what r is multiplied with, or without ``reset_after`` r h.
        order, gate_rows = (slice(2 * u, 3 * u), slice(u, 2 * u), slice(0, u)), slice(u, 3 * u)
        of_x, of_h = slice(0, features + 1), slice(features, None)  # the ones belong to both
        first, second = bias, None
        if bias is not None and bias.ndim == 2:
            first, second = bias[0].copy(), bias[1]
            first[: 2 * u] += second[: 2 * u]
        run = Forward(self, x, h, mask, recurrent_mask, *options)
        weights = run.weights(kernel, recurrent_kernel, first, order)
        weights[gate_rows] *= 0.5
        candidate = weights[:u, of_h].copy(order="K")
        candidate[:, 0] = 0 if second is None else second[order[0]]
        gates = run.empty(4 * u)
        g, r, z, p = (gates[:, k * u : (k + 1) * u] for k in range(4))
        steps = zip(run.xh, run.xh[:, of_x], run.xh[:, of_h], gates[:, gate_rows], g, r, z, p, run.h, run.h[1:])
        with self.computing():
            x_product, gate_product = run.product(weights[:u, of_x].copy(order="K")), run.product(weights[gate_rows])
            h_product = run.product(candidate if reset_after else candidate[:, 1:].copy(order="K"))
            half, t = np.array(0.5, x.dtype), np.empty_like(run.h[0])
            for n, (xh, x_1, h_1, rz, g_n, r_n, z_n, p_n, h_before, h_n) in enumerate(steps):
                gate_product(xh, rz)
                np.tanh(rz, rz)
                np.multiply(rz, half, rz)
                np.add(rz, half, rz)
                x_product(x_1, g_n)
                if reset_after:
                    h_product(h_1, p_n)
                    np.multiply(r_n, p_n, t)
                else:
                    np.multiply(r_n, run.h_in[n], p_n)
                    h_product(p_n, t)
                np.add(g_n, t, g_n)
                np.tanh(g_n, g_n)
                np.subtract(h_before, g_n, t)
                np.multiply(t, z_n, t)
                np.add(g_n, t, h_n)
                if run.is_special:
                    run.end_step(n)

        def gradients(doutputs: Array, dh: Array, out: Sequence[Any]) -> tuple[Any, ...]:
            back = Backward(run, doutputs, dh)
            dh, t = back.dh, np.empty_like(run.h[0])
            d = run.empty(4 * u)  # of g, r, z and p, at first as factors of dh, and for r of dp
            d_g, d_r, d_z, d_p = (d[:, k * u : (k + 1) * u] for k in range(4))

            def factors(part: slice) -> None:
                dg, dr, dz, keep = d_g[part], d_r[part], d_z[part], d_p[part]
                np.subtract(1, z[part], out=keep)
                np.subtract(1, np.multiply(g[part], g[part], out=dg), out=dg)
                dg *= keep
                np.subtract(run.h[:-1][part], g[part], out=dz)
                dz *= z[part]
                dz *= keep
                np.subtract(1, r[part], out=dr)
                # Times dp it is dr. With ``reset_after`` r (1 - r) p dg, and dp = r dg; without, r (1 - r) h dp, and p = r h.
                dr *= p[part]

            with self.computing():
                back.prepare(factors, d[:, : 3 * u])
                of_r_z, of_g = reordered(recurrent_kernel, order[1:]), recurrent_kernel[:, order[0]].copy()
                gate_product = run.product(np.concatenate([of_r_z, of_g], axis=1) if reset_after else of_r_z)
                g_product = run.product(of_g)
                of_products = d[:, u:] if reset_after else d[:, gate_rows]
                steps = list(zip(range(run.steps), of_products, d_g, d_r, d_z, d_p, r, z))
                for n, rows, dg_n, dr_n, dz_n, dp_n, r_n, z_n in reversed(steps):
                    if back.is_special:
                        back.begin_step(n)
                    np.multiply(dg_n, dh, dg_n)
                    np.multiply(dz_n, dh, dz_n)
                    if reset_after:
                        np.multiply(dg_n, r_n, dp_n)
                        np.multiply(dr_n, dp_n, dr_n)
                        gate_product(rows, t)
                    else:
                        g_product(dg_n, dp_n)
                        np.multiply(dr_n, dp_n, dr_n)
                        gate_product(rows, t)
                        np.multiply(dp_n, r_n, dp_n)
                        np.add(t, dp_n, t)
                    if back.is_special:
                        back.drop(n, t)
                    np.multiply(dh, z_n, dh)
                    np.add(dh, t, dh)
                    if back.is_special:
                        back.end_step(n)
                pairs = [(slice(0, 3 * u), (run.xh, of_x))]
                if reset_after:
                    pairs.append((slice(u, 4 * u), (run.xh, of_h)))
                else:
                    pairs += [(gate_rows, (run.xh, of_h)), (slice(0, u), (p, slice(None)))]
                wanted = any(request is not False for request in out[2:5])
                dx_kernel = None if out[0] is False else reordered(kernel, order)
                (dw, du, *dg), dx = run.sums(d, pairs, wanted, dx_kernel)
            dkernel = drecurrent = dbias = None
            if wanted:
                rows = du[:, 1:] if reset_after else np.concatenate([du[:, 1:], *dg])
                dkernel = scatter(dw[:, :features], order, out[2])
                drecurrent = scatter(rows, (*order[1:], order[0]), out[3])
                if bias is not None and second is None:
                    dbias = scatter(dw[:, features], order, out[4])
                elif bias is not None and out[4] is not False:
                    dbias = np.empty_like(bias) if out[4] is None else out[4]
                    scatter(dw[:, features], order, dbias[0])
                    scatter(du[:, 0], (*order[1:], order[0]), dbias[1])
            return dx, dh.T.copy(), dkernel, drecurrent, dbias, back.drecurrent_mask

        return run.outputs(), run.h[-1].T.copy(), gradients

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
        options = (return_sequences, zero_output)
        if not is_usual(x, h):
            return super().simple_rnn(x, h, kernel, recurrent_kernel, bias, mask, recurrent_mask, activation, *options)
        features, order = x.shape[2], (slice(0, h.shape[1]),)
        run = Forward(self, x, h, mask, recurrent_mask, *options)
        with self.computing():
            product = run.product(run.weights(kernel, recurrent_kernel, bias, order))
            for n, (xh, h_n) in enumerate(zip(run.xh, run.h[1:])):
                product(xh, h_n)
                if activation is None:
                    np.tanh(h_n, h_n)
                else:
                    np.copyto(h_n, activation.forward(self, h_n))
                if run.is_special:
                    run.end_step(n)

        def gradients(doutputs: Array, dh: Array, out: Sequence[Any]) -> tuple[Any, ...]:
            back = Backward(run, doutputs, dh)
            dh, d = back.dh, run.empty(run.units)

            def factors(part: slice) -> None:
                y = run.h[1:][part]
                if activation is None:
                    np.subtract(1, np.multiply(y, y, out=d[part]), out=d[part])
                else:
                    d[part] = activation.gradient(self, y, np.ones_like(y))

            with self.computing():
                back.prepare(factors, d)
                product = run.product(recurrent_kernel.copy())
                for n, d_n in reversed(list(enumerate(d))):
                    if back.is_special:
                        back.begin_step(n)
                    np.multiply(d_n, dh, d_n)
                    product(d_n, dh)
                    if back.is_special:
                        back.drop(n, dh)
                        back.end_step(n)
                every = slice(None)
                wanted = any(request is not False for request in out[2:5])
                (dw,), dx = run.sums(d, [(every, (run.xh, every))], wanted, None if out[0] is False else kernel)
            dkernel = drecurrent = dbias = None
            if wanted:
                dkernel = scatter(dw[:, :features], order, out[2])
                drecurrent = scatter(dw[:, features + 1 :], order, out[3])
                dbias = None if bias is None else scatter(dw[:, features], order, out[4])
            return dx, dh.T.copy(), dkernel, drecurrent, dbias, back.drecurrent_mask

        return run.outputs(), run.h[-1].T.copy(), gradients

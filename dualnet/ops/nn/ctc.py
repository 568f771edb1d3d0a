"""Connectionist temporal classification: sequences of labels without their times (Graves et al., ICML 2006)."""

from __future__ import annotations

from dualnet_backends import Backend

from .._common import Array, Forward, Xp, class_ids, floating, label_error, whole_numbers
from ..registry import op

_LOW = -3e38  # below any sum of logarithms; -inf - -inf would be NaN


def _log_sum(xp: Xp, terms: Array, axis: int) -> Array:
    """log(sum of e^term) along an axis, where terms may be -inf."""
    top = xp.maximum(terms.max(axis=axis, keepdims=True), _LOW)
    total = xp.exp(terms - top).sum(axis=axis)
    # The largest term adds e^0: a total is 0, or at least 1.
    return xp.where(total > 0, xp.log(xp.maximum(total, 1)) + top.reshape(total.shape), -xp.inf)


@op("nn", class_name="CTCLoss")
def ctc_loss(
    backend: Backend, target: Array, output: Array, target_length: Array, output_length: Array, /, mask_index: int = 0
) -> Forward:
    """-log of the probability that ``output`` reads ``target``: the sum over all alignments of the labels with the
    times, each repeated or followed by blanks; infinite where there are too few times.

    target: integers (batch, labels)  output: logits (batch, times, classes)  target_length, output_length: how many of
    them count, integers (batch,) -> (batch,).

    Args:
        mask_index: the class that is the blank.
    """
    xp = backend.xp
    log_p = backend.log_softmax(floating(output), -1)
    if log_p.dtype.itemsize < 4:
        log_p = log_p.astype("float32")  # sums over many times need the precision
    batch, times, classes = log_p.shape
    steps, labels = (
        whole_numbers(backend, n, "ctc", "lengths").astype("int32") for n in (output_length, target_length)
    )
    # The states: blank, label, blank, label, ..., blank; s is the class each of them emits.
    counted = xp.arange(target.shape[1]) < labels[:, None]
    labelled = xp.where(counted, target, xp.zeros_like(target))
    ids = class_ids(xp, labelled)
    try:
        valid = backend.valid_ids(ids, classes, "labels").all(axis=1)
    except IndexError:
        raise label_error("ctc", labelled, classes) from None
    target = ids  # what lies behind the labels of a sample is no label
    s = xp.full((batch, 2 * target.shape[1] + 1), mask_index, dtype="int32")
    s[:, 1::2] = target
    positions = xp.arange(s.shape[1], dtype="int32")
    # A blank between two labels may be left out when they differ.
    skip = xp.zeros(s.shape, dtype=bool)
    skip[:, 2:] = (s[:, 2:] != s[:, :-2]) & (positions[2:] % 2 == 1)
    last = 2 * labels[:, None]  # the state of the last blank; the last label stands before it
    final = (positions == last) | (positions == last - 1)
    emitted = xp.take_along_axis(log_p, xp.repeat(s[:, None, :], times, axis=1), axis=2)  # (batch, times, states)
    impossible = xp.full(s.shape, -xp.inf, dtype=log_p.dtype)

    def shifted(x: Array, by: int) -> Array:
        out = impossible.copy()
        if by > 0:
            out[:, by:] = x[:, :-by]
        else:
            out[:, :by] = x[:, -by:]
        return out

    # alpha_t(s): the log probability of all paths to s at t, the emission at t included.
    alpha = xp.empty(emitted.shape, dtype=log_p.dtype)
    now = xp.where(positions < 2, emitted[:, 0], impossible)
    alpha[:, 0] = now
    for t in range(1, times):
        moves = _log_sum(xp, xp.stack([now, shifted(now, 1), xp.where(skip, shifted(now, 2), impossible)]), 0)
        # A sequence that has ended keeps its last value.
        now = xp.where((t < steps)[:, None], moves + emitted[:, t], now)
        alpha[:, t] = now
    log_total = xp.where(valid, _log_sum(xp, xp.where(final, now, impossible), 1), xp.nan)

    def backward(dy: Array) -> tuple[None, Array, None, None]:
        # beta_t(s): the log probability of all paths from s at t to an end, the emission at t excluded.
        skip_next = xp.zeros(s.shape, dtype=bool)
        skip_next[:, :-2] = skip[:, 2:]
        beta = xp.empty(emitted.shape, dtype=log_p.dtype)
        end = xp.where(final, xp.zeros_like(impossible), impossible)
        after = end
        for t in range(times - 1, -1, -1):
            if t + 1 < times:
                onward = after + emitted[:, t + 1]
                transitions = [onward, shifted(onward, -1), xp.where(skip_next, shifted(onward, -2), impossible)]
                moves = _log_sum(xp, xp.stack(transitions), 0)
                after = xp.where((t + 1 < steps)[:, None], moves, end)
            beta[:, t] = after
        possible = log_total > -xp.inf
        base = xp.where(possible, log_total, xp.zeros_like(log_total))[:, None, None]
        posterior = xp.exp(alpha + beta - base)  # the probability of being in s at t, given the labels
        one_hot = backend.one_hot(s, classes, log_p.dtype)
        running = (xp.arange(times, dtype="int32") < steps[:, None]) & possible[:, None]
        dz = (xp.exp(log_p) - backend.matmul(posterior, one_hot)) * (running * dy[:, None])[..., None]
        return None, dz.astype(output.dtype, copy=False), None, None

    return (-log_total).astype(floating(output).dtype, copy=False), backward

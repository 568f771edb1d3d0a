"""Recurrent networks: a loop over the steps of a sequence.  x: (batch, steps, features)"""

import numpy as np

from .activations import sigmoid


def lstm(x, h, c, kernel, recurrent_kernel, bias=0, mask=None, go_backwards=False, zero_output=False):
    """Long short-term memory: a cell c that forgets (f) and takes in (i), and what it shows, h

    -> the outputs of all steps, h and c after the last
    """
    inputs = x @ kernel + bias
    outputs = []
    for t in reversed(range(x.shape[1])) if go_backwards else range(x.shape[1]):
        i, f, g, o = np.split(inputs[:, t] + h @ recurrent_kernel, 4, axis=1)
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        if mask is not None:
            new_h, new_c = np.where(mask[:, t, None], new_h, h), np.where(mask[:, t, None], new_c, c)
        h, c = new_h, new_c
        outputs.append(h)
    return finished(outputs, mask, go_backwards, zero_output), h, c


def gru(x, h, kernel, recurrent_kernel, bias=0, recurrent_bias=0, mask=None, go_backwards=False, zero_output=False):
    """The gated recurrent unit: z is how much of the state stays, r how much of it makes the candidate

    -> the outputs of all steps, and h after the last
    """
    inputs = x @ kernel + bias
    outputs = []
    for t in reversed(range(x.shape[1])) if go_backwards else range(x.shape[1]):
        z, r, candidate = np.split(inputs[:, t], 3, axis=1)
        of_z, of_r, of_candidate = np.split(h @ recurrent_kernel + recurrent_bias, 3, axis=1)
        z, r = sigmoid(z + of_z), sigmoid(r + of_r)
        new_h = z * h + (1 - z) * np.tanh(candidate + r * of_candidate)
        h = new_h if mask is None else np.where(mask[:, t, None], new_h, h)
        outputs.append(h)
    return finished(outputs, mask, go_backwards, zero_output), h


def gru_of_the_paper(x, h, kernel, recurrent_kernel, bias=0, mask=None, go_backwards=False, zero_output=False):
    """The gated recurrent unit, where r is applied before the product with the recurrent kernel"""
    units = h.shape[1]
    inputs = x @ kernel + bias
    outputs = []
    for t in reversed(range(x.shape[1])) if go_backwards else range(x.shape[1]):
        z, r, candidate = np.split(inputs[:, t], 3, axis=1)
        of_z, of_r = np.split(h @ recurrent_kernel[:, : 2 * units], 2, axis=1)
        z, r = sigmoid(z + of_z), sigmoid(r + of_r)
        new_h = z * h + (1 - z) * np.tanh(candidate + (r * h) @ recurrent_kernel[:, 2 * units :])
        h = new_h if mask is None else np.where(mask[:, t, None], new_h, h)
        outputs.append(h)
    return finished(outputs, mask, go_backwards, zero_output), h


def simple_rnn(
    x, h, kernel, recurrent_kernel, bias=0, mask=None, activation=np.tanh, go_backwards=False, zero_output=False
):
    """h = activation(x W + h U + b)  -> the outputs of all steps, and h after the last"""
    inputs = x @ kernel + bias
    outputs = []
    for t in reversed(range(x.shape[1])) if go_backwards else range(x.shape[1]):
        new_h = activation(inputs[:, t] + h @ recurrent_kernel)
        h = new_h if mask is None else np.where(mask[:, t, None], new_h, h)
        outputs.append(h)
    return finished(outputs, mask, go_backwards, zero_output), h


def finished(outputs, mask, go_backwards, zero_output):
    """The outputs of all steps as one array, in the order they were computed.

    Where the mask is False, a state stays as it was. The output is the one before, zeros before the first (or everywhere).
    """
    y = np.stack(outputs, axis=1)
    if mask is not None:
        mask = mask[:, ::-1] if go_backwards else mask
        shown = mask if zero_output else np.logical_or.accumulate(mask, axis=1)
        y = np.where(shown[:, :, None], y, 0)
    return y


def run_steps(step, x, states, mask=None, first_output=None, go_backwards=False, zero_output=False):
    """output, *states = step(x of one step, *states), for all steps.  x: (batch, steps, ...)

    Where the mask is False, the states and the output stay as they were.

    -> the outputs of all steps, and the states after the last
    """
    steps = range(x.shape[1])
    output, outputs = None, []
    for t in reversed(steps) if go_backwards else steps:
        new, *new_states = step(x[:, t], *states)
        if mask is not None:
            if output is None:
                output = np.zeros_like(new) if first_output is None or zero_output else states[first_output]
            new = choose(mask[:, t], new, output)
            new_states = [choose(mask[:, t], a, b) for a, b in zip(new_states, states)]
        states = new_states
        output = output if zero_output and mask is not None else new
        outputs.append(new)
    return np.stack(outputs, axis=1), *states


def choose(mask, new, old):
    """New values for the samples where the mask holds.  mask: (batch,)"""
    return np.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

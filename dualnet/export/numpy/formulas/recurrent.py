"""Recurrent networks: a loop over the steps of a sequence.  x: (batch, steps, features)"""

import numpy as np

from .activations import sigmoid


def lstm(x, kernel, recurrent_kernel, bias=0, initial_state=None, mask=None, go_backwards=False, zero_output=False):
    """Long short-term memory: a cell c that forgets (f) and takes in (i), and what it shows, h

    -> the outputs of all steps, h and c after the last
    """
    h, c = np.zeros((2, len(x), len(recurrent_kernel)), dtype=x.dtype) if initial_state is None else initial_state
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
    y = np.stack(outputs, axis=1)
    return (y if mask is None else shown(y, mask, go_backwards, zero_output)), h, c


def gru(
    x,
    kernel,
    recurrent_kernel,
    bias=0,
    recurrent_bias=0,
    initial_state=None,
    mask=None,
    go_backwards=False,
    zero_output=False,
):
    """The gated recurrent unit: z is how much of the state stays, r how much of it makes the candidate

    -> the outputs of all steps, and h after the last
    """
    h = np.zeros((len(x), len(recurrent_kernel)), dtype=x.dtype) if initial_state is None else initial_state
    inputs = x @ kernel + bias
    outputs = []
    for t in reversed(range(x.shape[1])) if go_backwards else range(x.shape[1]):
        z, r, candidate = np.split(inputs[:, t], 3, axis=1)
        of_z, of_r, of_candidate = np.split(h @ recurrent_kernel + recurrent_bias, 3, axis=1)
        z, r = sigmoid(z + of_z), sigmoid(r + of_r)
        new_h = z * h + (1 - z) * np.tanh(candidate + r * of_candidate)
        h = new_h if mask is None else np.where(mask[:, t, None], new_h, h)
        outputs.append(h)
    y = np.stack(outputs, axis=1)
    return (y if mask is None else shown(y, mask, go_backwards, zero_output)), h


def gru_of_the_paper(
    x, kernel, recurrent_kernel, bias=0, initial_state=None, mask=None, go_backwards=False, zero_output=False
):
    """The gated recurrent unit, where r is applied before the product with the recurrent kernel"""
    units = len(recurrent_kernel)
    h = np.zeros((len(x), units), dtype=x.dtype) if initial_state is None else initial_state
    inputs = x @ kernel + bias
    outputs = []
    for t in reversed(range(x.shape[1])) if go_backwards else range(x.shape[1]):
        z, r, candidate = np.split(inputs[:, t], 3, axis=1)
        of_z, of_r = np.split(h @ recurrent_kernel[:, : 2 * units], 2, axis=1)
        z, r = sigmoid(z + of_z), sigmoid(r + of_r)
        new_h = z * h + (1 - z) * np.tanh(candidate + (r * h) @ recurrent_kernel[:, 2 * units :])
        h = new_h if mask is None else np.where(mask[:, t, None], new_h, h)
        outputs.append(h)
    y = np.stack(outputs, axis=1)
    return (y if mask is None else shown(y, mask, go_backwards, zero_output)), h


def simple_rnn(
    x,
    kernel,
    recurrent_kernel,
    bias=0,
    initial_state=None,
    mask=None,
    activation=np.tanh,
    go_backwards=False,
    zero_output=False,
):
    """h = activation(x W + h U + b)  -> the outputs of all steps, and h after the last"""
    h = np.zeros((len(x), len(recurrent_kernel)), dtype=x.dtype) if initial_state is None else initial_state
    inputs = x @ kernel + bias
    outputs = []
    for t in reversed(range(x.shape[1])) if go_backwards else range(x.shape[1]):
        new_h = activation(inputs[:, t] + h @ recurrent_kernel)
        h = new_h if mask is None else np.where(mask[:, t, None], new_h, h)
        outputs.append(h)
    y = np.stack(outputs, axis=1)
    return (y if mask is None else shown(y, mask, go_backwards, zero_output)), h


def shown(y, mask, go_backwards=False, zero_output=False):
    """Outputs where the mask is False: those of the step before, zeros before the first.

    zero_output: zeros everywhere.
    """
    mask = mask[:, ::-1] if go_backwards else mask
    valid = mask if zero_output else np.logical_or.accumulate(mask, axis=1)
    return np.where(valid[:, :, None], y, 0)


def run_steps(step, x, states, mask=None, first_output=None, go_backwards=False, zero_output=False):
    """output, *states = step(x of one step, *states), for all steps.  x: (batch, steps, ...)

    mask: where it is False, the states and the output stay as they were.

    -> the outputs of all steps, and the states after the last
    """
    outputs = []
    for t in reversed(range(x.shape[1])) if go_backwards else range(x.shape[1]):
        output, *new_states = step(x[:, t], *states)
        if mask is not None:
            before = np.zeros_like(output) if first_output is None else states[first_output]
            before = outputs[-1] if outputs else before
            before = np.zeros_like(output) if zero_output else before
            output = choose(mask[:, t], output, before)
            new_states = [choose(mask[:, t], new, old) for new, old in zip(new_states, states)]
        states = new_states
        outputs.append(output)
    return np.stack(outputs, axis=1), *states


def choose(mask, new, old):
    """New values for the samples where the mask holds.  mask: (batch,)"""
    return np.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

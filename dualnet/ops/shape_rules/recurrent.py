"""Shape rules of recurrent networks."""

from __future__ import annotations

from typing import Any

from ...core.dtypes import result_type
from ...graph.node import Spec
from .sizes import float_dtype, same_size, shape_of


def lstm(
    x: Any,
    h: Any,
    c: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    mask: Any = None,
    recurrent_mask: Any = None,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_sequences: bool = True,
) -> tuple[Spec, ...]:
    """The outputs, h and c"""
    return _specs(x, (h, c), kernel, recurrent_kernel, return_sequences)


def gru(
    x: Any,
    h: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    mask: Any = None,
    recurrent_mask: Any = None,
    option: Any = None,  # reset_after of a GRU, the activation of a simple RNN
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_sequences: bool = True,
    **options: Any,
) -> tuple[Spec, ...]:
    """The outputs and h"""
    return _specs(x, (h,), kernel, recurrent_kernel, return_sequences)


simple_rnn = gru


def _specs(x: Any, states: tuple[Any, ...], kernel: Any, recurrent_kernel: Any, sequences: bool) -> tuple[Spec, ...]:
    batch, steps, features = shape_of(x)
    units, columns = shape_of(recurrent_kernel)
    same_size(features, shape_of(kernel)[0])
    same_size(columns, shape_of(kernel)[1])
    for state in states:
        batch, units = same_size(batch, shape_of(state)[0]), same_size(units, shape_of(state)[1])
    dtype = result_type(*map(float_dtype, (x, *states, kernel, recurrent_kernel)))
    state_specs = (Spec((batch, units), dtype) for _ in states)
    return Spec((batch, steps, units) if sequences else (batch, units), dtype), *state_specs

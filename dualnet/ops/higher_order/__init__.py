"""Gradients of gradients.

An op's formula and its vjp are array code. To differentiate a vjp, both are run again on ``DifferentiableArray``s: arrays whose
every operation is an op, which the tapes that are recording see (``arrays.py``). ``vjp.py`` does that for one entry of a tape. What
such an array cannot express has no second derivative, and says so when one is asked for.
"""

from .vjp import vjp_on_tensors

__all__ = ["vjp_on_tensors"]

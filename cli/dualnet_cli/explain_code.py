"""A model and its training step as Python to read."""

from __future__ import annotations

from typing import Any

from .errors import Failure

_FORWARD = "# -- The forward pass of {label}: x -> predictions, in NumPy --"
_STEP = """# -- The training step, as it was captured: the calls of ops that dualnet replays on every batch --
#
# An op returns its value and a function vjp: from the gradient of its value to those of its inputs. The second half is the reverse
# pass, from the last op to the first; "seed" is the gradient of the loss with respect to itself, 1. The gradients p... of the weights
# go to the optimizer."""


def step_as_code(model: Any, x: Any, y: Any, label: str) -> str:
    """The forward pass as a NumPy program, and the captured training step. The model is trained by this."""
    from dualnet.capture.replay import step_source
    from dualnet.export.errors import ExportError
    from dualnet.export.numpy.export import as_program

    try:
        program, _ = as_program(model, "model.py")
        forward = _functions(program)
    except ExportError as error:
        forward = "\n".join(f"# {line}" for line in ["There are no formulas of it:", *str(error).splitlines()])
    for _ in range(2):  # the second step is traced
        model.train_on_batch(x, y)
    source = step_source(model)
    if not source:
        raise Failure(f"{label}: its training step is not captured, because it runs code that is not dualnet's")
    return f"{_FORWARD.format(label=label)}\n\n{forward}\n\n\n{_STEP}\n\n{source}"


def _functions(program: str) -> str:
    """The functions of a NumPy program up to ``predict``, without what reads and writes files."""
    begin = program.index("\n", program.index("W = dict(")) + 1
    return "import numpy as np\n\n" + program[begin : program.index("\n# Of each input its dtype")].strip()

"""All variables of a model and its optimizer, exactly as they are: for checkpoints, which the program that built the model reads."""

from __future__ import annotations

from typing import Any

from ..core.variables import Variable
from ..layers.base.layer import Layer
from .object_state import saved_objects

Values = dict[str, list[Any]]  # by the path of a layer or optimizer, the values of its own variables


def variable_values(model: Any) -> Values:
    """The values of all variables, among them those that a file of weights leaves out or merges, such as a low-rank update."""
    return {path: [v.numpy() for v in own] for path, own in _variables(model).items()}


def set_variable_values(model: Any, values: Values) -> None:
    """Set all variables of a built model to the result of ``variable_values``.

    Raises ``ValueError``, and changes nothing, if they are those of another model or of an optimizer with another state.
    """
    variables = _variables(model)
    wrong = [f"{path or 'the model'} is not in it" for path in variables if path not in values]
    wrong += [f"{path or 'the model'} is not in the model" for path in values if path not in variables]
    for path, own in variables.items():
        expected = [f"{v.dtype} {tuple(v.shape)}" for v in own]
        found = [f"{value.dtype} {value.shape}" for value in values.get(path, ())]
        if path in values and expected != found:
            wrong.append(f"{path or 'the model'} has {', '.join(expected)}, there is {', '.join(found) or 'nothing'}")
    if wrong:
        raise ValueError(f"it does not fit the model: {'; '.join(wrong)}")
    for path, own in variables.items():
        for variable, value in zip(own, values[path]):
            variable.assign(value)


def _variables(model: Any) -> dict[str, list[Variable]]:
    objects = {
        path: obj._own_variables() if isinstance(obj, Layer) else obj.variables for path, obj in saved_objects(model)
    }
    return {path: list(own) for path, own in objects.items() if own}

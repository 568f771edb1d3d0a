"""All variables of a model and its optimizer, exactly as they are: for checkpoints, which the program that built the model reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.variables import Variable
from ..layers.base.layer import Layer
from ..optimizers import Optimizer
from .object_state import own_arrays, saved_objects

Values = dict[str, list[Any]]  # by the path of a layer or optimizer, the values of its own variables


def variable_values(model: Any) -> Values:
    """The values of all variables, among them those that a file of weights leaves out or merges, such as a low-rank update."""
    return {path: [v.numpy() for v in own] for path, own in _variables(model).items()}


def unsaved_values(model: Any) -> Values:
    """The values of all variables of those layers and optimizers that save something else, such as a merged kernel."""
    objects = dict(saved_objects(model))
    values = {
        path: [v.numpy() for v in own] for path, own in _variables(model).items() if _saves_by_itself(objects[path])
    }
    return {path: own for path, own in values.items() if not _same(own, list(own_arrays(objects[path]).values()))}


def set_variable_values(model: Any, values: Values) -> None:
    """Set all variables of a built model to the result of ``variable_values``.

    Raises ``ValueError``, and changes nothing, if they are those of another model or of an optimizer with another state.
    """
    _assign(_checked(_variables(model), values), values)


@contextmanager
def unsaved_values_set_after(model: Any, values: Values) -> Iterator[None]:
    """After the block, which loads weights, set the variables to the result of ``unsaved_values``.

    Raises ``ValueError``, before the block, if they are those of another model.
    """
    own = _variables(model)
    variables = _checked({path: own.get(path, []) for path in values}, values)
    yield
    _assign(variables, values)


def _checked(variables: dict[str, list[Variable]], values: Values) -> dict[str, list[Variable]]:
    """The variables, which must be those that the values are of."""
    wrong = [f"{path or 'the model'} is not in it" for path in variables if path not in values]
    wrong += [f"{path or 'the model'} is not in the model" for path in values if path not in variables]
    for path, own in variables.items():
        expected = [f"{v.dtype} {tuple(v.shape)}" for v in own]
        found = [f"{value.dtype} {value.shape}" for value in values.get(path, ())]
        if path in values and expected != found:
            wrong.append(f"{path or 'the model'} has {', '.join(expected)}, there is {', '.join(found) or 'nothing'}")
    if wrong:
        raise ValueError(f"it does not fit the model: {'; '.join(wrong)}")
    return variables


def _assign(variables: dict[str, list[Variable]], values: Values) -> None:
    for path, own in variables.items():
        for variable, value in zip(own, values[path]):
            variable.assign(value)


def _saves_by_itself(obj: Any) -> bool:
    return type(obj).save_own_variables not in (Layer.save_own_variables, Optimizer.save_own_variables)


def _same(values: list[Any], others: list[Any]) -> bool:
    return len(values) == len(others) and all(map(np.array_equal, values, others))


def _variables(model: Any) -> dict[str, list[Variable]]:
    """The variables of each object by its path."""
    objects = {
        path: obj._own_variables() if isinstance(obj, Layer) else obj.variables for path, obj in saved_objects(model)
    }
    return {path: list(own) for path, own in objects.items() if own}

"""What would go wrong in validation, or with labels later in the epoch, found before the first step.

A few samples are put through the model in a trial, which changes nothing (decision 0024). Models made of inputs and outputs are known
without one, but for what their validation data is.
"""

from __future__ import annotations

import inspect
from typing import Any

from .. import losses, tree
from ..capture.batches import IndexedBatch
from ..layers.base.symbolic import undone_call
from .data_adapters.array_adapter import ArrayData, tensors_of
from .data_adapters.data_checks import check_data, check_labels, has_classes
from .data_adapters.iterable_adapter import Data, IterableData
from .data_adapters.packing import unpack_x_y_sample_weight
from .loss_assignment import identifiers, is_inferred
from .steps import StepMixin

_SAMPLES = 2  # that are tried: more show nothing else
_MISTAKES = (ValueError, TypeError, IndexError)


def try_data(model: Any, training: Data, validation: Data | None, first_batch: Any) -> None:
    """Raise ``ValueError`` for validation data that the model or its loss cannot take, and for labels outside the classes.

    A model whose outputs are known is not tried on the training data, whose labels ``check_data`` has seen. Nothing is tried where
    code of the user decides what a step does with a batch, and no loss is that is the user's.

    Args:
        model: it is built for the first batch if it is not built yet.
        training: the training data. If the validation data is the same source of batches, nothing is taken from it.
        validation: a source of batches is asked for its first one, and gives it again in its first pass.
        first_batch: the first one to train on, as a step gets it.
    """
    knows_outputs, is_built = model._graph is not None, model.built
    trains_as_usual = type(model).train_step is StepMixin.train_step
    if type(model).test_step is not StepMixin.test_step:
        validation = None
    if not is_built and not trains_as_usual:
        return
    tries_training = not knows_outputs and trains_as_usual and isinstance(training, ArrayData) and has_classes(model)
    if validation is None and not tries_training:
        return
    with undone_call(model):
        if tries_training or not is_built:
            y_pred = _first_outputs(model, first_batch)
            if y_pred is None:
                return
            _check_values(model, training, y_pred)
        if validation is not None:
            try:
                _try_validation(model, training, validation, knows_outputs)
            except _MISTAKES as error:
                raise ValueError(f"validation data: {error}") from error


def _first_outputs(model: Any, batch: Any) -> Any:
    """The outputs for a few samples of the first batch; None if the model cannot take them, as the first step will say."""
    x = unpack_x_y_sample_weight(batch.tensors() if isinstance(batch, IndexedBatch) else batch)[0]
    try:
        return model(tree.map_structure(lambda t: t if t is None else t[:_SAMPLES], x), training=True)
    except Exception:
        return None


def _check_values(model: Any, data: Data, y_pred: Any, probabilities: bool = True) -> None:
    """The values of arrays, for a model whose outputs were not known before. probabilities: as in ``check_data``."""
    if not isinstance(data, ArrayData):
        return
    if model._graph is not None:
        check_data(model, data, probabilities)
    else:
        check_labels(model, data.y, y_pred, None, probabilities)


def _try_validation(model: Any, training: Data, validation: Data, knows_outputs: bool) -> None:
    if isinstance(validation, ArrayData):
        batch, size = validation, validation.batch_size
    elif isinstance(training, IterableData) and training.source is validation.source:
        return
    else:
        first = validation.first_batch()
        if first is None:
            return
        batch, size = first, first.size
    if not batch.size:
        return
    try:
        y_pred = _evaluate(model, batch, _SAMPLES)
    except _MISTAKES:
        y_pred = _evaluate(model, batch, size)  # the size of the batch may be fixed
    if not knows_outputs:
        _check_values(model, batch, y_pred, isinstance(validation, ArrayData))


def _evaluate(model: Any, batch: ArrayData, count: int) -> Any:
    """The outputs for the first samples of a batch, after their loss was computed."""

    def some(part: Any) -> Any:
        return tensors_of(tree.map_structure(lambda a: a if a is None else a[:count], part))

    x, y, weight = some(batch.x), some(batch.y), some(batch.weight)
    y_pred = model(x, training=False)
    compiled = model._compiled_loss
    if compiled is not None and type(model).compute_loss is StepMixin.compute_loss:
        if y is None:
            raise ValueError("the model was compiled with a loss, but there are no labels: pass y")
        if all(map(_is_known, identifiers(model.loss))):
            compiled.fresh()(y, y_pred, weight)
    return y_pred


def _is_known(identifier: Any) -> bool:
    """Whether a loss is one of dualnet, which may be computed once more without being noticed."""
    if is_inferred(identifier):
        return True
    loss = losses.get(identifier)
    code = [loss] if inspect.isfunction(loss) else [type(loss), getattr(loss, "fn", None)]
    return all(getattr(c, "__module__", "").partition(".")[0] == "dualnet" for c in code if c is not None)

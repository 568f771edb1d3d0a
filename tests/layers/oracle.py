"""The same row in Keras on JAX: outputs, gradients, and the weights that the call changed."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from .cases import Case, drawn
from .harness import Result, make, random_weights, seeds


def run(row: Case, keras: Any) -> Result:
    """One compiled function gives everything: Keras compiles each op by itself otherwise, which takes ten times as long."""
    import jax
    from keras.src.backend import get_keras_mask, set_keras_mask

    inputs = drawn(row, row.inputs, "inputs")
    masks = drawn(row, row.masks, "masks")
    call = dict(zip(row.call, drawn(row, tuple(row.call.values()), "call")))
    arrays = {k: v for k, v in call.items() if isinstance(v, (np.ndarray, list))}
    others = {k: v for k, v in call.items() if k not in arrays}
    layer = make(row, keras.layers)
    if not layer.built:
        shapes = row.arguments([x.shape for x in inputs])
        layer.build(*shapes[: len(inspect.signature(layer.build).parameters)])  # that of a cell takes one shape of two
    layer.set_weights(random_weights(row, layer.get_weights()))
    trainable = [v.value for v in layer.trainable_variables]
    # The state of a random generator is no weight here.
    state = [v for v in layer.non_trainable_variables if v.name != "seed_generator_state"]
    fixed = [v.value for v in layer.non_trainable_variables]
    floats = [i for i, x in enumerate(inputs) if x.dtype.kind == "f"]

    def weighted(float_inputs: Any, weights: Any, all_inputs: Any, input_masks: Any, keywords: Any) -> Any:
        tensors = list(all_inputs)
        for i, x in zip(floats, float_inputs):
            tensors[i] = x
        for x, mask in zip(tensors, input_masks):
            if mask is not None:
                set_keras_mask(x, mask)
        variables = [*layer.trainable_variables, *layer.non_trainable_variables]
        with keras.StatelessScope(state_mapping=list(zip(variables, [*weights, *fixed]))) as scope:
            value = layer(*row.arguments(tensors), **keywords, **others)  # not stateless_call, which forgets masks
        changed = [scope.get_current_value(v) for v in state]
        outputs = jax.tree_util.tree_leaves(value)
        total = sum(keras.ops.sum(y * dy) for y, dy in zip(outputs, seeds(outputs)))
        return total, (outputs, changed, [get_keras_mask(y) for y in outputs])

    function = weighted if row.gradient else jax.grad(weighted, argnums=(0, 1), has_aux=True)
    gradients, (outputs, changed, output_masks) = jax.jit(function)(
        [inputs[i] for i in floats], trainable, inputs, masks, arrays
    )
    return Result(
        [np.asarray(y) for y in outputs],
        [] if row.gradient else [np.asarray(g) for g in (*gradients[0], *gradients[1])],
        [np.asarray(w) for w in (*trainable, *changed)],
        [None if m is None else np.asarray(m) for m in output_masks],
    )

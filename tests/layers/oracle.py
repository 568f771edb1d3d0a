"""The same row in Keras on JAX: outputs, gradients, and the weights that the call changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cases import Case, drawn
from .harness import Result, first, make, random_weights, seeds


def run(row: Case, keras: Any) -> Result:
    import jax
    from keras.src.backend import get_keras_mask, set_keras_mask

    arrays = [keras.ops.convert_to_tensor(x) for x in drawn(row, row.inputs, "inputs")]
    masks = drawn(row, row.masks, "masks")
    call = dict(zip(row.call, drawn(row, tuple(row.call.values()), "call")))
    call = {k: keras.ops.convert_to_tensor(v) if isinstance(v, np.ndarray) else v for k, v in call.items()}
    layer = make(row, keras.layers)

    def carrying_masks(inputs: list[Any]) -> Any:
        for x, mask in zip(inputs, masks):
            if mask is not None:
                set_keras_mask(x, keras.ops.convert_to_tensor(mask))
        return first(inputs)

    layer(carrying_masks(arrays), **call)
    layer.set_weights(random_weights(row, layer.get_weights()))
    trainable = [v.value for v in layer.trainable_variables]
    others = [v.value for v in layer.non_trainable_variables]
    differentiable = [i for i, x in enumerate(arrays) if "float" in str(x.dtype)]

    def weighted(wanted: list[Any], weights: list[Any]) -> Any:
        inputs = list(arrays)
        for i, x in zip(differentiable, wanted):
            inputs[i] = x
        value, changed = layer.stateless_call(weights, others, carrying_masks(inputs), **call)
        outputs = jax.tree_util.tree_leaves(value)
        total = sum(keras.ops.sum(y * dy) for y, dy in zip(outputs, seeds(outputs)))
        return total, (outputs, changed)

    if row.gradient:
        _, (outputs, changed) = weighted([arrays[i] for i in differentiable], trainable)
        gradients: list[Any] = []
    else:
        floats = [arrays[i] for i in differentiable]
        found, (outputs, changed) = jax.grad(weighted, argnums=(0, 1), has_aux=True)(floats, trainable)
        gradients = [np.asarray(g) for g in (*found[0], *found[1])]
    for v, value in zip(layer.non_trainable_variables, changed):
        v.assign(value)
    value = layer(carrying_masks([keras.ops.convert_to_tensor(np.asarray(x)) for x in arrays]), **call)
    given = [get_keras_mask(y) for y in jax.tree_util.tree_leaves(value)]
    return Result(
        [np.asarray(y) for y in outputs],
        gradients,
        [np.asarray(w) for w in (*trainable, *changed)],
        [None if m is None else np.asarray(m) for m in given],
    )

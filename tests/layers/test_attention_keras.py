"""Attention layers against Keras over drawn combinations of their arguments: results, masks, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from . import oracle
from .cases import Case, F, case
from .harness import run

DRAWN = 120


def pick(random: np.random.Generator, *choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


def visible(random: np.random.Generator, *shape: int) -> Any:
    """A mask that is true for the first key, so that every query sees one."""
    mask = random.random(shape) < 0.6
    mask[..., 0] = True
    return mask


def drawn(number: int) -> Case:
    random = np.random.default_rng(number)
    t, s = (int(n) for n in random.integers(2, 6, 2))
    name = ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention")[number % 4]
    size = pick(random, 5, 3)
    query, key = F((2, t, 5)), F((2, s, 5))
    value = key if name == "GroupQueryAttention" else F((2, s, size))
    inputs: tuple[Any, ...] = pick(random, (query, key), (query, value, key))
    call: dict[str, Any] = {
        "use_causal_mask": pick(random, True, False),
        "return_attention_scores": pick(random, True, False),
    }
    dropout = pick(random, 0.0, 0.3)
    if number % 4 < 2:
        options: dict[str, Any] = {"use_scale": pick(random, True, False), "dropout": dropout, "seed": 3}
        if name == "Attention":
            options["score_mode"] = pick(random, "dot", "concat")
        row = case(name, *inputs, **options)
    else:
        options = {"dropout": dropout, "use_bias": pick(random, True, False), "use_gate": pick(random, True, False)}
        if name == "MultiHeadAttention":
            # Of Keras's ops, that of JAX takes no other size of the values.
            value_dim = pick(random, None, 4) if dropout or call["return_attention_scores"] else None
            options |= {
                "num_heads": pick(random, 1, 2),
                "key_dim": 3,
                "value_dim": value_dim,
                "output_shape": pick(random, None, 4),
            }
        else:
            options |= {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": pick(random, 1, 2, 4)}
        if s >= t or call["use_causal_mask"] is False:
            options["sliding_window"] = pick(random, None, None, max(t, s))
        if pick(random, True, False):
            call["attention_mask"] = visible(random, 2, t, s)
        row = case(name, *inputs, **options).but(separate=True)
    masks = pick(random, (), (None, visible(random, 2, s)), (visible(random, 2, t), visible(random, 2, s)))
    if name == "GroupQueryAttention" and masks:  # Keras warns of masks that its inputs carry
        call |= {"query_mask": masks[0], "value_mask": masks[1]}
        masks = ()
    return row.called(**call).masked(*masks).but(rtol=2e-4, atol=2e-4)


@pytest.mark.keras
@pytest.mark.parametrize("number", range(DRAWN))
def test_drawn_arguments(number: int, keras: Any) -> None:
    row = drawn(number)
    expected, got = oracle.run(row, keras), run(row)
    for what in ("outputs", "masks", "gradients"):
        theirs, ours = getattr(expected, what), getattr(got, what)
        assert len(ours) == len(theirs), f"{row}: {what}"
        for a, b in zip(ours, theirs):
            assert (a is None) == (b is None), f"{row}: {what}"
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=row.rtol, atol=row.atol, err_msg=f"{row}: {what}")

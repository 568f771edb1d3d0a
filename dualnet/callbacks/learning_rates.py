"""The learning rates of a model's optimizers, and their names in the logs."""

from __future__ import annotations

from typing import Any


def by_log_name(optimizer: Any) -> dict[str, Any]:
    """ "learning_rate" -> the optimizer; with several, "learning_rate_<name>" -> each of them.

    For a wrapped optimizer, the inner one is returned.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if hasattr(optimizer, "optimizers"):
        return {f"learning_rate_{inner.name}": inner for inner in optimizer.optimizers}
    return {"learning_rate": optimizer}


def rate_of(optimizer: Any) -> float:
    """The current learning rate."""
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError(f'Optimizer must have a "learning_rate" attribute, {optimizer!r} has none')
    return float(optimizer.learning_rate)


def rates(model: Any) -> dict[str, float]:
    """The current learning rates of a model's optimizers, by their names in the logs."""
    return {name: rate_of(optimizer) for name, optimizer in by_log_name(model.optimizer).items()}

"""``dualnet.mixed_precision``: the names that tf.keras has there for dtype policies, and LossScaleOptimizer."""

from __future__ import annotations

from .config import dtype_policy, set_dtype_policy
from .dtype_policies import DTypePolicy
from .optimizers.loss_scale_optimizer import LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

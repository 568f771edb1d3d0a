"""Learning rate schedules at many steps: the cases of ``test_schedules.py`` (see ``tests/parity.py``)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

STEPS = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 14, 15, 16, 19, 20, 21, 25, 29, 30, 31, 35, 39, 40, 41, 50, 69, 71, 100]
SCHEDULES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "ExponentialDecay": [
        ("", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
        ("staircase", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}),
    ],
    "InverseTimeDecay": [
        ("", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
        ("staircase", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}),
    ],
    "PiecewiseConstantDecay": [
        ("", {"boundaries": [5, 20, 40], "values": [0.5, 0.1, 0.05, 0.001]}),
        ("whole numbers", {"boundaries": [10], "values": [2, 1]}),
    ],
    "PolynomialDecay": [
        ("", {"initial_learning_rate": 0.1, "decay_steps": 30}),
        ("root", {"initial_learning_rate": 0.1, "decay_steps": 30, "end_learning_rate": 0.01, "power": 0.5}),
        ("cycle", {"initial_learning_rate": 0.1, "decay_steps": 10, "power": 2.0, "cycle": True}),
    ],
    "CosineDecay": [
        ("", {"initial_learning_rate": 0.1, "decay_steps": 40}),
        ("alpha", {"initial_learning_rate": 0.1, "decay_steps": 40, "alpha": 0.3}),
        ("warmup", {"initial_learning_rate": 0.0, "decay_steps": 30, "warmup_target": 0.2, "warmup_steps": 10}),
        ("target", {"initial_learning_rate": 0.05, "decay_steps": 30, "warmup_target": 0.2, "alpha": 0.1}),
    ],
    "CosineDecayRestarts": [
        ("", {"initial_learning_rate": 0.1, "first_decay_steps": 10}),
        ("even", {"initial_learning_rate": 0.1, "first_decay_steps": 15, "t_mul": 1.0, "m_mul": 0.5}),
        ("lower", {"initial_learning_rate": 0.1, "first_decay_steps": 6, "t_mul": 1.5, "m_mul": 0.8, "alpha": 0.1}),
    ],
}


def rates(K: Any, name: str, arguments: dict[str, Any]) -> Any:
    schedule = getattr(K.optimizers.schedules, name)(**arguments)
    return [float(np.asarray(schedule(step))) for step in STEPS]


CASES = {
    f"{name} {what}".strip(): partial(rates, name=name, arguments=arguments)
    for name, variants in SCHEDULES.items()
    for what, arguments in variants
}

"""Ten steps of every optimizer and variant: the cases of ``test_trajectories.py`` (see ``tests/parity.py``)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

STEPS = 10
RECORDED = (1, 3, STEPS)  # after which the weights are compared
RNG = np.random.default_rng(8)
VALUES = {
    "kernel": RNG.normal(size=(3, 2)).astype("float32"),
    "bias": RNG.normal(size=2).astype("float32"),
    "stack": RNG.normal(size=(2, 2, 2)).astype("float32"),
}
# Of very different sizes, so that clipping has something to do; some are exactly 0, as those of unused rows are.
SIZES = np.array([1.0, 0.1, 3.0, 0.01, 1.0, 10.0, 1.0, 0.3, 1.0, 2.0], "float32")
GRADIENTS = [
    [(size * RNG.normal(size=v.shape)).astype("float32") * (RNG.random(v.shape) > 0.2) for v in VALUES.values()]
    for size in SIZES
]

Make = Callable[[Any], Any]


def steps(K: Any, make: Make, absent: bool = False, constraint: bool = False, stateless: bool = False) -> Any:
    """The weights after some of the steps, and the whole state of the optimizer at the end.

    absent: some gradients are None. constraint: the kernel may not be negative. stateless: by ``stateless_apply``.
    """
    variables = [K.Variable(value, name=name) for name, value in VALUES.items()]
    if constraint:
        variables[0].constraint = K.constraints.NonNeg()
    optimizer = make(K)
    if stateless:
        optimizer.build(variables)
    seen = []
    for n, gradients in enumerate(GRADIENTS, start=1):
        step_gradients: list[Any] = [K.ops.convert_to_tensor(g) for g in gradients]
        if absent and n % 3:
            step_gradients[n % 3] = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if stateless:
                state = list(optimizer.variables)
                after = optimizer.stateless_apply(
                    [v.value for v in state], step_gradients, [v.value for v in variables]
                )
                for v, value in zip([*variables, *state], [*after[0], *after[1]]):
                    v.assign(value)
            else:
                optimizer.apply(step_gradients, variables)
        if n in RECORDED:
            seen.append([np.asarray(v) for v in variables])
    if getattr(optimizer, "use_ema", False):
        optimizer.finalize_variable_values(variables)
        seen.append([np.asarray(v) for v in variables])
    return {"weights": seen, "state": [np.asarray(v) for v in optimizer.variables]}


def factory(name: str, *args: Any, **kwargs: Any) -> Make:
    return lambda K: getattr(K.optimizers, name)(*args, **kwargs)


def excluding(name: str, **kwargs: Any) -> Make:
    """Without weight decay of what has "bias" or "st" in its name."""

    def make(K: Any) -> Any:
        optimizer = getattr(K.optimizers, name)(**kwargs)
        optimizer.exclude_from_weight_decay(var_names=["bias", "^st"])
        return optimizer

    return make


def several(K: Any) -> Any:
    inner = {".*ker.*": K.optimizers.Adam(0.1, use_ema=True), ".*bias": K.optimizers.SGD(0.1, momentum=0.9)}
    return K.optimizers.MultiOptimizer(K.optimizers.OptimizerMap(K.optimizers.RMSprop(0.05), inner))


def scaled(K: Any) -> Any:
    return K.optimizers.LossScaleOptimizer(K.optimizers.Adam(0.1), initial_scale=8.0, dynamic_growth_steps=3)


# The variants of each optimizer. A learning rate that moves the weights by more than rounding does.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.7, "nesterov": True}],
    "RMSprop": [{}, {"momentum": 0.5}, {"centered": True, "rho": 0.8}, {"centered": True, "momentum": 0.5}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.5, "epsilon": 0.01}],
    "Adadelta": [{}, {"rho": 0.8, "epsilon": 0.001}],
    "Adam": [{}, {"amsgrad": True}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.01}],
    "AdamW": [{}, {"weight_decay": 0.2, "amsgrad": True}],
    "Adamax": [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.01}],
    "Nadam": [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.01}],
    "Ftrl": [
        {},
        {"l1_regularization_strength": 0.3, "l2_regularization_strength": 0.2, "beta": 0.1},
        {"learning_rate_power": -0.7, "l2_shrinkage_regularization_strength": 0.1, "initial_accumulator_value": 1.0},
    ],
    "Lion": [{}, {"beta_1": 0.5, "beta_2": 0.8}],
    "Lamb": [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.01}],
    "Adafactor": [{}, {"beta_2_decay": -0.65, "epsilon_2": 0.1, "clip_threshold": 0.5, "relative_step": False}],
    "Muon": [
        {},
        {"nesterov": False, "rms_rate": None, "ns_steps": 3, "adam_lr_ratio": 0.5, "adam_weight_decay": 0.1},
        {"exclude_layers": ["ker"], "adam_beta_1": 0.5, "weight_decay": 0.3},
    ],
    "ScheduleFreeAdamW": [{}, {"warmup_steps": 4, "beta_1": 0.7, "weight_decay": 0.1}],
}
EVERY: dict[str, dict[str, Any]] = {
    "decay": {"weight_decay": 0.1},
    "ema, accumulation": {"use_ema": True, "ema_momentum": 0.8, "gradient_accumulation_steps": 3},
}
COMMON: dict[str, dict[str, Any]] = {
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 1.0},
    "loss scale": {"loss_scale_factor": 4.0},
    "ema": {"use_ema": True},
    "ema, overwriting": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    "accumulation, clipped": {"gradient_accumulation_steps": 4, "global_clipnorm": 0.5, "weight_decay": 0.05},
    "accumulation, ema overwriting": {
        "gradient_accumulation_steps": 2,
        "use_ema": True,
        "ema_momentum": 0.5,
        "ema_overwrite_frequency": 2,
    },
}


def _cases() -> dict[str, Callable[[Any], Any]]:
    cases: dict[str, Callable[[Any], Any]] = {}
    for name, variants in VARIANTS.items():
        for variant in variants:
            cases[f"{name} {variant}" if variant else name] = partial(steps, make=factory(name, 0.1, **variant))
        for what, arguments in EVERY.items():
            cases[f"{name}, {what}"] = partial(steps, make=factory(name, 0.1, **arguments))
    for name in ("SGD", "Adam"):
        options = {"momentum": 0.9} if name == "SGD" else {}
        for what, arguments in COMMON.items():
            cases[f"{name}, {what}"] = partial(steps, make=factory(name, 0.1, **options, **arguments))
        cases[f"{name}, without some gradients"] = partial(steps, make=factory(name, 0.1, **options), absent=True)
        excluded = excluding(name, learning_rate=0.1, weight_decay=0.2, **options)
        cases[f"{name}, decay of some"] = partial(steps, make=excluded)
        cases[f"{name}, constraint"] = partial(steps, make=factory(name, 0.1, **options, use_ema=True), constraint=True)
    for name in ("Adam", "Adafactor", "Muon"):
        make = factory(name, 0.1, gradient_accumulation_steps=2, weight_decay=0.1)
        cases[f"{name}, accumulation without some gradients"] = partial(steps, make=make, absent=True)

    def on_schedule(K: Any) -> Any:
        return K.optimizers.Adam(K.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), gradient_accumulation_steps=2)

    cases["a schedule"] = partial(steps, make=on_schedule)
    cases["a function"] = partial(steps, make=lambda K: K.optimizers.SGD(lambda: 0.05))
    cases["MultiOptimizer"] = partial(steps, make=several)
    cases["LossScaleOptimizer"] = partial(steps, make=scaled, stateless=True)
    cases["stateless_apply"] = partial(steps, make=factory("RMSprop", 0.1, momentum=0.5), stateless=True)
    return cases


CASES = _cases()

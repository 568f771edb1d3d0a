"""Warnings, and other things to say beside the training, as the command shows them.

Those of training (``dualnet.TrainingWarning``) say what to change in a program; here they say what to change in a config.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from dualnet import TrainingWarning

# By the name of the check. Where there is nothing to add, the command says elsewhere what to do.
_REMEDIES = {
    "activation_twice": "leave from_logits out of the loss in [compile], or the activation out of the last of [[model.layers]]",
    "missing_activation": 'give the last of [[model.layers]] activation = "softmax", or "sigmoid" for binary_crossentropy',
    "softmax_of_one": 'give the last of [[model.layers]] activation = "sigmoid" and [compile] loss = "binary_crossentropy", '
    "or set units to the number of classes",
    "sigmoid_for_classes": 'give the last of [[model.layers]] activation = "softmax"',
    "raw_pixels": "set scale = 255.0 in [data]",
    "different_scales": 'set scaling = "standard" in [data]',
    "dead_relu": "try a smaller learning_rate in [compile], scaling in [data], or another kernel_initializer",
    "loss_not_finite": "",
}


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show warnings as one line on stderr, without their source location."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = _in_config(message) if isinstance(message, TrainingWarning) else str(message)
        click.echo(f"Warning: {' '.join(text.split())}", err=True)

    with warnings.catch_warnings():
        # Overflows that precede a loss of inf or nan: that loss is reported with better advice.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("always", TrainingWarning)
        warnings.showwarning = show
        yield


class _Notices(logging.Handler):
    """Shows what is logged on stderr, each message once."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._shown:
            self._shown.add(message)
            click.echo(message, err=True)


@contextmanager
def captures(is_wanted: bool) -> Iterator[None]:
    """Show how the steps of a model are run: as what they are captured, and why some are not."""
    if not is_wanted:
        yield
        return
    logger, handler = logging.getLogger("dualnet.capture"), _Notices()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _in_config(warning: TrainingWarning) -> str:
    remedy = _REMEDIES.get(warning.check, warning.remedy)
    return f"{warning.problem}; {remedy}" if remedy else warning.problem

"""Texts shown to the user, made the same way in Keras and here: the progress bar and the table of ``summary``."""

from __future__ import annotations

import io
import re
import sys
from typing import Any
from unittest import mock


class Terminal(io.StringIO):
    """A stand-in for a terminal that keeps all that is written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def progress_bars(lib: Any) -> Any:
    """What a progress bar shows, without colours and control characters, at given times."""
    results = []
    for verbose in (1, 2):
        for target, step in ((7, 0.3), (10000, 1.7), (200, 0.0004), (12, 0.02), (5, 700.0), (3, 0.0000042)):
            results.append(_run_bar(lib, verbose, target, step))
    results.append(_run_bar(lib, 1, None, 0.3))
    return results


def _run_bar(lib: Any, verbose: int, target: int | None, step: float) -> list[str]:
    now = 1000.0

    def clock() -> float:
        return now

    with (
        mock.patch.object(sys, "stdout", Terminal()) as out,
        mock.patch("time.time", clock),
        mock.patch("time.perf_counter", clock),
        mock.patch.dict("os.environ", {"TERM": "xterm", "COLUMNS": "200", "NO_COLOR": ""}),
    ):
        bar = lib.utils.Progbar(target, verbose=verbose, stateful_metrics=["loss", "tiny", "minus", "zero"])
        count = target or 4
        for i in range(1, min(count, 5) + 1):
            now += step
            bar.update(i, [("loss", 2.5 / i), ("tiny", 1e-5 * i), ("minus", -0.25), ("averaged", float(i))], False)
        now += step * (count - min(count, 5)) + 0.2
        bar.update(count, [("loss", 0.5), ("zero", 0.0)], finalize=True)
        text = out.getvalue()
    if verbose == 2:
        text = text.replace("minus: -2.5000e-01", "minus: -0.2500")  # Keras forgets the sign in this mode
    parts = re.split(r"[\r\n]", re.sub(r"\x1b\[\d+m|\x08", "", text))
    return [part.rstrip() for part in parts if part.strip()]


def summaries(lib: Any) -> Any:
    """The tables of several models."""
    layers = lib.layers
    texts: list[str] = []

    def show(model: Any, **arguments: Any) -> None:
        with mock.patch.dict("os.environ", {"COLUMNS": "140"}):
            model.summary(print_fn=texts.append, **arguments)

    model = lib.Sequential(
        [
            lib.Input(shape=(8, 8)),
            layers.Flatten(name="flatten"),
            layers.Dense(300, activation="relu", name="hidden"),
            layers.Dropout(0.2, name="dropout"),
            layers.Dense(10, name="a_rather_long_name_that_needs_more_room_than_the_column_has_[x]"),
        ],
        name="one",
    )
    show(model)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    show(model)
    show(model, show_trainable=True)
    show(model, line_length=60)
    show(model, line_length=130, positions=[0.2, 0.5, 1.0])
    show(model, layer_range=("hid", "dropout"))
    show(lib.Sequential([layers.Dense(4, name="a"), layers.Dense(2, name="b")], name="unbuilt"))
    inner = lib.Sequential(
        [lib.Input(shape=(5,)), layers.Dense(4, name="i1"), layers.Dense(3, name="i2")], name="inner"
    )
    inner.trainable = False
    outer = lib.Sequential([lib.Input(shape=(5,)), inner, layers.Dense(2, name="last")], name="outer")
    show(outer)
    show(outer, expand_nested=True, show_trainable=True)

    class Sub(lib.Model):
        def __init__(self) -> None:
            super().__init__(name="sub")
            self.d1 = layers.Dense(4, name="d1")
            self.d2 = layers.Dense(1, name="d2")

        def call(self, x: Any) -> Any:
            return self.d2(self.d1(x))

    show(Sub())
    return texts


SCREENS = {f.__name__: f for f in (progress_bars, summaries)}

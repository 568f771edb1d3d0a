"""A `PyDataset` whose length changes from pass to pass: each pass asks for it again."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.utils import PyDataset

LENGTHS = ([2, 4, 6], [6, 4, 2], [1, 5, 1], [3, 3, 4])


class Changing(PyDataset):
    """Batches of two samples, their number by epoch; it notes which were asked for. x is 100 epoch + index."""

    def __init__(self, lengths: list[int], changes_at: str = "end", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lengths, self.changes_at = lengths, changes_at
        self.epoch = 0 if changes_at == "end" else -1
        self.seen: list[list[int]] = [[] for _ in lengths]

    def _now(self) -> int:
        return min(max(self.epoch, 0), len(self.lengths) - 1)

    def __len__(self) -> int:
        return self.lengths[self._now()]

    def __getitem__(self, index: int) -> Any:
        if index >= len(self):
            raise IndexError(index)
        self.seen[self._now()].append(index)
        x = np.full((2, 1), 100 * self._now() + index, "float32")
        return x, x * 2

    def on_epoch_begin(self) -> None:
        self.epoch += self.changes_at == "begin"

    def on_epoch_end(self) -> None:
        self.epoch += self.changes_at == "end"

    def counts(self) -> list[int]:
        assert all(sorted(seen) == list(range(len(seen))) for seen in self.seen)
        return [len(seen) for seen in self.seen]


def model() -> Any:
    linear_model = dualnet.Sequential([dualnet.Input((1,)), dualnet.layers.Dense(1)])
    linear_model.compile(dualnet.optimizers.SGD(0.0), "mse")
    return linear_model


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("changes_at", ["begin", "end"])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("shuffle", [True, False])
def test_fit_sees_every_batch_of_every_epoch(lengths: Any, changes_at: str, workers: int, shuffle: bool) -> None:
    data = Changing(lengths, changes_at, workers=workers)
    model().fit(data, epochs=3, shuffle=shuffle, verbose=0)
    assert data.counts() == lengths


@pytest.mark.parametrize("lengths", LENGTHS)
def test_validation_and_repeated_evaluation_and_prediction(lengths: Any) -> None:
    x = np.zeros((4, 1), "float32")
    validation, evaluated, predicted = Changing(lengths), Changing(lengths), Changing(lengths)
    net = model()
    net.fit(x, x, epochs=3, validation_data=validation, verbose=0)
    assert validation.counts() == lengths
    for i, length in enumerate(lengths):
        net.evaluate(evaluated, verbose=0)
        rows = net.predict(predicted, verbose=0)
        expected = np.repeat([100 * i + j for j in range(length)], 2)[:, None] * net.get_weights()[0]
        np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert evaluated.counts() == predicted.counts() == lengths


def test_the_bar_shows_the_length_of_the_epoch() -> None:
    with redirect_stdout(io.StringIO()) as text:
        model().fit(Changing([2, 4, 3]), epochs=3, verbose=2)
    assert [line.split(" - ")[0] for line in text.getvalue().splitlines() if "/" in line and "-" in line] == [
        "2/2",
        "4/4",
        "3/3",
    ]


def test_a_length_that_changes_within_a_pass_holds_from_the_next_pass_on() -> None:
    data = Changing([4, 6, 6, 6, 6])
    model().fit(data, epochs=5, steps_per_epoch=2, shuffle=False, verbose=0)
    assert [i for seen in data.seen for i in seen] == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]


def test_a_run_that_is_resumed_continues_with_the_lengths(tmp_path: Path) -> None:
    class Stop(dualnet.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    lengths = [2, 4, 3, 5]
    backup = dualnet.callbacks.BackupAndRestore(tmp_path / "backup")
    data = Changing(lengths)
    with pytest.raises(KeyboardInterrupt):
        model().fit(data, epochs=4, verbose=0, callbacks=[backup, Stop()])
    rest = Changing(lengths)
    rest.epoch = 2  # a data set of the user knows by itself where it was
    net = model()
    net.fit(rest, epochs=4, verbose=0, callbacks=[dualnet.callbacks.BackupAndRestore(tmp_path / "backup")])
    assert rest.counts() == [0, 0, 3, 5]
    assert int(net.optimizer.iterations) == sum(lengths)

"""EarlyStopping and ModelCheckpoint: what goes beyond what Keras does, and what they say when something is wrong."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from dualnet import callbacks as cb

from .fakes import Counted, FakeMetric, FakeModel, Unread


def drive(callback: cb.Callback, values: list[Any], name: str = "val_loss", model: Any = None) -> FakeModel:
    model = model or FakeModel()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch)
        model.weight = epoch
        callback.on_epoch_end(epoch, {"loss": 1.0, name: value})
        if model.stop_training:
            break
    callback.on_train_end()
    return model


@pytest.mark.parametrize(
    ("name", "outputs", "up"),
    [
        ("val_loss", (), False),
        ("loss", (), False),
        ("val_accuracy", (), True),
        ("mae", (), False),
        ("val_left_accuracy", ("left", "right"), True),
        ("right_loss", ("left", "right"), False),
    ],
)
def test_auto_mode(name: str, outputs: tuple[str, ...], up: bool) -> None:
    model = FakeModel([FakeMetric("loss"), FakeMetric("accuracy", "up"), FakeMetric("mae", "down"), FakeMetric("odd")])
    model.output_names = list(outputs)  # type: ignore[attr-defined]
    stopper = cb.EarlyStopping(name, patience=2)
    drive(stopper, [1.0, 2.0, 3.0, 2.5], name, model)
    assert stopper.best == (3.0 if up else 1.0)


@pytest.mark.parametrize("name", ["odd", "left_accuracy", "val_acuracy"])
def test_auto_mode_does_not_guess(name: str) -> None:
    model = FakeModel([FakeMetric("accuracy", "up"), FakeMetric("odd")])
    with pytest.raises(ValueError, match=f"high or a low '{name}'.*mode='max'.*Available metrics are: .*loss"):
        drive(cb.EarlyStopping(name), [1.0], "val_accuracy", model)


def test_a_missing_result_gives_one_warning_per_fit() -> None:
    stopper = cb.EarlyStopping("val_los", mode="min")
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = drive(stopper, [3.0, 4.0, 5.0])
        assert not model.stop_training
        (only,) = caught
        assert str(only.message) == (
            "Early stopping conditioned on metric `val_los` which is not available. "
            "Available metrics are: loss,val_loss; did you mean 'val_loss'?"
        )


def test_a_result_of_several_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected one number as 'f1', got \[0.1, 0.2\]"):
        drive(cb.EarlyStopping("f1", mode="max"), [[0.1, 0.2]], "f1")


def test_a_start_with_nan_is_not_the_best() -> None:
    nan = float("nan")
    stopper = cb.EarlyStopping(patience=3, restore_best_weights=True)
    model = drive(stopper, [nan, 0.5, 0.4, 0.6])
    assert (stopper.best, stopper.best_epoch, model.weight) == (0.4, 2, 2)
    stopper = cb.EarlyStopping(patience=2)
    drive(stopper, [nan] * 9)
    assert stopper.stopped_epoch == 2


def test_unknown_mode() -> None:
    with pytest.warns(UserWarning, match="mode 'minimum' is unknown: .*; using 'auto'"):
        stopper = cb.EarlyStopping(mode="minimum")
    assert stopper.mode == "auto"


def test_best_weights_come_back_when_training_was_not_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    model = drive(cb.EarlyStopping(patience=9, restore_best_weights=True, verbose=1), [3.0, 1.0, 2.0])
    assert model.weight == 1
    assert capsys.readouterr().out == "Restoring model weights from the end of the best epoch: 2.\n"


def test_checkpoint_saves_when_the_result_is_missing() -> None:
    checkpoint = cb.ModelCheckpoint("{epoch}.keras", "val_los", save_best_only=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = drive(checkpoint, [1.0, 2.0])
    assert model.saved == ["1.keras", "2.keras"]
    (only,) = caught
    assert "only with val_los available" in str(only.message)
    assert "did you mean 'val_loss'?" in str(only.message)


def test_checkpoint_of_a_result_of_several_numbers() -> None:
    checkpoint = cb.ModelCheckpoint("{epoch}.keras", "f1", save_best_only=True, mode="max")
    with pytest.warns(UserWarning, match=r"scalar value; saving every time. f1 is \[0.1, 0.2\]"):
        model = drive(checkpoint, [[0.1, 0.2], [0.3, 0.1]], "f1")
    assert model.saved == ["1.keras", "2.keras"]


def test_checkpoint_after_batches_finds_out_the_direction_at_once() -> None:
    checkpoint = cb.ModelCheckpoint("{batch}.keras", "accuracy", save_best_only=True, save_freq=1)
    model = FakeModel([FakeMetric("accuracy", "up")])
    checkpoint.set_model(model)
    for batch, value in enumerate([0.5, 0.4, 0.6]):
        checkpoint.on_train_batch_end(batch, {"accuracy": value})
    assert model.saved == ["1.keras", "3.keras"]


def test_checkpoint_does_not_need_a_direction_when_it_saves_always() -> None:
    assert drive(cb.ModelCheckpoint("m.keras", "unheard_of"), [1.0]).saved == ["m.keras"]


def test_what_could_not_be_saved_is_not_the_best() -> None:
    checkpoint, model = cb.ModelCheckpoint("{epoch}.keras", save_best_only=True), FakeModel()
    drive(checkpoint, [0.5], model=model)
    model.failing = True
    with pytest.raises(OSError, match="No space left"):
        drive(checkpoint, [0.3], model=model)
    assert checkpoint.best == 0.5
    model.failing = False
    drive(checkpoint, [0.4], model=model)
    assert (checkpoint.best, model.saved) == (0.4, ["1.keras", "1.keras"])


def test_checkpoint_makes_folders_and_refuses_one_as_its_file(tmp_path: Any) -> None:
    path = tmp_path / "a" / "{epoch}" / "m.keras"
    model = drive(cb.ModelCheckpoint(path), [1.0, 1.0])
    assert [tmp_path / "a" / n / "m.keras" for n in "12"] == [tmp_path / p for p in model.saved]
    assert (tmp_path / "a" / "2").is_dir()
    (tmp_path / "taken.keras").mkdir()
    with pytest.raises(IsADirectoryError, match="existing folder"):
        drive(cb.ModelCheckpoint(tmp_path / "taken.keras"), [1.0])


def test_only_results_named_in_the_path_are_read() -> None:
    checkpoint = cb.ModelCheckpoint("{epoch}-{batch}.keras", save_freq=2)
    checkpoint.set_model(FakeModel())
    checkpoint.on_epoch_begin(0)
    checkpoint.on_train_batch_end(0, Unread())
    logs = Counted(loss=0.25, accuracy=1.0)
    checkpoint.filepath = "{batch}-{loss}.keras"
    checkpoint.on_train_batch_end(1, logs)
    assert (checkpoint.model.saved, logs.reads) == (["2-0.25.keras"], 1)


def test_a_path_with_an_unknown_name() -> None:
    with pytest.raises(KeyError, match=r"Failed to format this callback filepath.*acc.*among epoch, loss, val_loss"):
        drive(cb.ModelCheckpoint("{acc}.keras"), [1.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "m"}, r"must end in \.keras"),
        ({"filepath": "m.keras", "save_weights_only": True}, r"must end in \.weights\.h5"),
        ({"filepath": "m.keras", "save_freq": "batch"}, "Unrecognized save_freq.*'batch'"),
        ({"filepath": "m.keras", "save_freq": 0}, "Unrecognized save_freq.*0"),
        ({"filepath": "m.keras", "save_freq": 2.5}, "Unrecognized save_freq.*2.5"),
    ],
)
def test_wrong_arguments_of_checkpoint(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cb.ModelCheckpoint(**arguments)


def test_terminate_on_nan_can_raise() -> None:
    callback = cb.TerminateOnNaN(raise_error=True)
    callback.set_model(FakeModel())
    callback.on_train_batch_end(0, {"loss": 1.0})
    callback.on_train_batch_end(0, {"accuracy": float("nan")})
    with pytest.raises(RuntimeError, match="batch 5: the loss is nan"):
        callback.on_train_batch_end(5, {"loss": float("nan")})

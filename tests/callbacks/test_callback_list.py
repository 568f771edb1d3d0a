"""CallbackList: order, what is added by itself, and batch hooks that cost nothing when nobody listens."""

from __future__ import annotations

from typing import Any

import pytest

from dualnet import callbacks as cb

from .fakes import FakeModel, Unread

BATCH_HOOKS = [f"{what}_batch_{when}" for what in ("train", "test", "predict") for when in ("begin", "end")]


def wants(callbacks: cb.CallbackList) -> list[str]:
    return [name for name in BATCH_HOOKS if getattr(callbacks, f"wants_{name}")]


def test_history_then_progress_bar_come_last() -> None:
    mine = cb.Callback()
    callbacks = cb.CallbackList(
        [mine], add_history=True, add_progbar=True, model=FakeModel(), verbose=1, epochs=2, steps=3
    )
    assert [type(c) for c in callbacks.callbacks] == [cb.Callback, cb.History, cb.ProgbarLogger]
    assert mine.params == {"verbose": 1, "epochs": 2, "steps": 3}
    assert callbacks.model.history is callbacks.callbacks[1]
    assert mine.model is callbacks.model


def test_nothing_is_added_twice() -> None:
    history, bar = cb.History(), cb.ProgbarLogger()
    callbacks = cb.CallbackList([bar, [history]], add_history=True, add_progbar=True, model=FakeModel())
    assert callbacks.callbacks == [bar, history]
    assert callbacks.model.history is history


def test_every_hook_reaches_every_callback_in_order() -> None:
    seen: list[Any] = []
    names = [n for n in vars(cb.Callback) if n.startswith("on_")]
    assert len(names) == 16

    class Listener(cb.Callback):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def hook(name: str) -> Any:
        return lambda self, *args, logs=None: seen.append((name, self.name))

    for name in names:
        setattr(Listener, name, hook(name))
    callbacks = cb.CallbackList([Listener("a"), Listener("b")])
    for name in names:
        numbered = "batch" in name or "epoch" in name
        getattr(callbacks, name)(*([0] if numbered else []), logs={})
    assert seen == [(name, who) for name in names for who in "ab"]


def test_without_overridden_hooks_nothing_is_called(tmp_path: Any) -> None:
    callbacks = cb.CallbackList(
        [
            cb.Callback(),
            cb.EarlyStopping("loss"),
            cb.ModelCheckpoint(tmp_path / "m.keras"),
            cb.CSVLogger(tmp_path / "log.csv"),
            cb.LambdaCallback(on_epoch_end=print),
        ],
        add_history=True,
        model=FakeModel(),
    )
    callbacks.on_train_begin()
    assert wants(callbacks) == []
    callbacks.on_train_end()


@pytest.mark.parametrize("name", BATCH_HOOKS)
def test_an_overridden_hook_is_called(name: str) -> None:
    listener = type("Listener", (cb.Callback,), {f"on_{name}": lambda self, batch, logs=None: None})()
    assert wants(cb.CallbackList([cb.Callback(), listener])) == [name]


def test_older_names_are_called_too() -> None:
    assert wants(cb.CallbackList([cb.TerminateOnNaN()])) == ["train_batch_end"]
    assert wants(cb.CallbackList([cb.LambdaCallback(on_batch_begin=print)])) == ["train_batch_begin"]


def test_checkpoint_is_called_after_batches_only_when_it_counts_them(tmp_path: Any) -> None:
    counting = cb.ModelCheckpoint(tmp_path / "m.keras", save_freq=3)
    assert wants(cb.CallbackList([counting])) == ["train_batch_end"]

    class Mine(cb.ModelCheckpoint):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            super().on_train_batch_end(batch, logs)

    assert wants(cb.CallbackList([Mine(tmp_path / "m.keras")])) == ["train_batch_end"]


def test_a_hook_set_at_train_begin_is_called() -> None:
    seen: list[int] = []

    class Late(cb.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.on_train_batch_end = lambda batch, logs=None: seen.append(batch)  # type: ignore[method-assign]

    callbacks = cb.CallbackList([Late()])
    assert wants(callbacks) == []
    callbacks.on_train_begin()
    assert wants(callbacks) == ["train_batch_end"]
    callbacks.on_train_batch_end(4)
    assert seen == [4]


def test_lists_in_lists() -> None:
    seen: list[int] = []
    inner = cb.CallbackList([cb.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))])
    outer = cb.CallbackList([inner, cb.CallbackList([cb.Callback()])])
    assert wants(outer) == ["train_batch_end"]
    outer.on_train_batch_end(7, {"loss": 1})
    assert seen == [7]


def test_logs_of_a_batch_are_handed_on_unread() -> None:
    logs = Unread()
    seen: list[Any] = []
    callbacks = cb.CallbackList([cb.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs))])
    callbacks.on_train_batch_end(0, logs)
    assert seen[0] is logs


def test_logs_of_an_epoch_are_sorted_floats_of_their_own() -> None:
    raw_logs = {"loss": 1, "accuracy": 0.5, "nested": {"b": 2}, "text": "0.5", "per_class": [1, 2]}
    seen: list[Any] = []
    cb.CallbackList([cb.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs))]).on_epoch_end(0, raw_logs)
    assert list(seen[0].items()) == [
        ("accuracy", 0.5),
        ("loss", 1.0),
        ("b", 2.0),
        ("per_class", [1, 2]),
        ("text", "0.5"),
    ]
    assert type(seen[0]["loss"]) is float
    assert "b" not in raw_logs


def test_callbacks_see_what_earlier_ones_add_to_the_logs() -> None:
    history = cb.History()
    adding = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(learning_rate=0.1))
    callbacks = cb.CallbackList([adding, history], model=FakeModel())
    callbacks.on_epoch_end(0, {"loss": 1.0})
    assert history.history == {"loss": [1.0], "learning_rate": [0.1]}


def test_a_callback_that_forgets_super_init() -> None:
    class Forgetful(cb.Callback):
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seen.append((self.params, self.model))

    callback, model = Forgetful(), FakeModel()
    assert callback.model is None
    cb.CallbackList([callback], model=model, epochs=1).on_epoch_end(0, {})
    assert callback.seen == [({"epochs": 1}, model)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (cb.EarlyStopping, r"the class EarlyStopping; write EarlyStopping\(\)"),
        (print, "LambdaCallback"),
        ("early_stopping", "'early_stopping'"),
    ],
)
def test_things_that_are_no_callbacks(wrong: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        cb.CallbackList([wrong])
    with pytest.raises(TypeError, match=message):
        cb.CallbackList().append(wrong)


def test_lambda_callback_says_when_there_is_no_such_hook() -> None:
    with pytest.warns(UserWarning, match="'on_epoch_ends', which is not a hook; did you mean 'on_epoch_end'"):
        assert cb.LambdaCallback(on_epoch_ends=print).on_epoch_ends is print

"""CSVLogger: rows are there at once, and going on with a file never spoils it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dualnet.callbacks import CSVLogger


def log(path: Path, *epochs: dict[str, Any], **arguments: Any) -> None:
    logger = CSVLogger(path, **arguments)
    logger.on_train_begin()
    try:
        for epoch, logs in enumerate(epochs):
            logger.on_epoch_end(epoch, logs)
    finally:
        logger.on_train_end()


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_every_row_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "log.csv"
    logger = CSVLogger(path)
    logger.on_train_begin()
    for epoch in range(3):
        logger.on_epoch_end(epoch, {"loss": 0.5})
        assert lines(path) == ["epoch,loss,val_loss", *(f"{e},0.5,NA" for e in range(epoch + 1))]
    logger.on_train_end()


def test_going_on_keeps_to_the_columns_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log(path, {"loss": 1.0, "mae": 2.0, "val_loss": 3.0})
    with pytest.warns(UserWarning, match=r"no column for accuracy, which is not written") as caught:
        log(path, {"val_loss": 6.0, "loss": 4.0, "accuracy": 5.0}, {"loss": 7.0, "accuracy": 5.0}, append=True)
    assert len(caught) == 1
    assert lines(path) == ["epoch,loss,mae,val_loss", "0,1.0,2.0,3.0", "0,4.0,NA,6.0", "1,7.0,NA,NA"]


def test_a_row_that_was_cut_off_stays_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log(path, {"loss": 1.0, "val_loss": 3.0}, {"loss": 1.0, "val_loss": 3.0})
    path.write_bytes(path.read_bytes()[:-4])
    log(path, {"loss": 2.0, "val_loss": 2.0}, append=True)
    assert lines(path) == ["epoch,loss,val_loss", "0,1.0,3.0", "1,1.0,3", "0,2.0,2.0"]


def test_a_file_of_another_format_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("name,phone\nme,123\n")
    with pytest.raises(ValueError, match=r"starts with 'epoch', got 'name,phone'.*append=False"):
        log(path, {"loss": 1.0}, append=True)
    assert path.read_text() == "name,phone\nme,123\n"


def test_an_empty_file_gets_a_header(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.touch()
    log(path, {"loss": 1.0, "val_loss": 1.0}, append=True)
    assert lines(path) == ["epoch,loss,val_loss", "0,1.0,1.0"]


def test_it_needs_a_beginning(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="without on_train_begin"):
        CSVLogger(tmp_path / "log.csv").on_epoch_end(0, {"loss": 1.0})

"""Reading and preparing data: tables, arrays, lists; splits, scaling, targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dualnet_cli import data
from dualnet_cli.config import load
from dualnet_cli.errors import CliError
from dualnet_cli.prepare import Dataset

from .helpers import write

REST = """
[[model.layers]]
class = "Dense"
units = 1
[compile]
optimizer = "sgd"
loss = "mse"
[fit]
epochs = 1
"""

PLAIN = "a,b,y\n1,10,0\n2,20,1\n3,30,0\n4,40,1\n"


def dataset(folder: Path, keys: str, table: str | None = None, name: str = "t.csv", fit: str = "") -> Dataset:
    """The data of a config whose [data] table is ``keys``; ``table`` is written to the file it names."""
    if table is not None:
        (folder / name).write_text(table, encoding="utf-8")
        keys = f'path = "{name}"\nshuffle = false\n{keys}'
    return data.load(load(write(folder, f"[data]\n{keys}\n{REST}{fit}\n")))


def message(folder: Path, keys: str, table: str | None = None, name: str = "t.csv") -> str:
    with pytest.raises(CliError) as caught:
        dataset(folder, keys, table, name)
    assert caught.value.exit_code == 2
    return caught.value.message


def test_table(tmp_path: Path) -> None:
    prepared = dataset(tmp_path, "", PLAIN)
    np.testing.assert_array_equal(prepared.train.x, [[1, 10], [2, 20], [3, 30], [4, 40]])
    np.testing.assert_array_equal(prepared.train.y, [0, 1, 0, 1])
    assert (prepared.train.x.dtype, prepared.train.y.dtype) == (np.float32, np.int32)
    assert prepared.features == ["a", "b"]
    assert (prepared.validation, prepared.test) == (None, None)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (PLAIN.replace(",", ";"), "t.csv"),
        (PLAIN.replace(",", "\t"), "t.tsv"),
        (PLAIN.replace(",", "|"), "t.csv"),
        ("\ufeff" + PLAIN.replace("\n", "\r\n"), "t.csv"),  # as spreadsheets write it
        ('"a","b","y"\n"1","10","0"\n2,20,1\n\n3,30,0\n4, 40 ,1', "t.csv"),
        ("a,b,text\n1,10,0\n2,20,1\n3,30,0\n4,40,1\n", "t.csv"),
    ],
)
def test_table_formats(table: str, name: str, tmp_path: Path) -> None:
    prepared = dataset(tmp_path, "", table, name)
    np.testing.assert_array_equal(prepared.train.x, [[1, 10], [2, 20], [3, 30], [4, 40]])
    np.testing.assert_array_equal(prepared.train.y, [0, 1, 0, 1])


def test_header(tmp_path: Path) -> None:
    rows = "1,10,0\n2,20,1\n"
    assert len(dataset(tmp_path, "", rows).train) == 2
    assert len(dataset(tmp_path, "header = true", rows).train) == 1
    iris = "5.1,3.5,Iris-setosa\n4.9,3.0,Iris-virginica\n"  # text, but not a header
    assert len(dataset(tmp_path, "", iris).train) == 2
    assert len(dataset(tmp_path, "", "a,b,kind\n" + iris).train) == 2
    assert "header" in message(tmp_path, 'target = "y"', rows)
    assert '"a"' in message(tmp_path, "header = false", PLAIN)


def test_columns(tmp_path: Path) -> None:
    prepared = dataset(tmp_path, 'target = "a"', PLAIN)
    np.testing.assert_array_equal(prepared.train.x[0], [10, 0])
    prepared = dataset(tmp_path, 'target = 0\nexclude = ["y"]', PLAIN)
    np.testing.assert_array_equal(prepared.train.x[0], [10])
    prepared = dataset(tmp_path, 'features = ["b", 0]', PLAIN)
    np.testing.assert_array_equal(prepared.train.x[0], [10, 1])
    prepared = dataset(tmp_path, 'features = "b"', PLAIN)
    assert prepared.train.x.shape == (4, 1)
    prepared = dataset(tmp_path, 'target = ["b", "y"]', PLAIN)
    assert (prepared.train.x.shape, prepared.train.y.shape) == ((4, 1), (4, 2))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('target = "z"', ["target", '"z"', "columns: a, b, y"]),
        ("target = 3", ["target", "no column 3", "0 to 2"]),
        ("target = -4", ["target", "no column -4"]),
        ('target = "Y"', ["target", 'did you mean "y"?']),
        ('features = ["a", "y"]', ["features", '"y" is the target']),
        ('features = ["a"]\nexclude = ["a"]', ["exclude", '"a"']),
        ('exclude = ["a", "b"]', ["features", "no column is left"]),
        ('categorical = ["y"]', ["categorical", "not one of the features"]),
        ('delimiter = ";"', ["delimiter", "only one column"]),
        ("one_hot = true\ntarget = 0\ntarget_scale = 2.0", ["one_hot", "whole numbers"]),
        ("test_split = 0.99", ["test_split", "empty"]),
        ('dtype = "int32"\nscale = 3.0', ["dtype", "not whole numbers"]),
        ('target_type = "class"\ntarget = ["b", "y"]', ["target_type", "single"]),
    ],
)
def test_wrong_keys(keys: str, expected: list[str], tmp_path: Path) -> None:
    prepared = message(tmp_path, keys, PLAIN)
    assert prepared.startswith(f"{tmp_path}/small.toml:")
    for text in ["[data]", *expected]:
        assert text in prepared, f"{text!r} is not in {prepared!r}"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", ["path", "empty"]),
        ("a,b,y\n", ["path", "no rows"]),
        ("a,b,y\n1,2,3\n4,5\n", ["path", "line 3 has 2 cells where the first has 3"]),
        ("a,b,y\n1,2,3\n4,5,6,7\n", ["path", "line 3 has 4 cells"]),
        ("a,b,y\n1,red,3\n4,blue,6\n", ["features", 'column "b" holds "red" on line 2', "categorical"]),
        ("a,b,y\n1,,3\n4,5,6\n7,NA,9\n", ["missing", 'column "b" has 2 empty cells, the first on line 2']),
        ("a,b,y\n1,2,\n4,5,6\n", ["target", 'column "y" is empty on line 2']),
        ("a,b,y\n1,inf,3\n4,5,6\n", ["features", '"inf"', "finite"]),
        ("a,b,y\n1,2,inf\n4,5,6\n", ["target", '"inf"', "finite"]),
        ("a,b,y\n1,1_000,3\n", ["features", '"1_000"']),
        ("one\n1\n2\n", ["delimiter", "only one column"]),
        ("a,b,y\n1,1e300,3\n", ["features", "too large for float32"]),
        ("a,b,y\n1,2,1e300\n", ["target", "too large for float32"]),
    ],
)
def test_wrong_tables(table: str, expected: list[str], tmp_path: Path) -> None:
    prepared = message(tmp_path, "", table)
    for text in ["[data]", *expected]:
        assert text in prepared, f"{text!r} is not in {prepared!r}"


def test_table_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,\xff\xfe\n")
    assert "not UTF-8" in message(tmp_path, 'path = "t.csv"')
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\0\n")
    assert "zero byte" in message(tmp_path, 'path = "t.csv"')


def test_missing_cells(tmp_path: Path) -> None:
    table = "a,b,y\n1,,0\n2,4,1\n3,8,2\n?,6,3\n"
    prepared = dataset(tmp_path, 'missing = "drop"', table)
    np.testing.assert_array_equal(prepared.train.x, [[2, 4], [3, 8]])
    prepared = dataset(tmp_path, 'missing = "mean"\ntest_split = 0.25', table)
    # The mean is that of the three training rows: the test row's 6 is not in it.
    np.testing.assert_array_equal(prepared.train.x, [[1, 6], [2, 4], [3, 8]])
    assert prepared.test is not None
    np.testing.assert_array_equal(prepared.test.x, [[2, 6]])
    assert "from top to bottom" in message(tmp_path, 'missing = "mean"', "a,b,y\n1,,0\n2,,1\n")


def test_categorical_columns(tmp_path: Path) -> None:
    table = "colour,b,y\nred,1,0\nblue,2,1\nred,3,1\n"
    prepared = dataset(tmp_path, 'categorical = ["colour"]', table)
    np.testing.assert_array_equal(prepared.train.x, [[0, 1, 1], [1, 0, 2], [0, 1, 3]])
    assert prepared.features == ["colour=blue", "colour=red", "b"]
    (tmp_path / "test.csv").write_text("colour,b,y\nred,7,1\n")
    prepared = dataset(tmp_path, 'categorical = ["colour"]\ntest_path = "test.csv"', table)
    assert prepared.test is not None
    np.testing.assert_array_equal(prepared.test.x, [[0, 1, 7]])
    (tmp_path / "test.csv").write_text("colour,b,y\ngreen,7,1\n")
    assert '"green"' in message(tmp_path, 'categorical = ["colour"]\ntest_path = "test.csv"', table)


def test_targets(tmp_path: Path) -> None:
    text = "a,kind\n1,dog\n2,cat\n3,dog\n4,eel\n"
    prepared = dataset(tmp_path, "", text)
    assert prepared.train.y.tolist() == [1, 0, 1, 2]
    assert prepared.classes == ["cat", "dog", "eel"]
    prepared = dataset(tmp_path, "one_hot = true", text)
    assert prepared.train.y.tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert "holds text" in message(tmp_path, 'target_type = "number"', text)
    assert "holds text" in message(tmp_path, "target_threshold = 3", text)

    numbers = "a,y\n1,10\n2,30\n3,20\n4,10\n"
    prepared = dataset(tmp_path, 'target_type = "class"', numbers)
    assert (prepared.train.y.tolist(), prepared.classes) == ([0, 2, 1, 0], ["10", "20", "30"])
    assert dataset(tmp_path, "target_threshold = 20", numbers).train.y.tolist() == [0, 1, 1, 0]
    assert dataset(tmp_path, "target_scale = 10", numbers).train.y.tolist() == [1, 3, 2, 1]
    assert dataset(tmp_path, "", "a,y\n1,0.5\n2,1.5\n").train.y.dtype == np.float32


def test_scaling_is_measured_on_the_training_part(tmp_path: Path) -> None:
    table = "a,b,y\n" + "".join(f"{i},5,{i % 2}\n" for i in range(10))
    prepared = dataset(tmp_path, 'scaling = "standard"\ntest_split = 0.2', table, fit="validation_split = 0.25")
    assert prepared.validation is not None
    assert prepared.test is not None
    assert [len(p) for p in (prepared.train, prepared.validation, prepared.test)] == [6, 2, 2]
    x = np.arange(6.0)
    np.testing.assert_allclose(prepared.train.x[:, 0], (x - x.mean()) / x.std(), rtol=1e-6)
    np.testing.assert_allclose(prepared.test.x[:, 0], (np.array([8, 9]) - x.mean()) / x.std(), rtol=1e-6)
    assert not prepared.train.x[:, 1].any(), "a constant column becomes 0"
    assert prepared.preprocessing()["subtract"] == [2.5, 5.0]

    prepared = dataset(tmp_path, 'scaling = "minmax"\ntest_split = 0.2', table)
    np.testing.assert_allclose(prepared.train.x[:, 0], np.arange(8) / 7, rtol=1e-6)


def test_splits_take_the_last_rows_and_shuffle_with_the_seed(tmp_path: Path) -> None:
    table = "a,y\n" + "".join(f"{i},{i}\n" for i in range(100))
    prepared = dataset(tmp_path, "test_split = 0.1", table, fit="validation_split = 0.1")
    assert prepared.validation is not None
    assert prepared.test is not None
    assert prepared.train.y.tolist() == list(range(81))
    assert prepared.validation.y.tolist() == list(range(81, 90))
    assert prepared.test.y.tolist() == list(range(90, 100))

    def shuffled(seed: int) -> list[Any]:
        text = f'seed = {seed}\n[data]\npath = "t.csv"\ntest_split = 0.1\n{REST}'
        mixed = data.load(load(write(tmp_path, text)))
        assert mixed.test is not None
        assert mixed.shuffled
        assert sorted([*mixed.train.y, *mixed.test.y]) == list(range(100))
        assert (mixed.train.x[:, 0] == mixed.train.y).all()
        return list(mixed.test.y)

    assert shuffled(1) == shuffled(1) != shuffled(2)


def test_arrays(tmp_path: Path) -> None:
    x, y = np.arange(24, dtype=np.uint8).reshape(6, 2, 2), np.array([0, 1, 2, 0, 1, 2])
    np.savez(tmp_path / "a.npz", x=x, y=y, other=y[::-1])
    prepared = dataset(tmp_path, 'path = "a.npz"\nshuffle = false')
    np.testing.assert_array_equal(prepared.train.x, x)
    assert prepared.train.x.dtype == np.float32
    prepared = dataset(tmp_path, 'path = "a.npz"\nshuffle = false\nflatten = true\ntarget = "other"\nscale = 2')
    np.testing.assert_array_equal(prepared.train.x, x.reshape(6, 4) / 2)
    np.testing.assert_array_equal(prepared.train.y, y[::-1])
    prepared = dataset(tmp_path, 'path = "a.npz"\nshuffle = false\ndtype = "int32"')
    assert prepared.train.x.dtype == np.int32

    np.savez(tmp_path / "b.npz", x_train=x[:4], y_train=y[:4], x_test=x[4:], y_test=y[4:])
    prepared = dataset(tmp_path, 'path = "b.npz"')
    assert prepared.test is not None
    np.testing.assert_array_equal(prepared.test.x, x[4:])
    prepared = dataset(tmp_path, 'path = "a.npz"\ntest_path = "a.npz"')
    assert prepared.test is not None
    assert len(prepared.test) == 6


def test_wrong_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((3, 2)), y=np.zeros(2), text=np.array(["a", "b"]), z=np.array([1.0, np.nan]))
    assert "3 samples but 2 targets" in message(tmp_path, 'path = "a.npz"')
    assert '"labels"; it holds: x, y, text, z' in message(tmp_path, 'path = "a.npz"\ntarget = "labels"')
    assert "does not hold numbers" in message(tmp_path, 'path = "a.npz"\nfeatures = "text"')
    assert "not a finite number" in message(tmp_path, 'path = "a.npz"\nfeatures = "z"\nshuffle = false')
    assert "name of one array" in message(tmp_path, 'path = "a.npz"\nfeatures = ["x"]')
    assert "means nothing" in message(tmp_path, 'path = "a.npz"\nheader = true')
    np.savez(path, x=np.zeros((0, 2)), y=np.zeros(0))
    assert "no samples" in message(tmp_path, 'path = "a.npz"')
    np.savez(path, x=np.array([{}], dtype=object), y=np.zeros(1))
    assert "Python objects" in message(tmp_path, 'path = "a.npz"')
    path.write_bytes(b"PK\x03\x04 broken")
    assert "not an .npz file" in message(tmp_path, 'path = "a.npz"')
    np.save(tmp_path / "c.npy", np.zeros(3))
    (tmp_path / "c.npy").rename(path)
    assert 'holds no array "y"' in message(tmp_path, 'path = "a.npz"')


def test_built_in_digits(tmp_path: Path) -> None:
    prepared = dataset(tmp_path, 'name = "digits"\nscale = 16.0')
    assert prepared.train.x.shape[1:] == (8, 8)
    assert prepared.test is not None
    assert len(prepared.train) + len(prepared.test) == 1797
    assert (prepared.train.x.min(), prepared.train.x.max()) == (0, 1)
    assert not prepared.shuffled
    assert set(prepared.train.y) == set(range(10))


def test_mnist_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dualnet

    def absent() -> None:
        raise OSError("MNIST is neither here\nnor there")

    monkeypatch.setattr(dualnet.datasets.mnist, "load_data", absent)
    with pytest.raises(CliError) as caught:
        dataset(tmp_path, 'name = "mnist"')
    assert (caught.value.exit_code, caught.value.message) == (1, "MNIST is neither here nor there")

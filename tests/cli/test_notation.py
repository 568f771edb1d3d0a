"""Tables whose cells are written in many ways: each is read right, or named with its line and the key that settles it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dualnet_cli.cells import Notation, remedy
from dualnet_cli.errors import printable
from dualnet_cli.schema import Data

from .helpers import run, write
from .test_data import REST, dataset, message


def column(*cells: str) -> str:
    """A table with these cells as the target."""
    return "a,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))


ODD_CELLS = {
    "unknown": 'add "unknown" to missing_values',
    "-": 'add "-" to missing_values',
    "TRUE": 'target_type = "class"',
    '"10,5"': 'decimal = ","',
    '"1,000"': 'thousands = ","',
    '"1.234,5"': 'decimal = "," and thousands = "."',
    '"1,234.5"': 'decimal = "." and thousands = ","',
    "1.000.000": 'thousands = "."',
    "1 000": 'thousands = " "',
    "1\u202f000": 'thousands = " "',
    "1'000": 'thousands = "\'"',
    "$10": 'units = ["$"]',
    "-$10": 'units = ["$"]',
    "10%": 'units = ["%"]',
    "12 kg": 'units = ["kg"]',
    "EUR 5": 'units = ["EUR"]',
    "2024-01-31": 'target_type = "class"',
    "31.12.2024": 'target_type = "class"',
    "12/31/24 10:30": 'target_type = "class"',
    "10:30": 'target_type = "class"',
    "1_000": 'target_type = "class"',
    "0x10": 'target_type = "class"',
    "1.....000": 'target_type = "class"',
    "(5)": 'target_type = "class"',
    "\u22125": 'target_type = "class"',
    "20-30": 'target_type = "class"',
}


@pytest.mark.parametrize("cell", ODD_CELLS)
def test_one_odd_cell_does_not_make_classes_of_numbers(cell: str, tmp_path: Path) -> None:
    said = message(tmp_path, "", column("3", "6", cell, "9"))
    for text in [
        "[data] target",
        'column "y"',
        "on line 4",
        "1 of 4 cells",
        printable(cell.strip('"')),
        ODD_CELLS[cell],
    ]:
        assert text in said
    assert dataset(tmp_path, 'target_type = "class"', column("3", cell)).classes == sorted(["3", cell.strip('"')])


@pytest.mark.parametrize("cell", [cell for cell in ODD_CELLS if cell not in ("unknown", "-", "TRUE")])
def test_a_column_of_numbers_in_another_notation_is_no_column_of_classes(cell: str, tmp_path: Path) -> None:
    said = message(tmp_path, "", column(cell, cell))
    assert "on line 2" in said
    assert ODD_CELLS[cell] in said


@pytest.mark.parametrize("cell", ODD_CELLS)
def test_features_are_numbers_or_are_named(cell: str, tmp_path: Path) -> None:
    said = message(tmp_path, "", f"a,y\n1,2\n{cell},3\n")
    assert '[data] features: column "a" holds' in said
    assert "on line 3" in said
    assert "categorical" in said


@pytest.mark.parametrize(
    "cells", [("<=50K", ">50K"), ("+", "-"), ("yes", "no"), ("class1", "class2"), ("TRUE", "FALSE")]
)
def test_plain_texts_are_classes(cells: tuple[str, str], tmp_path: Path) -> None:
    assert dataset(tmp_path, "", column(*cells, cells[0])).classes == sorted(cells)


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "#N/A", "None", "NaN", "null", "?", " "])
def test_empty_targets(cell: str, tmp_path: Path) -> None:
    table = column("3", cell, "5")
    said = message(tmp_path, "", table)
    assert 'column "y" is empty on line 3' in said
    assert cell.strip() in said
    assert 'missing = "drop"' in said
    prepared = dataset(tmp_path, 'missing = "drop"', table)
    assert (prepared.train.y.tolist(), prepared.dropped) == ([3, 5], 1)
    assert prepared.preprocessing()["rows_dropped"] == 1


def test_missing_values(tmp_path: Path) -> None:
    table = "a,y\n1,2\n-,3\n-999,4\n-999.0,5\n7,8\n"
    prepared = dataset(tmp_path, 'missing = "drop"\nmissing_values = ["-", "-999"]', table)
    np.testing.assert_array_equal(prepared.train.x, [[1], [7]])
    prepared = dataset(tmp_path, 'missing_values = [""]', "a,y\n1,None\n2,Mild\n")
    assert prepared.classes == ["Mild", "None"]
    assert '"" in missing_values' not in message(tmp_path, 'missing_values = ["-"]', "a,y\n1,\n2,3\n")


@pytest.mark.parametrize(
    ("keys", "table", "x", "y"),
    [
        ('decimal = ","', "a;y\n1,5;2,5\n-2,25;3\n", [1.5, -2.25], [2.5, 3]),
        ('decimal = ","', "1,5;2,5\n2,5;3,5\n", [1.5, 2.5], [2.5, 3.5]),
        ('decimal = ","\nthousands = "."', "a;y\n1.234,5;1\n12.345.678;2\n", [1234.5, 12345678], [1, 2]),
        ('thousands = ","', 'a,y\n"1,234.5","1,000"\n"-12,345,678",999\n', [1234.5, -12345678], [1000, 999]),
        ('thousands = ","', 'a,y\n"12,34,567",1\n1e3,2\n', [1234567, 1000], [1, 2]),
        ('thousands = " "', "a,y\n1 234,1\n1\u00a0234\u202f567,2\n", [1234, 1234567], [1, 2]),
        ('thousands = "\'"', "a,y\n1'234,1\n1\u2019234,2\n", [1234, 1234], [1, 2]),
        ('units = ["$", "%", "kg"]', "a,y\n$10,10%\n-$5,20 %\n$-7,3%\n", [10, -5, -7], [10, 20, 3]),
    ],
)
def test_notations(keys: str, table: str, x: list[float], y: list[float], tmp_path: Path) -> None:
    prepared = dataset(tmp_path, keys, table)
    np.testing.assert_array_equal(prepared.train.x[:, 0], x)
    np.testing.assert_array_equal(prepared.train.y, y)


@pytest.mark.parametrize(
    ("keys", "cell"),
    [
        ('thousands = ","', '"1,00"'),
        ('thousands = ","', '"1234,567"'),
        ('thousands = ","', '",123"'),
        ('thousands = ","', '"1,23,45"'),
        ('decimal = ","', "1.5"),
        ('decimal = ","\nthousands = "."', "1.5"),
        ('units = ["$"]', "$"),
        ('units = ["$"]', "10%"),
    ],
)
def test_what_does_not_fit_the_notation_is_no_number(keys: str, cell: str, tmp_path: Path) -> None:
    assert "on line 3, which is no number" in message(tmp_path, f'{keys}\ndelimiter = "|"', f"a|y\n1|2\n{cell}|3\n")


def test_numbers_against_python() -> None:
    random = np.random.default_rng(0)
    german = Notation.of(Data(decimal=",", thousands=".", units=["EUR"]))
    plain = Notation.of(Data())
    for _ in range(500):
        value = float(np.round(random.normal() * 10.0 ** random.integers(-2, 9), 2))
        english = f"{value:,.2f}"
        assert german.number(english.translate(str.maketrans(",.", ".,")) + " EUR") == value
        assert plain.number(f" {value!r} ") == value
        assert plain.number(english) == (None if "," in english else value)
    assert "thousands" in remedy("1.000", german) or german.number("1.000") == 1000


@pytest.mark.parametrize("other", ["", "x"])  # by NumPy's reader, and cell by cell
def test_whole_numbers_beyond_float64(other: str, tmp_path: Path) -> None:
    big = 2**53
    table = f"a,b,y\n1,0,{big}\n2,0,{big + 1}\n3,{other or 0},7\n"
    keys = 'exclude = ["b"]\n'
    said = message(tmp_path, keys, table)
    assert f'"{big + 1}" on line 3' in said
    assert 'target_type = "class"' in said
    prepared = dataset(tmp_path, keys + 'target_type = "class"', table)
    assert (prepared.train.y.tolist(), prepared.classes) == ([1, 2, 0], ["7", str(big), str(big + 1)])
    said = message(tmp_path, keys + 'target = "a"', table)
    assert "an identifier" in said
    assert "categorical" in said
    prepared = dataset(tmp_path, keys + 'target = "a"\ncategorical = ["y"]', table)
    assert prepared.train.x.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["1234567", "1234568", "10", "9"], ["9", "10", "1234567", "1234568"]),
        (["0.1", "0.10", "1.0", "1", "1e3"], ["0.1", "1", "1000"]),
        (["007", "010", "9"], ["007", "9", "010"]),
        (["0.1000000000000000055", "0.1000000000000000056"], ["0.1000000000000000055", "0.1000000000000000056"]),
        (["-1", "+1", "0"], ["-1", "0", "1"]),
    ],
)
def test_names_of_classes_that_are_numbers(cells: list[str], classes: list[str], tmp_path: Path) -> None:
    prepared = dataset(tmp_path, 'target_type = "class"', column(*cells))
    assert prepared.classes == classes
    named = [float(classes[i]) for i in prepared.train.y]
    assert named == [float(cell) for cell in cells]


def test_one_number_in_two_spellings(tmp_path: Path) -> None:
    assert '"7"' in message(tmp_path, 'target_type = "class"', column("007", "7"))


def test_classes_of_arrays_and_lists(tmp_path: Path) -> None:
    identifiers = np.array([2**53, 2**53 + 1, 5])
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 1)), y=identifiers, z=np.float32([0.1, 1234567, 2]), n=[0, np.nan, 1])
    keys = 'path = "a.npz"\nshuffle = false\nfeatures = "x"\ntarget_type = "class"\n'
    assert dataset(tmp_path, keys + 'target = "y"').classes == ["5", str(2**53), str(2**53 + 1)]
    assert dataset(tmp_path, keys + 'target = "z"').classes == ["0.1", "2", "1234567"]
    assert "not finite" in message(tmp_path, keys + 'target = "n"')
    listed = f'x = [[0], [1]]\ny = [{2**53}, {2**53 + 1}]\ntarget_type = "class"'
    assert dataset(tmp_path, listed).classes == [str(2**53), str(2**53 + 1)]
    assert "more digits" in message(tmp_path, f"x = [[{2**53 + 1}], [1]]\ny = [1, 2]")
    assert "[data] x" in message(tmp_path, 'x = [["1"], [2]]\ny = [1, 2]')
    assert "[data] y" in message(tmp_path, 'x = [[1], [2]]\ny = [1, "2"]')


FILES: list[tuple[bytes, str, str, list[str]]] = [
    ("a,y\n1,caf\u00e9\n2,th\u00e9\n".encode("latin-1"), "t.csv", "", ["encoding", "UTF-8", "line 2", '"latin-1"']),
    ("a,y\n1,2\n".encode("utf-16"), "t.csv", "", ["encoding", 'encoding = "utf-16"']),
    ("a,y\n1,2\n".encode("utf-16-le"), "t.csv", "", ["encoding", 'encoding = "utf-16"']),
    (b"a,y\n1,2\n", "t.csv", 'encoding = "klingon"', ["encoding", '"klingon"']),
    (gzip.compress(b"a,y\n1,2\n", mtime=0), "t.csv", "", ["path", "gzip", "t.csv.gz"]),
    (b"a,y\n1,2\n", "t.csv.gz", "", ["path", "not a complete gzip file"]),
    (gzip.compress(bytes(range(256)) * 9)[:-20], "t.csv.gz", "", ["not a complete gzip file"]),
    (b"PK\x03\x04....", "t.csv", "", ["path", "workbook"]),
    (b'a,kind\n1,"dog\n2,cat\n3,dog\n', "t.csv", "", ["path", "quotation mark"]),
    (b"a,b,y,\n1,2,3,\n", "t.csv", "", ["target", 'column "" is empty on line 2']),
    (b"a,b,y\n1,2,3,\n", "t.csv", "", ["path", "line 2 has 4 cells"]),
    (b"a,y\nkg,cm\n1,2\n", "t.csv", "", ["features", '"kg" on line 2']),
    (b"Sales of 2020\na,y\n1,2\n", "t.csv", "", ["delimiter", "line 1", "skip_lines"]),
    (b"a,y\n1,2\nTotal,3\n", "t.csv", "", ["features", '"Total" on line 3']),
    (b"a,y\n1,2\n  \n3,4\n", "t.csv", "", ["path", "line 3", "skip_lines"]),
    (b"red,apple\ngreen,pear\n", "t.csv", "", ["header", '"red"', "header = true or false"]),
    (b"1,unknown,3\n2,5,4\n3,6,4\n", "t.csv", "", ["header", '"unknown"', '"1" is a number']),
    (b"1,5;2,5;3\n1,5;2,5;4\n", "t.csv", "", ["delimiter", '"," (3 columns) or ";" (3 columns)']),
    (b"a,a,y\n1,2,3\n", "t.csv", 'derive = { z = "2" }', ["derive", 'called "a"']),
    (b"a,b,y\n1,2,3\n4,0,6\n", "t.csv", 'derive = { z = "a / b" }', ["derive", "inf in row 2", "b = 0"]),
    (b"a,b,y\n,2,3\n-4,1,6\n", "t.csv", 'derive = { z = "log(a)" }\nmissing = "mean"', ["derive", "nan in row 2"]),
    (b"a,y\n3000000000,1\n2,3\n", "t.csv", 'dtype = "int32"', ["dtype", "2147483647"]),
    (b"a,y\n1,2\n", "t.csv", "skip_lines = [0]", ["skip_lines", "line numbers from 1"]),
    (b"a,y\n1,2\n", "t.csv", 'thousands = "."', ["thousands", "decimal mark"]),
    (b"a;y\n1;2\n", "t.csv", 'decimal = ","\ndelimiter = ","', ["decimal", "delimiter"]),
    (b"a,y\n1,2\n", "t.csv", 'units = ["1"]', ["units", "without digits"]),
]


@pytest.mark.parametrize(("content", "name", "keys", "expected"), FILES)
def test_files_that_are_refused(content: bytes, name: str, keys: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    said = message(tmp_path, f'path = "{name}"\n{keys}')
    assert "\n" not in said
    for text in ["[data]", *expected]:
        assert text in said


@pytest.mark.parametrize(
    ("content", "name", "keys"),
    [
        (gzip.compress(b"a,y\n1,2\n3,4\n", mtime=0), "t.csv.gz", ""),
        (gzip.compress(b"a\ty\n1\t2\n3\t4\n", mtime=0), "t.tsv.gz", ""),
        ("a,y\n1,2\n3,4\n".encode("utf-16"), "t.csv", 'encoding = "utf-16"'),
        ("\u00fcber,y\n1,2\n3,4\n".encode("cp1252"), "t.csv", 'encoding = "cp1252"'),
        (b"a,y\r1,2\r3,4\r", "t.csv", ""),
        (b"\n\na,y\n1,2\n\n3,4\n\n", "t.csv", ""),
        (b"a,y\nkg,cm\n1,2\n3,4\n", "t.csv", "skip_lines = [2]"),
        (b"Sales, by shop\n\na,y\n1,2\n3,4\nTotal,6\n", "t.csv", "skip_lines = [1, 6]"),
        (b"Sales of 2020\na,y\n1,2\n3,4\n", "t.csv", "skip_lines = 1"),
        (b"2019,2020\n1,2\n3,4\n", "t.csv", 'target = "2020"'),
        (b'"a","y"\n"1","2"\n"3","4"\n', "t.csv", ""),
        (b"1stFlrSF,y\n1,2\n3,4\n", "t.csv", ""),
    ],
)
def test_files_that_are_read(content: bytes, name: str, keys: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    prepared = dataset(tmp_path, f'path = "{name}"\nshuffle = false\n{keys}')
    np.testing.assert_array_equal(prepared.train.x, [[1], [3]])
    np.testing.assert_array_equal(prepared.train.y, [2, 4])


@pytest.mark.parametrize(("train", "test"), [("1,2\n3,4\n", "1,red\n"), ("1,red\n3,blue\n", "1,2\n")])
def test_a_test_table_has_the_same_kind_of_target(train: str, test: str, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,y\n" + test)
    said: Any = message(tmp_path, 'test_path = "other.csv"', "a,y\n" + train)
    assert "other.csv has" in said
    (tmp_path / "other.csv").write_text("a,y\n1_0,2\n")
    assert 'other.csv: column "a" holds "1_0" on line 2' in message(
        tmp_path, 'test_path = "other.csv"', "a,y\n" + train
    )


def test_one_hot_needs_no_square_of_the_classes(tmp_path: Path) -> None:
    prepared = dataset(tmp_path, "one_hot = true", column("100000", "3"))
    assert prepared.train.y.shape == (2, 100_001)
    assert np.argwhere(prepared.train.y).tolist() == [[0, 100_000], [1, 3]]


def test_numbers_of_classes_are_no_quantities(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(column("low", "high", "medium", "low"))
    config = write(tmp_path, f'[data]\npath = "t.csv"\n{REST}')
    result = run("train", config, "--run-dir", tmp_path / "run")
    assert result.exit_code == 2
    assert (
        "[compile] loss: the target is 3 classes (high, low, medium), and their numbers have no order" in result.output
    )
    (tmp_path / "t.csv").write_text(column("low", "high", "low"))  # 0 and 1
    assert run("train", config, "--run-dir", tmp_path / "run").exit_code == 0


def test_a_resolved_config_keeps_the_notation(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("kg;cm\na;y\n1,5;2\n-;1\n2,5;1.000\n", encoding="utf-16")
    keys = 'encoding = "utf-16"\nskip_lines = 1\ndecimal = ","\nthousands = "."\nunits = ["kg"]\nmissing = "drop"\n'
    path = write(tmp_path, f'[data]\npath = "t.csv"\n{keys}missing_values = ["-"]\n{REST}')
    for config, folder in ((path, "first"), (tmp_path / "first" / "config.toml", "second")):
        result = run("train", config, "--run-dir", tmp_path / folder)
        assert result.exit_code == 0, result.output
        assert "2 samples to train on, 1 row with an empty cell left out" in result.output

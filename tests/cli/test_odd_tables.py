"""Tables in odd shapes, and test tables that do not go with the training table: read right, or refused."""

from __future__ import annotations

import codecs
from pathlib import Path

import numpy as np
import pytest

from .helpers import SMALL, run, write
from .test_data import REST, dataset, message


@pytest.mark.parametrize("row", ['1, "2"\n3, "4"\n', '"1", 2\n "3", 4\n', ' 1 , 2\n 3,"4"\n'])
@pytest.mark.parametrize("header", ["a, y\n", '"a", "y"\n', ""])
def test_spaces_before_a_quotation_mark(header: str, row: str, tmp_path: Path) -> None:
    prepared = dataset(tmp_path, "", header + row)
    assert (prepared.train.x.tolist(), prepared.train.y.tolist(), prepared.classes) == ([[1], [3]], [2, 4], None)


def test_spaces_between_cells(tmp_path: Path) -> None:
    prepared = dataset(tmp_path, 'delimiter = " "', "  a   y\n 1   2\n 10 20\n")
    assert (prepared.train.x.tolist(), prepared.train.y.tolist()) == ([[1], [10]], [2, 20])


def test_text_after_a_quotation_mark(tmp_path: Path) -> None:
    assert "line 3: " in message(tmp_path, "", 'a,kind\n1,dog\n1,"cat"s\n')


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", codecs.BOM_UTF8),
        ("U8", codecs.BOM_UTF8),
        ("utf-8-sig", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
        ("utf-32", b""),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_first_cell(encoding: str, mark: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(mark + "a,y\n1,2\n3,4\n".encode(encoding))
    keys = f'path = "t.csv"\nshuffle = false\ntarget = "a"\nencoding = "{encoding}"'
    assert dataset(tmp_path, keys).train.y.tolist() == [1, 3]


def test_the_mark_of_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a,y\n1,th\u00e9\n3,caf\u00e9\n".encode("utf-8-sig"))
    assert 'set encoding = "utf-8"' in message(tmp_path, 'path = "t.csv"\nencoding = "cp1252"')
    (tmp_path / "t.csv").write_bytes("a,y\n1,2\n".encode("utf-32"))
    assert 'set encoding = "utf-32"' in message(tmp_path, 'path = "t.csv"')


@pytest.mark.parametrize("table", [",kind,y\nr1,x,red\nr2,z,blue\n", "k,k,y\nr1,x,red\nr2,z,blue\n"])
def test_names_may_be_repeated_or_left_out(table: str, tmp_path: Path) -> None:
    keys = "target = 2\nfeatures = 1\ncategorical = [1]\n"
    assert "header = true or false" in message(tmp_path, keys, table)
    assert dataset(tmp_path, keys + "header = true", table).classes == ["blue", "red"]
    assert dataset(tmp_path, keys + "header = false", table).classes == ["blue", "red", "y"]


@pytest.mark.parametrize(
    ("first", "second"), [("yes", "Yes"), ("a b", "a  b"), ("caf\u00e9", "cafe\u0301"), ("no", "no\u200b")]
)
def test_classes_that_look_alike(first: str, second: str, tmp_path: Path) -> None:
    table = f"a,y\n1,{first}\n2,other\n3,{second}\n"
    said = message(tmp_path, "", table)
    for text in ("[data] target", "on line 4", "on line 2", "look like one class", 'target_type = "class"'):
        assert text in said
    assert len(dataset(tmp_path, 'target_type = "class"', table).classes or []) == 3


@pytest.mark.parametrize(
    ("key", "value"), [("features", '["a", "a"]'), ("features", '["a", 0]'), ("target", "[2, -1]")]
)
def test_a_column_is_listed_once(key: str, value: str, tmp_path: Path) -> None:
    said = message(tmp_path, f"{key} = {value}", "a,b,y\n1,2,3\n4,5,6\n")
    assert f"[data] {key}: " in said
    assert "listed twice" in said


TRAIN = "a,b,y\n1,2,3\n4,5,6\n"


@pytest.mark.parametrize(
    ("test", "found", "expected"),
    [
        ("a,b,id\n1,2,777\n", 'column "id"', 'column "y"'),
        ("b,a,y\n1,2,3\n", 'column "b"', 'column "a"'),
        ("a,b,c,y\n1,2,3,4\n", 'column "c"', "no column"),
        ("a,y\n1,2\n", "no column", 'column "b"'),
        ("1,2,3\n", 'column "column 2"', 'column "y"'),
    ],
)
@pytest.mark.parametrize("keys", ["", "target = -1\n"])
def test_a_test_table_has_the_same_columns(keys: str, test: str, found: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(test)
    said = message(tmp_path, keys + 'test_path = "test.csv"', TRAIN)
    assert f"test.csv: there is {found} where the training table has {expected}" in said


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("y,id,b,a\n9,0,8,7\n")
    prepared = dataset(tmp_path, 'test_path = "test.csv"\nfeatures = ["a", "b"]\ntarget = "y"', TRAIN)
    assert prepared.test is not None
    assert (prepared.test.x.tolist(), prepared.test.y.tolist()) == ([[7, 8]], [9])


def test_categories_of_two_columns_with_one_name(tmp_path: Path) -> None:
    keys = 'categorical = [0, 1]\nheader = true\ntest_path = "test.csv"'
    (tmp_path / "test.csv").write_text("c,c,y\nq,u,5\n")
    prepared = dataset(tmp_path, keys, "c,c,y\np,u,1\nq,v,2\n")
    assert prepared.test is not None
    assert prepared.test.x.tolist() == [[0, 1, 1, 0]]


@pytest.mark.parametrize(("keys", "train", "test"), [("", "red", "Red"), ('target_type = "class"\n', "1", "01")])
def test_a_class_of_the_test_table_alone(keys: str, train: str, test: str, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(f"a,y\n1,{test}\n")
    said = message(tmp_path, keys + 'test_path = "test.csv"', f"a,y\n1,{train}\n2,{train}0\n")
    assert f'the test set in test.csv has the class "{test}", which is not in the training set' in said


def test_a_class_of_the_test_array_alone(tmp_path: Path) -> None:
    arrays = {"x_train": np.zeros((2, 1)), "y_train": np.array(["a", "b"]), "x_test": np.zeros((1, 1))}
    for target, text in ((np.array(["c"]), 'the class "c"'), (np.array([0]), "numbers in the target")):
        np.savez(tmp_path / "t.npz", y_test=target, **arrays)
        said = message(tmp_path, 'path = "t.npz"')
        assert "[data] path: the test set in t.npz has " + text in said


def test_weights_of_classes_that_are_not_there(tmp_path: Path) -> None:
    config = write(tmp_path, SMALL)
    assert run("train", config, "--quiet", "--set", "fit.class_weight.1=2.0").exit_code == 0
    result = run("train", config, "--set", "fit.class_weight.7=2.0")
    assert result.exit_code == 2
    assert "[fit] class_weight.7: no sample is of class 7; the classes are 0, 1" in result.output
    apart = ("--set", "fit.validation_split=0.25", "--set", "data.y=[0, 1, 1, 2]", "--set", "compile.loss=mse")
    assert run("train", config, "--quiet", *apart, "--set", "fit.class_weight.2=2.0").exit_code == 0


@pytest.mark.parametrize("big", [2**53 + 1, -(2**53) - 1, 2**63 - 1])
def test_identifiers_in_arrays(big: int, tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.array([[big], [1]]), y=np.array([1, big]), z=np.zeros((2, 1)), u=np.array([1, 2]))
    keys = 'path = "t.npz"\nshuffle = false\n'
    assert f"{big} is a whole number" in message(tmp_path, keys + 'features = "x"\ntarget = "u"')
    keys += 'features = "z"\ntarget = "y"\n'
    for key in ("", "target_threshold = 3", "target_scale = 2.0", 'target_scaling = "standard"'):
        assert f"it holds {big}, a whole number" in message(tmp_path, keys + key)
    assert sorted(dataset(tmp_path, keys + 'target_type = "class"').classes or []) == sorted([str(big), "1"])
    np.savez(tmp_path / "t.npz", x=np.array([[2**54], [-(2**60)]]), y=np.array([2**53, 2]))
    assert dataset(tmp_path, 'path = "t.npz"\nshuffle = false').train.x.tolist() == [[2**54], [-(2**60)]]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"x": np.zeros((2, 0))}, "the samples hold no numbers"),
        ({"x": np.zeros((0, 1)), "y": np.zeros(0)}, "there are no samples"),
        ({"x_test": np.zeros((0, 1)), "y_test": np.zeros(0)}, "there are no test samples"),
        ({"x_test": np.zeros((1, 2))}, "test samples have shape (2,), training samples (1,)"),
        ({"y_test": np.zeros((1, 1))}, "test targets have shape (1,), training targets ()"),
    ],
)
def test_arrays_that_do_not_go_together(changes: dict[str, np.ndarray], text: str, tmp_path: Path) -> None:
    arrays = {"x": np.ones((2, 1)), "y": np.ones(2), "x_test": np.ones((1, 1)), "y_test": np.ones(1)}
    np.savez(tmp_path / "t.npz", **{**arrays, **changes})
    assert text in message(tmp_path, 'path = "t.npz"')


def test_samples_of_one_number(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.ones(2), y=np.ones(2), x_test=np.ones(3), y_test=np.ones(3))
    prepared = dataset(tmp_path, 'path = "t.npz"')
    assert prepared.test is not None
    assert (prepared.train.x.shape, prepared.test.x.shape) == ((2, 1), (3, 1))


def test_classes_in_a_config_that_look_alike(tmp_path: Path) -> None:
    keys = 'x = [[1], [2], [3]]\ny = ["no", "yes", "yes "]\n'
    assert 'classes "yes" and "yes " look like one' in message(tmp_path, keys)
    assert dataset(tmp_path, keys + 'target_type = "class"').classes == ["no", "yes", "yes "]


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("a + (-8) ** 0.5", "is nan in row 1"),
        ("1 / 0", "is inf in row 1"),
        ("9 ** 9 ** 9 ** 9", "is inf in row 1"),
        ("1" + "0" * 400, "is too large"),
        ("a * 1e400", "is too large"),
    ],
)
def test_formulas_of_constants(formula: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TRAIN)
    keys = f'[data]\npath = "t.csv"\nderive = {{ r = "{formula}" }}\n'
    result = run("train", write(tmp_path, keys + REST), "--quiet")
    assert result.exit_code == 2
    assert said in result.output.partition("[data] derive: ")[2]


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_a_constant_column_is_scaled_to_0(scaling: str, tmp_path: Path) -> None:
    """The standard deviation of twelve times 0.1 is 1e-17 in floating point."""
    keys = f'scaling = "{scaling}"\ntest_path = "test.csv"'
    (tmp_path / "test.csv").write_text("a,b,y\n0.2,1,0.1\n")
    rows = "".join(f"0.1,{i},0.1\n" for i in range(12))
    prepared = dataset(tmp_path, keys + '\ntarget_scaling = "standard"', "a,b,y\n" + rows)
    assert np.abs(prepared.train.x[:, 0]).max() < 1e-6
    assert np.abs(prepared.train.y).max() < 1e-6
    assert prepared.test is not None
    np.testing.assert_allclose(prepared.test.x[:, 0], 0.1, rtol=1e-5)


def test_predictions_can_be_turned_back(tmp_path: Path) -> None:
    prepared = dataset(tmp_path, 'target_scaling = "standard"', "a,y\n1,10\n2,30\n")
    facts = prepared.preprocessing()
    np.testing.assert_allclose(prepared.train.y * facts["target_divide"] + facts["target_subtract"], [10, 30])
    assert dataset(tmp_path, "target_scale = 5.0", "a,y\n1,10\n2,30\n").preprocessing()["target_divide"] == 5


@pytest.mark.parametrize("key", ["target_scale = 2.0", 'target_scaling = "standard"'])
def test_classes_have_no_scale(key: str, tmp_path: Path) -> None:
    said = message(tmp_path, f'x = [[1], [2]]\ny = [1, 2]\ntarget_type = "class"\n{key}')
    assert 'target_type = "class" is given too' in said


@pytest.mark.parametrize("column", ["features", "target"])
def test_several_units_in_one_column(column: str, tmp_path: Path) -> None:
    rows = [("3 kg", "1"), ("4", "2"), ("500 g", "3")]
    table = "a,y\n" + "".join(f"{a},{y}\n" if column == "features" else f"{y},{a}\n" for a, y in rows)
    text = message(tmp_path, 'units = ["kg", "g"]', table)
    assert "'3 kg'" in text.replace('"', "'")
    assert "line 4" in text
    prepared = dataset(tmp_path, 'units = ["kg", "g"]', table.replace(" g", " kg"))
    assert sorted(np.ravel(prepared.train.x if column == "features" else prepared.train.y).tolist()) == [3, 4, 500]

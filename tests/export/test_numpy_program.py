"""A written program by itself: where only NumPy is installed, as a command, and as a text that is read."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualnet import Input, Model, Sequential, layers
from dualnet.export import ExportError, export_model
from dualnet.export.numpy.formulas import main
from dualnet.export.numpy.layout import wrapped
from dualnet.export.numpy.specialize import specialize

# Runs a program where nothing but NumPy and Python's own modules can be imported.
ALONE = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {"numpy", *sys.stdlib_module_names}:
            raise ImportError(f"{name} is not to be imported")
sys.meta_path.insert(0, Refuse())
sys.path.append(sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(program: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    packages = str(Path(np.__file__).parents[1])
    command = [sys.executable, "-I", "-S", "-c", ALONE, packages, str(program), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=program.parent, timeout=120)


def perceptron() -> Model:
    return Sequential(
        [Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2, activation="softmax")], name="iris"
    )


def lenet() -> Model:
    pool = {"pool_size": 2}
    return Sequential(
        [
            Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(**pool),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(**pool),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ],
        name="lenet",
    )


def sequences() -> Model:
    inputs = Input((None,), name="tokens")
    x = layers.Embedding(20, 8, mask_zero=True)(inputs)
    x = layers.LSTM(6, return_sequences=True)(x)
    x = layers.RNN([layers.GRUCell(4), layers.SimpleRNNCell(3)])(x)
    return Model(inputs, layers.Dense(1, activation="sigmoid")(x), name="sentiment")


def transformer() -> Model:
    inputs = Input((None, 8))
    x = layers.Add()([inputs, layers.MultiHeadAttention(2, 4)(inputs, inputs, use_causal_mask=True)])
    x = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.Dense(8)(layers.Dense(16, activation="gelu")(x))])
    return Model(inputs, layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x)), name="transformer")


def table() -> Model:
    inputs = {"age": Input((2,), name="age"), "job": Input((1,), dtype="string", name="job")}
    job = layers.StringLookup(vocabulary=["red", "blue"], output_mode="one_hot")(inputs["job"])
    x = layers.Concatenate()([inputs["age"], job])
    return Model(inputs, {"price": layers.Dense(1)(x), "kind": layers.Dense(3)(x)}, name="table")


EXAMPLES: dict[str, Callable[[], Model]] = {f.__name__: f for f in (perceptron, lenet, sequences, transformer, table)}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    export_model(perceptron(), path, verbose=False)
    return path


def data(model: Model, batch: int = 4) -> list[Any]:
    random = np.random.default_rng(0)
    arrays: list[Any] = []
    for x in model.inputs:
        shape = tuple(n or m for n, m in zip(x.shape, (batch, 7, 5, 5)))
        if str(x.dtype) == "string":
            arrays.append(random.choice(["red", "green"], shape))
        else:
            arrays.append(
                (random.integers(0, 20, shape) if len(shape) == 2 else random.normal(size=shape)).astype("float32")
            )
    return arrays


@pytest.mark.parametrize("name", EXAMPLES)
def test_where_only_numpy_is_installed(name: str, tmp_path: Path) -> None:
    model = EXAMPLES[name]()
    path = tmp_path / "model.py"
    export_model(model, path, verbose=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.npz", "model.py"]
    arrays = data(model)
    for i, x in enumerate(arrays):
        np.save(tmp_path / f"{i}.npy", x)
    several = isinstance(model.output, dict)
    out = "out.npz" if several else "out.npy"
    result = run(path, *(f"{i}.npy" for i in range(len(arrays))), "-o", out)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    actual: Any = np.load(tmp_path / out)
    expected = model.predict(dict(zip(["age", "job"], arrays)) if several else arrays[0], verbose=0)
    for key in expected if several else [...]:
        np.testing.assert_allclose(actual[key], expected[key], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", EXAMPLES)
def test_program_is_formatted(name: str, tmp_path: Path) -> None:
    """As ruff formats it; every function in it is used, and every import."""
    path = tmp_path / "model.py"
    export_model(EXAMPLES[name](), path, verbose=False)
    text = path.read_text(encoding="utf-8")
    functions = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    used = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    assert functions <= used
    assert "dualnet" not in text.replace("Written by dualnet", "")
    ruff = shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("ruff is not installed")
    for command in (["format", "--diff"], ["check", "--select", "E,F,W,I,UP"]):
        result = subprocess.run(
            [ruff, *command, "--isolated", "--line-length", "120", str(path)], capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_predict_is_a_function(program: Path) -> None:
    spec = importlib.util.spec_from_file_location("model", program)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    y = module.predict([[1, 2, 3]])  # lists too
    assert (y.shape, y.dtype) == ((1, 2), np.float32)
    assert [name.rsplit("/")[-1] for name in module.W] == ["kernel", "bias"] * 2


ROWS = [[1.0, 2.0, 3.0], [-1.0, 0.5, 0.25]]
TEXT = "\n".join(",".join(map(str, row)) for row in ROWS) + "\n"


def expected_of(program: Path) -> Any:
    np.save(program.with_name("x.npy"), np.array(ROWS))
    assert run(program, "x.npy", "-o", "y.npy").returncode == 0
    return np.load(program.with_name("y.npy"))


@pytest.mark.parametrize("header", ["", "a,b,c\n", "\ufeffa,b,c\n"])
def test_csv(program: Path, header: str) -> None:
    """With names of columns or without; to standard output and to a file; from a file and from a pipe."""
    expected = expected_of(program)
    program.with_name("x.csv").write_text(header + TEXT, encoding="utf-8")
    printed = run(program, "x.csv")
    assert (printed.returncode, printed.stderr) == (0, "")
    rows = [line.split(",") for line in printed.stdout.splitlines()]
    np.testing.assert_array_equal(np.array(rows, dtype="float32"), expected)
    assert run(program, "x.csv", "-o", "y.csv").returncode == 0
    assert program.with_name("y.csv").read_text() == printed.stdout
    if not header.startswith("\ufeff"):
        assert run(program, "-", stdin=header + TEXT).stdout == printed.stdout


def test_empty_batch(program: Path) -> None:
    np.save(program.with_name("x.npy"), np.zeros((0, 3)))
    result = run(program, "x.npy", "-o", "y.npy")
    assert result.returncode == 0, result.stderr
    assert np.load(program.with_name("y.npy")).shape == (0, 2)


WRONG: dict[str, tuple[str, str | bytes, str]] = {  # file: its content, what is said about it
    "missing.npy": ("missing.npy", "", "No such file"),
    "narrow.csv": ("narrow.csv", "1,2\n3,4\n", "expected 3 columns for a sample of shape (3,), got 2"),
    "ragged.csv": ("ragged.csv", "1,2,3\n4,5\n", "row 2 has 2 columns, the first has 3"),
    "words.csv": ("words.csv", "a,b,c\n1,x,3\n", "could not convert string to float: 'x'"),
    "first.csv": ("first.csv", "1,x,3\n1,2,3\n", "could not convert string to float: 'x'"),
    "blank.csv": ("blank.csv", "1,,3\n", "could not convert string to float: ''"),
    "names.csv": ("names.csv", "a,b,c\n", "names.csv: expected a row for each sample"),
    "long.csv": ("long.csv", "1," + "2" * 200_000 + ",3\n", "long.csv: field larger than field limit"),
    "binary.csv": ("binary.csv", b"\xff\xfe\x00\x01", "binary.csv: 'utf-8' codec can't decode"),
    "text.npy": ("text.npy", "1,2,3\n", "text.npy"),
    "empty.npy": ("empty.npy", b"", "No data left in file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line(program: Path, name: str) -> None:
    _, content, message = WRONG[name]
    if name != "missing.npy":
        program.with_name(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = run(program, name)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("model.py: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_wrong_shape_and_wrong_output(program: Path) -> None:
    np.save(program.with_name("x.npy"), np.zeros((2, 4)))
    result = run(program, "x.npy")
    assert (result.returncode, result.stderr) == (
        2,
        "model.py: x.npy: expected an array of shape (batch, 3), got (2, 4)\n",
    )
    np.save(program.with_name("x.npy"), np.zeros((2, 3)))
    result = run(program, "x.npy", "-o", "y.json")
    assert (result.returncode, result.stderr) == (
        2,
        "model.py: y.json: expected a name that ends in .npy, .npz or .csv\n",
    )
    result = run(program, "x.npy", "-o", "no/such/y.npy")
    assert result.returncode == 2
    assert "No such file" in result.stderr


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 3), "complex64"), "expected numbers, got complex64"),
        (np.full((2, 3), "1"), "expected numbers, got <U1"),
    ],
    ids=["complex", "strings"],
)
def test_arrays_of_something_else(program: Path, array: Any, message: str) -> None:
    np.save(program.with_name("x.npy"), array)
    result = run(program, "x.npy")
    assert (result.returncode, result.stderr) == (2, f"model.py: x.npy: {message}\n")


@pytest.mark.parametrize(
    ("dtype", "bad"), [("int32", 2**40), ("int32", 0.5), ("uint8", -1), ("bool", 2), ("int64", np.nan)]
)
def test_numbers_that_an_input_cannot_hold(dtype: str, bad: float, tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", np.array([[1.0], [0.0]]))
    np.save(tmp_path / "bad.npy", np.array([[1.0], [bad]]))
    read: Any = vars(main)["read"]
    assert read(str(tmp_path / "good.npy"), dtype, (1,)).tolist() == [[1.0], [0.0]]
    with pytest.raises(ValueError, match=rf"bad\.npy: expected numbers that are {dtype}"):
        read(str(tmp_path / "bad.npy"), dtype, (1,))


def test_outputs_without_an_axis_and_without_samples(capsys: pytest.CaptureFixture[str]) -> None:
    main.write(None, [np.float32(2.5)])
    main.write(None, [np.zeros((0, 3))])
    assert capsys.readouterr().out == "2.5\n"


@pytest.mark.parametrize("name", ["y.npy", "y.csv"])
def test_a_failed_write_leaves_the_earlier_predictions(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    main.write(str(path), [np.ones((2, 2))])
    before = path.read_bytes()

    def full(*args: Any) -> None:
        args[0].write(b"1" if name == "y.npy" else "1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    monkeypatch.setattr(main, "write_rows", full)
    with pytest.raises(OSError, match="No space left"):
        main.write(str(path), [np.zeros((2, 2))])
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert path.read_bytes() == before


def test_objects_are_not_unpickled(program: Path) -> None:
    np.save(program.with_name("x.npy"), np.array([{}, {}], dtype=object), allow_pickle=True)
    result = run(program, "x.npy")
    assert result.returncode == 2
    assert "allow_pickle=False" in result.stderr


def test_usage(program: Path) -> None:
    said = run(program, "--help")
    assert said.returncode == 0
    assert "a .npy or .csv file, or - for CSV from a pipe: (batch, 3), float32" in " ".join(said.stdout.split())
    nothing = run(program)
    assert nothing.returncode == 2
    assert "usage:" in nothing.stderr


def test_reader_that_has_seen_enough(program: Path) -> None:
    """``python model.py x.npy | head -1``"""
    np.save(program.with_name("x.npy"), np.zeros((100_000, 3)))
    process = subprocess.Popen(
        [sys.executable, str(program), "x.npy"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=program.parent
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


def test_functions_without_what_a_program_does_not_need() -> None:
    source = '''def f(x, scale=1, mask=None, reverse=False):
    """x times scale

    mask: where x counts
    reverse: from the end
    """
    if mask is not None:
        x = x[mask]  # what counts
    for t in reversed(range(3)) if reverse else range(3):
        x = x + t
    return x * scale'''
    helper = "def g(x):\n    return f(x)"
    assert specialize({"f": source, "g": helper}, "y = f(x, scale=2)") == {
        "f": '''def f(x, scale=1):
    """x times scale"""
    for t in range(3):
        x = x + t
    return x * scale'''
    }
    always = specialize({"f": source}, "y = f(x, mask=m)\nz = f(y, mask=n)")["f"]
    assert "    x = x[mask]  # what counts\n    for t in range(3):" in always
    assert "    mask: where x counts\n" in always
    assert specialize({"f": source}, "y = f(x, 2, m)\nz = f(y)")["f"].count("if mask is not None:") == 1


def test_long_lines() -> None:
    name = "x" * 60
    one_each = ["    y = f(", f"        {name},", f"        {name},", "    )"]
    assert wrapped(f"    y = f({name}, {name})") == one_each
    assert wrapped(f"    y = {name} @ {name} + b") == ["    y = (", f"        {name} @ {name}", "        + b", "    )"]
    assert wrapped(f'    y = W["{name}{name}"]') == ["    y = W[", f'        "{name}{name}"', "    ]"]
    assert wrapped("    y = f(x)") == ["    y = f(x)"]


def test_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder gets a file in every format, or none if one refuses."""
    pytest.importorskip("onnx")
    export_model(perceptron(), tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["iris.npz", "iris.onnx", "iris.py"]
    said = capsys.readouterr().out
    assert str(tmp_path / "out" / "iris.onnx") in said
    assert str(tmp_path / "out" / "iris.py") in said
    inputs = Input((3,))
    with pytest.raises(ExportError):
        export_model(Model(inputs, layers.Dense(2, dtype="bfloat16")(inputs)), tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]

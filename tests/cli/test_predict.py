"""``dualnet predict`` and ``dualnet evaluate``: the preparation of a run, the units of its file, and inputs that do not fit."""

from __future__ import annotations

import atexit
import csv
import io
import json
import shutil
import subprocess
import tempfile
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

import dualnet

from .helpers import command, environment, run, start, write

COLORS = "id,size,color,weight,kind\n" + "".join(
    f"{i},{i % 7}.5,{('red', 'green')[i % 2]},{i * 3},{('cat', 'dog')[i % 7 > 3]}\n" for i in range(40)
)
TABLE = """
seed = 3
[data]
path = "t.csv"
target = "{target}"
features = ["size", "color", "weight"]
categorical = ["color"]
scaling = "standard"
shuffle = true
test_split = 0.2
{more}
[[model.layers]]
class = "Dense"
units = {units}
activation = "{activation}"
[compile]
optimizer = "sgd"
loss = "{loss}"
metrics = ["{metric}"]
[fit]
epochs = 2
validation_split = 0.2
"""


_trained: dict[str, Path] = {}


def train(folder: Path, **changes: object) -> Path:
    """A run on the table of colors, a copy of one that was trained before with the same changes."""
    key = repr(sorted(changes.items()))
    if key in _trained:
        shutil.copytree(_trained[key], folder, dirs_exist_ok=True)
        return folder / "run"
    (folder / "t.csv").write_text(COLORS)
    values = {"target": "kind", "units": 2, "activation": "softmax", "loss": "sparse_categorical_crossentropy"}
    values |= {"metric": "accuracy", "more": "", **changes}
    result = run("train", write(folder, TABLE.format(**values)), "--run-dir", folder / "run", "-q")
    assert result.exit_code == 0, result.output
    _trained[key] = Path(shutil.copytree(folder, tempfile.mkdtemp(), dirs_exist_ok=True))
    atexit.register(shutil.rmtree, _trained[key], ignore_errors=True)
    return folder / "run"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def predicted(run_folder: Path, *inputs: str | Path) -> list[dict[str, str]]:
    result = run("predict", run_folder, *inputs)
    assert result.exit_code == 0, result.output
    return rows(result.stdout)


def test_classes_by_name_beside_the_columns_that_are_no_features(tmp_path: Path) -> None:
    folder = train(tmp_path)
    lines = predicted(folder, tmp_path / "t.csv")
    assert list(lines[0]) == ["id", "kind", "predicted kind", "probability"]
    assert [line["id"] for line in lines] == [str(i) for i in range(40)]
    assert {line["predicted kind"] for line in lines} <= {"cat", "dog"}
    model = dualnet.models.load_model(folder / "model.keras")
    learned = json.loads((folder / "preparation.json").read_text())
    x = np.array([[i % 7 + 0.5, i % 2 == 1, i % 2 == 0, i * 3] for i in range(40)], np.float64)  # green, red: sorted
    x = ((x - learned["subtract"]) / learned["divide"]).astype("float32")
    expected = model.predict(x, verbose=0).max(axis=1)
    np.testing.assert_allclose([float(line["probability"]) for line in lines], expected, rtol=1e-5)


def test_columns_in_another_order_and_without_the_target(tmp_path: Path) -> None:
    folder = train(tmp_path)
    whole = predicted(folder, tmp_path / "t.csv")
    (tmp_path / "new.tsv").write_text(
        "weight\tcolor\tsize\n" + "".join(f"{r * 3}\t{('red', 'green')[r % 2]}\t{r % 7}.5\n" for r in range(9))
    )
    assert [r["probability"] for r in predicted(folder, tmp_path / "new.tsv")] == [r["probability"] for r in whole[:9]]


def test_numbers_in_the_unit_of_the_file(tmp_path: Path) -> None:
    changes = {"units": 1, "activation": "linear", "loss": "mse", "metric": "mae", "target": "id"}
    folder = train(tmp_path, more='target_scaling = "standard"', **changes)
    got = [float(line["predicted id"]) for line in predicted(folder, tmp_path / "t.csv")]
    learned = json.loads((folder / "preparation.json").read_text())
    raw = run("predict", folder, tmp_path / "t.csv", "-o", tmp_path / "raw.npy")
    assert raw.exit_code == 0
    np.testing.assert_allclose(got, np.load(tmp_path / "raw.npy")[:, 0], rtol=1e-6)
    assert abs(np.mean(got) - learned["target_subtract"]) < 3 * learned["target_divide"]


def test_a_threshold_says_which_side(tmp_path: Path) -> None:
    changes = {"units": 1, "activation": "sigmoid", "loss": "binary_crossentropy", "target": "id"}
    folder = train(tmp_path, more="target_threshold = 20", **changes)
    lines = predicted(folder, tmp_path / "t.csv")
    assert {line["predicted id"] for line in lines} <= {"< 20", ">= 20"}
    assert all(0.5 <= float(line["probability"]) <= 1 for line in lines)


def test_with_a_hinge_loss_the_sign_says_which_side(tmp_path: Path) -> None:
    changes = {"units": 1, "activation": "linear", "loss": "hinge", "target": "id"}
    folder = train(tmp_path, more="target_threshold = 20", **changes)
    lines = predicted(folder, tmp_path / "t.csv")
    outputs = [float(line["output"]) for line in lines]
    assert any(0 < z < 0.5 for z in outputs)
    assert any(z < 0 for z in outputs)
    assert [line["predicted id"] for line in lines] == [">= 20" if z > 0 else "< 20" for z in outputs]


@pytest.mark.parametrize(("missing", "expected"), [("mean", "a number"), ("drop", "nothing")])
def test_empty_cells_as_in_the_training(missing: str, expected: str, tmp_path: Path) -> None:
    folder = train(tmp_path, more=f'missing = "{missing}"')
    (tmp_path / "gaps.csv").write_text("size,color,weight\n1.5,red,3\n,green,6\n2.5,red,\n")
    result = run("predict", folder, tmp_path / "gaps.csv")
    lines = rows(result.stdout)
    assert len(lines) == 3
    assert bool(lines[0]["probability"])
    assert bool(lines[1]["probability"]) == (expected == "a number")
    assert ("2 rows with an empty cell" in result.output) == (expected == "nothing")


WRONG = {
    "a missing column": ("size,weight\n1,2\n", 'there is no column "color"'),
    "another name": ("size,colour,weight\n1,red,2\n", 'did you mean "colour"'),
    "text for a number": (
        "size,color,weight\n1,red,2\nbig,red,2\n",
        'column "size" holds "big" on line 3, which is no number',
    ),
    "a new category": ("size,color,weight\n1,blue,2\n", '"blue" in column "color" is not in the training table'),
    "an empty cell": ("size,color,weight\n1,red,2\n,red,1\n", 'column "size" has an empty cell on line 3'),
    "no rows": ("size,color,weight\n", "holds no rows"),
    "no content": ("", "is empty; expected samples"),
    "rows of two lengths": ("size,color,weight\n1,red,2\n1,red\n", "line 3 has 2 cells"),
    "infinity": ("size,color,weight\ninf,red,2\n", "must be finite"),
    "bytes": ("\0\1\2", "zero byte"),
}


def test_tables_that_do_not_fit(tmp_path: Path) -> None:
    folder = train(tmp_path)
    for name, (text, message) in WRONG.items():
        (tmp_path / "new.csv").write_text(text)
        result = run("predict", folder, tmp_path / "new.csv")
        assert result.exit_code == 2, name
        assert message in result.output, (name, result.output)
        assert result.output.count("\n") == 1, result.output
        assert "set missing" not in result.output, "there is no [data] to change"


def test_inputs_that_are_none(tmp_path: Path) -> None:
    folder = train(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "x.xyz").write_text("1")
    for inputs, message in (
        ([tmp_path / "images"], "is a folder; name the files in it"),
        ([tmp_path / "none.csv"], "no such file"),
        ([tmp_path / "x.xyz"], "expected a file ending in"),
        ([tmp_path / "t.csv", tmp_path / "t.csv"], "several files are read if all are images"),
        ([tmp_path / "t.csv", "-o", tmp_path / "t.csv"], "is the input"),
        ([tmp_path / "t.csv", "-o", tmp_path / "o.xlsx"], "expected a file ending in"),
        ([tmp_path / "t.csv", "--resize"], "--resize is for images"),
        ([tmp_path / "t.csv", "--scale", "2"], "--scale is for a model without a run"),
    ):
        result = run("predict", folder, *inputs)
        assert result.exit_code == 2
        assert message in result.output
    for trained, message in (
        (tmp_path / "t.csv", "expected the folder of a run"),
        (tmp_path / "images", "is not the folder of a run"),
    ):
        result = run("predict", trained, tmp_path / "t.csv")
        assert result.exit_code == 2
        assert message in result.output


def test_an_output_file_is_not_replaced(tmp_path: Path) -> None:
    folder, out = train(tmp_path), tmp_path / "o.csv"
    assert run("predict", folder, tmp_path / "t.csv", "-o", out).exit_code == 0
    before = out.read_bytes()
    result = run("predict", folder, tmp_path / "t.csv", "--probabilities", "-o", out)
    assert result.exit_code == 2
    assert "exists" in result.output
    assert out.read_bytes() == before
    assert run("predict", folder, tmp_path / "t.csv", "--probabilities", "-o", out, "--force").exit_code == 0
    assert "probability cat" in out.read_text()


def test_standard_input(tmp_path: Path) -> None:
    folder = train(tmp_path)
    text = "size,color,weight\n1.5,red,3\n"
    done = subprocess.run(
        command("predict", folder, "-"), input=text, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert len(rows(done.stdout)) == 1
    done = start("predict", folder, "-", cwd=tmp_path)
    assert done.returncode == 2
    assert "standard input" in done.stderr


def image_model(path: Path) -> Path:
    dualnet.utils.set_random_seed(0)
    model = dualnet.Sequential([dualnet.Input((4, 6, 1)), dualnet.layers.Flatten(), dualnet.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.save(path)
    return path


def test_images(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    model = image_model(tmp_path / "m.keras")
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    image.fromarray(pixels).save(tmp_path / "a.png")
    image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "b.png")
    (line,) = predicted(model, tmp_path / "a.png", "--scale", "255")
    expected = dualnet.models.load_model(model).predict(pixels[None, :, :, None] / np.float32(255), verbose=0)
    assert line["predicted"] == str(expected.argmax())
    assert float(line["probability"]) == pytest.approx(float(expected.max()), rel=1e-5)
    wrong = run("predict", model, tmp_path / "b.png")
    assert wrong.exit_code == 2
    assert "is 9 x 9 pixels, expected 6 x 4" in wrong.output
    assert len(predicted(model, tmp_path / "a.png", tmp_path / "b.png", "--resize")) == 2
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes()[:50])
    assert "is not an image that can be read" in run("predict", model, tmp_path / "c.png").output


def test_an_image_that_claims_to_be_huge_is_not_unpacked(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    model = image_model(tmp_path / "m.keras")
    image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = (12_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content)
    result = run("predict", model, tmp_path / "a.png", "--resize")
    assert result.exit_code == 2
    assert "12000 x 12000 pixels, more than are read" in result.output


def test_a_part_of_an_image_that_claims_to_be_huge_makes_no_buffer(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    model = image_model(tmp_path / "m.keras")
    image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    at = content.index(b"IDAT") - 4
    content[at : at + 4] = (1 << 31).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content)
    tracemalloc.start()
    result = run("predict", model, tmp_path / "a.png")
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()
    assert result.exit_code in (0, 2)  # it may be read nevertheless: what was cut off is its end


def test_arrays(tmp_path: Path) -> None:
    model = image_model(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", np.zeros((5, 4, 6, 1)))
    assert len(predicted(model, tmp_path / "x.npy")) == 5
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 6, 1)))
    assert len(predicted(model, tmp_path / "x.npz")) == 1
    for array, message in (
        (np.zeros((5, 4, 7, 1)), "holds an array of shape (5, 4, 7, 1), expected (n, 4, 6, 1)"),
        (np.full((1, 4, 6, 1), np.nan), "not finite"),
        (np.array([{}], dtype=object), "Python objects"),
        (np.zeros((0, 4, 6, 1)), "holds no samples"),
    ):
        np.save(tmp_path / "x.npy", array, allow_pickle=True)
        result = run("predict", model, tmp_path / "x.npy")
        assert result.exit_code == 2
        assert message in result.output
    content = (tmp_path / "x.npz").read_bytes()
    header = b"(1000000000, 4, 6, 1)"
    np.save(tmp_path / "x.npy", np.zeros((4, 6, 1)))
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole.replace(b"(4, 6, 1), }" + b" " * (len(header) - 9), header + b", }"))
    result = run("predict", model, tmp_path / "x.npy")
    assert "cut off or damaged" in result.output
    (tmp_path / "x.npz").write_bytes(content[:-30])
    assert "is not an .npz file" in run("predict", model, tmp_path / "x.npz").output


def test_lines_of_text(tmp_path: Path) -> None:
    vectorize = dualnet.layers.TextVectorization(max_tokens=9, output_sequence_length=3)
    vectorize.adapt(np.array(["good film", "bad film"]))
    model = dualnet.Sequential(
        [
            dualnet.Input((1,), dtype="string"),
            vectorize,
            dualnet.layers.Embedding(9, 2),
            dualnet.layers.Flatten(),
            dualnet.layers.Dense(1),
        ]
    )
    model.save(tmp_path / "m.keras")
    (tmp_path / "t.txt").write_text("good film\nbad\n")
    lines = predicted(tmp_path / "m.keras", tmp_path / "t.txt")
    assert [line["text"] for line in lines] == ["good film", "bad"]


def test_the_figures_of_the_run_to_the_last_digit(tmp_path: Path) -> None:
    folder = train(tmp_path)
    result = run("evaluate", folder, "--json")
    assert result.exit_code == 0, result.output
    results = json.loads((folder / "results.json").read_text())
    scores = json.loads(result.output)
    assert scores == {part: results[part] for part in ("train", "validation", "test")}
    only = json.loads(run("evaluate", folder, "--part", "test", "--json").output)
    assert only == {"test": results["test"]}
    assert "test" in run("evaluate", folder).output


def test_evaluate_on_another_file(tmp_path: Path) -> None:
    folder = train(tmp_path)
    model = dualnet.models.load_model(folder / "model.keras")
    scores = json.loads(run("evaluate", folder, tmp_path / "t.csv", "--json").output)
    results = json.loads((folder / "results.json").read_text())
    samples = results["samples"]
    parts = ("train", "validation", "test")
    mean = sum(results[part]["accuracy"] * samples[part] for part in parts) / 40
    assert scores[str(tmp_path / "t.csv")]["accuracy"] == pytest.approx(mean, abs=1e-6)
    (tmp_path / "new.csv").write_text("kind,size,color,weight\ncow,1,red,2\n")
    result = run("evaluate", folder, tmp_path / "new.csv")
    assert result.exit_code == 2
    assert 'the target has the class "cow", which the training did not have' in result.output
    (tmp_path / "new.csv").write_text("size,color,weight\n1,red,2\n")
    assert 'there is no column "kind"' in run("evaluate", folder, tmp_path / "new.csv").output
    np.savez(tmp_path / "a.npz", x=np.ones((3, 4), "float32"), y=np.array([0, 1, 1]))
    model.save(tmp_path / "alone.keras")
    result = run("evaluate", tmp_path / "alone.keras", tmp_path / "a.npz", "--json")
    expected = model.evaluate(np.ones((3, 4), "float32"), np.array([0, 1, 1]), verbose=0, return_dict=True)
    assert json.loads(result.output)[str(tmp_path / "a.npz")]["loss"] == pytest.approx(
        float(expected["loss"]), rel=1e-6
    )
    result = run("evaluate", tmp_path / "alone.keras")
    assert result.exit_code == 2
    assert "name the data" in result.output


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"sample_shape": "x"}', b'{"version": 1}', b"[" * 100_000])
def test_a_damaged_preparation(damage: bytes, tmp_path: Path) -> None:
    folder = train(tmp_path)
    (folder / "preparation.json").write_bytes(damage)
    result = run("predict", folder, tmp_path / "t.csv")
    assert result.exit_code == 2
    assert "preparation.json: is damaged" in result.output


def test_a_run_without_a_preparation(tmp_path: Path) -> None:
    folder = train(tmp_path)
    before = predicted(folder, tmp_path / "t.csv")
    (folder / "preparation.json").unlink()
    assert predicted(folder, tmp_path / "t.csv") == before
    (folder / "model.keras").unlink()
    assert "holds no finished run" in run("predict", folder, tmp_path / "t.csv").output

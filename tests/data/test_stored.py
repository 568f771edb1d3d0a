"""Elements in files: `cache(filename)`, `snapshot`, `save` and `load`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import dualnet
from dualnet.data import Dataset


def counted(dataset: Dataset) -> tuple[Dataset, list[int]]:
    """The same dataset, and a list that grows with every element that it computes."""
    calls: list[int] = []

    def note(*element: Any) -> Any:
        calls.append(1)
        return element if len(element) > 1 else element[0]

    return dataset.map(note), calls


def sequences() -> Dataset:
    def elements() -> Any:
        for n in (3, 0, 2):
            yield {"x": np.arange(n, dtype="float32"), "label": np.int64(n)}, ("é\ud800", b"\xff", None)

    return Dataset.from_generator(elements)


EXAMPLES = {
    "numbers": Dataset.range(5),
    "images and labels": Dataset.from_tensor_slices(
        (np.arange(24, dtype="uint8").reshape(3, 2, 4), [True, False, True])
    ),
    "structures of several lengths": sequences(),
    "texts": Dataset.from_tensor_slices((["a", "long one", ""], np.zeros((3, 2), "float16"))).batch(2),
    "complex and times": Dataset.from_tensors((np.array([1j, 2]), np.datetime64("2026-01-01"))),
    "big-endian and transposed": Dataset.from_tensors((np.arange(3, dtype=">f8"), np.arange(6).reshape(2, 3).T)),
    "none": Dataset.range(0),
}


def same(a: Any, b: Any) -> None:
    if isinstance(a, (tuple, dict)):
        assert type(a) is type(b)
        assert len(a) == len(b)
        for key in a if isinstance(a, dict) else range(len(a)):
            same(a[key], b[key])
    elif isinstance(a, (str, bytes)) or a is None:
        assert type(a) is type(b)
        assert a == b
    else:
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)
        assert isinstance(a, np.ndarray) == isinstance(b, np.ndarray)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_comes_back_is_what_went_in(name: str, tmp_path: Path) -> None:
    expected = list(EXAMPLES[name].as_numpy_iterator())
    dataset, calls = counted(EXAMPLES[name])
    cached = dataset.cache(tmp_path / "kept")
    for _ in range(3):
        found = list(cached.as_numpy_iterator())
        assert len(found) == len(expected)
        for a, b in zip(expected, found):
            same(a, b)
    assert len(calls) == len(expected)
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_another_program_reads_the_same_file(tmp_path: Path) -> None:
    program = f"""
import numpy as np
from dualnet.data import Dataset
calls = []
data = Dataset.range(4).map(lambda x: (calls.append(1), x * x)[1]).cache({str(tmp_path / "kept")!r})
print([int(x) for x in data], len(calls))
"""
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=True)
        for _ in range(2)
    ]
    assert [run.stdout.split("\n")[0] for run in runs] == ["[0, 1, 4, 9] 4", "[0, 1, 4, 9] 0"]


def environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    return {"PYTHONPATH": ":".join(str(root / p) for p in ("backends", ".", "cli"))}


def test_a_pass_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    dataset, calls = counted(Dataset.range(5))
    cached = dataset.cache(tmp_path / "kept")
    items = cached.as_numpy_iterator()
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []

    def fail(x: Any) -> Any:
        if x == 3:
            raise OSError("no picture")
        return x

    with pytest.raises(OSError, match="no picture"):
        list(Dataset.range(5).map(fail).cache(tmp_path / "failed"))
    assert list(tmp_path.iterdir()) == []
    assert len(list(cached)) == 5
    assert len(calls) == 6


def test_a_killed_program_leaves_nothing_that_is_used(tmp_path: Path) -> None:
    program = f"""
import os
from dualnet.data import Dataset
for x in Dataset.range(1000).cache({str(tmp_path / "kept")!r}):
    if x == 500:
        os._exit(1)
"""
    subprocess.run([sys.executable, "-c", program], env=environment(), check=False)
    assert not (tmp_path / "kept").exists()
    assert [int(x) for x in Dataset.range(1000).cache(tmp_path / "kept")] == list(range(1000))


def test_two_passes_at_once(tmp_path: Path) -> None:
    cached = Dataset.range(5).cache(tmp_path / "kept")
    assert [(int(a), int(b)) for a, b in Dataset.zip(cached, cached)] == [(i, i) for i in range(5)]
    assert [int(x) for x in cached] == list(range(5))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    list(sequences().cache(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_part_of_a_file_is_refused_at_once(kept: Path, share: float) -> None:
    data = kept.read_bytes()
    kept.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"does not hold the elements of this dataset \(it (is|was).*delete it"):
        next(iter(sequences().cache(kept)))


def test_no_changed_byte_goes_unnoticed(kept: Path) -> None:
    data = kept.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.choice(len(data), 150, replace=False):
        changed = bytearray(data)
        changed[position] ^= 1 << int(rng.integers(8))
        kept.write_bytes(changed)
        with pytest.raises(ValueError, match="delete it"):
            list(sequences().cache(kept))


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("a,b\n" * 100)
    with pytest.raises(ValueError, match="written by something else"):
        list(Dataset.range(3).cache(file))
    assert file.read_text() == "a,b\n" * 100
    with pytest.raises(IsADirectoryError, match="is a folder"):
        list(Dataset.range(3).cache(tmp_path))
    with pytest.raises(FileNotFoundError, match="does not exist: make it first"):
        list(Dataset.range(3).cache(tmp_path / "none" / "kept"))


def test_a_file_of_another_dataset(kept: Path) -> None:
    with pytest.raises(ValueError, match="it has 3 of them, the dataset has 4"):
        list(Dataset.range(4).cache(kept))


class Point(NamedTuple):
    x: Any
    y: Any


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Dataset.range(4).window(2), "an element has a dataset, such as a window"),
        (Dataset.zip(datasets=Point(Dataset.range(2), Dataset.range(2))), "plain tuples, got a Point"),
        (Dataset.from_tensors({1: [2.0]}), "dictionaries whose keys are names"),
        (Dataset.from_tensors(np.zeros(2, [("a", "f4")])), "numbers and text, got an array of dtype"),
    ],
)
def test_what_a_file_cannot_hold(dataset: Dataset, message: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=message):
        list(dataset.cache(tmp_path / "kept"))
    assert list(tmp_path.iterdir()) == []


def test_elements_from_a_file_are_read_only(kept: Path) -> None:
    for features, _ in sequences().cache(kept):
        with pytest.raises(ValueError, match="read-only"):
            features["x"] += 1


def test_bfloat16(tmp_path: Path) -> None:
    dtype = pytest.importorskip("ml_dtypes").bfloat16
    cached = Dataset.from_tensors(np.array([1.5, -2], dtype)).cache(tmp_path / "kept")
    for _ in range(2):
        (found,) = cached.as_numpy_iterator()
        assert found.dtype == dtype
        assert found.tolist() == [1.5, -2]


def test_snapshot_save_and_load(tmp_path: Path) -> None:
    dataset, calls = counted(Dataset.range(5))
    snapshot = dataset.snapshot(tmp_path / "a" / "snapshot", compression="GZIP")
    assert [[int(x) for x in snapshot] for _ in range(2)] == [[0, 1, 2, 3, 4]] * 2
    assert len(calls) == 5
    sequences().save(tmp_path / "saved")
    loaded = Dataset.load(tmp_path / "saved")
    assert len(loaded) == 3
    for a, b in zip(sequences().as_numpy_iterator(), loaded.as_numpy_iterator()):
        same(a, b)
    Dataset.range(2).save(str(tmp_path / "saved"))
    assert [int(x) for x in Dataset.load(str(tmp_path / "saved"))] == [0, 1]
    with pytest.raises(FileNotFoundError, match="which Dataset.save would have written"):
        Dataset.load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="no end"):
        Dataset.range(2).repeat().save(tmp_path / "endless")
    for wrong in (
        lambda: dataset.snapshot(tmp_path, reader_func=len),
        lambda: dataset.save(tmp_path, shard_func=len),
        lambda: Dataset.load(tmp_path / "saved", reader_func=len),
    ):
        with pytest.raises(ValueError, match="leave out"):
            wrong()
    file = next((tmp_path / "saved").iterdir())
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ValueError, match="cannot be read.*write it again with save"):
        Dataset.load(tmp_path / "saved")


def test_fit_reads_a_file_from_the_second_epoch_on(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(12, 3)).astype("float32"), np.ones((12, 1), "float32")
    dataset, calls = counted(Dataset.from_tensor_slices((x, y)))
    losses = []
    for data in (dataset.cache(tmp_path / "kept").batch(4), Dataset.from_tensor_slices((x, y)).batch(4)):
        dualnet.utils.set_random_seed(1)
        model = dualnet.Sequential([dualnet.layers.Dense(1)])
        model.compile("sgd", "mse")
        losses.append(model.fit(data, epochs=3, verbose=0).history["loss"])
    assert losses[0] == losses[1]
    assert len(calls) == 12

"""The TensorBoard callback: what TensorBoard itself reads from its files, and serves."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

import dualnet
from dualnet import callbacks as cb
from dualnet import layers
from dualnet.optimizers import SGD, schedules

pytest.importorskip("tensorboardX", reason="tensorboardX is not installed: pip install 'dualnet[tensorboard]'")

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def network(optimizer: Any = "adam") -> Any:
    dualnet.utils.set_random_seed(1)
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(4, name="a"), layers.Dense(1, name="b")], name="net")
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def fit(folder: Path, model: Any = None, validation: bool = True, epochs: int = 3, **options: Any) -> Any:
    model = network() if model is None else model
    data = {"validation_data": (X[:8], Y[:8])} if validation else {}
    return model.fit(X, Y, 10, epochs=epochs, verbose=0, callbacks=[cb.TensorBoard(folder, **options)], **data)


@pytest.fixture(scope="module")
def reader() -> Any:
    """Reads a folder of event files with TensorBoard's own reader."""
    module = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard is not installed"
    )

    def read(folder: Path) -> Any:
        events = module.EventAccumulator(str(folder), size_guidance={"tensors": 0, "histograms": 0})
        events.Reload()
        return events

    return read


def scalars(events: Any, tag: str) -> list[tuple[int, float]]:
    return [(e.step, e.value) for e in events.Scalars(tag)]


# -- what is in the files ----------------------------------------------------------------------------------------------


def test_results_of_epochs(reader: Any, tmp_path: Path) -> None:
    history = fit(tmp_path).history
    train, validation = reader(tmp_path / "train"), reader(tmp_path / "validation")
    assert sorted(train.Tags()["scalars"]) == ["epoch_learning_rate", "epoch_loss", "epoch_mae"]
    evaluated = [f"evaluation_{name}_vs_iterations" for name in ("loss", "mae")]
    assert sorted(validation.Tags()["scalars"]) == ["epoch_loss", "epoch_mae", *evaluated]
    for events, prefix in ((train, ""), (validation, "val_")):
        for name in ("loss", "mae"):
            written = scalars(events, f"epoch_{name}")
            assert [step for step, _ in written] == [0, 1, 2]
            assert [value for _, value in written] == pytest.approx(history[prefix + name])
    assert scalars(train, "epoch_learning_rate")[0][1] == pytest.approx(0.001)
    at_iterations = scalars(validation, "evaluation_loss_vs_iterations")
    assert [step for step, _ in at_iterations] == [4, 8, 12]
    assert [value for _, value in at_iterations] == pytest.approx(history["val_loss"])


def test_results_of_steps(reader: Any, tmp_path: Path) -> None:
    for freq, steps in ((1, list(range(1, 13))), ("batch", list(range(1, 13))), (3, [3, 6, 9, 12])):
        folder = tmp_path / str(freq)
        fit(folder, update_freq=freq, write_steps_per_second=True)
        train = reader(folder / "train")
        for tag in ("batch_loss", "batch_mae", "batch_steps_per_second"):
            assert [step for step, _ in scalars(train, tag)] == steps
        per_second = [value for _, value in scalars(train, "epoch_steps_per_second")]
        assert len(per_second) == 3
        assert min(per_second) > 1


def test_steps_are_not_looked_at_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet.training.logs import Logs

    reads: list[int] = []
    ready = Logs._ready
    monkeypatch.setattr(Logs, "_ready", lambda self: reads.append(1) or ready(self))
    fit(tmp_path, write_steps_per_second=True)
    assert reads == []


def test_distributions_and_images(reader: Any, tmp_path: Path) -> None:
    model = network()
    fit(tmp_path, model, epochs=4, histogram_freq=2, write_images=True)
    train = reader(tmp_path / "train")
    paths = ["net/a/kernel", "net/a/bias", "net/b/kernel", "net/b/bias"]
    assert sorted(train.Tags()["histograms"]) == sorted(f"{path}/histogram" for path in paths)
    events = train.Histograms("net/a/kernel/histogram")
    assert [e.step for e in events] == [0, 2]
    kernel = events[-1].histogram_value
    assert (kernel.num, sum(kernel.bucket)) == (12, 12)
    assert -1.5 < kernel.min < kernel.max < 1.5
    # Each picture is a tensor of the width, the height and PNG files, as TensorFlow writes it.
    tensor = train.Tensors("net/a/kernel/image")[0].tensor_proto
    width, height, picture = tensor.string_val
    assert (width, height, picture[:8]) == (b"4", b"3", b"\x89PNG\r\n\x1a\n")
    assert train.summary_metadata["net/a/kernel/image"].plugin_data.plugin_name == "images"
    pixels = _decode(picture)
    assert pixels.shape == (3, 4)


def _decode(picture: bytes) -> Any:
    import io

    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    return np.asarray(image.open(io.BytesIO(picture)))


@pytest.mark.parametrize("shape", [(4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_pictures_are_the_numbers(shape: tuple[int, ...]) -> None:
    from dualnet.callbacks.event_file import _png

    values = np.random.default_rng(1).uniform(-0.2, 1.2, size=shape)
    values[0, 0] = np.nan
    expected = (np.clip(np.nan_to_num(values), 0, 1) * 255).round().astype("uint8")
    np.testing.assert_array_equal(_decode(_png(values)).reshape(shape), expected)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5,), (1, 5, 1, 1)), ((5, 2), (1, 2, 5, 1)), ((2, 5), (1, 2, 5, 1)), ((3, 4, 6), (6, 3, 4, 1)), ((3, 3, 2, 3), (3, 3, 2, 3)),
     ((3, 3, 3, 8), None), ((), None)],
)  # fmt: skip
def test_shapes_of_pictures(shape: tuple[int, ...], expected: Any) -> None:
    from dualnet.callbacks.tensorboard import _as_images

    images = _as_images(np.zeros(shape))
    assert (images if images is None else images.shape) == expected


def test_weights_that_are_not_finite_do_not_stop_training(reader: Any, tmp_path: Path) -> None:
    model = network(SGD(0.0))
    model.layers[0].trainable = False
    model.compile(SGD(0.0), "mse")
    model.set_weights([np.array([[np.nan, 1, 2, np.inf]] * 3, "float32"), *model.get_weights()[1:]])
    with np.errstate(all="ignore"):
        fit(tmp_path, model, epochs=1, histogram_freq=1, validation=False)
    (events,) = reader(tmp_path / "train").Histograms("net/a/kernel/histogram")
    assert (events.histogram_value.num, events.histogram_value.min, events.histogram_value.max) == (6, 1, 2)


def test_rates_of_schedules(reader: Any, tmp_path: Path) -> None:
    fit(tmp_path, network(SGD(schedules.ExponentialDecay(0.1, 4, 0.5))), validation=False)
    rates = scalars(reader(tmp_path / "train"), "epoch_learning_rate")
    assert [value for _, value in rates] == pytest.approx([0.05, 0.025, 0.0125])
    assert not (tmp_path / "validation").exists()


def test_a_second_fit_adds_files_and_evaluate_writes_too(reader: Any, tmp_path: Path) -> None:
    model, callback = network(), cb.TensorBoard(tmp_path)
    for _ in range(2):
        model.fit(X, Y, 10, epochs=2, verbose=0, callbacks=[callback])
    assert len(list((tmp_path / "train").iterdir())) == 2
    assert len(scalars(reader(tmp_path / "train"), "epoch_loss")) == 4
    loss = model.evaluate(X, Y, verbose=0, callbacks=[callback])[0]
    assert scalars(reader(tmp_path / "validation"), "evaluation_loss_vs_iterations") == [(16, pytest.approx(loss))]


def test_two_files_of_the_same_second_are_two(reader: Any, tmp_path: Path) -> None:
    for _ in range(3):
        fit(tmp_path, epochs=1, validation=False)
    assert len(list((tmp_path / "train").iterdir())) == 3


def test_embeddings_for_the_projector(tmp_path: Path) -> None:
    if not hasattr(layers, "Embedding"):
        pytest.skip("there is no Embedding layer yet")
    model = dualnet.Sequential(
        [dualnet.Input((2,)), layers.Embedding(5, 3, name="words"), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    ids, y = np.array([[0, 1], [2, 3]]), np.ones((2, 1))
    callback = cb.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "names.tsv"})
    model.fit(ids, y, epochs=1, verbose=0, callbacks=[callback])
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "words.tsv"' in config
    assert 'metadata_path: "names.tsv"' in config
    written = np.loadtxt(tmp_path / "words.tsv", delimiter="\t", dtype="float32")
    np.testing.assert_array_equal(written, model.get_weights()[0])
    with pytest.raises(ValueError, match="Unrecognized `Embedding` layer names .* nothing; there are words"):
        callback = cb.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"nothing": "names.tsv"})
        model.fit(ids, y, verbose=0, callbacks=[callback])


WRONG: dict[str, dict[str, Any]] = {
    "update_freq must be": {"update_freq": "step"},
    "update_freq must be .*, got 0": {"update_freq": 0},
    "profile_batch must be a non-negative": {"profile_batch": -1},
    "profile_batch must be .*'5,2'": {"profile_batch": "5,2"},
    "profile_batch must be .*1, 2, 3": {"profile_batch": (1, 2, 3)},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cb.TensorBoard(**WRONG[message])


@pytest.mark.parametrize("value", [0, 2, "2", "2,5", (2, 5), [0, 0]])
def test_profiling_is_accepted_and_ignored(value: Any, tmp_path: Path) -> None:
    fit(tmp_path, epochs=1, profile_batch=value)


def test_without_tensorboardx_it_says_so_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    model = network()
    with pytest.raises(ImportError, match=r"pip install 'dualnet\[tensorboard\]'"):
        fit(tmp_path, model)
    assert int(model.optimizer.iterations) == 0


# -- TensorBoard itself ------------------------------------------------------------------------------------------------


class Served:
    """A running TensorBoard."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def get(self, path: str, **query: str) -> Any:
        address = f"{self.url}/data/{path}" + (f"?{urlencode(query)}" if query else "")
        with urllib.request.urlopen(address, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if "json" in answer.headers["Content-Type"] else content


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Any]]:
    """``tensorboard --logdir`` on a run of ours, and the history of that run."""
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install tensorboard")
    import subprocess
    import time

    folder = tmp_path_factory.mktemp("logs")
    history = fit(folder / "run", histogram_freq=1, write_images=True, update_freq=2).history
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--host", "127.0.0.1", "--port", "0"]
    command += ["--load_fast", "false", "--reload_interval", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            said = []
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                if "http://127.0.0.1" in line:
                    break
            else:
                pytest.fail("TensorBoard did not start:\n" + "".join(said))
            address = line[line.index("http://") :].split()[0]
            server = Served(address)
            for _ in range(100):
                if server.get("runs"):
                    break
                time.sleep(0.2)
            yield server, history
        finally:
            process.terminate()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_tensorboard_serves_the_scalars(served: tuple[Served, Any]) -> None:
    server, history = served
    assert set(server.get("runs")) == {"run/train", "run/validation"}
    tags = server.get("plugin/scalars/tags")
    assert {"epoch_loss", "epoch_mae", "epoch_learning_rate", "batch_loss"} <= set(tags["run/train"])
    for run, prefix in (("run/train", ""), ("run/validation", "val_")):
        for name in ("loss", "mae"):
            rows = server.get("plugin/scalars/scalars", run=run, tag=f"epoch_{name}")
            assert [step for _, step, _ in rows] == [0, 1, 2]
            assert [value for _, _, value in rows] == pytest.approx(history[prefix + name])
    rows = server.get("plugin/scalars/scalars", run="run/train", tag="batch_loss")
    assert [step for _, step, _ in rows] == [2, 4, 6, 8, 10, 12]


def test_tensorboard_serves_histograms_images_and_the_graph(served: tuple[Served, Any]) -> None:
    server, _ = served
    rows = server.get("plugin/histograms/histograms", run="run/train", tag="net/a/kernel/histogram")
    assert [step for _, step, _ in rows] == [0, 1, 2]
    for _, _, buckets in rows:
        assert sum(count for _, _, count in buckets) == pytest.approx(12)
    images = server.get("plugin/images/images", run="run/train", tag="net/a/kernel/image", sample="0")
    assert [image["step"] for image in images] == [0, 1, 2]
    picture = server.get(f"plugin/images/individualImage?{images[-1]['query']}")
    assert _decode(picture).shape == (3, 4)
    graph = server.get("plugin/graphs/graph", run="run/train", tag="keras", conceptual="true").decode()
    for name in ("net/a", "net/b"):
        assert f'name: "{name}"' in graph
    assert 'input: "net/a"' in graph

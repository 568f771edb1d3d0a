"""Arguments of saving and loading, for every format: by_name, skip_mismatch, objects_to_skip, include_optimizer; unknown ones are refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

FORMATS_BY_PLACE = [".keras", ".weights.h5", ".weights.json", ".safetensors"]
every_format = pytest.mark.parametrize("suffix", [*FORMATS_BY_PLACE, ".h5", ".hdf5"])
FORMATS_OF_KERAS_2 = [".h5", ".hdf5"]


def chain(*names: str, units: dict[str, int] | None = None, api: Any = dualnet) -> Any:
    dense = [api.layers.Dense((units or {}).get(name, 4), name=name, bias_initializer="normal") for name in names]
    return api.Sequential([api.Input((4,)), *dense])


def weights(model: Any, name: str) -> list[Any]:
    return [w.copy() for w in model.get_layer(name).get_weights()]


def same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(map(np.array_equal, a, b))


def write(model: Any, path: Path) -> Path:
    whole = path.suffix in (".keras", ".h5", ".hdf5") and ".weights" not in path.suffixes
    model.save(path) if whole else model.save_weights(path)
    return path


@pytest.mark.parametrize("suffix", FORMATS_OF_KERAS_2)
@pytest.mark.parametrize("whole", [True, False])
def test_by_name(suffix: str, whole: bool, tmp_path: Path) -> None:
    source, target = chain("a", "b", "c"), chain("c", "new", "a")
    path = tmp_path / f"m{suffix}"
    source.save(path) if whole else source.save_weights(path)
    before = weights(target, "new")
    target.load_weights(path, by_name=True)
    assert same(weights(target, "a"), weights(source, "a"))
    assert same(weights(target, "c"), weights(source, "c"))
    assert same(weights(target, "new"), before)
    target.load_weights(path)  # by position
    assert same(weights(target, "c"), weights(source, "a"))
    with pytest.raises(ValueError, match=r"no layer of the model has the name.*'x'"):
        chain("x", "y").load_weights(path, by_name=True)


@pytest.mark.parametrize("suffix", FORMATS_BY_PLACE)
def test_by_name_is_refused_where_files_have_no_names(suffix: str, tmp_path: Path) -> None:
    source, target = chain("a", "b"), chain("b", "a")
    path, before = write(source, tmp_path / f"m{suffix}"), target.get_weights()
    with pytest.raises(ValueError, match="by_name"):
        target.load_weights(path, by_name=True)
    assert same(target.get_weights(), before)
    target.load_weights(path, by_name=False)
    assert same(target.get_weights(), source.get_weights())


@every_format
def test_skip_mismatch(suffix: str, tmp_path: Path) -> None:
    source, target = chain("a", "b"), chain("a", "b", units={"b": 3})
    path, before = write(source, tmp_path / f"m{suffix}"), target.get_weights()
    with pytest.raises(ValueError, match=r"does not fit.*'b'.*\(4, 4\)"):
        target.load_weights(path)
    assert same(target.get_weights(), before)
    with pytest.warns(UserWarning, match=r"left as they are.*'b'"):
        target.load_weights(path, skip_mismatch=True)
    assert same(weights(target, "a"), weights(source, "a"))
    assert same(weights(target, "b"), before[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chain("a", "b").load_weights(path, skip_mismatch=True)


@pytest.mark.parametrize("suffix", FORMATS_OF_KERAS_2)
def test_by_name_and_skip_mismatch(suffix: str, tmp_path: Path) -> None:
    source = chain("a", "b", "c")
    target = chain("c", "b", "a", units={"b": 3})
    path, before = write(source, tmp_path / f"m{suffix}"), target.get_weights()
    with pytest.raises(ValueError, match="does not fit"):
        target.load_weights(path, by_name=True)
    assert same(target.get_weights(), before)
    with pytest.warns(UserWarning, match="left as they are"):
        target.load_weights(path, by_name=True, skip_mismatch=True)
    assert same(weights(target, "c"), weights(source, "c"))
    assert same(weights(target, "b") + weights(target, "a"), before[2:])  # the input of "a" has another size now


def test_another_number_of_weights(tmp_path: Path) -> None:
    source = chain("a", "b")
    target = dualnet.Sequential(
        [dualnet.Input((4,)), layers.Dense(4, name="a", use_bias=False), layers.Dense(4, name="b")]
    )
    source.save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="'a' has 2 weights in the file, the model expects 1"):
        target.load_weights(tmp_path / "m.h5")
    with pytest.warns(UserWarning, match="'a' has 2 weights"):
        target.load_weights(tmp_path / "m.h5", skip_mismatch=True)
    assert same(weights(target, "b"), weights(source, "b"))
    with pytest.raises(ValueError, match=r"2 layers, the model has 3 layers.*by_name"):
        chain("a", "b", "c").load_weights(tmp_path / "m.h5", skip_mismatch=True)


class Scaled(dualnet.Model):
    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.dense = layers.Dense(4, name="d")
        self.scales = [self.add_weight(shape=(n,), initializer="normal") for n in sizes]

    def call(self, x: Any) -> Any:
        y = self.dense(x)
        for scale in self.scales:
            y = y * scale[:1]
        return y


def scaled(*sizes: int) -> Scaled:
    model = Scaled(sizes)
    model(np.ones((1, 4), "float32"))
    return model


def test_weights_of_the_model_itself(tmp_path: Path) -> None:
    source = scaled(4, 4)
    source.save_weights(tmp_path / "m.h5")
    again = scaled(4, 4)
    again.load_weights(tmp_path / "m.h5")
    assert same(again.get_weights(), source.get_weights())
    for other in (scaled(4), scaled(4, 4, 4), scaled(4, 2)):
        before = [w.numpy() for w in other.scales]
        with pytest.raises(ValueError, match="the model itself"):
            other.load_weights(tmp_path / "m.h5")
        with pytest.warns(UserWarning, match="the model itself"):
            other.load_weights(tmp_path / "m.h5", skip_mismatch=True)
        assert same([w.numpy() for w in other.scales], before)
        assert same(other.dense.get_weights(), source.dense.get_weights())


@pytest.mark.parametrize("suffix", FORMATS_BY_PLACE)
def test_objects_to_skip(suffix: str, tmp_path: Path) -> None:
    source, target = chain("a", "b"), chain("a", "b", units={"b": 3})
    path, before = write(source, tmp_path / f"m{suffix}"), target.get_weights()
    target.load_weights(path, objects_to_skip=[target.get_layer("b")])
    assert same(weights(target, "a"), weights(source, "a"))
    assert same(weights(target, "b"), before[2:])
    source.save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="objects_to_skip"):
        target.load_weights(tmp_path / "m.h5", objects_to_skip=[target.get_layer("b")])


@every_format
def test_unknown_arguments_are_refused(suffix: str, tmp_path: Path) -> None:
    model, path = chain("a"), tmp_path / f"m{suffix}"
    write(model, path)
    with pytest.raises(TypeError, match="skip_mismach"):
        model.load_weights(path, skip_mismach=True)
    with pytest.raises(TypeError, match="by_nam"):
        dualnet.saving.load_weights(model, path, by_nam=True)
    with pytest.raises(TypeError, match="foo"):
        model.save_weights(path, foo=1)
    if not suffix.startswith(".weights") and suffix != ".safetensors":
        with pytest.raises(TypeError, match="foo"):
            model.save(path, foo=1)
        with pytest.raises(TypeError, match="compil"):
            dualnet.models.load_model(path, compil=False)
        with pytest.raises(ValueError, match="zipped"):
            model.save(path, zipped=False)
        with pytest.raises(ValueError, match="save_format"):
            model.save(path, save_format="tf")
        model.save(path, save_format="keras" if suffix == ".keras" else "h5")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_without_its_optimizer(suffix: str, tmp_path: Path) -> None:
    model, x = chain("a"), np.ones((8, 4), "float32")
    model.compile("adam", "mse")
    model.fit(x, x, verbose=0)
    sizes = []
    for include in (True, False):
        model.save(tmp_path / f"m{suffix}", include_optimizer=include)
        sizes.append((tmp_path / f"m{suffix}").stat().st_size)
        again = dualnet.models.load_model(tmp_path / f"m{suffix}")
        assert again.compiled is include
        assert same(again.get_weights(), model.get_weights())
    assert sizes[1] < sizes[0]
    assert model.compiled
    assert model.optimizer.built


def test_names_that_occur_twice_in_an_h5_file(tmp_path: Path) -> None:
    class Pair(dualnet.Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = [layers.Dense(4, name="part"), layers.Dense(4, name="part")]

        def call(self, x: Any) -> Any:
            return self.parts[1](self.parts[0](x))

    model, x = Pair(), np.ones((2, 4), "float32")
    model(x)
    with pytest.raises(ValueError, match="2 layers are called 'part'"):
        model.save_weights(tmp_path / "m.h5")
    assert not (tmp_path / "m.h5").exists()
    outer, again = (dualnet.Sequential([dualnet.Input((4,)), Pair()]) for _ in range(2))
    outer.save_weights(tmp_path / "m.h5")  # inside of a layer, weights are found by their order
    again.load_weights(tmp_path / "m.h5")
    assert same(again.get_weights(), outer.get_weights())


@pytest.mark.parametrize("by_name", [True, False])
def test_the_same_as_keras(by_name: bool, keras: Any, tmp_path: Path) -> None:
    source = chain("a", "b", "c", api=keras)
    source.save(tmp_path / "m.h5")
    for names, units in ((("b", "a", "c"), {}), (("a", "b", "c"), {"c": 3}), (("a", "b", "c"), {"b": 3})):
        ours, theirs = chain(*names, units=units), chain(*names, units=units, api=keras)
        ours.set_weights([w * 0 + 7 for w in ours.get_weights()])
        theirs.set_weights(ours.get_weights())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for model in (ours, theirs):
                model.load_weights(tmp_path / "m.h5", by_name=by_name, skip_mismatch=True)
        for name in names:
            mine, other = weights(ours, name), weights(theirs, name)
            # Keras sets those weights of a layer that fit; here a layer is set or left as a whole.
            if name in units or [w.shape for w in mine] != [w.shape for w in source.get_layer(name).get_weights()]:
                assert all((w == 7).all() for w in mine)
            else:
                assert same(mine, other)

"""The check at save: what would not come back is refused, by name, before anything is written, and nothing else changes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers, models, ops
from dualnet.core.seeds import get_state
from dualnet.core.version import version

register = dualnet.saving.register_keras_serializable("check")
both = pytest.mark.parametrize("suffix", [".keras", ".h5"])
X = np.ones((2, 4), "float32")


# -- refused -------------------------------------------------------------------------------------------------------


@register
class Forgets(layers.Layer):
    """Its config lacks an argument that weights depend on."""

    def __init__(self, units: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = layers.Dense(units, name="inner")

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def get_config(self) -> dict[str, Any]:
        return super().get_config()


@register
class Misspells(Forgets):
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unitss": 5}


@register
class Doubles(layers.Layer):
    """Its config is not what it was made with."""

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = 2 * rate

    def call(self, x: Any) -> Any:
        return x * self.rate

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


@register
class Kept(layers.Layer):
    """Keeps its argument as it is."""

    def __init__(self, value: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = value

    def call(self, x: Any) -> Any:
        return x


@register
class TwoInputs(Model):
    """Its weights come with the first data, for a shape that no config can say: the values decide."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[Any] = []

    def call(self, x: Any) -> Any:
        if not self.parts and type(x) is dualnet.Tensor and float(ops.sum(x)) > 0:
            self.parts.append(layers.Dense(3, name="late"))
        return self.parts[0](x) if self.parts else x


def of(layer: Any) -> Any:
    return Sequential([Input((4,)), layer])


def called() -> Any:
    model = TwoInputs()
    model(X)
    return model


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "forgotten": (lambda: of(Forgets(5)), r"Dense 'inner' has weights of shape \(4, 5\).*\(4, 2\).*get_config"),
    "misspelled": (lambda: of(Misspells(5)), r"Misspells 'misspells.*' cannot be made from its config .*'unitss'"),
    "another": (lambda: of(Doubles(0.5)), r"Doubles 'doubles.*' has rate=1.0, and comes back with 2.0"),
    "keys": (lambda: of(Kept({1: 2})), r"Kept 'kept.*' comes back without the entry 1 of 'value', as keys .* strings"),
    "set": (lambda: of(Kept({1, 2})), r"cannot save \{1, 2\}: .*\(the argument 'value' of Kept 'kept"),
    "lambda": (lambda: of(Kept(lambda x: x)), r"lambda.*\(the argument 'value' of Kept 'kept"),
    "object": (lambda: of(Kept(object())), r"no get_config method \(the argument 'value' of Kept 'kept"),
    "inside": (lambda: of(Sequential([Kept([{"a": {1, 2}}])])), r"the argument 'value' of Kept 'kept"),
    "late": (called, r"Dense 'late' comes back without its 2 weights"),
}


@both
@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused(case: str, suffix: str, tmp_path: Path) -> None:
    make, message = REFUSED[case]
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"the file before")
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        make().save(path)
    assert path.read_bytes() == b"the file before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_loss_that_no_file_can_name(tmp_path: Path) -> None:
    model = of(layers.Dense(1))
    model.compile("sgd", lambda a, b: ops.mean(a - b))
    with pytest.raises(ValueError, match="lambda.*'loss' of Sequential"):
        model.save(tmp_path / "m.keras")
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"m{suffix}", include_optimizer=False)
        assert not models.load_model(tmp_path / f"m{suffix}").compiled


@register
class Stores(layers.Layer):
    """State that is no weight."""

    table = np.zeros(2)

    def call(self, x: Any) -> Any:
        return x + self.table.sum()

    def save_own_variables(self, store: Any) -> None:
        store["table"] = self.table

    def load_own_variables(self, store: Any) -> None:
        self.table = np.array(store["table"])


def test_state_that_h5_has_no_room_for(tmp_path: Path) -> None:
    layer = Stores(name="mine")
    layer.table = np.array([1.0, 2.0])
    model = of(layer)
    with pytest.raises(ValueError, match="Stores 'mine' stores in its save_own_variables: save to a .keras file"):
        model.save(tmp_path / "m.h5")
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(models.load_model(tmp_path / "m.keras")(X), X + 3)


@register
class Scaled(layers.Layer):
    def __init__(self, rate: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, x: Any) -> Any:
        return x * self.rate

    def get_config(self) -> dict[str, Any]:
        return super().get_config()


def test_an_argument_that_a_get_config_leaves_out_is_warned_of(tmp_path: Path) -> None:
    model = of(Scaled(0.5, name="mine"))
    with pytest.warns(UserWarning, match=r"Scaled 'mine' has rate=0.5, and will come back with rate=0.1"):
        model.save(tmp_path / "m.keras")
    of(Scaled(name="mine")).save(tmp_path / "m.keras")


# -- not refused ---------------------------------------------------------------------------------------------------


class Unregistered(layers.Layer):
    def __init__(self, units: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = layers.Dense(units)

    def call(self, x: Any) -> Any:
        return self.inner(x)


def distance(a: Any, b: Any) -> Any:
    return ops.mean(ops.abs(a - b), -1)


@both
def test_classes_that_are_not_registered_are_checked_as_custom_objects(suffix: str, tmp_path: Path) -> None:
    model = of(Unregistered(3))
    model.compile("sgd", distance)
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises(ValueError, match="custom_objects"):
        models.load_model(tmp_path / f"m{suffix}")
    custom = {"Unregistered": Unregistered, "distance": distance}
    again = models.load_model(tmp_path / f"m{suffix}", custom_objects=custom)
    np.testing.assert_array_equal(again(X), model(X))
    assert again.loss is distance


@register
class ReadsItsWeights(layers.Layer):
    """Computes with the values of its weights while it is built, and writes into them."""

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight((input_shape[-1], 3), "ones", name="kernel")
        self.kernel.data[...] /= float(ops.sum(self.kernel))
        self.rank = int(np.linalg.matrix_rank(self.kernel.numpy()))
        assert self.rank == 1

    def call(self, x: Any) -> Any:
        return x @ self.kernel


@both
def test_layers_that_need_values(suffix: str, tmp_path: Path) -> None:
    model = of(ReadsItsWeights())
    model.save(tmp_path / f"m{suffix}")
    np.testing.assert_array_equal(models.load_model(tmp_path / f"m{suffix}")(X), model(X))


# -- models and parts of the user ----------------------------------------------------------------------------------


@register
class Net(Model):
    """A constructor without ``name``, and a tensor besides the input."""

    def __init__(self, units: int, backbone: Any = None) -> None:
        super().__init__()
        self.backbone, self.first, self.second = backbone, layers.Dense(units), layers.Dense(units)

    def call(self, x: Any, context: Any = None) -> Any:
        y = self.first(x if self.backbone is None else self.backbone(x))
        return y if context is None else y + self.second(context)


@register
class Loss(dualnet.losses.Loss):
    def __init__(self, power: float = 2.0) -> None:
        super().__init__(name="mine")
        self.power = power

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.abs(y_true - y_pred) ** self.power, -1)


@register
class Optimizer(dualnet.optimizers.SGD):
    def __init__(self, rate: float = 0.1, gain: float = 3.0) -> None:
        super().__init__(rate * gain)
        self.gain = gain


@both
@pytest.mark.parametrize("backbone", [False, True])
@pytest.mark.parametrize("context", [False, True])
def test_parts_of_the_user_come_back_with_their_arguments(
    backbone: bool, context: bool, suffix: str, tmp_path: Path
) -> None:
    model: Any = Net(3, of(layers.Dense(5)) if backbone else None)
    more = {"context": np.ones((2, 6), "float32")} if context else {}
    model(X, **more)
    model.compile(Optimizer(0.2, gain=0.5), Loss(3.0))
    for _ in range(2):  # a model that was loaded is saved again
        model.save(tmp_path / f"m{suffix}")
        again = models.load_model(tmp_path / f"m{suffix}")
        np.testing.assert_array_equal(again(X, **more), model(X, **more))
        assert (again.loss.power, again.optimizer.gain, float(again.optimizer.learning_rate)) == pytest.approx(
            (3, 0.5, 0.1)
        )
        model = again


@register
class Adversary(Model):
    """With a ``compile`` of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.top = layers.Dense(2)

    def compile(self, first: Any, second: Any) -> None:
        super().compile()
        self.both = first, second

    def call(self, x: Any) -> Any:
        return self.top(x)


def test_a_compile_of_the_user_is_left_to_the_user(tmp_path: Path) -> None:
    model: Any = Adversary()
    model(X)
    model.compile("sgd", "adam")
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match=r"not compiled.*compile_from_config"):
        again = models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(X), model(X))


# -- vocabularies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"output_mode": "tf_idf"}, {"num_oov_indices": 2}, {"mask_token": ""}])
def test_h5_keeps_a_learned_vocabulary(options: dict[str, Any], tmp_path: Path) -> None:
    layer = layers.StringLookup(**options)
    layer.adapt(np.array(["a", "b", "b", "c"], object))
    model = Sequential([Input((1,), dtype="string"), layer])
    inner = Sequential([Input((1,), dtype="string"), model])
    data = np.array([["b"], ["z"], ["a"]], object)
    for saved in (model, inner):
        saved.save(tmp_path / "m.h5")
        np.testing.assert_array_equal(models.load_model(tmp_path / "m.h5")(data), saved(data))
    assert layer.get_config()["vocabulary"] is None  # which is for .h5 files alone


# -- what the check leaves alone -----------------------------------------------------------------------------------


def test_saving_changes_nothing(tmp_path: Path) -> None:
    """No names, no seeds, no random numbers, and no recorded step: a program that saves computes what one without does."""

    def program(save: bool) -> list[Any]:
        dualnet.utils.set_random_seed(5)
        dualnet.utils.clear_session()
        model = Sequential([Input((4,)), layers.Dense(4), layers.Dropout(0.5), of(Unregistered(4))])
        model.compile("adam", "mse")
        x, y = np.random.rand(8, 4).astype("float32"), np.zeros((8, 4), "float32")
        losses = []
        for _ in range(4):
            losses.append(model.train_on_batch(x, y))
            if save:
                before = version()
                model._checked_config = None
                model.save(tmp_path / "m.keras")
                model.save(tmp_path / "m.h5")
                assert version() == before
        other = layers.Dropout(0.5)
        drawn = np.asarray(other(np.ones((3, 3), "float32"), training=True)).tolist()
        return [losses, other.name, layers.Dense(2).name, drawn, get_state(), random.random(), np.random.rand()]

    assert program(save=True) == program(save=False)


def test_the_check_needs_no_memory_for_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet.core.variables import Variable
    from dualnet.saving import check, model_config

    made: list[Any] = []
    build = Variable.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        made.append(self)

    model = of(layers.Dense(500))
    monkeypatch.setattr(Variable, "__init__", counted)
    check.checked_config(model, model_config.StoredConfig())
    made = [v for v in made if v.shape]  # without those of the loss tracker
    assert [v.shape for v in made] == [(4, 500), (500,)]
    assert all(set(v.data.strides) == {0} for v in made)
    for variable in made:  # assigning checks the shape, and does nothing
        variable.assign(np.ones(variable.shape))
        variable.assign_add(1.0)
        assert not variable.numpy().any()
        with pytest.raises(ValueError, match="expected shape"):
            variable.assign(np.ones((3, 3, 3)))


def test_it_is_made_once_for_a_structure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet.saving import check

    calls: list[Any] = []
    problem = check._problem
    monkeypatch.setattr(check, "_problem", lambda *args: calls.append(args) or problem(*args))
    model = of(layers.Dense(3))
    for _ in range(3):
        model.save(tmp_path / "m.keras")
    assert len(calls) == 1
    model.add(layers.Dense(2))
    model.save(tmp_path / "m.keras")
    assert len(calls) == 2
    text = model.to_json()
    assert "_checked_config" not in json.dumps(json.loads(text))

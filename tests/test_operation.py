"""Operation: a function of tensors, of the user, that stands in a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, models, ops, saving, utils


@saving.register_keras_serializable("tests")
class Blend(dualnet.Operation):
    """share x + (1 - share) y, and their difference."""

    def __init__(self, share: float = 0.5, name: str | None = None) -> None:
        super().__init__(name)
        self.share = share

    def call(self, x: Any, y: Any) -> Any:
        return self.share * x + (1 - self.share) * y, x - y


class OnTheHost(dualnet.Operation):
    """Code that symbolic tensors do not pass through, with its shapes written down."""

    def call(self, x: Any) -> Any:
        return ops.convert_to_tensor(np.cumsum(np.asarray(x), axis=-1))

    def compute_output_spec(self, x: Any) -> Any:
        return dualnet.KerasTensor(x.shape, x.dtype)


class AtLeastTwo(dualnet.Operation):
    """Needs real sizes: it is run on zeros."""

    def call(self, x: Any) -> Any:
        if int(x.shape[0]) < 1:
            raise ValueError("an empty batch")
        return ops.concatenate([x, x], axis=1)


def model() -> dualnet.Model:
    a, b = dualnet.Input((3,), name="a"), dualnet.Input((3,), name="b")
    mixed, difference = Blend(0.25, name="blend")(a, y=layers.Dense(3)(b))
    return dualnet.Model([a, b], layers.Dense(1)(mixed * difference))


def test_tensors_and_symbolic_tensors() -> None:
    blend = Blend(0.25)
    mixed, difference = blend(np.ones(2, "float32"), ops.zeros(2))
    np.testing.assert_array_equal(mixed, [0.25, 0.25])
    np.testing.assert_array_equal(difference, [1, 1])
    with pytest.raises(AttributeError, match="never called on a symbolic tensor"):
        _ = blend.output
    a, b = dualnet.Input((3,)), dualnet.Input((1,))
    outputs = blend(a, b)
    assert [y.shape for y in outputs] == [(None, 3), (None, 3)]
    assert blend.input[0] is a
    assert blend.input[1] is b
    assert len(blend.input) == 2
    assert all(x is y for x, y in zip(blend.output, outputs))
    assert OnTheHost()(a).shape == (None, 3)
    assert AtLeastTwo()(a).shape == (None, 6)


def test_everything_in_a_graph_is_one() -> None:
    a = dualnet.Input((3,))
    function = dualnet.Function(a, ops.relu(layers.Dense(2)(a)))
    assert all(isinstance(operation, dualnet.Operation) for operation in (function, *function.operations))
    assert not isinstance(function.operations[-1], dualnet.Layer)


def test_a_model_with_one_trains_and_runs_it_at_every_step() -> None:
    calls = []

    class Counted(dualnet.Operation):
        def call(self, x: Any) -> Any:
            calls.append(x)
            return 2 * x

    a = dualnet.Input((3,))
    net = dualnet.Model(a, layers.Dense(1)(Counted()(layers.Dense(2)(a))))
    net.compile("sgd", "mse")
    calls.clear()
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    losses = net.fit(x, x[:, :1], batch_size=4, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert len([x for x in calls if isinstance(x, dualnet.Tensor)]) >= 24  # code of the user is not replayed


def test_saved_with_a_model_cloned_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net, x = model(), [np.ones((2, 3), "float32"), np.full((2, 3), 2.0, "float32")]
    net.save(tmp_path / "net.keras")
    again = models.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(x), net(x))
    blend = next(o for o in again.operations if isinstance(o, Blend))
    assert (blend.name, blend.share) == ("blend", 0.25)
    clone = models.clone_model(net)
    clone.set_weights(net.get_weights())
    np.testing.assert_array_equal(clone(x), net(x))
    net.summary()
    assert "blend (Blend)" in capsys.readouterr().out
    assert "Blend" in str(utils.model_to_dot(net))


def test_configs() -> None:
    class Unnamed(dualnet.Operation):
        def __init__(self, alpha: Any, *others: Any) -> None:
            super().__init__()

    class Own(dualnet.Operation):
        def __init__(self, alpha: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.alpha = alpha

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "alpha": list(self.alpha)}

    assert Blend(name="b").get_config() == {"share": 0.5, "name": "b"}
    assert Blend.from_config(Blend(0.1, "b").get_config()).share == 0.1
    assert Unnamed(1).get_config() == {"alpha": 1}
    assert Own(np.ones(2), name="o").get_config() == {"name": "o", "alpha": [1, 1]}
    with pytest.raises(NotImplementedError, match="variadic positional arguments"):
        Unnamed(1, 2).get_config()
    with pytest.raises(NotImplementedError, match="non-serializable argument values .alpha."):
        Unnamed(np.ones(2)).get_config()


def test_errors() -> None:
    class Broken(dualnet.Operation):
        def call(self, x: Any) -> Any:
            raise RuntimeError("no")

    class Forgot(dualnet.Operation):
        def __init__(self) -> None:
            pass

    with pytest.raises(ValueError, match="cannot contain character `/`"):
        Blend(name="a/b")
    with pytest.raises(NotImplementedError, match=r"must define call"):
        dualnet.Operation()(1.0)
    with pytest.raises(RuntimeError, match="must call super"):
        Forgot()(1.0)
    with pytest.raises(RuntimeError, match="no") as error:
        Broken(name="b")(dualnet.Input((3,)))
    assert "you need to implement `Broken.compute_output_spec()`" in error.value.__notes__[0]
    with pytest.raises(RuntimeError, match="no") as error:
        Broken(name="b")(ops.ones((2, 3)))
    assert error.value.__notes__ == ["in 'b' (Broken), called on shape (2, 3)"]

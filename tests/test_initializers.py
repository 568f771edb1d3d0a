"""Initializers and ``dualnet.random``: the very bits of Keras's NumPy backend for the same seed, and what they refuse."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import initializers
from tests import draw_cases

FROZEN: dict[str, Any] = json.loads(Path(draw_cases.__file__).with_suffix(".json").read_text(encoding="utf-8"))
CLASSES = {
    c.__name__: c
    for c in vars(initializers).values()
    if isinstance(c, type) and issubclass(c, initializers.Initializer)
}
NAMED = {name: c for name, c in CLASSES.items() if name not in ("Initializer", "RandomInitializer", "STFT")}
every_case = pytest.mark.parametrize("name", draw_cases.CASES)


@pytest.fixture(scope="session")
def keras_draws() -> dict[str, Any]:
    """What Keras draws with its NumPy backend, in a process of its own."""
    for needed in ("keras", "jax"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed: pip install 'dualnet[parity]'")
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run(
        [sys.executable, str(draw_cases.__file__)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@every_case
def test_same_bits_as_keras(name: str, keras_draws: dict[str, Any]) -> None:
    assert draw_cases.digest(draw_cases.CASES[name](dualnet)) == keras_draws[name]


@every_case
def test_frozen_numbers(name: str) -> None:
    """Not bits: the last one of a decomposition or a sum may differ between machines."""
    got = draw_cases.digest(draw_cases.CASES[name](dualnet))["numbers"]
    np.testing.assert_allclose(got, FROZEN[name], rtol=2e-5, atol=1e-6)


def test_every_initializer_has_a_case() -> None:
    assert {name for name, _ in draw_cases.INITIALIZERS} == set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_used_twice_and_configured_twice(name: str) -> None:
    options = dict(draw_cases.INITIALIZERS).get(name, {})
    dualnet.utils.set_random_seed(1)
    initializer = NAMED[name](**options)
    assert type(initializer((4, 3))) is np.ndarray
    np.testing.assert_array_equal(initializer((4, 3)), initializer((4, 3)))
    np.testing.assert_array_equal(
        initializer.clone()((4, 3)) if name in draw_cases.PLAIN else initializer((4, 3)), initializer((4, 3))
    )
    config = initializer.get_config()
    assert json.loads(json.dumps(config)) == config
    again = initializers.deserialize(json.loads(json.dumps(initializers.serialize(initializer))))
    assert type(again) is NAMED[name]
    assert again.get_config() == config
    if name not in draw_cases.PLAIN:
        assert config["seed"] is None
        seeded = NAMED[name](**options, seed=4)
        np.testing.assert_array_equal(NAMED[name].from_config(seeded.get_config())((4, 3)), seeded((4, 3)))
        assert (NAMED[name](**options)((4, 3)) != initializer((4, 3))).any()  # each has a seed of its own


def test_a_seed_generator_advances() -> None:
    generator = dualnet.random.SeedGenerator(3)
    shared = initializers.RandomNormal(seed=generator)
    first = shared((4,))
    assert (shared((4,)) != first).any()
    np.testing.assert_array_equal(initializers.RandomNormal(seed=dualnet.random.SeedGenerator(3))((4,)), first)


def test_an_array_as_a_constant() -> None:
    value = np.arange(3.0)
    array = initializers.Constant(value)((2, 3))
    np.testing.assert_array_equal(array, [value, value])
    array[0] = 9
    np.testing.assert_array_equal(value, np.arange(3.0))
    with pytest.raises(ValueError, match="broadcast"):
        initializers.Constant(value)((3, 2))


@pytest.mark.parametrize("seed", [2**40, 0])
def test_large_seeds(seed: int) -> None:
    values = initializers.RandomUniform(seed=seed)((3,))
    np.testing.assert_array_equal(values, initializers.RandomUniform(seed=seed)((3,)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: initializers.VarianceScaling(scale=0), "`scale` must be positive float"),
        (lambda: initializers.VarianceScaling(mode="fan"), "Invalid `mode` argument: 'fan'"),
        (lambda: initializers.VarianceScaling(distribution="gauss"), "Invalid `distribution` argument"),
        (lambda: initializers.Orthogonal()((3,)), "at least two axes"),
        (lambda: initializers.Identity()((3,)), "makes matrices"),
        (lambda: initializers.HeNormal(seed="a"), "seed must be an integer"),
        (lambda: initializers.get("glorot"), "no initializer is called 'glorot'"),
        (lambda: initializers.get(3), "cannot make a initializer of 3|cannot make an initializer of 3"),
    ],
)
def test_wrong_arguments(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()


def test_functions_and_classes_make_weights_too() -> None:
    def halves(shape: Any, dtype: Any = None) -> Any:
        return np.full(shape, 0.5, dtype)

    for argument in (halves, initializers.Ones, initializers.ones, "ones", "one", initializers.Constant(0.5)):
        dense = dualnet.layers.Dense(2, kernel_initializer=argument)
        dense.build((None, 3))
        assert set(dense.get_weights()[0].reshape(-1).tolist()) <= {0.5, 1.0}


WAVES = [
    ({"window": None}, (8, 1, 5)),
    ({"window": None, "scaling": "spectrum"}, (4, 1, 3)),
    ({"window": "hann", "periodic": True}, (4, 1, 3)),
    ({"side": "imag", "window": "hann", "scaling": None}, (8, 1, 5)),
    ({"side": "imag", "window": [1.0, 2.0, 3.0, 4.0]}, (4, 1, 3)),
    ({"window": "hamming", "scaling": "spectrum"}, (5, 1, 4)),
    ({"window": "tukey", "periodic": True}, (8, 1, 5)),  # SciPy's, which comes with Keras's JAX
]


@pytest.mark.parametrize(("options", "shape"), WAVES, ids=str)
def test_waves_of_a_fourier_transform(options: Any, shape: Any, keras: Any) -> None:
    window = options.get("window", "hann")
    options = {**options, "window": np.array(window) if isinstance(window, list) else window}
    one = initializers.STFT(**options)
    np.testing.assert_allclose(one(shape), np.asarray(keras.initializers.STFT(**options)(shape)), rtol=1e-5, atol=2e-6)
    again = initializers.deserialize(json.loads(json.dumps(initializers.serialize(one))))
    np.testing.assert_array_equal(again(shape), one(shape))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": "both"}, "'real' or 'imag', not both"),
        ({"scaling": "loud"}, "Received scaling=loud"),
        ({"window": "unknown"}, "[Uu]nknown"),
    ],
)
def test_waves_refuse(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        initializers.STFT(**options)
    with pytest.raises(ValueError, match=r"\(frame length, 1, frequencies\), got \(4, 3\)"):
        initializers.STFT()((4, 3))


AXES = [((5, 6, 7), [0], [1, 2]), ((5, 6, 7), [-2], [-1]), ((2, 3, 4, 5), [0, 1], [2]), ((5, 6, 7), [0], None)]


@pytest.mark.parametrize(("shape", "input_axes", "output_axes"), AXES, ids=str)
def test_fans_of_explicit_axes(shape: Any, input_axes: Any, output_axes: Any, keras: Any) -> None:
    fans = [
        library.initializers.VarianceScaling(
            mode=mode, distribution="uniform", input_axes=input_axes, output_axes=output_axes
        )(shape)
        for library in (dualnet, keras)
        for mode in ("fan_in", "fan_out")
    ]
    limits = [float(np.abs(np.asarray(x)).max()) for x in fans]
    np.testing.assert_allclose(limits[:2], limits[2:], rtol=0.1)
    inside, outside = initializers.compute_fans(shape, input_axes, output_axes)
    assert np.sqrt(3 / inside) * 0.9 < limits[0] <= np.sqrt(3 / inside)
    assert np.sqrt(3 / outside) * 0.9 < limits[1] <= np.sqrt(3 / outside)


def test_values_as_an_initializer() -> None:
    values = np.arange(6, dtype="float32").reshape(2, 3)
    for argument in (values, dualnet.ops.convert_to_tensor(values)):
        np.testing.assert_array_equal(initializers.get(argument)((2, 3)), values)
        with pytest.raises(ValueError, match=r"Expected `shape` to be \(2, 3\)"):
            initializers.get(argument)((3, 2))
    layer = dualnet.layers.Dense(3, kernel_initializer=values)
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.kernel.numpy(), values)
    restored = initializers.deserialize(json.loads(json.dumps(initializers.serialize(initializers.Constant(values)))))
    np.testing.assert_array_equal(restored((2, 3)), values)


@pytest.mark.parametrize("name", ["RandomUniform", "TruncatedNormal", "GlorotUniform", "HeNormal", "RandomNormal"])
def test_blocks_do_not_change_what_is_drawn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (3, 3, 50, 60)
    expected = NAMED[name](seed=3)(shape)
    assert expected.shape == shape
    for size in (1 << 20, 1000, 999):
        monkeypatch.setattr(dualnet.initializers.random.draw_blocks, "__defaults__", (size,))
        np.testing.assert_array_equal(NAMED[name](seed=3)(shape), expected)


def test_a_variable_copies_what_may_belong_to_others() -> None:
    """Not what an initializer of ours has just made, which may be large."""
    made: list[Any] = []

    class Own(initializers.RandomNormal):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            made.append(np.ones(shape, dtype))
            return made[-1]

    class Inherited(initializers.Zeros):
        pass

    array = np.ones((2, 3), "float32")
    for initializer in (Own(), lambda shape, dtype: array):
        variable = dualnet.Variable(initializer, shape=(2, 3), dtype="float32")
        variable.assign(variable * 2)
        np.testing.assert_array_equal(array, 1)
    np.testing.assert_array_equal(made[0], 1)
    for new in (initializers.Ones(), Inherited(), initializers.GlorotUniform(seed=1)):
        variable = dualnet.Variable(new, shape=(2, 3), dtype="float32")
        before = variable.numpy().copy()
        variable.assign(variable + 1)
        np.testing.assert_array_equal(new((2, 3)), before)
        assert variable.data.base is None

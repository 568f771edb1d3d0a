"""No two layers draw the same random numbers, whatever they are called and however they came to be, unless they have the same seed."""

from __future__ import annotations

import copy
import itertools
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dualnet_backends import stream_key

import dualnet
from dualnet import layers, models, ops
from dualnet.saving import deserialize_keras_object, register_keras_serializable, serialize_keras_object

N = 2048  # numbers that a draw is judged by
LIMIT = 7 / N**0.5  # of the correlation of independent ones: not once in 10**11

FLAT = np.ones((32, 64), "float32")
IMAGES = np.tile(np.array([0.3, 0.6], "float32").reshape(1, 1, 2, 1), (N, 1, 1, 1))
COLORS = np.tile(np.array([0.2, 0.5, 0.7], "float32").reshape(1, 1, 1, 3), (N, 1, 1, 1))

# How a layer is made, what it is called on, and by which of its numbers what it drew is seen.
KINDS: dict[str, tuple[Callable[..., Any], Any, Callable[[Any], Any]]] = {
    "Dropout": (lambda **k: layers.Dropout(0.5, **k), FLAT, lambda y: y),
    "AlphaDropout": (lambda **k: layers.AlphaDropout(0.5, **k), FLAT, lambda y: y),
    "GaussianNoise": (lambda **k: layers.GaussianNoise(0.5, **k), FLAT, lambda y: y),
    "GaussianDropout": (lambda **k: layers.GaussianDropout(0.5, **k), FLAT, lambda y: y),
    "SpatialDropout1D": (lambda **k: layers.SpatialDropout1D(0.5, **k), FLAT[:, None], lambda y: y),
    "SpatialDropout2D": (lambda **k: layers.SpatialDropout2D(0.5, **k), FLAT[:, None, None], lambda y: y),
    "RandomFlip": (lambda **k: layers.RandomFlip("horizontal", **k), IMAGES, lambda y: y[:, 0, 0, 0]),
    "RandomBrightness": (lambda **k: layers.RandomBrightness(0.1, (0, 1), **k), IMAGES, lambda y: y[:, 0, 0, 0]),
    "RandomContrast": (lambda **k: layers.RandomContrast(0.5, (0, 1), **k), IMAGES, lambda y: y[:, 0, 0, 0] - y[:, 0, 1, 0]),
    "RandomInvert": (lambda **k: layers.RandomInvert(0.5, (0, 1), **k), COLORS, lambda y: y[:, 0, 0, 0]),
    "RandomGrayscale": (lambda **k: layers.RandomGrayscale(0.5, **k), COLORS, lambda y: y[:, 0, 0, 0]),
}  # fmt: skip
NAMES = ("drop", "dropout", "dropout_1", "noise", "seeded", "shuffle", None)

record: list[tuple[Any, int | None, int, Any]] = []  # (kind, seed, draws before it, what was drawn)


@register_keras_serializable("streams")
class Tap(layers.Layer):
    """Calls a layer with noise, and records what that draws."""

    def __init__(self, kind: str, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.inner = deserialize_keras_object(inner) if isinstance(inner, dict) else inner
        self._drawn = [0]

    def call(self, x: Any, training: bool | None = None) -> Any:
        _, example, seen = KINDS[self.kind]
        y = self.inner(example, training=training)
        if training:
            kind = self.kind.rstrip("12D")  # the spatial ones are of one kind
            record.append((kind, self.inner.seed, self._drawn[0], seen(y.numpy()).reshape(-1)))
            self._drawn[0] += 1
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind, "inner": serialize_keras_object(self.inner)}


@register_keras_serializable("streams")
class Block(layers.Layer):
    """Layers one after another, one of them twice."""

    def __init__(self, parts: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = [deserialize_keras_object(p) if isinstance(p, dict) else p for p in parts]

    def call(self, x: Any, training: bool | None = None) -> Any:
        for part in (*self.parts, self.parts[0]):
            x = part(x, training=training)
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "parts": [serialize_keras_object(p) for p in self.parts]}


def tap(choose: random.Random) -> Any:
    kind = choose.choice([*KINDS, "Dropout", "Dropout"])
    seed = choose.choice([None, None, None, 1, 7])
    return Tap(kind, KINDS[kind][0](name=choose.choice(NAMES), seed=seed))


def composed(choose: random.Random, depth: int = 2) -> Any:
    """A random layer or model with noise in it."""
    form = choose.choice(["tap", "block", "sequential", "functional"]) if depth else "tap"
    if form == "tap":
        return tap(choose)
    parts = [composed(choose, depth - 1) for _ in range(choose.randint(1, 3))]
    if form == "block":
        return Block(parts)
    if form == "sequential":
        for number, part in enumerate(parts):
            part.name = f"part_{number}"
        return dualnet.Sequential([dualnet.Input((3,)), *parts])
    x = inputs = dualnet.Input((3,))
    branches = []
    for number, part in enumerate(parts):
        part.name = f"part_{number}"
        branches.append(part(x))
    return dualnet.Model(inputs, ops.add(branches[0], branches[-1]))


def copied(x: Any, choose: random.Random, folder: Path) -> Any:
    way = choose.choice(["clone", "config", "deepcopy", "pickle", "file", "file twice"])
    if way == "deepcopy":
        return [copy.deepcopy(x)]
    if way == "pickle":
        return [pickle.loads(pickle.dumps(x))]
    if way == "config" or not isinstance(x, dualnet.Model):
        return [type(x).from_config(x.get_config())]
    if way == "clone":
        return [models.clone_model(x)]
    x.save(folder / "model.keras")
    return [models.load_model(folder / "model.keras") for _ in range(2 if way == "file twice" else 1)]


def program(case: int, folder: Path) -> list[Any]:
    """What a random program draws, from a seed that depends on the case."""
    record.clear()
    choose = random.Random(case)
    dualnet.utils.set_random_seed(case % 7)
    everything = [composed(choose) for _ in range(choose.randint(1, 2))]
    for x in everything:
        x(np.ones((2, 3), "float32"), training=True)
    for x in list(everything):
        everything += copied(x, choose, folder)
    for x in everything:
        x(np.ones((2, 3), "float32"), training=True)
    return list(record)


def wrong_pairs(drawn: list[Any]) -> list[str]:
    """Pairs that are alike and should not be, or the reverse, judged by their correlation alone."""
    values = np.stack([v for *_, v in drawn]).astype("float64")
    values -= values.mean(1, keepdims=True)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    alike = values @ values.T
    wrong = []
    for (i, a), (j, b) in itertools.combinations(enumerate(drawn), 2):
        kind, seed, number, _ = a
        same = seed is not None and (kind, seed, number) == b[:3]
        if not (alike[i, j] > 0.9999 if same else abs(alike[i, j]) < LIMIT):
            wrong.append(f"{a[:3]} and {b[:3]}: {alike[i, j]:.3f}")
    return wrong


@pytest.mark.parametrize("part", range(10))
def test_random_programs(part: int, tmp_path: Path) -> None:
    """500 of them, with layers of the same names, nested, cloned, copied and loaded."""
    pairs = 0
    for case in range(50 * part, 50 * part + 50):
        drawn = program(case, tmp_path)
        assert wrong_pairs(drawn) == [], f"case {case}"
        pairs += len(drawn) * (len(drawn) - 1) // 2
        again = program(case, tmp_path)
        assert [d[:3] for d in again] == [d[:3] for d in drawn]
        for first, second in zip(drawn, again):
            np.testing.assert_array_equal(first[3], second[3])
    assert pairs > 1000


# -- one by one ---------------------------------------------------------------------------------------------------------


def alike(*noisy: Any) -> bool:
    """Whether layers drop the same."""
    first, *others = [layer(FLAT, training=True).numpy() for layer in noisy]
    same = [bool((first == y).all()) for y in others]
    assert all(same) or not any(same)
    return all(same)


@pytest.mark.parametrize("seed", [None, 3])
def test_a_layer_and_its_copies(seed: int | None) -> None:
    """Copies of a layer with a seed draw what it draws, as in Keras; without one they draw their own."""
    layer = layers.Dropout(0.5, seed=seed, name="drop")
    copies = [type(layer).from_config(layer.get_config()), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
    assert alike(layer, layers.Dropout(0.5, seed=seed, name="drop"), *copies) is (seed is not None)


def test_a_seed_generator_and_its_copies() -> None:
    for draw in (
        lambda seed: dualnet.random.normal((5,), seed=seed),
        lambda seed: dualnet.random.dropout(np.ones(64, "float32"), 0.5, seed=seed),
    ):
        own, seeded = dualnet.random.SeedGenerator(name="mine"), dualnet.random.SeedGenerator(4)
        draw(seeded)
        for make in (copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))):
            other, same = make(own), make(seeded)
            assert (draw(own).numpy() != draw(other).numpy()).any()
            assert (draw(seeded).numpy() == draw(same).numpy()).all()
        assert (draw(own).numpy() != draw(dualnet.random.SeedGenerator(name="mine")).numpy()).any()


def test_one_seed_for_images_and_masks_but_not_for_two_transformations() -> None:
    images, masks = layers.RandomFlip("horizontal", seed=5), layers.RandomFlip("horizontal", seed=5)
    flipped = images(IMAGES).numpy()[:, 0, 0, 0]
    np.testing.assert_array_equal(flipped, masks(IMAGES).numpy()[:, 0, 0, 0])
    brighter = layers.RandomBrightness(0.1, (0, 1), seed=5)(IMAGES).numpy()[:, 0, 0, 0]
    assert abs(np.corrcoef(flipped, brighter)[0, 1]) < LIMIT


def test_layers_of_before_another_seed() -> None:
    """They follow the new seed, and share no stream with those made after it, nor with those of the same number."""
    dualnet.utils.set_random_seed(1)
    first = layers.Dropout(0.5)
    expected = first(FLAT, training=True).numpy()
    dualnet.utils.set_random_seed(1)
    second = layers.Dropout(0.5)
    np.testing.assert_array_equal(second(FLAT, training=True).numpy(), expected)
    dualnet.utils.set_random_seed(1)
    third = layers.Dropout(0.5)
    drawn = [layer(FLAT, training=True).numpy() for layer in (first, second, third)]
    assert all((a != b).any() for a, b in itertools.combinations(drawn, 2))
    np.testing.assert_array_equal(drawn[2], expected)

    def before(seed: int) -> Any:
        dualnet.utils.set_random_seed(0)
        layer = layers.Dropout(0.5)
        dualnet.utils.set_random_seed(seed)
        return layer(FLAT, training=True).numpy()

    np.testing.assert_array_equal(before(2), before(2))
    assert (before(2) != before(3)).any()


def test_names_do_not_matter() -> None:
    """A program that makes a model, and clones it, draws the same the second time, when automatic names go on."""

    def masks() -> list[Any]:
        dualnet.utils.set_random_seed(5)
        model = dualnet.Sequential([dualnet.Input((64,)), layers.Dropout(0.5), layers.Dropout(0.5)])
        return [m(FLAT, training=True).numpy() for m in (model, models.clone_model(model))]

    for a, b in zip(masks(), masks()):
        np.testing.assert_array_equal(a, b)


def test_shuffles_of_datasets_repeat_with_the_seed() -> None:
    def orders() -> list[Any]:
        dualnet.utils.set_random_seed(5)
        data = dualnet.data.Dataset.range(50)
        return [[int(v) for v in data.shuffle(50)] for _ in range(2)]

    first = orders()
    assert first[0] != first[1]
    assert orders() == first


def test_a_state_taken_over_by_another_generator() -> None:
    """As when training is resumed in a program that made other models before: the two swap."""
    dualnet.utils.set_random_seed(1)
    states = [layers.Dropout(0.5).seed_generator.get_state() for _ in range(3)]
    dualnet.utils.set_random_seed(1)
    mine, other = layers.Dropout(0.5), layers.Dropout(0.5)
    expected = mine(FLAT, training=True).numpy()
    other.seed_generator.set_state(states[0])
    np.testing.assert_array_equal(other(FLAT, training=True).numpy(), expected)
    assert (mine(FLAT, training=True).numpy() != expected).any()
    mine.seed_generator.set_state(states[2])
    others = [layers.Dropout(0.5) for _ in range(3)]
    drawn = [layer(FLAT, training=True).numpy() for layer in (mine, other, *others)]
    assert all((a != b).any() for a, b in itertools.combinations(drawn, 2))


@pytest.mark.parametrize("extra", [False, True])
def test_training_resumes_with_the_streams_of_each_layer(extra: bool, tmp_path: Path) -> None:
    """Layers of one name, in a copy of a model; also when the program has made another one before."""
    x = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")

    class Cut(Exception):
        pass

    def run(cut: bool, folder: Path | None, others: bool = False) -> Any:
        dualnet.utils.set_random_seed(3)
        other = layers.Dropout(0.5) if others else None
        blocks = [layers.Dense(8), *(Block([layers.Dropout(0.3, name="drop")]) for _ in range(3)), layers.Dense(3)]
        original = dualnet.Sequential([dualnet.Input((3,)), *blocks])
        model = models.clone_model(original)
        model.compile("adam", "mse")
        seen: list[int] = []

        def end(batch: int, logs: Any) -> None:
            seen.append(batch)
            if cut and len(seen) == 8:
                raise Cut

        callbacks: list[Any] = [dualnet.callbacks.LambdaCallback(on_train_batch_end=end)]
        callbacks += [dualnet.callbacks.BackupAndRestore(folder, 5)] if folder else []
        try:
            model.fit(x, x, batch_size=4, epochs=3, verbose=0, callbacks=callbacks)
        except Cut:
            return None
        drawn = [m(FLAT[:, :3], training=True).numpy() for m in (model, original)]
        assert (drawn[0] != drawn[1]).any()
        assert other is None or other(FLAT, training=True).numpy().any()
        return [w.tolist() for w in model.get_weights()], len(seen)

    whole, steps = run(False, None)
    assert steps == 18
    assert run(True, tmp_path) is None
    resumed, steps = run(False, tmp_path, extra)
    assert (resumed, steps) == (whole, 13)


def test_the_state_of_an_earlier_version() -> None:
    """It has the name of the stream alone; layers with a seed had one stream."""
    dualnet.utils.set_random_seed(1)
    own, seeded = layers.Dropout(0.5).seed_generator, layers.Dropout(0.5, seed=9).seed_generator
    own.set_state({"seed": 5, "name": "drop", "counter": 6})
    seeded.set_state({"seed": 9, "name": "dropout_1", "counter": 7})
    assert own.next() == (stream_key(1, "drop"), 6)
    pickled = dualnet.random.SeedGenerator.__new__(dualnet.random.SeedGenerator)
    pickled.__setstate__({"_user_seed": None, "seed": 5, "name": "drop", "counter": 6})
    assert pickled.next()[0] not in (own.next()[0], stream_key(1, "drop"))
    assert seeded.next() == (stream_key(9, "seeded"), 7)


def test_threads_draw_no_number_twice() -> None:
    noise = dualnet.random.SeedGenerator()
    data = dualnet.data.Dataset.range(2000).map(lambda i: noise.next()[1], num_parallel_calls=8)
    assert len({int(v) for v in data}) == 2000

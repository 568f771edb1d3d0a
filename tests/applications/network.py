"""One network of the zoo as a row of the table, and how it is compared with Keras's."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import dualnet
from dualnet.core.naming import to_snake_case
from dualnet.initializers.constant import makes_new_array

AUTOMATIC = r"^variable(_\d+)?$"  # the name of a weight that nobody gave


@dataclasses.dataclass(frozen=True)
class Network:
    """A row of the table.

    Attributes:
        title: its name in ``applications``.
        module: the module that makes it, with its ``preprocess_input``.
        features: channels of the last feature maps.
        mode: of ``preprocess_input``; None: it leaves images as they are.
        size: height and width of the images that the tests use.
        smallest: the least height and width it takes.
        compared: the tests compare its outputs with Keras's; of the others the structure only.
        channels_first: whether it can take such images.
    """

    title: str
    module: str
    features: int
    mode: str | None
    size: int = 64
    smallest: int = 32
    compared: bool = False
    channels_first: bool = True

    def __str__(self) -> str:
        return self.title

    def but(self, **changes: Any) -> Network:
        return dataclasses.replace(self, **changes)

    def of(self, library: Any) -> Any:
        """The function that makes it, of dualnet or of Keras."""
        return getattr(library.applications, self.title)

    def small(self, library: Any, **options: Any) -> Any:
        """It for small images and few classes, with random weights and, as a rule, without a softmax that hides differences."""
        shape = (self.size, self.size, 3)
        return self.of(library)(
            **{"weights": None, "input_shape": shape, "classes": 10, "classifier_activation": None, **options}
        )


@contextlib.contextmanager
def zeros_for_random_numbers(library: Any) -> Iterator[None]:
    """Weights that would be drawn are zeros, which takes no time: who asks for shapes and names needs no more."""
    named = [c for c in vars(library.initializers).values() if isinstance(c, type)]
    classes = {c for known in named for c in known.__mro__ if "random" in c.__module__ and "__call__" in vars(c)}
    calls = {c: vars(c)["__call__"] for c in classes}
    assert calls

    @makes_new_array
    def zeros(self: Any, shape: Any, dtype: Any = None) -> Any:
        return np.zeros(shape, dtype or "float32")

    try:
        for c in classes:
            c.__call__ = zeros  # type: ignore[method-assign]
        yield
    finally:
        for c, call in calls.items():
            c.__call__ = call  # type: ignore[method-assign]


# -- what is frozen ------------------------------------------------------------------------------------------------


def structure(model: Any) -> list[str]:
    """The layers in their order: class, name, and the names and shapes of the weights, in their order.

    Names that nobody gave are left out, as they count what was made before.
    """
    lines = []
    for layer in model.layers:
        kind = type(layer).__name__
        automatic = re.fullmatch(rf"{to_snake_case(kind)}(_\d+)?", layer.name)
        weights = [f"{re.sub(AUTOMATIC, '-', w.name)}{tuple(w.shape)}" for w in layer.weights]
        lines.append(" ".join([kind, "-" if automatic else layer.name, *weights]))
    return lines


def facts(row: Network, library: Any) -> dict[str, Any]:
    """What a library makes of a network: its parameters, and a hash of the structure."""
    found = {}
    with zeros_for_random_numbers(library):
        for key, top in (("with the top", True), ("without", False)):
            model = row.of(library)(weights=None, include_top=top)
            lines = structure(model)
            found[key] = {
                "parameters": model.count_params(),
                "trainable": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
                "layers": len(lines),
                "structure": hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16],
            }
            library.backend.clear_session()
    return found


# -- outputs and files ---------------------------------------------------------------------------------------------


def draw_weights(model: Any, seed: int = 0) -> list[Any]:
    """Random weights that keep the size of the signal: kernels of variance 1 / inputs, statistics as after some training."""
    rng = np.random.default_rng(seed)
    values = []
    for w in model.weights:
        shape = tuple(w.shape)
        if w.name in ("gamma", "moving_variance", "variance"):
            values.append(rng.uniform(0.5, 1.5, shape).astype("float32"))
        elif len(shape) < 2:
            values.append(rng.normal(0, 0.1, shape).astype("float32"))
        else:
            inputs = np.prod(shape[:2]) if re.search("depthwise|dw", w.path) else np.prod(shape[:-1])
            values.append(rng.normal(0, inputs**-0.5, shape).astype("float32"))
    return values


def compare(row: Network, keras: Any, folder: Path) -> float:
    """Exchange weights by files in both directions and compare the outputs for two images.

    Returns the largest difference, in relation to the largest output.
    """
    images = np.random.default_rng(1).uniform(0, 255, (2, row.size, row.size, 3)).astype("float32")
    with zeros_for_random_numbers(keras):
        theirs = row.small(keras)
    theirs.set_weights(draw_weights(theirs))
    theirs.save_weights(folder / "theirs.weights.h5")
    with zeros_for_random_numbers(dualnet):
        ours = row.small(dualnet)
    legacy = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")
    with h5py.File(folder / "theirs.h5", "w") as file:  # as the published weights are
        legacy.save_weights_to_hdf5_group(file, theirs)
    for name in ("theirs.h5", "theirs.weights.h5"):
        ours.set_weights([np.zeros_like(w) for w in ours.get_weights()])
        ours.load_weights(folder / name)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)

    x = getattr(dualnet.applications, row.module).preprocess_input(images)
    module = importlib.import_module(f"keras.applications.{row.module}")
    np.testing.assert_allclose(x, module.preprocess_input(images.copy()), rtol=1e-6, atol=1e-4)
    expected = theirs.predict(x, verbose=0)
    got = ours.predict(x, verbose=0)
    assert got.shape == expected.shape == (2, 10)
    assert np.ptp(expected[0] - expected[1]) > 0, "the network gives the same for every image"
    difference = float(np.abs(got - expected).max() / np.abs(expected).max())
    assert difference < 1e-4, f"{row}: the outputs differ by {difference:.2g} of the largest"

    ours.set_weights(draw_weights(ours, seed=2))
    ours.save_weights(folder / "ours.weights.h5")
    theirs.load_weights(folder / "ours.weights.h5")
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    return difference

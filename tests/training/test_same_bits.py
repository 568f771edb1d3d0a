"""Random models train to the same bits on any number of threads, with and without Numba."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
MODELS = int(os.environ.get("DUALNET_TEST_MODELS", "16"))


def random_model(seed: int) -> tuple[Any, Any, Any, int]:
    """(compiled model, x, y, batch size): wide enough that products, convolutions and updates are shared by threads."""
    import dualnet
    from dualnet import layers

    random = np.random.default_rng(seed)
    dualnet.utils.set_random_seed(seed)

    def choice(*options: Any) -> Any:
        return options[random.integers(len(options))]

    batch = int(choice(16, 50, 64, 100))
    activation = choice("relu", "tanh", "gelu", "sigmoid")
    parts: list[Any] = []
    if random.random() < 0.5:
        size, channels = int(choice(9, 12, 17)), int(choice(1, 3, 8))
        parts.append(layers.Input((size, size, channels)))
        for _ in range(int(choice(1, 2))):
            kernel = choice(layers.Conv2D, layers.Conv2D, layers.SeparableConv2D)
            parts.append(kernel(int(choice(8, 16, 40)), 3, padding=choice("same", "valid"), activation=activation))
            if random.random() < 0.4:
                parts.append(layers.BatchNormalization())
        parts.append(choice(layers.MaxPooling2D, layers.AveragePooling2D)(2))
        parts.append(choice(layers.Flatten, layers.GlobalAveragePooling2D)())
    else:
        parts.append(layers.Input((int(choice(33, 200, 784)),)))
    for _ in range(int(choice(1, 2, 3))):
        parts.append(layers.Dense(int(choice(10, 128, 300, 513)), activation=activation))
        if random.random() < 0.3:
            parts.append(choice(layers.BatchNormalization(), layers.LayerNormalization(), layers.Dropout(0.3)))
    parts.append(layers.Dense(7, activation="softmax"))
    model = dualnet.Sequential(parts)
    model.compile(
        choice("sgd", "adam", "adamw", "rmsprop", "adadelta", "nadam", "lion"), "sparse_categorical_crossentropy"
    )
    x = random.standard_normal((4 * batch, *model.input_shape[1:])).astype("float32")
    return model, x, random.integers(0, 7, 4 * batch), batch


def digests(count: int) -> list[str]:
    """What identifies the weights and predictions of each model after two epochs."""
    import dualnet_backends as backends

    cpu: Any = backends.get("cpu")
    if hasattr(cpu, "_warmup_left"):
        cpu._warmup_left = 0  # Numba from the first update on
    result = []
    for seed in range(count):
        model, x, y, batch = random_model(seed)
        model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
        digest = hashlib.sha256()
        for array in (*model.get_weights(), model.predict(x, verbose=0)):
            digest.update(array.tobytes())
        result.append(digest.hexdigest())
    return result


def run(threads: int, numba: str) -> list[str]:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    }
    environment |= {"DUALNET_NUM_THREADS": str(threads), "DUALNET_NUMBA": numba, "DUALNET_DEVICE": "cpu"}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / part) for part in (".", "backends", "cli"))
    environment["DUALNET_TRAINING_WARNINGS"] = "0"
    command = [sys.executable, "-m", "tests.training.test_same_bits", str(MODELS)]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800)
    assert process.returncode == 0, process.stderr
    result: list[str] = json.loads(process.stdout.splitlines()[-1])
    return result


@pytest.fixture(scope="module")
def on_one_thread() -> list[str]:
    return run(1, "0")


@pytest.mark.parametrize(("threads", "numba"), [(2, "0"), (3, "1"), (8, "0")])
def test_random_models_have_the_same_bits(threads: int, numba: str, on_one_thread: list[str]) -> None:
    got = run(threads, numba)
    assert [i for i, (a, b) in enumerate(zip(got, on_one_thread)) if a != b] == []
    assert len(got) == MODELS


if __name__ == "__main__":
    print(json.dumps(digests(int(sys.argv[1]))))

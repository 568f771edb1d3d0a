from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest

import dualnet.datasets
from dualnet.datasets import digits


def stored() -> tuple[np.ndarray, np.ndarray]:
    with np.load(digits._FILE) as file:
        return file["images"], file["labels"]


def test_defaults() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1437, 8, 8)
    assert y_train.shape == (1437,)
    assert x_test.shape == (360, 8, 8)
    assert y_test.shape == (360,)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert (x_train.min(), x_train.max()) == (0, 16)
    assert set(y_train) == set(y_test) == set(range(10))


def test_the_order_is_frozen() -> None:
    # Whatever NumPy version runs this, the same images stand in the same places.
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    content = b"".join(np.ascontiguousarray(a).tobytes() for a in (x_train, y_train, x_test, y_test))
    assert hashlib.sha256(content).hexdigest() == ("705b1fa2d671227c6a8dcde844fa3087c5580a9e4a9dbdeff1a1d191e7572f3b")
    assert y_train[:10].tolist() == [0, 4, 6, 6, 3, 8, 2, 4, 8, 4]


def test_the_file_is_the_uci_set() -> None:
    images, labels = stored()
    assert images.shape == (1797, 8, 8)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert hashlib.sha256(images.tobytes()).hexdigest() == (
        "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
    )
    assert hashlib.sha256(labels.tobytes()).hexdigest() == (
        "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"
    )


@pytest.mark.sklearn
def test_equals_the_copy_in_scikit_learn() -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is the oracle here")
    theirs = datasets.load_digits()
    images, labels = stored()
    np.testing.assert_array_equal(images, theirs.images)
    np.testing.assert_array_equal(labels, theirs.target)


def test_seeds_shuffle_and_lose_nothing() -> None:
    images, labels = stored()
    rows = {(y, x.tobytes()) for x, y in zip(images, labels)}
    orders = []
    for seed in (0, 1, 2**128 - 1):
        (x_train, y_train), (x_test, y_test) = digits.load_data(seed=seed)
        x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
        assert {(label, image.tobytes()) for image, label in zip(x, y)} == rows
        assert np.bincount(y).tolist() == np.bincount(labels).tolist()
        orders.append(y.tobytes())
    assert len({labels.tobytes(), *orders}) == 4


@pytest.mark.parametrize(("split", "test"), [(0.0, 0), (0.5, 899), (0.25, 450), (0.999, 1796)])
def test_split_sizes(split: float, test: int) -> None:
    (x_train, _), (x_test, y_test) = digits.load_data(test_split=split)
    assert (len(x_train), len(x_test), len(y_test)) == (1797 - test, test, test)


@pytest.mark.parametrize("split", [-0.1, 1.0, 3, float("nan")])
def test_a_wrong_split_is_refused(split: float) -> None:
    with pytest.raises(ValueError, match="test_split must be at least 0 and below 1"):
        digits.load_data(test_split=split)


@pytest.mark.parametrize("seed", [-1, 2**128])
def test_a_wrong_seed_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="seed must be"):
        digits.load_data(seed=seed)


def test_results_are_copies() -> None:
    (first, _), _ = digits.load_data()
    first[:] = 99
    (second, _), _ = digits.load_data()
    assert second.max() == 16


def test_the_licence_travels_with_the_file() -> None:
    text = resources.files(dualnet.datasets).joinpath("DIGITS-LICENCE.txt").read_text("utf-8")
    for needed in ("Alpaydin", "Kaynak", "https://doi.org/10.24432/C50P49", "CC BY 4.0", "Changes"):
        assert needed in text


def test_imports_stay_small() -> None:
    code = (
        "import sys, dualnet.datasets, dualnet.utils.file_utils, dualnet.utils.numerical_utils\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
        "dualnet.datasets.digits.load_data()\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env())
    assert run.returncode == 0, run.stderr
    before, after = (set(line.split()) for line in run.stdout.splitlines())
    for loaded in (before, after):
        assert not loaded & {"pooch", "requests", "urllib3", "rich", "h5py", "tarfile", "zoneinfo"}
    assert "numpy" in before


def env() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_only_the_data_sets_are_named() -> None:
    assert set(dualnet.datasets.__all__) <= set(dir(dualnet.datasets))
    with pytest.raises(AttributeError, match="no attribute 'letters'"):
        _ = dualnet.datasets.letters

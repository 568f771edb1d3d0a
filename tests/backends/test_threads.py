"""The pool of threads, and what is promised of it: same bits on any number of threads, and nothing hangs or is left."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import threads
from dualnet_backends.cpu import blas
from dualnet_backends.cpu.matmul import SMALL

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = threads._number
    yield
    threads._number = before


def run(code: str, **environment: str) -> str:
    """What a program prints, in a process of its own."""
    paths = os.pathsep.join(str(ROOT / part) for part in ("backends", ".", "cli"))
    env = {k: v for k, v in os.environ.items() if k not in (*threads.OF_BLAS, threads.ENVIRONMENT)}
    env |= {"PYTHONPATH": paths, "DUALNET_DEVICE": "cpu", **environment}
    process = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


# -- how many ----------------------------------------------------------------------------------------------------------

ASK = "import dualnet; print(dualnet.config.num_threads())"


def test_the_number_comes_from_the_program_then_from_the_environment() -> None:
    assert run(ASK, DUALNET_NUM_THREADS="3") == "3"
    assert run(ASK, OMP_NUM_THREADS="1") == "1"
    assert run(ASK, OMP_NUM_THREADS="1", DUALNET_NUM_THREADS="5") == "5"
    assert run(ASK) == str(threads.available())
    assert run("import dualnet; dualnet.config.set_num_threads(7); print(dualnet.config.num_threads())") == "7"


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True])
def test_numbers_that_are_none(n: Any) -> None:
    with pytest.raises(ValueError, match="whole number, 1 or more"):
        backends.set_num_threads(n)


def test_an_environment_that_makes_no_sense() -> None:
    out = run(
        "import dualnet\ntry: dualnet.config.num_threads()\nexcept ValueError as e: print(e)",
        DUALNET_NUM_THREADS="many",
    )
    assert "DUALNET_NUM_THREADS" in out
    assert "many" in out


# -- the pool ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_every_tile_is_computed_once(n: int, count: int) -> None:
    backends.set_num_threads(n)
    for _ in range(20):
        seen: list[int] = []
        threads.parallel_for(count, seen.append)
        assert sorted(seen) == list(range(count))


def test_helpers_do_help() -> None:
    backends.set_num_threads(3)
    names = set()

    def tile(i: int) -> None:
        names.add(threading.current_thread().name)
        time.sleep(0.01)

    for _ in range(100):  # on a busy machine, helpers may come late
        threads.parallel_for(6, tile)
        if len(names) > 1:
            break
    assert len(names) > 1


@pytest.mark.parametrize("n", [1, 2, 4])
def test_an_error_in_a_tile_is_raised_and_the_pool_goes_on(n: int) -> None:
    backends.set_num_threads(n)

    def tile(i: int) -> None:
        time.sleep(0.001)
        if i == 3:
            raise KeyError("tile 3")

    for _ in range(10):
        with pytest.raises(KeyError, match="tile 3"):
            threads.parallel_for(8, tile)
    test_every_tile_is_computed_once(n, 7)


def test_helpers_have_the_error_state_of_the_caller() -> None:
    backends.set_num_threads(3)
    large = np.full(1000, 1e30, "float32")

    def tile(i: int) -> None:
        time.sleep(0.002)
        large * large

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        for _ in range(5):
            threads.parallel_for(8, tile)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        threads.parallel_for(8, tile)


@pytest.mark.skipif(os.name == "nt", reason="signals of this kind are not sent on Windows")
def test_ctrl_c_waits_for_the_tiles_that_were_begun() -> None:
    code = """
import os, signal, threading, time
from dualnet_backends import threads
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what is in the background without
threads.set_num_threads(2)
written = []
def tile(i):
    if threading.current_thread() is not threading.main_thread():
        time.sleep(0.5)
        written.append(i)
for after in (0.05, 0.2, 0.3):
    threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        while True:
            threads.parallel_for(4, tile)
    except KeyboardInterrupt:
        n = len(written)
    time.sleep(0.7)
    assert len(written) == n, (after, n, written)
seen = []
threads.parallel_for(5, seen.append)
print(sorted(seen), threads._count)
"""
    assert run(code) == "[0, 1, 2, 3, 4] 1"


def test_times_of_many_callers_at_once_do_not_stay_zero() -> None:
    backends.set_num_threads(4)
    threads._timings.pop("many", None)
    callers = [
        threading.Thread(target=threads.parallel_for, args=(4, lambda i: time.sleep(0.001), "many")) for _ in range(8)
    ]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    for _ in range(4):
        threads.parallel_for(4, lambda i: time.sleep(0.001), "many")
    timing = threads._timings.pop("many")
    assert timing.alone > 0.003
    assert timing.shared > 0


def test_a_finished_job_holds_no_arrays() -> None:
    backends.set_num_threads(3)
    for _ in range(20):
        array = np.ones(10)
        reference = weakref.ref(array)
        threads.parallel_for(4, lambda i, array=array: array.sum())
        del array
        assert reference() is None


def test_tiles_may_be_cut_again() -> None:
    backends.set_num_threads(2)
    seen: list[tuple[int, int]] = []
    threads.parallel_for(4, lambda i: threads.parallel_for(4, lambda j: seen.append((i, j))))
    assert sorted(seen) == list(itertools.product(range(4), range(4)))


def test_from_many_threads_at_once() -> None:
    backends.set_num_threads(4)
    results: dict[int, list[int]] = {}

    def caller(k: int) -> None:
        for _ in range(50):
            out: list[int] = []
            threads.parallel_for(5, out.append)
            results.setdefault(k, []).append(sum(out))

    callers = [threading.Thread(target=caller, args=(k,)) for k in range(8)]
    for t in callers:
        t.start()
    for t in callers:
        t.join(60)
        assert not t.is_alive()
    assert all(v == [10] * 50 for v in results.values())
    assert len(results) == 8


def test_idle_helpers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    out = run(
        """
import threading, time
from dualnet_backends import threads
threads.IDLE_S = 0.05
threads.set_num_threads(3)
for _ in range(3):
    threads.parallel_for(8, lambda i: time.sleep(0.005))
    end = time.monotonic() + 30
    while threading.active_count() > 1 and time.monotonic() < end:
        time.sleep(0.05)
    print(threading.active_count(), threads._count, len(threads._idle))
"""
    )
    assert out.splitlines() == ["1 0 0"] * 3


def test_calls_while_helpers_end() -> None:
    out = run(
        """
import random, time
from dualnet_backends import threads
threads.IDLE_S = 0.001
threads.set_num_threads(4)
random.seed(3)
for _ in range(400):
    seen = []
    threads.parallel_for(5, seen.append)
    assert sorted(seen) == [0, 1, 2, 3, 4]
    time.sleep(random.random() * 0.002)
print("right")
"""
    )
    assert out == "right"


# -- BLAS --------------------------------------------------------------------------------------------------------------

BLAS = pytest.mark.skipif(not blas._find()[0], reason="threadpoolctl is not installed, or knows no BLAS here")


def blas_threads() -> list[int]:
    return [library.get_num_threads() for library in blas._find()[0]]


@BLAS
def test_blas_has_one_thread_inside_and_its_own_number_outside() -> None:
    before = blas_threads()
    for library in blas._find()[0]:
        blas._set(library, 2)
    try:
        outside = blas_threads()
        with blas.one_thread():
            assert set(blas_threads()) == {1}
            with blas.one_thread():
                assert set(blas_threads()) == {1}
            assert set(blas_threads()) == {1}
        assert blas_threads() == outside
        with pytest.raises(ZeroDivisionError), blas.one_thread():
            raise ZeroDivisionError
        assert blas_threads() == outside
        a = np.ones((600, 600), "float32")
        backends.get("cpu").matmul(a, a)
        assert blas_threads() == outside
        assert blas._count == len(blas.inside) == 0
    finally:
        for library, n in zip(blas._find()[0], before):
            blas._set(library, n)


@pytest.mark.parametrize(
    "shape", [(256, 784, 1024), (1024, 256, 784), (700, 300, 701), (1, 70000, 1000), (5000, 8, 2000)]
)
@pytest.mark.parametrize("layout", ["plain", "transposed"])
def test_products_have_the_same_bits_on_any_number_of_threads(shape: tuple[int, int, int], layout: str) -> None:
    m, k, n = shape
    assert m * k * n >= SMALL
    random = np.random.default_rng(5)
    a, b = random.standard_normal((m, k), "float32"), random.standard_normal((k, n), "float32")
    if layout == "transposed":
        a, b = np.ascontiguousarray(a.T).T, np.ascontiguousarray(b.T).T
    results = []
    for number in (1, 2, 3, 4, 8):
        backends.set_num_threads(number)
        out = np.full((m, n), np.nan, "float32")
        assert backends.get("cpu").matmul(a, b, out) is out
        results.append((out.tobytes(), backends.get("cpu").matmul(a, b).tobytes()))
    assert len({r for pair in results for r in pair}) == 1
    expected = a.astype("float64") @ b.astype("float64")
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-3)


# -- training ----------------------------------------------------------------------------------------------------------

FIT = """
import hashlib, os, sys, threading
import numpy as np
import dualnet
from dualnet import layers

def build(seed):
    dualnet.utils.set_random_seed(seed)
    model = dualnet.Sequential([
        layers.Input((16, 16, 3)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.BatchNormalization(),
        layers.Flatten(), layers.Dense(1024, activation="relu"), layers.Dropout(0.2), layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

def train(model):
    random = np.random.default_rng(0)
    x, y = random.standard_normal((256, 16, 16, 3), "float32"), random.integers(0, 10, 256)
    model.fit(x, y, batch_size=128, epochs=2, shuffle=False, verbose=0)  # the global seed decides on shuffles
    digest = hashlib.sha256()
    for w in model.get_weights():
        digest.update(w.tobytes())
    digest.update(model.predict(x, verbose=0).tobytes())
    return digest.hexdigest()

def fit(seed=1):
    model = build(seed)
    return train(model), model
"""


def test_training_has_the_same_bits_on_any_number_of_threads() -> None:
    digests = {n: run(FIT + "print(fit()[0])", DUALNET_NUM_THREADS=str(n)) for n in (1, 2, 3, 8)}
    digests[0] = run(FIT + "print(fit()[0])", DUALNET_NUM_THREADS="2", OPENBLAS_NUM_THREADS="1")
    assert len(set(digests.values())) == 1, json.dumps(digests)


def test_two_models_at_once_and_predictions_from_eight_threads() -> None:
    code = (
        FIT
        + """
dualnet.config.set_num_threads(4)
alone = [fit(seed) for seed in (1, 2)]
x = np.random.default_rng(0).standard_normal((256, 16, 16, 3), "float32")
expected = alone[0][1].predict(x, verbose=0).tobytes()
results = []
def predict():
    results.append(alone[0][1].predict(x, verbose=0).tobytes() == expected)
threads = [threading.Thread(target=predict) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join(60)
assert results == [True] * 8, results
expected = [train(model) for model in [build(seed) for seed in (1, 2)]]
models = [build(seed) for seed in (1, 2)]
digests = {}
threads = [threading.Thread(target=lambda i=i: digests.update({i: train(models[i])})) for i in (0, 1)]
for t in threads: t.start()
for t in threads: t.join(60)
assert [digests[0], digests[1]] == expected, "trained at once"
print("same")
"""
    )
    assert run(code) == "same"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_after_a_fit() -> None:
    code = (
        FIT
        + """
dualnet.config.set_num_threads(4)
first = fit()[0]
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    os.write(write, fit()[0].encode())
    os._exit(0)
os.close(write)
assert os.read(read, 100).decode() == first
assert os.waitpid(pid, 0)[1] == 0
assert fit()[0] == first
print("same")
"""
    )
    assert run(code) == "same"


def test_spawned_processes(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        FIT
        + """
def work(n):
    dualnet.config.set_num_threads(n)
    return fit()[0]

if __name__ == "__main__":
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(len(set(pool.map(work, [1, 2, 3]))))
"""
    )
    assert run(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')") == "1"


def test_an_interpreter_that_exits_while_helpers_work() -> None:
    code = """
import sys, threading, time
from dualnet_backends import threads
threads.set_num_threads(4)
def busy():
    while True:
        threads.parallel_for(8, lambda i: time.sleep(0.002))
threading.Thread(target=busy, daemon=True).start()
time.sleep(0.1)
print("done")
sys.exit(0)
"""
    start = time.monotonic()
    assert run(code) == "done"
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("name", ["cpu", "strict:0"])
@pytest.mark.parametrize("n", [0, 1, 65_535, 131_072, 300_001])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_split_covers_every_element_once(name: str, n: int, number: int) -> None:
    backends.set_num_threads(number)
    seen = np.zeros(n, int)

    def part(p: slice) -> None:
        seen[p] += 1

    for _ in range(8):  # shared or alone
        backends.get(name).split(n, part)
    assert (seen == 8).all()


def test_work_that_is_slower_when_it_is_shared_is_done_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    calls: list[str] = []

    def runs(how: str, seconds: float) -> Any:
        def run(count: int, function: Any, *helpers: int) -> None:
            nonlocal now
            calls.append(how)
            now += seconds

        return run

    backends.set_num_threads(2)
    monkeypatch.setattr(threads, "perf_counter", lambda: now)
    for alone, shared, expected in ((1.0, 3.0, "alone"), (1.0, 0.6, "shared"), (1.0, 3.0, "alone")):
        monkeypatch.setattr(threads, "_alone", runs("alone", alone))
        monkeypatch.setattr(threads, "_shared", runs("shared", shared))
        for _ in range(20 * threads.RETRY):  # it takes some tries to see that the machine is another one
            threads.parallel_for(2, print, "test")
        calls.clear()
        for _ in range(4 * threads.RETRY):
            threads.parallel_for(2, print, "test")
        assert calls.count(expected) == 4 * threads.RETRY - 4
    threads._timings.pop("test")

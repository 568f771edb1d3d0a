"""The code of the pages runs: the cells, and the blocks that are only shown; and links that lead nowhere are found."""

from __future__ import annotations

import importlib.util
import logging
import re
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


cells, links = module("cells"), module("links")


@pytest.mark.parametrize("page", cells.pages(), ids=cells.name_of)
def test_the_cells_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "matplotlib" in page.read_text(encoding="utf-8"):
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        outputs = cells.run(cells.cells_of(page), cells.name_of(page), tmp_path)
    kept = cells.outputs_of(page)
    assert [output.pictures for output in outputs] == [output.pictures for output in kept]
    assert [bool(output.text) for output in outputs] == [bool(output.text) for output in kept]


@pytest.mark.parametrize("page", cells.pages(), ids=cells.name_of)
def test_what_is_kept_is_of_these_cells(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        pytest.fail("a cell was changed: run python docs/cells.py")

    monkeypatch.setattr(cells, "run", refuse)
    cells.outputs_of(page)


def test_a_cell_that_fails_is_named(tmp_path: Path) -> None:
    before = Path.cwd()
    with pytest.raises(RuntimeError, match="cell 2 of page: ZeroDivisionError"):
        cells.run(["x = 1", "x / 0"], "page", tmp_path)
    assert Path.cwd() == before


# -- blocks of Python that are shown without their output --------------------------------------------------------------


def _model() -> dict[str, Any]:
    """A trained model and data, as the pages name them."""
    import dualnet as keras

    x, y = np.random.default_rng(0).normal(size=(8, 3)).astype("float32"), np.zeros((8, 1), "float32")
    model = keras.Sequential([keras.Input((3,), name="input_layer"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    return {"keras": keras, "dualnet": keras, "model": model, "x": x, "y": y, "x_train": x, "y_train": y, "np": np}


def _resuming() -> dict[str, Any]:
    # The handlers of the process that runs the tests stay.
    return {**_model(), "signal": SimpleNamespace(SIGTERM=signal.SIGTERM, signal=lambda *arguments: None)}


def _architecture() -> dict[str, Any]:
    import dualnet

    return {"op": lambda namespace: dualnet.primitive}


# page -> what its blocks use without making it, and the blocks that are not run as they stand, with the reason
BLOCKS: dict[str, tuple[Callable[[], dict[str, Any]], dict[int, str]]] = {
    "docs/architecture.md": (_architecture, {}),
    "docs/either-device.md": (_model, {3: "model.to('gpu') needs a GPU", 4: "compares with a GPU"}),
    "docs/exporting.md": (_model, {}),
    "docs/index.md": (dict, {}),
    "docs/numpy-programs.md": (_model, {}),
    "docs/resuming.md": (_resuming, {}),
    "docs/training-warnings.md": (dict, {}),
}
ON_TWO_DEVICES = {("docs/either-device.md", 3), ("docs/either-device.md", 4)}


def blocks_of(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_every_page_with_a_block_is_in_the_table() -> None:
    pages = [page.relative_to(ROOT).as_posix() for page in DOCS.rglob("*.md") if "decisions" not in page.parts]
    elsewhere = ["docs/seeing.md"]  # tests/visualization/test_page.py; README.md: tests/test_readme.py
    assert sorted(page for page in pages if blocks_of(ROOT / page)) == sorted([*BLOCKS, *elsewhere])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", BLOCKS)
def test_the_blocks_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dualnet

    if page == "docs/exporting.md":
        pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    make, left_out = BLOCKS[page]
    level, precision = logging.getLogger("dualnet.capture").level, dualnet.config.matmul_precision()
    handlers = list(logging.getLogger().handlers)
    try:
        for number, block in enumerate(blocks_of(ROOT / page)):
            if number in left_out:
                assert (page, number) in ON_TWO_DEVICES
                block = block.replace('"gpu"', '"cpu"')  # the same calls, on the device that is there
            exec(compile(block, f"{page}, block {number}", "exec"), make())
    finally:
        logging.getLogger("dualnet.capture").setLevel(level)
        logging.getLogger().handlers[:] = handlers
        dualnet.config.set_matmul_precision(precision)
        dualnet.config.enable_training_warnings()


# -- links -------------------------------------------------------------------------------------------------------------

PAGE = '<h1 id="top">T</h1><a href="{}">x</a><img src="p.png" alt="{}">'
LINKS: list[tuple[str, str, list[str]]] = [
    ("b.html#part", "a picture", []),
    ("https://elsewhere.example/x", "a picture", []),
    ("#top", "a picture", []),
    ("b.html#other", "a picture", ["a.html: b.html#other is there, but not that part of it"]),
    ("c.html", "a picture", ["a.html: c.html is not there"]),
    ("b.html", "", ["a.html: the picture p.png has no alt text"]),
]


@pytest.mark.parametrize(("link", "alt", "expected"), LINKS)
def test_links_that_lead_nowhere(link: str, alt: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(PAGE.format(link, alt), encoding="utf-8")
    (tmp_path / "b.html").write_text('<p id="part">', encoding="utf-8")
    (tmp_path / "p.png").write_bytes(b"")
    assert links.broken(tmp_path) == expected

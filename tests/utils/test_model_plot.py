"""`plot_model`: every layer has its box, every box its text, every arrow its two ends."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

import dualnet
from dualnet import layers
from dualnet.utils import plot_model
from tests.utils.pictures import ink_share

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'dualnet[plot]'")


def sequential() -> Any:
    return dualnet.Sequential(
        [
            dualnet.Input((8, 8), name="picture"),
            layers.Flatten(name="flat"),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dense(3, activation="softmax", name="out"),
        ],
        name="net",
    )


def branched() -> Any:
    a, b = dualnet.Input((4,), name="a"), dualnet.Input((6,), name="b")
    h, g = layers.Dense(5, name="h")(a), layers.Dense(5, name="g")(b)
    shared = layers.Dense(5, name="shared")
    both = shared(h) + shared(g)
    return dualnet.Model([a, b], [layers.Dense(1, name="price")(both), layers.Dense(2, name="kind")(both)])


def texts(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def patches(figure: Any) -> tuple[list[Any], list[Any]]:
    """(boxes, arrows)"""
    by_class: dict[str, list[Any]] = {"FancyBboxPatch": [], "FancyArrowPatch": []}
    for patch in figure.axes[0].patches:
        by_class[type(patch).__name__].append(patch)
    return by_class["FancyBboxPatch"], by_class["FancyArrowPatch"]


def test_a_sequential_model() -> None:
    figure = plot_model(sequential(), to_file=None)
    assert texts(figure) == ["InputLayer", "Flatten", "Dense", "Dense"]
    boxes, arrows = patches(figure)
    assert (len(boxes), len(arrows)) == (4, 3)


def test_everything_that_can_be_shown() -> None:
    model = sequential()
    model.get_layer("out").trainable = False
    figure = plot_model(
        model,
        to_file=None,
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        show_trainable=True,
    )
    shown = texts(figure)
    expected = ["InputLayer", "picture", "dtype ", "float32", "out ", "(None, 8, 8)"]
    expected += ["Flatten", "flat", "dtype ", "float32", "in ", "(None, 8, 8)", "out ", "(None, 64)"]
    expected += [
        "Dense",
        "hidden",
        "activation ",
        "relu",
        "dtype ",
        "float32",
        "in ",
        "(None, 64)",
        "out ",
        "(None, 16)",
    ]
    expected += ["trainable"]
    expected += [
        "Dense",
        "out",
        "activation ",
        "softmax",
        "dtype ",
        "float32",
        "in ",
        "(None, 16)",
        "out ",
        "(None, 3)",
    ]
    expected += ["frozen"]
    assert shown == expected
    assert [box.get_linestyle() for box in patches(figure)[0]] == ["-", "-", "-", "--"]


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("splines", ["ortho", "curved", "line"])
def test_arrows_go_from_box_to_box(rankdir: str, splines: str) -> None:
    model = branched()
    figure = plot_model(model, to_file=None, rankdir=rankdir, splines=splines, show_layer_names=True)
    boxes, arrows = patches(figure)
    # Two inputs, h, g, shared (once, called twice), +, two outputs.
    assert len(boxes) == 8
    names = ["a", "b", "h", "g", "shared", "price", "kind"]
    assert set(names) < set(texts(figure))
    extents = {}
    for box in boxes:
        x, y, w, h = box.get_x(), box.get_y(), box.get_width(), box.get_height()
        labels_at = [(text.get_position(), text.get_text()) for text in figure.axes[0].texts]
        inside = [text for (left, bottom), text in labels_at if x < left < x + w and y < bottom < y + h]
        assert len(inside) == 2
        extents[inside[1]] = (x, y, x + w, y + h)

    def at(point: Any) -> str:
        return next(
            name
            for name, (left, bottom, right, top) in extents.items()
            if left - 0.1 <= point[0] <= right + 0.1 and bottom - 0.1 <= point[1] <= top + 0.1
        )

    ends = set()
    for arrow in arrows:
        path = arrow._path_original.vertices
        ends.add((at(path[0]), at(path[-1])))
    (plus,) = set(extents) - set(names)
    assert ends == {
        ("a", "h"), ("b", "g"), ("h", "shared"), ("g", "shared"), ("shared", plus), (plus, "price"), (plus, "kind"),
    }  # fmt: skip
    axis, sign = (1, -1) if rankdir in ("TB", "BT") else (0, 1)
    sign = -sign if rankdir in ("BT", "RL") else sign
    assert (extents["kind"][axis] - extents["a"][axis]) * sign > 0


def test_text_stays_in_its_box() -> None:
    figure = plot_model(branched(), to_file=None, show_shapes=True, show_layer_names=True, show_layer_activations=True)
    figure.draw_without_rendering()
    boxes = [box.get_window_extent() for box in patches(figure)[0]]
    for text in figure.axes[0].texts:
        extent = text.get_window_extent()
        assert any(
            box.x0 <= extent.x0 and extent.x1 <= box.x1 and box.y0 <= extent.y0 and extent.y1 <= box.y1 for box in boxes
        ), text.get_text()


def nested() -> Any:
    inner = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(4, name="deep")], name="block")
    x = dualnet.Input((4,), name="x")
    return dualnet.Model(x, layers.Dense(1, name="last")(inner(x)))


def test_nested_models() -> None:
    closed = plot_model(nested(), to_file=None, show_layer_names=True)
    assert "block" in texts(closed)
    assert "deep" not in texts(closed)
    for rankdir in ("TB", "BT", "LR", "RL"):
        opened = plot_model(nested(), to_file=None, show_layer_names=True, expand_nested=True, rankdir=rankdir)
        assert {"block", "deep", "x", "last"} < set(texts(opened))
        boxes, arrows = patches(opened)
        assert (len(boxes), len(arrows)) == (5, 3)
        extents = [(b.get_x(), b.get_y(), b.get_x() + b.get_width(), b.get_y() + b.get_height()) for b in boxes]
        frame = max(extents, key=lambda e: (e[2] - e[0]) * (e[3] - e[1]))
        within = [e for e in extents if e[0] > frame[0] and e[1] > frame[1] and e[2] < frame[2] and e[3] < frame[3]]
        assert len(within) == 2
        width, height = (side * 72 for side in opened.get_size_inches())
        assert all(e[0] >= 0 and e[1] >= 0 and e[2] <= width and e[3] <= height for e in extents)


def test_a_layer_called_on_its_own_output_has_a_loop() -> None:
    x = dualnet.Input((4,))
    again = layers.Dense(4, name="again")
    between = layers.Dense(4, name="between")
    looped = dualnet.Model(x, again(again(x)))
    assert len(patches(plot_model(looped, to_file=None))[1]) == 2
    assert len(patches(plot_model(looped, to_file=None, rankdir="LR"))[1]) == 2
    circle = dualnet.Model(x, again(between(again(x))))
    assert len(patches(plot_model(circle, to_file=None))[1]) == 3


def test_models_that_are_not_built_or_have_a_call_of_their_own() -> None:
    unbuilt = dualnet.Sequential([layers.Dense(3), layers.Dense(2)])
    assert texts(plot_model(unbuilt, to_file=None)) == ["Dense", "Dense"]
    with pytest.raises(ValueError, match="is not built, so its shapes are unknown"):
        plot_model(unbuilt, to_file=None, show_shapes=True)

    class Own(dualnet.Model):
        def call(self, x: Any) -> Any:
            return x

    assert texts(plot_model(Own(), to_file=None)) == ["Own"]


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plot_model(sequential(), dpi=60)
    assert 0.02 < ink_share(tmp_path / "model.png") < 0.6
    for name, start in [("a.svg", b"<?xml"), ("a.pdf", b"%PDF")]:
        plot_model(sequential(), tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.svg", "model.png"]
    with pytest.raises(ValueError, match=r"ends in \.doc: expected one of .*png"):
        plot_model(sequential(), "a.doc")
    assert plot_model(sequential(), None)._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rankdir": "up"}, "rankdir must be"),
        ({"splines": "wavy"}, "splines must be"),
        ({"layers": 3}, "takes no argument layers"),
    ],
)
def test_mistakes_are_said(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_model(sequential(), None, **arguments)
    with pytest.raises(ValueError, match="draws models, got Dense"):
        plot_model(layers.Dense(3), None)


def test_without_matplotlib_it_says_how_to_get_it() -> None:
    code = """
import sys
sys.modules["matplotlib"] = None
import numpy as np, dualnet
utils = dualnet.utils
model = dualnet.Sequential([dualnet.Input((2,)), dualnet.layers.Dense(1)])
model.compile("sgd", "mse")
x = np.zeros((4, 2), "float32")
history = model.fit(x, x[:, :1], verbose=0)
for call in (
    lambda: utils.plot_model(model),
    lambda: utils.plot_images(np.zeros((2, 3, 3))),
    lambda: utils.plot_confusion_matrix([0, 1], [0, 1]),
    lambda: utils.plot_decision_boundary(model, x),
    lambda: history.plot(),
):
    try:
        call()
    except ImportError as error:
        print(error)
print(utils.confusion_matrix([0, 1], [0, 1]).tolist())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    *lines, matrix = run.stdout.splitlines()
    assert len(lines) == 5
    assert all(line.endswith(" needs matplotlib: pip install 'dualnet[plot]'") for line in lines)
    assert matrix == "[[1, 0], [0, 1]]"


def test_no_window_and_no_pyplot() -> None:
    code = """
import sys, dualnet
dualnet.utils.plot_model(dualnet.Sequential([dualnet.layers.Dense(1)]), None)
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_pyplot_shows() -> None:
    """Where the program uses pyplot, ``plt.show()`` shows the figures, except in a notebook, which displays what is returned."""
    code = """
import os, sys
os.environ["MPLBACKEND"] = "Agg"
import numpy as np
import dualnet
import matplotlib.pyplot as plt
model = dualnet.Sequential([dualnet.Input((1,)), dualnet.layers.Dense(1)])
model.compile("sgd", "mse")
history = model.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0)
calls = [
    lambda file: history.plot(to_file=file),
    lambda file: dualnet.utils.plot_model(model, file),
    lambda file: dualnet.utils.plot_confusion_matrix([0, 1], [0, 1], to_file=file),
    lambda file: dualnet.utils.plot_images(np.zeros((2, 4, 4)), to_file=file),
]
for number, call in enumerate(calls, 1):
    figure = call(None)
    assert plt.get_fignums() == list(range(1, number + 1)), number
    assert plt.figure(number) is figure
    call(sys.argv[1])  # saved, not shown
    assert plt.get_fignums() == list(range(1, number + 1)), number
plt.close("all")
plt.matplotlib.get_backend = lambda: "module://matplotlib_inline.backend_inline"
calls[0](None)
assert not plt.get_fignums()
"""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", code, f"{folder}/a.png"], check=True, timeout=60)

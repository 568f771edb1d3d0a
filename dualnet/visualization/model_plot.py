"""`plot_model`: the layers of a model as boxes, the tensors between them as arrows."""

from __future__ import annotations

from typing import Any, NamedTuple

from . import figures
from .graph_layout import Layout, Point, layout
from .model_graph import Box, Contents, boxes_of, check_direction, fill_of

_MARGIN = 12.0  # all lengths in points, 1/72 inch
_PADDING, _LINE = 9.0, 13.0
_TITLE, _TEXT = 10.5, 8.5  # sizes of letters
_EDGE = "#8a8f98"


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draw a model: a box for every layer or op, an arrow for every tensor between them.

    Args:
        model: Sequential or functional. A subclassed model is a single box, since its calls are known only when it runs.
        to_file: file to save (PNG, SVG or PDF, by its suffix); None for no file.
        show_shapes: show the shapes of inputs and outputs.
        show_dtype: show the dtype of the outputs.
        show_layer_names: show the names of the layers.
        rankdir: direction of the arrows: `"TB"` down, `"BT"` up, `"LR"` to the right, `"RL"` to the left.
        expand_nested: draw the layers of nested models.
        dpi: pixels per inch, reduced if the picture would exceed 60,000 pixels.
        show_layer_activations: show the activation of layers that have one.
        show_trainable: show whether the layer is trainable; frozen layers are always drawn pale.
        splines: shape of the arrows: `"ortho"`, `"curved"`, or `"line"`.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: the model is not built and shapes are requested, or an argument is invalid.
    """
    if kwargs:
        raise ValueError(f"plot_model takes no argument {', '.join(kwargs)}")
    check_direction(rankdir)
    if splines not in ("ortho", "curved", "spline", "line", "polyline"):
        raise ValueError(f'splines must be "ortho", "curved" or "line", got {splines!r}')
    library = figures.matplotlib("plot_model")
    contents = Contents(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    drawing = _Drawing(library, rankdir, splines)
    content = drawing.measure(boxes_of(model, contents, expand_nested))
    width, height = content.layout.width + 2 * _MARGIN, content.layout.height + 2 * _MARGIN
    if drawing.sideways:
        width, height = height, width
    figure = figures.new_figure("plot_model", width / 72, height / 72, dpi, shown=to_file is None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    drawing.begin(axes, width, height)
    drawing.draw(content, (_MARGIN, _MARGIN))
    return figures.finish(figure, to_file, dpi)


class _Group(NamedTuple):
    """Boxes with their layout; a box may contain a group."""

    boxes: list[Box]
    sizes: list[Point]
    inner: list[_Group | None]
    layout: Layout


class _Drawing:
    """Draws in points. The layout is always from top to bottom, and is rotated when it is drawn."""

    def __init__(self, library: Any, rankdir: str, splines: str) -> None:
        from matplotlib import patches, path, textpath
        from matplotlib.font_manager import FontProperties

        self.patches, self.path, self.fonts = patches, path.Path, FontProperties
        self.measurer = textpath.TextToPath()
        self.rankdir, self.splines = rankdir, splines
        self.sideways = rankdir in ("LR", "RL")

    def begin(self, axes: Any, width: float, height: float) -> None:
        self.axes, self.full_width, self.full_height = axes, width, height

    # -- sizes -------------------------------------------------------------------------------------------------------

    def text_width(self, text: str, size: float, bold: bool = False) -> float:
        font = self.fonts(size=size, weight="bold" if bold else "normal")
        return float(self.measurer.get_text_width_height_descent(text, font, False)[0])

    def own_size(self, box: Box) -> Point:
        """Width and height of a box without its nested boxes, as drawn."""
        lines = [self.text_width(label + value, _TEXT) for label, value in box.rows]
        width = max([self.text_width(box.title, _TITLE, bold=True), *lines, 40.0])
        return width + 2 * _PADDING, _LINE + 2 * _PADDING - 4 + _LINE * len(box.rows)

    def measure(self, graph: tuple[list[Box], list[tuple[int, int]]]) -> _Group:
        boxes, edges = graph
        sizes, inner = [], []
        for box in boxes:
            width, height = self.own_size(box)
            group = None
            if box.nested is not None:
                group = self.measure(box.nested)
                inner_width, inner_height = group.layout.width, group.layout.height
                if self.sideways:
                    inner_width, inner_height = inner_height, inner_width
                width, height = max(width, inner_width + 2 * _MARGIN), height + inner_height + _MARGIN
            sizes.append((height, width) if self.sideways else (width, height))
            inner.append(group)
        return _Group(boxes, sizes, inner, layout(sizes, edges, gap=22.0, rank_gap=26.0))

    # -- drawing -----------------------------------------------------------------------------------------------------

    def at(self, point: Point) -> Point:
        """A point of the layout in page coordinates, with the origin at the lower left."""
        x, y = point
        return {
            "TB": (x, self.full_height - y),
            "BT": (x, y),
            "LR": (y, self.full_height - x),
            "RL": (self.full_width - y, self.full_height - x),
        }[self.rankdir]

    def draw(self, group: _Group, origin: Point, depth: int = 0) -> None:
        for edge, route in group.layout.routes.items():
            points = [(x + origin[0], y + origin[1]) for x, y in route]
            self.arrow(points[::-1] if edge in group.layout.back_edges else points, track=edge[0])
        for box, (width, height), inner, (x, y) in zip(group.boxes, group.sizes, group.inner, group.layout.centers):
            x, y = x + origin[0], y + origin[1]
            corners = [self.at((x - width / 2, y - height / 2)), self.at((x + width / 2, y + height / 2))]
            left, right = sorted(corner[0] for corner in corners)
            lower, upper = sorted(corner[1] for corner in corners)
            self.box(box, left, lower, right, upper, framed=inner is not None, depth=depth)
            if box.has_self_loop:
                # At a side where no other arrow starts or ends.
                start, end = (left + 8, upper), (left + 28, upper)
                if not self.sideways:
                    middle = (lower + upper) / 2
                    start, end = (right, middle + 9), (right, middle - 9)
                self.add_arrow(posA=start, posB=end, connectionstyle="arc3,rad=-1.1")
            if inner is not None:
                head = _MARGIN if self.rankdir == "BT" else self.own_size(box)[1]
                start = (x - inner.layout.width / 2, y - height / 2 + head)
                if self.sideways:
                    start = (x - width / 2 + head, y - inner.layout.height / 2)
                self.draw(inner, start, depth + 1)

    def box(self, box: Box, left: float, lower: float, right: float, upper: float, framed: bool, depth: int) -> None:
        fill, line = fill_of(box)
        if framed:
            fill, line = ("#f4f5f7", "#e9ebee")[depth % 2], "#b9bec6"
        border = {"edgecolor": line, "linewidth": 1.0, "linestyle": "--" if box.frozen else "-"}
        options: dict[str, Any] = {
            "boxstyle": "round,pad=0,rounding_size=5",
            "facecolor": fill,
            "zorder": 1 + depth,
            **border,
        }
        self.axes.add_patch(self.patches.FancyBboxPatch((left, lower), right - left, upper - lower, **options))
        middle, top = (left + right) / 2, upper - _PADDING + 2
        ink = figures.MUTED if box.frozen else figures.INK
        common = {"va": "center", "zorder": 2.5 + depth}
        title = {"ha": "center", "color": ink, "fontsize": _TITLE, "weight": "bold", **common}
        self.axes.text(middle, top - _LINE / 2, box.title, **title)
        for k, (label, value) in enumerate(box.rows, 1):
            y = top - _LINE * (k + 0.55)
            start = middle - (self.text_width(label + value, _TEXT)) / 2
            if label:
                self.axes.text(start, y, label, ha="left", color=figures.MUTED, fontsize=_TEXT, **common)
            start += self.text_width(label, _TEXT)
            self.axes.text(start, y, value, ha="left", color=ink, fontsize=_TEXT, **common)

    def arrow(self, points: list[Point], track: int) -> None:
        vertices, codes = self.trace(points, track)
        path = self.path([self.at(p) for p in vertices], codes)
        self.add_arrow(path=path, joinstyle="round", capstyle="butt")

    def add_arrow(self, **options: Any) -> None:
        options |= {"arrowstyle": "-|>,head_length=4.5,head_width=2.2", "shrinkA": 0, "shrinkB": 0}
        self.axes.add_patch(self.patches.FancyArrowPatch(color=_EDGE, linewidth=1.1, zorder=1.8, **options))

    def trace(self, points: list[Point], track: int) -> tuple[list[Point], list[Any]]:
        """A path through the points, in the style `splines`."""
        vertices, codes = [points[0]], [self.path.MOVETO]
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            if abs(x1 - x0) < 0.5 or self.splines in ("line", "polyline"):
                vertices.append((x1, y1))
                codes.append(self.path.LINETO)
            elif self.splines == "ortho":
                # Arrows from different boxes bend at different heights, so that they can be told apart.
                bend = y0 + (y1 - y0) * (0.35 + 0.1 * (track % 4))
                vertices += self.rounded((x0, y0), (x0, bend), (x1, bend), (x1, y1))
                codes += [self.path.LINETO, self.path.CURVE3, self.path.CURVE3] * 2 + [self.path.LINETO]
            else:
                half = (y0 + y1) / 2
                vertices += [(x0, half), (x1, half), (x1, y1)]
                codes += [self.path.CURVE4] * 3
        return vertices, codes

    @staticmethod
    def rounded(a: Point, b: Point, c: Point, d: Point) -> list[Point]:
        """From a via the rounded corners b and c to d."""
        radius = min(5.0, abs(b[1] - a[1]) / 2, abs(c[0] - b[0]) / 2, abs(d[1] - c[1]) / 2)
        dy = radius if b[1] > a[1] else -radius
        dx = radius if c[0] > b[0] else -radius
        first = [(b[0], b[1] - dy), b, (b[0] + dx, b[1])]
        return [*first, (c[0] - dx, c[1]), c, (c[0], c[1] + (radius if d[1] > c[1] else -radius)), d]

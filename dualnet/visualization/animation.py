"""`animate`: figures one after the other, as a GIF or as a page of HTML that needs nothing else."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import figures


def animate(frames: Iterable[Any], to_file: Any, seconds: float = 0.1, hold: float = 1.5, dpi: float = 80) -> Path:
    """Write matplotlib figures, such as those of the `plot_` functions, as an animation.

    >>> animate((plot_decision_boundary(m, x, y) for m in models), "learning.gif")

    Args:
        frames: figures of one size. A generator may yield the same figure again and again, drawn anew: each is turned into pixels
            when it comes.
        to_file: ends in `.gif`, or in `.html` for a page with buttons and a slider, which holds its pictures itself.
        seconds: that a frame is shown, at least 0.02.
        hold: seconds that the last one is shown longer.
        dpi: pixels per inch.

    Returns:
        The path of the file.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: there is no frame, they differ in size, or the file has another suffix.
    """
    figures.matplotlib("animate")
    path = check_file(to_file)
    if not 0.02 <= seconds < 600 or not 0 <= hold < 600:
        raise ValueError(
            f"seconds must be from 0.02 on and hold from 0 on, both below 600; got {seconds!r} and {hold!r}"
        )
    pictures = []
    for number, figure in enumerate(frames):
        if not hasattr(figure, "savefig"):
            raise TypeError(f"frame {number} must be a matplotlib figure, got {type(figure).__name__}")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=dpi)
        pictures.append(stream.getvalue())
    if not pictures:
        raise ValueError("there is no frame to write")
    return write_pictures(pictures, path, seconds, hold)


def check_file(to_file: Any) -> Path:
    """The path of an animation; its suffix is one that can be written."""
    path = Path(os.fspath(to_file))
    if path.suffix.lower() not in (".gif", ".html"):
        raise ValueError(f"{path}: expected the name of a file that ends in .gif or .html")
    return path


def write_pictures(pictures: list[bytes], path: Path, seconds: float, hold: float) -> Path:
    """Write the PNG files of the frames as an animation."""
    from PIL import Image

    from ..saving.atomic import atomic_write

    images = [Image.open(io.BytesIO(data)).convert("RGB") for data in pictures]
    sizes = {image.size for image in images}
    if len(sizes) > 1:
        named = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
        raise ValueError(f"the frames of an animation are of one size; these have {named} pixels")
    if path.suffix.lower() == ".html":
        content = _page(pictures, images[0].size, seconds, hold).encode()
    else:
        content = _gif(images, seconds, hold)
    with atomic_write(path) as file:
        file.write(content)
    return path


def _gif(images: list[Any], seconds: float, hold: float) -> bytes:
    from PIL import Image

    # One palette for all frames, or areas that do not change would flicker.
    count = min(len(images), 6)
    chosen = [images[round(k * (len(images) - 1) / max(count - 1, 1))] for k in range(count)]
    width, height = images[0].size
    sheet = Image.new("RGB", (width, height * count))
    for k, image in enumerate(chosen):
        sheet.paste(image, (0, k * height))
    palette = sheet.quantize(128)
    colours = (palette.getpalette() or [])[: 3 * 128]
    for k in range(0, len(colours), 3):  # the paper, which the choice of colours makes a little grey
        if min(colours[k : k + 3]) >= 248:
            colours[k : k + 3] = [255, 255, 255]
    palette.putpalette(colours)
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    durations = [round(seconds * 100) * 10] * len(frames)  # a GIF counts in hundredths of a second
    durations[-1] += round(hold * 100) * 10
    stream = io.BytesIO()
    options = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 0, "optimize": False}
    frames[0].save(stream, format="GIF", **options)
    return stream.getvalue()


def _page(pictures: list[bytes], size: tuple[int, int], seconds: float, hold: float) -> str:
    sources = ",\n".join(f'"data:image/png;base64,{base64.b64encode(data).decode()}"' for data in pictures)
    values = {
        "WIDTH": str(size[0]),
        "LAST": str(len(pictures) - 1),
        "MILLISECONDS": str(round(seconds * 1000)),
        "HOLD": str(round(hold * 1000)),
        "SOURCES": sources,
    }
    page = _PAGE
    for name, value in values.items():
        page = page.replace(f"@{name}@", value)
    return page


_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Animation</title>
<style>
body { font: 14px sans-serif; margin: 1em; color: #222; }
img { display: block; width: @WIDTH@px; max-width: 100%; height: auto; }
div { display: flex; gap: 0.6em; align-items: center; width: @WIDTH@px; max-width: 100%; margin-top: 0.4em; }
input { flex: 1; }
button { width: 5em; }
</style>
<img alt="a frame of the animation">
<div><button type="button">pause</button><input type="range" min="0" max="@LAST@" value="0" aria-label="frame"><span></span></div>
<script>
const frames = [
@SOURCES@
];
const image = document.querySelector("img"), slider = document.querySelector("input");
const button = document.querySelector("button"), number = document.querySelector("span");
let current = 0, timer = null;
function show(n) {
  current = n;
  image.src = frames[n];
  slider.value = n;
  number.textContent = (n + 1) + " / " + frames.length;
}
function step() {
  timer = setTimeout(() => { show((current + 1) % frames.length); step(); },
    @MILLISECONDS@ + (current === frames.length - 1 ? @HOLD@ : 0));
}
function pause() { clearTimeout(timer); timer = null; button.textContent = "play"; }
button.onclick = () => { if (timer === null) { button.textContent = "pause"; step(); } else pause(); };
slider.oninput = () => { pause(); show(Number(slider.value)); };
show(0);
step();
</script>
</html>
"""

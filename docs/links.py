"""``python docs/links.py FOLDER``: every link between the pages of the built documentation leads somewhere, and so does every picture.

Links to other sites are not followed.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The links of a page, what they can point at, and pictures without a text for those who do not see them."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.without_text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for key in ("id", "name"):
            if values.get(key):
                self.anchors.add(str(values[key]))
        for key in ("href", "src"):
            if values.get(key):
                self.links.append(str(values[key]))
        if tag == "img" and not values.get("alt"):
            self.without_text.append(str(values.get("src")))


def broken(folder: Path) -> list[str]:
    """What is wrong in the pages of a folder, a line each."""
    folder = folder.resolve()
    pages: dict[Path, _Page] = {}
    for file in sorted(folder.rglob("*.html")):
        pages[file] = page = _Page()
        page.feed(file.read_text(encoding="utf-8"))
    lines = []
    for file, page in pages.items():
        where = file.relative_to(folder)
        lines += [f"{where}: the picture {source} has no alt text" for source in page.without_text]
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                lines.append(f"{where}: {link} is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                lines.append(f"{where}: {link} is there, but not that part of it")
    return lines


def main() -> None:
    folder = Path(sys.argv[1])
    if not (folder / "index.html").exists():
        raise SystemExit(f"there is no documentation in {folder}: build it with python -m sphinx docs {folder}")
    lines = broken(folder)
    print("\n".join(lines) or "all links between the pages lead somewhere")
    raise SystemExit(bool(lines))


if __name__ == "__main__":
    main()

"""``python -m tools.page_pictures docs/seeing.md``: run the Python of a page, and keep the pictures that it shows.

The blocks of a page are one program. A picture `![...](seeing/valley.png)` is the file `valley.png` that the program writes.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path


def program(page: Path) -> str:
    """The Python blocks of a page, as one program."""
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))


def pictures(page: Path) -> list[str]:
    """The pictures that a page shows, as paths beside it."""
    return re.findall(r"!\[[^\]]*\]\(([\w./-]+\.(?:png|gif))\)", page.read_text(encoding="utf-8"))


def run(page: Path, folder: Path) -> None:
    """Run the program of a page in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        exec(compile(program(page), str(page), "exec"), {"__name__": "page"})
    finally:
        os.chdir(before)


def main() -> None:
    for name in sys.argv[1:]:
        page = Path(name).resolve()
        with tempfile.TemporaryDirectory() as folder:
            run(page, Path(folder))
            for picture in pictures(page):
                (page.parent / picture).parent.mkdir(exist_ok=True)
                shutil.copy(Path(folder) / Path(picture).name, page.parent / picture)
                print(f"{picture}: {(page.parent / picture).stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main()

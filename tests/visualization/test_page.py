"""The page about seeing: its program runs, and writes the pictures that it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import page_pictures

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'dualnet[plot]'")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "seeing.md"


def test_the_program_writes_the_pictures_of_the_page(tmp_path: Path) -> None:
    shown = page_pictures.pictures(PAGE)
    assert len(shown) == 8
    page_pictures.run(PAGE, tmp_path)
    for picture in shown:
        begin = (tmp_path / Path(picture).name).read_bytes()[:4]
        assert begin in (b"\x89PNG", b"GIF8")
        assert (PAGE.parent / picture).read_bytes()[:4] == begin

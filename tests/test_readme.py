"""The Python of the README runs as it stands there, and the files that the pages name are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parent.parent / "README.md"
PAGES = ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/old-spellings.md"]
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_twenty_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[0], {})
    accuracy = re.findall(r"'accuracy': ([0-9.]+)", capsys.readouterr().out)[-1]
    assert float(accuracy) > 0.95
    assert (tmp_path / "digits.keras").is_file()


def test_the_op_of_your_own_has_the_gradient_that_it_says() -> None:
    import dualnet

    *before, last = BLOCKS[1].rstrip().splitlines()
    names: dict[str, Any] = {}
    exec("\n".join(before), names)
    call, said = last.split("  # ")
    assert eval(call, names).tolist() == pytest.approx(eval(said), abs=1e-4)
    assert dualnet.testing.check_grads(names["swish"], dualnet.ops.array([1.0, 2.0])) < 1e-6


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_files_that_a_page_names_are_there(page: str) -> None:
    text = (README.parent / page).read_text(encoding="utf-8")
    named = re.findall(r"`([\w./-]+(?:\.py|/))`", text)
    roots = [README.parent / folder for folder in ("", "dualnet", "backends", "backends/dualnet_backends", "cli")]
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []

"""The Python of the README runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parent.parent / "README.md"
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

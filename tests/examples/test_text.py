"""The examples of sequences and text."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import helpers

# What ``main(smoke=True)`` returns: at least, at most.
EXPECTED = {
    "bidirectional": (0.9, 1.0),
    "char_lstm": (0.0, 0.2),  # nats per character; 2.7 for a model that knows how frequent the characters are
    "forecasting": (1.0, 5.0),  # percent; 10.5 for the same month a year ago
    "gpt": (0.0, 1.0),
    "sequence_to_sequence": (0.7, 1.0),
    "text_classification": (0.7, 1.0),
    "transformer_translation": (0.8, 1.0),
    "word2vec": (0.7, 1.0),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_small_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    least, most = EXPECTED[name]
    assert least <= helpers.run(name, tmp_path, monkeypatch, capsys) <= most

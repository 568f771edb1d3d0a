"""All networks of the zoo: the rows of every ``rows_*.py`` beside this file.

``python -m tests.applications.table`` writes ``facts.json``, what Keras says of each (parameters, names, shapes), and
compares the outputs of all; with names, of those only. The tests compare the outputs of one or two networks of a family.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import tempfile
from pathlib import Path

import dualnet

from .network import Network, compare, facts

_FILES = sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name.startswith("rows_"))
ROWS: list[Network] = [row for name in _FILES for row in importlib.import_module(f"{__package__}.{name}").ROWS]
FACTS = Path(__file__).with_name("facts.json")


def main(names: list[str]) -> None:
    import keras

    for row in ROWS:
        if names and row.title not in names:
            continue
        known = json.loads(FACTS.read_text(encoding="utf-8")) if FACTS.exists() else {}
        known[row.title] = facts(row, keras)
        FACTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            difference = compare(row, keras, Path(folder))
        same = known[row.title] == facts(row, dualnet)
        print(f"{row}: outputs differ by {difference:.1e}, structure {'equal' if same else 'DIFFERENT'}", flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main(sys.argv[1:])

#!/usr/bin/env python3
"""Run a group of Keras's own tests, from the installed Keras wheel, against dualnet: see README.md."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "group", help="a folder of keras/src: losses, metrics, optimizers, layers, ops, models, callbacks ..."
    )
    parser.add_argument("-k", metavar="EXPRESSION", default="", help="only tests whose name matches, as in pytest")
    parser.add_argument("--failures", action="store_true", help="list what failed, each with the line that says why")
    parser.add_argument("--tail", type=int, default=0, metavar="N", help="show the last N lines of pytest's output")
    options = parser.parse_args()
    sys.path[:0] = [str(HERE), *(str(REPOSITORY / part) for part in ("backends", ".", "cli"))]
    from facade import redirect, source_root

    root = source_root()
    tests = sorted((root / options.group).rglob("*_test.py")) or [root / f"{options.group}_test.py"]
    if not tests[0].exists():
        parser.error(f"the Keras wheel has no tests in {root / options.group}")
    with tempfile.TemporaryDirectory(prefix="keras-tests-") as scratch:
        for path in tests:
            name = "__".join(path.relative_to(root).parts)
            Path(scratch, name).write_text(redirect(path.read_text(encoding="utf-8")), encoding="utf-8")
        output = run(scratch, options.k)
    lines = output.strip().splitlines()
    if options.failures:
        print("\n".join(line for line in lines if line.startswith(("FAILED", "ERROR"))))
    if options.tail:
        print("\n".join(lines[-options.tail :]))
    counts = {word: _count(word, lines[-1]) for word in ("passed", "failed", "skipped", "error")}
    print(options.group, *(f"{word} {n}" for word, n in counts.items()), f"files {len(tests)}")
    return 0 if not counts["failed"] + counts["error"] else 1


def run(scratch: str, expression: str) -> str:
    """The output of pytest on the tests in ``scratch``."""
    path = [str(HERE), *(str(REPOSITORY / part) for part in ("backends", ".", "cli")), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "facade"]
    command += ["--continue-on-collection-errors", "-o", "python_files=*_test.py", "--tb=line", "-rfE", scratch]
    if expression:
        command += ["-k", expression]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), "COLUMNS": "240"}
    completed = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, check=False)
    return completed.stdout or completed.stderr


def _count(word: str, line: str) -> int:
    match = re.search(rf"(\d+) {word}", line)
    return int(match[1]) if match else 0


if __name__ == "__main__":
    raise SystemExit(main())

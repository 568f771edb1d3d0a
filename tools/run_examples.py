"""``python -m tools.run_examples NAME...``: run examples at full size, and keep what they print and draw for their pages.

What is kept, in ``docs/outputs/NAME``: ``output.txt``, the pictures, and ``run.json`` with seconds, the largest memory in MiB, the
figure, and the SHA-256 of the program, by which a page notices that it is older than the program.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTPUTS = ROOT / "docs" / "outputs"


def digest(name: str) -> str:
    """SHA-256 of the text of an example."""
    text = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def run(name: str) -> dict[str, object]:
    """Run `examples/NAME.py` in an empty folder, and keep its output and pictures. Returns what `run.json` holds."""
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("backends", ".", "cli"))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        command = [sys.executable, str(ROOT / "examples" / f"{name}.py")]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
        if process.wait():
            raise SystemExit(f"{name} ended with exit code {process.returncode}")
        seconds = time.perf_counter() - begin
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
        kept = OUTPUTS / name
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        (kept / "output.txt").write_text("".join(lines), encoding="utf-8")
        for picture in sorted([*Path(folder).glob("*.png"), *Path(folder).glob("*.gif")]):
            shutil.copy(picture, kept)
    _, label, figure = lines[-1].split()
    if label != name:
        raise SystemExit(f"{name}: expected a last line 'figure: {name} VALUE', got {lines[-1]!r}")
    record = {"figure": float(figure), "seconds": round(seconds), "mebibytes": memory, "sha256": digest(name)}
    (kept / "run.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.run_examples", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="examples, without .py")
    for name in parser.parse_args().names:
        print(f"== {name}", flush=True)
        record = run(name)
        print(f"{record['seconds']} s, {record['mebibytes']} MiB", flush=True)


if __name__ == "__main__":
    main()

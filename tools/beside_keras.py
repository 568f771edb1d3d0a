"""``python -m tools.beside_keras NAME... [--python PYTHON]``: examples at full size in dualnet, and in Keras on JAX.

The program is the same but for its imports: ``import dualnet as keras`` becomes ``import keras``. Data sets that Keras lacks, or would
download, are handed to it as functions of the same names. Each run is a process of its own; what is printed is a table in Markdown.
``--python`` is that of an environment with Keras, JAX and what dualnet needs; ``--smoke`` runs the small size.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATHS = os.pathsep.join(str(ROOT / folder) for folder in ("backends", ".", "cli"))
DATA = """
import sys
import types
import dualnet.datasets
import keras
for name in ("digits", "mnist", "shakespeare"):
    module = types.SimpleNamespace(load_data=getattr(dualnet.datasets, name).load_data)
    setattr(keras.datasets, name, module)
del sys.argv[0]
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"))
"""


def in_keras(text: str) -> str:
    """The program of an example with Keras's imports."""
    text = re.sub(r"^import dualnet as keras$", "import keras", text, flags=re.MULTILINE)
    return re.sub(
        r"^from dualnet(\.\w+)*", lambda match: match[0].replace("dualnet", "keras"), text, flags=re.MULTILINE
    )


def run(command: list[str], **environment: str) -> tuple[float, int, str]:
    """Seconds, MiB of memory, and the figure of a program."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": PATHS, **environment}, stdout=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        output.seek(0)
        last = (output.read().splitlines() or [""])[-1]
    if status or not last.startswith("figure: "):
        raise SystemExit(f"{' '.join(command[-3:])}: ended with {os.waitstatus_to_exitcode(status)}, and {last!r}")
    return seconds, usage.ru_maxrss >> 10, last.split()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.beside_keras", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="examples, without .py")
    parser.add_argument("--python", default=sys.executable, help="with Keras and JAX (default: this one)")
    parser.add_argument("--smoke", action="store_true", help="the small size")
    arguments = parser.parse_args()
    small = ["--smoke"] * arguments.smoke
    print("| example | lines | imports changed | | seconds | MiB | figure |\n|---|---:|---:|---|---:|---:|---:|")
    for name in arguments.names:
        program = ROOT / "examples" / f"{name}.py"
        text = program.read_text(encoding="utf-8")
        other = in_keras(text)
        lines = text.splitlines()
        changed = sum(a != b for a, b in zip(lines, other.splitlines()))
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(other)
            file.flush()
            rows = {
                "dualnet": run([sys.executable, str(program), *small]),
                "Keras on JAX": run([arguments.python, "-c", DATA, file.name, *small], KERAS_BACKEND="jax"),
            }
        for label, (seconds, memory, figure) in rows.items():
            print(
                f"| {name} | {len(lines)} | {changed} | {label} | {seconds:.0f} | {memory:,} | {figure} |", flush=True
            )


if __name__ == "__main__":
    main()

"""``python -m tests.fuzz --count 100000``: read so many mutated files, and say what happened.

Files that did harm, or could have, are kept with a description, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .campaign import Campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many files (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="where to keep files that failed")
    arguments = parser.parse_args()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="dualnet-fuzz-") as folder:
        campaign = Campaign(Path(folder), arguments.seed)
        for number in range(arguments.first, arguments.first + arguments.count):
            kind = campaign.run(number)
            if kind is not None:
                _, text, content, name = campaign.result.failures[-1]
                arguments.keep.mkdir(parents=True, exist_ok=True)
                target = arguments.keep / f"{number}-{kind.replace(' ', '-')}-{name}"
                target.write_bytes(content)
                target.with_name(f"{target.name}.txt").write_text(text)
                lines = text.strip().splitlines() or [""]
                print(f"{number}: {kind}: {lines[-1 if kind in ('untyped', 'memory') else 0]}", flush=True)
            if arguments.seconds is not None and time.perf_counter() - begin > arguments.seconds:
                break
    print(campaign.result.table())
    print(f"{time.perf_counter() - begin:.0f} s")
    return bool(campaign.result.failures)


if __name__ == "__main__":
    sys.exit(main())

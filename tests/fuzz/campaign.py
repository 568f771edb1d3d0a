"""Many mutated files, each read in a child process with little memory and little time, under an audit hook.

The parent imports everything and reads every seed once; then each file is read in a fork of it, so that whatever a file makes
dualnet import, open or run stands out.
"""

from __future__ import annotations

import codecs
import contextlib
import faulthandler
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from encodings.aliases import aliases
from pathlib import Path
from typing import Any

from . import mutations, readers, seeds

MEMORY = 2 << 30  # bytes of address space, beside what the parent has
SECONDS = 10  # of the processor; six times as many by the clock, since the machine may be busy

# "compile" is not among them: ast.literal_eval, by which NumPy reads its headers, and inspect.signature compile without running.
_FORBIDDEN = ("exec", "import", "marshal.", "pickle.", "subprocess.", "os.system", "os.exec", "os.posix_spawn")
_FORBIDDEN += ("os.fork", "socket.", "ctypes.", "urllib.", "ftplib.", "os.startfile", "code.__new__", "winreg.")
_WRITES = (
    "shutil.rmtree",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.truncate",
)


@dataclass
class Result:
    """What happened in all files: counts by outcome, and for each failure its description and the file."""

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str, bytes, str]] = field(default_factory=list)  # kind, description, content, name
    slowest: float = 0.0
    largest: int = 0  # bytes of memory that a file took

    def count(self, kind: str) -> int:
        """How many failures of a kind there are."""
        return sum(failure[0] == kind for failure in self.failures)

    def table(self) -> str:
        """The figures as lines of text."""
        kinds = ("execution", "foreign open", "signal", "hang", "memory", "untyped")
        lines = [f"{self.files} files: " + ", ".join(f"{n} {name}" for name, n in self.outcomes.most_common())]
        lines.append(", ".join(f"{kind} {self.count(kind)}" for kind in kinds))
        lines.append(f"slowest {self.slowest:.2f} s, largest {self.largest >> 20} MiB")
        return "\n".join(lines)


class Campaign:
    """Mutated files, read one after the other.

    Args:
        folder: an empty folder for the seeds and the files.
        seed: of the mutations: file n of a seed is always the same.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.seed = seed
        self.result = Result()
        (folder / "seeds").mkdir()
        self._work = folder / "work"
        self._work.mkdir()
        self._contents = {path.name: path.read_bytes() for path in seeds.write(folder / "seeds")}
        self._models = {name: make() for name, make in seeds.MODELS.items()}
        self._events: list[str] = []
        self._allowed: Path | None = None
        self._warm_up()
        sys.addaudithook(self._audit)

    def _warm_up(self) -> None:
        for name, content in self._contents.items():
            path = self._work / name
            path.write_bytes(content)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                readers.read(path, self._models)
                readers.inspect(path)
                for damaged in (content[:40], content[:-9]):
                    path.write_bytes(damaged)
                    for act in (lambda p: readers.read(p, self._models), readers.inspect):
                        try:
                            act(path)
                        except readers.ERRORS:
                            pass
            path.unlink()
        traceback.format_exception(ValueError("so that what formats errors is imported"))
        for codec in sorted(set(aliases.values())):  # json looks whether bytes are UTF-16 or UTF-32
            with contextlib.suppress(LookupError, ImportError):  # those of Windows
                codecs.lookup(codec)

    def run(self, number: int) -> str | None:
        """Read file ``number``. Returns what kind of failure it was, or None."""
        rng = random.Random(f"{self.seed}/{number}")
        name = rng.choice(sorted(self._contents))
        content = mutations.mutate(name, self._contents[name], rng)
        return self.read(name, content, inspect=number % 4 == 0)

    def read(self, name: str, content: bytes, inspect: bool = False) -> str | None:
        """Read a file with some content. Returns what kind of failure it was, or None."""
        path = self._work / name
        path.write_bytes(content)
        start = time.perf_counter()
        receiver, sender = os.pipe()
        child = os.fork()
        if not child:
            os.close(receiver)
            self._in_child(path, sender, inspect)
        os.close(sender)
        with os.fdopen(receiver, "rb") as stream:
            report = stream.read().decode(errors="replace")
        _, status = os.waitpid(child, 0)
        self.result.files += 1
        self.result.slowest = max(self.result.slowest, time.perf_counter() - start)
        outcome, _, text = report.partition("\n")
        kind = None
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            kind = "hang" if number in (signal.SIGALRM, signal.SIGPROF, signal.SIGKILL) else "signal"
            text = f"signal {number}"
        elif outcome in ("execution", "foreign open", "memory", "untyped"):
            kind = outcome
        elif outcome not in ("read", "refused"):
            kind, text = "signal", f"the process ended with status {status}: {report[:200]}"
        head, _, tail = text.partition("\n")
        if head.isdigit():
            self.result.largest = max(self.result.largest, int(head))
            text = tail
        self.result.outcomes[kind or outcome] += 1
        if kind:
            self.result.failures.append((kind, text, content, name))
        shutil.rmtree(self._work)
        self._work.mkdir()
        return kind

    def _in_child(self, path: Path, sender: int, inspect: bool) -> Any:
        faulthandler.disable()
        os.environ["TMPDIR"] = tempfile.tempdir = str(path.parent)
        used = _address_space()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(6 * SECONDS)
        warnings.simplefilter("ignore")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.chdir(path.parent)  # names that are relative to an open folder look like those in the working directory
        self._allowed = path
        try:
            if inspect:
                readers.inspect(path)
            readers.read(path, self._models)
            outcome, text = "read", ""
        except MemoryError:
            outcome, text = "memory", traceback.format_exc()
        except readers.ERRORS as error:
            outcome, text = "refused", str(error)
            if not text.strip():
                outcome, text = "untyped", f"{type(error).__name__} without a message"
        except BaseException:
            outcome, text = "untyped", traceback.format_exc()
        self._allowed = None
        for kind in ("execution", "foreign open"):
            if outcome in ("read", "refused", "untyped") and any(event.startswith(kind) for event in self._events):
                outcome, text = kind, "\n".join(self._events) + "\n" + text
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        os.write(sender, f"{outcome}\n{grown}\n{text[-3000:]}".encode(errors="replace"))
        os._exit(0)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._allowed is None:
            return
        if event == "open" or event in _WRITES:
            target = arguments[0]
            if isinstance(target, int) or (
                event == "os.remove" and arguments[1] not in (-1, None)
            ):  # relative to an open folder
                return
            name = os.fsdecode(target) if isinstance(target, (str, bytes)) else str(target)
            if not os.path.abspath(name).startswith(f"{self._allowed.parent}{os.sep}") and not _is_source(name):
                self._events.append(f"foreign open: {event} {name!r}")
        elif event == "import" and arguments[0].startswith("encodings."):  # it is looked whether a text names a codec
            return
        elif event.startswith(_FORBIDDEN):
            self._events.append(f"execution: {event} {str(arguments)[:200]}")


def _is_source(name: str) -> bool:
    """A line of source code that a traceback shows."""
    return name.endswith((".py", ".pyx", ".pxd")) or name.startswith("<")


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

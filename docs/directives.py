"""The directives of the pages: ``{run}``, a cell that is run (``cells.py``); ``{example}``, a program with what it printed and drew; and
``{figures}``, the table of all examples."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import cells
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FAMILIES, OUTPUTS = HERE / "families", HERE / "outputs"
EXAMPLE = re.compile(r"^```\{example\} (\w+)\n((?::[\w-]+:.*\n)*)```", re.MULTILINE)

logger = logging.getLogger(__name__)


class Run(SphinxDirective):
    """A cell: its code, and what running it printed and drew."""

    has_content = True
    option_spec = {"alt": directives.unchanged, "hidden": directives.flag}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        number = self.env.temp_data.get("cell", 0)
        self.env.temp_data["cell"] = number + 1
        page = Path(self.env.doc2path(self.env.docname))
        output = cells.outputs_of(page)[number]
        if "hidden" in self.options:
            return []
        name = cells.name_of(page)
        result: list[nodes.Node] = [_code("\n".join(self.content))]
        if output.text:
            result.append(_code(output.text.rstrip(), "text", "output"))
        alt = self.options.get("alt", "")
        if output.pictures and not alt:
            logger.warning("a cell draws a picture and has no :alt: text", location=self.get_location())
        return result + [_picture(f"pages/{name}/{picture}", alt) for picture in output.pictures]


class Example(SphinxDirective):
    """A program of ``examples/``, and what ``python -m tools.run_examples`` kept of its run at full size.

    ``:reach:`` is the figure of the literature or of the notes, ``:data:`` what it is trained on; both are for the table of ``{figures}``.
    """

    required_arguments = 1
    option_spec = {"reach": directives.unchanged, "data": directives.unchanged, "alt": directives.unchanged}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        program = ROOT / "examples" / f"{name}.py"
        if not program.exists():
            raise self.error(f"there is no {program}")
        text = program.read_text(encoding="utf-8")
        self.env.note_dependency(str(program))
        code = _code(text)
        code["linenos"] = True
        result = [_paragraph("The program, ", f"examples/{name}.py", ":"), code]
        kept = OUTPUTS / name
        if not (kept / "run.json").exists():
            command = f"python -m tools.run_examples {name}"
            return [*result, _paragraph("Its output at full size is not kept yet: ", command, " does that.")]
        self.env.note_dependency(str(kept / "run.json"))
        record = json.loads((kept / "run.json").read_text(encoding="utf-8"))
        if record["sha256"] != hashlib.sha256(text.encode()).hexdigest():
            logger.warning(
                "run python -m tools.run_examples %s: it has changed since", name, location=self.get_location()
            )
        result += [
            _paragraph("What ", f"python examples/{name}.py", f" prints, in {_duration(record['seconds'])} and "
                       f"{record['mebibytes']:,} MiB of memory on two cores:"),
            _code((kept / "output.txt").read_text(encoding="utf-8").rstrip(), "text", "output"),
        ]  # fmt: skip
        alt = self.options.get("alt", f"the picture of {name}")
        pictures = sorted([*kept.glob("*.png"), *kept.glob("*.gif")])
        return result + [_picture(f"{name}/{picture.name}", alt) for picture in pictures]


class Figures(SphinxDirective):
    """A table of all examples: the figure to reach, ours, seconds and MiB."""

    def run(self) -> list[nodes.Node]:
        rows = [["example", "data", "to reach", "reached", "seconds", "MiB"]]
        for page in sorted(FAMILIES.glob("*.md")):
            for name, options in EXAMPLE.findall(page.read_text(encoding="utf-8")):
                self.env.note_dependency(str(page))
                facts = dict(re.findall(r"^:([\w-]+): *(.*)$", options, re.MULTILINE))
                record = OUTPUTS / name / "run.json"
                run = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
                numbers = [f"{run['figure']:.4g}", str(run["seconds"]), f"{run['mebibytes']:,}"] if run else [""] * 3
                rows.append([f"[{name}]({page.stem}.md)", facts.get("data", ""), facts.get("reach", ""), *numbers])
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        lines.insert(1, "|---|---|---|---:|---:|---:|")
        return self.parse_text_to_nodes("\n".join(lines))


def write_pages() -> None:
    """A page for each example that no written page shows: the text at its top, and the program."""
    FAMILIES.mkdir(exist_ok=True)
    written = {
        name for page in _written() for name in EXAMPLE.findall(page.read_text(encoding="utf-8")) for name in name[:1]
    }
    expected = {}
    for program in sorted((ROOT / "examples").glob("*.py")):
        text = program.read_text(encoding="utf-8")
        if program.stem not in written and "--smoke" in text:  # the first programs have no full size; guides show them
            title, _, rest = text.split('"""')[1].partition("\n")
            rest = rest.strip().replace("``", "`")
            page = f"# {title.rstrip('.:')}\n\n{rest}\n\n```{{example}} {program.stem}\n```\n"
            expected[f"auto_{program.stem}.md"] = page
    for old in FAMILIES.glob("auto_*.md"):
        if old.name not in expected:
            old.unlink()
    for name, page in expected.items():
        file = FAMILIES / name
        if not file.exists() or file.read_text(encoding="utf-8") != page:
            file.write_text(page, encoding="utf-8")


def _written() -> list[Path]:
    return [page for page in sorted(FAMILIES.glob("*.md")) if not page.name.startswith("auto_")]


def _code(text: str, language: str = "python", *classes: str) -> Any:
    return nodes.literal_block(text, text, language=language, classes=list(classes))


def _paragraph(before: str, code: str, after: str) -> Any:
    return nodes.paragraph("", "", nodes.Text(before), nodes.literal(code, code), nodes.Text(after))


def _picture(path: str, alt: str) -> Any:
    return nodes.image(uri=f"/outputs/{path}", alt=alt)


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def setup(app: Any) -> dict[str, Any]:
    write_pages()
    for name, directive in (("run", Run), ("example", Example), ("figures", Figures)):
        app.add_directive(name, directive)
    return {"parallel_read_safe": False}

"""Functions without what a program does not need: parameters that no call passes, and the branches that depend on them alone."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable
from typing import Any

from .layout import wrapped

Edit = tuple[int, int, str]  # (start, end, replacement) in a text


def specialize(sources: dict[str, str], body: str) -> dict[str, str]:
    """The sources of functions as a program needs them whose other code is ``body``. A function that nothing calls any more is left out."""
    while True:
        before = dict(sources)
        for name in sources:
            passed = _passed(name, [*sources.values(), body])
            inside = _passed(name, sources.values())
            of_body = [_passed(name, [text]) for text in _calls(name, body)]
            always = (
                set.intersection(*(keywords for _, keywords in of_body)) if of_body and inside == (0, set()) else set()
            )
            sources[name] = _without(sources[name], passed, always)
        used = _names([body])
        while True:
            more = used | _names(text for name, text in sources.items() if name in used)
            if more == used:
                break
            used = more
        sources = {name: text for name, text in sources.items() if name in used}
        if sources == before:
            return sources


def _names(texts: Iterable[str]) -> set[str]:
    return {n.id for text in texts for n in ast.walk(ast.parse(textwrap.dedent(text))) if isinstance(n, ast.Name)}


def _passed(name: str, texts: Iterable[str]) -> tuple[int, set[str]]:
    """(the most arguments by position, all keywords) of the calls of a function."""
    count, keywords = 0, set()
    for text in texts:
        for node in ast.walk(ast.parse(textwrap.dedent(text))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                is_open = any(isinstance(a, ast.Starred) for a in node.args)
                count = max(count, 100 if is_open else len(node.args))
                keywords |= {k.arg or "" for k in node.keywords}
    return count, keywords


def _calls(name: str, text: str) -> list[str]:
    """The calls of a function, each as source code."""
    nodes = ast.walk(ast.parse(textwrap.dedent(text)))
    return [
        ast.unparse(n) for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name
    ]


def _without(source: str, passed: tuple[int, set[str]], always: set[str]) -> str:
    """A function without the parameters that are not passed, where nothing is left that uses them.

    always: the parameters that all calls pass, so that they are not None.
    """
    tree = ast.parse(source)
    function: Any = tree.body[0]
    parameters = function.args.args
    defaults = dict(zip([p.arg for p in parameters[::-1]], function.args.defaults[::-1]))
    constants: dict[str, Any] = {}
    for i, p in enumerate(parameters):
        if p.arg in defaults and i >= passed[0] and p.arg not in passed[1]:
            try:
                constants[p.arg] = ast.literal_eval(defaults[p.arg])
            except ValueError:
                continue
    assigned = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    constants = {name: value for name, value in constants.items() if name not in assigned}
    never_none = {p for p in always if p in defaults and p not in assigned}
    edit = _first_edit(source, function, constants, never_none)
    while edit is not None:
        start, end, text = edit
        source = source[:start] + text + source[end:]
        function = ast.parse(source).body[0]
        edit = _first_edit(source, function, constants, never_none)
    used = {n.id for n in ast.walk(ast.Module(function.body, [])) if isinstance(n, ast.Name)}
    return _without_parameters(source, function, {name for name in constants if name not in used})


def _first_edit(source: str, function: ast.FunctionDef, constants: dict[str, Any], never_none: set[str]) -> Edit | None:
    """The first branch that is decided, as what it becomes."""
    for node in ast.walk(function):
        if not isinstance(node, (ast.If, ast.IfExp)):
            continue
        names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
        if names and names <= constants.keys():
            test = bool(eval(compile(ast.Expression(node.test), "<test>", "eval"), {}, dict(constants)))
        elif (text := ast.unparse(node.test)) in {f"{p} is None" for p in never_none}:
            test = False
        elif text in {f"{p} is not None" for p in never_none}:
            test = True
        else:
            continue
        if isinstance(node, ast.IfExp):
            kept = ast.get_source_segment(source, node.body if test else node.orelse) or ""
            start, end = _span(source, node)
            if (
                source[start - 1 : start] == "("
                and source[end : end + 1] == ")"
                and not re.match(r"\w", source[start - 2])
            ):
                start, end = start - 1, end + 1
            return start, end, kept
        return _without_branch(source, node, node.body if test else node.orelse)
    return None


def _without_branch(source: str, node: ast.If, kept: list[ast.stmt]) -> Edit:
    """The statement as lines: those of the branch that is taken."""
    lines = source.splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1]))
    end = sum(map(len, lines[: node.end_lineno]))
    if not kept:
        return start, end, ""
    if len(kept) == 1 and isinstance(kept[0], ast.If) and lines[kept[0].lineno - 1].lstrip().startswith("elif"):
        text = "".join(lines[kept[0].lineno - 1 : kept[0].end_lineno])
        return start, end, text.replace("elif", "if", 1)
    text = "".join(lines[kept[0].lineno - 1 : kept[-1].end_lineno])
    text = "".join(line.removeprefix("    ") for line in text.splitlines(keepends=True))
    return start, end, text if text.endswith("\n") or end == len(source) else text + "\n"


def _span(source: str, node: ast.expr) -> tuple[int, int]:
    lines = [len(line) for line in source.splitlines(keepends=True)]
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return sum(lines[: node.lineno - 1]) + node.col_offset, sum(lines[: node.end_lineno - 1]) + node.end_col_offset


def _without_parameters(source: str, function: ast.FunctionDef, removed: set[str]) -> str:
    if not removed:
        return source
    parts = []
    arguments = function.args
    first_default = len(arguments.args) - len(arguments.defaults)
    for i, p in enumerate(arguments.args):
        if p.arg not in removed:
            default = (
                "" if i < first_default else f"={ast.get_source_segment(source, arguments.defaults[i - first_default])}"
            )
            parts.append(p.arg + default)
    body = source.splitlines()[function.body[0].lineno - 1 :]
    head = wrapped(f"def {function.name}({', '.join(parts)}):")
    return "\n".join([*head, *_documented(body, removed)])


def _documented(lines: list[str], removed: set[str]) -> list[str]:
    """The lines of a body, without those of the docstring that explain a parameter which is no more."""
    if '"""' not in lines[0] or lines[0].count('"""') == 2:
        return lines
    end = next(i for i, line in enumerate(lines) if i and '"""' in line)
    about = re.compile(rf"\s*(?:{'|'.join(sorted(removed))}):")
    text = [line for line in lines[:end] if not about.match(line)]
    while len(text) > 1 and not text[-1].strip():
        text.pop()
    text = [line for i, line in enumerate(text) if line.strip() or text[i - 1].strip()]
    if len(text) == 1:
        return [f'{text[0]}"""', *lines[end + 1 :]]
    return [*text, *lines[end:]]

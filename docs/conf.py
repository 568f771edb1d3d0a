"""Sphinx: the pages are Markdown (MyST), the API reference comes from the docstrings (``api_pages.py``)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / folder) for folder in ("backends", ".", "cli"))]

import api_pages  # noqa: E402

import dualnet  # noqa: E402

project = "dualnet"
author = "the dualnet authors"
copyright = "2026, the dualnet authors"
version = release = dualnet.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "directives"]
exclude_patterns = ["_build", "outputs"]
nitpicky = True
suppress_warnings = ["toc.empty_glob"]  # no example may be without a page of its own
default_role = "literal"  # `x` in a docstring is code

smartquotes_action = "D"  # dashes only: quotes stand in code and formulas

html_theme = "furo"
html_title = f"dualnet {release}"
html_show_sphinx = False
toc_object_entries_show_parents = "hide"
add_module_names = False

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "dollarmath"]

autodoc_typehints = "none"  # the arrays of NumPy and CuPy have no common type, so most of them would read `Any`
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
napoleon_use_rtype = False

EMPHASIS = re.compile(r"(?<![\w*\\])\*(?=[^\s*])[^*\n]*[^\s*]\*(?![\w*])")
CODE = re.compile(r"(``?)(?=[^`\s])([^`]+)\1")
SPECIAL = re.compile(r"(?<!\\)(\*|\||(?<=\w)_(?!\w))")


def plain_text(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: a ``*``, ``|`` or closing ``_`` stands for itself, and both `x` and ``x`` are code."""
    text, parts, end = "\n".join(lines), [], 0
    for code in CODE.finditer(text):
        parts += [_escaped(text[end : code.start()]), f"``{code[2]}``"]
        end = code.end()
        if text[end : end + 1].isalnum():  # the plural of a name
            parts.append("\\ ")
    lines[:] = "".join([*parts, _escaped(text[end:])]).split("\n")
    if what == "property":
        lines[:0] = [
            "..",
            "",
        ]  # an empty comment; napoleon takes a first line "a: b" of a property for its type and text


def _escaped(text: str) -> str:
    parts, end = [], 0
    for match in EMPHASIS.finditer(text):
        parts += [SPECIAL.sub(r"\\\1", text[end : match.start()]), match.group()]
        end = match.end()
    return "".join([*parts, SPECIAL.sub(r"\\\1", text[end:])])


def public_bases(app: Any, name: str, value: Any, options: Any, bases: list[Any]) -> None:
    """Name the public bases of a class, by their public names."""
    bases[:] = [f":class:`~{path}`" for path in api_pages.public_bases(value)] or [object]


def setup(app: Any) -> None:
    api_pages.write(HERE / "api")
    app.connect("autodoc-process-docstring", plain_text, priority=100)
    app.connect("autodoc-process-bases", public_bases)

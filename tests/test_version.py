"""The version is written once, and whatever else names it agrees."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

import dualnet

ROOT = Path(__file__).resolve().parents[1]


def test_the_package_takes_its_version_from_the_source() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    source = (ROOT / project["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")
    assert re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE) == [dualnet.__version__]


def test_the_installed_package_has_that_version() -> None:
    try:
        installed = importlib.metadata.version("dualnet")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("dualnet is not installed")
    assert installed == dualnet.__version__


def test_the_changelog_and_the_citation_have_a_dated_release_of_that_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"
    dates = dict(re.findall(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE))
    assert set(headings[1:]) == {f"{version} - {date}" for version, date in dates.items()}
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [dualnet.__version__]
    assert re.findall(r'^date-released: "(.+)"$', citation, re.MULTILINE) == [dates[dualnet.__version__]]


def test_the_documentation_asks_the_package() -> None:
    assert "release = dualnet.__version__" in (ROOT / "docs/conf.py").read_text(encoding="utf-8")

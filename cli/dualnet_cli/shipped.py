"""The configs that come with the package."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import CliError, Failure, did_you_mean, listing, printable

DEFAULT = "digits_mlp"


def folder() -> Path:
    """Their folder: inside the installed package, or at the top of a checkout."""
    here = Path(__file__).resolve()
    for candidate in (here.parent / "configs", here.parents[2] / "configs"):
        if (candidate / f"{DEFAULT}.toml").is_file():
            return candidate
    raise Failure("the configs that come with dualnet are not there; reinstall dualnet")


def names() -> list[str]:
    """Their names, without ``.toml``."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def find(config: str | None) -> Path:
    """The file for a command-line argument: a path, the name of a shipped config, or None for the default one."""
    path = Path(DEFAULT if config is None else config)
    if config is not None and (os.path.exists(config) or "/" in config):
        return path
    stem = path.name.removesuffix(".toml")
    if stem in names():
        return folder() / f"{stem}.toml"
    here = [p.name for p in Path().glob("*.toml")]
    hint = did_you_mean(path.name, [*here, *names()]) or f"; configs that come with dualnet: {listing(names())}"
    raise CliError(f"{printable(config or '(empty name)')}: no such file{hint}")

"""Argument types shared by several commands: a config, a device; both support shell completion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from .errors import did_you_mean

if TYPE_CHECKING:
    _StringType = click.ParamType[str]
else:
    _StringType = click.ParamType  # not generic at run time in older versions


class ConfigArgument(_StringType):
    """A .toml file, or the name of a config that comes with dualnet."""

    name = "config"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from . import shipped

        known = [CompletionItem(name) for name in shipped.names() if name.startswith(incomplete)]
        return [*known, CompletionItem(incomplete, type="file")]


class DeviceName(_StringType):
    """auto, cpu, gpu or gpu:N."""

    name = "device"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "auto|cpu|gpu|gpu:N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", str(value)):
            hint = did_you_mean(value, ("auto", "cpu", "gpu"))
            self.fail(f'expected "auto", "cpu", "gpu" or "gpu:N", got "{value}"{hint}', param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in ("auto", "cpu", "gpu") if name.startswith(incomplete)]


class DevicePair(_StringType):
    """Names of one or two devices, with a comma between them."""

    name = "devices"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "DEVICE[,DEVICE]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        names = [part.strip() for part in str(value).split(",")]
        if len(names) > 2 or len(set(names)) < len(names):
            self.fail(f'expected one device or two different ones, such as "cpu,gpu", got "{value}"', param, ctx)
        return tuple(DeviceName().convert(name, param, ctx) for name in names)

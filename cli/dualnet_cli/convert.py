"""``dualnet convert``: a model, or weights, in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .errors import CliError, Failure, listing, one_line, printable, system_error

_EXPORTS = (".onnx", ".py")
_EPILOG = """
\b
Examples:
  dualnet convert old.h5 new.keras
  dualnet convert model.keras model.weights.h5      the weights alone
  dualnet convert model.weights.h5 w.safetensors --model model.keras
  dualnet convert runs/digits model.onnx            the model of a run

\b
Exit codes: 0 converted; 1 failed (disk full); 2 the input is no model, or the output exists or cannot hold it.
"""


@click.command(epilog=_EPILOG)
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="OUT", type=click.Path())
@click.option(
    "--model",
    metavar="MODEL",
    type=click.Path(),
    help="The model that weights belong to, where IN holds weights alone.",
)
@click.option("--force", is_flag=True, help="Replace the file OUT.")
def command(source: str, target: str, model: str | None, force: bool) -> None:
    """Read a model and write it in another format, which the end of the name OUT selects.

    IN is the file of a model, a run folder, or with --model a file of weights. What the new file does not hold is said.
    """
    from . import notices

    path = Path(target)
    write = _writer(path)
    label = printable(target)
    # A program in Python has its weights beside it.
    written = [path, path.with_suffix(".npz")] if path.suffix.lower() == ".py" else [path]
    existing = next((file for file in written if file.exists()), None)
    if existing is not None and not force:
        raise CliError(f"{printable(str(existing))}: exists; name another file, or use --force to replace it")
    if path.is_dir() or not path.parent.is_dir():
        raise CliError(
            f"{label}: {'is a folder' if path.is_dir() else f'there is no folder {printable(str(path.parent))}'}"
        )
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise CliError(f"{label}: is the file that is read; name another one")
    _choose_cpu()
    with notices.plain_warnings():
        loaded = _load(source, model)
        try:
            write(loaded, path)
        except OSError as error:
            raise Failure(f"{label} could not be written: {error.strerror or one_line(error)}") from None
        except (ValueError, TypeError, NotImplementedError, ImportError) as error:
            raise CliError(f"{label}: {one_line(error)}") from None
    click.echo(f"{printable(source)} -> {label}")
    for loss in _lost(loaded, target):
        click.echo(f"not in it: {loss}")


def _choose_cpu() -> None:
    """No GPU is needed to copy numbers."""
    import dualnet

    dualnet.config.set_device("cpu")


def _writer(path: Path) -> Any:
    """What writes a file of this name. Raises ``CliError`` for a name that no format has."""
    from dualnet.saving import api

    name = path.name.lower()
    ends = tuple(
        end
        for end in api.FORMATS
        if hasattr(api.FORMATS[end], "save_model") or hasattr(api.FORMATS[end], "save_weights")
    )
    end = next((end for end in ends if name.endswith(end)), None)
    if end is not None:
        is_model = hasattr(api.FORMATS[end], "save_model") and end != ".weights.h5"
        return api.save_model if is_model else api.save_weights
    if name.endswith(_EXPORTS):
        return lambda model, target: model.export(str(target), verbose=False)
    raise CliError(f"{printable(str(path))}: expected a file ending in {listing((*ends, *_EXPORTS))}")


def _load(source: str, model: str | None) -> Any:
    """The model in a file or of a run; with ``model``, that one with the weights in the file."""
    from dualnet.saving.api import load_weights
    from dualnet.saving.inspection import inspect

    from .run_dir import MODEL
    from .trained import load_model

    path = Path(source)
    label = printable(source)
    if path.is_dir():
        path = path / MODEL
        if not path.is_file():
            raise CliError(f"{label}: is a folder without a {MODEL} in it")
    if not path.is_file():
        raise CliError(f"{label}: no such file")
    if model is None:
        report = inspect(path)
        if report.arrays and not report.model:
            raise CliError(f"{label}: holds weights alone; name the model that they belong to: --model model.keras")
        return load_model(path)
    loaded = load_model(Path(model))
    try:
        load_weights(loaded, path)
    except OSError as error:
        raise system_error(label, error) from None
    except (ValueError, TypeError) as error:
        raise CliError(one_line(error)) from None
    return loaded


def _lost(model: Any, target: str) -> list[str]:
    """What the model has that the new file does not hold."""
    name = target.lower()
    optimizer = getattr(model, "optimizer", None)
    has_state = optimizer is not None and optimizer.built
    compiled = getattr(model, "compiled", False)
    if name.endswith(_EXPORTS):
        return ["the loss, the metrics and the optimizer: it only predicts"] if compiled else []
    if name.endswith(".safetensors"):
        return ["the layers: only their weights", *(["the state of the optimizer"] if has_state else [])]
    if name.endswith(".weights.h5"):
        return ["the layers: only their weights", *(["the loss and the metrics"] if compiled else [])]
    return []

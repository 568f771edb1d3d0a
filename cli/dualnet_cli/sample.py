"""``dualnet sample``: text that a language model writes, or images that a generator draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .arguments import DeviceName
from .errors import CliError, Failure, one_line, printable, system_error

_EPILOG = """
\b
Examples:
  dualnet sample runs/shakespeare --prompt "ROMEO:" --temperature 0.7
  dualnet sample runs/shakespeare --length 2000 --top-p 0.9 --seed 3 -o speech.txt
  dualnet sample model.keras --vocabulary characters.json
  dualnet sample generator.keras --count 25 -o digits.png

\b
Exit codes: 0 done; 1 failed (disk full); 2 command line or model to be corrected.
"""
_OF_TEXT = ("length", "prompt", "temperature", "top_k", "top_p", "vocabulary")
_MAX_VOCABULARY = 1 << 24  # bytes of the file


@click.command(epilog=_EPILOG)
@click.argument("trained", metavar="RUN|MODEL", type=click.Path())
@click.option("--length", type=click.IntRange(1), default=500, show_default=True, help="How many characters to write.")
@click.option("--prompt", help="The text to continue. Without it: the end of a line.")
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Below 1 what is likely becomes likelier; 0 always takes the likeliest.",
)
@click.option("--top-k", type=click.IntRange(1), help="Draw from the K likeliest characters alone.")
@click.option(
    "--top-p",
    type=click.FloatRange(0, 1, min_open=True),
    help="Draw from the fewest characters that together have this probability (nucleus sampling).",
)
@click.option(
    "--vocabulary",
    metavar="FILE",
    type=click.Path(),
    help="The characters of a model without a run, by their numbers: a JSON list of texts.",
)
@click.option("--count", type=click.IntRange(1, 10_000), default=64, show_default=True, help="How many images to draw.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same sample."
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(),
    help="Text goes to this file instead of stdout; the images to this .png file, without it to samples.png.",
)
@click.option("--device", type=DeviceName(), help="auto, cpu, gpu, gpu:1 ... Without it: $DUALNET_DEVICE, else auto.")
@click.option("--force", is_flag=True, help="Replace the output file.")
@click.pass_context
def command(
    context: click.Context, /, trained: str, device: str | None, output: str | None, force: bool, **options: Any
) -> None:
    """Let a model that generates make something.

    A model of text, which gives the scores of the next character, writes on from a prompt. A run knows the characters; a model without one
    needs --vocabulary. A model that maps a vector of noise to an image draws a grid of images.
    """
    from . import notices
    from .trained import choose_device, open_trained

    given = {name for name in options if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT}
    choose_device(device)
    with notices.plain_warnings():
        opened = open_trained(trained)
        vocabulary = opened.preparation.vocabulary if opened.preparation else None
        if options["vocabulary"] is not None:
            if vocabulary is not None:
                raise CliError(f"--vocabulary: {opened.label} has one; leave the option out")
            vocabulary = _read_vocabulary(Path(options["vocabulary"]))
        if vocabulary is not None:
            _text(opened, vocabulary, options, given, output, force)
        else:
            _images(opened, options, given, output, force)


def _text(
    opened: Any, vocabulary: list[str], options: dict[str, Any], given: set[str], output: str | None, force: bool
) -> None:
    from . import language_models

    if "count" in given:
        raise CliError(f"--count: {opened.label} writes text; --length says how much")
    path = None if output is None else _free(output, force)
    prompt = options["prompt"]
    if prompt is None:
        prompt = "\n" if "\n" in vocabulary else vocabulary[0]
    elif not prompt:
        raise CliError("--prompt: is empty; expected at least one character, or no --prompt at all")
    writer = language_models.Writer(opened.model, opened.label, vocabulary, opened.preparation)
    characters = writer.write(
        prompt,
        options["length"],
        language_models.Choice(options["temperature"], options["top_k"], options["top_p"]),
        options["seed"],
    )
    shown = prompt if "prompt" in given else ""
    if path is not None:
        _write(path, (shown + "".join(characters)).encode("utf-8"))
        return
    click.echo(shown, nl=False)
    for character in characters:
        click.echo(character, nl=False)
    click.echo()


def _images(opened: Any, options: dict[str, Any], given: set[str], output: str | None, force: bool) -> None:
    from . import image_grids

    shape = image_grids.noise_shape(opened.model, opened.label)
    for name in _OF_TEXT:
        if name in given:
            raise CliError(f"--{name.replace('_', '-')}: is for models of text, and {opened.label} draws images")
    path = _free("samples.png" if output is None else output, force)
    if not path.name.lower().endswith(".png"):
        raise CliError(f"--output {printable(str(path))}: expected a file ending in .png")
    _write(
        path, image_grids.png(image_grids.draw(opened.model, opened.label, shape, options["count"], options["seed"]))
    )


def _free(name: str, force: bool) -> Path:
    """The path of the output. Raises ``CliError`` where nothing can be written, or something would be lost."""
    path, label = Path(name), f"--output {printable(name)}"
    if path.is_dir() or not path.parent.is_dir():
        raise CliError(f"{label}: {'is a folder' if path.is_dir() else 'there is no such folder'}")
    if path.exists() and not force:
        raise CliError(f"{label}: exists; name another file, or use --force to replace it")
    return path


def _write(path: Path, content: bytes) -> None:
    from dualnet.saving.atomic import atomic_write

    from .run_dir import write_errors

    with write_errors(path), atomic_write(path) as file:
        file.write(content)
    click.echo(f"written to {printable(str(path))}", err=True)


def _read_vocabulary(path: Path) -> list[str]:
    label = f"--vocabulary {printable(str(path))}"
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_VOCABULARY + 1)
        if len(content) > _MAX_VOCABULARY:
            raise Failure(f"{label}: is larger than {_MAX_VOCABULARY >> 20} MiB")
        vocabulary = json.loads(content)
    except OSError as error:
        raise system_error(label, error) from None
    except (ValueError, RecursionError) as error:
        raise CliError(f"{label}: expected a JSON list of texts ({one_line(error)})") from None
    if not isinstance(vocabulary, list) or not vocabulary or not all(isinstance(c, str) and c for c in vocabulary):
        raise CliError(
            f'{label}: expected a JSON list of texts, such as ["\\n", " ", "a"]; the number of one is its position'
        )
    if len(set(vocabulary)) < len(vocabulary):
        raise CliError(f"{label}: the same text stands there twice")
    return vocabulary

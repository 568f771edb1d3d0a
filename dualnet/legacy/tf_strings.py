"""``tf.strings``: functions of texts, on the host. A text may be str or bytes; what comes back is of the same kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core.tensor import Tensor
from ..core.text import as_text, is_text, text_tensor
from .tf_names import RAGGED

_SPACE = " \t\n\v\f\r"  # ASCII, as in TensorFlow


def _texts(name: str, x: Any) -> Any:
    """An array of texts."""
    if not is_text(x, empty=True):
        raise TypeError(f"tf.strings.{name} expects texts, got {x!r:.100}")
    return as_text(x)


def _decoded(text: Any) -> str:
    return text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text


def _like(result: str, text: Any) -> Any:
    return result.encode("utf-8", "surrogateescape") if isinstance(text, bytes) else result


def _each(name: str, x: Any, function: Callable[[str], str]) -> Tensor:
    """A function of every text."""
    array = _texts(name, x)
    result = np.empty(array.shape, object)
    result.reshape(-1)[:] = [_like(function(_decoded(text)), text) for text in array.reshape(-1).tolist()]
    return text_tensor(result)


def _numbers(name: str, x: Any, function: Callable[[str], Any], dtype: str) -> Tensor:
    array = _texts(name, x)
    values = [function(_decoded(text)) for text in array.reshape(-1).tolist()]
    return ops.convert_to_tensor(np.array(values, dtype).reshape(array.shape))


def _ascii(change: Callable[[str], str], encoding: str) -> Callable[[str], str]:
    """A change of case of all letters, or, as in TensorFlow without an encoding, of those of ASCII."""
    if encoding not in ("", "utf-8"):
        raise ValueError(f'expected the encoding "" (ASCII) or "utf-8", got {encoding!r}')
    return change if encoding else lambda text: "".join(change(c) if c.isascii() else c for c in text)


def lower_text(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Small letters in the place of capitals: those of ASCII, or with encoding="utf-8" all."""
    return _each("lower", input, _ascii(str.lower, encoding))


def upper_text(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Capitals in the place of small letters: those of ASCII, or with encoding="utf-8" all."""
    return _each("upper", input, _ascii(str.upper, encoding))


def strip_text(input: Any, name: str | None = None) -> Tensor:
    """Without white space (of ASCII) at both ends."""
    return _each("strip", input, lambda text: text.strip(_SPACE))


def regex_replace(
    input: Any, pattern: str, rewrite: str, replace_global: bool = True, name: str | None = None
) -> Tensor:
    r"""The matches of a pattern replaced. rewrite: the text for each; ``\1`` is the first group, ``\0`` the match.

    Classes such as ``\w`` and ``[[:punct:]]`` are those of ASCII, as in TensorFlow. replace_global: all matches, or the
    first.
    """
    compiled, template = _compiled(pattern), _decoded(rewrite)
    if bad := re.search(r"\\([^0-9\\]|$)", template.replace(r"\\", "")):
        raise ValueError(
            f"tf.strings.regex_replace: rewrite has {bad.group()!r}; expected \\0 to \\9 or \\\\ after a backslash"
        )
    groups = [int(n) for n in re.findall(r"\\(\d)", template.replace(r"\\", ""))]
    if max(groups, default=0) > compiled.groups:
        raise ValueError(
            f"tf.strings.regex_replace: rewrite asks for group {max(groups)}, the pattern {pattern!r} has {compiled.groups}"
        )

    def replaced(text: str) -> str:
        end = -1  # of the match before

        def replacement(match: re.Match[str]) -> str:
            nonlocal end
            after, end = end, match.end()
            if match.start() == match.end() == after:  # RE2 finds no empty match right after another
                return ""
            return re.sub(
                r"\\(\d|\\)", lambda m: "\\" if m.group(1) == "\\" else match.group(int(m.group(1))) or "", template
            )

        return compiled.sub(replacement, text, 0 if replace_global else 1)

    return _each("regex_replace", input, replaced)


def regex_full_match(input: Any, pattern: str, name: str | None = None) -> Tensor:
    """Whether each text as a whole matches a pattern."""
    compiled = _compiled(pattern)
    return _numbers("regex_full_match", input, lambda text: compiled.fullmatch(text) is not None, "bool")


_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": r"\t ", "digit": "0-9", "lower": "a-z", "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip


def _compiled(pattern: Any) -> re.Pattern[str]:
    """A pattern of RE2, which TensorFlow uses, for Python's ``re``."""
    text = re.sub(r"\[:(\w+):\]", lambda m: _POSIX.get(m.group(1), m.group()), _decoded(pattern))
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise ValueError(f"the pattern {pattern!r} is none that Python's re reads: {error}") from None


def split_text(input: Any, sep: str | None = None, maxsplit: int = -1, name: str | None = None) -> Tensor:
    """The parts of a text, a tensor (parts,); of several texts with as many parts each, (..., parts).

    Args:
        sep: what is between parts; by default white space of any length.
        maxsplit: split at most so often; -1: everywhere.

    Raises:
        ValueError: the texts have different numbers of parts: that would be a ragged tensor.
    """

    def parts(text: str) -> list[str]:
        if sep:
            return text.split(_decoded(sep), maxsplit)
        text = text.lstrip(_SPACE)
        found = re.split(f"[{_SPACE}]+", text, maxsplit=max(maxsplit, 0)) if maxsplit else [text]
        return found if found[-1] else found[:-1]

    return _rows("split", input, parts)


def unicode_split(
    input: Any, input_encoding: str, errors: str = "replace", replacement_char: int = 65533, name: str | None = None
) -> Tensor:
    """The characters of a text, a tensor (characters,); of several texts of one length, (..., characters).

    Raises:
        ValueError: the texts have different lengths: that would be a ragged tensor.
    """
    if str(input_encoding).upper() != "UTF-8" or errors not in ("replace", "strict", "ignore"):
        raise ValueError(f"expected UTF-8 and errors replace, strict or ignore, got {input_encoding!r} and {errors!r}")

    def characters(text: str) -> list[str]:
        read = text.encode("utf-8", "surrogateescape").decode("utf-8", errors)
        return [chr(replacement_char) if c == "\ufffd" else c for c in read]

    return _rows("unicode_split", input, characters)


def _rows(name: str, x: Any, function: Callable[[str], list[str]]) -> Tensor:
    array = _texts(name, x)
    rows = [[_like(part, text) for part in function(_decoded(text))] for text in array.reshape(-1).tolist()]
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise ValueError(
            f"tf.strings.{name}: the texts have from {lengths[0]} to {lengths[-1]} parts each, and {RAGGED}; or split one text at a "
            "time within Dataset.map, or use layers.TextVectorization"
        )
    result = np.empty((len(rows), lengths[0] if lengths else 0), object)
    for i, row in enumerate(rows):
        result[i, :] = row
    return text_tensor(result.reshape((*array.shape, result.shape[1])))


def text_length(input: Any, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """The length of each text (int32), in bytes of UTF-8 or, with unit="UTF8_CHAR", in characters."""
    return _numbers("length", input, lambda text: len(_units(text, unit)), "int32")


def _units(text: str, unit: str) -> Any:
    if unit not in ("BYTE", "UTF8_CHAR"):
        raise ValueError(f'expected the unit "BYTE" or "UTF8_CHAR", got {unit!r}')
    return text if unit == "UTF8_CHAR" else text.encode("utf-8", "surrogateescape")


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """The part of each text from ``pos`` on, ``len`` long; pos below 0 counts from the end. They broadcast.

    unit: what is counted, "BYTE" (of UTF-8) or "UTF8_CHAR".
    """
    array = _texts("substr", input)
    texts, starts, lengths = np.broadcast_arrays(array, ops.convert_to_numpy(pos), ops.convert_to_numpy(len))
    result = np.empty(texts.shape, object)
    for at in np.ndindex(texts.shape):
        units, start = _units(_decoded(texts[at]), unit), int(starts[at])
        if not -units.__len__() <= start <= units.__len__():
            raise ValueError(f"tf.strings.substr: pos={start} lies outside of {texts[at]!r}")
        start += units.__len__() if start < 0 else 0
        result[at] = _like(_decoded(units[start : start + int(lengths[at])]), texts[at])
    return text_tensor(result)


def join_texts(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Tensor:
    """The texts of several tensors joined, element by element; a text without axes joins all."""
    arrays = np.broadcast_arrays(*(_texts("join", x) for x in inputs))
    return _joined(np.stack(arrays, axis=-1), separator)


def reduce_join(
    inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: str | None = None
) -> Tensor:
    """The texts along an axis joined; all of them by default, in the order of the axes."""
    array = _texts("reduce_join", inputs)
    axes = list(range(array.ndim)) if axis is None else [a % array.ndim for a in np.atleast_1d(axis)]
    rest = [a for a in range(array.ndim) if a not in axes]
    moved = array.transpose([*rest, *axes]).reshape([array.shape[a] for a in rest] + [-1])
    joined = _joined(moved, separator)
    return ops.reshape(joined, [1 if a in axes else n for a, n in enumerate(array.shape)]) if keepdims else joined


def _joined(array: Any, separator: str) -> Tensor:
    """The texts along the last axis joined."""
    result = np.empty(array.shape[:-1], object)
    for at in np.ndindex(result.shape):
        texts = array[at].tolist()
        whole = _decoded(separator).join(map(_decoded, texts))
        result[at] = _like(whole, next((t for t in texts if isinstance(t, bytes)), ""))
    return text_tensor(result)


def to_number(input: Any, out_type: Any = "float32", name: str | None = None) -> Tensor:
    """The number that each text spells."""
    read = int if "int" in str(out_type) else float

    def number(text: str) -> Any:
        try:
            if "_" in text:  # which Python would read
                raise ValueError
            return read(text)
        except ValueError:
            raise ValueError(f"tf.strings.to_number: {text!r} is no number of dtype {out_type}") from None

    return _numbers("to_number", input, number, str(out_type))


def as_string(
    input: Any,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: Any = None,
) -> Tensor:
    """Numbers as texts.

    Args:
        precision: digits after the point, 6 by default.
        scientific, shortest: the formats 1.0e+00, and the shorter of both.
        width, fill: the least length, and what comes in front: spaces by default, or "0".
    """
    array = np.asarray(ops.convert_to_numpy(input))
    flags = fill + (str(width) if width >= 0 else "")
    kind = "e" if scientific else "g" if shortest else "f"

    def text(value: Any) -> str:
        if isinstance(value, bool):
            return f"%{flags}s" % ("true" if value else "false")
        if isinstance(value, int):
            return f"%{flags}d" % value
        return f"%{flags}{f'.{precision}' if precision >= 0 else ''}{kind}" % value

    result = np.empty(array.shape, object)
    result.reshape(-1)[:] = [text(value) for value in array.reshape(-1).tolist()]
    return text_tensor(result)

"""What a cell of a table says: a number, nothing, or text, in the notation that ``[data]`` declares."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .errors import show
from .schema import Data

EXACT = 2**53  # float64 holds every whole number up to here

_WHOLE = re.compile(r"[+-]?\d+(?:\.0*)?")
_PADDED = re.compile(r"[+-]?0\d+")
_SPACES = " \u00a0\u2009\u202f"  # thousands are separated by narrow and non-breaking spaces too
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*|\d{1,2}:\d{2}\b.*", re.DOTALL)
_CURRENCY = "[$€£¥₹%]|US\\$|USD|EUR|GBP|CHF|JPY|CNY|INR|Rs\\.?"
_NUMBER_LIKE = re.compile(rf"[(+\-−]?\s*(?:{_CURRENCY})?\s*[+\-−]?[.,]?\d.*", re.DOTALL)
_BETWEEN_DIGITS = re.compile(rf"\d([,.'’{_SPACES}])(?=\d)")


@dataclass(frozen=True)
class Notation:
    """How numbers are written, and which texts count as an empty cell."""

    decimal: str
    thousands: str
    units: tuple[str, ...]
    missing: frozenset[str]
    missing_numbers: frozenset[float]

    @classmethod
    def of(cls, data: Data) -> Notation:
        """The notation that the keys of ``[data]`` declare."""
        plain = cls(".", "", (), frozenset(), frozenset())
        numbers = [plain.number(text) for text in data.missing_values]
        return cls(
            data.decimal,
            data.thousands,
            tuple(data.units),
            frozenset(text.strip().lower() for text in data.missing_values),
            frozenset(number for number in numbers if number is not None and math.isfinite(number)),
        )

    @property
    def is_plain(self) -> bool:
        """Whether every number is written as in Python and means itself."""
        return self.decimal == "." and not (self.thousands or self.units or self.missing_numbers)

    def is_missing(self, cell: str) -> bool:
        """Whether the cell counts as empty."""
        text = cell.strip()
        if text.lower() in self.missing:
            return True
        return bool(self.missing_numbers) and self._value(text) in self.missing_numbers

    def number(self, cell: str) -> float | None:
        """The cell as a number, NaN for an empty one, None for text."""
        return math.nan if self.is_missing(cell) else self._value(cell.strip())

    def is_inexact(self, cell: str) -> bool:
        """Whether the cell is a whole number with more digits than float64 holds."""
        text = self._python(cell.strip()) or ""
        return bool(_WHOLE.fullmatch(text)) and int(text.partition(".")[0]) != float(text)

    def class_name(self, cell: str) -> str:
        """A number that is the name of a class: the same text for the same number, without loss of digits."""
        text = self._python(cell.strip()) or cell.strip()
        if _PADDED.fullmatch(text):  # a code such as 007
            return text
        if _WHOLE.fullmatch(text):
            return str(int(text.partition(".")[0]))
        name = number_name(float(text))
        return name if Decimal(name) == Decimal(text) else text

    def _value(self, text: str) -> float | None:
        python = self._python(text)
        try:
            return None if python is None else float(python)
        except ValueError:
            return None

    def _python(self, text: str) -> str | None:
        """The number as Python writes it; None where the notation is another one."""
        if "_" in text:
            return None
        if self.units:
            text = self._without_units(text)
        if self.thousands:
            marks = {" ": _SPACES, "'": "'’"}.get(self.thousands, self.thousands)
            if any(mark in text for mark in marks):
                # groups of three; of two before the last one, as in 12,34,567
                grouped = rf"([+-]?\d{{1,3}}(?:[{marks}]\d{{2,3}})*[{marks}]\d{{3}})({re.escape(self.decimal)}\d*)?"
                if not re.fullmatch(grouped, text):
                    return None
                text = "".join(c for c in text if c not in marks)
        if self.decimal != ".":
            return None if "." in text else text.replace(self.decimal, ".")
        return text

    def _without_units(self, text: str) -> str:
        return self._split_units(text)[0]

    def units_of(self, cell: str) -> tuple[str, ...]:
        """Which of the units stand beside the number of a cell."""
        return self._split_units(cell.strip())[1]

    def _split_units(self, text: str) -> tuple[str, tuple[str, ...]]:
        sign = text[:1] if text[:1] in ("+", "-") else ""
        body, units = text[len(sign) :].strip(), []
        for unit in self.units:
            rest = body.removeprefix(unit).removesuffix(unit).strip()
            if rest != body:
                units.append(unit)
            body = rest
        return sign + body, tuple(units)


def number_name(value: Any) -> str:
    """A Python or NumPy floating-point number as text with all its digits: 1234567, 0.1"""
    return str(int(value)) if value.is_integer() and abs(value) <= EXACT else str(value)


def first_inexact(numbers: Any) -> int | None:
    """The first number of an array of whole numbers that float64 does not hold."""
    if numbers.dtype.kind not in "iu" or numbers.dtype.itemsize < 8:
        return None
    large = numbers[(numbers > EXACT) | (numbers < -EXACT)]
    return next((int(number) for number in large if int(number) != int(float(number))), None)


def look(text: str) -> str:
    """The same for texts that look alike: without capitals, extra spaces and invisible characters."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c for c in plain if unicodedata.category(c) != "Cf").split())


def is_number_like(cell: str) -> bool:
    """Whether the cell starts as a number does, such as "$10", "1,000", "10 %", "2024-01-31"."""
    return bool(_NUMBER_LIKE.fullmatch(cell.strip()))


def remedy(cell: str, notation: Notation) -> str:
    """What in ``[data]`` would make a number, or an empty cell, of a text; empty where nothing would."""
    text = cell.strip()
    if _DATE.fullmatch(text) or text.lower() in ("true", "false"):
        return ""
    if not is_number_like(text):
        return f"if it stands for an empty cell, add {show(text)} to missing_values"
    advice = []
    marks = {" " if mark in _SPACES else "'" if mark == "’" else mark for mark in _BETWEEN_DIGITS.findall(text)}
    if {",", "."} <= marks:
        last, first = (",", ".") if text.rfind(",") > text.rfind(".") else (".", ",")
        advice.append(f"set decimal = {show(last)} and thousands = {show(first)}")
    elif "," in marks and notation.decimal == ".":
        advice.append('set decimal = "," or thousands = ",", whichever the comma is')
    elif marks and (marks != {"."} or text.count(".") > 1 or (notation.decimal == "," and not notation.thousands)):
        advice.append(f"set thousands = {show((marks - {'.'} or marks).pop())}")
    around = re.split(r"\d.*\d|\d", text.strip("()+-−"), maxsplit=1, flags=re.DOTALL)
    units = dict.fromkeys(unit.strip() for unit in around if re.fullmatch(r"\s*[^\d\s.,_]+\s*", unit))
    if units:
        advice.append(f"set units = [{', '.join(show(unit) for unit in units)}] to read the number alone")
    return " and ".join(advice)

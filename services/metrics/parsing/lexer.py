"""One line of the text formats: names, labels, values, escapes.

Source of the rules: the Prometheus text format 0.0.4 as Go's parser reads it, and OpenMetrics 1.0.0.
No expression here goes back over what it has read: a quoted text is one step, however long it is.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from services.metrics.errors import Rejected

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# A repeated group keeps a mark for every turn: it turns once for an escape or a text, not once
# for a character, or one label of 16 MiB would take gigabytes.
_TEXT = r"[^\"\\]*(?:\\.[^\"\\]*)*"
_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r"(?P<gap1>[ \t]*)"
    r"(?:\{(?P<labels>[^\"}]*(?:\"" + _TEXT + r"\"[^\"}]*)*)\})?"
    r"(?P<gap2>[ \t]*)"
    r"(?P<rest>.*)",
    re.DOTALL,
)
_LABEL = re.compile(
    r"(?P<before>[ \t]*)(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)(?P<middle>[ \t]*=[ \t]*)"
    r"\"(?P<value>" + _TEXT + r")\"(?P<after>[ \t]*)(?P<comma>,?)",
    re.DOTALL,
)
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
    r"|\.[0-9]+(?:[eE][+-]?[0-9]+)?|(?P<endless>[iI][nN][fF](?:[iI][nN][iI][tT][yY])?))|[nN][aA][nN]"
)
_ESCAPES = {"\\": "\\", "n": "\n", '"': '"'}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Line(NamedTuple):
    """The parts of a sample line: name, labels as written, and what follows them."""

    name: str
    labels: list[tuple[str, str]]
    rest: str


def split_sample(text: str, number: int, strict: bool) -> Line:
    """Cut a sample line into name, labels and the rest (value, timestamp, exemplar).

    Args:
        text: the line without its newline.
        number: its number, for the message.
        strict: OpenMetrics; it allows exactly one space where the text format allows many.

    Raises:
        Rejected: ``parse`` or ``label``.
    """
    found = _SAMPLE.fullmatch(text)
    if found is None:
        raise Rejected("parse", _no_name(text), number)
    inner, rest = found["labels"], found["rest"]
    if inner is None and rest.startswith("{"):
        raise Rejected("parse", "the labels do not end: a quote or a brace is missing", number)
    if not rest:
        raise Rejected("parse", "the value is missing", number)
    if inner is None and not found["gap1"]:
        raise Rejected("parse", _bad_letter(rest[0]), number)
    if strict and found["gap1"] + found["gap2"] != " ":
        raise Rejected("parse", "OpenMetrics has exactly one space before the value", number)
    labels = split_labels(inner, number, strict) if inner else []
    return Line(found["name"], labels, rest)


def _no_name(text: str) -> str:
    if text.startswith('{"'):
        return "a metric name in quotes is not taken here; use letters, digits, _ and :"
    if text.startswith(("{", "[")):
        return (
            "a metric name was expected; is this JSON? The text format has one `name value` a line"
        )
    return f"a metric name was expected, not {text[:1]!r}; it has letters, digits, _ and :"


def _bad_letter(letter: str) -> str:
    return f"a metric name cannot have {letter!r}: letters, digits, _ and : only"


def split_labels(text: str, number: int, strict: bool = False) -> list[tuple[str, str]]:
    """Cut what stands between the braces into pairs, with the escapes resolved.

    Raises:
        Rejected: ``label`` for a bad or repeated name, ``parse`` for bad punctuation.
    """
    pairs: list[tuple[str, str]] = []
    names: set[str] = set()
    position, end = 0, len(text)
    comma = True
    while position < end:
        found = _LABEL.match(text, position)
        if found is None or not comma:
            if not text[position:].strip(" \t") and not strict:
                break
            raise Rejected(
                "label", f"a label was expected at {text[position : position + 40]!r}", number
            )
        name = found["name"]
        if strict and (found["before"] or found["after"] or found["middle"] != "="):
            raise Rejected("parse", "OpenMetrics has no blanks between labels", number)
        if name in names:
            raise Rejected("label", f"the label {name[:40]} stands twice in this line", number)
        if name.startswith("__"):
            message = f"{name[:40]}: names that begin with __ are reserved"
            raise Rejected("label", message, number)
        names.add(name)
        pairs.append((name, unescape(found["value"], number)))
        position, comma = found.end(), bool(found["comma"])
    if strict and comma and text:
        raise Rejected("parse", "OpenMetrics has no comma after the last label", number)
    return pairs


def unescape(text: str, number: int, quotes: bool = True) -> str:
    r"""Resolve ``\\``, ``\n`` and, where ``quotes``, ``\"``; another escape is refused."""
    if "\\" not in text:
        return text

    def one(found: re.Match[str]) -> str:
        letter = found[1]
        if letter not in _ESCAPES or (letter == '"' and not quotes):
            raise Rejected("parse", f"unknown escape \\{letter}", number)
        return _ESCAPES[letter]

    if (len(text) - len(text.rstrip("\\"))) % 2:
        raise Rejected("parse", "a backslash at the end escapes nothing", number)
    return _ESCAPE.sub(one, text)


def escape_label(value: str) -> str:
    """Write a label value as both formats want it between the quotes."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value


def escape_help(value: str, quotes: bool) -> str:
    """Write a help text; OpenMetrics escapes quotes in it, the text format does not."""
    value = value.replace("\\", "\\\\").replace("\n", "\\n")
    return value.replace('"', '\\"') if quotes else value


def number(text: str, line: int) -> float:
    """Read a value as Go's ParseFloat does for decimal numbers, Inf and NaN.

    Raises:
        Rejected: ``value``.
    """
    found = _NUMBER.fullmatch(text)
    if not found:
        if text.endswith("\r"):
            raise Rejected("value", "the line ends as in Windows (CR LF); end it with LF", line)
        raise Rejected("value", f"{text[:40]!r} is not a number", line)
    value = float(text)
    if math.isinf(value) and not found["endless"]:
        raise Rejected("value", f"{text[:40]!r} is more than a float64 holds", line)
    return value


def is_number(text: str) -> bool:
    """Tell whether ``text`` is a value that :func:`number` takes."""
    try:
        number(text, 0)
    except Rejected:
        return False
    return True

"""HELP, TYPE and UNIT: what a comment says of a family."""

from __future__ import annotations

import re

from services.metrics.errors import Rejected
from services.metrics.parsing.family_builder import TYPES, FamilyBuilder
from services.metrics.parsing.lexer import unescape

_BLANKS = re.compile(r"[ \t]+")
_OPENMETRICS_TYPES = frozenset(("unknown", "info", "stateset"))


def words(text: str, openmetrics: bool) -> tuple[str, list[str]]:
    """Return the keyword of a comment and its parts: mark, keyword, name, the rest.

    Go's parser of the text format takes any blanks, and none between mark and keyword.
    """
    if openmetrics:
        parts = text.split(" ", 3)
        return (parts[1] if len(parts) > 1 and parts[0] == "#" else ""), parts
    parts = ["#", *_BLANKS.split(text[1:].lstrip(" \t"), maxsplit=2)]
    return parts[1], parts


def describe(family: FamilyBuilder, word: str, rest: str, at: int) -> None:
    """Take over what a comment says.

    Args:
        family: that it names.
        word: HELP, TYPE or UNIT.
        rest: what follows the name.
        at: number of the line.

    Raises:
        Rejected: ``parse``, ``type`` or ``duplicate``; it concerns this family alone.
    """
    if family.rows and (family.openmetrics or word == "TYPE"):
        raise Rejected("parse", f"{word} of {family.base} comes after its samples", at)
    if word == "HELP":
        if family.help is not None:
            raise Rejected("duplicate", f"a second HELP for {family.base}", at)
        family.help = unescape(rest, at, family.openmetrics)
    elif word == "TYPE":
        if family.type is not None:
            raise Rejected("duplicate", f"a second TYPE for {family.base}", at)
        family.type = _type(rest.strip(" \t"), family.openmetrics, at)
    else:
        family.unit = rest
        if rest and not family.base.endswith("_" + rest):
            raise Rejected("type", f"{family.base} does not end with its unit {rest}", at)


def _type(kind: str, openmetrics: bool, at: int) -> str:
    if kind.endswith("\r"):
        raise Rejected("type", "the line ends as in Windows (CR LF); end it with LF", at)
    if not openmetrics:
        kind = kind.lower().replace("gauge_histogram", "gaugehistogram")
    foreign = frozenset(("untyped",)) if openmetrics else _OPENMETRICS_TYPES
    if kind not in TYPES or kind in foreign:
        raise Rejected("type", f"{kind[:40]!r} is not a type of this format", at)
    return kind

"""Bodies with more series than may be: the families that are too large are cut out unread.

A million lines are not read to find out that they are too many; they are counted. The rest of the
snapshot, which says that the agent lives, is read as if it had come alone.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.protocol.push import RejectedFamily
from services.metrics.store.excess import VITAL

MAX_FAMILIES = 20_000
"""In a body that is too long; one with more is refused as a whole."""
MAX_NAMED = 100
"""Families that are named one by one in the answer."""
_COMMENTS = re.compile(rb"(?:^#[^\n]*\n?)+", re.MULTILINE)
_NAMED = re.compile(rb"^# (?:TYPE|HELP|UNIT)[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]{0,255})", re.MULTILINE)
_NAME = re.compile(rb"[a-zA-Z_:][a-zA-Z0-9_:]{0,255}")
_NEWLINE = 10


class _Piece(NamedTuple):
    """Comments and the samples below them."""

    name: str
    start: int
    end: int
    lines: int


def shorten(
    body: bytes, most: int, known: Container[str]
) -> tuple[bytes, tuple[RejectedFamily, ...]]:
    """Cut the largest families out of a body until no more than ``most`` samples are left.

    Args:
        body: of a snapshot, decompressed.
        most: series that it may have.
        known: families that the process had until now; new ones are cut out before these.

    Returns:
        What is left, and the families that were cut out.

    Raises:
        Rejected: ``too_many_series``: it cannot be cut into families.
    """
    pieces = _pieces(body, most)
    cut: list[_Piece] = []
    left = most
    for piece in sorted(pieces, key=lambda each: _rank(each, known)):
        if piece.lines > left:
            cut.append(piece)
        else:
            left -= piece.lines
    gone = {piece.start for piece in cut}
    rest = b"".join(body[p.start : p.end] for p in pieces if p.start not in gone)
    return rest, tuple(_rejected(cut, most))


def _rank(piece: _Piece, known: Container[str]) -> tuple[bool, bool, int]:
    new = piece.name not in known and f"{piece.name}_total" not in known
    return not piece.name.startswith(VITAL), new, piece.lines


def _rejected(cut: list[_Piece], most: int) -> list[RejectedFamily]:
    found: dict[str, RejectedFamily] = {}
    for piece in sorted(cut, key=lambda each: -each.lines)[:MAX_NAMED]:
        message = f"more than {most} series with the {piece.lines} of this family"
        found.setdefault(piece.name, RejectedFamily(piece.name, "too_many_series", message))
    return list(found.values())


def _pieces(body: bytes, most: int) -> list[_Piece]:
    ends = np.flatnonzero(np.frombuffer(body, dtype=np.uint8) == _NEWLINE)
    found: list[_Piece] = []
    start, name = 0, ""
    for block in _COMMENTS.finditer(body):
        if len(found) > MAX_FAMILIES:
            raise Rejected("too_many_series", f"more than {most} series")
        if block.start() > start:
            found += _samples(body, start, block.start(), name, ends)
        names = _NAMED.findall(block.group())
        start, name = block.start(), names[-1].decode() if names else ""
    return found + _samples(body, start, len(body), name, ends)


def _samples(body: bytes, start: int, end: int, name: str, ends: np.ndarray) -> list[_Piece]:
    """Return a family with the samples that are its own, and apart from it those of others."""
    at = start
    while body.startswith(b"#", at):
        at = _next_line(body, at, end)
    if name:
        own = re.compile(rb"(?:%s[^\n]*\n)*" % re.escape(name.removesuffix("_total").encode()))
        found = own.match(body, at, end)
        at = found.end() if found is not None else at
    pieces = [_Piece(name, start, at, _count(ends, start, at))] if at > start else []
    if at < end:
        first = _NAME.match(body, at)
        other = first.group().decode() if first is not None else name
        pieces.append(_Piece(other, at, end, _count(ends, at, end)))
    return pieces


def _next_line(body: bytes, at: int, end: int) -> int:
    found = body.find(b"\n", at, end)
    return end if found < 0 else found + 1


def _count(ends: np.ndarray, start: int, end: int) -> int:
    low, high = np.searchsorted(ends, (start, end))
    return int(high - low)

"""JSON as agents leave it behind: odd types, half-written documents, times in every notation."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from services.metrics.observer.workspace.file_cache import UnusableError

_DECODER = json.JSONDecoder()
_BLANK = " \t\r\n"
_CONFLICT = re.compile(r"^(?:<{7}(?: .*)?|={7}|>{7}(?: .*)?)$", re.MULTILINE)
_NOTHING = {"", "none", "no", "null", "nil", "n/a", "-", "0"}


def document(text: str) -> Any:
    """Return the one JSON document in ``text``. Raises :class:`UnusableError`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # also whole numbers of thousands of digits
        raise not_json(text) from None


def not_json(text: str) -> UnusableError:
    """Return why ``text`` is no JSON: Git's marks of a merge that nobody finished have a name."""
    found = {mark[:7] for mark in _CONFLICT.findall(text)}
    return UnusableError("merge_conflict" if len(found) > 1 else "not_json")


def is_merge_mark(line: str) -> bool:
    """Return whether a line is one of the marks that Git leaves around a conflict."""
    return _CONFLICT.fullmatch(line) is not None


def items(text: str) -> Iterator[Any]:
    """Yield the elements of the JSON list in ``text``, one at a time.

    One at a time, so that other threads get their turn while a queue of several megabytes is read.
    A document that is not a list, breaks off or is followed by a second one raises
    :class:`UnusableError`, after what came before was yielded.
    """
    position = _skip(text, 0)
    if not text.startswith("[", position):
        raise not_json(text) if text.startswith("<", position) else UnusableError("wrong_shape")
    position = _skip(text, position + 1)
    closed = text.startswith("]", position)
    while not closed:
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            raise not_json(text) from None
        yield value
        position = _skip(text, position)
        closed = text.startswith("]", position)
        if not closed and not text.startswith(",", position):
            raise not_json(text)
        if not closed:
            position = _skip(text, position + 1)
    if _skip(text, position + 1) != len(text):
        raise not_json(text)


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position


def number(value: object) -> float | None:
    """Return a finite number, also one written as a string; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """Return how many things ``value`` names; None when it does not say.

    A list's length, a number itself, 1 for a sentence, 0 for words such as "none".
    """
    if isinstance(value, (list, dict)):
        return len(value)
    if isinstance(value, str):
        found = number(value)
        if found is None:
            return 0 if value.strip().lower() in _NOTHING else 1
        return max(0, int(found))
    found = number(value)
    return None if found is None else max(0, int(found))


def points(value: object) -> float | None:
    """Return points, which some agents keep as an object: its ``total``, or else the sum of its numbers."""
    if not isinstance(value, dict):
        return number(value)
    total = number(value.get("total"))
    if total is not None:
        return total
    found = [n for n in map(number, value.values()) if n is not None]
    return sum(found) if found else None


def stamp(value: object, zone: tzinfo | None) -> float | None:
    """Return a time as Unix seconds.

    Takes ISO 8601 with a T or a blank, with an offset, a Z or neither, and Unix seconds or
    milliseconds. One without a zone is read in ``zone``, the service's own when that is None. None
    for what is no time, or none of this era.
    """
    found = number(value)
    if found is None and isinstance(value, str):
        found = _iso(value.strip(), zone)
    elif found is not None and found > 1e11:
        found /= 1000
    return found if found is not None and 0 < found < 1e11 else None


def _iso(text: str, zone: tzinfo | None) -> float | None:
    if text[-1:] in "zZ":
        text = text[:-1] + "+00:00"
    try:
        found = datetime.fromisoformat(text)
        return (found.replace(tzinfo=zone) if found.tzinfo is None else found).timestamp()
    except (ValueError, OverflowError, OSError):
        return None

"""Cap on the values of a label, and one overflow value for all that is over it.

A label whose values come from an agent's data (a path, a task's name, the class of an error) grows
without end sooner or later, and every value is a series that Prometheus keeps for weeks. Each such
label gets a `CappedLabel` here. What does not fit becomes `(other)` and is counted in
`dreamos_client_folded_labels_total{label}`, so that nobody has to guess whether something is
missing.
"""

from __future__ import annotations

import math
import re
import weakref
from numbers import Integral, Real
from typing import TypeGuard

from dreamos_metrics.metrics.counter import Counter

#: The one value that stands for everything over a cap. No plain name has parentheses.
OTHER = "(other)"

_MAX_VALUE_CHARACTERS = 80
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CLASS_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")

_folded = Counter(
    "dreamos_client_folded_labels_total",
    "Label values that the library replaced by an overflow value, by label",
    ["label"],
)


_all: weakref.WeakSet[CappedLabel] = weakref.WeakSet()


def reset_capped_labels() -> None:
    """Let every capped label start again; for tests, which must not depend on each other."""
    for label in list(_all):
        label.reset()


def fold(label: str) -> str:
    """Count one folded value of `label` and return the overflow value."""
    _folded.labels(label).inc()
    return OTHER


class CappedLabel:
    """Let the first `cap` distinct values of one label through, and fold the rest.

    A value that is too long for a name (over 80 characters) or has control characters in it, as
    a prompt or a traceback has, is folded at once and does not use up the cap.
    """

    def __init__(self, label: str, cap: int = 100) -> None:
        self._label = label
        self._cap = cap
        self._seen: set[str] = set()
        _all.add(self)

    def __call__(self, value: object) -> str:
        """Return `value` as text, or `(other)` when it does not fit."""
        if type(value) is str and value in self._seen:
            return value
        return self._admit(_text(value))

    def _admit(self, text: str) -> str:
        if text in self._seen:
            return text
        if not text or len(text) > _MAX_VALUE_CHARACTERS or _CONTROL.search(text):
            return fold(self._label)
        # No lock, which a fork could leave locked for ever: two threads at once may exceed the cap
        # by one value, and that hurts nobody.
        if len(self._seen) < self._cap:
            self._seen.add(text)
            return text
        return fold(self._label)

    def reset(self) -> None:
        """Start again with no value seen."""
        self._seen.clear()


class ErrorTypeLabel(CappedLabel):
    """The label `error_type`: the name of an exception's class, never its message."""

    def __init__(self, cap: int = 50) -> None:
        super().__init__("error_type", cap)

    def __call__(self, value: object) -> str:
        """Return the class name of an exception, of a class, or of text that is such a name.

        Free text (with spaces, colons, quotes, …) is folded: it may hold anything.
        """
        name = class_name(value)
        if name is None:
            return fold(self._label)
        return self._admit(name)


def class_name(value: object) -> str | None:
    """Return what to call the error `value`, or None when it is not the name of a class."""
    if isinstance(value, BaseException):
        return type(value).__name__
    if isinstance(value, type):
        return value.__name__
    text = _text(value)
    return text.rpartition(".")[2] if _CLASS_NAME.match(text) else None


#: The one instance that all of the library's `error_type` labels share.
error_type = ErrorTypeLabel()


def is_number(value: object) -> TypeGuard[float]:
    """Return whether `value` is an ordinary finite number: no bool, no NaN, no infinity.

    Those of numpy are numbers too.
    """
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def plain_number(value: float) -> float:
    """Return a number as Python's own `int` or `float`.

    A sum with a `numpy.float32` in it has the digits of one, and JSON does not know it.
    """
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the caller's __str__ may do anything
        return ""

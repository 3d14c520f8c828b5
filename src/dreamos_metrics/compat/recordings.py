"""Recordings: values of kinds of metrics with the time of each, as the log managers ask for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from dreamos_metrics.compat.observations import summary_of
from dreamos_metrics.instrumentation.capped_label import OTHER, is_number
from dreamos_metrics.metrics.errors import record_error

MAX_VALUES = 1000
MAX_KINDS = 50

#: A time as callers have it.
Moment: TypeAlias = "datetime | str | float | None"


class Recordings:
    """The last values of each kind of metric. Whoever uses it holds a lock."""

    def __init__(self) -> None:
        self._kinds: dict[str, deque[dict[str, Any]]] = {}

    def add(self, kind: str, value: float, tags: object, metadata: object) -> None:
        """Keep one value of now."""
        entry = {
            "timestamp": datetime.now().astimezone().isoformat(),
            "value": value,
            "tags": _copied(tags),
            "metadata": dict(metadata) if isinstance(metadata, Mapping) else {},
        }
        self._of(kind).append(entry)

    def entries(self, kind: str | None, start: Moment, end: Moment) -> dict[str, Any]:
        """Return copies of the entries of a kind (None: all) from `start` to `end`, by kind."""
        found = {name: list(chosen) for name, chosen in self._chosen(kind, start, end)}
        return {name: [dict(entry) for entry in entries] for name, entries in found.items()}

    def summary(self, kind: str | None, start: Moment, end: Moment) -> dict[str, dict[str, float]]:
        """Return count, sum, min, max and avg by kind; a kind without entries is left out."""
        found = {
            name: [entry["value"] for entry in chosen]
            for name, chosen in self._chosen(kind, start, end)
        }
        return {name: summary_of(values) for name, values in found.items() if values}

    def take_over(self, content: object) -> None:
        """Replace everything by what `entries` returned earlier; what is damaged is left out."""
        self.clear()
        if not isinstance(content, Mapping):
            return
        for kind, entries in content.items():
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, Mapping) and is_number(entry.get("value")):
                    self._of(str(kind)).append(dict(entry))

    def clear(self) -> None:
        """Forget everything."""
        self._kinds.clear()

    def _of(self, kind: str) -> deque[dict[str, Any]]:
        if kind not in self._kinds and len(self._kinds) >= MAX_KINDS:
            kind = OTHER
        return self._kinds.setdefault(kind, deque(maxlen=MAX_VALUES))

    def _chosen(
        self, kind: str | None, start: Moment, end: Moment
    ) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
        first, last = _seconds(start), _seconds(end)
        for name, entries in self._kinds.items():
            if kind is None or name == str(kind):
                yield name, [e for e in entries if _is_within(e, first, last)]


def _is_within(entry: Mapping[str, Any], first: float | None, last: float | None) -> bool:
    at = _seconds(entry.get("timestamp"))
    if at is None:
        return first is last is None
    return (first is None or at >= first) and (last is None or at <= last)


def _seconds(moment: object) -> float | None:
    """Return a time as Unix time; one without a zone is local. None for what is none."""
    if moment is None or is_number(moment):
        return moment
    try:
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        if isinstance(moment, datetime):
            return moment.timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    record_error("value", "a time is a datetime, ISO 8601 text or Unix time")
    return None


def _copied(tags: object) -> object:
    if isinstance(tags, Mapping):
        return dict(tags)
    return [tags] if isinstance(tags, str) else list(tags) if isinstance(tags, Iterable) else []

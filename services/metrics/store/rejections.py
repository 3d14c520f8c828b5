"""Record of families that were left out of pushes: how many by reason, and whose last ones."""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple

from services.metrics.protocol.grouping_key import GroupingKey, Labels
from services.metrics.protocol.push import RejectedFamily

MAX_AGENTS = 1_000
"""Whose last ones are remembered."""


class LeftOut(NamedTuple):
    """The families that were left out of an agent's last push."""

    labels: Labels
    families: tuple[RejectedFamily, ...]


class Rejections:
    """Counts families that were left out. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._last: dict[GroupingKey, tuple[RejectedFamily, ...]] = {}

    def note(self, target: GroupingKey, families: tuple[RejectedFamily, ...]) -> None:
        """Note what was left out of a push; nothing, when all of it was taken."""
        if not families and target not in self._last:
            return
        with self._lock:
            self._last.pop(target, None)
            if not families:
                return
            self._counts.update(family.reason for family in families)
            self._last[target] = families
            if len(self._last) > MAX_AGENTS:
                del self._last[next(iter(self._last))]

    @property
    def counts(self) -> dict[str, int]:
        """How many families were left out since the start, by reason."""
        with self._lock:
            return dict(self._counts)

    def current(self) -> list[LeftOut]:
        """Return what is left out now, the latest first; one entry for each agent."""
        with self._lock:
            found: dict[Labels, dict[str, RejectedFamily]] = {}
            for target, families in reversed(self._last.items()):
                of_agent = found.setdefault(target.labels, {})
                for family in families:
                    of_agent.setdefault(family.name, family)
        return [LeftOut(labels, tuple(each.values())) for labels, each in found.items()]

    def forget(self, target: GroupingKey) -> None:
        """Forget what was left out of a process that has ended."""
        with self._lock:
            self._last.pop(target, None)

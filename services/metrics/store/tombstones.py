"""Which processes have ended: the latest in memory, all of them on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from services.metrics.store.group import Incarnation
from services.metrics.store.journal import EndedRow, MemberKey, member_of

KEPT = 1_000
"""Endings that stay in memory once they are on disk."""


class Tombstone(NamedTuple):
    """How a process ended: when, and what it had if it was lost and may come back."""

    at: float
    member: Incarnation | None


class Tombstones:
    """Remembers endings, so that what an ended process repeats is not counted again.

    Safe for threads.

    Args:
        find: looks an ending up on disk.
    """

    def __init__(self, find: Callable[[int, str], EndedRow | None]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._recent: dict[MemberKey, Tombstone] = {}

    def add(self, group: int, incarnation: str, ending: Tombstone) -> None:
        """Remember an ending."""
        with self._lock:
            self._recent.pop((group, incarnation), None)
            self._recent[group, incarnation] = ending

    def forget(self, group: int, incarnation: str) -> None:
        """Forget an ending: the process is back."""
        with self._lock:
            self._recent.pop((group, incarnation), None)

    def recent(self, group: int, incarnation: str) -> Tombstone | None:
        """Return the ending if it is in memory."""
        return self._recent.get((group, incarnation))

    def recall(self, group: int, incarnation: str) -> Tombstone | None:
        """Return the ending, from the disk if need be; it is in memory afterwards."""
        known = self.recent(group, incarnation)
        if known is not None:
            return known
        row = self._find(group, incarnation)
        if row is None:
            return None
        ending = Tombstone(row.at, member_of(row.member) if row.member else None)
        self.add(group, incarnation, ending)
        return ending

    def trim(self) -> None:
        """Let go of all but the latest; everything must be on disk."""
        with self._lock:
            for key in list(self._recent)[: max(0, len(self._recent) - KEPT)]:
                del self._recent[key]

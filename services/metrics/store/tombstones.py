"""Tombstones of processes: the latest in memory, all of them on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from services.metrics.store.incarnation import Incarnation
from services.metrics.store.journal import EndedRow, MemberKey, member_of

MAX_RECENT = 1_000
"""Endings that stay in memory although they are on disk."""


class Tombstone(NamedTuple):
    """How a process ended: when, and what it had if it was lost and may come back."""

    at: float
    member: Incarnation | None


class Tombstones:
    """Remembers endings, so that what an ended process repeats is not counted again.

    An ending that is not on disk yet is never let go. Safe for threads.

    Args:
        find: looks an ending up on disk.
    """

    def __init__(self, find: Callable[[int, str], EndedRow | None]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._unwritten: dict[MemberKey, Tombstone] = {}
        self._recent: dict[MemberKey, Tombstone] = {}

    def add(self, group: int, incarnation: str, ending: Tombstone) -> None:
        """Remember an ending that is not on disk yet."""
        with self._lock:
            self._recent.pop((group, incarnation), None)
            self._unwritten[group, incarnation] = ending

    def forget(self, group: int, incarnation: str) -> None:
        """Forget an ending: the process is back."""
        with self._lock:
            self._recent.pop((group, incarnation), None)
            self._unwritten.pop((group, incarnation), None)

    def recent(self, group: int, incarnation: str) -> Tombstone | None:
        """Return the ending if it is in memory."""
        key = group, incarnation
        return self._unwritten.get(key) or self._recent.get(key)

    def recall(self, group: int, incarnation: str) -> Tombstone | None:
        """Return the ending, from the disk if need be; it is in memory afterwards."""
        known = self.recent(group, incarnation)
        if known is not None:
            return known
        row = self._find(group, incarnation)
        if row is None:
            return None
        ending = Tombstone(row.at, member_of(row.member) if row.member else None)
        with self._lock:
            newer = self._unwritten.get((group, incarnation))
            return newer or self._recent.setdefault((group, incarnation), ending)

    def written(self, rows: Iterable[EndedRow]) -> None:
        """Note which endings are on disk; all but the latest of those may be let go."""
        with self._lock:
            for row in rows:
                key = row.group, row.incarnation
                ending = self._unwritten.get(key)
                if ending is not None and _same(row, ending):
                    self._recent[key] = self._unwritten.pop(key)
            for key in list(self._recent)[: max(0, len(self._recent) - MAX_RECENT)]:
                del self._recent[key]


def _same(row: EndedRow, ending: Tombstone) -> bool:
    """Tell whether a row is of this ending, not of an earlier one of the same process."""
    if row.at != ending.at or (row.member is None) != (ending.member is None):
        return False
    return row.member is None or row.member.values is ending.member.values  # type: ignore[union-attr]

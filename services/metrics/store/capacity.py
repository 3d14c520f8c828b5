"""Capacity for all groups together: so many series, and so many bytes, as the memory can hold."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import psutil

from services.metrics.protocol.grouping_key import Labels
from services.metrics.series.merge import merge
from services.metrics.settings import Settings
from services.metrics.store.group import Group

SHARE = 0.6
"""Of the memory limit, for series; the rest is for requests, scrapes and the interpreter."""
SERIES_BYTES = 1_000
"""What a series costs beside its text: places in lists, values, pieces of a scrape. By
``python -m benchmarks.service scrapes`` 100,000 series take 85 MB when they are scraped in one
format and 190 MB in all three; this lies between, for one reader and now and then another."""
COPIES = 3
"""How often the text of a series is held: as it came, in the list, in the pieces of a scrape."""
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Room(NamedTuple):
    """What is left for one group, its own present series included."""

    series: int
    bytes: int


class Capacity:
    """Counts what all groups hold. Not safe for threads: the store calls it under its lock.

    Args:
        settings: ``max_total_series``, and the memory limit where it is set.
        memory: bytes that the process may use; looked up where it is left out.
    """

    def __init__(self, settings: Settings, memory: int | None = None) -> None:
        limit = memory if memory is not None else memory_limit()
        self.limit = Room(settings.max_total_series, int(limit * SHARE))
        self._held: dict[Labels, Room] = {}
        self.series = 0
        self.bytes = 0

    def left(self, labels: Labels) -> Room:
        """Return how much the group ``labels`` may hold in all."""
        own = self._held.get(labels, Room(0, 0))
        return Room(
            max(0, self.limit.series - self.series + own.series),
            max(0, self.limit.bytes - self.bytes + own.bytes),
        )

    def hold(self, group: Group) -> None:
        """Note what a group holds now."""
        self.drop(group.labels)
        parts = group.parts()
        if not parts:
            return
        shown = merge([part.series for part in parts]).series
        values = 8 * sum(len(part.series) for part in parts)
        held = Room(shown.series, values + bytes_of(len(shown), shown.text_bytes, group.prefix))
        self._held[group.labels] = held
        self.series += held.series
        self.bytes += held.bytes

    def drop(self, labels: Labels) -> None:
        """Note that a group is gone."""
        held = self._held.pop(labels, Room(0, 0))
        self.series -= held.series
        self.bytes -= held.bytes


def bytes_of(series: int, text: int, prefix: str) -> int:
    """Return about how many bytes of memory some series take.

    Args:
        series: how many.
        text: characters of their names and labels.
        prefix: labels of their group.
    """
    return series * (SERIES_BYTES + (COPIES - 1) * len(prefix)) + COPIES * text


def memory_limit() -> int:
    """Return how many bytes this process may use: the container's limit, or the machine's memory."""
    machine = int(psutil.virtual_memory().total)
    for path in _CGROUPS:
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            return min(machine, int(text))
    return machine

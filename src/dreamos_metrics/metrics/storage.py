"""Storage of values: doubles in segments of memory that never move.

A series holds a reference to its segment and the number of its first slot in it, so an addition is
`segment[slot] += amount`: no call in between, hence exact under threads where the interpreter has
a global lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from dreamos_metrics.metrics.definition import Definition

if TYPE_CHECKING:
    Segment: TypeAlias = memoryview[float]
else:
    Segment = memoryview

#: Segment of a series without slots: before its first use, and again in a forked process until it
#: is used there. Reading a slot of it fails, which leads the recording call to its slow path.
UNALLOCATED: Segment = memoryview(b"").cast("d")

_MIN_SEGMENT_SLOTS = 512
_MAX_SEGMENT_SLOTS = 65536


class Storage(Protocol):
    """A place that hands out slots."""

    def allocate(
        self, definition: Definition, labels: tuple[str, ...], slot_count: int
    ) -> tuple[Segment, int]:
        """Return a segment and the first of `slot_count` fresh slots (all zero) in it for a series.

        Raises:
            OSError: the place is full or gone; the caller then goes on in memory.
        """


class MemoryStorage:
    """Slots in ordinary memory: before pushing starts, and where no spool folder can be written."""

    def __init__(self) -> None:
        self._segment: Segment = UNALLOCATED
        self._used = 0
        self._size = _MIN_SEGMENT_SLOTS

    def allocate(
        self, definition: Definition, labels: tuple[str, ...], slot_count: int
    ) -> tuple[Segment, int]:
        """Return fresh slots; `definition` and `labels` are not needed here."""
        if self._used + slot_count > len(self._segment):
            slots = max(self._size, slot_count)
            self._segment = memoryview(bytearray(8 * slots)).cast("d")
            self._size = min(2 * self._size, _MAX_SEGMENT_SLOTS)
            self._used = 0
        first = self._used
        self._used += slot_count
        return self._segment, first

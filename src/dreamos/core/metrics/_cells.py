"""Where values live: doubles in segments of memory that never move.

A series holds a reference to its segment and the number of its first slot in it, so an addition is
``segment[slot] += amount``: no call in between, hence exact under threads where the interpreter has a global lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from dreamos.core.metrics._family import Family

    Cells: TypeAlias = memoryview[float]
else:
    Cells = memoryview

#: What a series has before it is born, and again in a forked process until it is touched there. Reading a slot of it
#: fails, which leads the recording call to its slow path.
UNBORN: Cells = memoryview(b"").cast("d")


class Store(Protocol):
    """A place that hands out slots."""

    def allocate(self, family: Family, labels: tuple[str, ...], width: int) -> tuple[Cells, int]:
        """Return a segment and the first of ``width`` fresh slots (all zero) in it for this series.

        Raises:
            OSError: the place is full or gone; the caller then goes on in memory.
        """


class MemoryStore:
    """Slots in ordinary memory: before pushing starts, and where no spool folder can be written."""

    _SMALLEST = 512
    _LARGEST = 65536

    def __init__(self) -> None:
        self._segment: Cells = UNBORN
        self._used = 0
        self._size = self._SMALLEST

    def allocate(self, family: Family, labels: tuple[str, ...], width: int) -> tuple[Cells, int]:
        """Return fresh slots; ``family`` and ``labels`` are not needed here."""
        if self._used + width > len(self._segment):
            slots = max(self._size, width)
            self._segment = memoryview(bytearray(8 * slots)).cast("d")
            self._size = min(2 * self._size, self._LARGEST)
            self._used = 0
        first = self._used
        self._used += width
        return self._segment, first

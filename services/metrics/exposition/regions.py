"""Places for families in a message, with some space after each, so that one can grow alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.metrics.exposition.messages import Chunk

SPARE = 8
"""A region gets one part in so many more than it needs now."""


class Placed(NamedTuple):
    """A chunk, the first slot of its view, and where it stands in the message."""

    chunk: Chunk
    base: int
    at: int


@dataclass
class Region:
    """The place of one family.

    Args:
        start: first byte of it.
        room: bytes that it may use.
        head: what stands in front of the chunks.
        rows: the chunks, one after the other.
        end: behind the last byte that is used.
    """

    start: int
    room: int
    head: bytes = b""
    rows: list[Placed] = field(default_factory=list)
    end: int = 0


class Regions:
    """Says what has to be written where for a message to become another one."""

    def __init__(self) -> None:
        self._regions: dict[str, Region] = {}
        self.size = 0
        """Bytes of all regions, those that were left included."""
        self._left = 0
        self.writes: list[tuple[int, bytes]] = []
        """What has to be written since :meth:`begin`, and where."""
        self.moved: list[Placed] = []
        """The chunks that are new since then, or stand elsewhere."""
        self._order: list[Region] = []
        self._before: dict[str, Region] = {}

    def begin(self) -> None:
        """Begin to place families; those that are not placed again are left out."""
        self.writes, self.moved, self._order = [], [], []
        self._before, self._regions = self._regions, {}

    def place(self, name: str, head: bytes, made: Sequence[tuple[Chunk, int]]) -> None:
        """Place a family behind those that were placed already.

        Args:
            name: of the family.
            head: what stands in front of its chunks.
            made: the chunks, each with the first slot of its view.
        """
        needed = len(head) + sum(len(chunk.data) for chunk, _ in made)
        region = self._before.pop(name, None)
        if region is None or region.room < needed:
            self._left += region.room if region is not None else 0
            region = Region(self.size, needed + needed // SPARE)
            self.size += region.room
        known = region.rows
        if region.head != head:
            self.writes.append((region.start, head))
        rows, at = [], region.start + len(head)
        for number, (chunk, base) in enumerate(made):
            row = known[number] if number < len(known) else None
            if row is None or row.chunk is not chunk or row.base != base or row.at != at:
                row = Placed(chunk, base, at)
                self.moved.append(row)
                self.writes.append((at, chunk.data))
            rows.append(row)
            at += len(chunk.data)
        region.head, region.rows, region.end = head, rows, at
        self._regions[name] = region
        self._order.append(region)

    def end(self) -> None:
        """Give up the places of families that were not placed again."""
        self._left += sum(region.room for region in self._before.values())
        self._before = {}

    @property
    def wasteful(self) -> bool:
        """Whether more than half of the message is space that nobody uses."""
        return self._left > self.size // 2

    def pieces(self, buffer: bytearray) -> list[memoryview]:
        """Return the parts of the message that are used, in the order of the families."""
        whole = memoryview(buffer).toreadonly()
        return [whole[region.start : region.end] for region in self._order]

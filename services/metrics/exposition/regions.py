"""Places for families in a message, with some space after each, so that one can grow alone."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable
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
        capacity: bytes that it may use.
        head: what stands in front of the chunks.
        keys: of the views that the chunks are of.
        rows: the chunks, one after the other.
        end: behind the last byte that is used.
    """

    start: int
    capacity: int
    head: bytes = b""
    keys: list[Hashable] = field(default_factory=list)
    rows: list[Placed] = field(default_factory=list)
    end: int = 0


class Making(NamedTuple):
    """Where chunks come from.

    Args:
        get: gives the chunk of a view, and the first slot of the view.
        new: the views whose chunks may be others than before.
    """

    get: Callable[[Hashable], tuple[Chunk, int]]
    new: Container[Hashable]


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

    def place(
        self, name: str, head: Callable[[int], bytes], keys: list[Hashable], made: Making
    ) -> None:
        """Place a family behind those that were placed already.

        Args:
            name: of the family.
            head: gives what stands in front of so many bytes of chunks.
            keys: of the views that have something of the family, in their order.
            made: gives the chunk of a view, and the first slot of the view.
        """
        region = self._before.pop(name, None)
        if region is None or not self._patch(region, head, keys, made):
            region = self._fill(region, head, keys, [made.get(key) for key in keys])
        self._regions[name] = region
        self._order.append(region)

    def _patch(
        self, region: Region, head: Callable[[int], bytes], keys: list[Hashable], made: Making
    ) -> bool:
        """Replace chunks by others of the same length; False when that is not all there is."""
        if region.keys != keys:
            return False
        found = [(number, *made.get(key)) for number, key in enumerate(keys) if key in made.new]
        rows = region.rows
        if any(len(chunk.data) != len(rows[number].chunk.data) for number, chunk, _ in found):
            return False
        front = head(region.end - region.start - len(region.head))
        if len(front) != len(region.head):
            return False
        if front != region.head:
            self.writes.append((region.start, front))
            region.head = front
        for number, chunk, base in found:
            rows[number] = self._put(chunk, base, rows[number].at)
        return True

    def _fill(
        self,
        region: Region | None,
        head: Callable[[int], bytes],
        keys: list[Hashable],
        chunks: list[tuple[Chunk, int]],
    ) -> Region:
        size = sum(len(chunk.data) for chunk, _ in chunks)
        front = head(size)
        needed = len(front) + size
        if region is None or region.capacity < needed:
            self._left += region.capacity if region is not None else 0
            region = Region(self.size, needed + needed // SPARE)
            self.size += region.capacity
        if region.head != front:
            self.writes.append((region.start, front))
        rows, at = [], region.start + len(front)
        for number, (chunk, base) in enumerate(chunks):
            row = region.rows[number] if number < len(region.rows) else None
            if row is None or row.chunk is not chunk or row.base != base or row.at != at:
                row = self._put(chunk, base, at)
            rows.append(row)
            at += len(chunk.data)
        region.head, region.keys, region.rows, region.end = front, keys, rows, at
        return region

    def _put(self, chunk: Chunk, base: int, at: int) -> Placed:
        row = Placed(chunk, base, at)
        self.moved.append(row)
        self.writes.append((at, chunk.data))
        return row

    def end(self) -> None:
        """Give up the places of families that were not placed again."""
        self._left += sum(region.capacity for region in self._before.values())
        self._before = {}

    @property
    def wasteful(self) -> bool:
        """Whether more than half of the message is space that nobody uses."""
        return self._left > self.size // 2

    def pieces(self, buffer: bytearray) -> list[memoryview]:
        """Return the parts of the message that are used, in the order of the families."""
        whole = memoryview(buffer).toreadonly()
        return [whole[region.start : region.end] for region in self._order]

"""The protocol buffer format: a finished message into which changed values are put.

This is what Prometheus asks for first when it takes the time of beginning from a scrape, and it
is the cheapest to write: a value is eight bytes at a known place, not digits.
"""

from __future__ import annotations

from collections.abc import Container, Hashable
from functools import partial

import numpy as np

from services.metrics.exposition.body import Body
from services.metrics.exposition.chunks import Chunks
from services.metrics.exposition.layout import Layout, Views
from services.metrics.exposition.messages import TYPES, Chunk, sized, varint
from services.metrics.exposition.regions import SPARE, Making, Regions
from services.metrics.exposition.value_slots import ValueSlots
from services.metrics.series.series_list import Family, Floats, Ints, SeriesList


class _Sheet:
    """A finished message with its values, from which a scrape is sent.

    Args:
        buffer: the message.
        shown: the value that stands in it for each slot of the layout.
        takes: of the layout, when values were put there last.
    """

    def __init__(self, buffer: bytearray, shown: Floats, takes: int = 0) -> None:
        self.buffer = buffer
        self.shown = shown
        self.takes = takes
        self.lent = False

    def copy(self, size: int, slots: int) -> _Sheet:
        """Return another one with the same content and, perhaps, more space behind it."""
        buffer, shown = bytearray(size), np.zeros(slots)
        buffer[: len(self.buffer)] = self.buffer
        shown[: len(self.shown)] = self.shown
        return _Sheet(buffer, shown, self.takes)

    def lend(self, regions: Regions) -> Body:
        """Return the content as a body; it stays as it is until that is given back."""
        self.lent = True
        return Body(regions.pieces(self.buffer), self._take_back)

    def _take_back(self) -> None:
        self.lent = False


class ProtobufRenderer:
    """Renders views. Not safe for threads: whoever shares it guards it."""

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._layout: Layout | None = None
        self._begin()

    def _begin(self) -> None:
        self._regions, self._value_slots = Regions(), ValueSlots()
        self._sheet = _Sheet(bytearray(), np.zeros(0))

    def prepare(self, prefix: str, series: SeriesList) -> None:
        """Do what a view with this prefix and list will need. Safe for threads."""
        self._chunks.prepare(prefix, series)

    def render(self, layout: Layout, views: Views) -> Body:
        """Return the body of a scrape.

        Args:
            layout: fits the views.
            views: what is shown.
        """
        new: Ints = np.zeros(0, dtype=np.intp)
        writes: list[tuple[int, bytes]] = []
        before, self._layout = self._layout, None  # should this fail, all is made anew
        if layout is not before:
            new, writes = self._arrange(layout, views, before)
        values = layout.take(views)
        sheet = self._sheet
        small = len(sheet.buffer) < self._regions.size or len(sheet.shown) < len(values)
        if sheet.lent or small:  # lent: somebody still reads it
            sheet = self._sheet = sheet.copy(_more(self._regions.size), _more(len(values)))
        for at, data in writes:
            sheet.buffer[at : at + len(data)] = data
        slots = layout.changed_since(sheet.takes)
        changed = values[slots].view(np.int64) != sheet.shown[slots].view(np.int64)
        for some in (new, slots[changed]):
            self._value_slots.put(sheet.buffer, some, values[some])
            sheet.shown[some] = values[some]
        sheet.takes = layout.takes
        self._layout = layout
        return sheet.lend(self._regions)

    def _made(self, layout: Layout, views: Views, family: str, key: Hashable) -> tuple[Chunk, int]:
        return self._chunks.of(key, views[key], family), layout.bases[key]

    def _arrange(
        self, layout: Layout, views: Views, before: Layout | None
    ) -> tuple[Ints, list[tuple[int, bytes]]]:
        """Find places for what is new.

        Returns:
            The slots whose values have to be put in, whatever they are; and what has to be
            written before, each with where.
        """
        if before is None or before.lineage is not layout.lineage or self._regions.wasteful:
            self._begin()
            before = None
        follows = before is not None and before.number + 1 == layout.number
        new: Container[Hashable] = layout.new if follows else views
        self._regions.begin()
        for family, rows in layout.chunks:
            get = partial(self._made, layout, views, family.name)
            keys = [key for key, _, _ in rows]
            self._regions.place(family.name, partial(_header, family), keys, Making(get, new))
        self._regions.end()
        self._chunks.keep_only(views)
        return self._value_slots.register(
            self._regions.moved, len(layout.values)
        ), self._regions.writes


def _more(size: int) -> int:
    """Return a size with something to spare, so that little growth does not always copy all."""
    return size + size // SPARE


def _header(family: Family, size: int) -> bytes:
    """Return what stands in front of a family's metrics, which have ``size`` bytes."""
    if not size:
        return b""
    head = sized(b"\x0a", family.name.encode())
    if family.help:
        head += sized(b"\x12", family.help.encode())
    head += b"\x18" + varint(TYPES.get(family.type, 1))
    if family.unit:
        head += sized(b"\x2a", family.unit.encode())
    return varint(size + len(head)) + head
